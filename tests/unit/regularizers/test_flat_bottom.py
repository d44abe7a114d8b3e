"""Minima and limits of bonded functions, against formulas and dense grids."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from backmap_plugins.regularizers.flat_bottom import flattened, lowest, merged, raised

from backmap.engine.energy import bonded
from backmap.model.parameters import Bonded


def turn(angle: np.ndarray) -> torch.Tensor:
    """Four atoms with a dihedral, (n, 4, 3)."""
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    corners = [(one, zero, zero), (zero, zero, zero), (zero, zero, one), (np.cos(angle), np.sin(angle), one)]
    return torch.as_tensor(np.stack([np.stack(corner, axis=1) for corner in corners], axis=1))


def test_harmonic_terms_rise_as_they_should() -> None:
    k = np.array([400.0, 900.0])
    for function, middle in (("harmonic_bond", 0.15), ("harmonic_angle", 1.9), ("harmonic_improper", 0.6)):
        parameters = np.column_stack([np.full(2, middle), k])
        where, least = lowest(function, parameters)
        assert where == pytest.approx([middle] * 2)
        assert least == pytest.approx([0, 0])
        assert raised(function, parameters, 0.05) == pytest.approx(0.5 * k * 0.05**2)
    assert raised("urey_bradley", np.array([[1.9, 400.0, 0.2, 1e4]]), 0.1) == pytest.approx([2.0])
    cosine = raised("cosine_angle", np.array([[1.9, 400.0]]), 0.1)
    assert cosine == pytest.approx([min(200 * (np.cos(1.9 + s * 0.1) - np.cos(1.9))**2 for s in (-1, 1))])


@pytest.mark.parametrize("function", ["periodic_proper", "periodic_improper"])
def test_minima_of_torsions(function: str) -> None:
    """k (1 + cos(3 p - p0)), with a force constant of either sign."""
    parameters = np.array([[0.0, 5.0, 3.0], [np.pi, 5.0, 3.0], [0.0, -5.0, 2.0]])
    where, least = lowest(function, parameters)
    assert np.cos(parameters[:, 2] * where - parameters[:, 0]) == pytest.approx([-1, -1, 1], abs=1e-3)
    assert least == pytest.approx([0, 0, -10], abs=1e-2)
    expected = [5 * (1 - np.cos(3 * 0.2)), 5 * (1 - np.cos(3 * 0.2)), 5 * (1 - np.cos(2 * 0.2))]
    assert raised(function, parameters, 0.2) == pytest.approx(expected, abs=5e-2)


def test_what_is_flattened_is_zero_inside_and_smooth() -> None:
    """k/2 (|x| - w)^2 beyond w, and the gradient has no step there."""
    x = torch.linspace(-1, 1, 2001, dtype=torch.float64, requires_grad=True)
    values = flattened(0.5 * 300 * x**2 + 7.0, torch.tensor(7.0, dtype=torch.float64),
                       torch.tensor(0.5 * 300 * 0.3**2, dtype=torch.float64))
    expected = 0.5 * 300 * (x.abs() - 0.3).clamp_min(0)**2
    torch.testing.assert_close(values, expected, rtol=1e-6, atol=1e-5)
    (slope,) = torch.autograd.grad(values.sum(), x)
    assert slope.isfinite().all()
    assert slope.diff().abs().max() < 0.4


def test_merged_torsions_have_the_same_energy() -> None:
    """Up to four terms of one dihedral, named from either end; one of six and one of another phase stay apart."""
    atoms = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [0, 1, 2, 3], [0, 1, 2, 4], [4, 5, 6, 7], [4, 5, 6, 7], [5, 6, 7, 8],
                      [5, 6, 7, 8]])
    parameters = np.array([[0.0, 3.0, 1.0], [np.pi, 2.0, 2.0], [0.0, -1.5, 5.0], [0.0, 4.0, 3.0], [0.3, 1.0, 1.0],
                           [0.0, 2.0, 3.0], [0.0, 1.0, 6.0], [np.pi, 1.0, 2.0]])
    parts = merged(Bonded("periodic_proper", atoms, parameters))
    assert {part.function: len(part.atoms) for part in parts} == {"periodic_proper": 5, "ryckaert_bellemans": 1}
    angles = np.linspace(-np.pi, np.pi, 50)
    one = bonded.energies("ryckaert_bellemans", turn(angles), torch.as_tensor(parts[1].parameters[:1]))
    apart = [bonded.energies("periodic_proper", turn(angles), torch.as_tensor(parameters[[k]])) for k in range(3)]
    torch.testing.assert_close(one, sum(apart), rtol=1e-9, atol=1e-9)
    assert merged(Bonded("harmonic_angle", atoms[:, :3], parameters[:, :2]))[0].function == "harmonic_angle"
