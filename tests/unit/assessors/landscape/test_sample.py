"""Frames of a trajectory: duplicates count once, and frames of the same beads are pairs."""
from __future__ import annotations

import numpy as np
from backmap_plugins.assessors.landscape.sample import ENVIRONMENTS, FRAME, LEFT_OUT, Sample

from backmap.model.tally import Tally


def sample(beads: list[float], seed: int = 1, again: tuple[int, ...] = (), left_out: int = 0) -> Sample:
    """Random frames of these beads, and some of them once more."""
    frames = np.random.default_rng(seed).random((len(beads), 3, 2, 4))
    tally = Tally()
    for place, k in enumerate([*range(len(beads)), *again]):
        tally.row(ENVIRONMENTS, place, frames[k])
        tally.row(FRAME, place, [k, 0, beads[k]])
    for k in range(left_out):
        tally.row(LEFT_OUT, 100 + k, [k])
    return Sample.of(tally)


def test_frames_that_are_there_twice_count_once() -> None:
    once, twice = sample([1, 2, 3]), sample([1, 2, 3], again=(0, 1, 2, 2))
    assert (once.repeated, twice.repeated) == (0, 4)
    assert twice.digests == once.digests
    assert twice.n_frames == 3
    assert twice.pairing(sample([1, 2, 3], 2)).finest == once.pairing(sample([1, 2, 3], 2)).finest


def test_frames_of_the_same_beads_are_pairs() -> None:
    """In whatever order they are; frames whose beads the other has not are left out."""
    found = sample([5, 6, 7, 8]).pairing(sample([8, 6, 9, 5], 2))
    assert found.paired
    assert found.reference.tolist() == [0, 1, 3]
    assert found.candidate.tolist() == [[4 + 3], [4 + 1], [4 + 0]]


def test_draws_of_the_same_beads_are_one_unit() -> None:
    """As many draws of each as all have."""
    candidate = sample([5, 6, 5, 6, 5], 2)
    assert [rows.tolist() for rows in candidate.units] == [[0, 2, 4], [1, 3]]
    found = sample([6, 5]).pairing(candidate)
    assert found.candidate.tolist() == [[2 + 1, 2 + 3], [2 + 0, 2 + 2]]
    assert found.finest == 1 / 9


def test_frames_of_other_beads_are_two_sets() -> None:
    found = sample([1, 2, 3]).pairing(sample([4, 5, 4, 5], 2))
    assert not found.paired
    assert found.reference.tolist() == [0, 1, 2]
    assert found.candidate.tolist() == [[3, 5], [4, 6]]


def test_nothing_but_frames_that_are_left_out() -> None:
    empty = sample([], left_out=2)
    assert (empty.n_frames, empty.left_out) == (0, 2)
    assert sample([1], left_out=2).left_out == 2
