"""Coarse-grained force fields in tests: random chains, and a slow and obvious twin of their energy."""
from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from backmap.model.molecule import BeadTerm
from backmap.model.system import System
from backmap.model.tabulated import Kind, Potential, even_grid
from backmap.testing import examples

Array = NDArray[np.float64]

#: Bonds, angles and dihedrals of one chain of four beads, and the types of its beads.
CHAIN: dict[str, list[tuple[int, ...]]] = {
    "bond": [(0, 1), (1, 2), (2, 3)], "angle": [(0, 1, 2), (1, 2, 3)], "dihedral": [(0, 1, 2, 3)]}
TYPES = "EMME"


def chains(n: int, box: Array, seed: int = 0, spread: float = 0.02) -> Array:
    """Positions of ``n`` whole chains of four beads in a box (3, 3), (4 n, 3), nm, bonds of about 0.25 nm."""
    rng = np.random.default_rng(seed)
    found = []
    for start in rng.random((n, 3)) @ box:
        chain, step = [start], rng.normal(size=3)
        for _ in range(3):
            step = step / np.linalg.norm(step) + 0.8 * rng.normal(size=3)
            chain.append(chain[-1] + step / np.linalg.norm(step) * (0.25 + spread * rng.normal()))
        found.extend(chain)
    return np.array(found)


def potential(kind: Kind, seed: int = 0, points: int = 401) -> Potential:
    """A smooth potential with no symmetry, on a grid that random chains do not leave."""
    grid = even_grid(kind, 0.01 if kind == "pair" else 0.1, 1.0 if kind == "pair" else 0.45, points)
    a, b, c = np.random.default_rng(seed).uniform(0.5, 1.5, 3)
    if kind == "dihedral":
        energy = a * np.cos(grid) + b * np.sin(2 * grid + c) + 2 * np.cos(3 * grid - a)
        force = a * np.sin(grid) - 2 * b * np.cos(2 * grid + c) + 6 * np.sin(3 * grid - a)
    elif kind == "angle":
        energy = 10 * (grid - a - 1)**2 + b * np.cos(3 * grid)
        force = -20 * (grid - a - 1) + 3 * b * np.sin(3 * grid)
    elif kind == "bond":
        energy = 2000 * (grid - 0.25)**2 + 3 * b * np.sin(12 * c * grid)
        force = -4000 * (grid - 0.25) - 36 * b * c * np.cos(12 * c * grid)
    else:  # smooth at the cut-off
        energy = 20 * a * (1 - grid**2)**3 - 15 * b * (1 - grid**2)**2 * grid
        force = 120 * a * grid * (1 - grid**2)**2 + 15 * b * ((1 - grid**2)**2 - 4 * grid**2 * (1 - grid**2))
    return Potential(kind, grid, energy, force)


def field(seed: int = 0) -> dict[str, Potential]:
    """Potentials of all interactions of named chains."""
    kinds = {"bond": "bond", "angle": "angle", "dihedral": "dihedral", "E-E": "pair", "E-M": "pair", "M-M": "pair"}
    return {name: potential(kind, seed + number) for number, (name, kind) in enumerate(kinds.items())}


def curve(known: Potential) -> Callable[[float], float]:
    """Its cubic spline; clamped, or periodic for dihedrals."""
    if known.kind == "dihedral":
        return CubicSpline(known.grid, np.append(known.energy[:-1], known.energy[0]), bc_type="periodic")
    return CubicSpline(known.grid, known.energy, bc_type=((1, -known.force[0]), (1, -known.force[-1])))


def measured(points: Array) -> float:
    """Distance, angle or dihedral (IUPAC) of 2, 3 or 4 points (k, 3)."""
    if len(points) == 2:
        return float(np.linalg.norm(points[1] - points[0]))
    if len(points) == 3:
        u, v = points[0] - points[1], points[2] - points[1]
        return float(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
    a, b, c = np.diff(points, axis=0)
    left, right = np.cross(a, b), np.cross(b, c)
    return float(np.arctan2(np.linalg.norm(b) * (a @ right), left @ right))


def energy(beads: Array, box: Array, terms: dict[str, Potential], cutoff: float = 1.0, excluded: int = 3) -> float:
    """Energy of whole chains of four beads, kJ/mol; every image of every pair is looked at.

    Args:
        beads: (4 n, 3), nm.
        box: (3, 3), nm.
        terms: Potentials by name: bond, angle, dihedral, and pairs such as E-M.
        cutoff: Of pairs, nm.
        excluded: Bonds within which pairs do not interact.
    """
    curves = {name: curve(known) for name, known in terms.items()}
    total = 0.0
    for start in range(0, len(beads), 4):
        for kind in set(CHAIN) & set(terms):
            total += sum(float(curves[kind](measured(beads[[start + k for k in member]]))) for member in CHAIN[kind])
    for i, j in itertools.combinations_with_replacement(range(len(beads)), 2):
        name = "-".join(sorted(TYPES[i % 4] + TYPES[j % 4]))
        for cell in itertools.product((-1, 0, 1), repeat=3) if name in terms else ():
            near = i // 4 == j // 4 and abs(i - j) <= excluded and cell == (0, 0, 0)
            r = np.linalg.norm(beads[j] + np.array(cell) @ box - beads[i])
            if not near and r < cutoff:
                total += float(curves[name](r)) / (2 if i == j else 1)
    return total


def forces(beads: Array, box: Array, terms: dict[str, Potential], step: float = 1e-5, **options: float) -> Array:
    """Forces by central differences, (4 n, 3), kJ/mol/nm."""
    found = np.zeros_like(beads)
    for place in np.ndindex(beads.shape):
        ends = []
        for sign in (1, -1):
            moved = beads.copy()
            moved[place] += sign * step
            ends.append(energy(moved, box, terms, **options))
        found[place] = -(ends[0] - ends[1]) / (2 * step)
    return found


def system(n: int, named: bool = False) -> System:
    """``n`` chains of four beads E-M-M-E, each bead an atom; interactions as in ``CHAIN`` if they are to have names."""
    kind = examples.molecule_type("CHN", [6] * 4, [(0, 1), (1, 2), (2, 3)], [[0], [1], [2], [3]])
    terms = tuple(BeadTerm(name, np.array(members)) for name, members in CHAIN.items()) if named else ()
    return System(((replace(kind, bead_types=list(TYPES), bead_terms=terms), n),))
