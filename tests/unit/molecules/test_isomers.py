"""What tells which isomer a molecule is: mapping, structure, string, names of residues, in this order."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.chemistry.sides import relative_side, with_told
from backmap_plugins.molecules.assemble import assemble
from backmap_plugins.molecules.isomers import isomer_lines, told_by_atoms, told_by_nature, without_slips

from backmap.api import AtomTopology, BeadModel
from backmap.errors import BackmapError
from backmap.model.inputs import CGSMILES, ToldSide
from backmap.model.isomers import CIS, EITHER, TRANS, PlanarSides, handedness, sides
from backmap.model.molecule import graph_of
from backmap.model.system import System
from tests import builders

CIS_BUTENE, TRANS_BUTENE = "C/C=C\\C", "C/C=C/C"
#: Alanine between its caps, with names and residues; atoms in the order of the string.
DIPEPTIDE = "CC(=O)N[C@@H](C)C(=O)NC"
NAMES = ["CH3", "C", "O", "N", "CA", "CB", "C", "O", "N", "C"]
RESIDUES = [1, 1, 1, 2, 2, 2, 2, 2, 3, 3]
#: Uridine and 2'-deoxythymidine, as PubChem writes them, with the names of their heavy atoms.
NUCLEOSIDES = {
    "U": ("C1=CN(C(=O)NC1=O)[C@H]2[C@@H]([C@@H]([C@H](O2)CO)O)O",
          "C5 C6 N1 C2 O2 N3 C4 O4 C1' C2' C3' C4' O4' C5' O5' O3' O2'"),
    "DT5": ("CC1=CN(C(=O)NC1=O)[C@H]2C[C@@H]([C@H](O2)CO)O",
            "C7 C5 C6 N1 C2 O2 N3 C4 O4 C1' C2' C3' C4' O4' C5' O5' O3'")}
#: Cholesterol and lipids of acetyls, as PubChem writes such, with the names that CHARMM gives. The last has at its
#: glycerol what by its labels is 1D-myo-inositol 1,4,5-trisphosphate (1R,2R,3S,4R,5R,6S).
LIPIDS = {
    "CHL1": ("C[C@H](CCCC(C)C)[C@H]1CC[C@@H]2[C@@]1(CC[C@H]3[C@H]2CC=C4[C@@]3(CC[C@@H](C4)O)C)C",
             "C21 C20 C22 C23 C24 C25 C26 C27 C17 C16 C15 C14 C13 C12 C11 C9 C8 C7 C6 C5 C10 C1 C2 C3 C4 O3 C19 C18"),
    "DAPC": ("CC(=O)OC[C@H](COP(=O)([O-])OCC[N+](C)(C)C)OC(=O)C",
             "C32 C31 O32 O31 C3 C2 C1 O11 P O13 O14 O12 C11 C12 N C13 C14 C15 O21 C21 O22 C22"),
    "DAPS": ("CC(=O)OC[C@H](COP(=O)([O-])OC[C@@H](C(=O)[O-])[NH3+])OC(=O)C",
             "C32 C31 O32 O31 C3 C2 C1 O11 P O13 O14 O12 C11 C12 C13 O13A O13B N O21 C21 O22 C22"),
    "NSM": ("C/C=C/[C@H]([C@H](COP(=O)([O-])OCC[N+](C)(C)C)NC(=O)C/C=C\\C)O",
            "C6S C5S C4S C3S C2S C1S O11 P O13 O14 O12 C11 C12 N C13 C14 C15 NF C1F OF C2F C3F C4F C5F O3"),
    "SAPI24": ("CC(=O)OC[C@H](COP(=O)([O-])O[C@@H]1[C@H](O)[C@H](O)[C@@H](OP(=O)(O)[O-])[C@H](OP(=O)(O)[O-])[C@H]1O)"
               "OC(=O)C",
               "C32 C31 O32 O31 C3 C2 C1 O11 P O13 O14 O12 C11 C12 O2 C13 O3 C14 O4 P4 OP42 OP43 OP44 "
               "C15 O5 P5 OP52 OP53 OP54 C16 O6 O21 C21 O22 C22")}


def assembled(smiles: str, sides_: tuple[ToldSide, ...] = (), by: str = "the mapping", copies: int = 1,
              **changes: object) -> tuple[System, np.ndarray]:
    """Molecules in one bead, and the positions of one, nm."""
    atoms, shape = builders.atoms_of(smiles, "MOL")
    atoms = replace(atoms, **changes)
    beads: BeadModel = builders.beads_of(replace(atoms, atom_names=[str(k) for k in range(len(shape))]),
                                         {"M1": {str(k): 1.0 for k in range(len(shape))}})
    beads = replace(beads, sides=sides_, isomers_by=by)
    return assemble(AtomTopology({"MOL": atoms}, [("MOL", copies)], "top.top"), {"MOL": beads}), shape


def peptide() -> tuple[System, np.ndarray]:
    names = builders.atoms_of(DIPEPTIDE, "MOL")[0].atom_names
    hydrogens = len(names) - len(NAMES)
    graph = graph_of(len(names), builders.atoms_of(DIPEPTIDE, "MOL")[0].bonds)
    residues = [*RESIDUES, *(RESIDUES[next(iter(graph[10 + k]))] for k in range(hydrogens))]
    return assembled(DIPEPTIDE, atom_names=[*NAMES, *(f"H{k}" for k in range(hydrogens))], residues=np.array(residues),
                     residue_names=[{1: "ACE", 2: "ALA", 3: "NME"}[k] for k in residues])


def natural(system: System, **cis: list[int]) -> System:
    return told_by_nature(system, cis, "here")


@pytest.mark.parametrize(("opposite", "followed", "said"), [
    (["C20"], False, "as is natural, while the mapping tells the opposite and the others as natural: CHL1 1 C20"),
    (["C17", "C20"], True, "the opposite of what is natural: CHL1 1 C17, CHL1 1 C20")])
def test_the_opposite_of_what_is_natural_is_said(opposite: list[str], followed: bool, said: str) -> None:
    """It is followed all the same, unless it is one of many, as in Backward's files of cholesterol."""
    system, _ = named("CHL1", *LIPIDS["CHL1"])
    right = natural(system).types[0]
    turned = np.isin(np.array(right.atom_names)[right.chemistry.centres[:, 0]], opposite)
    wrong = np.where(turned, -1, 1) * right.chemistry.sign
    kind = right.with_signs(wrong, right.planar.side, ("8 stereocentres by the mapping",))
    told = natural(without_slips(System(((kind, 1),))))
    np.testing.assert_array_equal(told.types[0].chemistry.sign, wrong if followed else right.chemistry.sign)
    line, = isomer_lines(told)
    assert sorted(line.replace(",", "").split()) == sorted(
        f"MOL: isomer: 8 stereocentres by the mapping; of these {said}".replace(",", "").split())


def test_amino_acids_are_left_handed_and_peptide_bonds_trans() -> None:
    system, shape = peptide()
    assert system.types[0].chemistry.sign.tolist() == [0]
    (kind,) = natural(system).types
    assert kind.planar.side.tolist() == [TRANS, TRANS]
    assert handedness(shape, kind.chemistry.centres).tolist() == kind.chemistry.sign.tolist()  # the string is of L-Ala
    assert list(isomer_lines(natural(system))) == [
        "MOL: isomer: 1 stereocentre, 2 peptide bonds trans by the names of residues"]
    assert natural(system, MOL=[3]).types[0].planar.side.tolist() == [TRANS, CIS]


def named(residue: str, smiles: str, names: str) -> tuple[System, np.ndarray]:
    """A molecule of one residue, its heavy atoms with their names."""
    n, heavy = len(builders.atoms_of(smiles, "MOL")[0].atom_names), names.split()
    return assembled(smiles, atom_names=[*heavy, *(f"H{k}" for k in range(n - len(heavy)))],
                     residue_names=[residue] * n)


@pytest.mark.parametrize(("residue", "known"), [
    ("U", 4), ("DT5", 3), ("LIG", 0), ("CHL1", 8), ("DAPC", 1), ("DAPS", 2), ("NSM", 2), ("SAPI24", 7)])
def test_natural_isomers_of_nucleosides_and_lipids(residue: str, known: int) -> None:
    system, shape = named(residue, *(NUCLEOSIDES | LIPIDS).get(residue, NUCLEOSIDES["U"]))
    (kind,) = natural(system).types
    sign = kind.chemistry.sign
    assert np.count_nonzero(sign) == known
    np.testing.assert_array_equal(sign[sign != 0], handedness(shape, kind.chemistry.centres)[sign != 0])


def test_the_double_bond_of_sphingosine_is_trans_and_that_of_its_acid_cis() -> None:
    system, shape = named("NSM", *LIPIDS["NSM"])
    (kind,) = natural(system).types
    assert sorted(kind.planar.side.tolist()) == sorted([TRANS, CIS, TRANS])  # and the amide
    np.testing.assert_array_equal(kind.planar.side, sides(shape, kind.planar.atoms))
    assert EITHER in natural(named("LIG", *LIPIDS["NSM"])[0]).types[0].planar.side


@pytest.mark.parametrize(("cis", "problem"), [
    ({"MOX": [1]}, "here: 'MOX' is no molecule type. Known: MOL."),
    ({"MOL": [1]}, "here: no peptide bond of 'MOL' leads to residue 1. Name the residue behind")])
def test_cis_peptides_that_are_not_there(cis: dict, problem: str) -> None:
    with pytest.raises(BackmapError, match=problem):
        natural(peptide()[0], **cis)


@pytest.mark.parametrize(("smiles", "sort"), [("CC(=O)NC", "amide"), ("CC(=O)OC", "ester")])
def test_amides_and_esters_are_trans(smiles: str, sort: str) -> None:
    system = natural(assembled(smiles)[0])
    assert system.types[0].planar.side.tolist() == [TRANS]
    assert list(isomer_lines(system)) == [f"MOL: isomer: 1 {sort} trans by the names of residues"]


def test_nothing_tells_a_butene() -> None:
    system = natural(assembled(CIS_BUTENE)[0])
    assert system.types[0].planar.side.tolist() == [EITHER]
    assert list(isomer_lines(system)) == ["MOL: isomer: nothing tells 1 double bond"]
    assert not list(isomer_lines(natural(assembled("CCCC")[0])))


def test_the_mapping_counts_more_than_a_structure_and_that_more_than_a_string() -> None:
    told = (ToldSide((0, 1, 2, 3), CIS, "a.map:3"),)
    shape = builders.atoms_of(TRANS_BUTENE, "MOL")[1]
    for told_by, first, side, lines in (("the mapping", "mapping", CIS, 1), ("the mapping", "stereo", TRANS, 0),
                                        (CGSMILES, None, TRANS, 0)):
        system, said = told_by_atoms(assembled(CIS_BUTENE, told, told_by)[0], shape, "aa.gro", first)
        assert system.types[0].planar.side.tolist() == [side]
        assert len(said) == lines
    with pytest.raises(BackmapError, match=r"shows the opposite of the mapping in 1 place \(MOL 1 C2\). Which of them"):
        told_by_atoms(assembled(CIS_BUTENE, told)[0], shape, "aa.gro")
    assert assembled(CIS_BUTENE, told, CGSMILES)[0].types[0].planar.side.tolist() == [CIS]
    system, _ = told_by_atoms(assembled(CIS_BUTENE)[0], shape, "aa.gro")
    assert list(isomer_lines(system)) == ["MOL: isomer: 1 double bond trans by stereo (aa.gro)"]


def test_every_copy_keeps_its_own_side() -> None:
    cis, trans = (builders.atoms_of(smiles, "MOL")[1] for smiles in (CIS_BUTENE, TRANS_BUTENE))
    atoms = np.concatenate([cis, trans + 2.0, trans + 4.0])
    known, _ = told_by_atoms(assembled(CIS_BUTENE, copies=3)[0], atoms, "aa.gro")
    assert [(kind.planar.side.tolist(), count) for kind, count in known.blocks] == [([CIS], 1), ([TRANS], 2)]
    assert not len(known.wrong_sides(atoms[None]))


def test_a_structure_of_another_molecule_is_refused() -> None:
    shape = builders.atoms_of("C1CCC1", "OTH")[1]  # as many atoms
    with pytest.raises(BackmapError, match=r"bonded, and [\d.]+ nm apart here. Is it a structure of other molecules"):
        told_by_atoms(assembled(CIS_BUTENE)[0], np.random.default_rng(1).permutation(shape), "aa.gro")


def test_statements_about_any_neighbours_of_a_bond() -> None:
    """Hydrogens and carbons on the ends of a double bond, from both directions: each says what the shape shows."""
    atoms, shape = builders.atoms_of(CIS_BUTENE, "MOL")
    graph, reference = graph_of(len(shape), atoms.bonds), [0, 1, 2, 3]
    for a in sorted({*graph[1]} - {2}):
        for d in sorted({*graph[2]} - {1}):
            for quad in ((a, 1, 2, d), (d, 2, 1, a)):
                seen = int(sides(shape, np.array([quad]))[0])
                assert seen * relative_side(quad, reference, graph) == CIS
                told = with_told(PlanarSides.of([reference], [EITHER]), [ToldSide(quad, seen, "")], graph)
                assert told.side.tolist() == [CIS]
    assert relative_side([1, 0, 4, 5], reference, graph) == 0
    with pytest.raises(BackmapError, match=r"b:2: says the opposite of b:1 about the side of a bond"):
        with_told(PlanarSides.of([reference], [EITHER]),
                  [ToldSide((0, 1, 2, 3), CIS, "b:1"), ToldSide((3, 2, 1, 0), TRANS, "b:2")], graph)
