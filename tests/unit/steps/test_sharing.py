"""Frames come out with the same bytes, and are counted alike, however they are shared out among windows."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.assessors.structure import Structure
from backmap_plugins.generators.template.generator import Template
from backmap_plugins.refiners.minimize import Minimize
from backmap_plugins.regularizers.steric import Steric
from backmap_plugins.steps.assess import Assess
from backmap_plugins.steps.forward import Forward
from backmap_plugins.steps.gibbs import Gibbs
from backmap_plugins.steps.refine import Refine
from backmap_plugins.traversals import DepthFirst

from backmap import api, testing
from backmap.model.system import System, Window
from tests import scenes
from tests.unit.refiners.fields import made_up


def steric() -> Steric:
    return Steric(Steric.Options())


def depth_first() -> DepthFirst:
    return DepthFirst(DepthFirst.Options())


def structure() -> Structure:
    assessor = Structure(Structure.Options())
    assessor.name = "structure"
    return assessor


class Away(api.Step):
    """Another way to the atoms."""

    def frames(self, window: Window, state: api.State) -> Window:
        return window.with_atoms(window.atoms + 0.01)


STEPS: dict[str, Callable[[], api.Step]] = {
    "parallel start": lambda: Forward(Forward.Options(generator=Template(Template.Options()), traversal=depth_first())),
    "sequential start": lambda: Forward(Forward.Options(generator=scenes.tiny(), start="sequential",
                                                        traversal=depth_first())),
    "sweeps": lambda: Gibbs(Gibbs.Options(sweeps=2, regularizer=steric(), repair=2)),
    "sweeps over a part": lambda: Gibbs(Gibbs.Options(sweeps=1, regularizer=steric(), only=["odd"])),
    "minimisation": lambda: Refine(Refine.Options(refiners=[Minimize(Minimize.Options(max_iterations=5))])),
    "judging": lambda: Assess(Assess.Options(assessors=[structure()], compare_with={"away": [Away(Away.Options())]})),
}


def started(step: api.Step, system: System) -> api.State:
    state = api.State(Path(), Path(), seed=3, device="cpu", log=lambda line: None, system=system,
                      forcefield=made_up(system), generator=scenes.tiny())
    if isinstance(step, Forward) and not step.options.generator.parallel:
        step.options.generator.prepare = lambda system, device: system  # untrained
    step.start(state)
    return state


@pytest.mark.parametrize("name", STEPS)
def test_a_frame_follows_from_itself(name: str) -> None:
    system, window = scenes.crowd((scenes.octane_system().types[0], 3), (scenes.phenyl(), 3), box=1.3 * scenes.SMALL,
                                  n_frames=3)
    window = replace(window, frames=np.array([7, 2, 9]), place=np.array([0, 1, 2]))
    window.flags["odd"] = np.zeros(window.beads.shape[:2], dtype=bool)
    window.flags["odd"][[0, 2], [1, 5]] = True
    step = STEPS[name]()
    state = started(step, system)
    testing.check_step(step, state, window, timed={"seconds"})
    if name == "judging":
        step.finish(state)
        assert state.judgement.n_frames == {"reference": 3, "backmap": 3, "away": 3}
        assert state.judgement.flagged["odd"] == ["frame 7: OCT 1 B2", "frame 9: OCT 2 B2"]
        assert [example.number for example in state.judgement.examples] == [7]  # not told how many frames there are
