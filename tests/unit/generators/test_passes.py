"""Compiled passes of the equivariant generator, against slow and obvious twins, and against e3nn."""
from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from backmap_plugins.generators.equivariant.circles import NOWHERE, PAIRS, nearest
from backmap_plugins.generators.equivariant.dense import Layer, through
from backmap_plugins.generators.equivariant.network import Mix, coupling
from e3nn import o3

from backmap.engine.random import Stream
from tests import scenes

RNG = np.random.default_rng(5)


@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(1, 1, 1), (3, 7, 33), (9, 64, 40), (50, 31, 192)])
def test_layers_are_matrix_products(rows: int, inputs: int, outputs: int) -> None:
    weight, x, bias = (RNG.normal(size=shape).astype(np.float32)
                       for shape in ((outputs, inputs), (rows, inputs), outputs))
    found = through(x, Layer.of(torch.as_tensor(weight), torch.as_tensor(bias)), outputs)
    np.testing.assert_allclose(found, x.astype(float) @ weight.T + bias, atol=1e-4)


def test_a_row_comes_out_the_same_in_any_company() -> None:
    x = RNG.normal(size=(23, 192)).astype(np.float32)
    layer = Layer.of(torch.as_tensor(RNG.normal(size=(137, 192)).astype(np.float32)))
    together = through(x, layer, 137)
    for row in range(len(x)):
        np.testing.assert_array_equal(through(x[row:row + 1], layer, 137)[0], together[row])


@pytest.mark.parametrize("many", [0, 5, PAIRS, PAIRS + 1, 300])
@pytest.mark.parametrize("grain", [1e-6, 0.25])
def test_the_nearest_are_those_of_a_sort(many: int, grain: float) -> None:
    """With a coarse grain many are as near as each other: the first of these count."""
    square = np.full(many + 40, NOWHERE, np.float32)
    there = RNG.permutation(many + 40)[:many]
    square[there] = np.round(RNG.uniform(0, 2, many) / grain) * grain
    index = np.empty(PAIRS + 1, np.int64)
    found = nearest(square, np.int32(many), index)
    expected = np.sort(np.argsort(square, kind="stable")[:min(many, PAIRS)])
    assert sorted(index[:found]) == expected.tolist()


def test_what_is_mixed_and_coupled_is_what_e3nn_mixes_and_couples() -> None:
    torch.testing.assert_close(coupling(), o3.wigner_3j(1, 1, 2) * 5**0.5, atol=1e-6, rtol=0)
    theirs, ours = o3.Linear("8x0e + 8x1o + 8x2e", "8x0e + 4x1o + 4x2e"), Mix(8)
    ours.load_state_dict(theirs.state_dict())
    features = torch.randn(5, 72)
    torch.testing.assert_close(ours(features), theirs(features), atol=1e-5, rtol=0)


def test_sites_see_the_same_compiled() -> None:
    system, window = scenes.octane_window()
    scene = scenes.scene_of(system, window)
    env = scene.gather(*scenes.every_site(scene), noise=0.25, temperature=350.0)
    core = scenes.tiny().core
    slow = core.look(env)
    with torch.no_grad():
        quick = core.look(env)
    there = env.neighbours_placed
    assert torch.equal(quick.surrounding[there], slow.surrounding[there])
    torch.testing.assert_close(quick.features, slow.features.detach(), atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(quick.spare, slow.spare, atol=1e-6, rtol=0)


@pytest.mark.parametrize("candidates", [1, 4])
def test_a_site_is_drawn_the_same_in_any_company(candidates: int) -> None:
    """To the last bit: so a run's bytes do not follow from what it draws at once."""
    system, window = scenes.octane_window()
    scene = scenes.scene_of(system, window)
    env = scene.gather(*scenes.every_site(scene), temperature=350.0).at(torch.arange(19))
    generator, names = scenes.tiny(), Stream.of(3, torch.arange(19))
    together = generator.draw(env, names.at(torch.arange(19)), candidates).positions
    for site in range(0, 19, 5):
        one = torch.tensor([site])
        alone = generator.draw(env.at(one), names.at(one), candidates).positions
        drawn = env.block[site]
        assert torch.equal(alone[0, :, drawn], together[site, :, drawn])


def test_who_draws_does_not_wait_for_what_only_training_needs() -> None:
    check = ("import sys, backmap_plugins.generators.equivariant.generator; "
             "print([name for name in ('e3nn', 'torch._dynamo', 'sympy') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
