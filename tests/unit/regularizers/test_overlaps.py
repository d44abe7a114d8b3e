"""The compiled twin of ``steric`` against the tensors that have gradients."""
from __future__ import annotations

import pytest
import torch
from backmap_plugins.regularizers.steric import Steric, StericOptions

from backmap import testing
from backmap.engine.sites.contracts import View


@pytest.mark.parametrize("off", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("scale", [1.0, 1.4])
def test_compiled_energies_are_those_of_tensors(off: float, scale: float) -> None:
    """From clean fragments to torn and overlapping ones, all candidates of all sites."""
    system, window = testing.example()
    sites = testing.Sites(system, window, View())
    env = sites.environment()
    noise = off * torch.randn(env.size, 3, *env.block.shape[1:], 3, generator=torch.Generator().manual_seed(1))
    positions = sites.present()[:, None] + noise
    steric = Steric(StericOptions(scale=scale))
    compiled = steric.energy(env, positions)
    tensors = steric.energy(env, positions.clone().requires_grad_()).detach()
    assert off < 0.1 or float(tensors.min()) > 1.0  # there is something to compare
    torch.testing.assert_close(compiled, tensors, rtol=2e-4, atol=1e-2)
