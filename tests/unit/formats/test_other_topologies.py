"""Molecule types from Amber, CHARMM, LAMMPS and VOTCA topologies, compared with GROMACS'."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.lammps.topology import Lammps
from backmap_plugins.formats.mappings.votca import Votca as VotcaMapping
from backmap_plugins.formats.mappings.votca_topology import Votca
from backmap_plugins.formats.mdanalysis.topologies import Amber, Charmm
from backmap_plugins.formats.molecule_types import AtomTable, topology_of
from backmap_plugins.molecules.assemble import assemble, one_bead

from backmap.api import AtomMolecule, AtomTopology
from backmap.errors import BackmapError

from .conftest import OCTANE

#: Bond parameters as CHARMM writes them: kcal/mol/A^2 and Angstrom.
PARAMETERS = """\
* two bonds
*
ATOMS
MASS -1 CT 12.011
MASS -1 HC 1.008

BONDS
CT CT 268.0 1.529
CT HC 340.0 1.090

END
"""
WATER_AND_IONS = AtomTable(
    names=["O", "H1", "H2", "NA", "O", "H1", "H2", "O", "H1", "H2"],
    types=["OW", "HW", "HW", "Na", "OW", "HW", "HW", "OW", "HW", "HW"],
    residue_names=["WAT"] * 3 + ["Na+"] + ["WAT"] * 6, residues=np.array([0, 0, 0, 1, 2, 2, 2, 3, 3, 3]),
    element=np.array([8, 1, 1, 11, 8, 1, 1, 8, 1, 1]), mass=np.array([16.0, 1, 1, 23, 16, 1, 1, 16, 1, 1]),
    charge=np.array([-0.8, 0.4, 0.4, 1, -0.8, 0.4, 0.4, -0.8, 0.4, 0.4]),
    bonds=np.array([[1, 0], [0, 2], [1, 2], [4, 5], [4, 6], [5, 6], [7, 8], [7, 9], [9, 8]]),
    bond_length=np.array([0.1, 0.1, 0.16] * 3))


@pytest.fixture(scope="module")
def truth() -> AtomTopology:
    return Gromacs(Gromacs.Options(file=OCTANE / "octane.top")).read()


def _same(found: AtomMolecule, expected: AtomMolecule, *, names: bool = True, lengths: bool = True) -> None:
    if names:
        assert found.atom_names == expected.atom_names
        assert found.residue_names == expected.residue_names
        assert found.atom_types == expected.atom_types
    assert found.element.tolist() == expected.element.tolist()
    assert found.residues.tolist() == expected.residues.tolist()
    assert found.bonds.tolist() == expected.bonds.tolist()
    np.testing.assert_allclose(found.mass, expected.mass, atol=1e-4)
    np.testing.assert_allclose(found.partial_charge, expected.partial_charge, atol=1e-6)
    np.testing.assert_allclose(found.bond_length, expected.bond_length if lengths else np.nan, atol=1e-6)


def _maps(topology: AtomTopology) -> None:
    """The mapping that ships fits the topology."""
    mapping = VotcaMapping(VotcaMapping.Options(files=OCTANE / "octane.xml"))
    assert assemble(topology, mapping.read(topology)).n_beads == 256


def test_amber(octane_files: Path, truth: AtomTopology) -> None:
    topology = Amber(Amber.Options(file=octane_files / "a.prmtop")).read()
    assert topology.blocks == [("OCT", 64)]
    _same(topology.types["OCT"], truth.types["OCT"])
    _maps(topology)


def test_charmm(octane_files: Path, tmp_path: Path, truth: AtomTopology) -> None:
    topology = Charmm(Charmm.Options(psf=octane_files / "a.psf")).read()
    assert topology.blocks == [("OCT", 64)]
    _same(topology.types["OCT"], truth.types["OCT"], lengths=False)
    _maps(topology)
    (tmp_path / "a.prm").write_text(PARAMETERS)
    topology = Charmm(Charmm.Options(psf=octane_files / "a.psf", parameters=[tmp_path / "a.prm"])).read()
    _same(topology.types["OCT"], truth.types["OCT"])
    (tmp_path / "a.psf").write_text("PSF\n\n")
    with pytest.raises(BackmapError, match=r"a\.psf: MDAnalysis cannot read it"):
        Charmm(Charmm.Options(psf=tmp_path / "a.psf")).read()


def test_molecules_are_what_bonds_join() -> None:
    topology = topology_of(WATER_AND_IONS, "a.prmtop")
    assert topology.blocks == [("WAT", 1), ("Na+", 1), ("WAT", 2)]
    assert topology.types["WAT"].bonds.tolist() == [[0, 1], [0, 2]]  # not that of the hydrogens
    np.testing.assert_allclose(topology.types["WAT"].bond_length, 0.1)
    assert topology.types["WAT"].held.between == {(1, 2): 0.16, (2, 1): 0.16}  # but these are held, as SHAKE does
    named = topology_of(WATER_AND_IONS, "a.prmtop", ["SOL", "NA"])
    assert named.blocks == [("SOL", 1), ("NA", 1), ("SOL", 2)]
    assert named.types["SOL"].residue_names == ["WAT"] * 3
    with pytest.raises(BackmapError, match=r"a\.prmtop: 1 names are given for 2 .* order: WAT, Na\+\."):
        topology_of(WATER_AND_IONS, "a.prmtop", ["SOL"])


@pytest.mark.parametrize(("constraints", "held"), [("h-bonds", 1), ("none", 0)])
def test_water_is_rigid_if_bonds_to_hydrogen_are(constraints: str, held: int) -> None:
    topology = topology_of(WATER_AND_IONS, "a.prmtop")
    models = {name: one_bead(kind) for name, kind in topology.types.items()}
    system = assemble(topology, models, constraints=constraints)
    assert [len(kind.held) for kind in system.types] == [held, 0]


def test_molecules_that_differ_in_charges_or_bonds_are_different_types() -> None:
    charge = WATER_AND_IONS.charge.copy()
    charge[5] += 0.1
    table = replace(WATER_AND_IONS, charge=charge)
    assert topology_of(table, "a").blocks == [("WAT", 1), ("Na+", 1), ("WAT_2", 1), ("WAT", 1)]
    bonds = np.delete(WATER_AND_IONS.bonds, [6], axis=0)
    table = replace(WATER_AND_IONS, bonds=bonds, bond_length=WATER_AND_IONS.bond_length[1:])
    assert topology_of(table, "a").blocks == [("WAT", 1), ("Na+", 1), ("WAT", 1), ("WAT_2", 1)]


def test_molecules_must_stand_together() -> None:
    bonds = np.concatenate([WATER_AND_IONS.bonds, [[0, 9]]])
    table = replace(WATER_AND_IONS, bonds=bonds, bond_length=np.ones(10))
    with pytest.raises(BackmapError, match="a: atom 8 belongs to the molecule of atom 1, but others stand between"):
        topology_of(table, "a")


def test_lammps_data(octane_files: Path, tmp_path: Path, truth: AtomTopology) -> None:
    """ParmEd has no LAMMPS; the file is put together from GROMACS' numbers, atoms in a mixed order."""
    kind = truth.types["OCT"]
    lines = ["octane", "", "52 atoms", "50 bonds", "2 atom types", "2 bond types", "0 30 xlo xhi", "0 30 ylo yhi",
             "-5 25 zlo zhi", "", "Masses", "", "1 12.011 # CT", "2 1.008 # HC", "", "Bond Coeffs # harmonic", "",
             "1 268.0 1.529", "2 340.0 1.090", "", "Atoms # full", ""]
    atoms = [f"{k * 26 + a + 1} {k + 1} {1 if z == 6 else 2} {q:.4f} 1.0 2.0 {a:.1f} 0 0 -1" for k in range(2)
             for a, (z, q) in enumerate(zip(kind.element.tolist(), kind.partial_charge.tolist(), strict=True))]
    bonds = [f"{k * 25 + b + 1} {1 if max(kind.element[[i, j]]) == min(kind.element[[i, j]]) else 2} {k * 26 + j + 1} "
             f"{k * 26 + i + 1}" for k in range(2) for b, (i, j) in enumerate(kind.bonds.tolist())]
    (tmp_path / "a.data").write_text("\n".join([*lines, *atoms[::-1], "", "Bonds", "", *bonds, ""]))
    topology = Lammps(Lammps.Options(data=tmp_path / "a.data", units="real", names=["OCT"])).read()
    assert topology.blocks == [("OCT", 2)]
    _same(topology.types["OCT"], kind, names=False)
    assert topology.types["OCT"].atom_names[:5] == ["C1", "H1", "H2", "H3", "C2"]
    assert topology.types["OCT"].atom_types[:2] == ["CT", "HC"]


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("1 12.011", "1 13.5", "no element has the mass 13.5 of atom type 1. Is this the atomistic topology?"),
    ("1 12.011\n", "", "atom type 1 has no mass. Masses tell the elements. Columns are read as those of style "
     "full (id molecule type charge x y z): set atom_style if they are others"),
    ("\nBonds\n\n1 1 1 2\n", "", "there are 0 bonds, but the header says 1"),
    ("1 1 1 2\n", "1 1 1 3\n", ":19: there is no atom 3")])
def test_lammps_data_without_what_is_needed(tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = ("two\n\n2 atoms\n1 bonds\n1 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nMasses\n\n1 12.011\n\n"
            "Atoms\n\n1 1 1 0 0 0 0\n2 1 1 0 1 1 1\nBonds\n1 1 1 2\n")
    text = text.replace("Bonds\n", "\nBonds\n\n") if old.startswith("\n") else text
    assert old in text
    (tmp_path / "a.data").write_text(text.replace(old, new))
    with pytest.raises(BackmapError) as caught:
        Lammps(Lammps.Options(data=tmp_path / "a.data", units="real")).read()
    assert problem in str(caught.value)


VOTCA = """\
<topology>
  <molecules>
    <molecule name="BUT" nmols="2" nbeads="4">
      <bead name="C1" type="C" mass="15.035" q="0.1"/> <bead name="C2" type="C" mass="14.027" q="0.0"/>
      <bead name="C3" type="C" mass="14.027" q="0.0"/> <bead name="C4" type="C" mass="15.035" q="-0.1"/>
    </molecule>
    <molecule name="AR" nmols="3" nbeads="1"><bead name="AR" type="AR" mass="39.948" q="0"/></molecule>
  </molecules>
  <bonded>
    <bond><name>b</name><beads>BUT:C1 BUT:C2
      BUT:C3 BUT:C2 BUT:C3 BUT:C4</beads></bond>
  </bonded>
</topology>
"""


def test_votca(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(VOTCA)
    topology = Votca(Votca.Options(file=tmp_path / "a.xml")).read()
    assert topology.blocks == [("BUT", 2), ("AR", 3)]
    butane = topology.types["BUT"]
    assert (butane.atom_names, butane.residue_names) == (["C1", "C2", "C3", "C4"], ["BUT"] * 4)
    assert butane.bonds.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert butane.element.tolist() == [6] * 4
    assert butane.partial_charge.tolist() == [0.1, 0, 0, -0.1]
    assert topology.types["AR"].element.tolist() == [18]


@pytest.mark.parametrize(("old", "new", "line", "problem"), [
    ("<topology>", '<topology base="a.gro">', 1, "takes its atoms from another file"),
    ("<molecules>", '<molecules><define name="X" first="1" nbeads="1" nmols="1"/>', 2, "<define> is not read"),
    ('nbeads="4"', 'nbeads="5"', 3, "molecule 'BUT' has 4 <bead>s, but nbeads is 5"),
    ('nmols="2"', 'nmols="none"', 3, "nmols is 'none', which is no number of them"),
    ('mass="15.035" q="0.1"', 'mass="heavy" q="0.1"', 4, "mass is 'heavy', not a number"),
    ('name="C2"', 'name="C1"', 3, "two atoms of molecule 'BUT' have the same name"),
    ("BUT:C4", "BUT:C5", 10, "there is no atom 'C5' in molecule 'BUT'"),
    ("BUT:C4", "BUTT:C4", 10, "'BUT:C3' and 'BUTT:C4' are in different molecules"),
    ("BUT:C4", "", 10, "<beads> of a bond has 5 names, which are no pairs"),
    ("<beads>BUT:C1 BUT:C2\n      BUT:C3 BUT:C2 BUT:C3 BUT:C4</beads>", "", 3,
     "molecule 'BUT' has no bonds. Add <bonded><bond><name>bond</name><beads>BUT:C1 BUT:C2 ..."),
    ("</topology>", "", 14, "is not XML")])
def test_wrong_votca(tmp_path: Path, old: str, new: str, line: int, problem: str) -> None:
    assert old in VOTCA
    path = tmp_path / "a.xml"
    path.write_text(VOTCA.replace(old, new))
    with pytest.raises(BackmapError) as caught:
        Votca(Votca.Options(file=path)).read()
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert problem in str(caught.value)
