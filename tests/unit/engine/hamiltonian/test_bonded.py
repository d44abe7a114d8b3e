"""Compiled bonded terms beside those of the energy engine."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from backmap.engine.energy import bonded as bonded_terms
from backmap.engine.hamiltonian import bonded
from backmap.engine.hamiltonian.bonded import CODES, prepared
from backmap.model.parameters import FUNCTIONS


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "cmap"])
def test_bonded_terms_and_forces_are_those_of_the_energy_engine(function: str) -> None:
    _, size, names = FUNCTIONS[function]
    rng = np.random.default_rng(2)
    for _ in range(10):
        x, values = rng.normal(0, 0.2, (size, 3)), np.zeros(6)
        values[:len(names)] = rng.uniform(-2, 2, len(names))
        if "n" in names:
            values[names.index("n")] = rng.integers(1, 5)
        leaf, force = torch.as_tensor(x).requires_grad_(), np.zeros((size, 3))
        expected = bonded_terms.energies(function, leaf, torch.as_tensor(values[:len(names)]))
        expected.backward()
        term = np.array([[CODES[function], *range(size)]])
        known = prepared(CODES[function], values[None, :len(names)])
        found = bonded.bonded(term, known, x, np.empty(bonded.ROOM), force)
        assert found == pytest.approx(expected.item(), rel=1e-10)
        np.testing.assert_allclose(force, -leaf.grad, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("function", [name for name, (_, size, _) in FUNCTIONS.items() if size == 4])
def test_a_dihedral_of_atoms_in_line_pulls_at_nothing(function: str) -> None:
    x, force = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.2, 0, 0], [0.3, 0.1, 0]]), np.zeros((4, 3))
    known = prepared(CODES[function], np.ones((1, len(FUNCTIONS[function][2]))))
    term = np.array([[CODES[function], 0, 1, 2, 3]])
    assert np.isfinite(bonded.bonded(term, known, x, np.empty(bonded.ROOM), force))
    assert not force.any()
