"""Positions around sites, gathered in one compiled pass: the quick twin of ``Scene._around``, to the same bits."""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..compiling.compiled import compiled, part


class Stand(NamedTuple):
    """Where everything stands in W frames of A atoms and B beads.

    Attributes:
        atoms: nm, (W, A, 3) float64.
        placed: Which atoms are placed, (W, A) bool.
        beads: nm, (W, B, 3) float64.
    """

    atoms: Any
    placed: Any
    beads: Any


class Nearby(NamedTuple):
    """Neighbours of all beads, as ``environment.Surroundings`` has them.

    Attributes:
        beads: (W, B, P).
        vectors: nm, (W, B, P, 3).
        atoms: (W, B, N).
        slot: (W, B, N).
    """

    beads: Any
    vectors: Any
    atoms: Any
    slot: Any


class Places(NamedTuple):
    """What beads and atoms of the system are, as ``environment.Layout`` and ``FragmentTable`` have it.

    Attributes:
        row: Fragment row of each bead, (B,).
        molecule: Of each bead, (B,).
        atom_shift: (B,).
        bead_shift: (B,).
        atom_row: Of each atom, (A,).
        context: (R, C).
        near: ``FragmentTable.beads``, (R, Q).
    """

    row: Any
    molecule: Any
    atom_shift: Any
    bead_shift: Any
    atom_row: Any
    context: Any
    near: Any


class Gathered(NamedTuple):
    """Fields of ``LocalEnvironment`` of S sites, by their names."""

    context: Any
    context_placed: Any
    beads: Any
    beads_present: Any
    neighbours: Any
    neighbours_placed: Any
    neighbour_atom: Any
    neighbour_same: Any
    neighbour_beads: Any
    neighbour_beads_present: Any
    neighbour_bead_row: Any


@compiled(nogil=True)
def gathered(frame, bead, stand: Stand, nearby: Nearby, places: Places) -> Gathered:
    """Gather what S sites see; ``frame`` and ``bead`` are (S,)."""
    count, n_atoms, n_beads = len(frame), nearby.atoms.shape[2], nearby.beads.shape[2]
    n_context, n_near = places.context.shape[1], places.near.shape[1]
    found = Gathered(
        np.zeros((count, n_context, 3), np.float32), np.zeros((count, n_context), np.bool_),
        np.zeros((count, n_near, 3), np.float32), np.zeros((count, n_near), np.bool_),
        np.zeros((count, n_atoms, 3), np.float32), np.zeros((count, n_atoms), np.bool_),
        np.zeros((count, n_atoms), np.int64), np.zeros((count, n_atoms), np.bool_),
        np.zeros((count, n_beads, 3), np.float32), np.zeros((count, n_beads), np.bool_),
        np.full((count, n_beads), -1, np.int64))
    image = np.empty((n_beads, 3))
    for s in range(count):
        w, b = frame[s], bead[s]
        row, anchor = places.row[b], stand.beads[w, b]
        _own(s, w, b, row, anchor, stand, places, found)
        for p in range(n_beads):
            other = nearby.beads[w, b, p]
            if other < 0:
                continue
            found.neighbour_beads_present[s, p], found.neighbour_bead_row[s, p] = True, places.row[other]
            for x in range(3):
                vector = nearby.vectors[w, b, p, x]
                found.neighbour_beads[s, p, x] = vector
                # The image of a neighbour bead fixes the image of its atoms: they are stored next to it.
                image[p, x] = vector - (stand.beads[w, other, x] - anchor[x])
        for n in range(n_atoms):
            atom, p = nearby.atoms[w, b, n], nearby.slot[w, b, n]
            if atom < 0:
                continue
            found.neighbours_placed[s, n], found.neighbour_atom[s, n] = stand.placed[w, atom], places.atom_row[atom]
            found.neighbour_same[s, n] = places.molecule[nearby.beads[w, b, p]] == places.molecule[b]
            for x in range(3):
                found.neighbours[s, n, x] = stand.atoms[w, atom, x] - anchor[x] + image[p, x]
    return found


@part(nogil=True)
def _own(s, w, b, row, anchor, stand, places, found):
    """Context atoms and near beads of the site's own molecule."""
    for k in range(places.context.shape[1]):
        if places.context[row, k] < 0:
            continue
        atom = places.context[row, k] + places.atom_shift[b]
        if stand.placed[w, atom]:
            found.context_placed[s, k] = True
            for x in range(3):
                found.context[s, k, x] = stand.atoms[w, atom, x] - anchor[x]
    for k in range(places.near.shape[1]):
        if places.near[row, k] >= 0:
            found.beads_present[s, k] = True
            for x in range(3):
                found.beads[s, k, x] = stand.beads[w, places.near[row, k] + places.bead_shift[b], x] - anchor[x]
