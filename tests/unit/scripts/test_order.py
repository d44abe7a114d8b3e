"""Order of C-H bonds and area per lipid of bilayers whose bonds point where they were made to point."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import MDAnalysis
import numpy as np
import pytest

SCRIPT = Path(__file__).parents[3] / "recipes" / "martini_lipids_proteins" / "order.py"
LIPIDS, BOX = 8, np.array([20.0, 20.0, 60.0])  # Angstrom


@pytest.fixture(scope="module")
def order() -> ModuleType:
    spec = importlib.util.spec_from_file_location("order", SCRIPT)
    module = sys.modules["order"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bilayer(tilts: np.ndarray) -> MDAnalysis.Universe:
    """Lipids of C1 with two hydrogens and C2 with one, bonded to C1; bonds of C1 are tilted, degrees, (frames, n)."""
    names = ["C1", "H1A", "H1B", "C2", "H2"]
    size = len(names)
    universe = MDAnalysis.Universe.empty(size * LIPIDS + 1, LIPIDS + 1, atom_resindex=[*np.repeat(
        np.arange(LIPIDS), size), LIPIDS], trajectory=True)
    universe.add_TopologyAttr("names", [*names * LIPIDS, "CL"])
    universe.add_TopologyAttr("resnames", ["POPC"] * LIPIDS + ["CL"])
    first = size * np.arange(LIPIDS)[:, None, None]
    # Bonds in either order, and one that is no C-H bond.
    bonds = first + np.array([[0, 1], [2, 0], [0, 3], [4, 3]])
    universe.add_TopologyAttr("bonds", [tuple(pair) for pair in bonds.reshape(-1, 2)])
    frames = np.zeros((len(tilts), size * LIPIDS + 1, 3))
    carbon = np.random.default_rng(0).uniform(0, BOX, (LIPIDS, 3))
    for frame, tilt in zip(frames, np.radians(tilts)):
        away = np.stack([np.sin(tilt), 0 * tilt, np.cos(tilt)], axis=1)
        next_one = carbon + np.array([0, 1.5, 0])
        parts = [carbon, carbon + away, carbon - away, next_one, next_one - np.array([0, 0, 1.1])]
        frame[:-1] = np.stack(parts, axis=1).reshape(-1, 3) % BOX  # broken over the boundary
    universe.load_new(frames, dimensions=np.tile([*BOX, 90, 90, 90], (len(tilts), 1)), dt=1.0)
    return universe


def test_order_is_that_of_the_angles_that_bonds_were_given(order: ModuleType) -> None:
    tilts = np.random.default_rng(1).uniform(0, 90, (10, LIPIDS))
    found = order.measured(bilayer(tilts), 2.0, 7.0)
    each = ((3 * np.cos(np.radians(tilts[2:8]))**2 - 1) / 2).mean(axis=0)
    assert found.carbons == ["C1", "C2"]
    assert found.order == pytest.approx([each.mean(), 1.0], abs=1e-5)
    assert found.error == pytest.approx([each.std(ddof=1) / LIPIDS**0.5, 0.0], abs=1e-5)
    assert found.area == pytest.approx((BOX[0] * BOX[1] / 100 / (LIPIDS / 2), 0.0), abs=1e-9)
