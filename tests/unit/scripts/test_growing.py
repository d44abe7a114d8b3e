"""The script that measures how runs grow: what it writes, and the powers that it finds."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from backmap.model.box import minimum_image

SCRIPT = Path(__file__).parents[3] / "recipes" / "scripts" / "growing.py"


@pytest.fixture(scope="module")
def growing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("growing", SCRIPT)
    module = sys.modules["growing"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_powers_are_those_of_the_rows(growing: ModuleType) -> None:
    rows = [{"atoms": n, "frame": 3e-4 * n**1.02, "memory": 2.0 * n**0.5} for n in (100, 1000, 5000)]
    assert growing.exponents(rows) == pytest.approx({"frame": 1.02, "memory": 0.5})


def test_boxes_are_side_by_side(growing: ModuleType, tmp_path: Path) -> None:
    if not growing.DATA.exists():
        pytest.skip("no reference data: set BACKMAP_REFERENCE_DATA")
    count = growing.write_beads(tmp_path, (2, 2, 2))
    one, many = (GromacsFrames([path]).frame(0) for path in (growing.DATA / "test_568K" / "cg.gro",
                                                           tmp_path / "cg1.gro"))
    assert len(many.positions) == count == 8 * len(one.positions)
    np.testing.assert_allclose(many.box, 2 * one.box, atol=1e-4)
    apart = minimum_image(many.positions[-len(one.positions):] - one.positions, one.box)
    np.testing.assert_allclose(apart, 0, atol=2e-3)
    chains = many.positions.reshape(-1, 20, 3)
    assert np.linalg.norm(np.diff(chains, axis=1), axis=2).max() < 1.0  # no chain is torn
