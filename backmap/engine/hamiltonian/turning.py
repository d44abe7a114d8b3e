"""Turning a stereocentre over on a trajectory: what is added to the force field on the way (compiled).

Three heavy neighbours and a hydrogen hang on a centre. Seen from the plane of the three, a hand is the side on which
the centre is. On the way, the terms of the hydrogen with its molecule fade, springs lead the centre through the plane
and the hydrogen along, and the terms come back. What is added is zero at both ends and the same backwards, from the
other hand: a trajectory of velocity Verlet is reversible and keeps volumes with it, so that it is accepted as any
other, by the energies at its ends (nonequilibrium candidates: Nilmeier, Crooks, Minh, Chodera, PNAS 108, E1009 (2011)).
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import borrowing, part
from .bonded import bonded
from .forces import BlockTerms, listed
from .nearby import AtomTables

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: nm^3; by which triple products are divided: three carbons at right angles. A tetrahedron has ``RIGHT`` of it.
UNIT, RIGHT = 0.153**3, 0.77
STIFF = 1500.0  #: kJ/mol; of the spring on it
#: nm^3, the height of the hydrogen over the plane of the three times what they span, of a tetrahedron; the share of it
#: that is asked for at both ends; kJ/mol of the spring.
AREA, UP, GUIDE = 0.0059, 0.95, 500.0
#: Share of a trajectory in which the terms fade and the spring tightens, and again at the end.
RAMP = 0.35


class Turn(NamedTuple):
    """What turns over on a trajectory; nothing if ``at`` is empty.

    Attributes:
        at: Places of the centre, its three heavy neighbours and its hydrogen, (5,).
        sign: Of the triple product of the three before.
        term: Bonded terms of the hydrogen, as in ``BlockTables``, (n, 5).
        value: Their parameters, (n, 6).
        pair: Its pairs in the molecule, (m, 2).
        pair_value: Their parameters, (m, 4).
    """

    at: Index
    sign: float
    term: Index
    value: Array
    pair: Index
    pair_value: Array


@borrowing
def triple(at, x):
    """The triple product of the neighbours of a centre: places ``at[0]`` and ``at[1]`` to ``at[3]``, nm^3."""
    c = at[0]
    u0, u1, u2 = x[at[1], 0] - x[c, 0], x[at[1], 1] - x[c, 1], x[at[1], 2] - x[c, 2]
    v0, v1, v2 = x[at[2], 0] - x[c, 0], x[at[2], 1] - x[c, 1], x[at[2], 2] - x[c, 2]
    w0, w1, w2 = x[at[3], 0] - x[c, 0], x[at[3], 1] - x[c, 1], x[at[3], 2] - x[c, 2]
    return u0 * (v1 * w2 - v2 * w1) + u1 * (v2 * w0 - v0 * w2) + u2 * (v0 * w1 - v1 * w0)


@part
def hand(at, x):
    """The sign of the hand at places ``at`` (5,), by all four triples; 0 where they contradict each other."""
    one = np.sign(triple(at, x))
    for k in range(1, 4):
        swapped = at.copy()
        swapped[k] = at[4]
        if np.sign(triple(swapped, x)) != -one:
            return 0.0
    return one


@part
def turn_of(atoms, local, begin, end, terms: BlockTerms, x):
    """The turn of the centre with local ``atoms`` (5,), in a block whose places are ``local[begin:end]``.

    No turn where the first of them is -1, or where the block lacks one of them.
    """
    at = np.full(5, -1)
    for k in range(5):
        for i in range(begin, end):
            if atoms[k] >= 0 and local[i] == atoms[k]:
                at[k] = i - begin
    if at.min() < 0:
        return Turn(at[:0], 0.0, terms.term[:0], terms.term_value[:0], terms.pair[:0], terms.pair_value[:0])
    # Places that a term has not are 0, where a heavy atom is.
    term, pair = _about(terms.term[:, 1:], at[4]), _about(terms.pair, at[4])
    return Turn(at, hand(at, x), terms.term[term], terms.term_value[term], terms.pair[pair], terms.pair_value[pair])


@part
def _about(rows, place):
    """Which rows of places (n, k) hold a place, (n,)."""
    found = np.zeros(len(rows), dtype=np.bool_)
    for n in range(len(rows)):
        for k in range(rows.shape[1]):
            found[n] |= rows[n, k] == place
    return found


@borrowing
def turning(turn: Turn, time, s: AtomTables, kinds, x, room, back, force):
    """Add the forces of what turns a centre over at ``time``, from 0 to 1, to ``force`` (places, 3).

    Args:
        room, back: Work arrays of ``bonded``, and (places, 3).
    """
    near = min(time, 1.0 - time) / RAMP
    share = 1.0 if near >= 1.0 else near * near * (3.0 - 2.0 * near)  # of the springs, and what is gone of the hydrogen
    for i in range(len(x)):
        for d in range(3):
            back[i, d] = 0.0
    bonded(turn.term, turn.value, x, room, back)
    listed(turn.pair, turn.pair_value, s, kinds, x, back)
    for i in range(len(x)):
        for d in range(3):
            force[i, d] -= share * back[i, d]
    along = np.cos(np.pi * min(max((time - RAMP) / (1.0 - 2.0 * RAMP), 0.0), 1.0))
    slope = STIFF * share * (triple(turn.at, x) / UNIT - turn.sign * RIGHT * along) / UNIT
    c, hydrogen = turn.at[0], turn.at[4]
    for k in range(1, 4):
        one, other = turn.at[1 + k % 3], turn.at[1 + (k + 1) % 3]
        for d in range(3):
            e, f = (d + 1) % 3, (d + 2) % 3
            across = ((x[one, e] - x[c, e]) * (x[other, f] - x[c, f])
                      - (x[one, f] - x[c, f]) * (x[other, e] - x[c, e]))
            force[turn.at[k], d] -= slope * across
            force[c, d] += slope * across
    a, b, last = turn.at[1], turn.at[2], turn.at[3]
    height = 0.0
    for d in range(3):
        e, f = (d + 1) % 3, (d + 2) % 3
        height += (x[hydrogen, d] - x[c, d]) * ((x[b, e] - x[a, e]) * (x[last, f] - x[a, f])
                                                - (x[b, f] - x[a, f]) * (x[last, e] - x[a, e]))
    slope = GUIDE * share * (height / AREA + turn.sign * UP * along) / AREA
    for d in range(3):
        e, f = (d + 1) % 3, (d + 2) % 3
        normal = ((x[b, e] - x[a, e]) * (x[last, f] - x[a, f]) - (x[b, f] - x[a, f]) * (x[last, e] - x[a, e]))
        force[hydrogen, d] -= slope * normal
        force[c, d] += slope * normal
        for k in range(1, 4):
            one, other = turn.at[1 + k % 3], turn.at[1 + (k + 1) % 3]
            force[turn.at[k], d] -= slope * ((x[one, e] - x[other, e]) * (x[hydrogen, f] - x[c, f])
                                             - (x[one, f] - x[other, f]) * (x[hydrogen, e] - x[c, e]))
