"""Idealised conformers: the shapes chemists expect, of the right chirality, around their bead."""
from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
import torch
from backmap_plugins.generators.template.conformers import _Whole, ideal_library
from backmap_plugins.molecules.assemble import molecule_type
from rdkit import Chem

from backmap.api import AtomMolecule
from backmap.engine.sites.contracts import View
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.errors import BackmapError
from backmap.model.isomers import handedness
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from tests import builders, scenes

N = 6
_RADIUS = Chem.GetPeriodicTable().GetRcovalent


def toluene() -> MoleculeType:
    atoms, _ = builders.atoms_of("Cc1ccccc1", "TOL")
    ring = {name: 1.0 for name in atoms.atom_names if name in {f"C{k}" for k in range(2, 8)}}
    return molecule_type(atoms, builders.beads_of(atoms, {"M1": {"C1": 1.0}, "R1": ring}))


def tables(kind: MoleculeType) -> FragmentTable:
    return FragmentTable.build([kind], View(), [resting_order(kind)])


def signed(kind: MoleculeType, sign: int) -> MoleculeType:
    return replace(kind, chemistry=replace(kind.chemistry, sign=np.full(len(kind.chemistry.sign), sign)))


@pytest.mark.parametrize("kind", [scenes.octane_system().types[0], toluene(), builders.chiral(), scenes.phenyl(),
                                  builders.butane()], ids=lambda kind: kind.name)
class TestAnyMolecule:
    @pytest.fixture
    def fragments(self, kind: MoleculeType) -> list[np.ndarray]:
        """Conformers (n, atoms of the fragment, 3) of each bead, atoms in topology order."""
        own = ideal_library(System(((kind, 1),)), N).types[kind.name].own.numpy()
        return [own[bead, :, :len(atoms)] for bead, atoms in enumerate(kind.mapping.fragments())]

    def test_bonds_have_chemical_lengths(self, kind: MoleculeType, fragments: list[np.ndarray]) -> None:
        for atoms, positions in zip(kind.mapping.fragments(), fragments):
            place = {int(a): k for k, a in enumerate(atoms)}
            for i, j in kind.bonds.tolist():
                if i in place and j in place:
                    length = np.linalg.norm(positions[:, place[i]] - positions[:, place[j]], axis=1)
                    usual = 0.1 * sum(_RADIUS(int(kind.chemistry.element[a])) for a in (i, j))
                    np.testing.assert_allclose(length, usual, rtol=0.15)

    def test_atoms_do_not_overlap(self, kind: MoleculeType, fragments: list[np.ndarray]) -> None:
        for positions in fragments:
            n = positions.shape[1]
            apart = np.linalg.norm(positions[:, :, None] - positions[:, None], axis=3)[:, ~np.eye(n, dtype=bool)]
            assert apart.min(initial=1) > 0.09

    def test_the_bead_is_at_the_origin_where_it_shares_no_atoms(self, kind: MoleculeType,
                                                                fragments: list[np.ndarray]) -> None:
        for bead, (atoms, positions) in enumerate(zip(kind.mapping.fragments(), fragments)):
            weights = kind.mapping.matrix[bead, atoms]
            if weights.sum() > 1 - 1e-9:
                np.testing.assert_allclose(np.einsum("a,nax->nx", weights, positions), 0, atol=1e-6)


def test_the_same_seed_gives_the_same_library() -> None:
    system = System(((scenes.phenyl(), 1),))
    first, again, other = (ideal_library(system, N, seed).types["PEF"].own for seed in (1, 1, 2))
    assert first.equal(again)
    assert not first.equal(other)


def test_rings_are_flat_and_chains_are_not() -> None:
    kind = toluene()
    own = ideal_library(System(((kind, 1),)), N).types["TOL"].own.numpy()
    ring = own[1, :, :6]
    thickness = np.linalg.svd(ring - ring.mean(axis=1, keepdims=True), compute_uv=False)[:, 2]
    assert thickness.max() < 0.01
    octane = ideal_library(System(((scenes.octane_system().types[0], 1),)), N).types["OCT"].own.numpy()[0, :, :7]
    assert np.linalg.svd(octane - octane.mean(axis=1, keepdims=True), compute_uv=False)[:, 2].min() > 0.05


@pytest.mark.parametrize("sign", [1, -1])
def test_conformers_are_kept_for_one_hand(sign: int) -> None:
    """In the mirrored world the centre has the sign +1, whichever hand the molecule has."""
    kind = signed(scenes.phenyl(), sign)
    assert [kind.atom_names[a] for a in kind.chemistry.centres[0]] == ["C2", "C1", "F1", "C3"]
    shapes = ideal_library(System(((kind, 1),)), N).types["PEF"]
    bead, methyl, ring = (kind.bead_names.index(name) for name in ("F1", "M1", "R1"))
    place = {kind.atom_names[a]: k for k, a in enumerate(kind.mapping.fragments()[bead])}
    near = list(tables(kind).beads[bead])
    own, beads = shapes.own[bead], shapes.beads[bead]
    # The methyl bead is C1 itself; the ring's centre lies behind C3.
    arms = torch.stack([beads[:, near.index(methyl)], own[:, place["F1"]], beads[:, near.index(ring)]], dim=1)
    assert (torch.linalg.det(arms - own[:, place["C2"], None]) > 0).all()


@pytest.mark.parametrize("relative", [1, -1])
def test_diastereomers_are_not_mixed_up(relative: int) -> None:
    """Two centres in one fragment: the first is +1 in the mirrored world, the other is what it is relative to it."""
    atoms, _ = builders.atoms_of("CC(F)CC(F)CC", "DFH")
    whole = {name: 1.0 for name, z in zip(atoms.atom_names, atoms.element) if z != 1}
    kind = molecule_type(atoms, builders.beads_of(atoms, {"A1": whole}))
    assert len(kind.chemistry.centres) == 2
    kind = replace(kind, chemistry=replace(kind.chemistry, sign=np.array([-1, -relative])))
    own = ideal_library(System(((kind, 1),)), 12).types["DFH"].own[0].numpy()
    assert handedness(own, kind.chemistry.centres).tolist() == [[1, relative]] * 12


def test_what_rdkit_cannot_build_is_one_clear_error() -> None:
    kind = builders.butane()
    impossible = replace(kind.chemistry, bond_order=np.full(len(kind.bonds), 3.0))
    with pytest.raises(BackmapError, match=r"RDKit cannot build the fragment of BUT with the atoms .*C1.*checkpoint"):
        ideal_library(System(((replace(kind, chemistry=impossible), 1),)), 2)


def test_a_mesh_is_not_kept_whole_around_a_fragment() -> None:
    """Of a ring of 40 carbons some are cut away, of cyclohexane none."""
    for size, whole in ((40, False), (6, True)):
        atoms, _ = builders.atoms_of("C1" + "C" * (size - 2) + "C1", f"R{size}")
        bonded = {name: [n for n in range(len(atoms.atom_names)) if [k, n] in atoms.bonds.tolist()]
                  for k, name in enumerate(atoms.atom_names[:size])}
        rows = {f"A{k}": {atoms.atom_names[a]: 1.0 for name in (f"C{2 * k + 1}", f"C{2 * k + 2}") for a in (
            atoms.atom_names.index(name), *(n for n in bonded[name] if n >= size))} for k in range(size // 2)}
        kind = molecule_type(atoms, builders.beads_of(atoms, rows))
        near = [int(bead) for bead in tables(kind).beads[0] if bead >= 0]
        kept, opened = _Whole(kind).around(kind.mapping.fragments()[0], near)
        assert (len(kept) == kind.n_atoms) == whole == (not opened)


def test_a_cage() -> None:
    """C60, whose rings are not planar with their neighbours, as RDKit takes them to be."""
    solid = nx.icosahedral_graph()
    corner = {pair: k for k, pair in enumerate((u, v) for u in solid for v in solid[u])}
    bonds = {tuple(sorted((corner[u, v], corner[other]))) for u, v in corner
             for other in ((v, u), *((u, w) for w in solid[u] if w in solid[v]))}
    n, names = len(corner), [f"C{k}" for k in range(len(corner))]
    atoms = AtomMolecule(name="C60", atom_names=names, atom_types=["CA"] * n, residue_names=["C60"] * n,
                         residues=np.ones(n, dtype=np.int64), element=np.full(n, 6), mass=np.full(n, 12.011),
                         partial_charge=np.zeros(n), bonds=np.array(sorted(bonds)),
                         bond_length=np.full(len(bonds), np.nan), constrained=np.zeros(len(bonds), dtype=bool))
    kind = molecule_type(atoms, builders.beads_of(atoms, {"F": dict.fromkeys(names, 1.0)}))
    own = ideal_library(System(((kind, 1),)), 2).types["C60"].own.numpy()[0]
    np.testing.assert_allclose(np.linalg.norm(own, axis=-1), 0.35, atol=0.02)


def test_atoms_without_elements_that_are_bonded() -> None:
    """Two mass centres that carry a linear molecule."""
    atoms, _ = builders.atoms_of("CC", "CO2")
    two = [name for name in atoms.atom_names if name.startswith("C")]
    atoms = replace(atoms, element=np.zeros_like(atoms.element))
    kind = molecule_type(atoms, builders.beads_of(atoms, {"M": dict.fromkeys(two, 1.0)}))
    own = ideal_library(System(((kind, 1),)), 2).types["CO2"].own.numpy()
    assert np.isfinite(own).all()
    assert own.any()
