"""Draws from a force field against quadrature: angles, torsions, hydrogens, and the norm of densities."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chi2, ncx2

from backmap import testing
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import ForceField
from backmap.model.system import System
from tests.unit.generators.small import (
    OPLS,
    PAIR,
    SOFT,
    alone,
    angle_at,
    bead_of,
    butane_field,
    drawn,
    field_of,
    generator_of,
    measured,
    parameters,
    pentane,
    slots,
)

Array = NDArray[np.float64]

KT = 0.0083144626 * 300
#: Chi-squared tests fail by chance once in this many.
RARE = 1e-4


def chi_squared(counts: Array, expected: Array) -> float:
    """Probability of a chi-squared this large by chance; bins of fewer than 10 expected counts are merged."""
    statistic, degrees = distance(counts, expected)
    return float(chi2.sf(statistic, degrees))


def distance(counts: Array, expected: Array) -> tuple[float, int]:
    order = np.argsort(expected)
    low = np.cumsum(expected[order]) < 10
    few = order[:int(low.sum()) + 1]
    many = np.setdiff1d(np.arange(len(expected)), few)
    observed, wanted = np.append(counts[many], counts[few].sum()), np.append(expected[many], expected[few].sum())
    return float(((observed - wanted)**2 / wanted).sum()), len(wanted) - 1


def power(wrong: Array, expected: Array) -> float:
    """Probability with which ``chi_squared`` of counts from a wrong density is below ``RARE``."""
    shift, degrees = distance(wrong, expected)
    return float(ncx2.sf(chi2.isf(RARE, degrees), degrees, shift))


def butane_energy(shape: Array, theta: Array, phi: Array) -> Array:
    """Energy of atom 3 of ``pentane`` at an angle and a dihedral about 2, 1, 0, from formulas of its own."""
    cosine = np.cos(phi - np.pi)
    energy = SOFT[1] / 2 * (theta - SOFT[0])**2 + sum(c * cosine**n for n, c in enumerate(OPLS))
    e1 = (shape[1] - shape[2]) / np.linalg.norm(shape[1] - shape[2])
    aside = shape[0] - shape[2]
    e2 = aside - aside @ e1 * e1
    e2 /= np.linalg.norm(e2)
    local = np.stack([np.cos(theta), np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi)], axis=-1) * 0.153
    place = shape[2] + local @ np.stack([e1, e2, np.cross(e1, e2)])
    inverse = 1 / ((place - shape[0])**2).sum(-1)**3
    return energy + PAIR[1] * inverse**2 - PAIR[0] * inverse


def middle(low: float, high: float, n: int) -> Array:
    edges = np.linspace(low, high, n + 1)
    return (edges[1:] + edges[:-1]) / 2


def test_angle_and_torsion_of_butane_follow_the_force_field() -> None:
    kind, shape = pentane()
    # The fifth atom is not there for the fourth: both are drawn, one after the other.
    env = alone(kind, shape)
    generator = generator_of(butane_field(kind), System(((kind, 1),)), bead_width=None, cap=1e3)
    number, bins = 10000, (25, 36)
    placed = drawn(generator, env, number).positions[0, :, slots(env, [3])[0]]
    theta = angle_at(shape, placed)
    v = placed.numpy() + bead_of(shape)
    a, b, c = shape[1] - shape[0], shape[2] - shape[1], v - shape[2]
    m, n = np.cross(a, b), np.cross(b, c)
    phi = np.arctan2(np.linalg.norm(b) * (n @ a), n @ m)
    window = SOFT[0] + np.array([-0.9, 0.9])
    fine = np.meshgrid(middle(*window, 8 * bins[0]), middle(-np.pi, np.pi, 8 * bins[1]), indexing="ij")

    def expected(weight: Callable[[Array], Array], kt: float = KT) -> list[Array]:
        density = weight(fine[0]) * np.exp(-butane_energy(shape, *fine) / kt)
        cells = density.reshape(bins[0], 8, bins[1], 8).sum(axis=(1, 3)) / density.sum() * number
        return [cells.sum(axis=1), cells.sum(axis=0)]

    found = [np.histogram(theta, bins[0], window)[0], np.histogram(phi, bins[1], (-np.pi, np.pi))[0]]
    right = expected(np.sin)
    for counts, wanted in zip(found, right, strict=True):
        assert counts.sum() >= number - 2
        assert chi_squared(counts, wanted) > RARE
    # An eighth of kT would be seen in either, a missing sine in the mean angle.
    assert min(power(*both) for both in zip(expected(np.sin, 0.875 * KT), right, strict=True)) > 0.98
    centres, error = middle(*window, bins[0]), theta.std() / np.sqrt(number)
    mean, wrong = (np.average(centres, weights=cells) for cells in (right[0], expected(np.ones_like)[0]))
    assert theta.mean() == pytest.approx(mean, abs=3 * error)
    assert abs(wrong - mean) > 6 * error


def test_the_density_is_normalised() -> None:
    kind, shape = pentane()
    system = System(((kind, 1),))
    env = alone(kind, shape, atoms=[4])
    generator = generator_of(butane_field(kind), system, bead_width=0.1)
    theta, phi = np.meshgrid(middle(*SOFT[0] + np.array([-1.1, 1.1]), 80), middle(-np.pi, np.pi, 108), indexing="ij")
    e1 = (shape[2] - shape[3]) / np.linalg.norm(shape[2] - shape[3])
    e2 = np.cross(e1, [0.0, 0, 1])
    e2 /= np.linalg.norm(e2)
    local = np.stack([np.cos(theta), np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi)], axis=-1) * 0.153
    points = (shape[3] + local @ np.stack([e1, e2, np.cross(e1, e2)]) - bead_of(shape)).reshape(-1, 3)
    many = env.at(torch.zeros(len(points), dtype=torch.long))
    placed = many.given.double()
    placed[:, slots(env, [4])[0]] = torch.as_tensor(points)
    density = np.exp(generator.log_density(many, placed).numpy())
    cell = 0.153**2 * np.sin(theta.ravel()) * 2.2 / 80 * 2 * np.pi / 108
    assert (density * cell).sum() == pytest.approx(1, abs=2e-3)


def test_the_density_of_flexible_bonds_is_normalised() -> None:
    kind, shape = pentane()
    kind = replace(kind, bond_length=np.full(4, np.nan))
    env = alone(kind, shape, atoms=[4])
    generator = generator_of(field_of(measured(kind, shape)), System(((kind, 1),)), bead_width=None)
    rng, number = np.random.default_rng(2), 4000
    sd = 0.03  # nm, of a Gaussian cloud about the draws' mean and of wider reach than theirs
    draw = drawn(generator, env, 500).positions[0, :, slots(env, [4])[0]].numpy()
    centre = draw[rng.integers(len(draw), size=number)]
    points = centre + rng.normal(0, sd, (number, 3))
    square = ((points[:, None] - draw[None])**2).sum(-1)
    cloud = np.exp(-square / (2 * sd**2)).mean(axis=1) / (2 * np.pi * sd**2)**1.5
    many = env.at(torch.zeros(number, dtype=torch.long))
    placed = many.given.double()
    placed[:, slots(env, [4])[0]] = torch.as_tensor(points)
    ratio = np.exp(generator.log_density(many, placed).numpy()) / cloud
    assert ratio.std() / np.sqrt(number) < 0.06
    assert ratio.mean() == pytest.approx(1, abs=4 * ratio.std() / np.sqrt(number))


# Hydrogens on one carbon


@cache
def propane() -> tuple[MoleculeType, Array, ForceField]:
    """Three carbons; the middle one carries two hydrogens, the last one three. Beads: 0 with 1 and its hydrogens, 2.

    OPLS angles alone, so that hydrogens meet nothing but each other and the carbons.
    """
    bonds = [(0, 1), (1, 2), (1, 3), (1, 4), (2, 5), (2, 6), (2, 7)]
    kind = testing.molecule_type("PRO", [6] * 3 + [1] * 5, bonds, [[0], [1, 3, 4], [2, 5, 6, 7]])
    kind = replace(kind, bond_length=np.array([0.153] * 2 + [0.109] * 5))
    shape = np.array([[0, 0, 0], [0.125, 0.088, 0], [0.25, 0, 0], [0.125, 0.151, 0.089], [0.125, 0.151, -0.089],
                      [0.337, 0.066, 0], [0.25, -0.063, 0.089], [0.25, -0.063, -0.089]])
    angle = {0: ANGLES[0], 1: ANGLES[1], 2: ANGLES[2]}
    terms = [((a, b, c), list(angle[(a > 2) + (c > 2)])) for b in kind.graph
             for a in kind.graph[b] for c in kind.graph[b] if a < c]
    return kind, shape, field_of(parameters(kind, {"harmonic_angle": terms}, excluded=4))


#: By the number of hydrogens: OPLS C-C-C, C-C-H, H-C-H.
ANGLES = [(np.radians(112.7), 488.2728), (np.radians(110.7), 313.8), (np.radians(107.8), 276.144)]


def spring(u: Array, v: Array, kind: int) -> Array:
    """Energy of an angle between unit vectors."""
    return ANGLES[kind][1] / 2 * (np.arccos(np.clip((u * v).sum(-1), -1, 1)) - ANGLES[kind][0])**2


def test_the_last_hydrogen_follows_its_exact_conditional() -> None:
    kind, shape, field = propane()
    env = alone(kind, shape, atoms=[4])
    number = 10000
    placed = drawn(generator_of(field, System(((kind, 1),))), env, number).positions[0, :, slots(env, [4])[0]].numpy()
    arms = (shape[[0, 2, 3]] - shape[1]) / np.linalg.norm(shape[[0, 2, 3]] - shape[1], axis=1)[:, None]
    anchor = kind.mapping.matrix[1] @ shape
    u = (placed + anchor - shape[1]) / 0.109
    z, phi = np.meshgrid(middle(-1, 1, 500), middle(-np.pi, np.pi, 500), indexing="ij")
    sphere = np.stack([np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi), z], axis=-1).reshape(-1, 3)
    energy = spring(sphere, arms[0], 1) + spring(sphere, arms[1], 1) + spring(sphere, arms[2], 2)
    weight = np.exp(-energy / KT)
    for arm in arms:
        values, found = np.arccos(sphere @ arm), np.arccos(u @ arm)
        wanted, edges = np.histogram(values, 20, (np.average(values, weights=weight) - 0.3,
                                                  np.average(values, weights=weight) + 0.3), weights=weight)
        assert chi_squared(np.histogram(found, edges)[0], wanted / weight.sum() * number) > RARE


def test_both_hydrogens_of_a_methylene_weighted_follow_quadrature() -> None:
    kind, shape, field = propane()
    env = alone(kind, shape, atoms=[3, 4])
    generator, number = generator_of(field, System(((kind, 1),))), 5000
    draw = drawn(generator, env, number)
    anchor = kind.mapping.matrix[1] @ shape
    first, second = ((draw.positions[0, :, s].numpy() + anchor - shape[1]) / 0.109 for s in slots(env, [3, 4]))
    arms = (shape[[0, 2]] - shape[1]) / np.linalg.norm(shape[[0, 2]] - shape[1], axis=1)[:, None]

    def single(u: Array) -> Array:
        return np.exp(-(spring(u, arms[0], 1) + spring(u, arms[1], 1)) / KT)

    both = single(first) * single(second) * np.exp(-spring(first, second, 2) / KT)
    weight = both / np.exp(draw.log_density[0].numpy())
    assert weight.sum()**2 / (weight**2).sum() > 0.8 * number
    # Quadrature over both spheres, where a single hydrogen can be at all.
    z, phi = np.meshgrid(middle(-1, 1, 60), middle(-np.pi, np.pi, 90), indexing="ij")
    sphere = np.stack([z, np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi)], axis=-1).reshape(-1, 3)
    sphere = sphere[single(sphere) > 1e-6 * single(sphere).max()]
    cosine = np.clip(sphere @ sphere.T, -1, 1)
    apart = ANGLES[2][1] / 2 * (np.arccos(cosine) - ANGLES[2][0])**2
    joint = single(sphere)[:, None] * single(sphere) * np.exp(-apart / KT)
    between = np.arccos(np.clip((first * second).sum(1), -1, 1))
    for power in (1, 2):
        wanted = (np.arccos(cosine)**power * joint).sum() / joint.sum()
        error = np.sqrt((weight**2 * (between**power - wanted)**2).sum()) / weight.sum()
        assert np.average(between**power, weights=weight) == pytest.approx(wanted, abs=4 * error)
        assert error < 0.003 * power * wanted
    # Both sit on different sides: unweighted draws are near the truth, too.
    assert between.mean() == pytest.approx((np.arccos(cosine) * joint).sum() / joint.sum(), abs=0.02)


def test_the_hydrogens_of_a_methyl_are_equal_once_they_are_weighted() -> None:
    kind, shape, field = propane()
    env = alone(kind, shape, atoms=[5, 6, 7], bead=2)
    number = 4000
    draw = drawn(generator_of(field, System(((kind, 1),))), env, number)
    anchor = kind.mapping.matrix[2] @ shape
    u = [(draw.positions[0, :, s].numpy() + anchor - shape[2]) / 0.109 for s in slots(env, [5, 6, 7])]
    axis = (shape[1] - shape[2]) / np.linalg.norm(shape[1] - shape[2])
    energy = sum(spring(x, axis, 1) for x in u) + sum(spring(u[i], u[j], 2) for i, j in ((0, 1), (0, 2), (1, 2)))
    weight = np.exp(-energy / KT - draw.log_density[0].numpy())
    assert weight.sum()**2 / (weight**2).sum() > 0.5 * number
    pairs = ((0, 1), (0, 2), (1, 2))
    for values in ([np.arccos(x @ axis) for x in u], [np.arccos((u[i] * u[j]).sum(1)) for i, j in pairs]):
        means = [np.average(x, weights=weight) for x in values]
        error = [np.sqrt((weight**2 * (x - m)**2).sum()) / weight.sum() for x, m in zip(values, means, strict=True)]
        assert max(error) < 0.006
        assert max(means) - min(means) < 5 * max(error)
