"""Sequences that were found beside those of the chains: dyads that are right, and centres turned over."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[3] / "recipes" / "polystyrene_tacticity" / "compare.py"


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_tacticity", SCRIPT)
    module = sys.modules["compare_tacticity"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_dyads_of_some_chains_beside_their_lines(compare: ModuleType, tmp_path: Path) -> None:
    table, truth = tmp_path / "found.csv", tmp_path / "sequences.txt"
    table.write_text("frame,molecule,centre,hand,log_odds_plus,log_odds_meso\n0,1,1,+,2.0,\n0,1,2,+,2.0,3.5\n"
                     "0,2,1,-,-2.0,\n0,2,2,+,1.0,-1.5\n0,2,3,+,1.0,0.5\n")
    truth.write_text("mr\nrm\n")
    names, odds, meso = compare.dyads([table], str(truth))
    assert names == [(1, 2), (2, 2), (2, 3)]
    assert odds.tolist() == [3.5, -1.5, 0.5]
    assert meso.tolist() == [True, False, True]
    assert compare.dyads([table], str(truth), "2")[1].tolist() == [-1.5, 0.5]
    assert compare.dyads([table], "r", "1-1")[2].tolist() == [False]
    odds, meso = compare.together(*compare.dyads([table, table], str(truth)))
    assert odds.tolist() == [7.0, -3.0, 1.0]
    assert meso.tolist() == [True, False, True]


@pytest.mark.parametrize("turned", [0.0, 0.02, 0.1])
def test_the_share_turned_over_is_found_by_dyads_that_are_known(compare: ModuleType, turned: float) -> None:
    rng = np.random.default_rng(2)
    chain, beads = rng.choice([-1, 1], 8000), np.where(rng.random(8000) < turned, -1, 1)
    odds = 20.0 * (chain * beads)[1:] * (chain * beads)[:-1]
    assert compare.turned_over(odds, chain[1:] == chain[:-1]) == pytest.approx(turned, abs=0.01)
