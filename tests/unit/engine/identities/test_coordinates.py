"""Derivatives in closed form against those of torch."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from backmap.engine.energy import bonded
from backmap.engine.identities.coordinates import Derivatives, angles, cosines, dihedrals, lengths
from backmap.engine.identities.derivatives import derivatives, of_terms
from backmap.model.parameters import Bonded

ATOMS = np.array([[0, 1, 2, 3], [3, 1, 5, 6], [6, 2, 4, 0]])
POSITIONS = np.random.default_rng(1).normal(size=(3, 7, 3))


@pytest.mark.parametrize(("closed", "function", "k"), [
    (lengths, bonded.length, 2), (cosines, bonded.cosine, 3), (angles, bonded.angle, 3),
    (dihedrals, bonded.dihedral, 4)])
def test_closed_forms_are_the_derivatives(closed: Callable[..., Derivatives], function: Callable[..., torch.Tensor],
                                          k: int) -> None:
    found = closed(POSITIONS, ATOMS[:, :k])
    expected = derivatives(lambda x: function(*x.unbind(-2)), POSITIONS, ATOMS[:, :k])
    np.testing.assert_allclose(found.gradient, expected.gradient, atol=1e-12)
    np.testing.assert_allclose(found.hessian, expected.hessian, atol=1e-11)


@pytest.mark.parametrize(("function", "values"), [
    ("harmonic_bond", (0.8, 300.0)), ("quartic_bond", (0.8, 300.0)), ("harmonic_angle", (1.9, 400.0)),
    ("cosine_angle", (1.9, 400.0)), ("urey_bradley", (1.9, 400.0, 0.9, 50.0)), ("periodic_proper", (0.4, 5.0, 3.0)),
    ("ryckaert_bellemans", (9.0, 12.0, -3.0, -30.0, 1.0, 2.0)), ("harmonic_improper", (3.0, 40.0)),
    ("harmonic_bond", (0.8, 0.0))])
def test_terms_have_the_derivatives_of_their_energies(function: str, values: tuple[float, ...]) -> None:
    atoms = ATOMS[:, :{"bond": 2, "angle": 3}.get(function.split("_")[1], 3 if function == "urey_bradley" else 4)]
    terms = Bonded(function, atoms, np.tile(values, (len(atoms), 1)))
    found = of_terms(terms, POSITIONS, torch.empty(0))
    expected = derivatives(lambda x: bonded.energies(function, x, torch.as_tensor(terms.parameters)), POSITIONS, atoms)
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(found.hessian, expected.hessian, rtol=1e-9, atol=1e-8)


def test_straight_angles_have_finite_derivatives() -> None:
    found = angles(np.array([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]]), np.array([[0, 1, 2]]))
    assert np.isfinite(found.gradient).all()
    assert np.isfinite(found.hessian).all()
