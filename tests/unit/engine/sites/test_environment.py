"""What a site sees, against a slow and obvious twin; and what it must not see."""
from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backmap.engine.random import Stream
from backmap.engine.sites.contracts import View
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.schedule import gibbs_schedule
from backmap.model.system import Group, System, Window
from tests import builders, scenes

_CELLS = np.array(list(itertools.product(range(-3, 4), repeat=3)))


@st.composite
def surroundings(draw: st.DrawFn) -> tuple[System, Window, View]:
    """Octane and a ring in a triclinic box or none, some atoms not placed."""
    box = None
    if draw(st.integers(0, 3)):
        a, b, c = (draw(st.floats(1.3, 2.5)) for _ in range(3))
        xy, xz, yz = (draw(st.floats(-0.5, 0.5)) for _ in range(3))
        box = np.array([[a, 0, 0], [xy * a, b, 0], [xz * a, yz * b, c]])
    seed = draw(st.integers(0, 2**32 - 1))
    blocks = ((scenes.octane_system().types[0], 2), (scenes.phenyl(), 1), (scenes.octane_system().types[0], 1))
    system, window = scenes.crowd(*blocks, box=box, n_frames=2, seed=seed)
    window.placed[:] = np.random.default_rng(seed).random(window.placed.shape) < draw(st.sampled_from([0.5, 1.0]))
    return system, window, View(cutoff=draw(st.floats(0.4, 0.9)), context=draw(st.integers(2, 5)))


def owners(system: System) -> Iterator[tuple[Group, int, int, np.ndarray]]:
    """Group, number of the molecule in it, system index of each bead and of the atoms it owns."""
    for group in system.groups:
        for molecule in range(len(group.beads)):
            for bead, own in enumerate(group.type.mapping.fragments()):
                yield group, molecule, int(group.beads[molecule, bead]), group.atoms[molecule, own]


def seen_by_loops(system: System, window: Window, view: View, frame: int, anchor: int) -> tuple[list, list]:
    """Atoms and beads around one bead: rows of (identity, placed or own molecule, position)."""
    bases = np.cumsum([0] + [kind.n_atoms for kind in system.types])
    first = np.cumsum([0] + [kind.n_beads for kind in system.types])
    cells = _CELLS @ window.boxes[frame] if window.box(frame) is not None else np.zeros((1, 3))
    at = window.beads[frame, anchor]
    mine = next((group, molecule) for group, molecule, bead, _ in owners(system) if bead == anchor)
    atoms, beads = [], []
    for group, molecule, bead, own in owners(system):
        if bead == anchor:
            continue
        kind = system.groups.index(group)
        for shift in cells:
            vector = window.beads[frame, bead] + shift - at
            if np.linalg.norm(vector) > view.cutoff:
                continue
            beads.append((first[kind] + bead - group.bead_offset[molecule], *vector))
            same = (group, molecule) == mine
            for atom in own:
                atoms.append((bases[kind] + atom - group.atom_offset[molecule], window.placed[frame, atom], same,
                              *(window.atoms[frame, atom] + shift - at)))
    return sorted(atoms), sorted(beads)


@given(surroundings(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_a_site_sees_what_loops_over_all_cells_see(drawn: tuple[System, Window, View], seed: int) -> None:
    system, window, view = drawn
    scene = scenes.scene_of(system, window, view)
    rng = np.random.default_rng(seed)
    frame, bead = torch.as_tensor(rng.integers(0, 2, 6)), torch.as_tensor(rng.integers(0, system.n_beads, 6))
    env = scene.gather(frame, bead)
    for s in range(6):
        atoms, beads = seen_by_loops(system, window, view, int(frame[s]), int(bead[s]))
        there = torch.nonzero(scene.surroundings.atoms[frame[s], bead[s]] >= 0)[:, 0]
        found = [(int(env.neighbour_atom[s, n]), bool(env.neighbours_placed[s, n]), bool(env.neighbour_same[s, n]),
                  *env.neighbours[s, n].tolist()) for n in there]
        _assert_close(found, atoms, 3)
        assert not env.neighbours_placed[s].sum() > len(there)
        near = torch.nonzero(env.neighbour_beads_present[s])[:, 0]
        seen = [(int(env.neighbour_bead_row[s, p]), *env.neighbour_beads[s, p].tolist()) for p in near]
        _assert_close(seen, beads, 1)


def _assert_close(found: list[tuple], expected: list[tuple], n_keys: int) -> None:
    """Equal rows, in any order; the first ``n_keys`` columns are exact, the rest are positions in nm."""
    assert len(found) == len(expected)
    if not found:
        return
    a, b = (np.array(sorted((*row[:n_keys], *np.round(row[n_keys:], 4)) for row in rows)) for rows in (found, expected))
    a, b = a[np.lexsort(a.T[::-1])], b[np.lexsort(b.T[::-1])]
    np.testing.assert_allclose(a, b, atol=2.1e-4)


@given(surroundings())
@settings(deadline=None, max_examples=8)
def test_context_and_beads_of_the_own_molecule(drawn: tuple[System, Window, View]) -> None:
    system, window, view = drawn
    scene = scenes.scene_of(system, window, view)
    tables = scene.fragments
    for group, molecule, bead, own in owners(system):
        env = scene.gather(torch.tensor([1]), torch.tensor([bead]), noise=0.5, temperature=400.0)
        at = window.beads[1, bead]
        kind = system.groups.index(group)
        base, first = int(tables.atom_base[kind]), int(tables.row_base[kind])
        row = int(env.row[0])
        drawn = sorted((env.atoms[0][env.block[0]] - base).tolist())
        assert drawn == sorted((own - group.atom_offset[molecule]).tolist())
        for c, atom in enumerate(tables.context[row].tolist()):
            index = group.atom_offset[molecule] + atom - base
            placed = atom >= 0 and bool(window.placed[1, index])
            assert bool(env.context_placed[0, c]) == placed
            expected = window.atoms[1, index] - at if placed else np.zeros(3)
            np.testing.assert_allclose(env.context[0, c], expected, atol=1e-6)
        for q, other in enumerate(tables.beads[row].tolist()):
            expected = window.beads[1, group.bead_offset[molecule] + other - first] - at if other >= 0 else np.zeros(3)
            np.testing.assert_allclose(env.beads[0, q], expected, atol=1e-6)
            assert bool(env.beads_present[0, q]) == (other >= 0)
        assert (float(env.noise[0]), float(env.temperature[0])) == (0.5, 400.0)


@cache
def crowd() -> tuple[System, Window]:
    return scenes.crowd()


def one_colour(scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
    """Sites that do not see each other."""
    schedule = gibbs_schedule(scene.surroundings, crowd()[0], np.random.default_rng(0))
    batch = max((batch for stage in schedule for batch in stage), key=lambda batch: len(batch.bead))
    return torch.as_tensor(batch.frame), torch.as_tensor(batch.bead)


def test_a_site_never_sees_where_its_own_atoms_are() -> None:
    """With present atoms that are no numbers, environment and draws are the same, bit for bit."""
    system, window = crowd()
    scene, blind = scenes.scene_of(system, window), scenes.scene_of(system, window)
    frame, bead = one_colour(scene)
    nothing = torch.full((*scene.layout.owned[bead].shape, 3), torch.nan, dtype=torch.float64)
    blind.scatter(frame, bead, scene.layout.owned[bead] >= 0, nothing)
    assert not blind.atoms.isfinite().all()
    here, there = scene.gather(frame, bead), blind.gather(frame, bead)
    for field in fields(here):
        if field.name not in ("fragments", "before"):  # no frame comes before this one
            assert torch.equal(getattr(here, field.name), getattr(there, field.name)), field.name
    generator = scenes.tiny()
    draws = [generator.draw(env, Stream.of(1, frame, bead), 2) for env in (here, there)]
    assert torch.equal(draws[0].positions, draws[1].positions)
    assert torch.equal(draws[0].log_density, draws[1].log_density)


def test_a_block_hides_its_atoms_and_gives_the_rest_of_the_fragment() -> None:
    system, window = crowd()
    scene = scenes.scene_of(system, window)
    frame, bead = one_colour(scene)
    chosen = torch.rand(scene.layout.owned[bead].shape, generator=torch.Generator().manual_seed(0)) < 0.5
    mask = chosen & (scene.layout.owned[bead] >= 0)
    true = scene.own(frame, bead)
    scene.scatter(frame, bead, mask, torch.full((*mask.shape, 3), torch.nan, dtype=torch.float64))
    env = scene.gather(frame, bead, block=chosen)
    assert torch.equal(env.block, mask)
    rest = (scene.layout.owned[bead] >= 0) & ~mask
    torch.testing.assert_close(env.given[rest], true[rest])
    assert (env.given[~rest] == 0).all()
    generator = scenes.tiny()
    draw = generator.draw(env, Stream.of(1, frame, bead))
    assert draw.positions.isfinite().all()
    torch.testing.assert_close(draw.positions[:, 0][rest].float(), true[rest])
    torch.testing.assert_close(generator.log_density(env, draw.positions[:, 0]), draw.log_density[:, 0],
                               rtol=1e-5, atol=1e-5)


def test_scatter_moves_the_block_and_nothing_else() -> None:
    system, window = crowd()
    window = scenes.part_of(window, [0, 1])
    window.atoms = window.placed = None
    scene = scenes.scene_of(system, window)
    frame, bead = torch.tensor([1, 0]), torch.tensor([2, 5])
    block = scene.layout.owned[bead] >= 0
    block[0, 1:] = False
    scene.scatter(frame, bead, block, torch.full((*block.shape, 3), 0.25, dtype=torch.float64))
    atoms = [int(scene.layout.owned[2, 0]), *scene.layout.owned[5][block[1]].tolist()]
    expected = np.zeros((2, system.n_atoms), dtype=bool)
    expected[1, atoms[0]] = expected[0, atoms[1:]] = True
    np.testing.assert_array_equal(scene.placed.numpy(), expected)
    np.testing.assert_allclose(scene.atoms[1, atoms[0]], window.beads[1, 2] + 0.25)
    for atom in atoms[1:]:
        np.testing.assert_allclose(scene.atoms[0, atom], window.beads[0, 5] + 0.25)
    assert (scene.atoms.numpy()[~expected] == 0).all()


def test_without_atoms_nothing_is_placed() -> None:
    system, window = crowd()
    window = scenes.part_of(window, [0, 1])
    window.atoms = window.placed = None
    scene = scenes.scene_of(system, window)
    env = scene.gather(*scenes.every_site(scene))
    assert not env.neighbours_placed.any()
    assert not env.context_placed.any()


def test_the_scene_does_not_write_into_its_window() -> None:
    system, window = crowd()
    before = window.atoms.copy()
    scene = scenes.scene_of(system, window)
    scene.atoms += 1.0
    np.testing.assert_array_equal(window.atoms, before)


def test_a_lonely_bead_has_no_neighbours() -> None:
    system = System(((builders.water(), 1),))
    window = builders.window(system, n_frames=1)
    window.boxes[:] = 0
    env = scenes.scene_of(system, window).gather(torch.tensor([0]), torch.tensor([0]))
    assert not env.neighbours_placed.any()
    assert not env.neighbour_beads_present.any()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_mirrored_multiplies_positions_by_the_sign(sign: float) -> None:
    system, window = crowd()
    scene = scenes.scene_of(system, window)
    env = scene.gather(*scenes.every_site(scene))
    env.sign[:] = sign
    world = env.mirrored()
    for name in ("given", "context", "beads", "neighbours", "neighbour_beads"):
        assert torch.equal(getattr(world, name), sign * getattr(env, name))


@given(surroundings(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=10)
def test_what_is_gathered_compiled_is_what_tensors_gather(drawn: tuple[System, Window, View], seed: int) -> None:
    system, window, view = drawn
    scene = scenes.scene_of(system, window, view)
    rng = np.random.default_rng(seed)
    frame, bead = torch.as_tensor(rng.integers(0, 2, 6)), torch.as_tensor(rng.integers(0, system.n_beads, 6))
    expected = scene._around(frame, bead, None)
    for name, found in scene._around_quickly(frame, bead).items():
        assert found.dtype == expected[name].dtype
        assert torch.equal(found, expected[name]), name
