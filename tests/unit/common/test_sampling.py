"""What steps leave for reports, and how far infeasible beads are off."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.common.sampling import Sampling, Stiffness, add, found

from backmap.api import State


class Files:
    """Remembers, as the files of a run do."""

    def __init__(self) -> None:
        self.memory: dict[str, bytes] = {}

    def keep(self, name: str, data: bytes) -> None:
        self.memory[name] = data

    def kept(self, name: str) -> bytes | None:
        return self.memory.get(name)


def state_of(files: Files | None = None) -> State:
    return State(Path(), Path(), 1, "cpu", files=files)


def test_steps_are_told_of_in_their_order() -> None:
    state = state_of()
    assert found(state) == []
    for step in ("steps[2].gibbs", "steps[3].hamiltonian"):
        add(state, Sampling(step, []))
    assert [sampling.step for sampling in found(state)] == ["steps[2].gibbs", "steps[3].hamiltonian"]


def test_stiffness_goes_on_where_a_run_stopped() -> None:
    state = state_of(Files())
    slack = np.zeros((2, 3, 3))
    slack[0, 1, 0], slack[1, 2, 1] = 0.003, 0.004
    infeasible = np.linalg.norm(slack, axis=2) > 0.001
    for w in range(2):  # as if the run had been stopped in between
        stiffness = Stiffness(state, 4, 0.001)
        stiffness.add(state, slack[w:w + 1], infeasible[w:w + 1])
    (line,) = stiffness.lines()
    mean = np.sqrt((0.003**2 + 0.004**2) / 2)
    assert line == ("infeasible: rigid bonds keep 2 of 6 beads from being met: off by "
                    f"{mean:.4f} nm (root mean square), 0.0040 at most; that costs "
                    f"{mean**2 / 2e-6:.3g} kT a bead at sigma 0.001 nm")


@pytest.mark.parametrize("infeasible", [0, 1])
def test_nothing_is_said_where_all_beads_are_met(infeasible: int) -> None:
    state = state_of()
    stiffness = Stiffness(state, 1, None)
    stiffness.add(state, np.full((1, 2, 3), 0.01), np.array([[infeasible > 0, False]]))
    assert len(list(stiffness.lines())) == infeasible
    assert not any("kT" in line for line in stiffness.lines())
