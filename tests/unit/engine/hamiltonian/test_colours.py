"""Blocks of one colour do not see each other, and threads that share them come to the bytes of one."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backmap.engine.compiling import crew
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian import colours, sharing
from backmap.engine.hamiltonian.colours import SweepOrder
from backmap.engine.hamiltonian.move import Frame
from backmap.engine.hamiltonian.moves import HamiltonianMoves, Tempering
from backmap.engine.hamiltonian.nearby import grid
from backmap.engine.random import Stream
from backmap.model.system import System
from tests import chains, forcefields, polystyrene, scenes
from tests.unit.engine.hamiltonian.test_exact import EDGES, REFUSED, SEEN, WHOLE, trimer_shares, trimers

Array = NDArray[np.float64]

SLANT = np.array([[1.0, 0.0, 0.0], [0.1, 1.0, 0.0], [0.2, -0.3, 1.0]])


def rows_of(system: System, atoms: Array, box: Array, copies: int) -> tuple[System, Array, Array]:
    """A box so many times in a row."""
    whole = np.concatenate([atoms + k * box[0] for k in range(copies)])
    return (System(tuple((group.type, copies * len(group.atom_offset)) for group in system.groups)), whole,
            box * np.array([[copies], [1], [1]]))


def melt(copies: int = 4) -> tuple[HamiltonianMoves, Array, Array]:
    """Chains of polystyrene, of which blocks are parts."""
    known = polystyrene.melt()
    system, atoms, box = rows_of(known.system, known.atoms[0], known.boxes[0], copies)
    return HamiltonianMoves(system, known.field, 568.0, 12, 4.0, hydrogen_mass=4.0), atoms, box


def octane(copies: int = 3, **options: object) -> tuple[HamiltonianMoves, Array, Array]:
    """Molecules that move as a whole."""
    small, window = scenes.octane_window(1)
    system, atoms, box = rows_of(small, window.reference[0], window.box(0), copies)
    field = forcefields.read(scenes.RECIPE / "octane.top", small)
    return HamiltonianMoves(system, field, 350.0, 12, 2.0, **options), atoms, box


def started(moves: HamiltonianMoves, atoms: Array, box: Array) -> Frame:
    beads = moves.system.map(atoms)
    return moves.frame(SystemProjector(moves.system).project(atoms[None], beads[None])[0][0], beads, box)


def course_of(moves: HamiltonianMoves, frame: Frame, name: tuple = (1, 2, 0, 0)) -> tuple[NDArray, SweepOrder]:
    """The blocks of a sweep, and their course."""
    chosen = moves.choose(name)
    centre = torch.as_tensor(moves.centre[chosen])
    keys, drawn = (Stream.of(*name, word, centre) for word in ("move", "colours"))
    return chosen, moves._colours.course(frame.grid, frame.half, chosen, keys.key.numpy(),
                                         np.full(len(chosen), moves.rules.steps), drawn.uniform(1)[:, 0].numpy())


def gaps(one: Array, other: Array, reach: Array, box: Array) -> Array:
    """Distances of cubes about some points from those about others, the nearest images; ``reach`` (n, m) of both."""
    shifts = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), axis=-1).reshape(-1, 3) @ box
    away = np.abs(one[:, None, None] - other[None, :, None] + shifts) - reach[:, :, None, None]
    return np.linalg.norm(np.maximum(away, 0.0), axis=-1).min(axis=-1)


@pytest.mark.parametrize("slanted", [False, True])
@pytest.mark.parametrize("make", [melt, octane])
def test_blocks_of_one_colour_do_not_see_each_other(make, slanted: bool) -> None:
    moves, atoms, box = make()
    box = box @ SLANT if slanted else box
    frame = started(moves, atoms, box)
    chosen, course = course_of(moves, frame)
    assert sorted(course.order) == list(range(len(chosen)))
    assert course.widest > 1
    half, seen = frame.half, 0
    for first, end in zip(course.start, course.start[1:], strict=False):
        blocks = chosen[course.order[first:end]]
        for n, one in enumerate(blocks):
            for other in blocks[:n]:
                a, b = (moves.beads[k][moves.beads[k] >= 0] for k in (one, other))
                reach = half[a][:, None] + half[b]
                assert gaps(frame.grid.beads[a], frame.grid.beads[b], reach, box).min() > moves._colours.cutoff + 0.06
                seen += 1
    assert seen


def test_blocks_beside_each_other_in_a_molecule_have_different_colours() -> None:
    """Where nothing else would keep them apart: no pairs are near, as cubes are nothing and there is no cut-off."""
    moves, atoms, box = melt(1)
    frame = started(moves, atoms, box)
    frame.half[:] = 0.0
    moves._colours.cutoff = -0.1
    chosen, course = course_of(moves, frame)
    colour = np.repeat(np.arange(len(course.start) - 1), np.diff(course.start))[np.argsort(course.order)]
    assert course.widest > 10
    places = moves.places
    for n, one in enumerate(chosen):
        for m in range(n):
            other = chosen[m]
            if places.first_atom[one] != places.first_atom[other]:
                continue
            of = [set(moves.tables.copies.atom[moves.tables.copies.atom_start[places.block[k]]:
                                               moves.tables.copies.atom_start[places.block[k] + 1]])
                  for k in (one, other)]
            assert not of[0] & of[1] or colour[n] != colour[m]


def test_few_blocks_of_a_colour_are_an_even_number() -> None:
    moves, atoms, box = melt(3)
    _, course = course_of(moves, started(moves, atoms, box))
    sizes = np.diff(course.start)
    assert not ((sizes > 1) & (sizes % 2 == 1) & (sizes < colours.FEW)).any()


def test_where_no_two_have_room_nothing_changes() -> None:
    moves, atoms, box = octane(1)
    frame = started(moves, atoms, box)
    frame.half[:] += 1.0
    chosen, course = course_of(moves, frame)
    np.testing.assert_array_equal(course.order, np.arange(len(chosen)))
    assert course.widest == 1


def swept(moves: HamiltonianMoves, frame: Frame, threads: int, **options: object) -> list[Array]:
    """What three sweeps leave."""
    found = []
    with crew.working(threads):
        for sweep in range(3):
            outcome = moves.sweep(frame, (7, 1, 0, sweep), **options)
            found += [outcome.accepted, outcome.change, outcome.error, outcome.energy]
    return [*found, frame.atoms, frame.residual, frame.grid.reach, frame.grid.largest, frame.velocity]


@pytest.mark.parametrize(("make", "options", "how"), [
    (melt, {}, {}), (melt, {}, {"cap": 20.0}), (octane, {"friction": 2.0}, {}), (octane, {"sigma": 0.02}, {}),
    (octane, {"friction": 2.0}, {"tempering": Tempering(4.0, 60.0)})],
    ids=["melt", "capped", "friction", "soft", "tempered"])
def test_any_number_of_threads_comes_to_the_same_bytes(make, options: dict, how: dict) -> None:
    moves, atoms, box = make(**options)
    found = []
    for threads in (1, 2, 3):
        frame = started(moves, atoms, box)
        frame.half[:] -= 0.1  # some leave their cubes
        found.append(swept(moves, frame, threads, **how))
    for other in found[1:]:
        for value, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(value, same)


def test_a_colour_comes_to_what_its_blocks_come_to_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cubes: hardly any leaves them, and what one does no other sees."""
    moves, atoms, box = melt()
    at_once, course = swept(moves, started(moves, atoms, box), 2), type(moves._colours).course

    def one_by_one(self, *arguments: object) -> SweepOrder:
        found = course(self, *arguments)
        assert found.widest > 1
        return found._replace(start=np.arange(len(found.order) + 1))

    monkeypatch.setattr(type(moves._colours), "course", one_by_one)
    for value, other in zip(at_once, swept(moves, started(moves, atoms, box), 1), strict=True):
        np.testing.assert_array_equal(value, other)


def test_blocks_that_stay_in_cubes_keep_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """These are so narrow that many trajectories leave them, and many trimers cannot begin; what moves alone may."""
    monkeypatch.setattr(colours, "ALONE", 0.4)
    system, atoms = chains.far_apart(WHOLE, trimers())
    moves = HamiltonianMoves(system, chains.field_of(WHOLE), 300.0, 4, 60.0)
    frame, states, thrown = moves.frame(atoms, system.map(atoms), None), [], []
    frame.half[:] = 0.11
    for sweep in range(260):
        thrown.append(np.isinf(moves.sweep(frame, (1, 2, 0, sweep)).error).mean())
        states.append(frame.atoms[system.groups[0].atoms])
    assert 0.2 < np.mean(thrown) < 0.6
    angles = chains.angle_of(np.stack(states[20:]), 0, 1, 2)
    assert chains.p_value(angles, EDGES, trimer_shares(False)) > REFUSED
    assert chains.p_value(angles, EDGES, trimer_shares(True)) < SEEN


def test_cubes_hold_what_bonds_let_go() -> None:
    known = polystyrene.melt()
    kind, n = known.system.types[0], known.system.n_beads
    owner = np.concatenate([kind.mapping.owner + first for first in range(0, n, kind.n_beads)])
    half = np.tile(colours.half_edges(kind), n // kind.n_beads)
    for atoms, beads in zip(known.atoms, known.beads, strict=True):
        assert (np.abs(atoms - beads[owner]) <= half[owner, None]).all()
    assert half.max() < 0.4


def test_a_failure_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    moves, atoms, box = octane()
    frame, plain = started(moves, atoms, box), sharing.sweep

    def fails(*arguments: object) -> object:
        if arguments[-1].number == 1:
            raise MemoryError
        return plain(*arguments)

    moves.sweep(frame, (1, 2, 0, 0))
    monkeypatch.setattr(sharing, "sweep", fails)
    with pytest.raises(MemoryError), crew.working(2):
        moves.sweep(frame, (1, 2, 0, 1))


def test_beads_that_moved_are_looked_at_anew() -> None:
    moves, atoms, box = octane(2)
    frame = started(moves, atoms, box)
    near, every = moves._colours._near, np.ones(len(frame.half), dtype=bool)
    before = near(frame.grid, frame.half, every)
    assert near(frame.grid, frame.half.copy(), every) is before
    wider = {"beads": frame.grid.beads * 1.1}, {"lattice": frame.grid.lattice * 1.1}
    for cells, half in (*((frame.grid._replace(**one), frame.half) for one in wider), (frame.grid, 2 * frame.half)):
        assert near(cells, half, every) is not before


def test_atoms_that_begin_far_out_have_wider_cubes() -> None:
    moves, atoms, box = octane(2)
    frame = started(moves, atoms, box)
    np.testing.assert_array_equal(frame.half, moves._colours.half)
    far, beads = atoms + np.where(np.arange(len(atoms)) == 5, 1.0, 0.0)[:, None], moves.system.map(atoms)
    wide = moves.frame(far, beads, box)
    assert (wide.half >= wide.grid.reach + 0.05).all()
    assert (wide.half > frame.half).any()


@pytest.mark.parametrize("box", [np.diag([2.0, 2.5, 3.0]), 4.0 * SLANT, None], ids=["narrow", "triclinic", "no box"])
def test_beads_see_each_other_as_a_plain_loop_finds(box: Array | None) -> None:
    """Cubes of all periodic images; of beads that are not asked for nothing is said."""
    rng, n, far = np.random.default_rng(2), 60, 0.9
    beads, half, wanted = rng.uniform(-2, 6, (n, 3)), rng.uniform(0.1, 0.6, n), rng.random(n) < 0.5
    start, seen = colours.seeing(grid(beads, beads.copy(), np.arange(n), box), half, far, wanted)
    shifts = np.zeros((1, 3)) if box is None else np.array([*np.ndindex(13, 13, 13)]) @ box - 6 * box.sum(axis=0)
    for bead in range(n):
        apart = np.abs(beads[:, None] + shifts - beads[bead]) - (half + half[bead])[:, None, None]
        expected = (np.maximum(apart, 0)**2).sum(axis=2).min(axis=1) < far**2
        found = seen[start[bead]:start[bead + 1]]
        assert len(set(found)) == len(found)
        assert set(found) == (set(np.flatnonzero(expected)) if wanted[bead] else set())
