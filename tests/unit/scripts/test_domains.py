"""The schedule of moves that are shared out: what waits, and what it takes."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[3] / "recipes" / "scripts" / "domains.py"


@pytest.fixture(scope="module")
def domains() -> ModuleType:
    spec = importlib.util.spec_from_file_location("domains", SCRIPT)
    module = sys.modules["domains"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_blocks_tile_all_chains_and_wait_for_what_is_near(domains: ModuleType) -> None:
    beads, edge = domains.melt(2)
    order = domains.blocks(len(beads), np.random.default_rng(0))
    assert np.array_equal(np.sort(np.concatenate(order)), np.arange(len(beads)))
    before = domains.waiting(beads, edge, order)
    reach = domains.CUTOFF + domains.GROUPS + 2 * domains.REACH
    for block in range(1, len(order), 37):
        near = [number for number, own in enumerate(order[:block])
                if distances(beads[order[block]], beads[own], edge).min() < reach]
        assert sorted(before[block]) == near


def distances(one: np.ndarray, other: np.ndarray, edge: float) -> np.ndarray:
    away = one[:, None] - other
    return np.linalg.norm(away - edge * np.round(away / edge), axis=-1)


def test_what_waits_takes_longer(domains: ModuleType) -> None:
    size, none = np.full(8, 1.0), np.empty(0, dtype=np.int64)
    alone, chain = [none] * 8, [none, *(np.array([k]) for k in range(7))]
    one, each, two = np.zeros(8, dtype=np.int64), np.arange(8), np.arange(8) // 4
    assert domains.makespan(alone, size, one) == domains.makespan(chain, size, one) == 8
    assert domains.makespan(alone, size, each) == 1
    assert domains.makespan(alone, size, two) == 4
    assert domains.makespan(chain, size, two) == pytest.approx(8 + domains.MESSAGE)
