"""Divergences with known values, and figures as plain data."""
from __future__ import annotations

import json
import math

import numpy as np
import pytest

from backmap.model.assessment import Assessment, Curve, Figure, divergence


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
