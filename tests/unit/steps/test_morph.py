"""The step ``morph``, whatever the morpher: it counts, sums up and says what morphers hand back."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.steps.morph import Morph

from backmap import api, testing
from backmap.errors import BackmapError


class Drift(api.Morpher):
    """Moves everything by the number of the frame and by the seed, and says so."""

    moves = ("step", "leap")
    kept = "promises"
    left = ("ION",)
    remarks = ("it will drift",)

    def morph(self, window: api.Window, seed: tuple[int | str, ...]) -> api.Morphed:
        self.progress(0.25)
        number = int(window.frames[0])
        beads = window.beads[0].copy()
        beads[:96] += 0.01 * (number + seed[0])
        counts = {("leap", "A"): np.array([[4, 1], [4, number]]), ("step", "B"): np.array([[2, 2], [2, 0]])}
        return api.Morphed(beads, counts, drift=0.001 * (number + 1) * np.array([1.0, 0.0]))


def started(folder: Path, morpher: api.Morpher) -> tuple[Morph, api.State, api.Window, list[str]]:
    system, window = testing.example_beads(3)
    said: list[str] = []
    state = api.State(folder=folder, output=folder, seed=5, device="cpu", system=system, log=said.append)
    step = Morph(Morph.Options(morpher=morpher))
    step.name, step.where = "morph", "run.yaml: steps[2].morph"
    step.start(state)
    return step, state, window, said


def test_it_moves_the_beads_and_remembers_where_they_were(tmp_path: Path) -> None:
    step, state, window, said = started(tmp_path, Drift(Drift.Options()))
    assert said == ["note: it will drift", "note: ION: beads stay as they are"]
    told: list[float] = []
    state.progress = told.append
    made = step.frames(window, state)
    assert np.array_equal(made.before, window.beads)
    far = 0.01 * np.arange(5, 8)[:, None] * (np.arange(108) < 96)  # the last beads are ions
    assert np.allclose(made.beads - window.beads, far[:, :, None])
    assert told == [0.25 / 3, 1.25 / 3, 2.25 / 3]
    assert made.system is window.system


def test_it_sums_up_what_the_morpher_counts(tmp_path: Path) -> None:
    step, state, window, said = started(tmp_path, Drift(Drift.Options()))
    testing.check_step(step, state, window)
    said.clear()
    step.finish(state)
    assert said == ["step of B: accepted 100.0% in the first sweep, 0.0% in the last",
                    "leap of A: accepted 25.0% in the first sweep, 25.0% in the last",
                    "promises are within 3.0e-03 nm of where they were (root mean square 1.5e-03 nm)"]
    sampling, = state.sampling
    assert sampling.step == "steps[0].morph"
    assert [(row["block"], row["bead_type"], row["tried"]) for row in sampling.acceptance] == [("step", "B", 12),
                                                                                               ("leap", "A", 24)]
    assert sampling.accepted == pytest.approx(12 / 36)
    assert sampling.notes == said[2:]


class Plain(api.Morpher):
    """Counts nothing."""

    def morph(self, window: api.Window, seed: tuple[int | str, ...]) -> api.Morphed:
        return api.Morphed(2 * window.beads[0])


def test_a_morpher_may_count_nothing(tmp_path: Path) -> None:
    step, state, window, said = started(tmp_path, Plain(Plain.Options()))
    assert np.array_equal(step.frames(window, state).beads, 2 * window.beads)
    step.finish(state)
    assert said == []
    assert (state.sampling[0].acceptance, state.sampling[0].notes) == ([], [])


class Refusing(Plain):
    def begin(self, system: api.System, device: str, seed: tuple[int | str, ...]) -> None:
        raise BackmapError("ION has one bead", where=f"{self.where}.bottleneck")


@pytest.mark.parametrize(("unnamed", "where"), [(True, ""), (False, ".morpher.mine")])
def test_morphers_know_where_they_stand(tmp_path: Path, unnamed: bool, where: str) -> None:
    morpher = Refusing(Refusing.Options())
    morpher.name, morpher.unnamed = "mine", unnamed
    with pytest.raises(BackmapError) as error:
        started(tmp_path, morpher)
    assert str(error.value) == f"run.yaml: steps[2].morph{where}.bottleneck: ION has one bead"
