"""Energies and forces of shipped force fields beside GROMACS, and what was written down of them."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests import beside_gromacs, gmx
from tests.beside_gromacs import ALLOWED, CASES, RESULTS, SHIPPED, Case


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_energies_and_forces_are_those_of_gromacs(case: Case, reference_data: Path, tmp_path: Path) -> None:
    gmx.required()
    if not SHIPPED.is_dir():
        pytest.skip(f"no {SHIPPED}: it comes with Debian's GROMACS")
    _expect_agreement(beside_gromacs.measured(case, tmp_path, reference_data))


def _expect_agreement(found: dict) -> None:
    for which in ("own", "openmm"):
        for term, values in found["terms"].items():
            assert values[which] <= ALLOWED, (which, term)
        assert found["force"][which] <= ALLOWED, which


def test_what_was_written_down_is_complete_and_within_what_is_allowed() -> None:
    known = json.loads(RESULTS.read_text())
    assert list(known) == [case.name for case in CASES]
    assert len({one["force field"] for one in known.values()}) >= 5
    for found in known.values():
        _expect_agreement(found)
    seen = {term for found in known.values() for term in found["terms"]}
    assert seen == {"bond", "angle", "proper", "improper", "cmap", "lj", "lj_14", "coulomb", "coulomb_14"}
    energies = [values["energy"] for found in known.values() for values in found["terms"].values()]
    assert np.isfinite(energies).all()
