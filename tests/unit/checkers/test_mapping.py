"""What is said of mappings: atoms, weights, bonds between beads."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.checkers.bead_bonds import BeadBondChecker
from backmap_plugins.checkers.mapping import MappingChecker

from backmap.api import AtomMolecule, AtomTopology, BeadModel
from backmap.model.survey import Finding, Survey
from tests import builders

#: Atoms of butane: C1 to C4, H1 to H3 on C1, H4 and H5 on C2, H6 and H7 on C3, H8 to H10 on C4.
C, H = 12.011, 1.008
LEFT = {"C1": C, "C2": C, "H1": H, "H2": H, "H3": H, "H4": H, "H5": H}
RIGHT = {"C3": C, "C4": C, "H6": H, "H7": H, "H8": H, "H9": H, "H10": H}


def survey(rows: dict[str, dict[str, float]], count: int = 2, atoms: AtomMolecule | None = None,
           **changes: object) -> Survey:
    atoms = atoms or builders.atoms_of("CCCC", "BUT")[0]
    changes = {"where": tuple(f"but.xml:{3 + k}" for k in range(len(rows)))} | changes
    model = replace(builders.beads_of(atoms, rows), **changes)
    topology = AtomTopology({"BUT": atoms}, [("BUT", count)], "but.top")
    return Survey("run.yaml", topology=topology, blocks=topology.blocks, models={"BUT": model})


def said(rows: dict[str, dict[str, float]], **changes: object) -> list[Finding]:
    return list(MappingChecker(MappingChecker.Options()).check(survey(rows, **changes)))


def bonds(rows: dict[str, dict[str, float]], pairs: list[tuple[int, int]] | None) -> list[Finding]:
    given = None if pairs is None else np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return list(BeadBondChecker(BeadBondChecker.Options()).check(survey(rows, bead_bonds=given)))


def test_a_small_residue_without_beads_follows_its_neighbour() -> None:
    """A cap is near the bead of the residue that it caps, but a whole residue of a chain is not."""
    atoms, _ = builders.atoms_of("CCCC", "BUT")
    cap = {"C4", "H8", "H9", "H10"}
    split = replace(atoms, residues=np.array([1 + (name in cap) for name in atoms.atom_names]))
    rest = {name: weight for name, weight in {**LEFT, **RIGHT}.items() if name not in cap}
    [note] = list(MappingChecker(MappingChecker.Options()).check(survey({"A": rest}, atoms=split)))
    assert (note.severity, note.problem) == ("note", "4 atoms of BUT in no bead: C4, H8, H9, H10")
    [warning] = said({"A": rest})
    assert warning.severity == "warning"


def test_centres_of_mass_of_all_atoms() -> None:
    assert said({"A1": LEFT, "A2": RIGHT}) == []


def test_centres_of_geometry() -> None:
    assert said({"A1": dict.fromkeys(LEFT, 1.0), "A2": dict.fromkeys(RIGHT, 1.0)}) == []


def test_rounded_masses() -> None:
    assert said({"A1": {name: round(mass) for name, mass in LEFT.items()}, "A2": RIGHT}) == []


def test_hydrogens_in_no_bead() -> None:
    [note] = said({"A1": {"C1": 1, "C2": 1}, "A2": {"C3": 1, "C4": 1}})
    assert (note.severity, note.where) == ("note", "but.xml:3")
    assert note.problem == "10 atoms of BUT in no bead: H1, H2, H3, H4, H5 and 5 more"


def test_atoms_far_from_any_bead() -> None:
    [warning] = said({"A1": {"C1": C, "H1": H, "H2": H, "H3": H}})
    assert warning.severity == "warning"
    assert warning.problem.endswith("of these, no neighbour is in one, either: C3, C4, H4, H5, H6 and 4 more")


def test_shared_atoms() -> None:
    [note] = said({"A1": {**LEFT, "C3": C / 2}, "A2": {**RIGHT, "C3": C / 2}})
    assert note.problem == "1 atom of BUT in more than one bead: C3 (A1, A2)"


def test_masses_in_another_order() -> None:
    swapped = {**LEFT, "C1": H, "H1": C}
    [warning] = said({"A1": swapped, "A2": RIGHT})
    assert (warning.severity, warning.where) == ("warning", "but.xml:3")
    assert warning.problem == "bead A1 of BUT: the weights are the masses of its atoms in another order, see C1, H1"


@pytest.mark.parametrize(("atom", "weight", "times"), [("C3", 14.0, "1.17"), ("H10", 12.0, "11.9")])
def test_masses_but_for_one(atom: str, weight: float, times: str) -> None:
    [warning] = said({"A1": LEFT, "A2": {**RIGHT, atom: weight}})
    assert (warning.severity, warning.where) == ("warning", "but.xml:4")
    assert warning.problem == (f"bead A2 of BUT: the weights are the masses of its atoms but for {atom}, which weighs "
                               f"{times} times as much")


def test_equal_weights_are_a_centre_of_geometry() -> None:
    """Of atoms most of which weigh the same, too."""
    assert not said({"A1": dict.fromkeys(LEFT, 1.0), "A2": dict.fromkeys(RIGHT, 1.0)})


def test_a_carbon_that_weighs_as_much_as_a_united_atom() -> None:
    [warning] = said({**THREE, "A1": {"C1": 15.0, "H1": 1, "H2": 1, "H3": 1}})
    assert "but for C1, which weighs 1.26 times as much" in warning.problem


def test_a_bead_in_pieces() -> None:
    left, right = {**LEFT, "H10": H}, {name: mass for name, mass in RIGHT.items() if name != "H10"}
    [warning] = said({"A1": left, "A2": right})
    assert warning.problem == "bead A1 of BUT: H10 not bonded to the other atoms of the bead"


def test_an_atom_shared_with_a_bead_near_by_is_no_slip() -> None:
    """C3 is two bonds from C1; files of Backward share atoms so to go over smoothly from bead to bead."""
    findings = said({**THREE, "A1": {**THREE["A1"], "C3": C / 4}})
    assert [finding.severity for finding in findings] == ["note"]
    assert "in more than one bead: C3 (A1, A2)" in findings[0].problem


def test_an_atom_shared_with_a_bead_far_away() -> None:
    (warning,) = [finding for finding in said({**THREE, "A1": {**THREE["A1"], "H10": H}})
                  if finding.severity == "warning"]
    assert warning.problem == "bead A1 of BUT: H10 not bonded to the other atoms of the bead"


def test_an_atom_astray_that_weighs_nothing() -> None:
    right = {name: mass for name, mass in RIGHT.items() if name != "H10"}
    (note,) = [finding for finding in said({"A1": {**LEFT, "H10": 0.0}, "A2": right}) if "bonded" in finding.problem]
    assert note.severity == "note"
    assert note.problem.endswith("of the bead, where they weigh nothing")


def test_a_bead_without_atoms_of_its_own() -> None:
    findings = said({"A1": LEFT, "A2": RIGHT, "A3": {"C2": C, "C3": C}})
    assert [finding.problem for finding in findings] == [
        "2 atoms of BUT in more than one bead: C2 (A1, A3), C3 (A2, A3)"]
    findings = said({"A1": {**LEFT, "C3": C, "H6": H, "H7": H}, "A2": RIGHT})
    assert not any("no atom is placed" in finding.problem for finding in findings)


def test_no_molecule_is_there() -> None:
    there = survey({"A1": LEFT, "A2": RIGHT})
    there.blocks = [("SOL", 5)]
    [error] = MappingChecker(MappingChecker.Options()).check(there)
    assert (error.severity, error.where) == ("error", "but.xml:3")
    assert error.problem == "maps molecules of 'BUT', but the topology has none of them"


def test_remarks() -> None:
    [note] = said({"A1": LEFT, "A2": RIGHT}, remarks=("[ trans ] is not used",))
    assert (note.severity, note.problem) == ("note", "[ trans ] is not used")


def test_bonds_that_are_implied() -> None:
    assert bonds({"A1": LEFT, "A2": RIGHT}, None) == []
    assert bonds({"A1": LEFT, "A2": RIGHT}, [(0, 1)]) == []


#: Three beads in a row: an end, the middle, an end.
THREE = {"A1": {"C1": C, "H1": H, "H2": H, "H3": H},
         "A2": {"C2": C, "C3": C, "H4": H, "H5": H, "H6": H, "H7": H},
         "A3": {"C4": C, "H8": H, "H9": H, "H10": H}}


def test_bonds_that_are_lacking_leave_pieces() -> None:
    note, warning = bonds(THREE, [(0, 1)])
    assert (note.severity, note.problem) == (
        "note", "1 bond between beads of BUT that the topology implies, but the mapping does not give: A2-A3")
    assert (warning.severity, warning.problem) == ("warning", "the beads of BUT are in 2 pieces that no bond joins")


def test_bonds_that_nothing_stands_for() -> None:
    [warning] = bonds(THREE, [(0, 1), (0, 2), (1, 2)])
    assert (warning.severity, warning.where) == ("warning", "but.xml:3")
    assert "no bond of the topology stands for: A1-A3" in warning.problem


def test_a_model_without_lines() -> None:
    there = survey({"A1": {"C1": 1, "C2": 1}, "A2": {"C3": 1, "C4": 1}}, where=())
    assert [finding.where for finding in MappingChecker(MappingChecker.Options()).check(there)] == ["run.yaml"]


def test_nothing_that_could_be_read() -> None:
    empty = Survey("run.yaml")
    assert list(MappingChecker(MappingChecker.Options()).check(empty)) == []
    assert list(BeadBondChecker(BeadBondChecker.Options()).check(empty)) == []
    assert isinstance(survey({"A1": LEFT, "A2": RIGHT}).models["BUT"], BeadModel)
