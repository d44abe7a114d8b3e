"""Distances that are led back, beside the same with matrices."""
from __future__ import annotations

import numpy as np

from backmap.engine.relieving import MOMENTUM, ROUNDS, SHARE, relief, relieve
from backmap.model.molecule import MoleculeType
from tests import scenes


def slowly(kind: MoleculeType, moved: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """One molecule (A, 3)."""
    found, weights = relief(kind), kind.mapping.matrix
    apart = np.zeros((len(found.pair), kind.n_atoms))
    apart[np.arange(len(found.pair)), found.pair[:, 0]] = -1
    apart[np.arange(len(found.pair)), found.pair[:, 1]] = 1
    length, x, last = np.linalg.norm(apart @ atoms, axis=1), moved.copy(), np.zeros_like(moved)
    beads = weights @ x
    for _ in range(ROUNDS):
        way = apart @ x
        now = np.linalg.norm(way, axis=1)
        last = found.share[:, None] * (apart.T @ ((SHARE * (length - now) / now)[:, None] * way)) + MOMENTUM * last
        x = x + last
        off = (beads - weights @ x)[kind.mapping.owner]
        x, last = x + off, last + off
    return x


def test_it_is_the_same_with_matrices() -> None:
    system, window = scenes.octane_window(1)
    (group,) = system.groups
    atoms = np.ascontiguousarray(window.atoms[0][group.atoms][:5])
    moved = atoms + np.random.default_rng(1).normal(0, 0.01, atoms.shape)
    found = moved.copy()
    relieve(relief(group.type), found, atoms)
    for k in range(5):
        np.testing.assert_allclose(found[k], slowly(group.type, moved[k], atoms[k]), atol=1e-12)
    bonds = group.type.bonds
    off = [np.abs(np.linalg.norm(x[:, bonds[:, 1]] - x[:, bonds[:, 0]], axis=2)
                  - np.linalg.norm(atoms[:, bonds[:, 1]] - atoms[:, bonds[:, 0]], axis=2)).max()
           for x in (moved, found)]
    assert off[1] < 0.2 * off[0]
