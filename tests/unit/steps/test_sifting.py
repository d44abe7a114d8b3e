"""Molecules of two tries: energies of wells fall, beads stay met, and what may not change does not."""
from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from backmap_plugins.steps import stages
from backmap_plugins.steps.hamiltonian import Hamiltonian
from backmap_plugins.steps.leading import SIFT, SIFT_AGAIN
from backmap_plugins.steps.sifting import Sifting

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.hamiltonian.move import Frame
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from tests.exact_chains import ExactChain

CHAIN = ExactChain(7, ({0: 1, 1: 1, 2: 1, 3: 0.5}, {3: 0.5, 4: 1, 5: 1, 6: 1}), stiffness=100.0, barrier=20.0)
COUNT = 120


@cache
def scene() -> tuple[HamiltonianMoves, Sifting, Frame]:
    """Molecules whose torsions were drawn without their terms, so that many are in wrong wells about their beads."""
    free = ExactChain(CHAIN.n, CHAIN.beads, stiffness=CHAIN.stiffness, barrier=0.0)
    shown = CHAIN.snapshot(free.states(COUNT, seed=4))
    moves = HamiltonianMoves(shown.system, CHAIN.field, 300.0, 10, 4.0)
    frame = moves.frame(shown.atoms, shown.beads, None)
    for sweep in range(10):
        moves.sweep(frame, (1, "before", sweep))
    return moves, Sifting(moves, FrameEnergy(shown.system, CHAIN.field)), frame


def sifted(only: np.ndarray | None = None, rounds: int = 3) -> tuple[Frame, int]:
    moves, sifting, begun = scene()
    frame = moves.frame(begun.atoms, begun.grid.beads, None)
    return frame, sum(sifting.sift(frame, None, (1, SIFT, k), only) for k in range(rounds))


def energy_at_rest(frame: Frame) -> float:
    return scene()[1]._at_rest(frame, None, (2, "rest"), np.ones(2 * COUNT, dtype=bool)).mean()


def test_molecules_leave_wrong_wells() -> None:
    frame, taken = sifted()
    assert taken > 0.05 * COUNT
    assert energy_at_rest(frame) < energy_at_rest(scene()[2]) - 0.5  # kJ/mol a molecule


def test_beads_stay_met() -> None:
    frame, _ = sifted(rounds=1)
    moves = scene()[0]
    assert np.abs(moves.system.map(frame.atoms) - frame.grid.beads).max() < 1e-9
    assert np.abs(frame.residual).max() < 1e-9


def test_only_what_may_change_does() -> None:
    only = np.arange(2 * COUNT) < COUNT
    frame, taken = sifted(only, rounds=1)
    assert taken > 0
    still = frame.atoms.reshape(COUNT, -1)[COUNT // 2:] == scene()[2].atoms.reshape(COUNT, -1)[COUNT // 2:]
    assert still.all()


@pytest.mark.parametrize(("only", "rounds"), [(None, 3), (["clash"], 0)])
def test_both_starts_are_sifted(only: list[str] | None, rounds: int) -> None:
    step = Hamiltonian(Hamiltonian.Options(sweeps=2, sifting_rounds=3, only=only))
    step._wanted, step.energy = lambda: scene()[0], FrameEnergy(scene()[0].system, CHAIN.field)
    names = [name for name, *_ in stages.sweeps(step.options, twice=True)]
    assert [names.count(SIFT), names.count(SIFT_AGAIN)] == [rounds, rounds]
