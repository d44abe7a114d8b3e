"""ParmEd and OpenMM on both sides: frames from their objects, atoms as their objects."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.bridges import OpenMMObjects, ParmEd
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from backmap import testing
from backmap.errors import BackmapError
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running.runner import system_of
from tests import scenes

ATOMS = scenes.RECIPE / "aa.gro"
BRIDGES = [ParmEd(ParmEd.Options()), OpenMMObjects(OpenMMObjects.Options())]
parmed = pytest.importorskip("parmed", reason="ParmEd is not installed")


@pytest.fixture(scope="module")
def structure() -> parmed.Structure:
    return parmed.load_file(str(ATOMS))


@pytest.fixture(scope="module")
def system() -> object:
    return system_of(recipe.load(scenes.RECIPE / "run.yaml", Registry().discover()))


def test_frames_of_a_structure(structure: parmed.Structure) -> None:
    bridge = BRIDGES[0]
    testing.check_bridge(bridge, structure)
    ours, file = bridge.frames(structure), GromacsFrames([ATOMS])
    assert (ours.names, ours.residue_names) == (file.names, file.residue_names)
    np.testing.assert_allclose(ours.frame(0).positions, file.frame(0).positions, atol=2e-6)
    np.testing.assert_allclose(ours.frame(0).box, file.frame(0).box, atol=2e-6)
    assert not bridge.knows(None)
    with pytest.raises(BackmapError, match="this Structure has no coordinates"):
        bridge.frames(parmed.Structure())


def test_frames_of_openmm(structure: parmed.Structure) -> None:
    app = pytest.importorskip("openmm.app", reason="OpenMM is not installed")
    bridge, file = BRIDGES[1], GromacsFrames([ATOMS])
    modeller = app.Modeller(structure.topology, structure.positions)
    testing.check_bridge(bridge, modeller)
    assert not bridge.knows(structure)
    ours = bridge.frames(modeller)
    assert ours.names == file.names
    np.testing.assert_allclose(ours.frame(0).positions, file.frame(0).positions, atol=2e-6)
    np.testing.assert_allclose(ours.frame(0).box, file.frame(0).box, atol=2e-6)
    openmm = pytest.importorskip("openmm")
    system = openmm.System()
    for _ in range(len(file.names)):
        system.addParticle(1.0)
    simulation = app.Simulation(structure.topology, system, openmm.VerletIntegrator(0.001),
                                openmm.Platform.getPlatformByName("Reference"))
    simulation.context.setPositions(structure.positions)
    simulation.context.setPeriodicBoxVectors(*(2 * file.frame(0).box))
    assert bridge.knows(simulation)
    np.testing.assert_allclose(bridge.frames(simulation).frame(0).positions, file.frame(0).positions, atol=2e-6)
    np.testing.assert_allclose(bridge.frames(simulation).frame(0).box, 2 * file.frame(0).box, atol=2e-6)
    modeller.topology.setPeriodicBoxVectors(file.frame(0).box * openmm.unit.nanometer)  # an array, as people make them
    np.testing.assert_allclose(bridge.frames(modeller).frame(0).box, file.frame(0).box, atol=2e-6)


def test_what_a_run_made_as_a_structure(system: object, tmp_path: Path) -> None:
    made = BRIDGES[0].atoms(system, [ATOMS])
    file = GromacsFrames([ATOMS]).frame(0)
    assert [atom.name for atom in made.atoms[:26]] == GromacsFrames([ATOMS]).names[:26]
    assert len(made.residues) == 64
    assert len(made.bonds) == 64 * 25
    assert abs(sum(atom.charge for atom in made.atoms)) < 1e-6
    np.testing.assert_allclose(made.get_coordinates("all")[0], file.positions * 10, atol=2e-5)
    made.save(str(tmp_path / "made.pdb"))  # as people go on
    assert parmed.load_file(str(tmp_path / "made.pdb")).box[0] == pytest.approx(file.box[0, 0] * 10, abs=1e-3)


def test_what_a_run_made_for_openmm(system: object) -> None:
    unit = pytest.importorskip("openmm.unit", reason="OpenMM is not installed")
    made = BRIDGES[1].atoms(system, [ATOMS])
    file = GromacsFrames([ATOMS]).frame(0)
    assert made.topology.getNumBonds() == 64 * 25
    np.testing.assert_allclose(made.positions.value_in_unit(unit.nanometer), file.positions, atol=2e-6)
    np.testing.assert_allclose(made.topology.getPeriodicBoxVectors().value_in_unit(unit.nanometer), file.box, atol=2e-6)
