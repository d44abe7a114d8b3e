"""The time step of Hamiltonian moves: a first guess, and a better one from the share of moves that was accepted.

The error of energy of a trajectory is of second order in the time step, and a share a = erfc(x), x ~ dt^2, of moves
is accepted (Gupta, Irbaeck, Karsch and Petersson, Phys. Lett. B 242, 437 (1990)). The share that is best for the least
cost is .65 in the limit of many freedoms (Beskos et al., Bernoulli 19, 1501 (2013)); a little more costs little, and
leaves room for places that are stiffer than most.
"""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.special import erfcinv

from ...model.molecule import MoleculeType

#: Share of moves that is to be accepted, how far from it is near enough, and the least for any kind of block.
WANTED, NEAR, LEAST = 0.8, 0.04, 0.5
#: fs: where all bonds of hydrogens are rigid, and where some are springs, which vibrate faster than all else.
RIGID, FLEXIBLE = 2.0, 1.0
#: Time steps that are tried, fs.
SHORTEST, LONGEST = 0.05, 10.0
#: Heavier hydrogens allow longer time steps: their vibrations are slower by about this.
HEAVY = 1.7
#: fs; a shorter time step is one that was meant in ps.
MISTAKEN = 0.02
#: fs that a trajectory takes, whatever its time step: about a quarter of the period of the slow torsions. Longer ones
#: turn back, shorter ones walk at random.
TRAJECTORY = 60.0


def first_guess(kinds: Iterable[MoleculeType], heavy: bool = False) -> float:
    """A time step to begin with, fs.

    Args:
        kinds: The molecules that move.
        heavy: Whether hydrogens move with more than their mass.
    """
    rigid = all(np.isfinite(kind.bond_length[~kind.chemistry.heavy[kind.bonds].all(axis=1)]).all() for kind in kinds)
    return (RIGID if rigid else FLEXIBLE) * (HEAVY if heavy else 1.0)


def near_enough(accepted: float, least: float) -> bool:
    """Whether a time step may stay.

    Args:
        accepted: Share of all moves that was accepted.
        least: The same of the kind of block of which fewest were.
    """
    if least < LEAST - NEAR:
        return False
    return abs(accepted - WANTED) <= NEAR or (accepted >= WANTED and least < LEAST + NEAR)


def better(timestep: float, accepted: float, least: float) -> float:
    """The time step that should lead to what is wanted, fs, with two digits; at most twice as long, or half.

    Args:
        timestep: The one that was tried, fs.
        accepted, least: As in ``near_enough``.
    """
    factors = [_squared(wanted) / max(_squared(share), 1e-6) for wanted, share in ((WANTED, accepted), (LEAST, least))]
    factor = np.clip(np.sqrt(min(factors)), 0.5, 2.0)
    return float(f"{np.clip(timestep * factor, SHORTEST, LONGEST):.2g}")


def _squared(share: float) -> float:
    """What goes with the square of the time step where this share is accepted."""
    return float(erfcinv(np.clip(share, 1e-3, 1.0)))


def steps_of(timestep: float) -> int:
    """Time steps of a trajectory of the length that is best."""
    return max(1, round(TRAJECTORY / timestep))


def mistaken(timestep: float) -> str:
    """What is to be said of a time step that was meant in ps; empty for any other."""
    if timestep >= MISTAKEN:
        return ""
    return (f"a time step of {timestep:g} fs is shorter than any vibration asks for: recipes count in fs, and "
            f"{timestep:g} ps are {1000 * timestep:g} fs")
