"""Beads of a model that is made of an all-atom run: what is left behind is what its recipe reads."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest

RECIPES = Path(__file__).parents[3] / "recipes"


def test_frames_of_the_model_are_in_the_boxes_they_began_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("inverted_liquids", RECIPES / "inverted_liquids" / "prepare.py")
    prepare = sys.modules["inverted_liquids"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    inputs = [str(RECIPES / "octane" / name) for name in ("octane.top", "octane.xml", "aa.gro", "test_aa.xtc")]
    monkeypatch.setattr(sys, "argv", ["prepare.py", *inputs, "--temperature", "350", "--iterations", "1", "--frames",
                                      "2", "--sweeps", "20", "--folder", str(tmp_path)])
    prepare.main()
    made = MDAnalysis.Universe(str(tmp_path / "cg.gro"), str(tmp_path / "cg.xtc"))
    began = MDAnalysis.Universe(str(tmp_path / "model" / "mapped.gro"), str(tmp_path / "model" / "mapped.trr"))
    assert list(made.atoms.names) == list(began.atoms.names)
    assert [step.time for step in made.trajectory] == [0.0, 1.0]
    assert any((tmp_path / "model" / "tables").iterdir())
    for number, start in ((0, 0), (1, len(began.trajectory) - 1)):
        made.trajectory[number], began.trajectory[start]
        np.testing.assert_allclose(made.dimensions, began.dimensions, atol=1e-3)
        away = np.linalg.norm(made.atoms.positions - began.atoms.positions, axis=1)
        assert 0.1 < np.median(away) < 20  # Angstrom: beads have moved, and are where they were
