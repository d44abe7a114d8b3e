"""The ``energy`` assessor on small liquids."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.assessors.energy import NAMES, Energy
from backmap_plugins.openmm_bridge import system as openmm_system

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import divergence
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import forcefields, scenes


def octane() -> tuple[System, ForceField, list[Snapshot]]:
    """Four frames of the recipe's liquid."""
    system, window = scenes.octane_window(4)
    field = forcefields.read(scenes.RECIPE / "octane.top", system)
    return system, field, list(Snapshot.all_of(window, system, AtomIndex(system), np.arange(4)))


def begun(system: System, field: ForceField | None, **options: object) -> Energy:
    assessor = Energy(Energy.Options(**options))
    assessor.begin(system, field)
    return assessor


def measured(assessor: Energy, frames: list[Snapshot]) -> Tally:
    tally = Tally()
    for frame in frames:
        assessor.measure(frame, tally)
    return tally


def test_energies_per_atom_are_means_over_frames_with_their_spread() -> None:
    system, field, frames = octane()
    assessor = begun(system, field)
    figures = {f.key[1:]: f for f in assessor.conclude(measured(assessor, frames), None).figures}
    energies = [FrameEnergy(system, field).of(frame) for frame in frames]
    there = [name for name, quantity in figures if quantity == "per atom"]
    assert there == ["bond", "angle", "proper", "Lennard-Jones", "Lennard-Jones 1-4", "Coulomb", "Coulomb 1-4", "total"]
    for term, name in NAMES.items():
        if name in there:
            values = np.array([energy[term] for energy in energies]) / system.n_atoms
            figure = figures[name, "per atom"]
            assert (figure.value, figure.spread) == pytest.approx((values.mean(), values.std())), name
    totals = np.array([energy.total for energy in energies]) / system.n_atoms
    assert figures["total", "per atom"].value == pytest.approx(totals.mean())
    assert not [f for f in figures.values() if f.distance]


def test_lennard_jones_per_molecule_is_compared_with_the_reference() -> None:
    system, field, frames = octane()
    assessor = begun(system, field, bin_width=2.0)
    tally, reference = measured(assessor, frames[:2]), measured(assessor, frames[2:])
    assessment = assessor.conclude(tally, reference)
    figures = {f.key[1:]: f for f in assessment.figures}
    energies = [FrameEnergy(system, field).of(frame) for frame in frames]
    sums = np.array([energy.intra + energy.inter for energy in energies])
    title = "Lennard-Jones per molecule"
    figure = figures[f"{title}, sum", "mean"]
    assert (figure.value, figure.spread) == pytest.approx((sums[:2].mean(), sums[:2].std()))
    assert figures[f"{title}, sum", "median"].value == pytest.approx(np.median(sums[:2]))
    counts = [np.histogram(part, np.arange(-1500, 3001, 2.0))[0] for part in (sums[:2], sums[2:])]
    assert figures[title, "JSD"].value == pytest.approx(divergence(*counts))
    assert figures[title, "JSD"].distance
    (curve,) = assessment.curves
    assert (curve.values * np.diff(curve.edges)).sum() == pytest.approx(1.0)
    assert assessor.conclude(reference, reference).figures[-1].value == 0.0


def test_energies_beyond_the_bins_are_counted_at_their_ends() -> None:
    system, field, frames = octane()
    assessor = begun(system, field, lowest=-500.0, highest=-300.0)
    counts = measured(assessor, frames[:1]).counts("energy lj OCT")
    assert counts[-1] == counts.sum() == 64


def test_molecule_types_are_told_apart() -> None:
    system, window = scenes.crowd((scenes.octane_system().types[0], 1), (scenes.phenyl(), 2), n_frames=1)
    frames = list(Snapshot.all_of(window, system, AtomIndex(system), np.arange(1)))
    field = forcefields.everything(system, cutoff=0.7)
    assessor = begun(system, field)
    figures = {f.key[1:]: f.value for f in assessor.conclude(measured(assessor, frames), None).figures}
    found = FrameEnergy(system, field).of(frames[0])
    assert figures["Lennard-Jones per OCT, inter", "mean"] == pytest.approx(found.inter[0])
    assert figures["Lennard-Jones per PEF, inter", "mean"] == pytest.approx(found.inter[1:].mean())


def test_figures_do_not_depend_on_how_frames_are_shared_out() -> None:
    system, field, frames = octane()
    assessor = begun(system, field)
    together = measured(assessor, frames)
    apart = Tally.merged([measured(begun(system, field), frames[2:]), measured(assessor, frames[:2])])
    assert assessor.conclude(together, None).to_json() == assessor.conclude(apart, None).to_json()


def test_overlapping_beads_are_flagged() -> None:
    system, field, frames = octane()
    assessor = begun(system, field)
    assert not assessor.measure(frames[0], Tally())["overlap"].any()
    pushed = frames[0].atoms.copy()
    molecule, other = system.groups[0].atoms[:2]
    pushed[molecule] += pushed[other[1]] - pushed[molecule[2]] + 0.01
    flags = assessor.measure(Snapshot(system, frames[0].where, 0, 0, frames[0].box, pushed, frames[0].beads), Tally())
    owner = frames[0].where.owner
    assert flags["overlap"][owner[molecule[2]]]
    assert flags["overlap"][owner[other[1]]]
    assert flags["overlap"].mean() < 0.2


def test_particle_mesh_ewald_comes_from_openmm() -> None:
    system, field, frames = octane()
    field = replace(field, coulomb="pme")
    assessor = begun(system, field)
    figures = {f.key[1:]: f.value for f in assessor.conclude(measured(assessor, frames[:1]), None).figures}
    expected = openmm_system.energies(field, system, frames[0].atoms, frames[0].box)
    for term, name in NAMES.items():
        if term in expected:
            value = figures[name, "per atom"] * system.n_atoms
            assert value == pytest.approx(expected[term], rel=1e-4, abs=0.02), term


def test_without_a_force_field_it_says_so() -> None:
    with pytest.raises(BackmapError, match="has no force field"):
        begun(octane()[0], None)


def test_bins_have_a_beginning_and_an_end() -> None:
    with pytest.raises(ValueError, match="leaves no room"):
        Energy.Options(lowest=0.0, highest=5.0)
