"""Energies shared out among atoms add up to those of the frame."""
from __future__ import annotations

import numpy as np
import pytest

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.shares import shares
from tests import forcefields, scenes


def test_they_add_up_to_the_energies_of_the_frame() -> None:
    system, window = scenes.octane_window(1)
    energy = FrameEnergy(system, forcefields.everything(system, cutoff=0.9))
    whole, found = energy.of(window.atoms[0], window.box(0)), shares(energy, window.atoms[0], window.box(0))
    expected = {"bond": whole["bond"], "angle": whole["angle"],
                "torsion": whole["proper"] + whole["improper"] + whole["cmap"],
                "Lennard-Jones": whole["lj"] + whole["lj_14"],
                "Coulomb": whole["coulomb"] + whole["coulomb_14"] - energy.layout.self_energy}
    for name, value in expected.items():
        assert found.get(name, np.zeros(1)).sum() == pytest.approx(value, rel=1e-9, abs=1e-9), name
    assert all(values.shape == (system.n_atoms,) for values in found.values())
