"""Centres of environments: by rule, by name, and names that match nothing."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.centres import central_atoms, centres_of

from backmap.errors import BackmapError
from tests import builders

from ..scene import molecule, snapshot


def test_the_middle_of_each_bead_is_taken() -> None:
    """Neopentane's and toluene's centres, and the carbons that hold butane's beads together."""
    for smiles, expected in (("CC(C)(C)C", "C2"), ("CCC", "C2"), ("c1ccccc1C", "C6")):
        kind, _ = molecule(smiles)
        assert [kind.atom_names[atom] for atom in central_atoms(kind)] == [expected]
    assert centres_of(builders.system((builders.butane(), 2)), None, None).names == ("C2", "C3")


def test_points_are_those_of_every_molecule() -> None:
    """By the names that were given, in their order; a type that comes twice is numbered in each of its places."""
    system = builders.system()
    found = centres_of(system, {"BUT": ["C4", "C1"]}, None)
    kind, atoms = builders.butane(), builders.place(system, builders.TRICLINIC, 1)
    offsets = np.concatenate([group.atom_offset for group in system.groups if group.type is kind])
    local = [kind.atom_names.index(name) for name in ("C4", "C1")]
    assert found.points.tolist() == (offsets[:, None] + local).tolist()
    assert found.names == ("C4", "C1")
    assert len(found.molecules) == 3
    assert found.positions(snapshot(system, atoms)) == pytest.approx(atoms[found.points.reshape(-1)])
    assert found.every(2).points.tolist() == found.points[::2].tolist()
    assert found.every(2).molecules == found.molecules[::2]


def test_beads_are_points_of_the_beads() -> None:
    system = builders.system()
    found = centres_of(system, "beads", ["BUT"])
    atoms = builders.place(system, builders.TRICLINIC, 1)
    assert found.names == ("E1 1", "E2 2")
    assert found.positions(snapshot(system, atoms)) == pytest.approx(system.map(atoms)[found.points.reshape(-1)])


@pytest.mark.parametrize(("said", "chosen", "expected"), [
    ({"BUT": ["C9"]}, None, "BUT has no atom 'C9'"),
    ({"PS": ["C1"]}, None, "there is no molecule type 'PS'"),
    (None, ["PS"], "there is no molecule type 'PS'"),
    ({"BUT": []}, None, "no centres are named for BUT"),
    ({}, None, "there are no molecules to compare"),
    ({"BUT": ["C1"]}, ["BUT", "SOL"], "no centres are named for SOL"),
    (None, None, "molecules have different numbers of centres: 1 in SOL and 2 in"),
    ({"BUT": ["C1", "C2"], "SOL": ["O1"]}, None, "molecules have different numbers of centres: 1 in SOL and 2 in BUT")])
def test_what_matches_nothing_is_refused(said, chosen, expected: str) -> None:
    with pytest.raises(BackmapError) as error:
        centres_of(builders.system(), said, chosen)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_hydrogen_alone_has_no_middle() -> None:
    with pytest.raises(BackmapError, match="HH has no atom but hydrogen"):
        central_atoms(molecule("[H][H]", "HH")[0])
