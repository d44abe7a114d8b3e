"""How far infeasible beads are off."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.steps.stiffness import Stiffness

from backmap.model.tally import Tally


def test_stiffness_is_that_of_all_frames() -> None:
    tallies = Tally(), Tally()
    residual = np.zeros((2, 3, 3))
    residual[0, 1, 0], residual[1, 2, 1] = 0.003, 0.004
    infeasible = np.linalg.norm(residual, axis=2) > 0.001
    for w, tally in enumerate(tallies):
        Stiffness(tally, 0.001).add(w, residual[w], infeasible[w])
    (line,) = Stiffness(Tally.merged(tallies), 0.001).lines()
    mean = np.sqrt((0.003**2 + 0.004**2) / 2)
    assert line == ("infeasible: rigid bonds keep 2 of 6 beads from being met: off by "
                    f"{mean:.4f} nm (root mean square), 0.0040 at most; that costs "
                    f"{mean**2 / 2e-6:.3g} kT a bead at sigma 0.001 nm")


@pytest.mark.parametrize("infeasible", [0, 1])
def test_nothing_is_said_where_all_beads_are_met(infeasible: int) -> None:
    stiffness = Stiffness(Tally(), None)
    stiffness.add(0, np.full((2, 3), 0.01), np.array([infeasible > 0, False]))
    assert len(list(stiffness.lines())) == infeasible
    assert not any("kT" in line for line in stiffness.lines())
