"""Bonds through rings and atoms on each other, made up in a true melt, are led apart; a sound frame is left alone."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian.move import Frame
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.mending import OVERLAPPING, PAIR, STRAINED, THREADED, Mending
from backmap.model import box as periodic
from tests.polystyrene import TEMPERATURE, melt

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def mending() -> Mending:
    """Of soft beads, as those of a model are."""
    known = melt()
    moves = HamiltonianMoves(known.system, known.field, TEMPERATURE, 20, 2.0, 8, 0.01)
    return Mending(moves, FrameEnergy(known.system, known.field), 10)


def framed(mending: Mending, number: int, atoms: Array) -> Frame:
    known = melt()
    whole = known.system.atoms_near_beads(atoms, known.beads[number], known.boxes[number])
    return mending.moves.frame(whole, known.beads[number], known.boxes[number])


def threadings(mending: Mending, rng: np.random.Generator) -> Iterator[tuple[int, Array, bool]]:
    """Frame, atoms in which one bond goes through one ring, and whether that is across the boundary.

    A phenyl ring is put about a bond of another chain, and the bonds that this tears are projected back. The beads of
    the frame stay the true ones, for which there is a way out.
    """
    known, rings, projector = melt(), mending.rings, SystemProjector(melt().system)
    owner, molecule = mending.owner, mending.energy.layout.where.molecule
    while True:
        number = int(rng.integers(len(known.atoms)))
        atoms, box = known.atoms[number].copy(), known.boxes[number]
        ring = int(rng.integers(len(rings.rings)))
        corners = rings.rings[ring, :rings.sizes[ring]]
        centre = atoms[corners].mean(axis=0)
        ends = rings.bonds[molecule[rings.bonds[:, 0]] != molecule[corners[0]]]
        away = atoms[ends].mean(axis=1) - centre
        nearest = periodic.minimum_image(away, box)
        near = np.flatnonzero(np.linalg.norm(nearest, axis=1) < 0.45)
        if not len(near):
            continue
        chosen = int(rng.choice(near))
        along = np.diff(atoms[ends[chosen]], axis=0)[0]
        atoms[owner == owner[corners[0]]] = _turned(atoms[owner == owner[corners[0]]] - centre, atoms[corners] - centre,
                                                    along) + centre + nearest[chosen]
        (made,), _ = projector.project(atoms[None], known.system.map(atoms)[None])
        if len(rings.threads(made, box)) == 1:
            yield number, made, bool(np.abs(nearest[chosen] - away[chosen]).max() > 1e-6)


def _turned(points: Array, ring: Array, along: Array) -> Array:
    """Points about the origin, turned such that the normal of the ring lies along a vector."""
    normal = np.linalg.svd(ring, full_matrices=False)[2][2]
    along = along / np.linalg.norm(along)
    axis, cosine = np.cross(normal, along), normal @ along
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return points @ (np.eye(3) + cross + cross @ cross / (1 + cosine)).T


@pytest.mark.parametrize("count", [2, pytest.param(200, marks=pytest.mark.slow)])
def test_made_up_threadings_are_undone(mending: Mending, count: int) -> None:
    """Of the rings; strain that is left is for sweeps to take away."""
    across, made = 0, threadings(mending, np.random.default_rng(3))
    for each in range(count):
        number, atoms, beyond = next(made)
        frame = framed(mending, number, atoms)
        assert mending.troubles(frame, melt().boxes[number])[THREADED].any()
        mending.mend(frame, melt().boxes[number], (1, 0, each))
        across += beyond
        assert not len(mending.rings.threads(frame.atoms, melt().boxes[number])), each
    assert across > 0 or count < 10


def test_a_sound_frame_is_left_alone(mending: Mending) -> None:
    known = melt()
    frame = framed(mending, 0, known.atoms[0])
    before = frame.atoms.copy()
    done = mending.mend(frame, known.boxes[0], (1, 0, 0))
    assert done.rounds == 0
    assert not done.beads.any()
    assert np.array_equal(frame.atoms, before)


def test_what_charges_hold_together_does_not_overlap(mending: Mending, monkeypatch: pytest.MonkeyPatch) -> None:
    known = melt()
    frame, plain = framed(mending, 0, known.atoms[0]), mending.energy.of(known.atoms[0], known.boxes[0])
    repelled = plain.lj_of_atom.copy()
    repelled[[3, 200]] = 2 * PAIR
    monkeypatch.setattr(mending.repulsion, "below", lambda *_: False)
    both, last = {mending.owner[3], mending.owner[200]}, {mending.owner[200]}
    # What an atom has with those of its own molecule in the reaction field cancels with its own term.
    for drawn, alone, overlapping in ((-2 * PAIR, 0.0, last), (0.0, 0.0, both), (0.0, -2 * PAIR, last),
                                      (-2 * PAIR, 2 * PAIR, both)):
        charged, own = np.zeros((2, len(repelled)))
        charged[3], own[3] = drawn, alone
        monkeypatch.setattr(mending.energy.layout, "self_energies", own)
        monkeypatch.setattr(mending.energy, "of", lambda atoms, box, charged=charged: replace(
            plain, lj_of_atom=repelled, coulomb_of_atom=charged))
        monkeypatch.setattr(mending, "_last", None)  # nothing else has changed
        found = mending.troubles(frame, known.boxes[0])[OVERLAPPING]
        assert set(np.flatnonzero(found)) == overlapping


def test_what_is_held_by_the_charges_of_its_hydrogens_does_not_overlap(mending: Mending,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an ammonium between anions nitrogen is repelled, and its hydrogens are drawn."""
    known = melt()
    frame, plain = framed(mending, 0, known.atoms[0]), mending.energy.of(known.atoms[0], known.boxes[0])
    hydrogen = int(np.flatnonzero(mending.carrier != np.arange(len(mending.carrier)))[0])
    heavy = mending.carrier[hydrogen]
    repelled, charged = plain.lj_of_atom.copy(), np.zeros(len(plain.lj_of_atom))
    repelled[heavy], charged[heavy] = 2 * PAIR, PAIR
    monkeypatch.setattr(mending.repulsion, "below", lambda *_: False)
    monkeypatch.setattr(mending.energy.layout, "self_energies", np.zeros(len(charged)))
    for drawn, overlaps in ((-4 * PAIR, False), (-PAIR, True)):
        charged[hydrogen] = drawn
        monkeypatch.setattr(mending.energy, "of", lambda atoms, box: replace(
            plain, lj_of_atom=repelled, coulomb_of_atom=charged))
        monkeypatch.setattr(mending, "_last", None)
        found = mending.troubles(frame, known.boxes[0])[OVERLAPPING]
        assert set(np.flatnonzero(found)) == ({int(mending.owner[heavy])} if overlaps else set())


def test_strain_that_most_atoms_of_a_kind_have_is_not_in_the_way(mending: Mending,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    known = melt()
    frame, kinds = framed(mending, 0, known.atoms[0]), mending.alike
    crowded = int(np.argmax(np.bincount(kinds)))
    one, more = np.flatnonzero(kinds == crowded)[[0, -1]]
    limit = mending._limit
    # No more than the limit is usual.
    for usual, extra, bad in ((0.6, 0.6, False), (0.6, 1.1, True), (3.0, 0.6, True)):
        strain = np.where(kinds == crowded, usual * limit, 0.0)
        strain[one] += extra * limit
        monkeypatch.setattr(mending, "_strain", lambda atoms, strain=strain: strain)
        monkeypatch.setattr(mending, "_last", None)
        assert mending._looked(frame, known.boxes[0])[1][STRAINED][mending.owner[one]]  # while it is mended
        found = mending.troubles(frame, known.boxes[0])[STRAINED]
        assert found[mending.owner[one]] == bad
        assert found[mending.owner[more]] == (usual > 2)


def test_atoms_that_lie_on_each_other_part_and_bonds_keep_their_lengths(mending: Mending) -> None:
    known = melt()
    atoms = known.atoms[0].copy()
    first, second = (np.flatnonzero(mending.owner == bead) for bead in (3, 45))
    away = periodic.minimum_image(atoms[second].mean(axis=0) - atoms[first].mean(axis=0), known.boxes[0])
    atoms[first] += away  # one ring on another, its bonds torn
    (atoms,), _ = SystemProjector(known.system).project(atoms[None], known.beads[0][None])
    atoms[first] += 1e-7
    frame = framed(mending, 0, atoms)
    if not mending.troubles(frame, known.boxes[0])[OVERLAPPING].any():
        pytest.skip("the projection has parted them already")
    done = mending.mend(frame, known.boxes[0], (1, 0, 0))
    assert not any(found.any() for found in done.left.values())
    for group in known.system.groups:
        molecules = frame.atoms[group.atoms]
        ends = molecules[:, group.type.bonds]
        assert np.allclose(np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2), group.type.bond_length, atol=1e-5)
