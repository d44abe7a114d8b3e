"""What the assessor says of a trajectory beside another one."""
from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.assessors.dynamics.assessor import Coherence

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import CARE, GOOD
from backmap.model.tally import Tally
from tests import scenes

N_FRAMES = 30


def measured(assessor: Coherence, interval: float, width: float, seed: int, n_frames: int = N_FRAMES) -> Tally:
    """Atoms of one frame, shaken by a width, nm, from frame to frame, in a walk that stays near."""
    system, window = scenes.octane_window()
    rng, tally, off = np.random.default_rng(seed), Tally(), 0.0
    for number in range(n_frames):
        off = 0.9 * off + rng.normal(0, width, window.atoms.shape)
        made = replace(window.with_atoms(window.atoms + off), time=np.array([number * interval]), reference=None)
        for frame in Snapshot.all_of(made, system, AtomIndex(system), np.array([number])):
            assessor.measure(frame, tally)
    return tally


def test_only_what_was_compared_is_called_the_same() -> None:
    assessor = Coherence(Coherence.Options())
    assessor.begin(scenes.octane_window()[0], None)
    true, same, hot, later = (measured(assessor, *what) for what in (
        (1.0, 0.004, 1), (1.0, 0.004, 2), (1.0, 0.04, 3), (2.0, 0.004, 4)))
    assert [finding.level for finding in assessor.conclude(same, true).findings] == [GOOD]
    assert [finding.level for finding in assessor.conclude(hot, true).findings] == [CARE]
    apart = assessor.conclude(later, true)
    assert not apart.findings
    assert "nothing is compared" in apart.notes[0]
    assert not assessor.conclude(true, true).findings


def test_processes_of_what_is_hidden_are_told_if_asked_for() -> None:
    pytest.importorskip("deeptime")
    assessor = Coherence(Coherence.Options(lag=2))
    assessor.begin(scenes.octane_window()[0], None)
    made = assessor.conclude(measured(assessor, 0.5, 0.01, 1, 60), measured(assessor, 0.5, 0.01, 2, 60))
    told = {figure.name: figure for figure in made.figures if figure.quantity == "time scale (lag 1 ps)"}
    assert not any("of beads" in name for name in told)  # they stand still
    assert told["OCT: process 1 of hidden torsions"].value > 0


def test_without_deeptime_it_is_said_before_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deeptime", None)
    for name in [name for name in sys.modules if name.startswith("deeptime.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(BackmapError, match="Markov models need the package 'deeptime'") as found:
        Coherence(Coherence.Options(lag=2)).begin(scenes.octane_window()[0], None)
    assert "backmap-engine[dynamics]" in str(found.value)
