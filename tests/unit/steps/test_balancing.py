"""Forces along moves of mapped beads: balanced for exact samples, not for atoms that are wrong about right beads."""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from backmap_plugins.steps.balancing import DOUBT, MappedBeads, off
from numpy.typing import NDArray

from backmap.engine.identities.ratios import Ratio
from backmap.model.parameters import BOLTZMANN
from backmap.model.system import Window
from tests.exact_chains import ExactChain

Array = NDArray[np.float64]

CHAIN = ExactChain(6, ({0: 1, 1: 1, 2: 1, 3: 0.5}, {3: 0.5, 4: 1, 5: 1}), stiffness=100.0)


@cache
def states() -> Array:
    return CHAIN.states(2500, seed=1)


def ratios(chain: ExactChain, frames: int = 1) -> dict[str, Ratio]:
    """Of exact states of ``CHAIN``, shared out among frames, by the forces of a chain."""
    shares = np.split(states(), frames)
    shown = [CHAIN.snapshot(share) for share in shares]
    window = Window(np.arange(frames), np.zeros(frames), np.zeros((frames, 3, 3)),
                    np.stack([one.beads for one in shown]), system=shown[0].system)
    mapped = MappedBeads(shown[0].system, chain.field, BOLTZMANN * 300.0, False)
    return mapped.ratios([one.atoms for one in shown], window)


def test_exact_samples_balance() -> None:
    found = ratios(CHAIN)
    assert {"angles", "torsions"} <= found.keys()
    assert all(abs(one.value - 1) < 4 * one.error for one in found.values())


def test_frames_are_taken_together() -> None:
    one, four = ratios(CHAIN), ratios(CHAIN, frames=4)
    assert {name: each.value for name, each in four.items()} == pytest.approx(
        {name: each.value for name, each in one.items()})


def test_atoms_of_another_force_field_are_off() -> None:
    assert "angles" in off(ratios(replace(CHAIN, stiffness=200.0)))


def test_what_is_not_known_is_not_off() -> None:
    assert off({"right": Ratio(1 + 1.9 * DOUBT / 2 * 0.1, 0.1), "wrong": Ratio(1 + 1.1 * DOUBT * 0.1, 0.1),
                "vague": Ratio(9.0, 0.9), "few": Ratio(9.0, None), "near": Ratio(1.02, 0.001)}) == ["wrong"]
