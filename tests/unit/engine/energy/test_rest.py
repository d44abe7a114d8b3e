"""Torsions at rest: what is left of them where turning about each bond makes them least."""
from __future__ import annotations

import numpy as np
import pytest

from backmap.engine.energy.rest import resting
from backmap.model.parameters import Bonded, MoleculeParameters
from tests.unit.assessors.scene import molecule

_NONE = np.empty((0, 2), dtype=np.int64)


def parameters(n_atoms: int, *bonded: Bonded) -> MoleculeParameters:
    return MoleculeParameters("MOL", bonded, np.zeros(n_atoms, dtype=np.int64), np.zeros(n_atoms), _NONE, _NONE,
                              np.empty((0, 3)))


def test_a_methyl_group_on_a_carboxylate_has_a_constant_energy() -> None:
    """Six terms of k (1 + cos p) are 6 k however it stands, and as many of k (1 - cos 2p)."""
    kind, _ = molecule("CC(=O)[O-]")
    carbons = [a for a in range(kind.n_atoms) if kind.chemistry.element[a] == 6]
    methyl, carboxyl = sorted(carbons, key=lambda a: -kind.graph.degree[a])
    rows = np.array([[h, methyl, carboxyl, o] for h in kind.graph[methyl] for o in kind.graph[carboxyl]
                     if h != carboxyl and o != methyl])
    rows[::2] = rows[::2, ::-1]  # files list torsions either way round
    known = parameters(kind.n_atoms, *(Bonded("periodic_proper", rows, np.tile(each, (6, 1)))
                                       for each in ([0.0, 16.9, 1.0], [np.pi, 15.3, 2.0])))
    assert resting(kind, known).sum() == pytest.approx(6 * (16.9 + 15.3))


def test_a_torsion_that_turns_freely_has_none() -> None:
    kind, _ = molecule("CC")
    rows = np.array([[i, 0, 1, j] for i in kind.graph[0] for j in kind.graph[1] if i != 1 and j != 0])
    periodic = Bonded("periodic_proper", rows, np.tile([0.0, 0.6, 3.0], (9, 1)))
    assert resting(kind, parameters(kind.n_atoms, periodic)).max() == pytest.approx(0, abs=1e-9)
    # the same as a polynomial: k (1 + cos 3p) with psi = p - 180
    same = Bonded("ryckaert_bellemans", rows, np.tile([0.6, 1.8, 0.0, -2.4, 0.0, 0.0], (9, 1)))
    assert resting(kind, parameters(kind.n_atoms, same)).max() == pytest.approx(0, abs=1e-9)
    raised = Bonded("ryckaert_bellemans", rows, np.tile([1.6, 1.8, 0.0, -2.4, 0.0, 0.0], (9, 1)))
    assert resting(kind, parameters(kind.n_atoms, raised)).sum() == pytest.approx(9)
