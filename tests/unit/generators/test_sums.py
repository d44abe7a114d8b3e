"""Sums over slots, neighbours and pairs while a network learns: compiled, with their gradients, beside tensors."""
from __future__ import annotations

import pytest
import torch
from backmap_plugins.generators.equivariant import network
from backmap_plugins.generators.equivariant.sums import gathered
from torch import Tensor

from tests import scenes

from .test_equivariant import environment, scene_of, stream


def learned(monkeypatch: pytest.MonkeyPatch, compiled: bool, bonds: str) -> tuple[Tensor, dict[str, Tensor]]:
    """Losses of sites, and the gradients of all that is learned."""
    with monkeypatch.context() as patched:
        if not compiled:
            patched.setattr(network, "compiled_here", lambda *positions: False)
        env, scene, learner = environment(bonds), scene_of(bonds), scenes.tiny()
        learner.network.train()
        loss = learner.loss(env, scene.own(*scenes.every_site(scene)), stream(env))
        loss.mean().backward()
    return loss.detach(), {name: p.grad for name, p in learner.network.named_parameters()
                               if p.grad is not None}


@pytest.mark.parametrize("bonds", ["rigid", "flexible"])
def test_losses_and_gradients_are_those_of_tensors(bonds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loss, gradients = learned(monkeypatch, True, bonds)
    expected, slow = learned(monkeypatch, False, bonds)
    torch.testing.assert_close(loss, expected, atol=1e-4, rtol=1e-6)
    assert gradients.keys() == slow.keys()
    for name, gradient in gradients.items():
        assert float((gradient - slow[name]).norm()) < 1e-4 * float(slow[name].norm()) + 1e-7, name


def test_positions_that_need_gradients_are_left_to_tensors() -> None:
    points = torch.rand(3, 4, 3)
    assert network.compiled_here(points)
    assert not network.compiled_here(points.requires_grad_())
    with torch.no_grad():
        assert not network.compiled_here(points)


def test_gathered_numbers_are_those_of_unique() -> None:
    wanted = torch.randint(0, 50, (20, 7), generator=torch.Generator().manual_seed(1))
    chosen, place = gathered(wanted, 60)
    expected, inverse = torch.unique(wanted, return_inverse=True)
    assert torch.equal(chosen, expected)
    assert torch.equal(place, inverse)
