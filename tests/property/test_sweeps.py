"""Drawing many sites at once is the same as drawing one after the other, however windows and chunks are cut."""
from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from backmap_plugins.generators.equivariant.generator import Equivariant
from backmap_plugins.generators.template.generator import Template, TemplateOptions
from backmap_plugins.regularizers.steric import Steric, StericOptions
from backmap_plugins.traversals import BreadthFirst, Rooted

from backmap.engine.random import Stream
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable
from backmap.engine.sites.schedule import Schedule, forward_schedule, gibbs_schedule, parallel_schedule
from backmap.engine.sites.sweep import Sweeper, projection
from backmap.model.system import System, Window
from tests import scenes

STREAM = (7, 3, "sweep", 0)
NOISE, TEMPERATURE = 0.25, 350.0
#: Positions in two batches of different size agree to this, nm: the network computes in single precision.
SAME = 1e-5


@cache
def network() -> Equivariant:
    return scenes.tiny()


@cache
def crowd() -> tuple[System, Window]:
    return scenes.crowd((scenes.octane_system().types[0], 3), (scenes.phenyl(), 2), box=0.85 * scenes.SMALL, n_frames=3)


def gibbs(scene: Scene) -> Schedule:
    return gibbs_schedule(scene.surroundings, crowd()[0], np.random.default_rng(5))


def sweeper(**options) -> Sweeper:
    return Sweeper(**{"generator": network(), "temperature": TEMPERATURE} | options)


def swept(frames: list[int], what: Sweeper | None = None, project: bool = False) -> np.ndarray:
    """Atoms after a sweep of a window of some of the frames."""
    system, window = crowd()
    part = scenes.part_of(window, frames)
    scene = scenes.scene_of(system, part)
    mend = projection(system) if project else None
    (what or sweeper()).sweep(scene, gibbs(scene), STREAM, part.frames, NOISE, mend)
    return scene.atoms.numpy()


def swept_serially(scene: Scene, schedule: Schedule, frames: np.ndarray, noise: float = NOISE,
                   project: Callable[[Scene], None] | None = None) -> np.ndarray:
    """The slow twin of ``Sweeper.sweep``: one site after the other, in the order of the batches."""
    for stage in schedule:
        for batch in stage:
            for frame, bead in zip(torch.as_tensor(batch.frame), torch.as_tensor(batch.bead)):
                frame, bead = frame[None], bead[None]
                env = scene.gather(frame, bead, noise, TEMPERATURE)
                rng = Stream.of(*STREAM, torch.as_tensor(frames)[frame], bead)
                draw = network().draw(env, rng, 1)
                scene.scatter(frame, bead, env.block, draw.positions[:, 0])
        if project is not None:
            project(scene)
    return scene.atoms.numpy()


@cache
def together() -> np.ndarray:
    """Three frames in one window, in batches as large as they get."""
    return swept([0, 1, 2])


def test_a_sweep_moves_every_atom_that_is_not_pinned() -> None:
    still = np.abs(together() - crowd()[1].atoms).max(axis=-1) < 1e-6
    assert still.sum() == 3 * 2


def test_a_sweep_is_drawing_one_site_after_the_other() -> None:
    system, window = crowd()
    scene = scenes.scene_of(system, scenes.part_of(window, [0, 2]))
    serial = swept_serially(scene, gibbs(scene), window.frames[[0, 2]])
    np.testing.assert_allclose(serial, together()[[0, 2]], atol=SAME, rtol=0)


def test_the_order_of_two_batches_matters() -> None:
    """So that the test above would see a wrong order."""
    system, window = crowd()
    scene = scenes.scene_of(system, window)
    backwards = [stage[::-1] for stage in gibbs(scene)]
    sweeper().sweep(scene, backwards, STREAM, window.frames, NOISE)
    assert np.abs(scene.atoms.numpy() - together()).max() > 1e-3


@pytest.mark.parametrize("frames", [[1], [2, 0]])
def test_a_frame_is_the_same_in_any_window(frames: list[int]) -> None:
    np.testing.assert_allclose(swept(frames), together()[frames], atol=SAME, rtol=0)


@pytest.mark.parametrize("chunk", [1, 5])
def test_chunks_change_nothing(chunk: int) -> None:
    np.testing.assert_allclose(swept([0, 1, 2], sweeper(chunk=chunk)), together(), atol=SAME, rtol=0)


def test_projection_between_the_halves_changes_none_of_this() -> None:
    system, window = crowd()
    scene = scenes.scene_of(system, scenes.part_of(window, [1]))
    serial = swept_serially(scene, gibbs(scene), window.frames[[1]], project=projection(system))
    np.testing.assert_allclose(swept([0, 1, 2], project=True)[1], serial[0], atol=SAME, rtol=0)


def test_candidates_are_chosen_the_same_in_any_window_and_chunk() -> None:
    choosy = {"regularizer": Steric(StericOptions()), "candidates": 3, "second": 2}
    whole = swept([0, 1, 2], sweeper(**choosy))
    assert np.abs(whole - together()).max() > 1e-3
    np.testing.assert_allclose(swept([1], sweeper(**choosy, chunk=4))[0], whole[1], atol=SAME, rtol=0)


def test_forward_sampling_is_drawing_one_site_after_the_other() -> None:
    system, window = crowd()
    orders = [BreadthFirst(Rooted()).order(kind, np.random.default_rng(0)) for kind in system.types]
    tables = FragmentTable.build(system.types, network().view, orders, sequential=True)

    def blank(frames: list[int]) -> tuple[Scene, Schedule, np.ndarray]:
        part = scenes.part_of(window, frames)
        part.atoms = part.placed = None
        scene = Scene.of(part, system, tables, network().view)
        return scene, forward_schedule(scene.surroundings, system, orders), part.frames

    scene, schedule, frames = blank([0, 2])
    sweeper(chunk=7).sweep(scene, schedule, STREAM, frames, 0.0)
    assert bool(scene.placed.all())
    serial = swept_serially(*blank([2]), noise=0.0)
    np.testing.assert_allclose(scene.atoms.numpy()[1], serial[0], atol=SAME, rtol=0)


def test_a_parallel_start_does_not_depend_on_chunks_even_where_a_regularizer_chooses() -> None:
    """Sites of one batch do not see each other, in whichever chunk they are drawn."""
    system, window = crowd()
    template = Template(TemplateOptions(conformers=4))
    template.prepare(system, "cpu")
    found = []
    for chunk in (512, 11):
        part = scenes.part_of(window, [0, 1, 2])
        part.atoms = part.placed = None
        scene = scenes.scene_of(system, part)
        what = Sweeper(template, Steric(StericOptions()), candidates=4, temperature=TEMPERATURE, chunk=chunk)
        what.sweep(scene, parallel_schedule(scene.surroundings), STREAM, part.frames)
        found.append(scene.atoms.numpy())
    np.testing.assert_allclose(found[0], found[1], atol=SAME, rtol=0)
