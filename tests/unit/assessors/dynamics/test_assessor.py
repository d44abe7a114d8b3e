"""What the assessor says of a trajectory beside another one."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from backmap_plugins.assessors.dynamics.assessor import Coherence

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.assessment import CARE, GOOD
from backmap.model.tally import Tally
from tests import scenes

N_FRAMES = 30


def measured(assessor: Coherence, interval: float, width: float, seed: int) -> Tally:
    """Atoms of one frame, shaken by a width, nm, from frame to frame, in a walk that stays near."""
    system, window = scenes.octane_window()
    rng, tally, off = np.random.default_rng(seed), Tally(), 0.0
    for number in range(N_FRAMES):
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
