"""Split R-hat and independent states, against chains for which both are known."""
from __future__ import annotations

import math

import numpy as np
import pytest
from backmap_plugins.ensembles.assessors.mixing import Mixing, split_r_hat

from backmap.api import CARE, GOOD, UNUSABLE

from .chains import TARGET, chain, remembering

MIXING = Mixing(Mixing.Options())


def level(values: np.ndarray, topic: str = "mixing") -> int | None:
    found = [each for each in MIXING.assess(TARGET, chain(values), None).findings if each.topic == topic]
    return found[0].level if found else None


def test_r_hat_is_that_of_the_formula() -> None:
    """Two chains of four states: halves of variance 1/2 each, means 0.5, 2.5, 4.5, 6.5."""
    values = np.array([[0.0, 4.0], [1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])
    within, between = 0.5, np.var([0.5, 2.5, 4.5, 6.5], ddof=1)
    assert split_r_hat(values) == pytest.approx(math.sqrt(0.5 + between / within))


@pytest.mark.parametrize(("values", "expected"), [
    (remembering(0.5), GOOD), (remembering(0.99, steps=100), CARE),
    (remembering(0.5, n=4) + np.array([0.0, 0.0, 3.0, 3.0]), UNUSABLE)], ids=["mixed", "slow", "apart"])
def test_chains_that_have_not_come_to_the_same_are_found(values: np.ndarray, expected: int) -> None:
    assert level(values) in ({CARE, UNUSABLE} if expected == CARE else {expected})


def test_independent_states_are_as_many_as_memory_leaves() -> None:
    """(1 - m) / (1 + m) of all; the estimate scatters by 5 %."""
    said = MIXING.assess(TARGET, chain(remembering(0.8, steps=4000)), None)
    (found,) = [figure.value for figure in said.figures if figure.quantity == "independent states"]
    assert found == pytest.approx(50 * 4000 * 0.2 / 1.8, rel=0.15)


def test_few_independent_states_are_told() -> None:
    assert level(remembering(0.9, n=4, steps=100), "independent states") == CARE
    assert level(remembering(0.0), "independent states") is None


def test_chains_that_stand_still() -> None:
    still = np.full((50, 4), 2.0)
    assert level(still) == CARE
    assert split_r_hat(still) == 1.0
    assert split_r_hat(still + np.arange(4)) == math.inf
    assert split_r_hat(still[:3]) == math.inf
