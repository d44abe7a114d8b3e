"""Amber, CHARMM and OpenMM files: our arrays give the energies that OpenMM's own system gives."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest
from backmap_plugins.forcefields.amber import Amber
from backmap_plugins.forcefields.charmm import Charmm
from backmap_plugins.forcefields.openmm import OpenMM
from backmap_plugins.openmm_bridge.system import energies
from openmm import app

from backmap import testing
from backmap.api import ForceFieldReader
from backmap.engine.energy.frame import FrameEnergy
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System
from tests.unit.forcefields import files

#: A bent chain of five atoms, a branch on the third; nm.
ATOMS = np.array([[0, 0, 0], [0.12, 0.09, 0], [0.25, 0.01, 0.05], [0.37, 0.1, 0.03], [0.26, -0.11, -0.06]])
BRANCHED = testing.molecule_type("BRA", [6, 6, 6, 8, 1], [(0, 1), (1, 2), (2, 3), (2, 4)], [[0, 1], [2, 3, 4]])
SYSTEM = System(((BRANCHED, 1),))
POSITIONS = np.concatenate([ATOMS])


def _everything(field: ForceField) -> ForceField:
    """Without any cut-off."""
    return replace(field, cutoff=100.0, coulomb="cutoff")


def _own(made: openmm.System, positions: np.ndarray) -> float:
    context = openmm.Context(made, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    return context.getState(getEnergy=True).getPotentialEnergy()._value


def test_amber(tmp_path: Path) -> None:
    path = files.prmtop(tmp_path)
    field = Amber(Amber.Options(file=path)).read(SYSTEM)
    found = energies(_everything(field), SYSTEM, POSITIONS, None)
    made = app.AmberPrmtopFile(str(path)).createSystem(nonbondedMethod=app.NoCutoff, constraints=None)
    assert found["total"] == pytest.approx(_own(made, POSITIONS), rel=1e-7)
    assert {"bond", "angle", "proper", "improper", "lj_14", "coulomb_14"} <= set(found)
    assert found["bond"] == pytest.approx(300 * 418.4 * ((np.linalg.norm(ATOMS[0] - ATOMS[1]) - 0.15)**2
                                          + (np.linalg.norm(ATOMS[1] - ATOMS[2]) - 0.15)**2) * 1.0
                                          + 350 * 418.4 * (np.linalg.norm(ATOMS[2] - ATOMS[3]) - 0.14)**2
                                          + 340 * 418.4 * (np.linalg.norm(ATOMS[2] - ATOMS[4]) - 0.11)**2, rel=1e-6)


def test_charmm_with_urey_bradley_impropers_and_nbfix(tmp_path: Path) -> None:
    psf, prm = files.charmm(tmp_path)
    field = Charmm(Charmm.Options(psf=psf, parameters=[prm])).read(SYSTEM)
    found = energies(_everything(field), SYSTEM, POSITIONS, None)
    made = app.CharmmPsfFile(str(psf)).createSystem(app.CharmmParameterSet(str(prm)), nonbondedMethod=app.NoCutoff,
                                                    constraints=None)
    assert found["total"] == pytest.approx(_own(made, POSITIONS), rel=1e-7)
    functions = {bonded.function for bonded in field.molecules["BRA"].bonded}
    assert {"urey_bradley", "harmonic_improper", "periodic_proper"} <= functions
    carbon, oxygen = field.molecules["BRA"].kind[[0, 3]]
    depth, radius = 0.2 * 4.184, 0.36  # NBFIX C O
    assert field.c12[carbon, oxygen] == pytest.approx(depth * radius**12, rel=1e-6)
    assert field.c6[carbon, oxygen] == pytest.approx(2 * depth * radius**6, rel=1e-6)


def test_a_charmm_file_without_a_parameter_is_one_line(tmp_path: Path) -> None:
    psf, prm = files.charmm(tmp_path)
    prm.write_text(prm.read_text().replace("CT   CT   OH   50.0", "!"))
    with pytest.raises(BackmapError) as caught:
        Charmm(Charmm.Options(psf=psf, parameters=[prm])).read(SYSTEM)
    assert str(caught.value).startswith(f"{psf}: OpenMM cannot read it: ")
    assert "\n" not in str(caught.value)


@pytest.fixture
def alanine(reference_data: Path) -> tuple[Path, app.PDBFile, System]:
    path = reference_data / "alanine_dipeptide" / "ala2.pdb"
    pdb = app.PDBFile(str(path))
    bonds = [tuple(sorted((bond[0].index, bond[1].index))) for bond in pdb.topology.bonds()]
    element = [atom.element.atomic_number for atom in pdb.topology.atoms()]
    kind = testing.molecule_type("ALA2", element, bonds, [list(range(len(element)))])
    return path, pdb, System(((kind, 1),))


@pytest.mark.parametrize("name", ["amber99sb.xml", "amber14/protein.ff14SB.xml", "amber19/protein.ff19SB.xml"])
def test_alanine_dipeptide_is_as_in_openmm(alanine: tuple, name: str) -> None:
    path, pdb, system = alanine
    field = OpenMM(OpenMM.Options(xml=name, pdb=path)).read(system)
    positions = np.array(pdb.positions._value)
    found = energies(_everything(field), system, positions, None)
    made = app.ForceField(name).createSystem(pdb.topology, nonbondedMethod=app.NoCutoff, constraints=None)
    for number, force in enumerate(made.getForces()):
        force.setForceGroup(number)
    context = openmm.Context(made, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    own = {force.getName(): context.getState(getEnergy=True, groups={k}).getPotentialEnergy()._value
           for k, force in enumerate(made.getForces())}
    assert found["bond"] == pytest.approx(own["HarmonicBondForce"], rel=1e-9)
    assert found["angle"] == pytest.approx(own["HarmonicAngleForce"], rel=1e-9)
    assert found.get("cmap", 0.0) == pytest.approx(own.get("CMAPTorsionForce", 0.0), rel=1e-9)
    assert found["proper"] + found["improper"] == pytest.approx(own["PeriodicTorsionForce"], rel=1e-6)
    nonbonded = found["lj"] + found["coulomb"] + found["lj_14"] + found["coulomb_14"]
    assert nonbonded == pytest.approx(own["NonbondedForce"], abs=1e-5 * abs(found["coulomb"]))


def test_a_serialised_system_is_the_same(alanine: tuple, tmp_path: Path) -> None:
    path, pdb, system = alanine
    made = app.ForceField("amber99sb.xml").createSystem(pdb.topology, nonbondedMethod=app.NoCutoff, constraints=None)
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(made))
    positions = np.array(pdb.positions._value)
    one = OpenMM(OpenMM.Options(xml=str(tmp_path / "system.xml"), pdb=path)).read(system)
    other = OpenMM(OpenMM.Options(xml="amber99sb.xml", pdb=path)).read(system)
    assert energies(one, system, positions, None) == pytest.approx(energies(other, system, positions, None))
    made = app.ForceField("amber99sb.xml", "implicit/obc2.xml").createSystem(pdb.topology, constraints=None)
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(made))
    solvated = OpenMM(OpenMM.Options(xml=str(tmp_path / "system.xml"), pdb=path)).read(system)
    assert FrameEnergy(system, _everything(solvated)).of(positions, None).total == pytest.approx(
        _own(made, positions), rel=1e-6)
    made.addConstraint(0, 1, 0.1)
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(made))
    with pytest.raises(BackmapError, match="is a System with constraints"):
        OpenMM(OpenMM.Options(xml=str(tmp_path / "system.xml"), pdb=path)).read(system)


def _written(tmp_path: Path, kind: str) -> ForceFieldReader:
    if kind == "amber":
        return Amber(Amber.Options(file=files.prmtop(tmp_path)))
    psf, prm = files.charmm(tmp_path)
    return Charmm(Charmm.Options(psf=psf, parameters=[prm]))


@pytest.mark.parametrize("kind", ["amber", "charmm"])
def test_a_molecule_that_is_not_there(tmp_path: Path, kind: str) -> None:
    other = System(((testing.molecule_type("ETH", [6, 6], [(0, 1)], [[0, 1]]), 1),))
    with pytest.raises(BackmapError, match=r"has no molecule with the atoms of 'ETH' \(C2\) in their order\. "
                                           r"It holds: 1 C3HO\."):
        _written(tmp_path, kind).read(other)


@pytest.mark.parametrize(("options", "problem"), [
    ({"xml": "amber99sc.xml"}, "there is no file 'amber99sc.xml', and OpenMM ships no force field of that name"),
    ({"xml": "tip3p.xml"}, "OpenMM cannot read it: No template found for residue")])
def test_force_fields_that_do_not_fit(alanine: tuple, options: dict, problem: str) -> None:
    path, _, system = alanine
    with pytest.raises(BackmapError) as caught:
        OpenMM(OpenMM.Options(pdb=path, **options)).read(system)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", [
    lambda path: Amber(Amber.Options(file=path)),
    lambda path: Charmm(Charmm.Options(psf=path, parameters=[path])),
    lambda path: OpenMM(OpenMM.Options(xml=str(path), pdb=path))])
def test_a_file_of_another_kind_is_one_line(tmp_path: Path, reader: Callable) -> None:
    path = tmp_path / "nonsense.txt"
    path.write_text("this is\nno force field\n")
    with pytest.raises(BackmapError) as caught:
        reader(path).read(SYSTEM)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
