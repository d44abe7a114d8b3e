"""Batches: every bead once, ranks respected, no two sites of a batch in conflict."""
from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from backmap_plugins.traversals import BreadthFirst, DepthFirst, Random, Rooted
from hypothesis import given, settings
from hypothesis import strategies as st

from backmap import testing
from backmap.engine.sites.contracts import Order
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.schedule import (
    Batch,
    Schedule,
    drawn,
    forward_schedule,
    gibbs_schedule,
    halves,
    parallel_schedule,
    per_bead,
)
from backmap.model.system import System
from tests import builders, scenes
from tests.latents import as_one


@cache
def crowd() -> tuple[System, Scene]:
    system, window = scenes.crowd(n_frames=3)
    return system, scenes.scene_of(system, window)


@cache
def single(frame: int) -> Scene:
    """One frame of the crowd, on its own."""
    system, window = scenes.crowd(n_frames=3)
    return scenes.scene_of(system, scenes.part_of(window, [frame]))


def sites(schedule: Schedule) -> list[tuple[int, int]]:
    """Frame and bead in the order in which they are drawn."""
    return [(int(f), int(b)) for stage in schedule for batch in stage for f, b in zip(batch.frame, batch.bead)]


def from_first(side: np.ndarray) -> list[int]:
    """Halves with that of the first bead called 0."""
    return (side ^ side[0]).tolist()


def assert_proper(scene: Scene, schedule: Schedule) -> None:
    for stage in schedule:
        for batch in stage:
            assert len(batch.bead)
            for frame in np.unique(batch.frame):
                beads = batch.bead[batch.frame == frame]
                assert scene.surroundings.conflicts[frame][beads][:, beads].nnz == 0


def gibbs(scene: Scene, system: System, seed: int = 0, only: np.ndarray | None = None) -> Schedule:
    return gibbs_schedule(scene.surroundings, system, np.random.default_rng(seed), only)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(deadline=None, max_examples=30)
def test_a_sweep_draws_every_chosen_bead_once(seed: int, share: float) -> None:
    system, scene = crowd()
    only = np.random.default_rng(seed).random((3, system.n_beads)) < share
    schedule = gibbs(scene, system, seed, only)
    assert sorted(sites(schedule)) == sorted(map(tuple, np.argwhere(only).tolist()))
    assert_proper(scene, schedule)


def test_without_a_mask_a_sweep_draws_all_beads() -> None:
    system, scene = crowd()
    schedule = gibbs(scene, system)
    assert sorted(sites(schedule)) == [(f, b) for f in range(3) for b in range(system.n_beads)]
    assert_proper(scene, schedule)
    assert max(len(batch.bead) for stage in schedule for batch in stage) > 3  # frames fill batches together


def test_beads_that_own_nothing_are_not_drawn() -> None:
    octane = scenes.octane_system().types[0]
    system = System(((as_one(octane), 2), (octane, 1)))
    assert drawn(system).tolist() == [True, False, False, False] * 2 + [True] * 4


def test_an_empty_mask_gives_an_empty_sweep() -> None:
    system, scene = crowd()
    assert gibbs(scene, system, only=np.zeros((3, system.n_beads), dtype=bool)) == []


def test_a_half_sweep_leaves_bonded_neighbours_alone() -> None:
    system, scene = crowd()
    side = per_bead(system, [halves(kind) for kind in system.types])
    stages = gibbs(scene, system)
    assert len(stages) == 2
    for number, stage in enumerate(stages):
        assert {side[b] for batch in stage for b in batch.bead} == {number}
    for group in system.groups:
        for i, j in group.type.bead_bonds:
            assert (side[group.beads[:, i]] != side[group.beads[:, j]]).all()


@pytest.mark.parametrize(("bonds", "expected"), [
    ([(0, 1), (1, 2), (2, 3)], [0, 1, 0, 1]), ([(0, 1), (0, 2), (0, 3)], [0, 1, 1, 1]), ([], [0, 0, 0, 0]),
    ([(0, 1), (1, 2), (2, 3), (0, 3)], [0, 1, 0, 1])])
def test_halves_are_the_two_sides_of_the_bead_graph(bonds: list, expected: list[int]) -> None:
    kind = testing.molecule_type("X", [6] * 4, bonds, [[b] for b in range(4)])
    assert from_first(halves(kind)) == expected


def test_halves_of_an_odd_ring_are_those_of_its_spanning_tree() -> None:
    kind = testing.molecule_type("X", [6] * 3, [(0, 1), (1, 2), (0, 2)], [[b] for b in range(3)])
    assert from_first(halves(kind)) == [0, 1, 1]


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=15)
def test_a_frame_is_drawn_in_the_same_order_in_any_window(seed: int) -> None:
    system, scene = crowd()
    together = sites(gibbs(scene, system, seed))
    for frame in range(3):
        alone = [bead for _, bead in sites(gibbs(single(frame), system, seed))]
        assert [bead for f, bead in together if f == frame] == alone


def test_colours_come_in_another_order_in_every_sweep() -> None:
    system, scene = crowd()
    orders = {tuple(sites(gibbs(scene, system, seed))) for seed in range(5)}
    assert len(orders) == 5


@pytest.mark.parametrize("traversal", [DepthFirst, BreadthFirst, Random])
def test_forward_sampling_respects_ranks(traversal: type) -> None:
    system, scene = crowd()
    orders = [traversal(Rooted()).order(kind, np.random.default_rng(1)) for kind in system.types]
    schedule = forward_schedule(scene.surroundings, system, orders)
    drawn = sites(schedule)
    assert sorted(drawn) == [(f, b) for f in range(3) for b in range(system.n_beads)]
    ranks = per_bead(system, [order.ranks for order in orders])
    along = [int(ranks[b]) for _, b in drawn]
    assert along == sorted(along)
    assert len(schedule) == 1
    assert_proper(scene, schedule)


def test_beads_of_one_rank_and_molecule_that_see_each_other_are_drawn_one_by_one() -> None:
    system, scene = crowd()
    flat = [Order(np.zeros(kind.n_beads, dtype=np.int64), np.full(kind.n_beads, -1)) for kind in system.types]
    schedule = forward_schedule(scene.surroundings, system, flat)
    assert_proper(scene, schedule)
    assert len(sites(schedule)) == 3 * system.n_beads


def test_bonded_fragments_are_in_conflict_however_far_apart_their_beads_are() -> None:
    system, window = scenes.crowd(n_frames=1)
    window.beads = window.beads * 50
    window.boxes = window.boxes * 50
    conflicts = scenes.scene_of(system, window).surroundings.conflicts[0].toarray()
    octane = system.groups[0].beads[0]
    assert conflicts[octane[0], octane[1]]
    assert not conflicts[octane[0], octane[3]]


def test_a_parallel_start_is_one_batch() -> None:
    system, scene = crowd()
    (stage,) = parallel_schedule(scene.surroundings)
    assert len(stage) == 1
    assert sites([stage]) == [(f, b) for f in range(3) for b in range(system.n_beads)]


@given(st.integers(1, 50), st.integers(1, 60))
def test_chunks_are_the_batch_in_order(n: int, size: int) -> None:
    batch = Batch(np.arange(n), np.arange(n)[::-1])
    parts = list(batch.chunks(size))
    assert max(len(part.bead) for part in parts) <= size
    np.testing.assert_array_equal(np.concatenate([part.frame for part in parts]), batch.frame)
    np.testing.assert_array_equal(np.concatenate([part.bead for part in parts]), batch.bead)


def test_values_of_types_are_spread_over_the_beads() -> None:
    system = builders.system()  # 2 butane, 3 water, 2 chiral, 1 butane
    spread = per_bead(system, [np.array([1, 2]), np.array([5]), np.array([8, 9])])
    assert spread.tolist() == [1, 2, 1, 2, 5, 5, 5, 8, 9, 8, 9, 1, 2]
