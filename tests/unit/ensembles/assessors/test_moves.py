"""What was accepted, in words and numbers."""
from __future__ import annotations

import pytest
from backmap_plugins.ensembles.assessors.moves import Moves

from backmap.api import CARE, GOOD, UNUSABLE

from .chains import TARGET, chain, remembering

MOVES = Moves(Moves.Options())
HEIGHT = remembering(0.5)


@pytest.mark.parametrize(("tried", "accepted", "expected"), [
    ({0: 1000}, {0: 300}, ("accepted moves", GOOD)), ({0: 1000}, {0: 5}, ("accepted moves", UNUSABLE)),
    ({0: 1000}, {}, ("accepted moves", UNUSABLE)), ({0: 900, 1: 200}, {0: 300}, ("basins", CARE)),
    ({0: 900, 1: 20}, {0: 300}, ("accepted moves", GOOD)), ({-1: 1000}, {-1: 400}, ("accepted moves", GOOD))])
def test_levels(tried: dict[int, int], accepted: dict[int, int], expected: tuple[str, int]) -> None:
    findings = MOVES.assess(TARGET, chain(HEIGHT, tried, accepted), None).findings
    worst = max(findings, key=lambda each: each.level)
    assert (worst.topic, worst.level) == expected


def test_shares_by_basin() -> None:
    figures = MOVES.assess(TARGET, chain(HEIGHT, {0: 800, 1: 200}, {0: 200, 1: 10}), None).figures
    assert [(each.quantity, each.value) for each in figures] == [
        ("share accepted", 0.21), ("share accepted from basin 0", 0.25), ("share accepted from basin 1", 0.05)]


def test_a_chain_that_was_stuck_is_told() -> None:
    said = MOVES.assess(TARGET, chain(HEIGHT, longest=250), None).findings
    assert ("rejections", CARE) in [(each.topic, each.level) for each in said]
    assert "rejected 250 vae moves on end, of 400 steps" in said[-1].text
