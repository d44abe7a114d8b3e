"""Wrong runs are not called good, and right ones are not called unusable."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.court.cases import CASES
from tests.court.liquids import LIQUIDS, simulate
from tests.court.others import OTHERS
from tests.court.shipped import SHIPPED, shipped
from tests.court.trial import Case, tried

#: Those of the sample that take a minute.
LONG = {"octane-true"}


@pytest.fixture(scope="module")
def liquids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("liquids")


@pytest.mark.parametrize("case", [
    pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.name in LONG else []) for case in SHIPPED])
def test_a_sample_of_the_court(case: Case, liquids: Path, tmp_path: Path) -> None:
    outcome = tried(case, shipped(case.liquid, liquids), tmp_path / "run")
    assert outcome.right(case.kind), outcome


@pytest.mark.slow
@pytest.mark.parametrize("case", [*CASES, *OTHERS], ids=lambda case: case.name)
def test_the_whole_court(case: Case, liquids: Path, tmp_path: Path) -> None:
    if shutil.which("gmx") is None:
        pytest.skip("gmx is not installed: it simulates the liquids of the court")
    liquid = simulate(LIQUIDS[case.liquid], liquids) if case.liquid in LIQUIDS else shipped(case.liquid, liquids)
    outcome = tried(case, liquid, tmp_path / "run")
    assert outcome.right(case.kind), outcome
