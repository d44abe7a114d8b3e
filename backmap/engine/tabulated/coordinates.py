"""Distances, angles and dihedrals of beads, and their gradients."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...model import box as periodic
from ...model.tabulated import Kind

Array = NDArray[np.float64]

#: Sines of angles are no smaller than this in gradients, where the force on straight chains would be infinite.
STRAIGHT = 1e-6


def values_and_gradients(points: Array, kind: Kind, box: Array | None) -> tuple[Array, Array]:
    """The coordinate of every member of a bonded interaction.

    Args:
        points: Beads of the members, (n, 2 to 4, 3), nm; next to each other or not.
        kind: bond, angle or dihedral.
        box: (3, 3), nm, or None.

    Returns:
        Values, nm or radians, dihedrals from -pi to pi by the IUPAC sign, (n,), and their gradients, (n, 2 to 4, 3).
    """
    steps = periodic.minimum_image(np.diff(points, axis=1), box)
    return {"bond": _bonds, "angle": _angles, "dihedral": _dihedrals}[kind](steps)


def _bonds(steps: Array) -> tuple[Array, Array]:
    length = np.linalg.norm(steps[:, 0], axis=1)
    unit = steps[:, 0] / np.maximum(length, 1e-12)[:, None]
    return length, np.stack([-unit, unit], axis=1)


def _angles(steps: Array) -> tuple[Array, Array]:
    """theta = angle of u = r0 - r1 and v = r2 - r1."""
    u, v = -steps[:, 0], steps[:, 1]
    a, b = (np.maximum(np.linalg.norm(x, axis=1), 1e-12)[:, None] for x in (u, v))
    u, v = u / a, v / b
    cosine = np.clip((u * v).sum(axis=1), -1, 1)
    sine = np.linalg.norm(np.cross(u, v), axis=1)
    wide = np.maximum(sine, STRAIGHT)[:, None]
    first, last = (cosine[:, None] * u - v) / (a * wide), (cosine[:, None] * v - u) / (b * wide)
    return np.arctan2(sine, cosine), np.stack([first, -first - last, last], axis=1)


def _dihedrals(steps: Array) -> tuple[Array, Array]:
    """Gradients by Blondel and Karplus, J. Comput. Chem. 17, 1132 (1996)."""
    a, b, c = steps[:, 0], steps[:, 1], steps[:, 2]
    left, right = np.cross(a, b), np.cross(b, c)
    length = np.maximum(np.linalg.norm(b, axis=1), 1e-12)
    value = np.arctan2(length * (a * right).sum(axis=1), (left * right).sum(axis=1))
    scale = np.linalg.norm(a, axis=1) * length * STRAIGHT, np.linalg.norm(c, axis=1) * length * STRAIGHT
    squares = [np.maximum((n * n).sum(axis=1), s**2 + 1e-24) for n, s in zip((left, right), scale)]
    first, last = (-(length / squares[0])[:, None] * left, (length / squares[1])[:, None] * right)
    along, back = (a * b).sum(axis=1) / length**2, (c * b).sum(axis=1) / length**2
    shared = along[:, None] * first - back[:, None] * last
    return value, np.stack([first, -first - shared, shared - last, last], axis=1)
