"""Minimisation and restrained dynamics: what they hold, what they leave alone, what they survive."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from backmap_plugins.forcefields.gromacs.reader import Gromacs
from backmap_plugins.openmm_bridge import system as openmm_system
from backmap_plugins.refiners.equilibrate import Equilibrate
from backmap_plugins.refiners.minimize import Minimize

from backmap.api import Refiner
from backmap.engine.random import Stream
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window
from tests import builders, scenes
from tests.unit.refiners.fields import made_up

BOLTZMANN = 0.0083144626
#: A crowd in which atoms overlap, in a box that has room for the cut-off.
CROWD = 1.25 * scenes.SMALL


def refined(refiner: Refiner, system: System, window: Window, field: ForceField, only: np.ndarray | None = None,
            seed: int = 1) -> Window:
    refiner.begin(system, field)
    return refiner.refine(window, system, Stream.of(seed, torch.as_tensor(window.frames)), only)


def minimize(**options: object) -> Minimize:
    return Minimize(Minimize.Options(**{"max_iterations": 60, **options}))


def equilibrate(**options: object) -> Equilibrate:
    return Equilibrate(Equilibrate.Options(**{"time": 0.05, "max_iterations": 30, **options}))


@pytest.fixture
def crowd() -> tuple[System, Window, ForceField]:
    """Random molecules, atoms overlapping, in a triclinic box."""
    system = builders.system((builders.butane(), 12), (builders.water(), 10), (builders.chiral(), 6))
    window = builders.window(system, CROWD, n_frames=2)
    return system, window, made_up(system)


def test_minimisation_of_random_overlaps(crowd: tuple) -> None:
    system, window, field = crowd
    before = window.atoms.copy()
    done = refined(minimize(), system, window, field)
    assert not done.flags["minimization_failed"].any()
    assert len(system.wrong_stereo(done.atoms)) == 0
    energies = openmm_system.Energies(field, system, CROWD)
    for atoms in done.atoms:
        assert energies.of(atoms, CROWD)["total"] < 200
    np.testing.assert_array_equal(window.atoms, before)
    assert "minimization_failed" not in window.flags


def test_octane_falls_to_a_minimum_with_its_beads_held() -> None:
    system, window = scenes.octane_window()
    field = replace(Gromacs(Gromacs.Options(file=scenes.RECIPE / "octane.top")).read(system), cutoff=0.9)
    free = refined(minimize(), system, window, field)
    held = refined(minimize(restraint=1e4), system, window, field)
    energies = openmm_system.Energies(field, system, window.boxes[0])
    total = [energies.of(w.atoms[0], window.boxes[0])["total"] for w in (window, held, free)]
    assert total[0] > total[1] > total[2]
    residual = [np.linalg.norm(system.map(w.atoms) - w.beads, axis=2).max() for w in (held, free)]
    assert residual[0] < 0.02 < residual[1]


def test_the_wrong_hand_is_turned() -> None:
    system = builders.system((builders.chiral(), 3))
    window = builders.window(system)
    mirrored = window.with_atoms(window.atoms * [1, 1, -1])
    mirrored = replace(mirrored, beads=system.map(mirrored.atoms), boxes=np.zeros((2, 3, 3)))
    assert len(system.wrong_stereo(mirrored.atoms)) == 6
    assert len(system.wrong_stereo(refined(minimize(), system, mirrored, made_up(system)).atoms)) == 0
    left = refined(minimize(keep_chirality=False), system, mirrored, made_up(system))
    assert len(system.wrong_stereo(left.atoms)) > 0


def test_rigid_lengths_are_kept_where_the_force_field_has_no_spring() -> None:
    system = builders.system((builders.water(), 5))
    window = builders.window(system)
    noise = np.random.default_rng(0).normal(0, 0.02, window.atoms.shape)
    done = refined(minimize(), system, window.with_atoms(window.atoms + noise), made_up(system, bonds=False))
    assert_lengths(system, done, 2e-3)


def assert_lengths(system: System, window: Window, tolerance: float) -> None:
    for group in system.groups:
        kind, atoms = group.type, window.atoms[:, group.atoms]
        length = np.linalg.norm(atoms[:, :, kind.bonds[:, 0]] - atoms[:, :, kind.bonds[:, 1]], axis=-1)
        fixed = np.isfinite(kind.bond_length)
        np.testing.assert_allclose(length[..., fixed], np.broadcast_to(kind.bond_length, length.shape)[..., fixed],
                                   atol=tolerance)


@pytest.mark.parametrize("make", [minimize, equilibrate])
def test_only_some_beads_move(crowd: tuple, make: Callable[..., Refiner]) -> None:
    system, window, field = crowd
    only = np.zeros(window.beads.shape[:2], dtype=bool)
    only[0, [0, 24]] = True  # one of two beads of a butane, which are bonded; and a water
    done = refined(make(), system, window, field, only)
    owned = np.array([0, *np.flatnonzero(builders.butane().mapping.owner == 0), *range(168, 171)])
    rest = np.setdiff1d(np.arange(system.n_atoms), owned)
    np.testing.assert_array_equal(done.atoms[0, rest], window.atoms[0, rest])
    np.testing.assert_array_equal(done.atoms[1], window.atoms[1])
    assert np.abs(done.atoms[0, owned] - window.atoms[0, owned]).max() > 1e-3


@pytest.mark.parametrize("make", [minimize, equilibrate])
def test_a_frame_depends_on_seed_and_frame_alone(crowd: tuple, make: Callable[..., Refiner]) -> None:
    system, window, field = crowd
    both = refined(make(), system, window, field)
    second = replace(window, frames=window.frames[1:], time=window.time[1:], boxes=window.boxes[1:],
                     beads=window.beads[1:], reference=None).with_atoms(window.atoms[1:])
    np.testing.assert_array_equal(refined(make(), system, second, field).atoms[0], both.atoms[1])


@pytest.mark.parametrize(("make", "flag"), [(minimize, "minimization_failed"), (equilibrate, "equilibration_failed")])
def test_a_frame_that_fails_is_flagged_and_kept(crowd: tuple, make: Callable[..., Refiner], flag: str) -> None:
    system, window, field = crowd
    window.beads[0, 0] = np.nan
    done = refined(make(restraint=1e4), system, window, field)
    assert done.flags[flag][0].all()
    assert not done.flags[flag][1].any()
    np.testing.assert_array_equal(done.atoms[0], window.atoms[0])
    assert (done.atoms[1] != window.atoms[1]).any()


def test_dynamics_keeps_rigid_bonds_and_follows_the_seed(crowd: tuple) -> None:
    system, window, field = crowd
    first, again, other = (refined(equilibrate(), system, window, field, seed=seed) for seed in (1, 1, 2))
    assert not first.flags["equilibration_failed"].any()
    assert_lengths(system, first, 1e-5)
    np.testing.assert_array_equal(first.atoms, again.atoms)
    assert (first.atoms != other.atoms).any()


def test_beads_stray_as_much_as_temperature_says() -> None:
    """Bead of one water far from others: normal with variance kT / 2b."""
    system = builders.system((builders.water(), 300))
    window = replace(builders.window(system, 40 * np.eye(3), n_frames=1), boxes=np.zeros((1, 3, 3)))
    strength = 2.0e4
    done = refined(equilibrate(restraint=strength, time=0.5, friction=50, temperature=400, minimize=False),
                   system, window, made_up(system, bonds=False))
    residual = (system.map(done.atoms) - done.beads).ravel()
    assert (residual**2).mean() == pytest.approx(BOLTZMANN * 400 / (2 * strength), rel=0.15)  # four standard errors


def test_a_box_too_small_for_the_cutoff(crowd: tuple) -> None:
    system, window, field = crowd
    for boxes, where in ((window.boxes * 0.5, "cut-off"), (window.boxes * [[[1.0]], [[0.5]]], "frame 1")):
        with pytest.raises(BackmapError, match=where):
            refined(minimize(), system, replace(window, boxes=boxes), field)
