"""Which of several isomers a molecule is: the hands of its stereocentres, the sides of bonds about which nothing turns.

Both are signs of polynomials in positions, so that detectors, targets and starts can share one definition.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Sides of a planar bond: a torsion of less than 90 degrees, not known or not fixed, and one of more.
CIS, EITHER, TRANS = -1, 0, 1
#: What four atoms mean: a centre with three neighbours, or a torsion.
CENTRE, BOND = 0, 1


@dataclass(frozen=True, eq=False)
class PlanarSides:
    """The P bonds of a molecule type about which nothing turns, and their sides.

    Attributes:
        atoms: A neighbour, both ends of the bond, a neighbour, (P, 4).
        side: ``TRANS``, ``CIS``, or ``EITHER`` where the bond may be on any side, (P,).
    """

    atoms: Index
    side: Index

    @classmethod
    def of(cls, atoms: Sequence[Sequence[int]] | Index = (), side: Sequence[int] | Index = ()) -> PlanarSides:
        """From rows of atoms and their sides; nothing by default."""
        return cls(np.array(atoms, dtype=np.int64).reshape(-1, 4), np.array(side, dtype=np.int64).reshape(-1))


@dataclass(frozen=True, eq=False)
class IsomerTerms:
    """What must have a sign for a molecule to be the right isomer; centres and bonds of unknown sign are left out.

    Of a centre with four neighbours all triples count: one of them, most often a hydrogen, may be on the wrong side by
    itself.

    Attributes:
        code: ``CENTRE`` or ``BOND``, (n,).
        atoms: (n, 4).
        sign: +1 or -1, (n,).
    """

    code: Index
    atoms: Index
    sign: Index

    @classmethod
    def of(cls, centres: Index, hand: Index, planar: PlanarSides, graph: nx.Graph) -> IsomerTerms:
        """Of stereocentres (C, 4) with their signs (C,), and of planar bonds, in a molecule with these bonds."""
        known, fixed = hand != 0, planar.side != EITHER
        rows = [row for atoms, sign in zip(centres[known].tolist(), hand[known].tolist(), strict=True)
                for row in triples(graph, atoms, sign)]
        return cls(np.repeat([CENTRE, BOND], [len(rows), fixed.sum()]),
                   np.array([atoms for atoms, _ in rows] + planar.atoms[fixed].tolist(), dtype=np.int64).reshape(-1, 4),
                   np.array([sign for _, sign in rows] + planar.side[fixed].tolist(), dtype=np.int64))


def handedness(positions: Array, centres: Index) -> NDArray[np.int64]:
    """Compute the signs of stereocentres of whole molecules.

    Args:
        positions: (..., A, 3), nm.
        centres: The centre and three neighbours, (C, 4).

    Returns:
        (..., C): the sign of the triple product of the three neighbour vectors.
    """
    arms = positions[..., centres[:, 1:], :] - positions[..., centres[:, :1], :]
    return np.sign(np.linalg.det(arms)).astype(np.int64)


def sides(positions: Array, bonds: Index) -> NDArray[np.int64]:
    """Compute the sides of bonds of whole molecules.

    Args:
        positions: (..., A, 3), nm.
        bonds: A neighbour, both ends, a neighbour, (P, 4).

    Returns:
        (..., P): ``CIS`` where the torsion is within 90 degrees of 0, else ``TRANS``; 0 only where it is not defined.
    """
    first, axis, last = (positions[..., bonds[:, k + 1], :] - positions[..., bonds[:, k], :] for k in range(3))
    across = (np.cross(first, axis) * np.cross(axis, last)).sum(axis=-1)
    return -np.sign(across).astype(np.int64)


def flatness(positions: Array, bonds: Index, side: Index) -> Array:
    """Compute how flat bonds of whole molecules are on their sides, cosines: 1 is flat, 0 a quarter turn, -1 the other.

    Args:
        positions: (..., A, 3), nm.
        bonds: A neighbour, both ends, a neighbour, (P, 4).
        side: ``TRANS`` or ``CIS``, (P,).
    """
    first, axis, last = (positions[..., bonds[:, k + 1], :] - positions[..., bonds[:, k], :] for k in range(3))
    one, other = np.cross(first, axis), np.cross(axis, last)
    size = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return -side * (one * other).sum(axis=-1) / np.maximum(size, 1e-12)


def signs(positions: Array, terms: IsomerTerms) -> NDArray[np.int64]:
    """Compute the signs of what tells isomers apart, (..., n), of whole molecules (..., A, 3)."""
    found = np.empty((*positions.shape[:-2], len(terms.code)), dtype=np.int64)
    for code, signed in ((CENTRE, handedness), (BOND, sides)):
        rows = terms.code == code
        found[..., rows] = signed(positions, terms.atoms[rows])
    return found


def triples(graph: nx.Graph, atoms: Sequence[int], sign: int) -> Iterator[tuple[list[int], int]]:
    """Each three neighbours of a centre, by the bonds of its molecule, and the sign of their triple product.

    ``atoms`` are the centre and three neighbours, whose triple product has ``sign``.
    """
    centre, a, b, c = atoms
    yield [centre, a, b, c], sign
    for d in sorted({*graph[centre]} - {a, b, c}):
        yield [centre, a, b, d], -sign
        yield [centre, b, c, d], -sign
        yield [centre, a, c, d], sign
