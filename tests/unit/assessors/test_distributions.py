"""Bonds, angles and torsions against what MDAnalysis computes, and against shapes made by hand."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors import kernels
from backmap_plugins.assessors.structure import Structure
from MDAnalysis.lib.distances import calc_angles, calc_bonds, calc_dihedrals

from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System

from .scene import measured, molecule, snapshot, values


def structure(system: System, **options) -> Structure:
    assessor = Structure(Structure.Options(**options))
    assessor.begin(system, None)
    return assessor


def test_values_are_those_of_mdanalysis() -> None:
    x = np.random.default_rng(1).random((40, 3))
    rows = np.random.default_rng(2).permuted(np.tile(np.arange(40), (100, 1)), axis=1)[:, :4]
    p = [x[rows[:, k]] for k in range(4)]
    np.testing.assert_allclose(kernels.distances(x, rows[:, :2]), calc_bonds(p[0], p[1]), atol=1e-6)
    np.testing.assert_allclose(kernels.angles(x, rows[:, :3]), np.degrees(calc_angles(*p[:3])), atol=1e-3)
    np.testing.assert_allclose(kernels.dihedrals(x, rows), np.degrees(calc_dihedrals(*p)), atol=1e-3)


def test_a_stretched_bond_shows_in_mean_spread_and_divergence() -> None:
    kind, positions = molecule("CC")
    system = System(((kind, 1),))
    longer = positions.copy()
    axis = positions[1] - positions[0]
    moved = [1, *[a for a in kind.graph[1] if a != 0]]
    longer[moved] += axis / np.linalg.norm(axis) * 0.01
    assessor = structure(system, rdf={})
    both, _ = measured(assessor, snapshot(system, positions), snapshot(system, longer, index=1))
    one, _ = measured(assessor, snapshot(system, positions))
    length = np.linalg.norm(axis)
    figure = {f.key: f for f in assessor.conclude(both, one).figures}
    assert figure["bonds", "C-C", "mean"].value == pytest.approx(length + 0.005)
    assert figure["bonds", "C-C", "mean"].spread == pytest.approx(0.005)
    assert ("bonds", "C-H", "JSD") not in figure  # rigid in both
    apart = assessor.conclude(both.half(1), both.half(0))
    assert values(apart)["bonds", "C-C", "JSD"] == pytest.approx(np.log(2))
    curve = next(c for c in apart.curves if c.key == ("bonds", "C-C"))
    assert (curve.values * np.diff(curve.edges)).sum() == pytest.approx(1)


def test_trans_and_gauche() -> None:
    kind, positions = molecule("CCCC")
    system = System(((kind, 1),))
    torsion = kernels.dihedrals(positions, np.array([[0, 1, 2, 3]]))[0]
    assessor = structure(system, rdf={})
    tally, _ = measured(assessor, snapshot(system, positions))
    assert values(assessor.conclude(tally, None))["propers", "C-C-C-C", "trans share"] == float(abs(torsion) > 120)


def test_long_bonds_are_counted_and_their_beads_flagged() -> None:
    kind, positions = molecule("CCO")
    system = System(((kind, 2),))
    atoms = np.concatenate([positions, positions + 2.0])
    hydrogen = kind.n_atoms + kind.n_atoms - 1
    carrier = kind.n_atoms + next(iter(kind.graph[kind.n_atoms - 1]))
    atoms[hydrogen] = atoms[carrier] + [0.0, 0.0, 0.205]
    assessor = structure(system, rdf={})
    tally, flags = measured(assessor, snapshot(system, atoms))
    found = values(assessor.conclude(tally, None))
    assert found["bonds", "bonds longer than 0.2 nm", "per frame"] == 1
    assert found["bonds", "longest bond", "maximum"] == pytest.approx(0.205)
    assert flags["long_bond"].tolist() == [False, True]


def test_a_bond_of_heavy_elements_may_be_longer() -> None:
    kind, positions = molecule("CSSC")
    system = System(((kind, 1),))
    assert np.linalg.norm(positions[1] - positions[2]) > 0.2
    _, flags = measured(structure(system, rdf={}), snapshot(system, positions))
    assert not flags["long_bond"].any()


def test_improper_means_go_round_the_circle() -> None:
    from backmap_plugins.assessors.distributions import _mean

    angles = np.radians([179.0, -179.0])
    mean, spread = _mean("impropers", np.cos(angles).sum(), np.sin(angles).sum(), 2)
    assert abs(mean) == pytest.approx(180)
    assert spread == pytest.approx(1.0, abs=1e-3)


def test_a_force_field_of_other_molecules_is_refused() -> None:
    kind, _ = molecule("CC")
    field = ForceField({}, ["X"], np.zeros((1, 1)), np.zeros((1, 1)), where="other.top")
    with pytest.raises(BackmapError, match="no parameters for molecule type 'MOL'"):
        Structure(Structure.Options()).begin(System(((kind, 1),)), field)
