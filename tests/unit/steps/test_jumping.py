"""Jumps of symmetric rotors: as often as they should, and nothing that a force field or beads could see."""
from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from backmap_plugins.steps.jumping import Jumps, rotors
from numpy.typing import NDArray

from backmap.engine.energy.frame import FrameEnergy
from backmap.errors import BackmapError
from backmap.model.isomers import handedness
from tests import builders, forcefields, scenes

METHYL = "CT-CT-CT-HC"


@cache
def jumps(rate: float) -> Jumps:
    return Jumps.of(scenes.octane_system(), {METHYL: rate}, "carry.jumps")


def turns(rate: float, passed: float, frames: int) -> NDArray[np.int64]:
    """By how many atoms each rotor has turned in each of some frames, from the order that the one before has left."""
    made, n_atoms = jumps(rate), scenes.octane_system().n_atoms
    first = np.array([made.order((1, 2, number), passed, n_atoms)[made.atoms[:, 0]] for number in range(frames)])
    return (first[..., None] == made.atoms).argmax(axis=-1)


def test_methyl_groups_turn_and_nothing_else_of_octane_does() -> None:
    kind = scenes.octane_system().types[0]
    assert [name for name, _ in rotors(kind)] == [METHYL, METHYL]
    assert [{kind.atom_types[end] for end in ends} for _, ends in rotors(kind)] == [{"HC"}] * 2
    assert len(jumps(1.0).atoms) == 2 * scenes.octane_system().n_molecules


def test_neither_water_nor_a_centre_of_unlike_atoms_turns() -> None:
    assert not list(rotors(builders.water()))
    assert not list(rotors(builders.chiral()))


def test_a_rotor_of_known_rate_jumps_as_often() -> None:
    """5 jumps per ns, 128 rotors, 800 frames of a picosecond, which are 10^5 of a rotor: within three sigma."""
    found = turns(5.0, 1.0, 800)
    expected = 5e-3 * found.size
    assert abs((found > 0).sum() - expected) < 3 * np.sqrt(expected)
    assert abs((found == 1).sum() - (found == 2).sum()) < 3 * np.sqrt(expected)


@pytest.mark.parametrize("passed", [50.0, 400.0])
def test_long_intervals_have_the_law_of_a_walk(passed: float) -> None:
    """Of jumps either way at random times, drawn one by one: where it has come to on a ring of three."""
    rng = np.random.default_rng(3)
    walked = [rng.choice([-1, 1], n).sum() % 3 != 0 for n in rng.poisson(5e-3 * passed, 40_000)]
    found = turns(5.0, passed, 100) > 0
    assert found.mean() == pytest.approx(np.mean(walked), abs=4 * 0.5 / np.sqrt(found.size))


def test_energies_beads_and_hands_are_the_same() -> None:
    system, window = scenes.octane_window()
    made = Jumps.of(system, {METHYL: 100.0}, "carry.jumps")
    order, atoms = made.order((1, 2, 3), 10.0, system.n_atoms), window.atoms[0]
    assert 0.2 < (order[made.atoms] != made.atoms).all(axis=1).mean() < 0.8
    energy = FrameEnergy(system, forcefields.read(scenes.RECIPE / "octane.top", system))
    box = window.box(0)
    assert energy.of(atoms[order], box).total == pytest.approx(energy.of(atoms, box).total, abs=1e-7)
    np.testing.assert_allclose(system.map(atoms[order]), system.map(atoms), atol=1e-12)
    kind = system.types[0]
    rows = np.array([[*sorted(kind.graph[ends[0]]), *ends] for _, ends in rotors(kind)])
    rows = (system.groups[0].atom_offset[:, None, None] + rows).reshape(-1, 4)
    np.testing.assert_array_equal(handedness(atoms[order], rows), handedness(atoms, rows))


def test_the_same_names_give_the_same_turns() -> None:
    made, n_atoms = jumps(100.0), scenes.octane_system().n_atoms
    np.testing.assert_array_equal(made.order((1, 2, 3), 10.0, n_atoms), made.order((1, 2, 3), 10.0, n_atoms))
    assert (made.order((1, 2, 3), 10.0, n_atoms) != made.order((1, 2, 4), 10.0, n_atoms)).any()
    np.testing.assert_array_equal(made.order((1, 2, 3), 0.0, n_atoms), np.arange(n_atoms))


def test_a_name_that_is_not_there_is_said() -> None:
    with pytest.raises(BackmapError, match=f"no rotor .* has the torsion 'X-Y'. Those that there are: {METHYL}."):
        Jumps.of(scenes.octane_system(), {"X-Y": 1.0}, "carry.jumps")


def test_terms_that_tell_atoms_of_a_rotor_apart_are_noticed() -> None:
    system, window = scenes.octane_window()
    energy = FrameEnergy(system, forcefields.everything(system))
    with pytest.raises(BackmapError, match="other terms for some atoms of a rotor"):
        jumps(1.0).expect_alike(energy, window.atoms[0], window.box(0), "carry.jumps")
