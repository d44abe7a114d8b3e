"""OpenMM systems of tables: energies and forces of the CPU platform are those of the engine, also after XML."""
from __future__ import annotations

import numpy as np
import openmm
import pytest
from backmap_plugins.openmm_bridge.tabulated import bead_masses, system_of

from backmap.engine.tabulated.forces import TabulatedForces
from backmap.errors import BackmapError
from tests import builders, tabulated

BOX = np.array([[2.4, 0, 0], [0.4, 2.3, 0], [-0.3, 0.5, 2.5]])


def single_point(made: openmm.System, beads: np.ndarray) -> tuple[float, np.ndarray]:
    copy = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(made))
    context = openmm.Context(copy, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("CPU"),
                             {"Threads": "1"})
    context.setPositions(beads)
    state = context.getState(getEnergy=True, getForces=True)
    return state.getPotentialEnergy()._value, np.array(state.getForces(asNumpy=True)._value)


@pytest.mark.parametrize("names", [["bond"], ["angle"], ["dihedral"], ["E-E", "E-M", "M-M"], None],
                         ids=["bond", "angle", "dihedral", "pairs", "all"])
def test_openmm_finds_the_same(names: list[str] | None) -> None:
    system, beads = tabulated.system(8, named=True), tabulated.chains(8, BOX, seed=3)
    terms = {name: one for name, one in tabulated.field().items() if names is None or name in names}
    ours = TabulatedForces(system, terms)
    energy, forces = single_point(system_of(system, terms, BOX), beads)
    expected = ours.of(beads, BOX)
    assert energy == pytest.approx(sum(ours.energy(beads, BOX).values()), rel=1e-4)
    assert np.abs(forces - expected).max() < 1e-4 * np.abs(expected).max()


def test_tables_go_on_straight() -> None:
    system, bond = tabulated.system(1, named=True), tabulated.potential("bond")
    beads = np.array([[0, 0, 0], [0.5, 0, 0], [0.75, 0, 0], [1.0, 0, 0]])  # the table ends at 0.45
    _, forces = single_point(system_of(system, {"bond": bond}), beads)
    assert forces[0, 0] == pytest.approx(-bond.force[-1], rel=1e-4)


def test_pairs_longer_than_half_the_box() -> None:
    with pytest.raises(BackmapError, match=r"'E-E' ends at 1 nm, more than half of the box, 1\.900 nm wide"):
        system_of(tabulated.system(2, named=True), {"E-E": tabulated.potential("pair")}, np.eye(3) * 1.9)


def test_beads_weigh_what_their_atoms_weigh() -> None:
    kind = builders.butane()
    assert bead_masses(kind).sum() == pytest.approx(kind.mass.sum())
