"""Rigid fragments turned onto beads."""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.transform import Rotation

from backmap.engine.checkpoints.library import Conformers, Library, about, collect, descriptor, fit
from backmap.engine.random import Stream
from backmap.engine.sites.environment import Scene
from backmap.model.system import System, Window
from tests import scenes

N = 20_000
_seeds = st.integers(0, 2**32 - 1)


def turns(seed: int, n: int) -> torch.Tensor:
    return torch.as_tensor(Rotation.random(n, rng=np.random.default_rng(seed)).as_matrix())


def cloud(seed: int, *shape: int) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(*shape, 3)))


def turned(turn: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    return torch.einsum("sij,sqj->sqi", turn, points)


@given(_seeds, st.integers(3, 8))
@settings(deadline=None, max_examples=30)
def test_fit_recovers_a_rotation_whatever_the_spin(seed: int, n: int) -> None:
    points, turn = cloud(seed, 5, n), turns(seed + 1, 5)
    found = fit(points, turned(turn, points), torch.ones(5, n, dtype=torch.float64), turns(seed + 2, 5))
    torch.testing.assert_close(found, turn, atol=1e-8, rtol=0)


def test_fit_looks_only_at_points_with_weight() -> None:
    points, turn = cloud(0, 4, 5), turns(1, 4)
    target = turned(turn, points)
    target[:, 3:] = cloud(2, 4, 2)
    weight = torch.tensor([1.0, 1, 1, 0, 0], dtype=torch.float64).expand(4, -1)
    torch.testing.assert_close(fit(points, target, weight, turns(3, 4)), turn, atol=1e-8, rtol=0)


def test_fit_to_a_mirror_image_is_still_a_rotation() -> None:
    points = cloud(0, 20, 6)
    found = fit(points, points * torch.tensor([1.0, 1.0, -1.0]), torch.ones(20, 6, dtype=torch.float64), turns(3, 20))
    torch.testing.assert_close(torch.linalg.det(found), torch.ones(20, dtype=torch.float64))


def test_fit_of_noisy_points_is_the_least_squares_rotation() -> None:
    rng = np.random.default_rng(0)
    moving, weight = rng.normal(size=(7, 3)), rng.random(7)
    target = Rotation.random(rng=rng).apply(moving) + 0.1 * rng.normal(size=(7, 3))
    expected, _ = Rotation.align_vectors(target, moving, weight)
    found = fit(*(torch.as_tensor(x)[None] for x in (moving, target, weight)), turns(0, 1))
    np.testing.assert_allclose(found[0], expected.as_matrix(), atol=1e-8)


def test_collinear_points_get_a_uniform_spin_about_their_axis() -> None:
    moving = torch.tensor([[0.0, 0, 0], [0.2, 0, 0], [-0.5, 0, 0]], dtype=torch.float64).expand(N, -1, -1)
    axis = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    target = moving[:, :, :1] * axis
    found = fit(moving, target, torch.ones(N, 3, dtype=torch.float64), Stream.of(0, torch.arange(N)).rotation())
    torch.testing.assert_close(turned(found, moving), target, atol=1e-8, rtol=0)
    side = found[:, :, 1]  # where a direction across the axis goes
    angle = torch.atan2(side[:, 1], side[:, 0] * 0.8 - side[:, 2] * 0.6)
    assert stats.kstest(angle.numpy(), "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3


def test_a_single_point_is_turned_anyhow() -> None:
    spin = turns(4, 10)
    nothing = torch.zeros(10, 3, 3, dtype=torch.float64)
    assert torch.equal(fit(nothing, nothing, torch.ones(10, 3, dtype=torch.float64), spin), spin)


def test_about_is_rodrigues_formula() -> None:
    rng = np.random.default_rng(0)
    axis = rng.normal(size=(6, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = rng.uniform(-4, 4, 6)
    expected = Rotation.from_rotvec(axis * angle[:, None]).as_matrix()
    np.testing.assert_allclose(about(torch.as_tensor(axis), torch.as_tensor(angle)), expected, atol=1e-12)


@given(_seeds)
@settings(deadline=None, max_examples=20)
def test_the_descriptor_knows_shapes_and_hands_but_not_orientations(seed: int) -> None:
    points, present = cloud(seed, 3, 6), torch.ones(3, 6, dtype=torch.bool)
    here = descriptor(points, present)
    torch.testing.assert_close(descriptor(turned(turns(seed, 3), points), present), here)
    mirror = descriptor(-points, present)
    torch.testing.assert_close(mirror[:, :-1], here[:, :-1])
    torch.testing.assert_close(mirror[:, -1], -here[:, -1])


@cache
def crowd() -> tuple[System, Window, Scene]:
    """Molecules that are turned copies of one conformation."""
    system, window = scenes.crowd()
    return system, window, scenes.scene_of(system, window)


def placed(library: Library, scene: Scene, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Fragments of all sites, and the true ones, (S, F, 3)."""
    frame, bead = scenes.every_site(scene)
    env = scene.gather(frame, bead)
    found = library.place(env, Stream.of(seed, frame, bead))
    return found * env.block[:, :, None], scene.own(frame, bead).double() * env.block[:, :, None]


def test_a_fragment_that_is_in_the_library_is_placed_where_it_was() -> None:
    *_, scene = crowd()
    found, true = placed(collect(scene, 1, seed=0), scene)
    torch.testing.assert_close(found, true, atol=1e-5, rtol=0)


def test_the_other_hand_is_placed_by_the_same_library() -> None:
    """Conformers are kept for one hand; the mirror image of a crowd has its atoms at the mirror image."""
    system, window, scene = crowd()
    library = collect(scene, 1, seed=0)
    kinds = {kind: replace(kind, chemistry=replace(kind.chemistry, sign=-kind.chemistry.sign)) for kind in system.types}
    other = System(tuple((kinds[kind], count) for kind, count in system.blocks))
    mirrored = replace(window, atoms=window.atoms * [1, 1, -1], beads=window.beads * [1, 1, -1],
                       boxes=window.boxes * [1, 1, -1])
    chiral = [k for k, kind in enumerate(system.types) if kind.chemistry.sign.any()]
    found, true = placed(library, scenes.scene_of(other, mirrored))
    of_chiral = torch.isin(scene.fragments.type[scene.layout.row], torch.tensor(chiral)).repeat(window.size)
    torch.testing.assert_close(found[of_chiral], true[of_chiral], atol=1e-5, rtol=0)


def test_placed_fragments_have_their_bead_where_it_should_be() -> None:
    system, window, scene = crowd()
    frame, bead = scenes.every_site(scene)
    blank = replace(scene, atoms=torch.zeros_like(scene.atoms), placed=torch.zeros_like(scene.placed))
    env = blank.gather(frame, bead)
    blank.scatter(frame, bead, env.block, collect(scene, 8, seed=1).place(env, Stream.of(1, frame, bead)))
    np.testing.assert_allclose(system.map(blank.atoms.numpy()), window.beads, atol=1e-6)


def test_few_conformers_are_repeated() -> None:
    *_, scene = crowd()
    library = collect(scene, 30, seed=0)
    octane = library.types["OCT"]
    assert tuple(octane.own.shape) == (4, 30, 11, 3)
    assert torch.equal(octane.own[:, :8], octane.own[:, 8:16])


def test_a_library_fits_molecules_with_the_same_atoms() -> None:
    system, *_ = crowd()
    kind = system.types[0]
    library = Library({kind.name: Conformers(kind.atom_names, torch.zeros(1, 1, 1, 3), torch.zeros(1, 1, 1, 3))})
    assert library.fits(kind)
    assert not library.fits(replace(kind, atom_names=[*kind.atom_names[:-1], "X"]))
    assert not library.fits(replace(kind, name="other"))


@pytest.mark.parametrize("chosen", [[3], [20, 7, 0]])
def test_placing_does_not_depend_on_the_batch(chosen: list[int]) -> None:
    *_, scene = crowd()
    library, (frame, bead) = collect(scene, 8, seed=0), scenes.every_site(scene)
    env = scene.gather(frame, bead)
    whole = library.place(env, Stream.of(2, frame, bead))[chosen]
    part = library.place(env.at(torch.tensor(chosen)), Stream.of(2, frame[chosen], bead[chosen]))
    torch.testing.assert_close(part, whole, atol=1e-9, rtol=0)
