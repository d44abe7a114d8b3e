"""Metropolis moves of beads in tabulated potentials, group by group (compiled).

A group is what one mass centre of a bottleneck is made of. Moves leave that centre where it is (``TURN``, ``TRADE``),
or carry the group with it (``CARRY``) where it is held softly. All of them are as likely one way as back, so that they
are accepted with min(1, exp(-dU/kT)).
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled, part
from ..compiling.uniform import normal, uniform

Array = NDArray[np.float64]
Index = NDArray[np.int64]

CARRY, TURN, TRADE = 0, 1, 2
CARRIED, TURNED = 0.3, 0.5  #: shares of moves that carry a group, where it is soft, and of those that carry or turn it
NUMBERS = 16  #: random numbers of a move
LONGEST = 1.5  #: no bead moves farther at once, in longest displacements
SPAN = 10.0  #: the longest displacements are so many times as long as the shortest ones
WIDEST = 1.2  #: radians; standard deviation of the widest turns


class Curves(NamedTuple):
    """Cubic splines of K potentials.

    Attributes:
        low, step: First point of each and the distance of its points, (K,).
        start: Where its cells begin in ``cells``, (K + 1,).
        cells: Coefficients, the highest power of the way from the cell's first point first, (n, 4).
        periodic: (K,) bool.
    """

    low: Array
    step: Array
    start: Index
    cells: Array
    periodic: NDArray[np.bool_]


class Acting(NamedTuple):
    """What acts on B beads.

    Attributes:
        curve: Of each of T bonded terms, (T,).
        beads: Its beads, -1 behind the last, (T, 4).
        start, term: Where the terms of each bead begin in ``term``, (B + 1,), and these.
        kind: Bead type of each, (B,).
        pair: Curve of each pair of bead types, -1 for none, (types, types).
        reach: Squared cutoff of each pair of bead types, (types, types).
    """

    curve: Index
    beads: Index
    start: Index
    term: Index
    kind: Index
    pair: Index
    reach: Array


class NearBeads(NamedTuple):
    """Neighbours of every bead, both ways.

    Attributes:
        start: Where those of each bead begin, (B + 1,).
        bead: (n,).
        shift: From where that bead is to its image, nm, (n, 3).
        origin: Where beads were when the list was made, (B, 3).
        margin: No bead may be farther from there, nm.
    """

    start: Index
    bead: Index
    shift: Array
    origin: Array
    margin: float


class HeldGroups(NamedTuple):
    """G groups of beads.

    Attributes:
        start, bead: Where the beads of each begin in ``bead``, (G + 1,), and these.
        weight: Share of each in its mass centre, as ``bead``.
        home: Where its mass centre is held, (G, 3).
        stiffness: kJ/mol/nm^2 of a mass centre that is held softly; negative where it stays, 0 where it is free.
        step: nm; the longest displacements, as a standard deviation of a coordinate.
        chosen: The group of every bead that can move: one of these is drawn for a move, (n,).
    """

    start: Index
    bead: Index
    weight: Array
    home: Array
    stiffness: float
    step: float
    chosen: Index


@part
def _looked_up(c: Curves, k, x):
    """U of curve ``k`` at ``x``; beyond its ends along the tangent there."""
    start, low, step = c.start[k], c.low[k], c.step[k]
    n = c.start[k + 1] - start
    if c.periodic[k]:
        x = low + (x - low) % (n * step)
    place = (x - low) / step
    cell = min(max(int(np.floor(place)), 0), n - 1)
    way = x - low - cell * step
    row = start + cell
    a, b, d, e = c.cells[row, 0], c.cells[row, 1], c.cells[row, 2], c.cells[row, 3]
    if way < 0.0:
        return e + d * way
    if way > step:
        value = ((a * step + b) * step + d) * step + e
        return value + ((3.0 * a * step + 2.0 * b) * step + d) * (way - step)
    return ((a * way + b) * way + d) * way + e


@part
def _value(x, beads):
    """Distance, angle or dihedral (IUPAC sign) of the beads of a term, whose molecule is whole."""
    i, j = beads[0], beads[1]
    ax, ay, az = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
    if beads[2] < 0:
        return np.sqrt(ax * ax + ay * ay + az * az)
    k = beads[2]
    bx, by, bz = x[k, 0] - x[j, 0], x[k, 1] - x[j, 1], x[k, 2] - x[j, 2]
    lx, ly, lz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    if beads[3] < 0:
        return np.arctan2(np.sqrt(lx * lx + ly * ly + lz * lz), -(ax * bx + ay * by + az * bz))
    m = beads[3]
    cx, cy, cz = x[m, 0] - x[k, 0], x[m, 1] - x[k, 1], x[m, 2] - x[k, 2]
    rx, ry, rz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
    across = np.sqrt(bx * bx + by * by + bz * bz) * (ax * rx + ay * ry + az * rz)
    return np.arctan2(across, lx * rx + ly * ry + lz * rz)


@part
def _energy(c: Curves, s: Acting, near: NearBeads, x, moved, count, mark):
    """Energy of all that acts on the first ``count`` beads of ``moved``; ``mark`` is False everywhere, and stays so."""
    total = 0.0
    for n in range(count):
        bead = moved[n]
        for t in range(s.start[bead], s.start[bead + 1]):
            term, again = s.term[t], False
            for k in range(4):
                other = s.beads[term, k]
                again = again or (other >= 0 and mark[other])
            if not again:
                total += _looked_up(c, s.curve[term], _value(x, s.beads[term]))
        kind, px, py, pz = s.kind[bead], x[bead, 0], x[bead, 1], x[bead, 2]
        for t in range(near.start[bead], near.start[bead + 1]):
            other = near.bead[t]
            if mark[other]:
                continue
            dx, dy = x[other, 0] + near.shift[t, 0] - px, x[other, 1] + near.shift[t, 1] - py
            dz = x[other, 2] + near.shift[t, 2] - pz
            square = dx * dx + dy * dy + dz * dz
            if square < s.reach[kind, s.kind[other]]:
                total += _looked_up(c, s.pair[kind, s.kind[other]], np.sqrt(square))
        mark[bead] = True
    for n in range(count):
        mark[moved[n]] = False
    return total


@part
def _turned(old, weight, count, key, number, angle, new):
    """Write the group turned about its mass centre by ``angle`` about a random axis."""
    cosine, turn = 2.0 * uniform(key, number) - 1.0, 2.0 * np.pi * uniform(key, number + 1)
    sine = np.sqrt(max(0.0, 1.0 - cosine * cosine))
    u, v, w = sine * np.cos(turn), sine * np.sin(turn), cosine
    mx, my, mz = 0.0, 0.0, 0.0
    for k in range(count):
        mx, my, mz = mx + weight[k] * old[k, 0], my + weight[k] * old[k, 1], mz + weight[k] * old[k, 2]
    c, s = np.cos(angle), np.sin(angle)
    for k in range(count):
        x, y, z = old[k, 0] - mx, old[k, 1] - my, old[k, 2] - mz
        along = (u * x + v * y + w * z) * (1.0 - c)
        new[k, 0] = mx + x * c + (v * z - w * y) * s + u * along
        new[k, 1] = my + y * c + (w * x - u * z) * s + v * along
        new[k, 2] = mz + z * c + (u * y - v * x) * s + w * along


@part
def _pull(g: HeldGroups, group, old, weight, count, new):
    """What the new place of a mass centre that is held softly costs more than the old one, kJ/mol."""
    cost = 0.0
    for c in range(3):
        before, after = -g.home[group, c], -g.home[group, c]
        for k in range(count):
            before, after = before + weight[k] * old[k, c], after + weight[k] * new[k, c]
        cost += after * after - before * before
    return 0.5 * g.stiffness * cost


@part
def _traded(old, weight, count, key, number, step, new):
    """Displace one bead of the group, and another so that the mass centre stays."""
    one = min(int(uniform(key, number) * count), count - 1)
    other = min(int(uniform(key, number + 1) * (count - 1)), count - 2)
    other += 1 if other >= one else 0
    for d in range(3):
        way = step * normal(key, number + 2 + 2 * d)
        new[one, d] += way
        new[other, d] -= way * weight[one] / weight[other]


@part
def _proposed(g: HeldGroups, group, old, weight, count, key, first, new):
    """Write the group's new place, from ``first`` + 1 on of the random numbers; the kind of move, and what it costs."""
    for k in range(count):
        for d in range(3):
            new[k, d] = old[k, d]
    which, step = uniform(key, first + 1), g.step * SPAN**(uniform(key, first + 2) - 1.0)
    if count == 1 or (g.stiffness >= 0.0 and which < CARRIED):
        for d in range(3):
            way = step * normal(key, first + 3 + 2 * d)
            for k in range(count):
                new[k, d] += way
        return CARRY, _pull(g, group, old, weight, count, new)
    if which < TURNED:
        _turned(old, weight, count, key, first + 3, normal(key, first + 5) * WIDEST * step / g.step, new)
        return TURN, 0.0
    _traded(old, weight, count, key, first + 3, step, new)
    return TRADE, 0.0


@part
def _within(g: HeldGroups, near: NearBeads, start, count, old, new, moved):
    """How many beads move, written to ``moved``; whether none moves too far at once, and none is out of the list."""
    changed, short, listed = 0, True, True
    for k in range(count):
        bead, way, away = g.bead[start + k], 0.0, 0.0
        for d in range(3):
            way += (new[k, d] - old[k, d])**2
            away += (new[k, d] - near.origin[bead, d])**2
        short, listed = short and way < (LONGEST * g.step)**2, listed and away < near.margin**2
        if way > 0.0:
            moved[changed] = bead
            changed += 1
    return changed, short, listed


@compiled(nogil=True)
def sweep(c: Curves, s: Acting, near: NearBeads, g: HeldGroups, heat, key, begin, end, x, counts):
    """Moves ``begin`` to ``end`` of a sweep, in place, as far as the list of neighbours holds.

    Args:
        heat: kT, kJ/mol.
        key: Of the random numbers of the sweep.
        x: Beads of whole molecules, (B, 3), nm.
        counts: Tried and accepted moves by kind, (3, 2), added to.

    Returns:
        The move that wants new lists, or ``end``.
    """
    largest = np.max(g.start[1:] - g.start[:-1])
    old, new, moved = np.empty((largest, 3)), np.empty((largest, 3)), np.empty(largest, np.int64)
    mark = np.zeros(len(x), np.bool_)
    for move in range(begin, end):
        first = move * NUMBERS
        group = g.chosen[min(int(uniform(key, first) * len(g.chosen)), len(g.chosen) - 1)]
        start, count = g.start[group], g.start[group + 1] - g.start[group]
        for k in range(count):
            for d in range(3):
                old[k, d] = x[g.bead[start + k], d]
        kind, cost = _proposed(g, group, old, g.weight[start:start + count], count, key, first, new)
        changed, short, listed = _within(g, near, start, count, old, new, moved)
        if short and not listed:
            return move
        counts[kind, 0] += 1
        if not short:  # neither would be the way back
            continue
        cost -= _energy(c, s, near, x, moved, changed, mark)
        _put(g, start, count, new, x)
        cost += _energy(c, s, near, x, moved, changed, mark)
        if cost <= 0.0 or uniform(key, first + NUMBERS - 1) < np.exp(-cost / heat):
            counts[kind, 1] += 1
        else:
            _put(g, start, count, old, x)
    return end


@part
def _put(g: HeldGroups, start, count, points, x):
    for k in range(count):
        for d in range(3):
            x[g.bead[start + k], d] = points[k, d]
