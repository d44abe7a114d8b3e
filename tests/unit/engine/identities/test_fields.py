"""Divergences of fields against finite differences, and what fields must not change."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from backmap_plugins.molecules.assemble import molecule_type
from numpy.typing import NDArray

from backmap.engine.geometry.measure import BondGram
from backmap.engine.identities.coordinates import Derivatives, cosines, dihedrals, lengths
from backmap.engine.identities.derivatives import derivatives
from backmap.engine.identities.fields import Holding, MoveFields
from backmap.engine.identities.pieces import LARGEST, pieces_of
from backmap.model.molecule import MoleculeType
from tests import builders, chain

Array = NDArray[np.float64]

ANGLES = np.array([[0, 1, 2], [1, 2, 3], [2, 1, 6]])
FOUR = np.array([[0, 1, 2, 3], [1, 3, 4, 5]])


def ethanol(constraints: str) -> tuple[MoleculeType, Array]:
    """Ethanol with a bead that is an atom and one that is not, at a place that nothing keeps symmetric."""
    atoms, positions = builders.atoms_of("CCO", "ETH", constrained=True)
    beads = builders.beads_of(atoms, {"M": {"C1": 15, "C2": 7}, "O": {"O1": 1}})
    kind = molecule_type(atoms, beads, constraints=constraints)
    return kind, positions + np.random.default_rng(3).normal(size=positions.shape) * 0.005


def holding(kind: MoleculeType, x: Array) -> Holding:
    loose = kind.bonds[~np.isfinite(kind.bond_length)]
    stiff = [(cosines(x, ANGLES), 400.0), (dihedrals(x, FOUR[1:]), 200.0), (lengths(x, loose), 2e5)]
    return Holding(lengths(x, kind.rigid.pairs), stiff)


def odd_function(x: torch.Tensor) -> torch.Tensor:
    u, w = x[..., 1, :] - x[..., 0, :], x[..., 2, :] - x[..., 3, :]
    return 300 * (u * w).sum(-1) + 1e4 * (u * u).sum(-1) * w[..., 0]


def fields_at(kind: MoleculeType, x: Array, on_beads: bool, measured: bool) -> tuple[MoveFields, Derivatives]:
    piece, = pieces_of(kind, on_beads)
    return MoveFields(piece, x[None], holding(kind, x[None]), measured), derivatives(odd_function, x[None], FOUR)


def divergence(fields: MoveFields, function: Derivatives) -> float:
    return float((fields.traces(function).sum(axis=1)
                  - (fields.gradient(function) * fields.shift).sum(axis=1))[0])


def slow_divergence(kind: MoleculeType, x: Array, on_beads: bool, measured: bool, step: float = 1e-5) -> float:
    """Every coordinate moved by hand, the field made anew each time, and the measure of the bonds beside it."""
    gram, (piece,) = BondGram(kind), pieces_of(kind, on_beads)

    def field(x: Array) -> Array:
        fields, function = fields_at(kind, x, on_beads, measured)
        return fields.moved(fields.gradient(function))[0]

    here, total = field(x), 0.0
    for k, atom in enumerate(piece.atoms):
        for c in range(3):
            after, before = x.copy(), x.copy()
            after[atom, c] += step
            before[atom, c] -= step
            total += (field(after)[3 * k + c] - field(before)[3 * k + c]) / (2 * step)
            if measured:
                rise = (gram.half_log_det(after[None]) - gram.half_log_det(before[None]))[0]
                total += here[3 * k + c] * rise / (2 * step)
    return total


@pytest.mark.parametrize(("constraints", "on_beads", "measured"), [
    ("all-bonds", True, True), ("h-bonds", True, True), ("h-bonds", False, False)])
def test_divergence_is_that_of_finite_differences(constraints: str, on_beads: bool, measured: bool) -> None:
    kind, x = ethanol(constraints)
    expected = slow_divergence(kind, x, on_beads, measured)
    fields, function = fields_at(kind, x, on_beads, measured)
    assert divergence(fields, function) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    fields.shift[:] = 0  # the projection turns as atoms move
    assert divergence(fields, function) != pytest.approx(expected, rel=1e-2)


def test_fields_keep_rigid_bonds_and_beads() -> None:
    kind, x = ethanol("all-bonds")
    fields, function = fields_at(kind, x, True, True)
    moved = np.zeros_like(x)
    moved[fields.piece.atoms] = fields.moved(fields.gradient(function)).reshape(-1, 3)
    moved /= np.abs(moved).max()
    np.testing.assert_allclose(kind.mapping.matrix @ moved, 0, atol=1e-12)
    i, j = kind.rigid.pairs.T
    np.testing.assert_allclose(((x[i] - x[j]) * (moved[i] - moved[j])).sum(axis=1), 0, atol=1e-12)


def test_long_molecules_fall_into_pieces_that_have_every_atom_once() -> None:
    atoms, _ = chain.polyethylene(16)
    beads = builders.beads_of(atoms, {f"B{k}": {name: 1.0} for k, name in enumerate(atoms.atom_names[::7])})
    kind = molecule_type(atoms, beads, constraints="all-bonds")
    pieces = pieces_of(kind, on_beads=False)
    assert sorted(np.concatenate([piece.atoms for piece in pieces])) == list(range(kind.n_atoms))
    assert max(len(piece.atoms) for piece in pieces) <= LARGEST
    assert len(pieces) < 3 * kind.n_atoms / LARGEST
