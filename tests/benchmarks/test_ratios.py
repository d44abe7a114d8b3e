"""Ratios of times and memory, measured side by side in one run, so that they hold on any machine."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
import yaml
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.generators.equivariant import core
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions
from backmap_plugins.generators.equivariant.head import Head
from backmap_plugins.regularizers.steric import Steric, StericOptions
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from backmap.engine.compiling import crew
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.random import Stream
from backmap.engine.sites.conflict import bead_pairs, colour, colour_serially, conflict_graph
from backmap.engine.sites.environment import Scene
from tests import forcefields, scenes
from tests.unit.engine.hamiltonian.test_colours import melt, started

DEMO = scenes.RECIPE

pytestmark = pytest.mark.slow


def seconds(call: Callable[[], object], times: int = 3) -> float:
    """The shortest of several tries, after one that compiles and fills caches."""
    call()
    return min(_once(call) for _ in range(times))


def _once(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def octane() -> tuple[Equivariant, Scene]:
    """The demo's network, and the demo's liquid as it sees it."""
    generator = Equivariant(EquivariantOptions(checkpoint=DEMO / "octane_350K.safetensors"))
    system, window = scenes.octane_window()
    system = generator.prepare(system, "cpu")
    return generator, scenes.scene_of(system, window, generator.view)


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple]:
    """Arguments of the kernels, as they come up while the demo's network draws in the demo's liquid."""
    seen: dict[str, tuple] = {}

    def spy(owner: type, name: str) -> None:
        method = getattr(owner, name)

        def called(*arguments: object) -> object:
            seen[name] = arguments
            return method(*arguments)

        monkeypatch.setattr(owner, name, called)

    generator, scene = octane()
    env = scene.gather(*scenes.every_site(scene), temperature=350.0)
    spy(Head, "_pair_energy")
    spy(Head, "_pooled")
    generator.log_density(env, generator.draw(env, Stream(torch.arange(env.size)), 1).positions[:, 0])
    monkeypatch.undo()
    return seen


def assert_twins(fast: Callable[[], torch.Tensor], slow: Callable[[], torch.Tensor], least: float) -> None:
    torch.testing.assert_close(fast(), slow(), atol=1e-4, rtol=1e-4)
    ratio = seconds(slow) / seconds(fast)
    assert ratio > least, f"only {ratio:.2f} times as fast"


def test_compiled_sights() -> None:
    """What is found about neighbours, and the encoder."""
    generator, scene = octane()
    env = scene.gather(*scenes.every_site(scene), temperature=350.0)
    generator.network.requires_grad_(False)

    def looked() -> torch.Tensor:
        with torch.no_grad():
            return generator.core.look(env).features

    assert_twins(looked, lambda: generator.core.look(env).features, least=4)


def test_compiled_environments() -> None:
    _, scene = octane()
    frame, bead = (part[:50] for part in scenes.every_site(scene))
    assert_twins(lambda: scene._around_quickly(frame, bead)["neighbours"],
                 lambda: scene._around(frame, bead, None)["neighbours"], least=3)


def test_compiled_overlaps() -> None:
    """Beside tensors, which need derivatives here to be asked."""
    _, scene = octane()
    sites = tuple(part[:50] for part in scenes.every_site(scene))
    env, own = scene.gather(*sites), scene.own(*sites)[:, None] * 0.9
    steric, asked = Steric(StericOptions()), own.clone().requires_grad_()
    assert_twins(lambda: steric.energy(env, own) / 1e3, lambda: steric.energy(env, asked).detach() / 1e3, least=10)


def test_what_an_atom_costs_beside_the_products_of_its_layers() -> None:
    """The 344,000 operations of an atom's layers, by torch's own products, are more than a quarter of a draw."""
    generator, scene = octane()
    env = scene.gather(*scenes.every_site(scene), temperature=350.0)
    atoms, weight = int(env.block.sum()), torch.randn(192, 192)
    rows = torch.randn(round(344e3 / 2 / 192**2 * atoms), 192)
    fixed = seconds(lambda: torch.nn.functional.linear(rows, weight))
    drawn = seconds(lambda: generator.draw(env, Stream(torch.arange(env.size)), 1))
    assert drawn < 4 * fixed, f"{drawn / fixed:.2f} times as long"


def test_compiled_pair_term(drawing: dict[str, tuple]) -> None:
    head, distance, angle = drawing["_pair_energy"]
    assert_twins(*of_head(head, lambda: head._pair_energy(distance, angle)), least=4)


def test_compiled_slots(drawing: dict[str, tuple]) -> None:
    head, *arguments = drawing["_pooled"]
    assert_twins(*of_head(head, lambda: head._pooled(*arguments)), least=3)


def of_head(head: Head, method: Callable[[], torch.Tensor]) -> tuple[Callable[[], torch.Tensor], ...]:
    """A method compiled, and by tensors: these are used outside of no_grad."""
    def compiled() -> torch.Tensor:
        with torch.no_grad():
            return method()

    head.network.requires_grad_(False)  # no graph is kept, which would take time
    return compiled, method


@pytest.mark.parametrize(("sites", "least"), [(27, 1.5), (256, 1.2)])
def test_compiled_draws(sites: int, least: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the demo's network in the demo's liquid, what is seen and gathered included."""
    generator, scene = octane()
    env = scene.gather(*scenes.every_site(scene), temperature=350.0).at(torch.arange(sites))

    def drawn() -> torch.Tensor:
        return generator.draw(env, Stream(torch.arange(env.size)), 1).positions[env.block[:, None]]

    def by_tensors() -> torch.Tensor:
        with monkeypatch.context() as patched:
            patched.setattr(core, "suit", lambda network, sight: False)
            return drawn()

    assert_twins(drawn, by_tensors, least)


def test_compiled_colours() -> None:
    frame = GromacsFrames([DEMO / "cg.gro", DEMO / "cg.xtc"]).frame(0)
    shifts = np.stack(np.meshgrid(*[np.arange(2)] * 3), axis=-1).reshape(-1, 1, 3) @ frame.box
    beads = (frame.positions + shifts).reshape(-1, 3)
    i, j, _ = bead_pairs(beads, 2 * frame.box, 0.8)
    graph = conflict_graph(len(beads), i, j, (i[:0], j[:0]))
    everyone = np.ones(len(beads), dtype=bool)
    np.testing.assert_array_equal(colour(graph, everyone), colour_serially(graph, everyone))
    ratio = seconds(lambda: colour_serially(graph, everyone)) / seconds(lambda: colour(graph, everyone))
    assert ratio > 10, f"only {ratio:.2f} times as fast"


#: Pairs of a plain loop over Lennard-Jones that a time step of moves may take for each atom.
PAIRS = 600


@numba.njit
def plain_pairs(x: np.ndarray) -> float:
    """The fixed kernel: energies of all pairs of (n, 3), by nothing that anybody would make quicker."""
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            squared = (x[i, 0] - x[j, 0])**2 + (x[i, 1] - x[j, 1])**2 + (x[i, 2] - x[j, 2])**2
            sixth = 1.0 / (squared * squared * squared)
            total += sixth * (sixth - 1.0)
    return total


def test_moves_beside_a_plain_loop() -> None:
    """A slow-down of moves is seen on any machine: 64 molecules of 26 atoms, cut off at 1 nm, with charges."""
    system, window = scenes.octane_window(1)
    atoms, _ = SystemProjector(system).project(window.atoms, window.beads)
    field = forcefields.everything(system, cutoff=1.0)
    moves = HamiltonianMoves(system, replace(field, c6=1e-3 * field.c6, c12=0.1 * field.c12), 350.0, steps=40,
                             timestep=1.0)
    frame, points = moves.frame(atoms[0], window.beads[0], window.box(0)), np.random.default_rng(1).random((2000, 3))
    step = seconds(lambda: moves.sweep(frame, (7, 1, 0, 0))) / (40 * system.n_atoms)
    pair = seconds(lambda: plain_pairs(points)) / (1000 * 1999)
    assert step < PAIRS * pair, f"a step of an atom takes as long as {step / pair:.0f} pairs"


@pytest.mark.parametrize(("copies", "least"), [(2, 1.3), (8, 1.6)])
def test_two_threads_move_a_melt(copies: int, least: float) -> None:
    """By the clock, on two idle cores; 1,944 atoms in each copy of the box."""
    if len(os.sched_getaffinity(0)) < 2 or os.getloadavg()[0] > 0.5:
        pytest.skip("two idle cores are needed")
    moves, atoms, box = melt(copies)
    frame = started(moves, atoms, box)

    def swept(threads: int) -> float:
        with crew.working(threads):
            return seconds(lambda: moves.sweep(frame, (7, 1, 0, 0)), times=5)

    ratio = swept(1) / swept(2)
    assert ratio > least, f"only {ratio:.2f} times as fast"


#: Runs the demo on other beads, says its peak memory (KiB) and how long the quickest frame took (s). Not ru_maxrss:
#: a process inherits that from the one that started it, so that it would be the memory of the tests.
CHILD = """
import sys, time
from pathlib import Path
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
checked = recipe.load(sys.argv[1], Registry().discover(), sys.argv[3:])
work, times = runner.Pipeline.work, []
def timed(*arguments):
    began = time.perf_counter()
    done = work(*arguments)
    times.append((time.perf_counter() - began) / done.n_frames)
    return done
runner.Pipeline.work = timed
runner.run(checked, chosen=sys.argv[2])
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(peak, min(times))
"""


def demo(folder: Path, n_frames: int, copies: int = 1) -> tuple[float, float]:
    """Peak memory (KiB) and seconds of the quickest frame, of a longer or larger demo in a process of its own.

    Args:
        copies: The box stands this many times in a row, as do the molecules.
    """
    folder.mkdir()
    for name in ("octane.xml", "octane_350K.safetensors"):
        shutil.copyfile(DEMO / name, folder / name)
    (folder / "octane.top").write_text(re.sub(r"(?m)^(\s*OCT\s+)64$", rf"\g<1>{64 * copies}",
                                              (DEMO / "octane.top").read_text()))
    source = list(GromacsFrames([DEMO / "cg.gro", DEMO / "cg.xtc"]))
    with XTCFile(str(folder / "cg.xtc"), "w") as file:
        for number in range(n_frames):
            info = source[number % len(source)]
            points = np.concatenate([info.positions + k * info.box[0] for k in range(copies)])
            box = info.box * np.array([[copies], [1], [1]])
            file.write(points.astype(np.float32), box.astype(np.float32), number, float(number), 1000.0)
    content = yaml.safe_load((DEMO / "run.yaml").read_text())
    content["steps"] = [step for step in content["steps"] if "assess" not in step]  # not judged
    content["steps"][2]["read"].pop("reference")
    content["steps"][-1]["write"].pop("report")
    (folder / "run.yaml").write_text(yaml.safe_dump(content))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder / "run.yaml"), f"0:{n_frames}", "output=out", "window=1",
         "steps.read.beads.gromacs=cg.xtc", "steps.gibbs.sweeps=1", "steps.gibbs.repair=0",
         "steps.hamiltonian.soft_core_sweeps=0", "steps.hamiltonian.sweeps=1", "steps.hamiltonian.steps=4",
         "steps.write.atoms={gromacs: atoms.xtc}"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    memory, least = done.stdout.split()
    return float(memory), float(least)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    few, many = (demo(tmp_path / str(n_frames), n_frames)[0] for n_frames in (2, 20))
    assert many < 1.05 * few, f"{few / 1024:.0f} MiB for 2 frames, {many / 1024:.0f} MiB for 20"


def test_a_frame_costs_as_much_as_it_has_atoms(tmp_path: Path) -> None:
    small, large = (demo(tmp_path / str(copies), 3, copies)[1] / copies for copies in (1, 4))
    assert large < 1.5 * small, f"{small:.2f} s for each box alone, {large:.2f} s for each of four"
