"""The steps forward and gibbs through recipes: exact bonds and beads, the right hands, clear errors."""
from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.regularizers.energy import EnergyOptions, ForceFieldEnergy
from backmap_plugins.regularizers.steric import Steric, StericOptions
from backmap_plugins.steps.gibbs import Gibbs, GibbsOptions, annealed
from pydantic import Field
from rich.console import Console

from backmap import api
from backmap.engine.checkpoints.library import collect
from backmap.errors import BackmapError
from backmap.hookspecs import hookimpl
from backmap.model.system import System, Window
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
from backmap.running.display import Display
from tests import forcefields, scenes

#: The worlds that the step ``given`` gives.
WORLDS: dict[str, Callable[[], tuple[System, Window]]] = {
    "octane": lambda: scenes.octane_window(2),
    "crowd": lambda: scenes.crowd(n_frames=2),
    "rings": lambda: scenes.crowd((scenes.phenyl(), 6), box=1.5 * scenes.SMALL, n_frames=2),
}

RECIPE = """\
recipe: 1
seed: 3
device: cpu
output: out
window: 2
steps:
  - given: {world}
  - forward: {{generator: {{equivariant: weights.safetensors}}}}
  - gibbs: {{sweeps: 2, temperature: 350}}
  - keep
"""
#: Replacement in the recipe that leaves the sweeps out.
NO_GIBBS = "  - gibbs: {sweeps: 2, temperature: 350}\n", ""


class Given(api.Step):
    """Gives a system and frames of its beads."""

    gives = frozenset({"system", "beads"})

    class Options(api.Options):
        world: str = Field(description="Which.")

    def start(self, state: api.State) -> None:
        system, window = WORLDS[self.options.world]()
        # What training found out is left to the checkpoint to tell.
        blank = {kind: replace(kind, bond_length=np.full(len(kind.bonds), np.nan),
                               chemistry=replace(kind.chemistry, sign=np.zeros_like(kind.chemistry.sign)))
                 for kind in system.types}
        state.system = System(tuple((blank[kind], count) for kind, count in system.blocks))
        state.source = Frames(window)


class Frames:
    """Beads of a window."""

    where = "given"

    def __init__(self, window: Window) -> None:
        self.window, self.n_frames, self.n_points = window, window.size, window.beads.shape[1]

    def frame(self, number: int) -> api.FrameInfo:
        return api.FrameInfo(self.window.beads[number], self.window.boxes[number], float(number))


class Keep(api.Step):
    """Keeps the windows."""

    needs = frozenset({"atoms"})

    def start(self, state: api.State) -> None:
        KEPT.clear()

    def frames(self, window: Window, state: api.State) -> Window:
        KEPT.append((window, state.system))
        return window


KEPT: list[tuple[Window, System]] = []


class Plugins:
    @hookimpl
    def backmap_steps(self) -> dict[str, type[api.Step]]:
        return {"given": Given, "keep": Keep}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[Window, System]]:
    """Runs a recipe on one of the worlds, with the weights of an untrained network."""

    def run_(world: str, *replacements: tuple[str, str], **options: object) -> tuple[Window, System]:
        text = RECIPE.format(world=world)
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        system, window = WORLDS[world]()
        scenes.tiny().save(tmp_path / "weights.safetensors", system, collect(scenes.scene_of(system, window), 8, 0), {})
        path = tmp_path / "run.yaml"
        path.write_text(text)
        registry = Registry().discover().register(Plugins(), "tests")
        runner.run(recipe.load(path, registry), display=Display(Console(file=io.StringIO())), force=True, **options)
        (found, taught), = KEPT
        return found, taught

    return run_


def assert_exact(window: Window, system: System) -> None:
    """Every atom is placed; bonds and beads are met; nothing is flagged."""
    assert window.placed.all()
    assert np.isfinite(window.atoms).all()
    for group in system.groups:
        kind, atoms = group.type, window.atoms[:, group.atoms]
        assert np.isfinite(kind.bond_length).all()
        length = np.linalg.norm(atoms[:, :, kind.bonds[:, 0]] - atoms[:, :, kind.bonds[:, 1]], axis=-1)
        np.testing.assert_allclose(length, np.broadcast_to(kind.bond_length, length.shape), atol=1e-6)
    np.testing.assert_allclose(system.map(window.atoms), window.beads, atol=1e-5)
    np.testing.assert_allclose(window.residual, system.map(window.atoms) - window.beads, atol=1e-9)
    assert not window.flags["infeasible"].any()


def test_a_parallel_start_and_sweeps_meet_bonds_and_beads(run: Callable) -> None:
    window, system = run("octane", chosen="1")
    assert (window.frames.tolist(), window.atoms.shape) == ([1], (1, 1664, 3))
    assert_exact(window, system)


def test_a_sequential_start_places_every_atom(run: Callable) -> None:
    window, system = run("crowd", ("forward: {generator: ", "forward: {start: sequential, generator: "))
    assert_exact(window, system)


@pytest.mark.parametrize(("world", "traversal"), [("crowd", "breadth_first"), ("octane", "{random: {root: B2}}")])
def test_other_orders_of_a_sequential_start(run: Callable, world: str, traversal: str) -> None:
    options = f"forward: {{start: sequential, traversal: {traversal}, generator: "
    window, _ = run(world, NO_GIBBS, ("forward: {generator: ", options), chosen="0")
    assert window.placed.all()


def test_stereocentres_are_right_in_the_end(run: Callable) -> None:
    """An untrained network draws both hands of the ring molecule's centre; none is left wrong.

    Its hydrogen may be left on the wrong side all the same, which is flagged: nothing has taught the network where.
    """
    window, system = run("rings")
    assert (system.types[0].chemistry.sign != 0).all()  # as the checkpoint says
    assert window.flags["chirality"].mean() < 0.5
    assert len(system.wrong_stereo(window.atoms)) == 0
    assert_exact(window, system)


def test_template_alone_is_right_too(run: Callable) -> None:
    window, system = run("rings", ("{equivariant: ", "{template: "), NO_GIBBS)
    assert len(system.wrong_stereo(window.atoms)) == 0
    assert_exact(window, system)


def test_the_same_seed_gives_the_same_atoms(run: Callable) -> None:
    first, again, other = run("crowd")[0], run("crowd")[0], run("crowd", ("seed: 3", "seed: 4"))[0]
    np.testing.assert_array_equal(first.atoms, again.atoms)
    assert np.abs(first.atoms - other.atoms).max() > 0.01


def test_a_frame_does_not_depend_on_the_frames_before_it(run: Callable) -> None:
    both, one = run("crowd")[0], run("crowd", chosen="1")[0]
    np.testing.assert_allclose(one.atoms[0], both.atoms[1], atol=1e-4)


def test_a_regularizer_leaves_less_overlap(run: Callable) -> None:
    mean = {}
    steric = ", regularizer: steric, candidates: 4, redraw_candidates: 8, repair: 1"
    for name, options in (("plain", ""), ("steric", steric)):
        window, system = run("octane", ("temperature: 350", f"temperature: 350{options}"), chosen="0")
        assert_exact(window, system)
        scene = scenes.scene_of(system, window)
        frame, bead = scenes.every_site(scene)
        energy = Steric(StericOptions()).energy(scene.gather(frame, bead), scene.own(frame, bead)[:, None])
        mean[name] = float(energy.clamp_max(1000).mean())
    assert mean["steric"] < 0.9 * mean["plain"]


def test_what_draws_do_not_mend_is_placed_anew(run: Callable) -> None:
    """Draws of an untrained network overlap; the last of four rounds of repair puts templates in their place."""
    mean = {}
    for repair in (3, 4):
        window, system = run("octane", ("temperature: 350", f"temperature: 350, regularizer: steric, repair: {repair}"),
                             chosen="0")
        assert_exact(window, system)
        scene = scenes.scene_of(system, window)
        frame, bead = scenes.every_site(scene)
        energy = Steric(StericOptions()).energy(scene.gather(frame, bead), scene.own(frame, bead)[:, None])
        mean[repair] = float(energy.clamp_max(1000).mean())
    assert mean[4] < 0.7 * mean[3]


@pytest.mark.parametrize("step", ["gibbs", "forward"])
def test_the_energy_regularizer_leaves_less_energy(run: Callable, step: str) -> None:
    """Draws of the recipe's weights; chosen among four they are lower in energy than taken as they come."""
    mean, field = {}, f"forcefield: {{gromacs: {scenes.RECIPE / 'octane.top'}, coulomb: none}}"
    for select in ("first", "lowest_energy"):
        chosen = f"regularizer: energy, candidates: 4, select: {select}, temperature: 350"
        if step == "gibbs":
            changes = [("sweeps: 2, temperature: 350", f"sweeps: 1, noise_schedule: [0.0], {chosen}")]
        else:
            changes = [NO_GIBBS, ("weights.safetensors}", f"weights.safetensors}}, start: sequential, {chosen}")]
        changes += [("weights.safetensors", str(scenes.RECIPE / "octane_350K.safetensors")),
                    ("  - forward", f"  - {field}\n  - forward")]
        window, system = run("octane", *changes, chosen="0")
        assert_exact(window, system)
        assert "clash" not in window.flags
        scene = scenes.scene_of(system, window)
        frame, bead = scenes.every_site(scene)
        energy = ForceFieldEnergy(EnergyOptions())
        energy.use(forcefields.read(scenes.RECIPE / "octane.top", system, coulomb="none"))
        mean[select] = float(energy.energy(scene.gather(frame, bead), scene.own(frame, bead)[:, None]).median())
    assert mean["lowest_energy"] < 0.8 * mean["first"]


def test_noise_levels_end_clean() -> None:
    for sweeps in range(1, 9):
        levels = annealed(sweeps)
        assert len(levels) == sweeps
        assert levels == sorted(levels, reverse=True)
        assert levels[-1] == 0


@pytest.mark.parametrize(("old", "new", "message"), [
    ("sweeps: 2", "sweeps: 2, noise_schedule: [0.5]", r"steps\[2\].gibbs: 'noise_schedule' has 1 entries for 2 sweeps"),
    ("sweeps: 2", "candidates: 3", r"gibbs: 'candidates' and 'repair' need a regularizer to choose by"),
    ("sweeps: 2", "repair: 3", r"gibbs: 'candidates' and 'repair' need a regularizer"),
    ("sweeps: 2", "regularizer: energy", r"step 'gibbs' needs forcefield, which no earlier step gives"),
    ("{generator: {equivariant: weights.safetensors}}",
     "{generator: {equivariant: weights.safetensors}, regularizer: energy}", r"step 'forward' needs forcefield"),
    ("sweeps: 2", "regularizer: energy, repair: 2", r"gibbs: 'repair' needs a regularizer that is zero where nothing"),
    ("sweeps: 2", "regularizer: steric, select: lowest", r"gibbs.select: should be 'boltzmann', 'lowest_energy' or"),
    ("sweeps: 2", "accept: boltzmann, blocks: [fragment]", r"gibbs: 'accept' is a step of its own now: write met"),
    ("gibbs: {sweeps: 2", "metropolis: {sweeps: 2, select: first", r"metropolis: no option is called 'select'"),
    ("gibbs: {sweeps: 2", "metropolis: {sweeps: 2", r"step 'metropolis' needs forcefield, which no earlier step gives"),
    ("sweeps: 2", "sweeps: 0", r"gibbs.sweeps: should be greater than or equal to 1, not 0. Sweeps; each draws"),
    ("sweeps: 2", "sweep: 2", r"gibbs: no option is called 'sweep'. Did you mean 'sweeps'\?"),
    ("sweeps: 2", "regularizer: sterik", r"gibbs.regularizer: no regularizer is called 'sterik'. Did you mean "),
    ("{generator: {equivariant: weights.safetensors}}", "{generator: template}",
     r"steps\[2\].gibbs: step 'gibbs' needs generator, which no earlier step gives"),
    ("{generator: {equivariant: weights.safetensors}}", "{generator: template, start: sequential}",
     r"steps\[1\].forward: this generator reads beads alone and cannot run sequentially"),
    ("{generator: {equivariant: weights.safetensors}}", "{generator: equivariant}",
     r"steps\[1\].forward: equivariant: the equivariant generator needs trained weights"),
    ("weights.safetensors", "wights.safetensors", r"equivariant.checkpoint: there is no file 'wights.safetensors'"),
    ("weights.safetensors", "run.yaml", r"run.yaml: is not a checkpoint that backmap wrote"),
    ("  - forward: {generator: {equivariant: weights.safetensors}}\n", "",
     r"steps\[1\].gibbs: step 'gibbs' needs atoms and generator, which no earlier step gives. Steps that give them"),
    ("forward: {", "forward: {start: sequential, traversal: {depth_first: X9}, ",
     r"steps\[1\].forward: molecule type OCT has no bead 'X9' to start at. Known: first, B1, B2, B3, B4"),
    ("forward: {", "forward: {start: both, ", r"forward.start: should be 'parallel' or 'sequential', not 'both'"),
])
def test_errors_say_where_and_what(run: Callable, old: str, new: str, message: str) -> None:
    with pytest.raises(BackmapError, match=message):
        run("crowd", (old, new))


def test_gibbs_needs_no_force_field_of_its_own() -> None:
    regularizers = Steric(StericOptions()), ForceFieldEnergy(EnergyOptions())
    needs = [Gibbs(GibbsOptions(regularizer=regularizer)).needs for regularizer in regularizers]
    assert ["forcefield" in each for each in needs] == [False, True]


def test_weights_of_another_molecule(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    rings = WORLDS["rings"]
    worlds = iter([rings(), WORLDS["octane"]()])  # weights are made in the first, used in the second
    monkeypatch.setitem(WORLDS, "rings", lambda: next(worlds))
    message = r"steps\[1\].forward: .*weights.safetensors: the weights know no molecule type 'OCT'. They know: PEF"
    with pytest.raises(BackmapError, match=message):
        run("rings")
