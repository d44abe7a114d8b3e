"""Small molecules with force fields, and sites of them, for the tests of ``force_field``."""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from backmap_plugins.generators.force_field.generator import ForceFieldOptions, FromForceField
from numpy.typing import NDArray

from backmap import testing
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment
from backmap.engine.sites.environment import Scene
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import Bonded, ForceField, MoleculeParameters
from backmap.model.system import System, Window
from tests import scenes

Array = NDArray[np.float64]



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


@cache
def pentane() -> tuple[MoleculeType, Array]:
    """Five carbons without hydrogens in two beads (0-2, 3-4), bonds rigid, all trans but for the last."""
    kind = testing.molecule_type("PEN", [6] * 5, [(k, k + 1) for k in range(4)], [[0, 1, 2], [3, 4]])
    kind = replace(kind, bond_length=np.full(4, 0.153))
    return kind, np.array([[0.125 * k, 0.088 * (k % 2), 0.0] for k in range(4)] + [[0.47, 0.0, 0.1]])


def angle_at(shape: Array, placed: torch.Tensor) -> Array:
    """Angle 1-2-x of positions x relative to the anchor of a site of ``pentane``."""
    u, v = shape[1] - shape[2], placed.numpy() + bead_of(shape) - shape[2]
    return np.arccos((v @ u) / np.linalg.norm(v, axis=1) / np.linalg.norm(u))


def bead_of(shape: Array) -> Array:
    return shape[3:].mean(axis=0)


OPLS = [3.566860, -1.889076, 0.656888, -2.334672, 0.0, 0.0]
#: Soft enough for what a missing sine does to it.
SOFT = [np.radians(112.7), 100.0]
PAIR = [4 * 0.138 * 0.35**6, 4 * 0.138 * 0.35**12, 0.0]


@cache
def butane_field(kind: MoleculeType) -> ForceField:
    """OPLS' carbons, torsions and explicit pairs, with softer angles."""
    terms = {"harmonic_angle": [((k, k + 1, k + 2), SOFT) for k in range(3)],
             "ryckaert_bellemans": [((k, k + 1, k + 2, k + 3), OPLS) for k in range(2)]}
    return field_of(parameters(kind, terms, pairs=np.array(PAIR)))
