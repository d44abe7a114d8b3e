"""Learning from a force field: a torsion whose law is an integral, learned from a start that shows one well alone."""
from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions
from backmap_plugins.learning.chain import ChainContexts, ChainPace, FrameChain, Redraws
from backmap_plugins.learning.dataset import TrainingSet
from backmap_plugins.learning.trainer import Trainer
from backmap_plugins.learning.training import Material, Schedule
from backmap_plugins.traversals import DepthFirst, Rooted

from backmap.engine.checkpoints.library import collect
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.random import Stream
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.model.parameters import BOLTZMANN, Bonded
from backmap.model.system import Window
from tests import chains
from tests.unit.learning.test_training import interrupt

TEMPERATURE, MOLECULES = 300.0, 125
KT = BOLTZMANN * TEMPERATURE
#: Three atoms that are beads, and a fourth that turns about them; gauche wells have 3.3 kT more than trans.
ROTOR = chains.chain(4, [{0: 1.0}, {1: 1.0}, {2: 1.0}])
WELLS = {1: 5.5, 3: 4.0}  #: multiplicities and heights k of k (1 + cos n phi), kJ/mol
SCHEDULE = Schedule(steps=300, sites=40, frames=2, learning_rate=0.01, sequential=0.0, validate=150, average=0.99)


def energy(phi: np.ndarray) -> np.ndarray:
    return sum(k * (1 + np.cos(n * phi)) for n, k in WELLS.items())


def field():
    angle = Bonded("harmonic_angle", np.array([[1, 2, 3]]), np.array([[1.95, 400.0]]))
    torsion = Bonded("periodic_proper", np.repeat([[0, 1, 2, 3]], 2, axis=0),
                     np.array([[0.0, k, n] for n, k in WELLS.items()]))
    return chains.field_of(ROTOR, angle, torsion)


def rotor(phi: float) -> np.ndarray:
    """One molecule, (4, 3), nm."""
    a, cos, sin = chains.LENGTH, np.cos(1.95), np.sin(1.95)
    first = [[a * cos, a * sin, 0], [0, 0, 0], [a, 0, 0]]
    return np.array([*first, [a - a * cos, a * sin * np.cos(phi), a * sin * np.sin(phi)]])


@cache
def trans() -> TrainingSet:
    """Three frames, one held out, in which all molecules are trans."""
    system, atoms = chains.far_apart(ROTOR, np.repeat(rotor(np.pi)[None], MOLECULES, axis=0))
    beads, none = system.map(atoms), np.zeros((1, 3, 3))
    windows = [Window(np.array([k]), np.zeros(1), none, beads[None], reference=atoms[None], system=system)
               for k in range(3)]
    return TrainingSet.of(system, windows, [TEMPERATURE] * 3, [False, False, True])


def trainer(path: Path, schedule: Schedule = SCHEDULE) -> Trainer:
    data = replace(trans(), atoms=trans().atoms.copy())
    torch.manual_seed(0)
    generator = Equivariant(EquivariantOptions(channels=4, width=32, cutoff=0.6))
    generator.network.train()
    kind = data.system.types[0]
    tables = FragmentTable.build([kind], generator.view, [resting_order(kind)])
    library = collect(Scene.of(data.window(np.arange(2)), data.system, tables, generator.view), 4, 0)
    order = DepthFirst(Rooted()).order(kind, np.random.default_rng(0))
    material = Material.of(data, generator.view, [order], library, 1, "cpu")
    redraws = Redraws(generator, data, material, field(), candidates=2)
    moves = HamiltonianMoves(data.system, field(), TEMPERATURE, 10, 2.0)
    chain = FrameChain(data, material, moves, redraws, ChainPace(every=6, candidates=2), (1, 0))
    return Trainer(generator, [ChainContexts(material, schedule, 1, chain)], schedule, path, 1)


def drawn(taught: Trainer, count: int = 60) -> np.ndarray:
    """Torsions that the generator draws."""
    part = taught.contexts.parts[0].material
    bead = torch.tensor(np.flatnonzero((part.gibbs.layout.owned[:, 1] >= 0).numpy()))
    scene = part.gibbs
    env = scene.gather(torch.zeros_like(bead), bead, 0.0, TEMPERATURE)
    with taught.average.worn():
        found = taught.generator.draw(env, Stream.of(5, bead), count).positions
    atoms = scene.atoms[0].reshape(MOLECULES, 4, 3)[:, None].repeat(1, count, 1, 1)
    atoms[:, :, 3] = found[:, :, 1] + scene.beads[0, bead][:, None]
    return torsions(atoms.numpy())


def torsions(atoms: np.ndarray) -> np.ndarray:
    """Of four atoms (..., 4, 3), with trans at pi."""
    b = np.diff(atoms, axis=-2)
    u, v = np.cross(b[..., 0, :], b[..., 1, :]), np.cross(b[..., 1, :], b[..., 2, :])
    return np.arctan2((np.cross(u, v) * b[..., 1, :]).sum(-1) / np.linalg.norm(b[..., 1, :], axis=-1), (u * v).sum(-1))


def shares(phi: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Of the three wells: -, trans, +."""
    found = np.histogram(np.mod(phi, 2 * np.pi), [0, 2 * np.pi / 3, 4 * np.pi / 3, 2 * np.pi], weights=weight)[0]
    return found / found.sum()


@cache
def exact() -> np.ndarray:
    phi = np.linspace(0, 2 * np.pi, 6000, endpoint=False)
    return shares(phi, np.exp(-energy(phi) / KT))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    found = trainer(tmp_path_factory.mktemp("rotor") / "state.safetensors")
    found.run()
    return found


def test_the_law_of_a_torsion_is_learned_with_the_wells_that_no_frame_showed(taught: Trainer) -> None:
    assert exact()[0] == pytest.approx(0.0481, abs=0.001)
    np.testing.assert_allclose(shares(drawn(taught)), exact(), atol=0.015)
    assert taught.history.training[-1][1]["accepted fragment"] > 0.85  # of two candidates, in the last half


def test_a_stop_changes_nothing(tmp_path: Path) -> None:
    short = replace(SCHEDULE, steps=16, sites=8, validate=8)
    whole, first, second = (trainer(tmp_path / f"{name}.safetensors", short) for name in ("whole", "part", "part"))
    whole.run()
    interrupt(first)
    second.resume()
    assert not np.array_equal(second.contexts.parts[0].chain.data.atoms, trans().atoms)
    second.run()
    for name, value in whole.average.weights.items():
        assert torch.equal(value, second.average.weights[name]), name
    assert np.array_equal(whole.contexts.parts[0].chain.data.atoms, second.contexts.parts[0].chain.data.atoms)


def test_frames_that_are_led_on_stand_on_their_beads_and_those_held_out_stay(taught: Trainer) -> None:
    data = taught.contexts.parts[0].chain.data
    assert np.array_equal(data.atoms[2], trans().atoms[2])
    assert np.abs(data.system.map(data.atoms[0]) - data.beads[0]).max() < 1e-6
    scenes = taught.contexts.parts[0].material
    assert np.array_equal(scenes.gibbs.atoms.numpy(), data.atoms)
    assert scenes.sequential.atoms is scenes.gibbs.atoms
