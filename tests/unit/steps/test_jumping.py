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
def jumps(share: float = 1.0) -> Jumps:
    return Jumps.of(scenes.octane_system(), {METHYL: share}, "carry.extra_jumps")


def order(number: int, rate: float, passed: float) -> NDArray[np.int64]:
    """Of the atoms of frame ``number``, with a rate per ns and rotor."""
    rates = np.full(len(jumps().atoms), rate * 1e-3)
    return jumps().order((1, 2, number), rates, passed, scenes.octane_system().n_atoms)


def turns(rate: float, passed: float, frames: int) -> NDArray[np.int64]:
    """By how many atoms each rotor has turned in each of some frames, from the order that the one before has left."""
    first = np.array([order(number, rate, passed)[jumps().atoms[:, 0]] for number in range(frames)])
    return (first[..., None] == jumps().atoms).argmax(axis=-1)


def test_methyl_groups_turn_and_nothing_else_of_octane_does() -> None:
    kind = scenes.octane_system().types[0]
    assert [name for name, _ in rotors(kind)] == [METHYL, METHYL]
    assert [[kind.atom_types[atom] for atom in atoms] for _, atoms in rotors(kind)] == [["CT"] * 3 + ["HC"] * 3] * 2
    assert len(jumps().atoms) == 2 * scenes.octane_system().n_molecules


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
    turned, atoms = order(3, 100.0, 10.0), window.atoms[0]
    assert 0.2 < (turned[jumps().atoms] != jumps().atoms).all(axis=1).mean() < 0.8
    energy = FrameEnergy(system, forcefields.read(scenes.RECIPE / "octane.top", system))
    box = window.box(0)
    assert energy.of(atoms[turned], box).total == pytest.approx(energy.of(atoms, box).total, abs=1e-7)
    np.testing.assert_allclose(system.map(atoms[turned]), system.map(atoms), atol=1e-12)
    kind = system.types[0]
    rows = np.array([atoms[2:] for _, atoms in rotors(kind)])
    rows = (system.groups[0].atom_offset[:, None, None] + rows).reshape(-1, 4)
    np.testing.assert_array_equal(handedness(atoms[turned], rows), handedness(atoms, rows))


def test_the_same_names_give_the_same_turns() -> None:
    np.testing.assert_array_equal(order(3, 100.0, 10.0), order(3, 100.0, 10.0))
    assert (order(3, 100.0, 10.0) != order(4, 100.0, 10.0)).any()
    np.testing.assert_array_equal(order(3, 100.0, 0.0), np.arange(scenes.octane_system().n_atoms))


def test_jumps_that_moves_make_are_counted_and_a_share_is_added() -> None:
    """Rotors that were turned are those that have jumped; two jumps in 4 ps are a rate, of which a quarter is added."""
    atoms, turned = scenes.octane_window()[1].atoms[0], order(3, 100.0, 10.0)
    moved = (turned[jumps().atoms] != jumps().atoms).all(axis=1).sum()
    np.testing.assert_array_equal(jumps().made(atoms, atoms[turned]), [moved])
    np.testing.assert_array_equal(jumps().made(atoms, atoms), [0])
    n = len(jumps().atoms)
    np.testing.assert_allclose(jumps(0.25).rate(np.array([2, 4.0])), np.full(n, 0.25 * 2 / (4.0 * n)))


def test_as_large_a_share_of_jumps_is_added_in_the_end() -> None:
    """400 frames in which moves make 5 jumps per ns, half as many added: within four sigma, and these not counted."""
    atoms, made, n_atoms = scenes.octane_window()[1].atoms[0], jumps(0.5), scenes.octane_system().n_atoms
    known, added = None, 0
    for number in range(400):
        moved = atoms[order(number, 5.0, 1.0)]
        known = made.counted(known, atoms, moved, 1.0)
        turned = made.order((9, 9, number), made.rate(known), 1.0, n_atoms)
        added += int((turned[made.atoms] != made.atoms).all(axis=1).sum())
        atoms = moved[turned]
    jumped, passed = known
    assert passed == 400
    expected = 5e-3 * 400 * len(made.atoms)
    assert abs(jumped - expected) < 4 * np.sqrt(expected)
    assert abs(added - 0.5 * jumped) < 4 * np.sqrt(0.5 * jumped)


def test_rotors_of_other_names_have_shares_of_their_own() -> None:
    one, two = jumps().axle[[0, 1, 2]], jumps().atoms[[0, 1, 2]]
    made = Jumps(np.array([0.5, 2.0]), np.array([0, 1, 1]), one, two)
    np.testing.assert_allclose(made.rate(np.array([4, 3, 10.0])), [0.2, 0.3, 0.3])
    np.testing.assert_array_equal(made.rate(np.array([4, 3, 0.0])), [0.0, 0.0, 0.0])


def test_a_name_that_is_not_there_is_said() -> None:
    with pytest.raises(BackmapError, match=f"no rotor .* has the torsion 'X-Y'. Those that there are: {METHYL}."):
        Jumps.of(scenes.octane_system(), {"X-Y": 1.0}, "carry.extra_jumps")


def test_terms_that_tell_atoms_of_a_rotor_apart_are_noticed() -> None:
    system, window = scenes.octane_window()
    energy = FrameEnergy(system, forcefields.everything(system))
    with pytest.raises(BackmapError, match="other terms for some atoms of a rotor"):
        jumps().expect_alike(energy, window.atoms[0], window.box(0), "carry.extra_jumps")
