"""Divergences with known values, and figures as plain data."""
from __future__ import annotations

import json
import math

import numpy as np
import pytest

from backmap.model.assessment import Assessment, Curve, Figure, Surface, chance, divergence


@pytest.mark.parametrize(("n", "m"), [(60, 60), (2000, 500)])
def test_divergences_that_chance_makes(n: int, m: int) -> None:
    rng, share = np.random.default_rng(1), np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    pairs = [(rng.multinomial(n, share), rng.multinomial(m, share)) for _ in range(400)]
    expected = np.mean([divergence(p, q) for p, q in pairs])
    assert np.mean([chance(p, q) for p, q in pairs]) == pytest.approx(expected, rel=0.1)
    assert np.isnan(chance(np.array([0, 0]), np.array([1, 0])))
    assert chance(*np.eye(2, dtype=int)) == pytest.approx(0.25)


def test_divergence_of_what_is_known() -> None:
    assert divergence(np.array([1, 0]), np.array([0, 3])) == pytest.approx(math.log(2))
    assert divergence(np.array([2, 2]), np.array([5, 5])) == 0
    # p = (1, 0), q = (1/2, 1/2), middle (3/4, 1/4): by hand
    expected = (math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2)) / 2
    assert divergence(np.array([4, 0]), np.array([1, 1])) == pytest.approx(expected)
    assert math.isnan(divergence(np.array([0, 0]), np.array([1, 1])))


def test_divergence_is_symmetric() -> None:
    p, q = np.random.default_rng(1).integers(0, 50, (2, 20))
    assert divergence(p, q) == pytest.approx(divergence(q, p))


def test_plain_data() -> None:
    assessment = Assessment([Figure("bonds", "C-C", "mean", 0.153, "nm", spread=0.001)],
                            [Curve("bonds", "C-C", "length", "nm", np.array([0.0, 1.0]), np.array([2.0]))], ["fine"])
    data = json.loads(json.dumps(assessment.to_json()))
    assert data["figures"][0]["value"] == 0.153
    assert data["curves"][0]["edges"] == [0.0, 1.0]
    assert data["notes"] == ["fine"]


def surface(values: list[list[float]], errors: list[list[float]] | None = None, **changes: object) -> Surface:
    return Surface("torsions", "φ and ψ", ("φ", "ψ"), ("deg", "deg"), (np.array([0.0, 1.0]), np.array([0.0, 1.0, 3.0])),
                   np.array(values), errors=None if errors is None else np.array(errors), **changes)


def test_surfaces_are_plain_data() -> None:
    marked = surface([[1.0, 2.0]], points=np.array([[0.5, 2.0]]), hover=["a"])
    data = json.loads(json.dumps(Assessment(surfaces=[marked]).to_json()))["surfaces"][0]
    assert data == {"section": "torsions", "name": "φ and ψ", "labels": ["φ", "ψ"], "units": ["deg", "deg"],
                    "edges": [[0.0, 1.0], [0.0, 1.0, 3.0]], "values": [[1.0, 2.0]], "quantity": "density",
                    "errors": None, "points": [[0.5, 2.0]], "hover": ["a"]}


def test_errors_of_a_difference_of_surfaces_add_in_quadrature() -> None:
    one, other = surface([[3.0, 5.0]], [[0.3, math.nan]]), surface([[1.0, math.nan]], [[0.4, math.nan]])
    apart = one.minus(other)
    np.testing.assert_allclose(apart.values, [[2.0, math.nan]])
    np.testing.assert_allclose(apart.errors, [[0.5, math.nan]])
    np.testing.assert_allclose(one.minus(surface([[1.0, 1.0]])).errors, [[0.3, math.nan]])
    assert surface([[1.0, 1.0]]).minus(surface([[1.0, 1.0]])).errors is None


def test_a_density_of_zero_is_an_empty_bin_and_an_energy_of_zero_is_not() -> None:
    assert surface([[0.0, math.nan]]).filled.tolist() == [[False, False]]
    assert surface([[0.0, math.nan]], quantity="free energy, kJ/mol").filled.tolist() == [[True, False]]
