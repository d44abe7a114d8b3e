"""Two samplers against each other: they are said to differ where they do, and next to never where not."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.ensembles.assessors.agreement import Agreement

from backmap.api import GOOD, UNUSABLE

from .chains import TARGET, chain, remembering

AGREEMENT = Agreement(Agreement.Options())


def level(one: np.ndarray, other: np.ndarray, **rows: np.ndarray) -> int:
    (finding,) = AGREEMENT.assess(TARGET, chain(one, **rows), chain(other)).findings
    return finding.level


def test_samplers_of_the_same_agree() -> None:
    """Of 200 pairs, one in a thousand is expected to be said to differ: more than two have a chance of 0.1 %."""
    levels = [level(remembering(0.5, seed=2 * k), remembering(0.5, seed=2 * k + 1)) for k in range(200)]
    assert sum(one != GOOD for one in levels) <= 2


@pytest.mark.parametrize(("shift", "expected"), [(0.2, UNUSABLE), (0.0, GOOD)])
def test_a_shift_is_found(shift: float, expected: int) -> None:
    """0.2 is more than 15 standard errors of 50 chains of 400 steps."""
    assert level(remembering(0.5), remembering(0.5, seed=2) + shift) == expected


def test_chains_that_have_not_mixed_are_not_compared() -> None:
    apart = remembering(0.5, n=4, seed=5) + np.array([0.0, 0.0, 3.0, 3.0])
    for other in (apart, remembering(0.97, n=2, steps=200, seed=5)):
        said = AGREEMENT.assess(TARGET, chain(remembering(0.5)), chain(other))
        assert not said.findings
        assert said.notes == ["not compared with the other sampler, as chains have not mixed: height"]


def test_weights_count() -> None:
    """Chains of a density that is shifted by one agree once each state counts as the shift asks: exp(-x + 1/2)."""
    biased = remembering(0.0, seed=3) + 1.0
    assert level(biased, remembering(0.0, seed=4)) == UNUSABLE
    assert level(biased, remembering(0.0, seed=4), reweight=-biased + 0.5) == GOOD


def test_alone_there_is_nothing_to_say() -> None:
    assert not AGREEMENT.assess(TARGET, chain(remembering(0.5)), None).findings
