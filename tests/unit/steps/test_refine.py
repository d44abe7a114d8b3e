"""The step refine, and gibbs on flagged beads alone."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.refiners.minimize import Minimize
from backmap_plugins.steps.gibbs import Gibbs, GibbsOptions
from backmap_plugins.steps.refine import Refine

from backmap import api
from backmap.engine.flags import flagged, with_neighbours
from backmap.engine.random import Stream
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window
from tests import builders, scenes
from tests.unit.refiners.fields import made_up


class Shift(api.Refiner):
    """Moves every atom that may move by three boxes and a bit."""

    needs = frozenset({"moon"})

    def begin(self, system: System, forcefield: ForceField | None) -> None:
        self.system, self.keys = system, []

    def refine(self, window: Window, system: System, rng: Stream, only: np.ndarray | None) -> Window:
        assert system is self.system
        self.keys.append(rng.key.tolist())
        self.progress(0.5)
        here = np.ones(window.size, dtype=bool) if only is None else only.any(axis=1)
        move = (3 * window.boxes.sum(axis=1) + 0.01) * here[:, None]
        return window.with_atoms(window.atoms + move[:, None])


def state_of(system: System, tmp_path: Path, **more: object) -> api.State:
    return api.State(folder=tmp_path, output=tmp_path, seed=5, device="cpu", system=system, **more)


def refine(tmp_path: Path, system: System, window: Window, refiners: object, **options: object) -> Window:
    step = Refine(Refine.Options(refiners=refiners, **options))
    step.where = "run.yaml: steps[3].refine"
    state = state_of(system, tmp_path, forcefield=made_up(system))
    step.start(state)
    return step.frames(window, state)


def test_atoms_come_back_to_their_beads_with_their_slack(tmp_path: Path) -> None:
    system = builders.system()
    window = builders.window(system)
    done = refine(tmp_path, system, window, [Shift(Shift.Options())])
    np.testing.assert_allclose(done.atoms, window.atoms + 0.01, atol=1e-9)
    np.testing.assert_allclose(done.residual, 0.01, atol=1e-9)
    assert not done.flags["chirality"].any()
    assert window.residual is None


def test_refiners_have_random_numbers_of_their_own(tmp_path: Path) -> None:
    system = builders.system()
    shifts = [Shift(Shift.Options()), Shift(Shift.Options())]
    refine(tmp_path, system, builders.window(system), shifts)
    keys = [key for shift in shifts for row in shift.keys for key in row]
    assert len(keys) == len(set(keys)) == 4


def test_only_frames_with_flagged_beads(tmp_path: Path) -> None:
    system = builders.system()
    window = builders.window(system)
    window.flags["clash"] = np.zeros(window.beads.shape[:2], dtype=bool)
    window.flags["clash"][1, 2] = True
    done = refine(tmp_path, system, window, Shift(Shift.Options()), only=["clash"])
    np.testing.assert_array_equal(done.atoms[0], window.atoms[0])
    assert (done.atoms[1] != window.atoms[1]).all()


def test_wrong_hands_are_flagged(tmp_path: Path) -> None:
    system = builders.system()
    window = builders.window(system)
    mirrored = window.with_atoms(window.atoms * [1, 1, -1])
    mirrored = replace(mirrored, beads=system.map(mirrored.atoms), boxes=np.zeros_like(window.boxes))
    done = refine(tmp_path, system, mirrored, Minimize(Minimize.Options(max_iterations=1, keep_chirality=False)))
    carbon = [bead for bead in range(system.n_beads) if system.bead_label(bead).endswith("A1")]
    assert np.flatnonzero(done.flags["chirality"].any(axis=0)).tolist() == carbon


def test_it_needs_what_its_refiners_need() -> None:
    refiners = [Shift(Shift.Options()), Minimize(Minimize.Options())]
    assert Refine(Refine.Options(refiners=refiners)).needs == {"system", "atoms", "moon", "forcefield"}
    with pytest.raises(BackmapError, match="nothing to refine with"):
        Refine(Refine.Options(refiners=[]))


def test_an_unknown_flag(tmp_path: Path) -> None:
    system = builders.system()
    window = builders.window(system)
    window.flags["chirality"] = np.zeros(window.beads.shape[:2], dtype=bool)
    with pytest.raises(BackmapError, match=r"steps\[3\].refine: no earlier step looks for 'clsh'. Known here: chiral"):
        refine(tmp_path, system, window, Shift(Shift.Options()), only=["chirality", "clsh"])


def test_flags_unite_and_widen() -> None:
    system, window = scenes.crowd()
    for name, bead in (("clash", 0), ("ring_pierced", 17)):  # the first of an octane, the second of a ring molecule
        window.flags[name] = np.zeros(window.beads.shape[:2], dtype=bool)
        window.flags[name][0, bead] = True
    both = flagged(window, ["clash", "ring_pierced"])
    assert np.argwhere(both).tolist() == [[0, 0], [0, 17]]
    assert np.argwhere(with_neighbours(both, system)).tolist() == [[0, 0], [0, 1], [0, 16], [0, 17], [0, 18]]


@pytest.mark.parametrize("neighbours", [False, True])
def test_gibbs_redraws_flagged_beads_alone(tmp_path: Path, neighbours: bool) -> None:
    system, window = scenes.octane_window(2)
    window.flags["clash"] = np.zeros(window.beads.shape[:2], dtype=bool)
    window.flags["clash"][1, 5] = True  # the second bead of the second molecule
    step = Gibbs(GibbsOptions(sweeps=1, generator=scenes.tiny(), only=["clash"], neighbours=neighbours))
    step.options.generator.prepare = lambda system, device: system
    state = state_of(system, tmp_path)
    step.start(state)
    done = step.frames(window, state)
    np.testing.assert_array_equal(done.atoms[0], window.atoms[0])
    moved = np.linalg.norm(done.atoms[1] - window.atoms[1], axis=1)
    assert set(np.flatnonzero(moved > 1e-3) // 26) == {1}  # the projection may reach the rest of the molecule
    drawn = moved[26:52][system.types[0].mapping.owner == 1]
    assert drawn.max() > 0.01
    assert not done.flags["infeasible"].any()


@pytest.mark.parametrize("only", [None, ["clash"]])
def test_gibbs_leaves_untied_molecules_as_they_stand(tmp_path: Path, only: list[str] | None) -> None:
    free = replace(scenes.phenyl(), untied=True)
    system, window = scenes.crowd((scenes.octane_system().types[0], 2), (free, 3))
    window.flags["clash"] = np.ones(window.beads.shape[:2], dtype=bool)
    step = Gibbs(GibbsOptions(sweeps=1, generator=scenes.tiny(), only=only))
    step.options.generator.prepare = lambda system, device: system
    state = state_of(system, tmp_path)
    step.start(state)
    done = step.frames(window, state)
    moved = np.linalg.norm(done.atoms - window.atoms, axis=2).max(axis=0)
    assert moved[:52].max() > 0.01 > 1e-4 > moved[52:].max()


def test_gibbs_options_for_flagged_beads() -> None:
    with pytest.raises(ValueError, match="'neighbours' widens what 'only' chooses"):
        GibbsOptions(neighbours=True)
