"""Atoms of residues under the names of other force fields."""
from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.formats.mappings.atom_names import ResidueAtoms, match, match_exactly, relatives


def residue(bonds: str, name: str = "RES") -> ResidueAtoms:
    """A residue by its bonds, as in ``N-CA CA-C``."""
    pairs = [bond.split("-") for bond in bonds.split()]
    names = list(dict.fromkeys(atom for pair in pairs for atom in pair))
    index = {atom: k for k, atom in enumerate(names)}
    element = np.array([1 if atom.lstrip("123").startswith("H") else 6 for atom in names])
    return ResidueAtoms(name, index, element, nx.Graph((index[a], index[b]) for a, b in pairs))


def named(names: str, of: ResidueAtoms, **beads: str) -> dict[str, str]:
    """What names of a mapping mean, all in one bead but those of ``beads``."""
    found = match({name: (beads.get(name, "BB"),) for name in names.split()}, of).found
    own = {atom: name for name, atom in of.atoms.items()}
    return {name: own[atom] for name, atom in found.items()}


BACKBONE = "N-CA CA-C C-O "


@pytest.mark.parametrize(("names", "bonds", "meant"), [
    ("N HN CA C O", BACKBONE + "N-H", {"HN": "H"}),
    ("N HN CA C O", BACKBONE + "N-H1 N-H2 N-H3", {"HN": "H1"}),  # the first of a chain
    ("N CA C O", "N-CA CA-C C-OT1 C-OT2", {"O": "OT1"}),  # the last
    ("N CA C O OXT", "N-CA CA-C C-OC1 C-OC2", {"O": "OC1", "OXT": "OC2"}),
    ("N CA C O CB HB1 HB2", BACKBONE + "CA-CB CB-HB2 CB-HB3", {"HB1": "HB3"}),
    ("N CA C O CB HB1 HB2", BACKBONE + "CA-CB CB-1HB CB-2HB", {"HB1": "1HB", "HB2": "2HB"}),
    ("N CA C O CD HD1 HD2 HD3", BACKBONE + "CA-CD1 CD1-HD11 CD1-HD12 CD1-HD13",
     {"CD": "CD1", "HD1": "HD11", "HD2": "HD12", "HD3": "HD13"}),
    ("N CA C O CD1 HD11 HD12 HD13", BACKBONE + "CA-CD CD-HD1 CD-HD2 CD-HD3",
     {"CD1": "CD", "HD11": "HD1", "HD12": "HD2", "HD13": "HD3"}),
    ("N CA C O SG HG1", BACKBONE + "CA-SG SG-HG", {"HG1": "HG"}),
    ("C1* H1* O1P", "C1'-H1' C1'-OP1", {"C1*": "C1'", "H1*": "H1'", "O1P": "OP1"})])
def test_other_spellings(names: str, bonds: str, meant: dict[str, str]) -> None:
    of = residue(bonds)
    assert named(names, of) == {name: meant.get(name, name) for name in names.split()}


def test_names_that_are_places() -> None:
    """C1, C2, H3: of an element and the place in the residue, whatever else is called so; not where elements differ."""
    of = residue("CA-C1 CA-HB CA-HC", "CHL1")
    assert named("C1 C2 H3 H4", of) == {"C1": "CA", "C2": "C1", "H3": "HB", "H4": "HC"}
    assert named("C1 H2 H3 H4", of) == {"C1": "C1"}
    assert [*relatives("CHL1")] == ["CHOL", "CHL"]


def test_hydrogens_that_are_not_there() -> None:
    """HG of a cysteine in a bridge: its sulphur is there, and has none."""
    of = residue(BACKBONE + "CA-SG")
    found = match(dict.fromkeys(["N", "CA", "C", "O", "SG", "HG", "HX9"], ("BB",)), of)
    assert (found.lacking, found.unknown, found.spare) == (["HG"], ["HX9"], {})
    assert found.misfit(of, "RES") == (1, 1, 0)


def test_hydrogens_behind_the_atom_that_they_are_on() -> None:
    """As Backward lists those of oleate: H92 speaks of no C39, and C316 has two, of which a line names a third."""
    of = residue("C39-C310 C39-H9X C310-H10X C310-C316 C316-H16X C316-H16Y")
    found = match(dict.fromkeys(["C39", "H92", "C310", "H102", "C316", "H16X", "H16Y", "H16Z"], ("D2B",)), of)
    assert {name: found.found[name] for name in ("H92", "H102")} == {"H92": of.atoms["H9X"], "H102": of.atoms["H10X"]}
    assert (found.lacking, found.unknown, found.spare) == (["H16Z"], [], {})
    elsewhere = match({"C39": ("A",), "C310": ("A",), "H102": ("B",)}, of)
    assert elsewhere.unknown == ["H102"]


def test_a_form_fits_if_no_hydrogen_is_left() -> None:
    of = residue(BACKBONE + "CA-NZ NZ-HZ1 NZ-HZ2", "LYS")
    forms = {"LYS": "N CA C O NZ", "LYN": "N CA C O NZ HZ1 HZ2", "LSN": "N CA C O NZ HZ1 HZ2 HZ3"}
    misfits = {name: match(dict.fromkeys(names.split(), ("BB",)), of).misfit(of, name) for name, names in forms.items()}
    assert misfits == {
        "LYS": (0, 0, 0), "LYN": (0, 0, 0), "LSN": (0, 1, 0)}
    assert match(dict.fromkeys(["N", "CA", "C", "O", "NZ"], ("BB",)), of).misfit(of, "LYN") == (0, 0, 2)


def test_a_hydrogen_of_another_bead_is_none_of_the_atom_that_its_name_speaks_of() -> None:
    of = residue("C1-C2 C1-H1 C2-H2")
    assert named("C1 C2 H1", of) == {"C1": "C1", "C2": "C2", "H1": "H1"}
    other = residue("C1-C2 C1-HX C2-H2")
    assert "H1" not in named("C1 C2 H1", other, H1="B")
    assert named("C1 C2 H1", other)["H1"] == "HX"


def test_outside_amino_acids_oxygens_keep_their_names() -> None:
    assert match({"O": ["A"]}, residue("C1-O1 C1-O2")).unknown == ["O"]


def test_exactly() -> None:
    found = match_exactly(["N", "HN"], residue("N-CA N-H"))
    assert (list(found.found), found.unknown) == (["N"], ["HN"])


def test_forms_of_a_residue() -> None:
    assert list(relatives("HIE"))[:2] == ["HIS", "HSD"]
    assert list(relatives("NCYX"))[:2] == ["CYX", "CYS"]
    assert list(relatives("POPC")) == []
    assert next(relatives("CALA")) == "ALA"
