"""Compiled correction maps beside those of the energy engine."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from backmap.engine.energy import bonded as bonded_terms
from backmap.engine.energy.maps import splines
from backmap.engine.hamiltonian.bonded import ROOM
from backmap.engine.hamiltonian.maps import correction_maps
from tests import forcefields


@pytest.mark.parametrize("number", [1, 4, 7])
def test_energies_and_forces_are_those_of_the_energy_engine(number: int) -> None:
    rng, known = np.random.default_rng(number), splines(forcefields.maps())
    x, force = rng.normal(0, 0.2, (9, 3)), np.zeros((9, 3))
    which = rng.integers(0, 2, number)
    term = np.stack([[which[k], *rng.permutation(9)[:5]] for k in range(number)])
    leaf = torch.as_tensor(x).requires_grad_()
    expected = bonded_terms.energies("cmap", leaf[term[:, 1:]], torch.as_tensor(which[:, None].astype(float)),
                                     torch.as_tensor(known)).sum()
    expected.backward()
    assert correction_maps(term, known, x, np.empty(ROOM), force) == pytest.approx(expected.item(), rel=1e-10)
    np.testing.assert_allclose(force, -leaf.grad, rtol=1e-8, atol=1e-9)


def test_no_maps_are_no_energy() -> None:
    force = np.zeros((3, 3))
    none = np.empty((0, 6), dtype=np.int64)
    assert correction_maps(none, np.zeros((0, 0, 0, 4)), np.zeros((3, 3)), np.empty(ROOM), force) == 0.0
    assert not force.any()
