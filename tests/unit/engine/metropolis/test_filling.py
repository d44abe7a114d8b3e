"""Free energies of blocks, against integrals over all that the blocks can be."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.engine.metropolis.filling import BeadFilling, Fillings
from backmap.errors import BackmapError
from backmap.model.system import System, Window
from tests import forcefields, scenes
from tests.acceptance import APART, KT, LENGTH, TEMPERATURE, Tunable, World, angle_field, chain

STIFFNESS, AWAY, SIGMA = 15.0, 0.16, 0.05
BENT = np.array([[np.cos(2.0), np.sin(2.0), 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]) * LENGTH


def pinned() -> World:
    """Trimers whose middle atom is the bead."""
    kind = chain(3, [([1], [1.0])])
    return World(kind, BENT, np.zeros((1, 3)), angle_field(kind, STIFFNESS))


def hung(away: float = AWAY) -> World:
    """Trimers whose first atom is a bead, and whose others are one bead of two atoms."""
    kind = chain(3, [([0], [1.0]), ([1, 2], [0.5, 0.5])])
    return World(kind, BENT - BENT[0], np.array([[0.0, 0, 0], [away, 0, 0]]), angle_field(kind, STIFFNESS))


def filled(world: World, n: int, candidates: int, **options: object) -> tuple[BeadFilling, Fillings]:
    """Free energies of n copies of a world, by the draws of ``Tunable``."""
    system = System(((world.kind, n),))
    grid = APART * np.arange(n)[:, None, None] * np.array([1.0, 0.0, 0.0])
    window = Window(np.arange(1), np.zeros(1), np.zeros((1, 3, 3)), (grid + world.beads).reshape(1, -1, 3))
    window = window.with_atoms((grid + world.start).reshape(1, -1, 3))
    generator = Tunable(Tunable.Options(**options))
    filling = BeadFilling(system, world.field, generator, TEMPERATURE, SIGMA, SIGMA, candidates)
    return filling, filling.of(window, (3, "test"))


def integral(world: World, seen: object) -> float:
    """-kT ln of the partition function of a trimer, kJ/mol, by quadrature over its angle.

    Both bonds turn over a sphere, exp(-U/kT) sqrt(det G) depends on the angle alone, and ``seen`` is the average
    density of the beads over directions.
    """
    angle = np.linspace(0, np.pi, 200_001)
    angle = (angle[1:] + angle[:-1]) / 2
    gram = np.sqrt(4 - np.cos(angle)**2) / world.kind.mass[0]
    weight = np.sin(angle) * gram * np.exp(-0.5 * STIFFNESS * (angle - 2.0)**2 / KT) * seen(angle)
    return float(-KT * np.log(LENGTH**4 * 8 * np.pi**2 * weight.sum() * np.pi / len(angle)))


def gaussian(away: float) -> object:
    def seen(angle: np.ndarray) -> np.ndarray:
        m = LENGTH * np.sqrt(1.25 - np.cos(angle))  # from the first atom to the middle of the second bond
        twice = 2 * m * away / SIGMA**2
        turned = np.exp(-0.5 * ((m - away) / SIGMA)**2) * -np.expm1(-twice) / twice
        return turned * (2 * np.pi * SIGMA**2)**-1.5
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("lump", [0.0, 0.5])
def test_the_partition_function_of_a_free_trimer(lump: float) -> None:
    """Whatever the generator: within four standard errors of 0.08 kJ/mol at most, where a factor of two is 2.3.

    With 112,500 draws it is 1.005 +- 0.002 and 1.001 +- 0.005 times what it should be.
    """
    _, found = filled(pinned(), 10, 600, lump=lump)
    share = np.exp(-(found.free_energy - integral(pinned(), np.ones_like)) / KT)
    error = share.std(ddof=1) / np.sqrt(len(share))
    assert KT * error < 0.08
    assert share.mean() == pytest.approx(1.0, abs=4 * error)


@pytest.mark.parametrize("away", [pytest.param(AWAY, marks=pytest.mark.slow), 0.05])
def test_beads_count(away: float) -> None:
    """A bead where atoms can be, and one so near that bonds have to fold: 11 kJ/mol harder to fill."""
    _, found = filled(hung(away), 15, 600)
    free = found.free_energy.reshape(-1, 2)
    assert np.isnan(free[:, 0]).all()  # a bead that is an atom has nothing to draw
    mean = -KT * np.log(np.exp(-free[:, 1] / KT).mean())
    assert mean == pytest.approx(integral(hung(away), gaussian(away)), abs=0.15)


def test_the_own_atoms_do_not_matter() -> None:
    """It is a number of the bead and of all else: own atoms somewhere else change nothing."""
    world = pinned()
    other = World(world.kind, world.start @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]), world.beads, world.field)
    one, two = (filled(each, 3, 50)[1].free_energy for each in (world, other))
    np.testing.assert_allclose(one, two, atol=1e-3)  # directions of draws are those of the frame


def test_effective_draws_are_all_where_weights_are_equal() -> None:
    kind = chain(2, [([0], [1.0])])
    world = World(kind, np.array([[0.0, 0, 0], [LENGTH, 0, 0]]), np.zeros((1, 3)), angle_field(kind))
    _, found = filled(world, 5, 40)
    assert (found.effective > 20).all()
    assert (found.effective <= 40 + 1e-9).all()
    assert found.free_energy.std() < 0.3


def test_a_bead_that_cannot_be_filled() -> None:
    """Two atoms on a rigid bond, one of them pinned and one given 2 nm away: no draw has a weight."""
    world = hung(2.0)
    _, found = filled(world, 2, 20)
    free = found.free_energy.reshape(-1, 2)[:, 1]
    assert (free > 1000).all()
    assert not np.isnan(free).any()


def test_frames_whose_atoms_lie_far_from_their_beads() -> None:
    """Atoms that went 0.6 nm away from beads are found all the same; a frame does not change the next one's."""
    system, window = scenes.crowd((scenes.phenyl(), 4), box=1.6 * scenes.SMALL, n_frames=1)
    field = forcefields.everything(system, cutoff=0.5)
    field = replace(field, molecules={name: replace(of, bonded=()) for name, of in field.molecules.items()})
    filling = BeadFilling(system, field, scenes.tiny(), 1e6, 0.03, 0.03, 4)
    before = filling.of(window, (1,)).free_energy
    far = window.with_atoms(window.atoms + 0.3)
    assert np.isfinite(filling.of(far, (1,)).free_energy[filling.filled]).any()
    np.testing.assert_array_equal(filling.of(window, (1,)).free_energy, before)


def test_nothing_to_weigh() -> None:
    """Two atoms that are a bead each."""
    kind = chain(2, [([0], [1.0]), ([1], [1.0])])
    at = np.array([[0.0, 0, 0], [LENGTH, 0, 0]])
    with pytest.raises(BackmapError, match="no fragment has a block"):
        filled(World(kind, at, at, angle_field(kind)), 1, 2)
