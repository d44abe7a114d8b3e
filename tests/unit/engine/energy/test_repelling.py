"""What Lennard-Jones energies can be at most, beside what they are."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.repelling import CLEAR, Repulsion
from tests import forcefields, scenes


@pytest.mark.parametrize(("tail", "more"), [("none", 0.0), ("shift", 0.0), ("force_switch", 0.0), ("none", 0.15)])
def test_a_frame_below_the_limit_is_below_it(tail: str, more: float) -> None:
    """For limits about the highest energy of an atom, of frames that are pushed together; explicit pairs count."""
    system, window = scenes.octane_window(1)
    field = forcefields.read(scenes.RECIPE / "octane.top", system, 1.0, "reaction_field", 1.9)
    energy = FrameEnergy(system, replace(field, tail=tail, switch=0.8))
    atoms = window.atoms[0] + more * np.random.default_rng(1).normal(0, 0.2, window.atoms[0].shape)
    highest = energy.of(atoms, window.box(0)).lj_of_atom.max()
    repulsion = Repulsion(energy)
    assert 0.3 < repulsion.reach < 0.6
    assert not repulsion.below(atoms, window.box(0), highest - 1e-6)
    assert not repulsion.below(atoms, window.box(0), highest)
    assert repulsion.below(atoms, window.box(0), 10 * abs(highest) + 100.0)
    found = [limit for limit in highest + np.linspace(0, 100, 400) if repulsion.below(atoms, window.box(0), limit)]
    assert min(found) > highest + CLEAR


def test_reach_is_where_pairs_stop_repelling() -> None:
    system, _ = scenes.octane_window(1)
    field = forcefields.read(scenes.RECIPE / "octane.top", system, 1.0, "reaction_field", 1.9)
    there = field.c6 > 0
    sigma = (field.c12[there] / field.c6[there])**(1 / 6)
    assert Repulsion(FrameEnergy(system, field)).reach == pytest.approx(sigma.max(), abs=6e-4)


def test_where_all_pairs_repel_nothing_is_told() -> None:
    system, window = scenes.octane_window(1)
    field = forcefields.read(scenes.RECIPE / "octane.top", system, 1.0, "reaction_field", 1.9)
    repulsion = Repulsion(FrameEnergy(system, replace(field, c6=0 * field.c6)))
    assert repulsion.reach == 1.0
    assert not repulsion.below(window.atoms[0], window.box(0), 1e9)


def test_atoms_that_are_nowhere_are_left_to_the_whole_energy() -> None:
    system, window = scenes.octane_window(1)
    field = forcefields.read(scenes.RECIPE / "octane.top", system, 1.0, "reaction_field", 1.9)
    atoms = window.atoms[0].copy()
    atoms[3] = np.nan
    assert not Repulsion(FrameEnergy(system, field)).below(atoms, window.box(0), 1e9)
