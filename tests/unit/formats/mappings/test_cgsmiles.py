"""CGsmiles strings, whose atoms are found by their bonds."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.chemistry.elements import mass_of
from backmap_plugins.formats.mappings.cgsmiles import Cgsmiles
from backmap_plugins.molecules.assemble import assemble, signed
from rdkit import Chem

from backmap.api import AtomMolecule, AtomTopology, BeadModel
from backmap.errors import BackmapError
from backmap.model.molecule import graph_of
from tests import builders

BUTANE = "{[#A][#B]}.{#A=[$]CC,#B=[$]CC}"
STYRENE = "{[#S]|4}.{#S=[>][#A][#B][<]}.{#A=[>]C[$],#B=[$]C[<]c1ccccc1}"


def _read(source: object, *molecules: AtomMolecule, **options: object) -> dict[str, BeadModel]:
    topology = AtomTopology({molecule.name: molecule for molecule in molecules}, [], "top.top")
    return Cgsmiles(Cgsmiles.Options(molecules=source, **options)).read(topology)


def _shuffled(atoms: AtomMolecule, seed: int) -> AtomMolecule:
    """The same molecule with its atoms in another order."""
    order = np.random.default_rng(seed).permutation(len(atoms.atom_names))
    place = np.argsort(order)
    return replace(atoms, atom_names=[atoms.atom_names[k] for k in order],
                   atom_types=[atoms.atom_types[k] for k in order], element=atoms.element[order],
                   mass=atoms.mass[order], bonds=np.sort(place[atoms.bonds], axis=1))


def test_butane_is_counted_along_its_atoms() -> None:
    atoms, positions = builders.atoms_of("CCCC", "BUT")
    model = _read(BUTANE, atoms)["BUT"]
    assert (model.bead_names, model.bead_types, model.bead_bonds.tolist()) == (["A1", "B2"], ["A", "B"], [[0, 1]])
    first = [atoms.atom_names.index(name) for name in ("C1", "C2", "H1", "H2", "H3", "H4", "H5")]
    np.testing.assert_allclose(model.mapping.apply(positions)[0], positions[first].mean(axis=0))
    assert sorted(np.flatnonzero(model.mapping.owner == 0)) == sorted(first)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_atoms_will_do(seed: int) -> None:
    """Every bead is bonded inside, and holds what its fragment says."""
    atoms = _shuffled(builders.atoms_of("CCO" + "c1ccc(cc1)C(=O)N(C)C", "MOL")[0], seed)
    model = _read("{[#E][#P][#N]}.{#E=CCO[$],#P=[$]c1ccc(cc1)[>],#N=[<]C(=O)N(C)C}", atoms)["MOL"]
    formulas = []
    for bead in range(3):
        own = model.mapping.atom[model.mapping.bead == bead]
        formulas.append(sorted(atoms.element[own].tolist()))
        graph = graph_of(len(atoms.atom_names), atoms.bonds).subgraph(own.tolist())
        assert graph.number_of_edges() >= len(own) - 1
    assert formulas == [[1] * 5 + [6] * 2 + [8], [1] * 4 + [6] * 6, [1] * 6 + [6] * 3 + [7, 8]]


def test_weights_of_the_string_and_of_masses() -> None:
    atoms, positions = builders.atoms_of("CCO", "MOL")
    string = "{[#A][#B]}.{#A=[C;0.5]([H;0])([H;0])([H;0])[$],#B=[$]CO}"
    methyl = _read(string, atoms)["MOL"].mapping.apply(positions)[0]
    np.testing.assert_allclose(methyl, positions[0])
    by_mass = _read("{[#A]}.{#A=CCO}", atoms, weights="mass")["MOL"].mapping.apply(positions)[0]
    np.testing.assert_allclose(by_mass, atoms.mass @ positions / atoms.mass.sum())


def test_united_atoms(tmp_path: Path) -> None:
    atoms, _ = builders.atoms_of("CCCC", "BUT")
    carbons = slice(0, 4)
    mass = mass_of(6) + 1.008 * np.array([3, 2, 2, 3])
    united = replace(atoms, atom_names=atoms.atom_names[:4], atom_types=atoms.atom_types[:4],
                     residue_names=atoms.residue_names[:4], residues=atoms.residues[carbons],
                     element=atoms.element[carbons], mass=mass, bonds=np.array([[0, 1], [1, 2], [2, 3]]))
    path = tmp_path / "but.cgsmiles"
    path.write_text(BUTANE.replace(".", ".\n") + "\n")
    model = _read({"BUT": path}, united)["BUT"]
    assert model.mapping.atom.tolist() in ([0, 1, 2, 3], [1, 0, 2, 3])


def test_polymers_of_several_resolutions() -> None:
    """Beads are those of the last resolution above the atoms."""
    atoms, _ = builders.atoms_of("CC(c1ccccc1)" * 4, "PS")
    model = _read(STYRENE, atoms)["PS"]
    assert model.bead_types == ["A", "B"] * 4
    sizes = np.bincount(model.mapping.bead)
    assert sorted(sizes.tolist()) == [3, 3, 3, 4, 13, 13, 13, 14]


def test_a_string_finds_its_molecule_type() -> None:
    types = [builders.atoms_of("CCCC", "BUT")[0], builders.atoms_of("CC(C)C", "ISO")[0]]
    assert list(_read([BUTANE, "{[#A]}.{#A=CC(C)C}"], *types)) == ["BUT", "ISO"]
    with pytest.raises(BackmapError, match=r"fits several molecule types of top\.top: BUT, TWO"):
        _read(BUTANE, types[0], replace(types[0], name="TWO"))
    with pytest.raises(BackmapError, match=r"is C2H6O, which fits no molecule type of top\.top\. They are: BUT C4H10"):
        _read("{[#A]}.{#A=CCO}", *types)
    with pytest.raises(BackmapError, match="molecule type 'BUT' is mapped twice"):
        _read([BUTANE, BUTANE], *types)
    with pytest.raises(BackmapError, match="is C4H10, but molecule type 'ISO' is C4H10 with other bonds"):
        _read({"ISO": BUTANE}, *types)
    with pytest.raises(BackmapError, match=r"'BUTT' is no molecule type of top\.top\. Did you mean 'BUT'"):
        _read({"BUTT": BUTANE}, *types)


def test_ends_that_only_the_force_field_tells_apart() -> None:
    """The same bonds, but one end is of another type: beads A and B would be a guess, A and A are not."""
    atoms, _ = builders.atoms_of("CCCC", "BUT")
    typed = replace(atoms, atom_types=["CX", *atoms.atom_types[1:]])
    with pytest.raises(BackmapError, match="fits molecule type 'BUT' in several ways: C1 and C4 have the same bonds"):
        _read(BUTANE, typed)
    assert _read("{[#A][#A]}.{#A=[$]CC}", typed)["BUT"].bead_names == ["A1", "A2"]


@pytest.mark.parametrize("smiles", ["F[C@H](Cl)Br", "F[C@@H](Cl)Br"])
@pytest.mark.parametrize("label", ["R", "S"])
def test_labels_tell_handedness(smiles: str, label: str) -> None:
    atoms, positions = builders.atoms_of(smiles, "CHI")
    topology = AtomTopology({"CHI": atoms}, [("CHI", 1)], "top.top")
    system = assemble(topology, _read(f"{{[#A][#B]}}.{{#A=[$][C;x={label}](F)Cl,#B=[$]Br}}", atoms))
    truth = signed(system, positions[None]).types[0].chemistry.sign
    own = dict(Chem.FindMolChiralCenters(Chem.MolFromSmiles(smiles)))[1]
    assert (system.types[0].chemistry.sign == truth).all() == (own == label)


def test_labels_of_no_stereocentre_are_reported() -> None:
    atoms, _ = builders.atoms_of("CCO", "MOL")
    model = _read("{[#A][#B]}.{#A=C[C;x=R][$],#B=[$]O}", atoms)["MOL"]
    assert model.stereocentres is None
    assert model.remarks[0].startswith("MOL: 1 of 1 labels R or S of '{[#A][#B]}.")


@pytest.mark.parametrize("text", ["{", "{}", "{[#A]}", "{[#A][#B]}.{#A=[$]CC}", "{[#A]1[#A]}.{#A=[$]C[$]}",
                                  "{[#A]}.{#A=C(C}", "{[#A]|99999999999}.{#A=[$]C[$]}",
                                  "{[#A]|9999}.{#A=[#B]|9999}.{#B=[$]C[$]}", "{[#A]}.{#A=c1cccc1}", "{[#A]}.{}"])
def test_what_is_no_string(text: str) -> None:
    with pytest.raises(BackmapError, match=r"^[^\n]*$"):
        _read(text, builders.atoms_of("CCCC", "BUT")[0])
