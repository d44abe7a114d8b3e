"""Ratios and their errors: what is told of few molecules, of one huge force, and of sums that nearly cancel."""
from __future__ import annotations

import numpy as np
import pytest

from backmap.engine.identities.ratios import WILD, Ratio, ratio
from backmap.model.assessment import CARE, GOOD, UNUSABLE


@pytest.mark.parametrize(("value", "error", "judged", "level"), [
    (1.02, 0.01, True, GOOD), (1.1, 0.02, True, CARE), (1.4, 0.02, True, UNUSABLE),
    (1.5, 0.4, False, GOOD), (12.8, 1.8, True, UNUSABLE), (100.0, 100.0, True, UNUSABLE),
    (6.2, 10.9, False, GOOD), (-13.8, 110.8, False, GOOD)])
def test_what_is_said_of_a_ratio(value: float, error: float, judged: bool, level: int) -> None:
    made = Ratio(value, error)
    assert (made.judged, made.level) == (judged, level)


@pytest.mark.parametrize("shape", [(1, 64), (10, 64), (3, 5)])
@pytest.mark.parametrize("share", [2 * WILD, 1000.0])
def test_one_huge_force_is_seen(shape: tuple[int, int], share: float) -> None:
    """Its error is as large as the ratio, as it makes both."""
    rng = np.random.default_rng(2)
    below = rng.uniform(0.8, 1.2, shape)
    above = below.copy()
    above[0, 2] += share * below.sum()
    made = ratio(above, below)
    assert made.judged
    assert made.level == UNUSABLE


def test_sums_that_nearly_cancel_tell_nothing() -> None:
    """Samples that are right, of contacts of which attraction and repulsion cancel: none may be called wrong."""
    rng = np.random.default_rng(5)
    wild = 0
    for _ in range(500):
        below = rng.normal(0.02, 1.0, (1, 64))
        made = ratio(below + rng.normal(0, 1.0, (1, 64)), below)
        wild += abs(made.value - 1) > WILD
        assert not made.judged or made.level == GOOD
    assert wild > 20
