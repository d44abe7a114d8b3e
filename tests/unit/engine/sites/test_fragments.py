"""What the tables say about fragments before anything is placed."""
from __future__ import annotations

from functools import cache

import networkx as nx
import numpy as np
import pytest
import torch
from backmap_plugins.molecules.assemble import molecule_type
from backmap_plugins.traversals import DepthFirst, Rooted

from backmap.engine.sites.contracts import View
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.engine.sites.plans import MAX_BEADS
from backmap.model.molecule import MoleculeType
from tests import builders, scenes


def of(smiles: str, beads: dict[str, list[str]], constraints: str = "all-bonds") -> MoleculeType:
    """A molecule whose beads are made of equal weights."""
    atoms, _ = builders.atoms_of(smiles, "MOL")
    model = builders.beads_of(atoms, {bead: dict.fromkeys(names, 1.0) for bead, names in beads.items()})
    return molecule_type(atoms, model, constraints=constraints)


@cache
def molecules() -> dict[str, MoleculeType]:
    return {
        "butane": builders.butane(), "water": builders.water(), "chiral": builders.chiral(),
        "octane": scenes.octane_system().types[0], "phenyl": scenes.phenyl(), "flexible": scenes.phenyl("h-bonds"),
        "benzene": of("c1ccccc1", {"R1": [f"C{k}" for k in range(1, 7)]}),
        "toluene": of("Cc1ccccc1", {"M1": ["C1"], "R1": [f"C{k}" for k in range(2, 8)]}),
        "two halves": of("c1ccccc1", {"A1": ["C1", "C2", "C3"], "B1": ["C4", "C5", "C6"]}),
        "naphthalene": of("c1ccc2ccccc2c1", {"A1": [f"C{k}" for k in range(1, 11)]}),
        "shared": of("CCCCCC", {"A1": ["C1", "C2", "C3"], "A2": ["C3", "C4"], "A3": ["C4", "C5", "C6"]}),
        "chain of 24": of("C" * 24, {f"A{k}": [f"C{2 * k + 1}", f"C{2 * k + 2}"] for k in range(12)}),
    }


def build(name: str, context: int = 4, sequential: bool = False) -> FragmentTable:
    molecule = molecules()[name]
    order = _order(molecule) if sequential else resting_order(molecule)
    return FragmentTable.build([molecule], View(context=context), [order], sequential)


def _order(molecule: MoleculeType):
    return DepthFirst(Rooted()).order(molecule, np.random.default_rng(0))


CASES = [pytest.param(name, context, sequential, id=f"{name}-{context}{'-sequential' * sequential}")
         for name in molecules() for context, sequential in ((4, False), (2, False), (4, True))]


@pytest.mark.parametrize(("name", "context", "sequential"), CASES)
class TestAnyMolecule:
    @pytest.fixture
    def tables(self, name: str, context: int, sequential: bool) -> FragmentTable:
        return build(name, context, sequential)

    @pytest.fixture
    def molecule(self, name: str) -> MoleculeType:
        return molecules()[name]

    def test_every_atom_is_drawn_once_by_its_owner(self, tables: FragmentTable, molecule: MoleculeType) -> None:
        drawn = tables.atoms[tables.atoms >= 0]
        assert sorted(drawn.tolist()) == list(range(molecule.n_atoms))
        rows = torch.nonzero(tables.atoms >= 0)[:, 0]
        assert molecule.mapping.owner[drawn].tolist() == rows.tolist()

    def test_pinned_atoms_come_first_and_hydrogens_last(self, tables: FragmentTable, molecule: MoleculeType) -> None:
        for row in tables.atoms:
            atoms = row[row >= 0].numpy()
            late = ~molecule.chemistry.heavy[atoms]
            assert (np.diff(late.astype(int)) >= 0).all()
        assert (tables.pinned[:, 1:].sum(1) == 0).all()

    def test_references_are_placed_before_use(self, tables: FragmentTable) -> None:
        for row, f, _ in _targets(tables):
            for local in tables.reference[row, f].tolist():
                kind, k = _source(tables, local)
                if kind == "own":
                    assert k < f
                elif kind == "context":
                    assert tables.available[row, k]
                else:
                    assert tables.beads[row, k] >= 0

    def test_the_origin_is_bonded_and_the_length_is_that_of_the_bond(self, tables: FragmentTable,
                                                                     molecule: MoleculeType) -> None:
        for row, f, atom in _targets(tables):
            origin = _atom(tables, row, int(tables.reference[row, f, 0]))
            assert bool(tables.bonded[row, f]) == (origin is not None)
            length = float(tables.length[row, f])
            if origin is None:
                assert np.isnan(length)
            else:
                expected = molecule.bond_length[molecule.graph.edges[atom, origin]["bond"]]
                np.testing.assert_allclose(length, expected, rtol=1e-6)

    def test_the_frame_is_not_made_of_one_point_where_there_are_others(self, tables: FragmentTable,
                                                                       molecule: MoleculeType) -> None:
        for row, f, _ in _targets(tables):
            origin, axis, _plane = tables.reference[row, f].tolist()
            if molecule.n_beads > 1 or f > 0:
                assert origin != axis

    def test_rings_close_inside_a_fragment_at_rigid_lengths(self, tables: FragmentTable,
                                                            molecule: MoleculeType) -> None:
        for row, f, atom in _targets(tables):
            closure = int(tables.closure[row, f])
            if closure < 0:
                assert np.isnan(float(tables.closure_length[row, f]))
                continue
            kind, k = _source(tables, closure)
            assert kind == "own"
            assert k < f
            assert int(tables.reference[row, f, 1]) == closure
            other = _atom(tables, row, closure)
            expected = molecule.bond_length[molecule.graph.edges[atom, other]["bond"]]
            np.testing.assert_allclose(float(tables.closure_length[row, f]), expected, rtol=1e-6)
            assert np.isfinite(float(tables.length[row, f]))

    def test_context_is_what_is_near_by_bonds_or_shares_a_bead(self, tables: FragmentTable, molecule: MoleculeType,
                                                               context: int) -> None:
        lengths = dict(nx.all_pairs_shortest_path_length(molecule.graph))
        matrix = molecule.mapping.matrix > 0
        for bead, own in enumerate(molecule.mapping.fragments()):
            near = {a: min(lengths[o].get(a, 99) for o in own) for a in range(molecule.n_atoms) if a not in own}
            beads = matrix[:, own].any(axis=1)
            expected = [a for a in near if near[a] <= context or matrix[beads, a].any()]
            found = tables.context[bead][tables.context[bead] >= 0].tolist()
            assert sorted(found) == sorted(expected)
            assert [near[a] for a in found] == sorted(near[a] for a in found)

    def test_weights_of_shared_beads_are_complete(self, tables: FragmentTable, molecule: MoleculeType) -> None:
        matrix = torch.as_tensor(molecule.mapping.matrix)
        for row, beads in enumerate(tables.beads):
            own, context = tables.atoms[row], tables.context[row]
            for q, bead in enumerate(beads[beads >= 0].tolist()):
                expected = torch.where(own >= 0, matrix[bead, own.clamp_min(0)], 0.0)
                torch.testing.assert_close(tables.weight_own[row, q].double(), expected, atol=1e-6, rtol=0)
                if expected.any():
                    total = float(tables.weight_own[row, q].sum() + tables.weight_context[row, q].sum())
                    assert total == pytest.approx(1, abs=1e-6)
            assert (context[tables.weight_context[row].any(0)] >= 0).all()

    def test_available_is_what_lower_ranks_place(self, tables: FragmentTable, molecule: MoleculeType,
                                                 sequential: bool) -> None:
        ranks, owner = _order(molecule).ranks, molecule.mapping.owner
        for bead in range(molecule.n_beads):
            for atom, available in zip(tables.context[bead].tolist(), tables.available[bead].tolist()):
                if atom >= 0:
                    assert available == (not sequential or ranks[owner[atom]] < ranks[bead])

    def test_beads_are_near_on_the_graph_and_begin_with_the_anchor(self, tables: FragmentTable,
                                                                   molecule: MoleculeType) -> None:
        for bead, row in enumerate(tables.beads):
            near = row[row >= 0].tolist()
            assert near[0] == bead
            assert len(set(near)) == len(near) == min(MAX_BEADS, molecule.n_beads)


def test_butane_shares_atoms() -> None:
    """Bead E1 owns C1 and C2; it holds half a share of C3, which bead E2 places."""
    tables, kind = build("butane"), molecules()["butane"]
    names = [[kind.atom_names[a] for a in row[row >= 0]] for row in tables.atoms]
    assert names == [["C2", "C1", "H4", "H5", "H1", "H2", "H3"], ["C3", "C4", "H6", "H7", "H8", "H9", "H10"]]
    shares = [*tables.weight_own[0, 0, :2].tolist(), float(tables.weight_context[0, 0, 0])]
    assert shares == pytest.approx([12 / 33, 12 / 33, 6 / 33])
    # Entered where the beads are bonded, from both sides.
    assert [_names(tables, 0, f, kind) for f in (0, 1)] == [["C3", "C4", "H6"], ["C2", "C3", "C4"]]
    assert [_names(tables, 1, f, kind) for f in (0, 1)] == [["C2", "C1", "H4"], ["C3", "C2", "C1"]]


def test_benzene_closes_once() -> None:
    tables, kind = build("benzene"), molecules()["benzene"]
    closed = torch.nonzero(tables.closure >= 0)
    assert len(closed) == 1
    row, f = closed[0].tolist()
    ends = {kind.atom_names[tables.atoms[row, k]] for k in (f, *tables.reference[row, f, :2].tolist())}
    assert ends <= {"C1", "C2", "C3", "C4", "C5", "C6"}
    assert f == 5


@pytest.mark.parametrize(("name", "closures"), [("naphthalene", 2), ("flexible", 0), ("two halves", 0), ("toluene", 1)])
def test_a_ring_closes_once_where_it_is_rigid_and_in_one_fragment(name: str, closures: int) -> None:
    assert int((build(name).closure >= 0).sum()) == closures


def test_a_pinned_atom_is_its_bead() -> None:
    tables, kind = build("phenyl"), molecules()["phenyl"]
    assert tables.pinned[:, 0].tolist() == [True, False, False]
    assert not tables.pinned[:, 1:].any()
    methyl_bead = kind.bead_names.index("M1")
    for f in range(1, 4):  # its hydrogens: the bead would be the same point twice
        chain = [_source(tables, local) for local in tables.reference[methyl_bead, f].tolist()]
        assert ("own", 0) in chain
        assert ("bead", 0) not in chain


def test_the_entry_is_where_the_parent_is_bonded() -> None:
    """Depth first from B1: every later fragment of octane begins at the carbon bonded to the one before."""
    tables, kind = build("octane", sequential=True), molecules()["octane"]
    firsts = [kind.atom_names[int(row[0])] for row in tables.atoms]
    assert firsts[1:] == ["C3", "C5", "C7"]
    assert [_names(tables, row, 0, kind)[0] for row in (1, 2, 3)] == ["C2", "C4", "C6"]


def test_nothing_is_available_to_the_root_of_a_sequential_start() -> None:
    tables = build("octane", sequential=True)
    assert not tables.available[0].any()
    assert [_source(tables, local)[0] for local in tables.reference[0, 0].tolist()] == ["bead"] * 3
    assert not bool(tables.bonded[0, 0])


def test_handedness_comes_from_the_nearest_centre() -> None:
    tables, kind = build("phenyl"), molecules()["phenyl"]
    assert tables.chiral.tolist() == [True, True, True]
    assert tables.sign.tolist() == [float(kind.chemistry.sign[0])] * 3
    achiral = build("octane")
    assert not achiral.chiral.any()
    assert (achiral.sign == 1).all()


def test_rows_of_several_types_follow_one_another() -> None:
    kinds = [molecules()[name] for name in ("butane", "water", "phenyl")]
    tables = FragmentTable.build(kinds, View(), [resting_order(kind) for kind in kinds])
    assert tables.type.tolist() == [0, 0, 1, 2, 2, 2]
    assert tables.bead.tolist() == [0, 1, 0, 0, 1, 2]
    assert sorted(tables.atoms[tables.atoms >= 0].tolist()) == list(range(14 + 3 + 18))
    assert tables.element.tolist() == [int(z) for kind in kinds for z in kind.chemistry.element]
    for k, kind in enumerate(kinds):
        base = int(tables.atom_base[k])
        lengths = dict(nx.all_pairs_shortest_path_length(kind.graph))
        for a in range(kind.n_atoms):
            others = torch.arange(kind.n_atoms)
            found = tables.bonds_between(torch.tensor(base + a), base + others)
            assert found.tolist() == [lengths[a][b] for b in range(kind.n_atoms)]


def _targets(tables: FragmentTable) -> list[tuple[int, int, int]]:
    """Row, place and atom of everything that is drawn."""
    return [(row, f, int(tables.atoms[row, f])) for row, f in torch.nonzero(tables.atoms >= 0).tolist()]


def _source(tables: FragmentTable, local: int) -> tuple[str, int]:
    n_own, n_context = tables.atoms.shape[1], tables.context.shape[1]
    if local < n_own:
        return "own", local
    return ("context", local - n_own) if local < n_own + n_context else ("bead", local - n_own - n_context)


def _atom(tables: FragmentTable, row: int, local: int) -> int | None:
    kind, k = _source(tables, local)
    return None if kind == "bead" else int((tables.atoms if kind == "own" else tables.context)[row, k])


def _names(tables: FragmentTable, row: int, f: int, kind: MoleculeType) -> list[str]:
    """Names of the atoms that the local frame is made of."""
    found = [_atom(tables, row, local) for local in tables.reference[row, f].tolist()]
    return [kind.atom_names[atom] for atom in found if atom is not None]
