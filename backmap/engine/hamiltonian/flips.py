"""Flips: stereocentres of chains whose tacticity is not known are turned over, and accepted or rejected.

The state is atoms and hands, p(r, s | R) ~ P(s) / Z(s) exp(-U(r)/kT) N(Mr; R, sigma^2). Along a chain, P(s) / Z(s) has
a factor for each dyad, of which only the quotient of meso and racemo matters.

A flip that is rejected goes on in a copy of the frame, and is turned back there once the atoms about it have come to
rest: the work of that is one of the other hand, which the frame itself may never have.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...model.isomers import handedness
from ..flags import owners
from ..random import Stream
from .move import Frame, Turns, copied
from .moves import HamiltonianMoves
from .trajectory import Rules

Array = NDArray[np.float64]
Index = NDArray[np.int64]

MOST = 60.0  #: of the logarithm of odds that are told: beyond that samples say nothing
SETTLING = 10  #: sweeps of moves about a centre before it is turned back
WELCOME = 1e4  #: logarithm of a weight by which a flip that turns over is accepted, as its negative is rejected


@dataclass(frozen=True, eq=False)
class ChainCentres:
    """The N stereocentres of chains in a system.

    Attributes:
        atoms: The centre, its neighbour towards the start of the chain, its side group, its neighbour towards the end,
            and its hydrogen, in the system, (N, 5): successive ones of one sign are a meso dyad.
        molecule: Number of the molecule of each, (N,).
        first: First atom of it, (N,).
        follows: Whether each follows the one before it in a chain, (N,) bool.
    """

    atoms: Index
    molecule: Index
    first: Index
    follows: NDArray[np.bool_]

    def hands(self, atoms: Array) -> Index:
        """Signs (N,) in whole molecules (A, 3), nm."""
        return handedness(atoms, self.atoms[:, :4])

    def change(self, hands: Index, one: int) -> int:
        """By how many meso dyads there are more once centre ``one`` is turned over."""
        found = 0
        if self.follows[one]:
            found -= hands[one - 1] * hands[one]
        if one + 1 < len(hands) and self.follows[one + 1]:
            found -= hands[one + 1] * hands[one]
        return int(found)


@dataclass(frozen=True, eq=False)
class Tried:
    """What came of trying to turn over n centres.

    Attributes:
        centre: Number of each, (n,).
        hand: Sign before, (n,).
        change: Meso dyads that there would be more, (n,).
        work: Of the trajectory, kT, without what P(s) / Z(s) gives, inf where it did not turn the centre over, (n,).
        back: Of turning it back after it was turned over in a copy of the frame, likewise; NaN where it was not.
        accepted: (n,) bool.
    """

    centre: Index
    hand: Index
    change: Index
    work: Array
    back: Array
    accepted: NDArray[np.bool_]


class Flips:
    """Turns centres over by trajectories on which they are led through the plane of their neighbours.

    Args:
        moves: Of blocks; their pace and what they sample.
        centres: Of the system of the moves.
        gain: Logarithm of the weight of a meso dyad over that of a racemo one in P(s) / Z(s).
        time: Mean length of a trajectory, fs.
    """

    def __init__(self, moves: HamiltonianMoves, centres: ChainCentres, gain: float, time: float) -> None:
        self.moves, self.centres, self.gain, self.time = moves, centres, gain, time
        owner = owners(moves.system)[centres.atoms[:, 0]]
        self.block = np.array([self._about(bead) for bead in owner.tolist()], dtype=np.int64)

    def _about(self, bead: int) -> int:
        """The block that has a bead nearest to its middle."""
        having = np.flatnonzero((self.moves.beads == bead).any(axis=1))
        return int(having[np.argmin(np.abs(self.moves.centre[having] - bead))]) if len(having) else -1

    def sweep(self, frame: Frame, name: Sequence[int | str], chosen: Index | None = None, back: bool = False,
              led: bool = False) -> Tried:
        """Try to turn over every centre once, or those ``chosen``, in place, one after the other.

        Args:
            name: Of the random numbers: seed, step, number of the frame in the input, sweep.
            back: Measure the way back of those that are rejected, too.
            led: With ``back``, a centre is left turned over as often as half of the difference of both works asks
                for, from which what trajectories dissipate falls out. That finds sequences to begin with, and samples
                nothing.
        """
        numbers = np.arange(len(self.block)) if chosen is None else chosen
        keys, homeward = (Stream.of(*name, way, torch.as_tensor(numbers)).key.numpy() for way in ("turn", "back"))
        chance = Stream.of(*name, "accept", torch.as_tensor(numbers)).uniform(1)[:, 0].numpy()
        rules = self.moves.rules
        rules = rules._replace(steps=max(2, round(self.time * 1e-3 / rules.timestep)))
        hands = self.centres.hands(frame.atoms)
        tried = []
        for k, one in enumerate(numbers.tolist()):
            change, hand, returned = self.centres.change(hands, one), hands[one], np.nan
            other, allowed = copied(frame), self.gain * change - np.log(chance[k])
            work = self._turn(other, one, keys[k:k + 1], WELCOME, rules)
            accepted = work < allowed
            if back and not accepted and np.isfinite(work):
                returned = self._back(other, one, homeward[k:k + 1], (*name, "settling", one), rules)
                accepted = led and np.isfinite(returned) and 0.5 * (work - returned) < allowed
            if accepted:
                self.moves.take_over(frame, other)
                hands = self.centres.hands(frame.atoms)
            tried.append((one, hand, change, work, returned, accepted))
        return Tried(*(np.array(column) for column in zip(*tried, strict=True)))

    def _turn(self, frame: Frame, one: int, key: Index, gain: float, rules: Rules) -> float:
        """Turn centre ``one`` over, in place if ``gain`` makes that welcome; the work without it, kT."""
        turns = Turns((self.centres.atoms[one] - self.centres.first[one])[None], np.array([gain]))
        return float(self.moves.turn(frame, self.block[one:one + 1], key, turns, rules).error[0]) + gain

    def _back(self, frame: Frame, one: int, key: Index, name: Sequence[int | str], rules: Rules) -> float:
        """Work of turning centre ``one`` back, once the atoms of its block have moved; they stay as they are then."""
        only = np.zeros(self.moves.system.n_beads, dtype=bool)
        beads = self.moves.beads[self.block[one]]
        only[beads[beads >= 0]] = True
        for number in range(SETTLING):
            self.moves.sweep(frame, (*name, number), only)
        return self._turn(frame, one, key, -WELCOME, rules)


def log_odds(hand: Index, work: Array) -> float:
    """ln p(+) / p(-) of a centre, by the works of turning it over from either hand.

    Both are visited: Bennett's acceptance ratio (J. Comput. Phys. 22, 245 (1976)). One is: the mean of exp(-work)
    (Jarzynski), which is too certain, by what trajectories dissipate.

    Args:
        hand: Before each trajectory, (n,).
        work: kT, inf where it did not lead to the other hand, (n,).
    """
    up, down = np.maximum(work[hand > 0], -MOST), np.maximum(work[hand < 0], -MOST)
    if not len(up) or not len(down):
        own = up if len(up) else down
        other = np.log(np.mean(np.exp(-own)) + np.exp(-MOST)) if len(own) else 0.0
        return float(np.clip(-other if len(up) else other, -MOST, MOST))
    shift, low, high = np.log(len(up) / len(down)), -MOST, MOST
    for _ in range(60):
        middle = 0.5 * (low + high)  # of ln p(+) / p(-)
        more = _fermi(up - middle + shift).sum() - _fermi(down + middle - shift).sum()
        low, high = (middle, high) if more < 0.0 else (low, middle)
    return float(0.5 * (low + high))


def _fermi(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(np.minimum(x, 700.0)))
