"""Energies, trajectories and statistics of Hamiltonian moves; see test_hamiltonian_exact for distributions."""
from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.geometry.measure import BondGram
from backmap.engine.hamiltonian import move, nearby
from backmap.engine.hamiltonian.forces import quick_forces, terms_of
from backmap.engine.hamiltonian.lists import MARGIN, ROUNDING
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.engine.hamiltonian.nearby import cores
from backmap.engine.hamiltonian.turning import Turn
from backmap.engine.random import Stream
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window
from tests import builders, forcefields, scenes

Array = NDArray[np.float64]

#: No stereocentre is turned over on the way.
STRAIGHT = Turn(np.empty(0, dtype=np.int64), 0.0, np.empty((0, 5), dtype=np.int64), np.empty((0, 6)),
                np.empty((0, 2), dtype=np.int64), np.empty((0, 4)))


def rigid(kind: MoleculeType) -> MoleculeType:
    """The molecule with all bonds rigid, at the lengths of its conformation."""
    atoms = builders.conformation(kind)
    return replace(kind, bond_length=np.linalg.norm(atoms[kind.bonds[:, 0]] - atoms[kind.bonds[:, 1]], axis=1))


def liquid(n_frames: int = 1) -> tuple[System, Window, ForceField]:
    """Octane of the recipe, all bonds rigid, on its beads; with angles and torsions, Lennard-Jones and charges."""
    system, window = scenes.octane_window(n_frames)
    atoms, _ = SystemProjector(system).project(window.atoms, window.beads)
    return system, window.with_atoms(atoms), plausible(system)


def plausible(system: System) -> ForceField:
    """Every function in octane, and non-bonded interactions under which the liquid does not explode."""
    field = forcefields.everything(system, cutoff=0.9)
    return replace(field, c6=1e-3 * field.c6, c12=1e-1 * field.c12)


def start(moves: HamiltonianMoves, frame: Frame, one: int, seed: int = 1) -> move.Room:
    """Bring a block into the room and draw velocities."""
    place, room = moves.places, moves.room
    move.enter(moves.tables, moves.surroundings, place, one, frame.atoms, room)
    move.hold(moves.tables, place, one, moves.rules.exact, frame.residual, room)
    move.draw_velocities(moves.tables, place.make[one], moves.rules.heat, seed, room.velocity)
    return room


def follow(moves: HamiltonianMoves, frame: Frame, one: int) -> tuple[int, Array]:
    """A trajectory of the block in the room: how it ended, and its energies."""
    end, energies, *_ = move.trajectory(moves.tables, moves.surroundings, frame.grid, moves.places, one, frame.atoms,
                                        moves.rules, moves.rules.steps, moves.room, moves._lists, STRAIGHT)
    return end, energies


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(("coulomb", "tail"), [("reaction_field", "none"), ("cutoff", "shift"), ("none", "none"),
                                                ("reaction_field", "force_switch"), ("none", "potential_switch")])
def test_energy_differences_and_forces_of_blocks_are_those_of_whole_frames(size: int, coulomb: str, tail: str) -> None:
    """In a box narrower than two cut-offs, so that blocks see their own images; every function and pair there is."""
    system, window = scenes.crowd((scenes.octane_system().types[0], 2), (scenes.phenyl(), 2), n_frames=1)
    field = replace(forcefields.everything(system, coulomb, 0.8), tail=tail, switch=0.5)
    box, energy = window.box(0), FrameEnergy(system, field)
    moves = HamiltonianMoves(system, field, 300.0, steps=0, size=size, sigma=10.0)
    frame = moves.frame(window.atoms[0], window.beads[0], box)
    before, forces = energy.of(frame.atoms, box).total, energy.forces(frame.atoms, box)
    rng = np.random.default_rng(4)
    for one in rng.permutation(len(moves.centre))[:4]:
        copies, block = moves.tables.copies, moves.places.block[one]
        room = start(moves, frame, one)
        moving = copies.atom[copies.atom_start[block]:][:moves.tables.places.moving[moves.places.make[one]]]
        moving = moves.places.first_atom[one] + moving
        potential = follow(moves, frame, one)[1][0, 0]
        scale = np.abs(forces[moving]).max()
        np.testing.assert_allclose(room.force[:len(moving)], forces[moving], rtol=1e-5, atol=2e-6 * scale)
        moved = np.array(frame.atoms)
        moved[moving] += rng.normal(0, 0.03, (len(moving), 3))
        start(moves, frame, one)
        room.x[:len(moving)] = moved[moving]
        other = follow(moves, frame, one)[1][0, 0]
        move.leave(moves.tables, moves.places, one, room)
        assert other - potential == pytest.approx(energy.of(moved, box).total - before, rel=1e-5, abs=2e-3)


def test_sweeps_keep_bonds_and_beads_and_account_for_the_energy() -> None:
    system, window, field = liquid()
    box, energy = window.box(0), FrameEnergy(system, field)
    moves = HamiltonianMoves(system, field, 350.0, size=2)
    frame = moves.frame(window.atoms[0], window.beads[0], box)
    before = energy.of(frame.atoms, box).total
    for sweep in range(3):
        outcome = moves.sweep(frame, (7, 1, 0, sweep))
        assert {*outcome.beads[outcome.beads >= 0]} == {*range(system.n_beads)}
        assert outcome.accepted.mean() > 0.9
        after = energy.of(frame.atoms, box).total
        assert outcome.change.sum() == pytest.approx(after - before, abs=0.005)  # of 256 moves, kT is 2.9
        before = after
    (group,) = system.groups
    ends = frame.atoms[group.atoms][:, group.type.bonds]
    length = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2)
    np.testing.assert_allclose(length, np.broadcast_to(group.type.bond_length, length.shape), atol=1e-8)
    np.testing.assert_allclose(system.map(frame.atoms), window.beads[0], atol=2e-6)
    np.testing.assert_allclose(frame.residual, system.map(frame.atoms) - window.beads[0], atol=1e-12)
    assert np.abs(frame.atoms - window.atoms[0]).max() > 0.01
    off = np.linalg.norm(frame.atoms - window.beads[0][moves.layout.where.owner], axis=1)
    reach = np.zeros(system.n_beads)
    np.maximum.at(reach, moves.layout.where.owner, off)
    np.testing.assert_allclose(frame.grid.reach, reach, atol=1e-12)


@pytest.mark.parametrize(("sigma", "peak", "steps"), [(None, 1.0, 20), (0.001, 1.0, 20), (None, 2.0, 20),
                                                      (0.001, 2.0, 21)])
def test_a_trajectory_that_is_turned_round_returns(sigma: float | None, peak: float, steps: int) -> None:
    system, window, field = liquid()
    moves = HamiltonianMoves(system, field, 350.0, size=2, sigma=sigma, steps=steps)
    moves.rules = moves.rules._replace(peak=peak)
    frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
    for one in range(0, len(moves.centre), 9):
        room = start(moves, frame, one)
        moving = moves.tables.places.moving[moves.places.make[one]]
        end, energies = follow(moves, frame, one)
        assert end == move.WHOLE
        assert np.abs(room.x[:moving] - room.start[:moving]).max() > 1e-3
        room.velocity[:] *= -1
        _, back = follow(moves, frame, one)
        np.testing.assert_allclose(room.x[:moving], room.start[:moving], atol=2e-6 if one == 0 else 1e-5)
        np.testing.assert_allclose(back[1], energies[0], rtol=1e-4, atol=1e-3)
        move.leave(moves.tables, moves.places, one, room)


def test_a_step_that_is_not_reversible_does_not_return() -> None:
    """Without the half kick that closes a trajectory, the way back is another one: the test above would see it."""
    system, window, field = liquid()
    moves = HamiltonianMoves(system, field, 350.0, size=2, steps=20)
    frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
    room, k = start(moves, frame, 0), moves.places.make[0]
    moving, place = moves.tables.places.moving[k], moves.tables.places.start[k]
    follow(moves, frame, 0)
    inverse = moves.tables.places.inverse_mass[place:place + moving, None]
    room.velocity[:moving] -= 0.5 * moves.rules.timestep * inverse * room.force[:moving]
    room.velocity[:] *= -1
    follow(moves, frame, 0)
    move.leave(moves.tables, moves.places, 0, room)
    assert np.abs(room.x[:moving] - room.start[:moving]).max() > 1e-4


@pytest.mark.parametrize("cap", [None, 5.0])
@pytest.mark.parametrize("coulomb", ["reaction_field", "cutoff", "none"])
def test_quick_forces_are_those_of_the_energy(coulomb: str, cap: float | None) -> None:
    """In single precision, in a box narrower than two cut-offs."""
    system, window = scenes.crowd((scenes.octane_system().types[0], 2), (scenes.phenyl(), 2), n_frames=1)
    moves = HamiltonianMoves(system, forcefields.everything(system, coulomb, 0.8), 300.0, steps=0, size=2, sigma=10.0)
    around = moves.surroundings
    moves.surroundings = around._replace(core=cores(around.field.c6, around.field.c12, cap))
    frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
    for one in range(len(moves.centre)):
        k, room = moves.places.make[one], start(moves, frame, one)
        places = moves.tables.places.start[k + 1] - moves.tables.places.start[k]
        lists = move.trajectory(moves.tables, moves.surroundings, frame.grid, moves.places, one, frame.atoms,
                                moves.rules, 0, room, moves._lists, STRAIGHT)[-1]
        moving, expected = moves.tables.places.moving[k], np.array(room.force)
        quick_forces(terms_of(moves.tables, k), moves.surroundings, room.kinds, room.charges, room.x[:places], lists,
                     room.pairs, room.terms, room.force[:places])
        move.leave(moves.tables, moves.places, one, room)
        scale = np.abs(expected[:moving]).max()
        np.testing.assert_allclose(room.force[:moving], expected[:moving], rtol=1e-5, atol=1e-6 * scale)


def test_lists_in_a_narrow_box_hold_no_more_than_in_a_wide_one() -> None:
    """Images of what moves are looked for farther away there, but only these."""
    system, window = scenes.crowd((scenes.octane_system().types[0], 2), (scenes.phenyl(), 2), n_frames=1)
    moves = HamiltonianMoves(system, forcefields.everything(system, "reaction_field", 0.8), 300.0, steps=0, size=2,
                             sigma=10.0)
    frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
    tables = moves.tables
    for one in range(len(moves.centre)):
        k, room = moves.places.make[one], start(moves, frame, one)
        lists = move.trajectory(tables, moves.surroundings, frame.grid, moves.places, one, frame.atoms, moves.rules, 0,
                                room, moves._lists, STRAIGHT)[-1]
        move.leave(tables, moves.places, one, room)
        for i in range(tables.places.moving[k]):
            near = lists.near[:3, slice(*lists.bounds[i, [0, -1]])].T + lists.centre
            away = np.linalg.norm(near - room.x[i], axis=1)
            assert away[away < 1e5].max() <= 0.8 + MARGIN + 2 * ROUNDING


def test_trajectories_are_those_of_full_forces_in_every_step() -> None:
    """The slow and obvious way: double precision, lists made anew in every step."""
    system, window, field = liquid()
    moves = HamiltonianMoves(system, field, 350.0, size=2, steps=1)
    frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
    one, steps = 4, 20
    moving = moves.tables.places.moving[moves.places.make[one]]
    room = start(moves, frame, one)
    for _ in range(steps):  # a step alone has nothing between its ends
        follow(moves, frame, one)
    expected, velocity = np.array(room.x[:moving]), np.array(room.velocity[:moving])
    moves.rules = moves.rules._replace(steps=steps)
    start(moves, frame, one)
    follow(moves, frame, one)
    move.leave(moves.tables, moves.places, one, room)
    assert np.abs(expected - room.start[:moving]).max() > 1e-3
    np.testing.assert_allclose(room.x[:moving], expected, atol=1e-7)
    np.testing.assert_allclose(room.velocity[:moving], velocity, atol=1e-4)


def test_lengths_are_even_from_half_to_half_as_many_more() -> None:
    counts = np.bincount([move.length(key, 10) for key in np.random.default_rng(2).integers(0, 2**62, 22_000)])
    assert np.flatnonzero(counts).tolist() == list(range(5, 16))
    assert np.abs(counts[5:] - 2000).max() < 4 * np.sqrt(2000)
    assert [move.length(3, steps) for steps in (0, 1)] == [0, 1]


def test_errors_of_energy_fall_with_the_square_of_the_time_step() -> None:
    system, window, field = liquid()
    errors, rates = [], []
    for timestep, steps in ((1.0, 10), (0.5, 20), (0.25, 40)):
        moves = HamiltonianMoves(system, field, 350.0, size=2, steps=steps, timestep=timestep)
        frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
        made = []
        for one in range(0, len(moves.centre), 3):
            start(moves, frame, one, seed=one)
            end, energies = follow(moves, frame, one)
            made.append(energies[1].sum() - energies[0].sum() if end == move.WHOLE else np.nan)
            move.leave(moves.tables, moves.places, one, moves.room)
        errors.append(np.array(made))
        rates.append(np.minimum(1, np.exp(-errors[-1] / moves.rules.heat)).mean())
    assert min(rates) > 0.97
    for coarse, fine in itertools.pairwise(errors):
        assert 3.0 < np.median(np.abs(coarse) / np.abs(fine)) < 5.5


def test_atoms_that_do_not_move_stay_to_the_bit() -> None:
    system, window, field = liquid()
    moves = HamiltonianMoves(system, field, 350.0, size=1)
    frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
    only = np.zeros(system.n_beads, dtype=bool)
    only[5] = True
    outcome = moves.sweep(frame, (7, 1, 0, 0), only)
    assert 5 in outcome.beads
    others = ~np.isin(moves.layout.where.owner, outcome.beads)
    assert np.array_equal(frame.atoms[others], window.atoms[0][others])
    assert not np.array_equal(frame.atoms[~others], window.atoms[0][~others])


def test_the_same_names_give_the_same_bytes() -> None:
    system, window, field = liquid()
    found = []
    for _ in range(2):
        moves = HamiltonianMoves(system, field, 350.0, size=2)
        frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
        moves.sweep(frame, (7, 1, 0, 0))
        found.append(frame.atoms)
    assert np.array_equal(*found)


def test_random_numbers_are_those_of_streams() -> None:
    stream = Stream.of(1, 2, "x", torch.arange(3))
    expected = stream.uniform(4).numpy()
    found = [[move.uniform(key, number) for number in range(4)] for key in stream.key.numpy()]
    np.testing.assert_array_equal(found, expected)


def test_share_of_the_measure_near_a_block_is_that_of_the_molecule() -> None:
    system, window, field = liquid()
    moves, gram = HamiltonianMoves(system, field, 350.0, size=1), BondGram(system.types[0])
    atoms = np.array(window.atoms[0])
    one = 1
    copies, first = moves.tables.copies, moves.places.first_atom[one]
    moving = copies.atom[copies.atom_start[moves.places.block[one]]:]
    moving = first + moving[:moves.tables.places.moving[moves.places.make[one]]]
    own = slice(first, first + 26)
    before = move.near_log_det(moves.tables, moves.places, one, atoms), gram.half_log_det(atoms[None, own])[0]
    atoms[moving] += np.random.default_rng(1).normal(0, 0.05, (len(moving), 3))
    after = move.near_log_det(moves.tables, moves.places, one, atoms), gram.half_log_det(atoms[None, own])[0]
    assert 0.5 * (after[0] - before[0]) == pytest.approx(after[1] - before[1], abs=1e-12)


def test_kinds_may_share_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Energies, forces and quick forces of blocks are the same, whether each kind has a list of its own or not."""
    system, window, field = liquid()
    found: list[list[Array]] = []
    for many in (100, 0):
        monkeypatch.setattr(nearby, "MANY", many)
        moves = HamiltonianMoves(system, field, 350.0, size=2)
        frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
        for one in range(0, len(moves.centre), 19):
            k, room = moves.places.make[one], start(moves, frame, one)
            places = moves.tables.places.start[k + 1] - moves.tables.places.start[k]
            _, energies, *_, lists = move.trajectory(moves.tables, moves.surroundings, frame.grid, moves.places, one,
                                                     frame.atoms, moves.rules, 0, room, moves._lists, STRAIGHT)
            moving = moves.tables.places.moving[k]
            found.append([energies[0, :1], np.array(room.force[:moving])])
            quick_forces(terms_of(moves.tables, k), moves.surroundings, room.kinds, room.charges, room.x[:places],
                         lists, room.pairs, room.terms, room.force[:places])
            found[-1].append(np.array(room.force[:moving]))
            move.leave(moves.tables, moves.places, one, room)
    half = len(found) // 2
    for apart, together in zip(found[:half], found[half:], strict=True):
        assert together[0] == pytest.approx(apart[0], abs=2e-4)  # kJ/mol, of terms in single precision that cancel
        for one, other, tolerance in zip(apart[1:], together[1:], (1e-5, 1e-4), strict=True):
            np.testing.assert_allclose(other, one, atol=tolerance * np.abs(one).max())


def test_overlapping_atoms_are_refused_not_fatal() -> None:
    system, window, field = liquid()
    moves = HamiltonianMoves(system, replace(field, c12=1e3 * field.c12), 350.0, size=2)
    atoms = np.array(window.atoms[0])
    atoms[26:52] = atoms[:26] + 1e-3
    frame = moves.frame(atoms, system.map(atoms), window.box(0))
    outcome = moves.sweep(frame, (7, 1, 0, 0))
    assert np.isfinite(frame.atoms).all()
    assert not outcome.accepted.all()


def test_atoms_that_are_thrown_off_end_a_move() -> None:
    """Nothing holds atoms on weak bonds: a trajectory that went on would list neighbours in half the universe."""
    system, window = scenes.octane_window(1)
    loose = replace(system, blocks=tuple((replace(kind, bond_length=np.full_like(kind.bond_length, np.nan)), count)
                                         for kind, count in system.blocks))
    field = plausible(loose)
    moves = HamiltonianMoves(loose, replace(field, c12=1e4 * field.c12), 350.0, timestep=8.0, size=2)
    atoms = np.array(window.atoms[0])
    atoms[26:52] = atoms[:26] + 0.01
    frame = moves.frame(atoms, loose.map(atoms), window.box(0))
    room = moves._lists.near.shape
    outcome = moves.sweep(frame, (7, 1, 0, 0))
    assert np.isinf(outcome.error).any()
    assert np.isfinite(frame.atoms).all()
    assert moves._lists.near.shape[1] <= 8 * room[1]


@pytest.mark.parametrize("coulomb", ["reaction_field", "none"])
def test_capped_forces_are_the_slope_of_capped_energies(coulomb: str) -> None:
    """Within what energies in single precision tell of a slope over 0.0004 nm."""
    system, window = scenes.crowd((scenes.octane_system().types[0], 2), (scenes.phenyl(), 2), n_frames=1)
    moves = HamiltonianMoves(system, forcefields.everything(system, coulomb, 0.8), 300.0, steps=0, size=2, sigma=10.0)
    around = moves.surroundings
    moves.surroundings = around._replace(core=cores(around.field.c6, around.field.c12, 5.0))
    frame = moves.frame(window.atoms[0], window.beads[0], window.box(0))
    one, step = 0, 2e-4

    def energy_at(shift: float, atom: int, axis: int) -> float:
        room = start(moves, frame, one)
        room.x[atom, axis] += shift
        energy = follow(moves, frame, one)[1][0, 0]
        move.leave(moves.tables, moves.places, one, room)
        return energy

    energy_at(0.0, 0, 0)
    force = np.array(moves.room.force)
    for atom in range(0, moves.tables.places.moving[moves.places.make[one]], 5):
        for axis in range(3):
            slope = (energy_at(step, atom, axis) - energy_at(-step, atom, axis)) / (2 * step)
            assert -slope == pytest.approx(force[atom, axis], rel=2e-3, abs=1.0)


def test_a_core_is_where_repulsion_reaches_the_cap() -> None:
    c6, c12 = np.array([[0.003, 0.0], [0.0, 0.0]]), np.array([[3e-6, 1e-7], [1e-7, 0.0]])
    sixth = cores(c6, c12, 20.0) ** -3.0
    energy = sixth * (c12 * sixth - c6)
    np.testing.assert_allclose(energy[[0, 0, 1], [0, 1, 0]], 20.0)
    assert cores(c6, c12, 20.0)[1, 1] < 1e-11  # what does not repel has no core
    assert cores(c6, c12, None).max() < 1e-11


def test_capped_sweeps_part_what_overlaps() -> None:
    system, window, field = liquid()
    moves = HamiltonianMoves(system, field, 350.0, steps=10, timestep=1.0, size=4)
    atoms = np.array(window.atoms[0])
    apart = atoms[26:52, None] - atoms[None, :26]
    i, j = np.unravel_index(np.linalg.norm(apart, axis=-1).argmin(), (26, 26))
    atoms[26:52] += -apart[i, j] + 0.03  # one molecule into another
    energy = FrameEnergy(system, field)
    frame = moves.frame(atoms, system.map(atoms), window.box(0))
    before = energy.of(frame.atoms, window.box(0)).total
    for sweep, cap in enumerate(np.geomspace(10.0, 1000.0, 6)):
        moves.sweep(frame, (7, 1, 0, sweep), cap=cap)
    assert energy.of(frame.atoms, window.box(0)).total < 0.1 * before
    np.testing.assert_allclose(system.map(frame.atoms), system.map(atoms), atol=1e-9)
