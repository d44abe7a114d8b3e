"""How hamiltonian tunes itself: what it chooses, from what, and what it says when that was not enough."""
from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from backmap_plugins.steps import stages, tuning
from backmap_plugins.steps.hamiltonian import Hamiltonian
from backmap_plugins.steps.move_options import SELDOM, Tempered
from backmap_plugins.steps.softness import SigmaTuner
from backmap_plugins.steps.tuning import FIRST, MoveTuner

from backmap import testing
from backmap.engine.hamiltonian.moves import Frame, SweepOutcome
from backmap.engine.hamiltonian.timestep import NEAR, WANTED, steps_of
from backmap.engine.identities.ratios import Ratio
from backmap.model.tuned import Tuned

from .test_hamiltonian import melt, started

AUTO = {"timestep": "auto", "steps": "auto", "sweeps": "auto", "temperature": 350, "mend": 0}


def test_tuning_keeps_the_promises_of_its_contract() -> None:
    system, window, field = melt()
    step, state, _ = started(system, field, **AUTO, at_most=2)
    assert step.automatic == ("timestep", "steps", "sweeps")
    testing.check_tuning(step, state, window)
    assert step.options.steps == steps_of(step.options.timestep)


def test_the_time_step_has_the_wanted_share_accepted() -> None:
    system, window, field = melt()
    step, state, _ = started(system, field, timestep="auto", steps=8, sweeps=3, temperature=350)
    tuned = step.tune(window, state)
    last = tuned.measured["timestep"][-1]
    assert set(tuned.values) == {"timestep"}
    assert abs(last["accepted"] - WANTED) <= NEAR
    step.adopt(tuned)
    step.frames(window, state)
    moves = step.memory["moves"]
    assert moves.counts("accepted").sum() / moves.counts("tried").sum() == pytest.approx(WANTED, abs=0.1)


@pytest.mark.parametrize(("share", "every"), [(0.2, SELDOM), (0.01, None)])
def test_tempered_trajectories_stay_where_they_are_accepted(share: float, every: int | None,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """They take five times as long as others: where none is accepted they lead nowhere."""
    system, window, field = melt(1)
    step, state, _ = started(system, field, timestep=2.0, steps=4, sweeps=3, tempering="auto", mend=0)
    assert step.automatic == ("tempering",)
    monkeypatch.setattr(MoveTuner, "crossing", lambda *given: share)
    step.adopt(step.tune(window, state))
    assert step.options.tempering == (every and Tempered(every=every))
    crossed = [name for name, *_ in stages.sweeps(step.options, twice=False) if name == stages.TEMPERED]
    assert len(crossed) == (every is not None)


def test_the_share_of_tempered_trajectories_that_is_accepted_is_counted() -> None:
    """Of short ones that hardly heat up nearly all are, of long hot ones few."""
    system, window, field = melt(1)
    step, state, _ = started(system, field, timestep=2.0, steps=4, sweeps=3, temperature=350, mend=0)
    tuner = MoveTuner(step.moves, step.energy, window, lambda place: step._begun(window.take([place]), state, print),
                      partial(stages.main_round, step.options), (1, 2), lambda share: None)
    mild, hot = (tuner.crossing(2.0, 4, Tempered(peak=peak, time=time)) for peak, time in ((1.01, 20), (20, 60)))
    assert mild > 0.6
    assert hot < 0.3
    assert tuner.measured["tempering"][0]["moves"] >= 24


def test_draws_of_the_pilot_are_not_those_of_the_run() -> None:
    system, window, field = melt(1)
    step, state, _ = started(system, field, timestep="auto", steps=4, sweeps=1)
    names: list[tuple] = []
    sweep = step.moves.sweep

    def noted(frame: Frame, name: tuple, *more: object, **settings: float) -> SweepOutcome:
        names.append(name)
        return sweep(frame, name, *more, **settings)

    step.moves.sweep = noted
    state.seed = 99
    step.adopt(step.tune(window, state))
    pilot, names[:] = set(names), []
    state.seed = 5
    step.frames(window, state)
    assert pilot
    assert names
    assert not pilot & set(names)


def test_starts_are_made_once_and_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    system, window, field = melt(1)
    step, state, _ = started(system, field, **AUTO, at_most=1)
    made: list[Frame] = []
    began = step._begun

    def begun(*given: object) -> Frame:
        made.append(began(*given))
        first.append(made[-1].atoms.copy())
        return made[-1]

    first: list[np.ndarray] = []
    monkeypatch.setattr(step, "_begun", begun)
    tuned = step.tune(window, state)
    assert tuned.measured["timestep"]  # both moved them
    assert tuned.measured["sweeps"]
    assert len(made) == window.size
    assert all(np.array_equal(frame.atoms, atoms) for frame, atoms in zip(made, first, strict=True))


@pytest.mark.parametrize("exact", [True, False])
def test_where_beads_turn_out_to_be_exact_starts_are_made_anew(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of soft beads do not meet them, and moves of exact ones would leave them where they are."""
    system, window, field = melt(1)
    found = None if exact else {name: 0.02 for kind in system.types for name in kind.bead_types}
    step, state, _ = started(system, field, beads="auto", timestep="auto", steps=4, sweeps=1, mend=0,
                             soft_core_sweeps=1, temperature=350)
    monkeypatch.setattr(SigmaTuner, "found", lambda self, at_most: (self.begun(0) and found, ""))
    begun: list[float] = []
    monkeypatch.setattr(MoveTuner, "timestep", lambda self, *given: begun.append(
        float(np.abs(self.begun(0).residual).max())) or 2.0)
    made, began = [], step._begun
    monkeypatch.setattr(step, "_begun", lambda *given: made.append(1) or began(*given))
    step.tune(window, state)
    assert len(made) == (2 if exact else 1)
    assert (begun[0] < 1e-6) == exact


class Drifting:
    """Energies of stretches that fall to rest exponentially, with noise of their own."""

    def __init__(self, time: float, noise: float = 1.0, rate: float = 0.0) -> None:
        self.time, self.noise, self.rate = time, noise, rate
        self.rng, self.sweep = np.random.default_rng(3), 0

    def __call__(self, frames: object) -> dict[str, np.ndarray]:
        self.sweep += 1
        mean = 40 * np.exp(-self.sweep / self.time) - self.rate * self.sweep
        return {"proper": mean + self.noise * self.rng.standard_normal(48)}


def tuner(energies: Drifting, monkeypatch: pytest.MonkeyPatch) -> MoveTuner:
    system, window, field = melt(3)
    step, state, _ = started(system, field, temperature=350)
    made = MoveTuner(step.moves, step.energy, window, lambda place: step._entered(window.take([place]), state)[0],
                     partial(stages.main_round, step.options), (1, 2), lambda share: None)
    monkeypatch.setattr(made, "_swept", lambda *which, **settings: [])
    monkeypatch.setattr(made, "_energies", energies)
    monkeypatch.setattr(tuning, "LOOKS", 1000)  # after every sweep
    return made


@pytest.mark.parametrize(("time", "least", "most"), [(0.1, FIRST, FIRST), (5.0, 25, 60), (20.0, 80, 200)])
def test_sweeps_follow_the_time_that_energies_take_to_rest(time: float, least: int, most: int,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    made = tuner(Drifting(time), monkeypatch)
    sweeps, remark = made.sweeps(2.0, 10, at_most=400)
    assert remark == ""
    assert least <= sweeps <= most
    assert made.measured["sweeps"][-1]["sweeps"] == sweeps
    assert 40 * np.exp(-sweeps / time) < 0.1  # what is left is far below the noise


def test_frames_that_do_not_rest_are_said_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    made = tuner(Drifting(1.0, rate=0.5), monkeypatch)
    assert made.sweeps(2.0, 10, at_most=50) == (
        50, "not relaxed within 50 sweeps (at_most), as energies still change: torsions")


def test_noise_that_would_hide_a_change_takes_more_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet, loud = (tuner(Drifting(0.1, noise), monkeypatch).sweeps(2.0, 10, at_most=400)[0] for noise in (1.0, 60.0))
    assert loud > 2 * quiet


class Pushing:
    """Beads that are pushed wrongly until they have been looked at so often."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def ratios(self, *given: object) -> dict[str, Ratio]:
        self.left -= 1
        return {"contacts": Ratio(1.4 if self.left >= 0 else 1.05, 0.05)}


def test_sweeps_go_on_while_atoms_push_mapped_beads_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    made = tuner(Drifting(0.1), monkeypatch)
    made.mapped = Pushing(3)
    assert made.sweeps(2.0, 10, at_most=400) == (40, "")  # 20, 25, 32, 40
    assert made.measured["sweeps"][0]["along the beads"] == "contacts 1.400 ± 0.050"


def test_beads_that_stay_pushed_wrongly_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    made = tuner(Drifting(0.1), monkeypatch)
    made.mapped = Pushing(99)
    sweeps, remark = made.sweeps(2.0, 10, at_most=50)
    assert sweeps == 50
    assert remark.endswith("as atoms still push beads as none that these were mapped from would: forces of contacts")


def test_what_was_not_reached_stands_in_log_and_report() -> None:
    system, window, field = melt(1)
    step, state, said = started(system, field, sweeps="auto", at_most=1)
    step.adopt(Tuned({"sweeps": 1}, {}, "not relaxed within 1 sweeps (at_most), as energies still change: torsion"))
    step.frames(window, state)
    step.finish(state)
    assert said[-1].startswith("hamiltonian: The pilot: not relaxed within 1 sweeps")
    assert [finding.text for finding in state.sampling[0].findings if "The pilot" in finding.text] == [
        f"The pilot: {state.sampling[0].tuned.remark}."]


def test_places_that_are_flagged_do_not_tell() -> None:
    with pytest.raises(ValueError, match="'auto' needs moves of all atoms to tell by, and 'only' leaves few"):
        Hamiltonian.Options(only=["clash"], sweeps="auto")
