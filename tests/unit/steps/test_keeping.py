"""Starts of a pilot are the run's where nothing is sampled, and change nothing."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.steps import stages

from backmap import testing
from backmap.engine.hamiltonian.moves import HamiltonianMoves

from .test_hamiltonian import melt, started

START = {"beads": "auto", "timestep": 2.0, "steps": 4, "sweeps": 2, "at_most": 10, "soft_core_sweeps": 2, "mend": 2,
         "for_start": True, "temperature": 350}


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the sweeps that are made."""
    names: list[str] = []
    sweep = HamiltonianMoves.sweep
    monkeypatch.setattr(HamiltonianMoves, "sweep", lambda self, frame, name, *more, **how: names.append(
        str(name[2])) or sweep(self, frame, name, *more, **how))
    return names


def test_a_start_for_simulations_keeps_the_promises_of_a_step_that_is_tuned() -> None:
    """The atoms are those of a recipe that says what the pilot found, by a step that has seen no pilot."""
    system, window, field = melt()
    step, state, _ = started(system, field, **START)
    testing.check_tuning(step, state, window)
    assert step.options.beads.sigma


@pytest.mark.parametrize(("change", "seed", "again"), [
    ({}, 5, False), ({"atoms": 1e-6}, 5, True), ({"beads": 1e-6}, 5, True), ({"boxes": 1e-6}, 5, True), ({}, 6, True)])
def test_only_the_same_frame_has_its_start(change: dict[str, float], seed: int, again: bool, swept: list[str]) -> None:
    """And by the same draws: those of a pilot may be others, and templates the same."""
    system, window, field = melt(1)
    step, state, _ = started(system, field, **START)
    step.adopt(step.tune(window, state))
    swept.clear()
    state.seed = seed
    step.frames(replace(window, **{name: getattr(window, name) + by for name, by in change.items()}), state)
    assert (stages.SOFTEN in swept) == again
    assert stages.MAIN in swept
    swept.clear()
    step.frames(window, state)  # it is handed out once
    assert stages.SOFTEN in swept


def test_samples_have_draws_of_their_own() -> None:
    system, _, field = melt(1)
    for for_start in (True, False):
        step, _, _ = started(system, field, **START | {"for_start": for_start})
        assert step.draws_alike == for_start


def test_beads_are_met_as_they_are_to_be_once_sweeps_count(monkeypatch: pytest.MonkeyPatch) -> None:
    system, window, field = melt(1)
    met: dict[str, set[float]] = {}
    sweep = HamiltonianMoves.sweep

    def noted(self: HamiltonianMoves, frame: object, name: tuple, *more: object, **how: object) -> object:
        met.setdefault(str(name[2]), set()).update(np.unique(self.sigma).tolist())
        return sweep(self, frame, name, *more, **how)

    monkeypatch.setattr(HamiltonianMoves, "sweep", noted)
    step, state, _ = started(system, field, **START | {"beads": {"sigma": 0.02}})
    for _ in range(2):  # the second frame begins as the first one did
        step.frames(window, state)
        assert met[stages.SOFTEN] == {0.05}
        assert met[stages.MAIN] == {0.02}
