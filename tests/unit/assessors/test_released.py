"""What is said of atoms whose beads are let go: of exact samples, of wrong ones, and where nothing can be said."""
from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from backmap_plugins.assessors.released import ReleasedBeads, change
from numpy.typing import NDArray

from backmap.api import CARE, GOOD, UNUSABLE, Sampled
from backmap.engine.relaxation import FALSE_ALARMS
from backmap.model.assessment import Assessment
from backmap.model.tally import Tally
from tests.exact_chains import ExactChain

Array = NDArray[np.float64]

CHAIN = ExactChain(6, ({0: 1, 1: 1, 2: 1, 3: 0.5}, {3: 0.5, 4: 1, 5: 1}), stiffness=100.0)


@cache
def states() -> Array:
    return CHAIN.states(2000, seed=5)


def assessed(atoms: Array, chain: ExactChain = CHAIN, beads_are: Any = "mapped", period: int = 0,
             **options: Any) -> Assessment:
    """What is said of two frames of states."""
    tally = Tally()
    tally.period = period
    assessor = ReleasedBeads(ReleasedBeads.Options(**{"sweeps": 8, "timestep": 4.0, "frames": 2, **options}))
    assessor.name, assessor.sampled, assessor.beads_are = "released_beads", Sampled(300.0), beads_are
    frames = [chain.snapshot(share, index) for index, share in enumerate(np.split(atoms, 2))]
    assessor.begin(frames[0].system, chain.field)
    for frame in frames:
        assessor.measure(frame, tally)
    made = Tally.from_arrays(tally.to_arrays())
    return assessor.conclude(made, None)


def test_exact_samples_are_good() -> None:
    found = assessed(states())
    assert [(one.level, one.basis) for one in found.findings] == [(GOOD, "beads")]
    assert {figure.name for figure in found.figures} == {"all terms", "angles", "torsions", "moves"}
    assert all(abs(figure.value) < 4 * figure.error for figure in found.figures if figure.name != "moves")


def test_atoms_that_are_strained_are_not_relaxed() -> None:
    bent = states()
    angle = np.einsum("ni,ni->n", bent[:, 0] - bent[:, 1], bent[:, 2] - bent[:, 1])
    wide = bent[np.abs(angle - np.median(angle)) > np.quantile(np.abs(angle - np.median(angle)), 0.5)]
    found, = assessed(wide[:800]).findings
    assert found.level == CARE
    assert found.text.startswith("Not relaxed: once the beads of 2 frames are let go, the energy falls (-0.")


def test_samples_of_a_much_softer_force_field_are_not_usable() -> None:
    found, = assessed(replace(CHAIN, stiffness=20.0).states(800, seed=2)).findings
    assert found.level == UNUSABLE


def test_few_molecules_cannot_tell() -> None:
    found, = assessed(states()[:60]).findings
    assert found.level == CARE
    assert "cannot be told from 2 frames" in found.text


@pytest.mark.parametrize("beads_are", [None, "model"])
def test_only_mapped_beads_are_asked(beads_are: str | None) -> None:
    found = assessed(states()[:60], beads_are=beads_are)
    assert not found.findings
    assert "only beads that were mapped" in found.notes[0]


def test_positions_that_are_no_numbers_are_not_usable() -> None:
    atoms = states()[:60].copy()
    atoms[3, 2, 1] = np.nan
    found, = assessed(atoms).findings
    assert found.level == UNUSABLE


def test_frames_that_are_let_go_lie_evenly() -> None:
    assessor = ReleasedBeads(ReleasedBeads.Options(frames=4))
    frames = [CHAIN.snapshot(states()[:2], index) for index in range(10)]
    assert [frame.index for frame in frames if assessor._chosen(frame, 10)] == [0, 3, 5, 8]


def test_what_is_known_to_be_chance_is_taken_off() -> None:
    rng, wrong, errors = np.random.default_rng(0), 0, []
    for _ in range(500):
        known = rng.normal(size=(2, 2, 32))
        known[1] *= 1e4
        one = change(0.01 * known[0] - 1e-5 * known[1] + 0.005 * rng.normal(size=(2, 32)), known, 0.0)
        wrong += one.seen
        errors.append(one.error)
    assert np.mean(errors) == pytest.approx(0.005 * 8, rel=0.05)  # of a sum of 64, less what is known
    assert abs(wrong - 500 * FALSE_ALARMS) < 4 * (500 * FALSE_ALARMS)**0.5
