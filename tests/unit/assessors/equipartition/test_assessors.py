"""What the assessors say of exact samples, of wrong ones, and where they cannot say anything."""
from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from backmap_plugins.assessors.equipartition.assessor import Equipartition
from backmap_plugins.assessors.equipartition.beads import AlongBeads
from numpy.typing import NDArray

from backmap.api import CARE, GOOD, UNUSABLE, Sampled
from backmap.engine.identities.ratios import Ratio, ratio
from backmap.model.assessment import Assessment
from backmap.model.tally import Tally
from tests.exact_chains import ExactChain

Array = NDArray[np.float64]

CHAIN = ExactChain(6, ({0: 1, 1: 1, 2: 1, 3: 0.5}, {3: 0.5, 4: 1, 5: 1}), stiffness=100.0)


AT_300 = Sampled(300.0)


@cache
def states() -> Array:
    return CHAIN.states(2500, seed=1)


def assessed(kind: type[Equipartition] | type[AlongBeads], chain: ExactChain, atoms: Array,
             sampled: Sampled | None = AT_300, beads_are: Any = "mapped", **changes: Any) -> Assessment:
    """What an assessor says of one frame of states."""
    frame, tally = chain.snapshot(atoms), Tally()
    assessor = kind(kind.Options(**changes))
    assessor.name = kind.__name__.lower()
    assessor.sampled, assessor.beads_are = sampled, beads_are
    assessor.begin(frame.system, chain.field)
    assessor.measure(frame, tally)
    return assessor.conclude(Tally.from_arrays(tally.to_arrays()), None)


def test_exact_samples_are_good() -> None:
    found = assessed(Equipartition, CHAIN, states())
    assert [(one.level, one.basis) for one in found.findings] == [(GOOD, "force field")]
    assert {figure.name for figure in found.figures} == {"angles", "torsions"}
    assert all(figure.error is not None and figure.ideal == 1.0 for figure in found.figures)


def test_a_temperature_that_is_off_needs_care() -> None:
    found, = assessed(Equipartition, CHAIN, states(), sampled=Sampled(270.0)).findings
    assert found.level == CARE
    assert "angles 1.1" in found.text
    assert "K)" in found.text


def test_another_force_field_is_not_usable() -> None:
    found, = assessed(Equipartition, replace(CHAIN, stiffness=200.0), states()).findings
    assert found.level == UNUSABLE


def test_atoms_in_one_place_are_not_finite() -> None:
    atoms = states().copy()
    atoms[7] = 0.0
    found, = assessed(Equipartition, CHAIN, atoms).findings
    assert found.level == UNUSABLE
    assert "not finite" in found.text


def test_positions_that_are_no_numbers_are_not_finite() -> None:
    atoms = states()[:100].copy()
    atoms[7, 2, 1] = np.nan
    found, = assessed(Equipartition, CHAIN, atoms).findings
    assert found.level == UNUSABLE


def test_what_nothing_samples_is_not_judged_unless_told() -> None:
    found = assessed(Equipartition, CHAIN, states(), sampled=None)
    assert not found.findings
    assert "no step before it samples" in found.notes[0]
    assert assessed(Equipartition, CHAIN, states(), sampled=None, temperature=300.0).findings


def test_few_molecules_say_nothing() -> None:
    found = assessed(Equipartition, CHAIN, states()[:3])
    assert not found.findings
    assert any("too few" in note for note in found.notes)


def test_beads_of_exact_samples_are_good() -> None:
    found = assessed(AlongBeads, CHAIN, states())
    assert [(one.level, one.basis) for one in found.findings] == [(GOOD, "beads")]
    assert {figure.quantity for figure in found.figures} == {"excess", "ratio"}


def test_beads_that_are_too_long_are_named() -> None:
    """Drawn again by their bead distance alone, so that atoms are right for their beads."""
    beads = CHAIN.kind.mapping.apply(states())
    apart = np.linalg.norm(beads[:, 0] - beads[:, 1], axis=1)
    weight = np.exp(1.2 * (apart - apart.mean()) / apart.std())
    chosen = np.random.default_rng(0).choice(len(apart), len(apart), p=weight / weight.sum())
    found = assessed(AlongBeads, CHAIN, states()[chosen])
    assert found.findings[0].level > GOOD
    assert "bonds B-B are longer" in found.findings[0].text
    excess = next(figure for figure in found.figures if figure.quantity == "excess")
    assert excess.value == pytest.approx(apart[chosen].mean() - apart.mean(), rel=0.5)


@pytest.mark.parametrize(("beads_are", "said"), [(None, "the recipe does not say"), ("model", "coarse-grained model")])
def test_beads_are_judged_only_if_they_were_mapped(beads_are: str | None, said: str) -> None:
    found = assessed(AlongBeads, CHAIN, states(), beads_are=beads_are)
    assert not found.findings
    assert said in found.notes[0]


def test_moves_of_a_bead_that_do_nothing_to_a_class_say_nothing_of_it() -> None:
    """A molecule of one bead moves as a whole: of its angles and torsions, rounding remains."""
    whole = ExactChain(6, (dict.fromkeys(range(6), 1),), stiffness=100.0)
    found = assessed(AlongBeads, whole, states())
    assert not found.figures
    assert not found.findings


def test_where_the_largest_forces_are_missing_errors_are_not_too_small() -> None:
    """Sums of skewed numbers: most often below their mean, and then their scatter is, too."""
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(300):
        above = rng.lognormal(-0.5 * 1.5**2, 1.5, (2, 100))
        one = ratio(above, np.ones_like(above))
        wrong += one.known and one.level != GOOD
    assert wrong < 3  # 1 %; 7 without


def test_a_single_huge_force_is_no_excuse() -> None:
    """It makes the standard error as large as the ratio."""
    above, below = np.ones((1, 50)), np.ones((1, 50))
    above[0, 3] = 1e6
    one = ratio(above, below)
    assert one.judged
    assert one.level == UNUSABLE


@pytest.mark.parametrize(("value", "error", "level"), [
    (1.02, 0.001, GOOD), (1.05, 0.02, GOOD), (1.05, 0.01, CARE), (1.3, 0.05, CARE), (1.3, 0.01, UNUSABLE),
    (float("nan"), None, UNUSABLE)])
def test_levels_follow_tolerance_and_errors(value: float, error: float | None, level: int) -> None:
    assert Ratio(value, error).level == level
