"""A rigid triangle, with and without charges on virtual sites, drawn and accepted beside an ion: its orientations.

The molecule has two beads: the ion, which is its bead, and the triangle. Quadrature is a weighted sum over orientations
and displacements of the bead, whose measure is even: det G of three rigid distances is constant.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.generators.force_field.generator import ForceFieldOptions, FromForceField
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.transform import Rotation

from backmap.engine.geometry.dependents import placed
from backmap.model.mapping import Mapping
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import COULOMB, ForceField, MoleculeParameters
from backmap.model.rigid import Dependence, Dependents, FixedDistances
from tests import acceptance, chains

Array = NDArray[np.float64]

TRIANGLE = np.array([[0.0, 0.15, 0.0], [0.0, 0.0, 0.0], [0.13, 0.02, 0.0]])
WEIGHTS, MASSES = np.array([1.0, 16.0, 1.0]) / 18, [1.0, 16.0, 1.0]
ION, ION_CHARGE, SIGMA = np.array([0.0, 0.0, 0.45]), 0.25, 0.02
N, SWEEPS = 500, 12


def molecule(sites: bool) -> tuple[MoleculeType, Array, Array]:
    """Ion, triangle, and two sites out of its plane; the place of atoms, the triangle's bead at the origin; charges."""
    n = 6 if sites else 4
    kind = chains.chain(n, [{0: 1}, {1: 1, 2: 16, 3: 1}], [20.0, *MASSES, *[0.0] * (n - 4)])
    bonds = np.array([[1, 2], [2, 3]])
    rows = [Dependence(4 + k, (2, 1, 3), ((1.4, -1.0, -1.0), (-0.2, 1.0, 0.0), (-0.2, 0.0, 1.0)), (0.0, side, 0.0, 0.0))
            for k, side in enumerate((4.0, -3.0))]
    mapping = Mapping(n, 2, kind.mapping.bead, kind.mapping.atom, kind.mapping.weight, np.array([0] + [1] * (n - 1)))
    lengths = [np.linalg.norm(TRIANGLE[i] - TRIANGLE[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    kind = replace(kind, bonds=bonds, bond_length=np.array(lengths[:2]), held=FixedDistances.of([(1, 3)], lengths[2:]),
                   chemistry=replace(kind.chemistry, bond_order=np.ones(2)), bead_bonds=np.array([[0, 1]]),
                   mapping=mapping, dependents=Dependents.of(rows if sites else ()))
    atoms = np.vstack([ION, TRIANGLE - WEIGHTS @ TRIANGLE, np.zeros((n - 4, 3))])
    charges = [ION_CHARGE, 0.5, 0.0, 0.3, -0.5, -0.3] if sites else [ION_CHARGE, -0.4, 0.0, 0.4]
    return kind, placed(kind.dependents, atoms), np.array(charges)


def field_of(kind: MoleculeType, charges: Array) -> ForceField:
    """Only the ion and the others see each other."""
    excluded = np.array([(i, j) for i in range(1, kind.n_atoms) for j in range(i + 1, kind.n_atoms)])
    parameters = MoleculeParameters(kind.name, (), np.zeros(kind.n_atoms, dtype=np.int64), charges, excluded,
                                    np.empty((0, 2), dtype=np.int64), np.empty((0, 3)))
    return ForceField({kind.name: parameters}, ["X"], np.zeros((1, 1)), np.zeros((1, 1)), 1.2, "cutoff", 0.0, "here")


def expected(atoms: Array, charges: Array) -> tuple[Array, Array]:
    """Heights of atom 1 towards the ion, in many orientations and displacements, and their weights."""
    rng = np.random.default_rng(3)
    turns = Rotation.random(300_000, random_state=1).as_matrix()
    moved = np.einsum("nij,aj->nai", turns, atoms[1:]) + rng.normal(0, SIGMA, (300_000, 1, 3))
    energy = COULOMB * ION_CHARGE * (charges[1:] / np.linalg.norm(moved - ION, axis=2)).sum(axis=1)
    return moved[:, 0, 2], np.exp(-energy / acceptance.KT)


def p_value(values: Array, heights: Array, weights: Array) -> float:
    order = np.argsort(heights)
    edges = np.interp(np.linspace(0, 1, 9), np.cumsum(weights[order]) / weights.sum(), heights[order])
    edges[0], edges[-1] = -9, 9
    shares = np.histogram(heights, edges, weights=weights)[0] / weights.sum()
    return float(stats.chisquare(np.histogram(values, edges)[0], shares * len(values)).pvalue)


@pytest.mark.slow
@pytest.mark.parametrize("sites", [False, True], ids=["three charges", "charges on virtual sites"])
def test_orientations_beside_an_ion(sites: bool) -> None:
    kind, atoms, charges = molecule(sites)
    field = field_of(kind, charges)
    generator = FromForceField(ForceFieldOptions(bead_width=SIGMA))
    generator.use(field)
    world = acceptance.World(kind, atoms, np.array([ION, np.zeros(3)]), field, SIGMA, SIGMA)
    found, accepted = world.sample(generator, N, SWEEPS, candidates=4)
    assert accepted > 0.2
    found = found + ION  # positions are from the first bead
    np.testing.assert_allclose(placed(kind.dependents, found), found, atol=1e-9)
    for (i, j), length in zip(kind.rigid.pairs, kind.rigid.lengths, strict=True):
        np.testing.assert_allclose(np.linalg.norm(found[:, i] - found[:, j], axis=1), length, atol=1e-5)
    assert p_value(found[:, 1, 2], *expected(atoms, charges)) > 1e-4
    twin = [ION_CHARGE, 0.5, 0.0, 0.3, 0.0, 0.0] if sites else [ION_CHARGE, 0.0, -0.4, 0.4]  # without or elsewhere
    assert p_value(found[:, 1, 2], *expected(atoms, np.array(twin))) < 1e-5


def test_a_bead_is_missed_as_far_as_it_may_be() -> None:
    """Of a light atom that is drawn last: the others must leave it no more than the width of the bead asks."""
    kind, atoms, charges = molecule(False)
    field = field_of(kind, 0 * charges)
    generator = FromForceField(ForceFieldOptions(bead_width=SIGMA))
    generator.use(field)
    world = acceptance.World(kind, atoms, np.array([ION, np.zeros(3)]), field, SIGMA, SIGMA)
    found, accepted = world.sample(generator, N, sweeps=4, candidates=8)
    assert accepted > 0.9
    missed = WEIGHTS @ found[:, 1:4] + ION
    assert stats.kstest(np.square(missed / SIGMA).sum(axis=1), stats.chi2(3).cdf).pvalue > 1e-3
