"""What is said of parameters that no such element has."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.checkers.plausibility import PlausibilityChecker

from backmap.model.parameters import ForceField
from backmap.model.survey import Finding, Survey
from tests import forcefields, scenes


def octane() -> ForceField:
    """OPLS-AA of octane."""
    return forcefields.read(scenes.RECIPE / "octane.top", scenes.octane_system())


def said(**changes: object) -> list[Finding]:
    """Of octane with OPLS-AA, some of its parameters changed."""
    system, field = scenes.octane_system(), octane()
    own = replace(field.molecules["OCT"], **{name: value for name, value in changes.items() if name in ("charge",)})
    fields = {name: value for name, value in changes.items() if name in ("c6", "c12")}
    changed = replace(field, molecules={"OCT": own}, **fields)
    checker = PlausibilityChecker(PlausibilityChecker.Options())
    return list(checker.check(Survey("run.yaml", system=system, forcefield=changed)))


@pytest.fixture(scope="module")
def field() -> ForceField:
    return octane()


def test_opls_is_as_usual() -> None:
    assert said() == []


@pytest.mark.parametrize(("sigma", "epsilon", "word"), [(10.0, 1.0, "sigma"), (0.1, 1.0, "sigma"),
                                                         (1.0, 4.184**2, "epsilon")])
def test_slips_of_units(field: ForceField, sigma: float, epsilon: float, word: str) -> None:
    """Angstrom for nm, the reverse, and kJ taken for kcal twice."""
    found = said(c6=field.c6 * epsilon * sigma**6, c12=field.c12 * epsilon * sigma**12)
    assert {finding.severity for finding in found} == {"note"}
    assert all(f"unusual {word} for" in finding.problem for finding in found)
    assert found


def test_a_charge_without_its_point(field: ForceField) -> None:
    charge = field.molecules["OCT"].charge.copy()
    charge[0] = -18.0
    finding, = said(charge=charge)
    assert finding.problem.startswith("OCT: unusual charges for C")
    assert np.isclose(float(finding.problem.split()[-1]), 18.0)
