"""g(r), contacts and clashes against exact values and against MDAnalysis."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.assessors.structure import Structure
from MDAnalysis.lib.distances import capped_distance
from MDAnalysis.lib.mdamath import triclinic_box

from backmap.errors import BackmapError
from backmap.model.system import System
from tests import builders

from .scene import measured, molecule, snapshot, values

BOX = builders.TRICLINIC


def begun(system: System, **options) -> Structure:
    assessor = Structure(Structure.Options(**options))
    assessor.begin(system, None)
    return assessor


def curve(assessment, name: str):
    return next(c for c in assessment.curves if c.name == name)


def test_an_ideal_gas_has_g_of_one() -> None:
    argon, _ = molecule("[Ar]", "AR")
    system = System(((argon, 3000),))
    rng = np.random.default_rng(4)
    frames = [snapshot(system, rng.random((3000, 3)) @ BOX, BOX, index=k) for k in range(3)]
    assessor = begun(system, rdf={"Ar": ("name Ar1", "element Ar")})
    tally, _ = measured(assessor, *frames)
    g = curve(assessor.conclude(tally, None), "g(r) Ar")
    assert g.values[20:].mean() == pytest.approx(1, abs=0.01)
    assert g.edges[-1] == pytest.approx(1.0)


def test_pair_counts_are_those_of_mdanalysis() -> None:
    """Two selections that overlap, in a triclinic box; pairs of a molecule up to three bonds apart are left out."""
    system = builders.system()
    atoms = builders.place(system, BOX, 3)
    assessor = begun(system, rdf={"x": ("element C", "element C O or name H1"), "y": ("element O", "element H")})
    frame = snapshot(system, atoms, BOX)
    tally, _ = measured(assessor, frame)
    element = np.concatenate([np.tile(kind.chemistry.element, count) for kind, count in system.blocks])
    names = np.concatenate([kind.atom_names * count for kind, count in system.blocks])
    pairs, distance = capped_distance(atoms.astype(np.float32) * 10, atoms.astype(np.float32) * 10, 10,
                                      box=triclinic_box(*(BOX * 10)), min_cutoff=1e-3)
    bonds = np.full(len(pairs), 99)
    own = frame.where.molecule[pairs[:, 0]] == frame.where.molecule[pairs[:, 1]]
    for k in np.flatnonzero(own):
        i, j = pairs[k]
        bonds[k] = frame.where.bonds(np.array([i]), np.array([j]))[0]
    for r, (first, second) in enumerate([(element == 6, np.isin(element, (6, 8)) | (names == "H1")),
                                         (element == 8, element == 1)]):
        chosen = (first[pairs[:, 0]] & second[pairs[:, 1]]) | (second[pairs[:, 0]] & first[pairs[:, 1]])
        expected = np.histogram(distance[chosen & (bonds >= 4)] * 0.1, np.arange(101) * 0.01)[0] / 2
        number = sum(1 for a in range(len(first)) for b in range(a)
                     if (first[a] and second[b]) or (second[a] and first[b]))
        shells = 4 / 3 * np.pi * np.diff((np.arange(101) * 0.01) ** 3)
        g = tally.rows("g(r)")[0, r] * number * shells / np.linalg.det(BOX)
        assert expected.sum() > 50
        assert np.abs(g - expected).sum() <= 2  # a pair at the edge of a bin, in single precision there


def test_nearest_contacts_and_clashes_of_two_atoms() -> None:
    kind, _ = molecule("[Ar]", "AR")
    system = System(((kind, 3),))
    atoms = np.array([[0.0, 0, 0], [0.2, 0, 0], [0.9, 0, 0]])
    assessor = begun(system, rdf={})
    tally, flags = measured(assessor, snapshot(system, atoms), snapshot(system, atoms * 0.5, index=1))
    found = values(assessor.conclude(tally, None))
    name = "nearest contact heavy-heavy"
    assert found["packing", name, "minimum"] == pytest.approx(0.1)
    assert found["packing", name, "mean"] == pytest.approx((0.2 + 0.2 + 0.7 + 0.1 + 0.1 + 0.35) / 6)
    assert found["packing", "pairs closer than 0.12 nm", "per 1000 atoms"] == pytest.approx(1000 / 3 / 2)
    assert found["packing", "heavy pairs closer than 0.25 nm", "per 1000 atoms"] == pytest.approx(1000 / 3)
    assert flags["clash"].tolist() == [True, True, False]


def test_contacts_reach_over_the_boundary() -> None:
    kind, _ = molecule("[Ar]", "AR")
    system = System(((kind, 2),))
    corner = np.full(3, 0.03)
    atoms = np.stack([corner, BOX.sum(axis=0) - corner])
    _, flags = measured(begun(system), snapshot(system, atoms, BOX))
    assert flags["clash"].all()


def test_atoms_three_bonds_apart_do_not_clash() -> None:
    kind, positions = molecule("CCCC")
    folded = positions.copy()
    folded[3] = folded[0] + 0.01
    _, flags = measured(begun(System(((kind, 1),))), snapshot(System(((kind, 1),)), folded))
    near = np.linalg.norm(folded[3] - folded, axis=1)
    apart = kind.distance[3] >= 4
    assert bool(flags["clash"][0]) == bool((near[apart] < 0.12).any())


def test_virtual_sites_touch_nothing() -> None:
    kind, _ = molecule("[Ar]", "AR")
    site = replace(kind, name="SIT", mass=np.zeros(1))
    system = System(((kind, 2), (site, 1)))
    tally, flags = measured(begun(system, rdf={}), snapshot(system, np.array([[0.0, 0, 0], [0.4, 0, 0], [0.01, 0, 0]])))
    assert tally.rows("contacts any-any")[0, [0, 2]].tolist() == [2, pytest.approx(0.4)]
    assert not flags["clash"].any()


def test_without_a_box_there_is_no_g_and_a_note_says_so() -> None:
    kind, positions = molecule("CCCC")
    system = System(((kind, 1),))
    assessor = begun(system)
    tally, _ = measured(assessor, snapshot(system, positions))
    said = assessor.conclude(tally, tally)
    assert np.isnan(values(said)["packing", "g(r) C-C", "integral of |g - g_ref|"])
    assert "no g(r)" in said.notes[0]


def test_selections_know_residues_molecules_and_bonds() -> None:
    from backmap_plugins.chemistry.selections import Selections

    system = builders.system()
    chosen = Selections(system)
    assert chosen.mask("resname SOL and element O").sum() == 3
    assert chosen.mask("segid BUT and type C").sum() == 12
    assert chosen.mask("moltype CHI").sum() == 10
    assert chosen.mask("molnum 0").sum() == 14
    assert chosen.mask("element H and bonded element O").sum() == 6
    assert chosen.mask("mass 30 to 40").sum() == 2


@pytest.mark.parametrize(("text", "message"), [
    ("name ZZ", "matches no atom. Atom types are: Br, C, Cl, F, H, O."), ("nam C", "is no selection"),
    ("(element C", "is no selection"), ("around 3 element O", "asks for what a topology does not know"),
    ("prop z > 3", "asks for what a topology does not know")])
def test_selections_that_do_not_work_say_why(text: str, message: str) -> None:
    with pytest.raises(BackmapError) as caught:
        begun(builders.system(), rdf={"x": ("all", text)})
    line = str(caught.value)
    assert line.startswith("rdf.x: ")
    assert text in line
    assert message in line
    assert "\n" not in line


def waters_apart(distance: float, pointing: bool) -> tuple[System, np.ndarray]:
    """Two waters whose oxygens are so far apart, nm; a hydrogen of the first lies between them, or none does."""
    kind, _ = molecule("O", "HOH")
    first = np.array([[0.0, 0, 0], [0.0957, 0, 0], [-0.024, 0.0927, 0]])
    if not pointing:
        first[1:] *= -1
    second = np.array([[0.0, 0, 0], [0.06, 0.075, 0], [0.06, -0.075, 0]]) + np.array([distance, 0, 0])
    return System(((kind, 2),)), np.concatenate([first, second])


@pytest.mark.parametrize(("distance", "pointing", "clash"), [(0.245, True, False), (0.245, False, True),
                                                             (0.22, True, True), (0.26, False, False)])
def test_a_short_hydrogen_bond_is_no_clash(distance: float, pointing: bool, clash: bool) -> None:
    system, atoms = waters_apart(distance, pointing)
    _, flags = measured(begun(system, rdf={}), snapshot(system, atoms))
    assert flags["clash"].tolist() == [clash, clash]


@pytest.mark.parametrize(("distance", "clash"), [(0.2, False), (0.16, True)])
def test_an_ion_beside_water_is_no_clash(distance: float, clash: bool) -> None:
    """Magnesium stands 0.19 nm from the oxygen of water, sodium 0.22 to 0.25."""
    water, _ = molecule("O", "HOH")
    magnesium, _ = molecule("[Mg+2]", "MG")
    charged = replace(magnesium, partial_charge=np.array([2.0]))
    system = System(((water, 1), (charged, 1)))
    atoms = np.array([[0.0, 0, 0], [0.06, 0.075, 0], [0.06, -0.075, 0], [-distance, 0, 0]])
    _, flags = measured(begun(system, rdf={}), snapshot(system, atoms))
    assert flags["clash"].tolist() == [clash, clash]
    argon, _ = molecule("[Ar]", "AR")
    system = System(((water, 1), (argon, 1)))
    _, flags = measured(begun(system, rdf={}), snapshot(system, atoms))
    assert flags["clash"].all(), "what is no ion is not held"
