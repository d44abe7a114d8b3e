"""Our own plain mapping format."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.mappings.yaml import YamlMapping
from backmap_plugins.molecules.assemble import assemble, signed

from backmap.api import AtomMolecule, AtomTopology, BeadModel
from backmap.errors import BackmapError
from tests import builders
from tests.chain import polyethylene

BUTANE = """\
BUT:
  beads:
    A1: {type: A, atoms: [C1, C2, H1, H2]}
    B1:
      type: B
      atoms: {C2: 6, C3: 12}
    NO: {atoms: [C3, C4], weights: [1, 3]}
    "4": {atoms: [C4, H8], weights: geometry}
  bonds: [[B1, A1], [B1, NO], ["4", NO]]
"""
CHAIN = """\
"PE*":
  weights: geometry
  residues:
    ETH:
      beads:
        E: {atoms: {CA: 2, CB: 2, -CB: 1, +CA: 1}}
      bonds: [[E, +E]]
      first: {beads: {E: {atoms: {CA: 2, CB: 2, +CA: 1}}}}
      last: {beads: {E: {atoms: [CA, CB, -CB], weights: [2, 2, 1]}}}
"""


def _read(folder: Path, text: str, *molecules: AtomMolecule) -> dict[str, BeadModel]:
    path = folder / "m.yaml"
    path.write_text(text)
    molecules = molecules or (builders.atoms_of("CCCC", "BUT")[0],)
    return YamlMapping(YamlMapping.Options(files=path)).read(
        AtomTopology({molecule.name: molecule for molecule in molecules}, [("BUT", 1)], "top.top"))


def test_weights_of_four_kinds(tmp_path: Path) -> None:
    atoms, positions = builders.atoms_of("CCCC", "BUT")
    model = _read(tmp_path, BUTANE)["BUT"]
    assert (model.bead_names, model.bead_types) == (["A1", "B1", "NO", "4"], ["A", "B", "NO", "4"])
    assert model.bead_bonds.tolist() == [[0, 1], [1, 2], [2, 3]]
    c2, c3, c4 = positions[1:4]
    rows = [atoms.atom_names.index(name) for name in ("C1", "C2", "H1", "H2")]
    mass = atoms.mass[rows]
    np.testing.assert_allclose(model.mapping.apply(positions), [
        mass @ positions[rows] / mass.sum(), (c2 + 2 * c3) / 3, (c3 + 3 * c4) / 4,
        (c4 + positions[atoms.atom_names.index("H8")]) / 2])


def test_a_bead_may_be_its_list_of_atoms(tmp_path: Path) -> None:
    model = _read(tmp_path, "BUT: {beads: {A: [C1, C2]}}")["BUT"]
    positions = builders.atoms_of("CCCC", "BUT")[1]
    assert model.bead_types == ["A"]
    np.testing.assert_allclose(model.mapping.apply(positions), positions[:2].mean(axis=0)[None])


def test_chains_of_any_length(tmp_path: Path) -> None:
    chains = [polyethylene(n, f"PE{n}") for n in (2, 5)]
    models = _read(tmp_path, CHAIN, *(atoms for atoms, _ in chains))
    for atoms, positions in chains:
        carbons = positions[atoms.element == 6]
        n_units = len(carbons) // 2
        expected = []
        for unit in range(n_units):
            weights = {2 * unit - 1: 1, 2 * unit: 2, 2 * unit + 1: 2, 2 * unit + 2: 1}
            kept = {carbon: weight for carbon, weight in weights.items() if 0 <= carbon < len(carbons)}
            expected.append(np.average(carbons[list(kept)], axis=0, weights=list(kept.values())))
        model = models[atoms.name]
        np.testing.assert_allclose(model.mapping.apply(positions), expected)
        assert model.bead_bonds.tolist() == [[k, k + 1] for k in range(n_units - 1)]
        assert model.mapping.owner.tolist() == (atoms.residues - 1).tolist()


def test_residues_in_a_row_and_without_beads(tmp_path: Path) -> None:
    """A sugar's first residue may be a hydroxyl group, which shares the bead of the next, or has none."""
    atoms, positions = polyethylene(3)
    names = dict(zip((1, 2, 3), ("ROH", "ETH", "END"), strict=True))
    atoms = replace(atoms, residue_names=[names[int(k)] for k in atoms.residues])
    model = _read(tmp_path, """\
PE:
  residues:
    ROH ETH: {beads: {A: {atoms: [CA, CB, +CA], weights: geometry}, B: {atoms: [+CB]}}}
    END: {beads: {}}
""", atoms)["PE"]
    carbons = positions[atoms.element == 6]
    np.testing.assert_allclose(model.mapping.apply(positions), [carbons[:3].mean(axis=0), carbons[3]])
    assert model.mapping.owner[atoms.residues == 3].tolist() == [1] * int((atoms.residues == 3).sum())


def test_atoms_of_whole_chains_by_residue(tmp_path: Path) -> None:
    atoms, positions = polyethylene(2)
    model = _read(tmp_path, "PE: {weights: geometry, beads: {A: {atoms: ['1:CA', '2:ETH:CB']}}}", atoms)["PE"]
    carbons = positions[atoms.element == 6]
    np.testing.assert_allclose(model.mapping.apply(positions), [(carbons[0] + carbons[3]) / 2])


def test_handedness(tmp_path: Path) -> None:
    atoms, positions = builders.atoms_of("F[C@H](Cl)Br", "CHI")
    topology = AtomTopology({"CHI": atoms}, [("CHI", 1)], "top.top")
    text = "CHI: {{beads: {{A: {{atoms: [C1, F1]}}, B: {{atoms: [Cl1, Br1]}}}}, chiral: [[{}]]}}"
    signs = [assemble(topology, _read(tmp_path, text.format(names), atoms)).types[0].chemistry.sign.tolist()
             for names in ("F1, C1, Cl1, Br1", "F1, C1, Br1, Cl1")]
    system = assemble(topology, _read(tmp_path, text.format("F1, C1, Cl1, Br1"), atoms))
    assert signs[0] == [-signs[1][0]]
    arms = positions[[atoms.atom_names.index(name) for name in ("F1", "Cl1", "Br1")]] \
        - positions[atoms.atom_names.index("C1")]
    truth = signed(system, positions[None]).types[0].chemistry.sign.tolist()
    assert (signs[0] == truth) == (np.linalg.det(arms) > 0)


@pytest.mark.parametrize(("old", "new", "line", "problem"), [
    ("[C1, C2, H1, H2]", "[C1, C9]", 3, "there is no atom 'C9' in molecule type 'BUT'"),
    ("[C1, C2, H1, H2]", "[C1, C1]", 3, "bead 'A1' lists atom 'C1' twice"),
    ("[C1, C2, H1, H2]", "[]", 3, "BUT.beads.A1.atoms: is empty"),
    ("[C1, C2, H1, H2]", "C1", 3, "BUT.beads.A1.atoms: should be a"),
    ("{C2: 6, C3: 12}", "{C2: 6, C3: x}", 6, "BUT.beads.B1.atoms"),
    ("{C2: 6, C3: 12}", "{C2: 0, C3: 0}", 4, "the weights of bead 'B1' do not make an average"),
    ("{C2: 6, C3: 12}", "{C2: -6, C3: 12}", 6, "should be greater than or equal to 0"),
    ("[1, 3]", "[1, 3, 5]", 7, "BUT.beads.NO: there are 3 weights for 2 atoms"),
    ("[1, 3]", "masses", 7, "BUT.beads.NO.weights: should be 'mass' or 'geometry'"),
    ("type: B", "tpye: B", 5, "BUT.beads.B1.tpye: 'tpye' is no key here. Keys are: beads, residues"),
    ('["4", NO]', '["5", NO]', 9, "a bond names bead '5', which is not there"),
    ("BUT:", "BUTT:", 1, "'BUTT' is no molecule type of top.top. Did you mean 'BUT'?"),
    ("  bonds:", "  beads:", 9, "'beads' comes twice"),
    ("  beads:", "  beds:", 2, "'beds' is no key here"),
    ("{type: A, atoms", "{type: A, atoms: [C1], atoms", 3, "'atoms' comes twice"),
    ("    B1:", "   B1:", 4, "not valid YAML"),
    ("BUT:", "beads:", 1, "'beads' stands where the name of a molecule type should. Write it below that name"),
    ("BUT:", "? [BUT]\n:", 1, "a key is no text")])
def test_errors_name_file_and_line(tmp_path: Path, old: str, new: str, line: int, problem: str) -> None:
    assert old in BUTANE
    with pytest.raises(BackmapError) as caught:
        _read(tmp_path, BUTANE.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'm.yaml'}:{line}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "problem"), [
    ("", "should be a mapping"), ("- 1\n", "should be a mapping"), ("{}", "describes no molecule type"),
    ("BUT: {}", "BUT: 'beads' is missing"), ("BUT: 3", "BUT: should be a mapping"),
    ("BUT: " + "[" * 50 + "]" * 50, "is nested too deep"), ("BUT: " + "[" * 5000, "m.yaml"),
    ("BUT: &a {beads: *a}", "m.yaml"), ("BUT: {residues: {}}", "BUT.residues: is empty"),
    ("BUT: {residues: {BUX: {beads: {A: {atoms: [C1]}}}}}", "residue 1 of molecule type 'BUT', BUT, is not described"),
    ("BUT: {residues: {BUT: {beads: {A: {atoms: [C1]}}, first: {beads: {A: {atoms: [C2]}}}}}}",
     "molecule type 'BUT' is a single unit, first and last at once")])
def test_more_that_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(BackmapError, match=r"^[^\n]*$") as caught:
        _read(tmp_path, text)
    assert problem in str(caught.value)


def test_errors_in_chains(tmp_path: Path) -> None:
    atoms, _ = polyethylene(3)
    with pytest.raises(BackmapError, match=r"m\.yaml:6: bead 'E' of residue 1 needs atom 'CB' of a residue that .* "
                                           r"Describe the end of the chain under 'first' or 'last'"):
        _read(tmp_path, CHAIN[:CHAIN.index("      first")], atoms)
    with pytest.raises(BackmapError, match=r"'CA' is in several residues of molecule type 'PE'. Write 1:CA"):
        _read(tmp_path, "PE: {beads: {A: {atoms: [CA]}}}", atoms)
    with pytest.raises(BackmapError, match="molecule type 'PE' is mapped twice"):
        _read(tmp_path, CHAIN + "P*: {beads: {A: {atoms: ['1:CA']}}}\n", atoms)
