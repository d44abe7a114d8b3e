"""The step ``invert``: tables whose frames are those that went in, of chains and a fluid with known potentials."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.tables import read_votca
from backmap_plugins.steps.invert import Invert
from numpy.typing import NDArray

from backmap import testing
from backmap.api import State
from backmap.engine.tabulated.sampler import BeadSampler, Held
from backmap.errors import BackmapError
from backmap.model.memory import Memory
from backmap.model.parameters import BOLTZMANN
from backmap.model.system import System, Window
from backmap.model.tabulated import Kind, Potential, even_grid
from backmap.testing import examples
from tests import tabulated

from .test_match_forces import Files

Array = NDArray[np.float64]
KT = BOLTZMANN * 300
CHAINS, FRAMES = 250, 8
WIDE = np.eye(3) * 9.0
KINDS: dict[str, Kind] = {"bond": "bond", "angle": "angle", "dihedral": "dihedral", "E-E": "pair", "E-M": "pair",
                          "M-M": "pair"}

JACOBIAN = {"bond": np.square, "angle": np.sin, "dihedral": np.ones_like}


def energy(kind: Kind, x: Array) -> Array:
    """Of ideal chains, kJ/mol: springs, a preference for open angles, and one for cis; pairs do not interact."""
    return KT * {"bond": 0.5 * ((x - 0.3) / 0.03)**2, "angle": 2 * np.cos(x), "dihedral": -np.cos(x - 1),
                 "pair": 0 * x}[kind]


def drawn(rng: np.random.Generator, kind: Kind, n: int) -> Array:
    """Values that follow exactly from ``energy``."""
    x = np.linspace(*{"bond": (0.1, 0.5), "angle": (0, np.pi), "dihedral": (-np.pi, np.pi)}[kind], 20001)
    cumulative = np.cumsum(JACOBIAN[kind](x) * np.exp(-energy(kind, x) / KT))
    return np.interp(rng.random(n), cumulative / cumulative[-1], x)


def ideal(seed: int) -> Array:
    """Chains of four beads anywhere in the box, (4 CHAINS, 3), each length and angle by itself."""
    rng = np.random.default_rng(seed)
    bonds, angles, turn = (drawn(rng, kind, n * CHAINS) for kind, n in (("bond", 3), ("angle", 2), ("dihedral", 1)))
    bonds, angles = bonds.reshape(3, CHAINS), angles.reshape(2, CHAINS)
    way = np.zeros((3, CHAINS, 3))
    way[0, :, 0] = 1
    way[1, :, 0], way[1, :, 1] = -np.cos(angles[0]), np.sin(angles[0])
    aside = np.cross(np.array([0.0, 0.0, 1.0]), way[1])
    side = np.cos(turn)[:, None] * aside + np.sin(turn)[:, None] * np.array([0.0, 0.0, 1.0])
    way[2] = -np.cos(angles[1])[:, None] * way[1] + np.sin(angles[1])[:, None] * side
    spin = np.linalg.qr(rng.normal(size=(CHAINS, 3, 3)))[0]
    spin *= np.sign(np.linalg.det(spin))[:, None, None]  # no mirror images: dihedrals have a sign
    at = np.concatenate([np.zeros((1, CHAINS, 3)), np.cumsum(way * bonds[..., None], axis=0)])
    return (np.einsum("kci,cij->ckj", at, spin) + rng.uniform(0, 9, (CHAINS, 1, 3))).reshape(-1, 3)


def fluid(n: int) -> System:
    """Single beads of one type."""
    return System(((examples.molecule_type("BEA", [6], [], [[0]]), n),))


def window(system: System, beads: list[Array], box: Array | None) -> Window:
    number = np.arange(len(beads))
    boxes = np.broadcast_to(np.zeros((3, 3)) if box is None else box, (len(beads), 3, 3)).copy()
    return Window(number, number.astype(float), boxes, np.stack(beads), system=system)


def started(system: System, **options: object) -> tuple[Invert, State, list[str]]:
    said: list[str] = []
    step = Invert(Invert.Options(**options))
    state = State(Path(), Path(), seed=3, device="cpu", log=said.append, system=system, files=Files())
    step.start(state)
    return step, state, said


def finished(step: Invert, state: State, folder: Path, *windows: Window) -> dict[str, Potential]:
    """Tables as they were written, by name."""
    for one in windows:
        step.frames(one, state)
    step.finish(state)
    folder.mkdir(exist_ok=True)
    for path, data in state.files.placed.items():
        (folder / path.name).write_bytes(data)
    return {path.stem: read_votca(path, KINDS.get(path.stem, "pair")) for path in sorted(folder.glob("*.pot"))}


def off(name: Kind, found: Potential) -> float:
    """Standard deviation of the error where ideal chains often are, kT."""
    exact = energy(name, found.grid)
    density = JACOBIAN[name](found.grid) * np.exp(-exact / KT)
    often = found.known & (density > 0.2 * density.max())
    assert often.sum() > 8
    return float((found.energy - exact)[often].std() / KT)


@pytest.mark.parametrize("iterations", [0, 2])
def test_potentials_of_ideal_chains_come_back(iterations: int, tmp_path: Path) -> None:
    """Parts are independent, so that inversion alone is right, and corrections must leave it so.

    Measured: 0.04 to 0.09 kT, of 6,000 bonds, 4,000 angles and 2,000 dihedrals.
    """
    step, state, said = started(tabulated.system(CHAINS, named=True), iterations=iterations, sweeps=4, looks=1,
                                cutoff=0.9, points=40)
    found = finished(step, state, tmp_path, window(state.system, [ideal(k) for k in range(FRAMES)], WIDE))
    assert {*found} == {*KINDS}
    for name in ("bond", "angle", "dihedral"):
        print(name, off(name, found[name]))
        assert off(name, found[name]) < 0.15, name
    for name in ("E-E", "E-M", "M-M"):
        assert np.abs(found[name].energy[found[name].grid > 0.4]).mean() < 0.12 * KT, name
    assert len([line for line in said if line.startswith("iteration")]) == iterations


REACH, EDGE, BEADS = 0.8, 3.2, 80  #: nm; of soft beads, of their box, and how many they are


def soft_pair() -> Potential:
    """12 kT (1 - r / REACH)^2."""
    grid = even_grid("pair", 0.0, REACH, 200)
    return Potential("pair", grid, 12 * KT * (1 - grid / REACH)**2, 24 * KT * (1 - grid / REACH) / REACH)


@pytest.fixture(scope="module")
def soft() -> Window:
    """Frames of a dense fluid, in which 1.3 soft beads lie in the cube of their reach."""
    system, box, frames = fluid(BEADS), np.eye(3) * EDGE, []
    sampler = BeadSampler(system, {"B-B": soft_pair()}, Held.free(system), 300.0)
    beads = np.random.default_rng(1).uniform(0, EDGE, (BEADS, 3))
    for look in range(17):
        beads = sampler.sample(beads, beads, box, 50, (1, "true", look))[0]
        frames.append(beads)
    return window(system, frames[1:], box)


def test_iterations_find_the_potential_of_a_dense_fluid(soft: Window, tmp_path: Path) -> None:
    """-kT ln g(r) is not U, as beads push each other together; iterations go towards U, which is unique.

    Measured: 0.45 kT off before, and 0.22 after ten, on their way.
    """
    wrong = {}
    for iterations in (0, 10):
        step, state, said = started(soft.system, iterations=iterations, sweeps=8, cutoff=1.2, points=40)
        found = finished(step, state, tmp_path / str(iterations), soft)["B-B"]
        exact = np.interp(found.grid, soft_pair().grid, soft_pair().energy)
        wrong[iterations] = np.abs(found.energy - exact)[(found.grid > 0.45) & (found.grid < 0.9)].mean() / KT
    print(wrong, said)
    assert wrong[0] > 0.3
    assert wrong[10] < 0.6 * wrong[0]


def test_frames_may_come_in_any_order_and_from_several_processes(soft: Window, tmp_path: Path) -> None:
    options = {"iterations": 1, "sweeps": 2, "cutoff": 1.2}
    step, state, _ = started(soft.system, **options)
    finished(step, state, tmp_path, soft.take([0, 1, 2, 3]))
    whole = state.files.placed
    step, state, _ = started(soft.system, **options)
    parts = []
    for chosen in ([3, 1], [0, 2]):
        step.memory = Memory()
        for one in chosen:
            step.frames(soft.take([one]), state)
        parts.append(step.memory)
    parts[0].merge(parts[1])
    step.memory = parts[0]
    finished(step, state, tmp_path)
    assert state.files.placed == whole


def test_it_keeps_the_promises_of_steps(soft: Window) -> None:
    step, state, _ = started(soft.system, iterations=1, sweeps=1, cutoff=1.2)
    testing.check_step(step, state, soft)


def test_without_a_box_pairs_are_met_as_they_are(tmp_path: Path) -> None:
    """Chains in free space: other chains are far away, and of their own beads all are excluded."""
    step, state, said = started(tabulated.system(CHAINS, named=True), iterations=1, sweeps=2, cutoff=0.01, points=40)
    found = finished(step, state, tmp_path, window(state.system, [ideal(0)], None))
    assert {*found} == {"bond", "angle", "dihedral"}
    assert said[:3] == [f"{name}: never met, or too rarely, it gets no table" for name in ("E-E", "E-M", "M-M")]


def test_nothing_that_is_met_is_refused(soft: Window, tmp_path: Path) -> None:
    step, state, _ = started(soft.system, cutoff=0.01)
    with pytest.raises(BackmapError, match="no interaction is met often enough"):
        finished(step, state, tmp_path, soft)
