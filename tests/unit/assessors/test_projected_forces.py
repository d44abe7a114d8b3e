"""The ``projected_forces`` assessor: known forces, beads out of place, and input that forces cannot be made of."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.assessors.forces.projected import ProjectedForces
from numpy.typing import NDArray
from scipy.special import ndtri

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.forces.projected import ForceProjection
from backmap.engine.forces.rounding import is_rounded
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.parameters import BOLTZMANN, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import builders, forcefields, scenes

from .scene import measured, snapshot, values

Array = NDArray[np.float64]


def octane(n_frames: int = 4) -> tuple[System, ForceField, list[Snapshot]]:
    system, window = scenes.octane_window(n_frames)
    field = forcefields.read(scenes.RECIPE / "octane.top", system)
    return system, field, list(Snapshot.all_of(window, system, AtomIndex(system), np.arange(n_frames)))


def begun(system: System, field: ForceField | None, **options: object) -> ProjectedForces:
    assessor = ProjectedForces(ProjectedForces.Options(temperature=350, **options))
    assessor.begin(system, field)
    return assessor


def springs(stiffness: float, length: float) -> ForceField:
    """Butane whose first bond is a spring, and nothing else."""
    kind = builders.butane()
    bond = Bonded("harmonic_bond", kind.bonds[:1], np.array([[length, stiffness]]))
    n = kind.n_atoms
    none = np.empty((0, 2), dtype=np.int64)
    excluded = np.array([(i, j) for i in range(n) for j in range(i + 1, n)])
    only = MoleculeParameters(kind.name, (bond,), np.zeros(n, dtype=np.int64), np.zeros(n), excluded, none,
                              np.empty((0, 3)))
    return ForceField({kind.name: only}, ["X"], np.zeros((1, 1)), np.zeros((1, 1)), coulomb="none")


def test_the_force_of_a_spring_fluctuates_as_it_should() -> None:
    """Var F = k kT of the force along a stiff bond, a bond of one bead with the next, within 2 %.

    Its length is in the middle of 4,000 equally likely intervals each, so that nothing is by chance; with k or kT off
    by 3 % it fails.
    """
    kind = replace(builders.butane(), bond_length=np.full(len(builders.butane().bonds), np.nan))
    n, stiffness, length, heat = 4000, 2e5, 0.15, BOLTZMANN * 350
    i, j = kind.bonds[0]
    atoms = np.zeros((n, kind.n_atoms, 3))
    atoms += 10 * np.arange(n)[:, None, None]  # far apart
    atoms[:, j, 0] = atoms[:, i, 0] + length + ndtri((np.arange(n) + 0.5) / n) * np.sqrt(heat / stiffness)
    system = System(((kind, n),))
    found = ForceProjection(system, springs(stiffness, length), 350, 0.001).energy.forces(atoms.reshape(-1, 3))
    along = found.reshape(n, -1, 3)[:, i, 0]
    assert along.var() == pytest.approx(stiffness * heat, rel=0.02)
    assert np.abs(found.reshape(n, -1, 3).sum(axis=1)).max() < 1e-6 * np.abs(along).max()


def test_figures_and_curves() -> None:
    system, field, frames = octane()
    assessor = begun(system, field)
    tally, flags = measured(assessor, *frames)
    assert flags == {}
    found = assessor.conclude(tally, tally)
    said = values(found)
    section = "forces on beads"
    assert {name for _, name, _ in said} == {"all", "bead E", "bead M", "all, restraint", "all, without rigid bonds",
                                            "M(r) - R, all", "M(r) - R, bead E", "M(r) - R, bead M"}
    assert said[section, "all", "JSD"] == said[section, "bead M", "Jeffreys"] == 0
    assert said[section, "all", "tail mass"] == pytest.approx(0.001, abs=0.001)
    assert 100 < said[section, "all", "median"] < said[section, "all", "99 %"] < 1e4
    assert {curve.name for curve in found.curves} >= {"|F|, all", "log |F|, bead M"}
    whole = next(curve for curve in found.curves if curve.name == "|F|, all")
    assert (whole.values * np.diff(whole.edges)).sum() == pytest.approx(1)


def test_errors_by_frame() -> None:
    """Halves of eight frames: the divergence has an error; that of a single frame is not known."""
    system, field, frames = octane(8)
    assessor = begun(system, field)
    tally, _ = measured(assessor, *frames)
    error = {f.key[1:]: f.error for f in assessor.conclude(tally.half(1), tally.half(0)).figures}["all", "JSD"]
    value = values(assessor.conclude(tally.half(1), tally.half(0)))["forces on beads", "all", "JSD"]
    assert 0.01 * value < error < value
    one, _ = measured(assessor, frames[0])
    lonely = {f.key[1:]: f.error for f in assessor.conclude(one, tally).figures}["all", "JSD"]
    assert lonely is None


def test_a_bead_out_of_place_is_among_the_worst() -> None:
    """The atoms of one bead, moved by 0.08 nm: among the five largest forces of 256 beads, in each of four frames."""
    system, field, frames = octane()
    for number, frame in enumerate(frames):
        bead = 17 + 50 * number
        atoms = frame.atoms.copy()
        atoms[frame.where.owner == bead] += [0.08, 0, 0]
        assessor = begun(system, field, flag_above=6000.0)
        tally, flags = measured(assessor, replace(frame, atoms=atoms, _found={}))
        assert bead in tally.rows("worst")[0][:, 1]
        assert flags["large_force"][bead] == (np.linalg.norm(
            assessor.projection.of(replace(frame, atoms=atoms, _found={})).total[bead]) > 6000)
        note = assessor.conclude(tally, None).notes[-1]
        assert f"frame {frame.number}: {system.bead_label(bead)} (" in note


def test_a_share_of_the_beads_is_flagged() -> None:
    """A hundredth of 256 beads is three, those with the largest forces; the least share is one bead."""
    system, field, frames = octane(1)
    for share, count in ((0.01, 3), (1e-6, 1), (1 / 256, 1), (1.0, 256)):
        assessor = begun(system, field, flag_worst=share)
        size = np.linalg.norm(assessor.projection.of(frames[0]).total, axis=1)
        mask = assessor.measure(frames[0], Tally())["large_force"]
        assert set(np.flatnonzero(mask)) == set(np.argsort(-size)[:count])


def test_forces_of_single_beads() -> None:
    system, field, frames = octane(1)
    assessor = begun(system, field)
    (shown,) = assessor.of_beads(frames[0])
    assert (shown.name, shown.unit) == ("force", "kJ/mol/nm")
    np.testing.assert_allclose(shown.values, np.linalg.norm(assessor.projection.of(frames[0]).total, axis=1))
    assert list(begun(system, field, forces="file").of_beads(frames[0])) == []


def test_the_restraint_holds_beads() -> None:
    system, field, frames = octane(1)
    moved = replace(frames[0], beads=frames[0].beads + np.array([0.002, 0.0, 0.0]), _found={})
    found = begun(system, field).projection.of(moved)
    pull = BOLTZMANN * 350 / 0.001**2 * 0.002
    np.testing.assert_allclose(found.restraint, np.tile([pull, 0, 0], (system.n_beads, 1)), rtol=1e-6, atol=1e-3)


def test_forces_of_a_file() -> None:
    """The same as computed; without any, one line."""
    system, field, frames = octane(1)
    forces = FrameEnergy(system, field).forces(frames[0].atoms, frames[0].box)
    ours, _ = measured(begun(system, field), frames[0])
    theirs, _ = measured(begun(system, field, forces="file"), replace(frames[0], forces=forces))
    np.testing.assert_array_equal(ours.rows("force/linear"), theirs.rows("force/linear"))
    with pytest.raises(BackmapError, match=r"frame 0 holds no forces\. Give frames with forces, such as a \.trr"):
        begun(system, field, forces="file").measure(frames[0], Tally())


def test_rounded_frames_with_springs_are_refused() -> None:
    """Frames of an .xtc are multiples of 0.001 nm: noise of 90 kJ/mol/nm on bonds that are springs."""
    system, field, frames = octane(1)
    loose = System(tuple((replace(kind, bond_length=np.full(len(kind.bonds), np.nan)), n) for kind, n in system.blocks))
    rounded = np.round(frames[0].atoms, 3)
    (group,) = loose.groups
    assert is_rounded(rounded[group.atoms], group.type.bonds)
    assert not is_rounded(frames[0].atoms[group.atoms] * 1.00037, group.type.bonds)
    with pytest.raises(BackmapError, match=r"frame 0: positions are rounded to 0.001 nm, which makes noise of \d+ "
                                           "kJ/mol/nm on bonds of OCT that are springs. Give frames of full precision"):
        begun(loose, field).measure(snapshot(loose, rounded, frames[0].box), Tally())
    begun(system, field).measure(snapshot(system, rounded, frames[0].box), Tally())  # rigid bonds do not care


def test_no_force_field() -> None:
    system, _, _ = octane(1)
    with pytest.raises(BackmapError, match="forces need a force field"):
        begun(system, None)


def test_wrong_d_is_said() -> None:
    """<d> that gives a shared atom to two beads makes no mean forces."""
    system = System(((builders.butane(), 1),))
    (kind,) = system.types
    assert (np.bincount(kind.mapping.atom) > 1).any()
    wrong = replace(kind, mapping=replace(kind.mapping, force_weight=kind.mapping.weight))
    one = System(((wrong, 1),))
    assessor = begun(one, springs(1e5, 0.15))
    (note,) = assessor.conclude(Tally(), None).notes
    assert "forces on its beads are not mean forces: B c^T differs from 1 by" in note
    assert begun(system, springs(1e5, 0.15)).conclude(Tally(), None).notes == []
