"""The force_field generator: densities, exact conditionals by quadrature, hands, rings, beads, and a whole run."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from backmap_plugins.generators.force_field.generator import ForceFieldOptions, FromForceField
from numpy.typing import NDArray
from scipy.stats import chi2, ncx2

from backmap import testing
from backmap.engine.contracts import Draw, LocalEnvironment
from backmap.engine.environment import Scene
from backmap.engine.random import Stream
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType, handedness
from backmap.model.parameters import Bonded, ForceField, MoleculeParameters
from backmap.model.system import System, Window
from tests import scenes

Array = NDArray[np.float64]

KT = 0.0083144626 * 300
TORN = -500  #: a log-density below this means that a ring did not close
#: Chi-squared tests fail by chance once in this many.
RARE = 1e-4


def field_of(*molecules: MoleculeParameters, c6: float = 1e-3, c12: float = 1e-6) -> ForceField:
    return ForceField({each.name: each for each in molecules}, ["X"], np.array([[c6]]), np.array([[c12]]), cutoff=0.6)


def parameters(kind: MoleculeType, terms: dict[str, list[tuple[tuple[int, ...], list[float]]]],
               excluded: int = 3, pairs: Array | None = None) -> MoleculeParameters:
    """Parameters of one Lennard-Jones type without charges, excluded up to some bonds; pairs: c6, c12, charges."""
    bonded = tuple(Bonded(name, np.array([a for a, _ in rows]), np.array([v for _, v in rows], dtype=float))
                   for name, rows in terms.items())
    fourth = np.argwhere(np.triu(kind.distance == 3, 1)) if pairs is not None else np.empty((0, 2), dtype=np.int64)
    return MoleculeParameters(kind.name, bonded, np.zeros(kind.n_atoms, dtype=np.int64), np.zeros(kind.n_atoms),
                              np.argwhere(np.triu(kind.distance <= excluded, 1)), fourth,
                              np.tile(pairs if pairs is not None else [0.0, 0, 0], (len(fourth), 1)))


def measured(kind: MoleculeType, shape: Array) -> MoleculeParameters:
    """Springs about one conformation: bonds, angles, flat aromatic rings, and soft torsions elsewhere."""
    graph, aromatic = kind.graph, kind.chemistry.aromatic
    terms: dict[str, list] = {"harmonic_bond": [], "harmonic_angle": [], "periodic_proper": []}
    for i, j in kind.bonds.tolist():
        terms["harmonic_bond"].append(((i, j), [np.linalg.norm(shape[i] - shape[j]), 2e5]))
    for b in graph:
        near = sorted(graph[b])
        for a, c in ((a, c) for a in near for c in near if a < c):
            u, v = shape[a] - shape[b], shape[c] - shape[b]
            angle = np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
            terms["harmonic_angle"].append(((a, b, c), [angle, 400.0]))
    for b, c in kind.bonds.tolist():
        stiff = aromatic[b] and aromatic[c]
        for a, d in ((a, d) for a in graph[b] for d in graph[c] if a != c and d not in (a, b)):
            terms["periodic_proper"].append(((a, b, c, d), [np.pi, 25.0, 2] if stiff else [0.0, 0.6, 3]))
    return parameters(kind, terms)


def generator_of(field: ForceField, system: System, **options: object) -> FromForceField:
    generator = FromForceField(ForceFieldOptions(**options))
    generator.use(field)
    generator.prepare(system, "cpu")
    return generator


@cache
def crowd(constraints: str) -> tuple[Scene, FromForceField]:
    """Octane and chiral rings at random in a small box."""
    kinds = scenes.octane_system(constraints).types[0], scenes.phenyl(constraints)
    system, window = scenes.crowd((kinds[0], 3), (kinds[1], 3), n_frames=1)
    shapes = scenes.octane_atoms()[0][0, :26], scenes.phenyl_positions()
    field = field_of(*map(measured, kinds, shapes))
    return scenes.scene_of(system, window), generator_of(field, system)


def everywhere(scene: Scene) -> LocalEnvironment:
    return scene.gather(*scenes.every_site(scene), temperature=350.0)


def drawn(generator: FromForceField, env: LocalEnvironment, candidates: int = 1, seed: int = 0) -> Draw:
    return generator.draw(env, Stream.of(seed, torch.arange(env.size)), candidates)


def alone(kind: MoleculeType, positions: Array, temperature: float = 300.0,
          atoms: list[int] | None = None, bead: int = 1) -> LocalEnvironment:
    """One site of a single molecule in vacuum, of which ``atoms`` are drawn; by default the whole fragment."""
    system = System(((kind, 1),))
    window = Window(np.arange(1), np.zeros(1), np.zeros((1, 3, 3)), system.map(positions[None]))
    scene = scenes.scene_of(system, window.with_atoms(positions[None]))
    block = None if atoms is None else torch.isin(scene.fragments.atoms[bead], torch.tensor(atoms))[None]
    return scene.gather(torch.tensor([0]), torch.tensor([bead]), temperature=temperature, block=block)


def slots(env: LocalEnvironment, atoms: list[int]) -> list[int]:
    """Places of atoms in the drawing order of a site."""
    return [env.fragments.atoms[env.row[0]].tolist().index(a) for a in atoms]


# Promises


def test_it_keeps_the_promises_of_generators() -> None:
    testing.check_options(FromForceField)
    testing.check_generator(FromForceField(ForceFieldOptions()))
    testing.check_generator(FromForceField(ForceFieldOptions(bead_width=None, lennard_jones=False, nodes=48)))


@pytest.mark.parametrize("constraints", ["all-bonds", "h-bonds"])
@pytest.mark.parametrize("masked", [False, True])
def test_the_density_of_a_draw_is_what_draw_said(constraints: str, masked: bool) -> None:
    scene, generator = crowd(constraints)
    env = everywhere(scene)
    if masked:  # every second atom, so that some that come later stand already
        block = env.block & (torch.arange(env.block.shape[1]) % 2 == 1)
        env = scene.gather(*scenes.every_site(scene), temperature=350.0, block=block)
    draw = drawn(generator, env, 3)
    assert bool(draw.positions.isfinite().all())
    for k in range(3):
        again = generator.log_density(env, draw.positions[:, k])
        torch.testing.assert_close(again, draw.log_density[:, k], atol=1e-5, rtol=1e-9)


def test_rigid_bonds_are_exact_and_rings_close() -> None:
    scene, generator = crowd("all-bonds")
    env = everywhere(scene)
    tables, draw = env.fragments, drawn(generator, env, 20)
    positions = draw.positions.flatten(0, 1)
    around = torch.cat([env.context, env.beads], dim=1).double().repeat_interleave(20, 0)
    local = torch.cat([positions, around], dim=1)
    row = env.row.repeat_interleave(20)
    origin = local.gather(1, tables.reference[row][:, :, 0, None].expand(-1, -1, 3))
    rigid = env.block.repeat_interleave(20, 0) & tables.length[row].isfinite() & ~tables.pinned[row]
    length = (positions - origin).norm(dim=2)
    torch.testing.assert_close(length[rigid], tables.length[row][rigid].double(), atol=1e-9, rtol=0)
    closes = tables.closure[row] >= 0
    other = local.gather(1, tables.closure[row].clamp_min(0)[:, :, None].expand(-1, -1, 3))
    torn = ((positions - other).norm(dim=2) - tables.closure_length[row].double()).abs() > 1e-6
    torch.testing.assert_close((torn & closes).any(dim=1), draw.log_density.flatten() < TORN)
    assert float((torn & closes).any(dim=1)[closes.any(dim=1)].double().mean()) < 0.1


def test_temperature_widens_the_draws() -> None:
    kind, shape = pentane()
    field = field_of(measured(kind, shape))
    spread = []
    for temperature in (100.0, 400.0):
        env = alone(kind, shape, temperature, [3])
        generator = generator_of(field, System(((kind, 1),)), bead_width=None)
        spread.append(float(np.std(angle_at(shape, drawn(generator, env, 2000).positions[0, :, slots(env, [3])[0]], env))))
    assert spread[1] / spread[0] == pytest.approx(2, rel=0.1)


def test_a_site_does_not_depend_on_its_batch() -> None:
    scene, generator = crowd("all-bonds")
    env = everywhere(scene)
    whole = drawn(generator, env, 2)
    for chosen in (torch.tensor([5]), torch.arange(env.size).flip(0)):
        part = generator.draw(env.at(chosen), Stream.of(0, torch.arange(env.size)).at(chosen), 2)
        torch.testing.assert_close(part.log_density, whole.log_density[chosen], atol=1e-9, rtol=0)
        torch.testing.assert_close(part.positions, whole.positions[chosen], atol=1e-9, rtol=0)


# Hands


def test_the_wrong_hand_is_never_drawn() -> None:
    kind = scenes.phenyl()
    env, generator = everywhere(crowd("all-bonds")[0]), crowd("all-bonds")[1]
    chosen = torch.nonzero(env.fragments.type[env.row] == 1)[:, 0]
    env = env.at(chosen)
    draw = drawn(generator, env, 400)
    base = int(env.fragments.atom_base[1])
    n_right = 0
    for s in range(env.size):
        row = int(env.row[s])
        placed = torch.zeros(400, kind.n_atoms, 3, dtype=torch.float64)
        placed[:, env.fragments.context[row][env.context_placed[s]] - base] = env.context[s][env.context_placed[s]].double()
        own = env.fragments.atoms[row]
        placed[:, own[own >= 0] - base] = draw.positions[s][:, own >= 0]
        touched = set((own[own >= 0] - base).tolist()) & set(kind.chemistry.centres[0].tolist())
        if touched:
            assert (handedness(placed.numpy(), kind.chemistry.centres) == kind.chemistry.sign).all()
            n_right += 400
    assert n_right >= 1200


def test_mirror_images_of_the_other_hand_are_drawn_as_mirror_images() -> None:
    scene, generator = crowd("all-bonds")
    env, plane = everywhere(scene), torch.diag(torch.tensor([1.0, -1.0, 1.0]))
    mirrored = replace(testing.turned(env, plane), sign=-env.sign)
    first, second = drawn(generator, env, 2), drawn(generator, mirrored, 2)
    there = generator.log_density(mirrored, first.positions[:, 0] @ plane.double())
    fine = first.log_density[:, 0] > TORN
    torch.testing.assert_close(there[fine], first.log_density[fine][:, 0], atol=1e-3, rtol=1e-5)
    away = (second.positions - first.positions @ plane.double()).norm(dim=3)[env.block[:, None].expand(-1, 2, -1)]
    assert float((away < 1e-4).double().mean()) > 0.95  # rings that do not close stand in line


# Exact conditionals: one atom at a time, by quadrature


@cache
def pentane() -> tuple[MoleculeType, Array]:
    """Five carbons without hydrogens in two beads (0-2, 3-4), bonds rigid, all trans but for the last."""
    kind = testing.molecule_type("PEN", [6] * 5, [(k, k + 1) for k in range(4)], [[0, 1, 2], [3, 4]])
    kind = replace(kind, bond_length=np.full(4, 0.153))
    return kind, np.array([[0.125 * k, 0.088 * (k % 2), 0.0] for k in range(4)] + [[0.47, 0.0, 0.1]])


def angle_at(shape: Array, placed: torch.Tensor, env: LocalEnvironment) -> Array:
    """Angle 1-2-x of positions x relative to the anchor of a site of ``pentane``."""
    u, v = shape[1] - shape[2], placed.numpy() + bead_of(shape) - shape[2]
    return np.arccos((v @ u) / np.linalg.norm(v, axis=1) / np.linalg.norm(u))


def bead_of(shape: Array) -> Array:
    return shape[3:].mean(axis=0)


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


OPLS = [3.566860, -1.889076, 0.656888, -2.334672, 0.0, 0.0]
PAIR = [4 * 0.138 * 0.35**6, 4 * 0.138 * 0.35**12, 0.0]


@cache
def butane_field(kind: MoleculeType) -> ForceField:
    """OPLS' carbons: angles, torsions and explicit pairs."""
    terms = {"harmonic_angle": [((k, k + 1, k + 2), [np.radians(112.7), 488.2728]) for k in range(3)],
             "ryckaert_bellemans": [((k, k + 1, k + 2, k + 3), OPLS) for k in range(2)]}
    return field_of(parameters(kind, terms, pairs=np.array(PAIR)))


def butane_energy(shape: Array, theta: Array, phi: Array) -> Array:
    """Energy of atom 3 of ``pentane`` at an angle and a dihedral about 2, 1, 0, from formulas of its own."""
    cosine = np.cos(phi - np.pi)
    energy = 488.2728 / 2 * (theta - np.radians(112.7))**2 + sum(c * cosine**n for n, c in enumerate(OPLS))
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
    number, bins = 20000, (25, 36)
    placed = drawn(generator, env, number).positions[0, :, slots(env, [3])[0]]
    theta = angle_at(shape, placed, env)
    v = placed.numpy() + bead_of(shape)
    a, b, c = shape[1] - shape[0], shape[2] - shape[1], v - shape[2]
    m, n = np.cross(a, b), np.cross(b, c)
    phi = np.arctan2(np.linalg.norm(b) * (n @ a), n @ m)
    window = np.radians(112.7) + np.array([-0.4, 0.4])
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
    # A tenth of kT would be seen in either, a missing sine in the mean angle.
    assert min(power(*both) for both in zip(expected(np.sin, 0.9 * KT), right, strict=True)) > 0.99
    centres, error = middle(*window, bins[0]), theta.std() / np.sqrt(number)
    mean, wrong = (np.average(centres, weights=cells) for cells in (right[0], expected(np.ones_like)[0]))
    assert theta.mean() == pytest.approx(mean, abs=3 * error)
    assert abs(wrong - mean) > 6 * error


def test_the_density_is_normalised() -> None:
    kind, shape = pentane()
    system = System(((kind, 1),))
    env = alone(kind, shape, atoms=[4])
    generator = generator_of(butane_field(kind), system)
    rng = np.random.default_rng(2)
    # The angle uniformly in a window that holds all of it, the torsion uniformly on the circle.
    theta, phi = rng.uniform(0.9, 3.1, 6000), rng.uniform(-np.pi, np.pi, 6000)
    e1 = (shape[2] - shape[3]) / np.linalg.norm(shape[2] - shape[3])
    e2 = np.cross(e1, [0.0, 0, 1])
    e2 /= np.linalg.norm(e2)
    local = np.stack([np.cos(theta), np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi)], axis=1) * 0.153
    points = shape[3] + local @ np.stack([e1, e2, np.cross(e1, e2)]) - bead_of(shape)
    many = env.at(torch.zeros(6000, dtype=torch.long))
    placed = many.given.double()
    placed[:, slots(env, [4])[0]] = torch.as_tensor(points)
    ratio = np.exp(generator.log_density(many, placed).numpy()) * 0.153**2 * np.sin(theta) * 2.2 * 2 * np.pi
    assert ratio.std() / np.sqrt(6000) < 0.03
    assert ratio.mean() == pytest.approx(1, abs=4 * ratio.std() / np.sqrt(6000))


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
    number = 20000
    placed = drawn(generator_of(field, System(((kind, 1),))), env, number).positions[0, :, slots(env, [4])[0]].numpy()
    arms = (shape[[0, 2, 3]] - shape[1]) / np.linalg.norm(shape[[0, 2, 3]] - shape[1], axis=1)[:, None]
    anchor = kind.mapping.matrix[1] @ shape
    u = (placed + anchor - shape[1]) / 0.109
    z, phi = np.meshgrid(middle(-1, 1, 1200), middle(-np.pi, np.pi, 1200), indexing="ij")
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
    generator, number = generator_of(field, System(((kind, 1),))), 8000
    draw = drawn(generator, env, number)
    anchor = kind.mapping.matrix[1] @ shape
    first, second = ((draw.positions[0, :, s].numpy() + anchor - shape[1]) / 0.109 for s in slots(env, [3, 4]))
    arms = (shape[[0, 2]] - shape[1]) / np.linalg.norm(shape[[0, 2]] - shape[1], axis=1)[:, None]

    def single(u: Array) -> Array:
        return np.exp(-(spring(u, arms[0], 1) + spring(u, arms[1], 1)) / KT)

    weight = single(first) * single(second) * np.exp(-spring(first, second, 2) / KT) / np.exp(draw.log_density[0].numpy())
    assert weight.sum()**2 / (weight**2).sum() > 0.8 * number
    # Quadrature over both spheres, where a single hydrogen can be at all.
    z, phi = np.meshgrid(middle(-1, 1, 60), middle(-np.pi, np.pi, 90), indexing="ij")
    sphere = np.stack([z, np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi)], axis=-1).reshape(-1, 3)
    sphere = sphere[single(sphere) > 1e-6 * single(sphere).max()]
    cosine = np.clip(sphere @ sphere.T, -1, 1)
    joint = single(sphere)[:, None] * single(sphere) * np.exp(-ANGLES[2][1] / 2 * (np.arccos(cosine) - ANGLES[2][0])**2 / KT)
    between = np.arccos(np.clip((first * second).sum(1), -1, 1))
    for power in (1, 2):
        wanted = (np.arccos(cosine)**power * joint).sum() / joint.sum()
        error = np.sqrt((weight**2 * (between**power - wanted)**2).sum()) / weight.sum()
        assert np.average(between**power, weights=weight) == pytest.approx(wanted, abs=4 * error)
        assert error < 0.002 * power * wanted
    # Both sit on different sides: unweighted draws are near the truth, too.
    assert between.mean() == pytest.approx((np.arccos(cosine) * joint).sum() / joint.sum(), abs=0.02)


def test_the_hydrogens_of_a_methyl_are_equal_once_they_are_weighted() -> None:
    kind, shape, field = propane()
    env = alone(kind, shape, atoms=[5, 6, 7], bead=2)
    number = 8000
    draw = drawn(generator_of(field, System(((kind, 1),))), env, number)
    anchor = kind.mapping.matrix[2] @ shape
    u = [(draw.positions[0, :, s].numpy() + anchor - shape[2]) / 0.109 for s in slots(env, [5, 6, 7])]
    axis = (shape[1] - shape[2]) / np.linalg.norm(shape[1] - shape[2])
    energy = sum(spring(x, axis, 1) for x in u) + sum(spring(u[i], u[j], 2) for i, j in ((0, 1), (0, 2), (1, 2)))
    weight = np.exp(-energy / KT - draw.log_density[0].numpy())
    assert weight.sum()**2 / (weight**2).sum() > 0.5 * number
    for values in ([np.arccos(x @ axis) for x in u], [np.arccos((u[i] * u[j]).sum(1)) for i, j in ((0, 1), (0, 2), (1, 2))]):
        means = [np.average(x, weights=weight) for x in values]
        error = [np.sqrt((weight**2 * (x - m)**2).sum()) / weight.sum() for x, m in zip(values, means, strict=True)]
        assert max(error) < 0.004
        assert max(means) - min(means) < 5 * max(error)


# Beads and neighbours


def test_fragments_aim_at_their_beads_and_at_the_atoms_that_follow() -> None:
    scene, generator = crowd("all-bonds")
    env = everywhere(scene)
    env = env.at(torch.nonzero(env.fragments.type[env.row] == 0)[:, 0])  # octane, from a real liquid
    weights, shared = env.fragments.weight_own[env.row][:, 0].double(), env.fragments.weight_context[env.row][:, 0]
    assert not bool(shared.any())
    missed = {}
    for width in (0.01, None):
        field, kinds = generator.field, System(tuple((kind, 1) for kind in env.fragments.types))
        aiming = generator_of(field, kinds, bead_width=width)
        missed[width] = torch.einsum("skfi,sf->ski", drawn(aiming, env, 20).positions, weights).norm(dim=2).median()
    assert missed[0.01] < 0.02
    assert missed[None] > 1.5 * missed[0.01]


def test_lennard_jones_keeps_atoms_apart() -> None:
    scene, generator = crowd("all-bonds")
    env = everywhere(scene)
    kinds = System(tuple((kind, 1) for kind in env.fragments.types))
    near = []
    for on in (True, False):
        positions = drawn(generator_of(generator.field, kinds, lennard_jones=on), env, 5).positions
        apart = torch.cdist(positions.flatten(1, 2), env.neighbours.double())
        foreign = env.neighbours_placed & ~env.neighbour_same
        mask = (env.block.repeat(1, 5)[:, :, None] & foreign[:, None])
        near.append(int((apart[mask] < 0.2).sum()))
    assert near[0] < 0.7 * near[1]


# Errors


def test_what_is_missing_is_named() -> None:
    kind, shape = pentane()
    system = System(((kind, 1),))
    bare = FromForceField(ForceFieldOptions())
    with pytest.raises(BackmapError, match="needs a force field"):
        bare.prepare(system, "cpu")
    with pytest.raises(BackmapError, match="no parameters for molecule type 'PEN'"):
        generator_of(field_of(), system)
    loose = replace(kind, bond_length=np.full(4, np.nan))
    env = alone(loose, shape)
    with pytest.raises(BackmapError, match="no term for the bond X3-X4 of 'PEN'"):
        drawn(generator_of(butane_field(loose), system), env)
    far = parameters(kind, {"harmonic_angle": [((0, 2, 4), [1.0, 1.0])]})
    path = nx.path_graph(7)
    long = testing.molecule_type("LON", [6] * 7, list(path.edges), [[k] for k in range(7)])
    long = replace(long, bond_length=np.full(6, 0.153))
    reaching = parameters(long, {"harmonic_angle": [((0, 3, 6), [1.0, 1.0])]})
    assert far.name == "PEN"
    with pytest.raises(BackmapError, match="reaches beyond the context"):
        drawn(generator_of(field_of(reaching), System(((long, 1),))),
              alone(long, np.array([[0.1 * k, 0.05 * (k % 2), 0] for k in range(7)]), bead=0))
