"""Triclinic periodic boxes: rows are the box vectors a, b, c in nm.

A box may be any three independent vectors; GROMACS' lower-triangular form is the usual one.
``None`` stands for no periodicity and is accepted everywhere.
"""
from __future__ import annotations

import itertools
from functools import lru_cache

import networkx as nx
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Integer shifts of the 27 cells around the home cell.
_CELLS = np.array(list(itertools.product((-1, 0, 1), repeat=3)))


def is_valid(box: Array) -> bool:
    """True if ``box`` (3, 3) is finite and has a volume."""
    return bool(np.all(np.isfinite(box)) and abs(np.linalg.det(box)) > 1e-9)


def wrap(positions: Array, box: Array | None) -> Array:
    """Move every position (..., 3) into the cell spanned by the box vectors."""
    if box is None:
        return positions
    fractional = positions @ np.linalg.inv(box)
    return (fractional - np.floor(fractional)) @ box


def minimum_image(displacement: Array, box: Array | None) -> Array:
    """The shortest periodic image of each displacement (..., 3), exact for skewed cells.

    Rounding fractional coordinates is exact only for displacements shorter than half the
    smallest box width. Longer ones are looked up among the 27 cells around the rounded one, which
    hold the nearest image if the box vectors are the shortest that span the lattice.
    """
    if box is None:
        return displacement
    box = reduced(box)
    fractional = displacement @ np.linalg.inv(box)
    image = (fractional - np.round(fractional)) @ box
    flat = image.reshape(-1, 3)
    far = np.einsum("ni,ni->n", flat, flat) > (0.5 * smallest_width(box)) ** 2
    if far.any():
        candidates = flat[far, None] + (_CELLS @ box)[None]
        best = np.einsum("nci,nci->nc", candidates, candidates).argmin(axis=1)
        flat[far] = candidates[np.arange(len(best)), best]
    return flat.reshape(image.shape)


def nearest(corners: Array, box: Array | None) -> Array:
    """Points (..., k, 3), those images of each that are nearest to the first of the k."""
    first = corners[..., :1, :]
    return first + minimum_image(corners - first, box)


def reduced(box: Array) -> Array:
    """The shortest vectors that span the same lattice (Minkowski-reduced), nm, (3, 3).

    A box that GROMACS accepts need not be reduced: a long, thin one may lean by several widths.
    """
    box = np.asarray(box, dtype=np.float64)
    return np.frombuffer(_reduced(box.tobytes())).reshape(3, 3)


@lru_cache(maxsize=256)
def _reduced(flat: bytes) -> bytes:
    box = np.frombuffer(flat).reshape(3, 3).copy()
    changed = True
    while changed:
        changed = False
        for k in np.argsort(-np.linalg.norm(box, axis=1), kind="stable"):
            before = np.linalg.norm(box[k])
            for other in box[np.arange(3) != k]:  # many widths of another vector at once
                box[k] -= np.round(box[k] @ other / (other @ other)) * other
            near = box[k] + _CELLS[_CELLS[:, k] == 0] @ box
            box[k] = near[np.linalg.norm(near, axis=1).argmin()]
            changed |= bool(np.linalg.norm(box[k]) < before * (1 - 1e-12))
    return box.tobytes()


def smallest_width(box: Array) -> float:
    """The smallest distance between opposite faces of the cell, nm."""
    return float((1 / np.linalg.norm(np.linalg.inv(box), axis=0)).min())


def spanning_edges(graph: nx.Graph) -> NDArray[np.int64]:
    """Edges (parent, child) of a breadth-first forest of ``graph``, parents first, (n, 2).

    Components start at their smallest node, so the result is the same in every run.
    """
    edges: list[tuple[int, int]] = []
    seen: set[int] = set()
    for root in sorted(graph):
        if root not in seen:
            found = list(nx.bfs_edges(graph, root, sort_neighbors=sorted))
            edges += found
            seen |= {root, *(child for _, child in found)}
    return np.array(edges, dtype=np.int64).reshape(-1, 2)


def make_whole(positions: Array, edges: NDArray[np.int64], box: Array | None) -> Array:
    """Join molecules broken over the boundary.

    Args:
        positions: (..., n, 3), nm; leading axes are copies of the same molecule in one box.
        edges: Parent and child along a spanning forest, parents first (``spanning_edges``).
        box: (3, 3), nm, or None.

    Returns:
        (..., n, 3): every child is the image nearest to its parent.
    """
    if box is None:
        return positions
    whole = np.array(positions, dtype=np.float64)
    steps = minimum_image(whole[..., edges[:, 1], :] - whole[..., edges[:, 0], :], box)
    for (parent, child), step in zip(edges, np.moveaxis(steps, -2, 0), strict=True):
        whole[..., child, :] = whole[..., parent, :] + step
    return whole
