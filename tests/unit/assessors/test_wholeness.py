"""Faults that need no reference, put into molecules that have none."""
from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.assessors.density import guessed, spacing
from backmap_plugins.assessors.structure import Structure
from backmap_plugins.chemistry.amino_acids import left_handed
from backmap_plugins.chemistry.planar_bonds import planar_bonds
from backmap_plugins.chemistry.volume import volume_of

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect
from backmap.model.isomers import handedness
from backmap.model.mapping import Mapping
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import sheets

from .scene import molecule

OLEATE, ELAIDATE = (f"CCC{a}C=C{b}CCC(=O)OC" for a, b in (("/", "\\"), ("/", "/")))


def shaped(smiles: str, residue: str = "X") -> tuple[MoleculeType, np.ndarray]:
    """A molecule type of one residue name, and its positions, nm."""
    kind, positions = molecule(smiles)
    return replace(kind, residue_names=[residue] * kind.n_atoms), positions


def findings(kind: MoleculeType, copies: list[np.ndarray], **options: object) -> list[Aspect]:
    """What the assessor finds in copies that are far apart, without a reference."""
    system = System(((kind, len(copies)),))
    atoms = np.concatenate([copy + np.array([5.0 * k, 0, 0]) for k, copy in enumerate(copies)])
    assessor, tally = Structure(Structure.Options(**options)), Tally()
    assessor.begin(system, None)
    assessor.measure(Snapshot(system, AtomIndex(system), 0, 0, None, atoms, system.map(atoms)), tally)
    return assessor.conclude(tally, None).findings


def level(found: list[Aspect], topic: str) -> int | None:
    return max((each.level for each in found if each.topic == topic), default=None)


def test_natural_lipids_are_cis_and_the_user_may_say_otherwise() -> None:
    (cis, right), (_, wrong) = shaped(OLEATE, "POPC"), shaped(ELAIDATE, "POPC")
    assert level(findings(cis, [right] * 4), "double bonds") == GOOD
    found = findings(cis, [right, right, right, wrong])
    assert level(found, "double bonds") == UNUSABLE
    assert "1 of 4" in next(each.text for each in found if each.topic == "double bonds")
    assert level(findings(cis, [wrong] * 4, double_bonds={cis.name: "trans"}), "double bonds") == GOOD


def test_the_same_double_bond_on_both_sides_must_be_known() -> None:
    (kind, cis), (_, trans) = shaped(OLEATE), shaped(ELAIDATE)
    assert level(findings(kind, [cis] * 3), "double bonds") is None
    assert level(findings(kind, [trans] * 3), "double bonds") is None
    assert level(findings(kind, [cis, trans, trans]), "double bonds") == CARE


def test_esters_are_trans_and_double_bonds_flat() -> None:
    kind, right = shaped(OLEATE)
    ester = next(bonds for bonds in planar_bonds(kind) if bonds.sort == "ester").atoms[0]
    double = next(bonds for bonds in planar_bonds(kind) if bonds.sort == "double bond").atoms[0]
    assert level(findings(kind, [right] * 2), "amides and esters") == GOOD
    assert level(findings(kind, [turned(kind, right, ester, 180)] * 2), "amides and esters") == UNUSABLE
    assert level(findings(kind, [right] * 2), "planar bonds") is None
    assert level(findings(kind, [turned(kind, right, double, 60)] * 2), "planar bonds") == UNUSABLE


def turned(kind: MoleculeType, shape: np.ndarray, quad: np.ndarray, degrees: float) -> np.ndarray:
    """What is beyond the bond in the middle of four atoms, turned about it."""
    _, b, c, _ = quad.tolist()
    cut = nx.restricted_view(kind.graph, [], [(b, c)])
    side = sorted(nx.node_connected_component(cut, c))
    axis = (shape[c] - shape[b]) / np.linalg.norm(shape[c] - shape[b])
    arm, angle, moved = shape[side] - shape[c], np.radians(degrees), shape.copy()
    along = (arm @ axis)[:, None] * axis
    moved[side] = shape[c] + along + (arm - along) * np.cos(angle) + np.cross(axis, arm) * np.sin(angle)
    return moved


def test_stretched_bonds_and_bent_rings_are_counted() -> None:
    kind, right = shaped("Cc1ccccc1")
    found = findings(kind, [right] * 2)
    assert {each.topic for each in found if each.level > GOOD} == set()
    longer = right.copy()
    longer[0] += 0.6 * (right[0] - right[1])  # the methyl carbon, whose hydrogens stay behind
    assert level(findings(kind, [right, longer]), "stretched bonds") == UNUSABLE
    ring = [a for a in range(kind.n_atoms) if kind.chemistry.aromatic[a]]
    centred = right[ring] - right[ring].mean(axis=0)
    normal = np.linalg.svd(centred)[2][2]
    bent = right.copy()
    bent[ring] += np.where(np.arange(6) % 3 == 0, 0.05, -0.025)[:, None] * normal
    assert level(findings(kind, [right, bent]), "bent rings") == UNUSABLE


def test_bonds_that_are_rigid_in_the_recipe_must_be() -> None:
    """Lengths that scatter as those of springs do are of another ensemble; the rounding of a file is none."""
    kind, right = shaped("CCCC")
    stiff = replace(kind, bond_length=np.linalg.norm(right[kind.bonds[:, 0]] - right[kind.bonds[:, 1]], axis=1))
    shaken = right + np.random.default_rng(5).normal(0, 0.002, (3, *right.shape))
    assert level(findings(stiff, [right, np.round(right, 3)]), "rigid bonds") is None
    assert level(findings(stiff, list(shaken)), "rigid bonds") == CARE
    assert level(findings(kind, list(shaken)), "rigid bonds") is None


def test_atoms_that_overlap_and_atoms_that_are_nowhere() -> None:
    kind, right = shaped("CCCC")
    assert level(findings(kind, [right] * 3), "overlaps") == GOOD
    assert level(findings(kind, [right, right - [4.98, 0, 0]]), "overlaps") == UNUSABLE
    lost = right.copy()
    lost[2] = np.nan
    assert level(findings(kind, [right, lost]), "positions") == UNUSABLE


def test_overlaps_of_what_stands_are_a_matter_of_care() -> None:
    """A slab without forces of its own may overlap by design; a molecule that was drawn into it may not."""
    kind, right = shaped("CCCC")
    slab = replace(kind, mapping=Mapping.identity(kind.n_atoms), given=True, bead_names=kind.atom_names,
                   bead_types=kind.atom_types, bead_residues=kind.residues, bead_residue_names=kind.residue_names,
                   bead_bonds=kind.bonds)
    assert slab.standing
    assert level(findings(slab, [right, right - [4.98, 0, 0]]), "overlaps") == CARE


@pytest.mark.parametrize(("smiles", "left"), [("C[C@H](N)C(=O)O", True), ("C[C@@H](N)C(=O)O", False)])
def test_alanine_is_left_handed(smiles: str, left: bool) -> None:
    """C[C@H](N)C(=O)O is L-alanine."""
    kind, positions = shaped(smiles, "ALA")
    names = {0: "CB", 1: "CA", 2: "N", 3: "C"}
    kind = replace(kind, atom_names=[names.get(a, f"X{a}") for a in range(kind.n_atoms)])
    assert len(left_handed(kind)) == 1
    told = handedness(positions, kind.chemistry.centres)
    open_ = replace(kind, chemistry=replace(kind.chemistry, sign=0 * told))
    assert level(findings(open_, [positions] * 2), "amino acids") == (None if left else UNUSABLE)
    said = replace(kind, chemistry=replace(kind.chemistry, sign=told))
    assert level(findings(said, [positions] * 2), "amino acids") is None, "whoever says that it is D gets no complaint"
    other = replace(kind, chemistry=replace(kind.chemistry, sign=-told))
    mirrored = [positions * [1, 1, -1]] * 2
    assert level(findings(other, mirrored), "amino acids") is None


def test_volumes_are_those_of_the_paper() -> None:
    """Octane: 88.5 cm^3/mol, benzene: 48.4 by Bondi's increments."""
    assert volume_of(shaped("CCCCCCCC")[0]) * 602.2 == pytest.approx(88.5, abs=0.3)
    assert volume_of(shaped("c1ccccc1")[0]) * 602.2 == pytest.approx(48.4, abs=1.0)


@pytest.mark.parametrize(("filled", "expected"), [
    ((0.55, 0.55, 0.0), GOOD), ((0.72, 0.72, 0.0), GOOD), ((0.2, 0.5, 0.6), GOOD), ((0.37, 0.38, 0.0), GOOD),
    ((0.32, 0.33, 0.0), CARE),
    ((0.15, 0.36, 0.34), GOOD), ((0.01, 0.05, 0.9, 1.0), GOOD), ((0.01, 0.05, 0.9, 1.2, 30), GOOD),
    ((0.01, 0.05, 0.9, 1.4, 75), CARE), ((0.01, 0.05, 0.9, 0.15), CARE),
    ((0.0005, 0.5, 0.999), CARE), ((0.2, 0.21, 0.0), CARE), ((1.2, 1.2, 0.0), CARE)])
def test_what_a_density_may_be(filled: tuple[float, ...], expected: int) -> None:
    assert guessed(*filled)[0] == expected


def test_nearest_molecules_of_a_gas_and_of_a_lattice() -> None:
    """An ideal gas has 1; a simple cubic lattice, one cube root of a volume apart, 1 / 0.554; any box does."""
    box = np.array([[4.0, 0, 0], [1.0, 3.5, 0], [-0.7, 0.4, 5.0]])
    rng = np.random.default_rng(5)
    assert spacing(rng.uniform(-1, 2, (4000, 3)) @ box, box) == pytest.approx(1.0, abs=0.02)
    lattice = np.stack(np.meshgrid(*[np.arange(4.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    assert spacing(lattice + 0.3, np.eye(3) * 4) == pytest.approx(1 / 0.55396, rel=1e-6)
    assert np.isnan(spacing(lattice[:3], box))


def test_a_fixed_sheet_across_the_box_is_whole_until_an_atom_of_it_is_moved() -> None:
    sheet, atoms, box = sheets.graphene()
    system = sheets.system_of(sheet)

    def found(positions: np.ndarray) -> list[Aspect]:
        assessor, tally = Structure(Structure.Options()), Tally()
        assessor.begin(system, None)
        assessor.measure(Snapshot(system, AtomIndex(system), 0, 0, box, positions, positions), tally)
        return assessor.conclude(tally, None).findings

    moved = atoms.copy()
    moved[0] += [0.0, 0.0, 0.2]  # the corner, two of whose bonds lie across
    assert max(each.level for each in found(atoms)) == GOOD
    assert level(found(moved), "stretched bonds") == level(found(moved), "bent rings") == UNUSABLE
