"""Tables of blocks: against what a look at the whole molecule gives, and how they grow."""
from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from backmap.engine.energy.layout import FieldLayout
from backmap.engine.geometry.constraint import Projector
from backmap.engine.geometry.measure import REACH, BondGram
from backmap.engine.hamiltonian.records import BlockTables
from backmap.engine.hamiltonian.tables import build
from backmap.model.parameters import MoleculeParameters
from backmap.model.system import System
from tests import large


@cache
def made(carbons: str) -> tuple[System, MoleculeParameters, FieldLayout, BlockTables, list]:
    """A chain (c30) or network (n4: strands of 4), and the tables of its blocks."""
    kind, size = carbons[0], int(carbons[1:])
    with TemporaryDirectory() as folder:
        files = large.Files(Path(folder), large.chain(size) if kind == "c" else large.network(1, size))
        system = files.system()
        field = files.field(system)
    layout = FieldLayout(system, field)
    blocks, tables = build(system, layout, 4, True)
    return system, layout.molecules[0], layout, tables, blocks[0]


@pytest.mark.parametrize("carbons", ["c30", "n4", "n6"])
def test_blocks_have_what_the_whole_molecule_has_for_them(carbons: str) -> None:
    """The slow twin looks through all of the molecule for every block."""
    system, parameters, _, tables, blocks = made(carbons)
    kind, out, copies = system.types[0], parameters.excluded_table, tables.copies
    for number, block in enumerate(blocks):
        make, start = copies.make[number], tables.places.start[copies.make[number]]
        place = copies.atom[copies.atom_start[number]:copies.atom_start[number + 1]]
        moving = np.isin(np.arange(kind.n_atoms), block.atoms)
        np.testing.assert_array_equal(place[:len(block.atoms)], block.atoms)
        listed = out[block.atoms].any(axis=0) | moving
        np.testing.assert_array_equal(tables.places.excluded[start:start + len(place)], listed[place])
        terms = tables.terms.at[tables.terms.start[make]:tables.terms.start[make + 1], 1:]
        expected = [tuple(atoms) for each in parameters.bonded for atoms in each.atoms if moving[atoms].any()]
        sizes = [len(each.atoms[0]) for each in parameters.bonded for atoms in each.atoms if moving[atoms].any()]
        assert sorted(tuple(place[row[:n]]) for row, n in zip(terms, sorted(sizes), strict=True)) == sorted(expected)
        explicit = tables.explicit.at[tables.explicit.start[make]:tables.explicit.start[make + 1]]
        np.testing.assert_array_equal(place[explicit], parameters.pairs[moving[parameters.pairs].any(axis=1)])
        rows = slice(tables.pairs.start[make], tables.pairs.start[make + 1])
        i, j = place[tables.pairs.at[rows]].T
        assert len(i) == sum(listed[b] for n in range(len(block.atoms)) for b in place[n + 1:])
        np.testing.assert_array_equal(tables.pairs.value[rows, 3], out[i, j])


@pytest.mark.parametrize("carbons", ["c30", "n4"])
def test_atoms_that_see_each_other_are_those_of_all_terms(carbons: str) -> None:
    parameters = made(carbons)[1]
    expected = {(int(a), int(b)) for table in (parameters.excluded, parameters.pairs,
                                               *(each.atoms for each in parameters.bonded))
                for row in table for a in row for b in row if a != b}
    assert {*zip(parameters.together.first.tolist(), parameters.together.other.tolist(), strict=True)} == expected


@pytest.mark.parametrize("carbons", ["c30", "n6"])
def test_bonds_near_a_block_are_those_a_walk_along_all_bonds_finds(carbons: str) -> None:
    system, _, _, tables, blocks = made(carbons)
    kind, gram, copies = system.types[0], BondGram(system.types[0]), tables.copies
    for number, block in enumerate(blocks):
        steps = np.full(kind.n_atoms, REACH + 1)
        steps[block.atoms] = 0
        for _ in range(REACH):
            for i, j in kind.bonds:
                steps[i], steps[j] = min(steps[i], steps[j] + 1), min(steps[j], steps[i] + 1)
        kept = steps[gram.bonds].min(axis=1) <= REACH
        near = copies.near[copies.near_start[number]:copies.near_start[number + 1]]
        np.testing.assert_array_equal(near, gram.bonds[kept])
        entries = tables.near.entry
        rows = slice(entries.start[copies.gram[number]], entries.start[copies.gram[number] + 1])
        both = kept[gram.rows] & kept[gram.columns]
        np.testing.assert_array_equal(entries.at[rows], (np.cumsum(kept) - 1)[
            np.column_stack([gram.rows, gram.columns])[both]])
        np.testing.assert_array_equal(entries.value[rows], gram.coupling[both])


def test_the_gram_matrix_is_that_of_dense_products() -> None:
    kind = made("n6")[0].types[0]
    gram = BondGram(kind)
    incidence = np.zeros((len(gram.bonds), kind.n_atoms))
    incidence[np.arange(len(gram.bonds)), gram.bonds[:, 0]] = 1
    incidence[np.arange(len(gram.bonds)), gram.bonds[:, 1]] = -1
    touching = np.tril(np.abs(incidence) @ np.abs(incidence).T) > 0
    np.testing.assert_array_equal(np.column_stack([gram.rows, gram.columns]), np.argwhere(touching))
    np.testing.assert_allclose(gram.coupling, ((incidence / kind.mass) @ incidence.T)[touching], rtol=1e-12)


def test_weights_of_carriers_are_those_of_dense_matrices() -> None:
    kind = made("n4")[0].types[0]
    projector = Projector(kind)
    gathered = np.zeros_like(kind.mapping.matrix)
    np.add.at(gathered.T, projector.carrier, kind.mapping.matrix.T)
    np.testing.assert_allclose(projector.weights.toarray(), gathered, atol=1e-15)


def test_repeat_units_share_their_tables() -> None:
    """What grows with a chain is which atoms blocks are about, and no table."""
    short, long = made("c60")[3], made("c120")[3]
    assert len(long.copies.make) - len(short.copies.make) == 30
    assert len(short.places.moving) == len(long.places.moving) <= 12
    assert len(long.copies.atom) < 2.3 * len(short.copies.atom)


def test_what_is_known_of_a_molecule_grows_with_its_atoms() -> None:
    sizes = []
    for carbons in ("c60", "c120"):
        kind, parameters = made(carbons)[0].types[0], made(carbons)[1]
        sizes.append(np.array([len(kind.near.other), len(parameters.left_out.other), len(kind.mapping.entries[0])]))
        assert "distance" not in kind.__dict__  # no table of all pairs is ever made
        assert "excluded_table" not in parameters.__dict__
        assert "matrix" not in kind.mapping.__dict__
    assert (sizes[1] < 2.1 * sizes[0]).all()
