"""What steps say that they sample: the last one that makes atoms counts."""
from __future__ import annotations

from pathlib import Path

from backmap.api import Options, Sampled, State, Step


class Samples(Step):
    gives = frozenset({"atoms"})

    def start(self, state: State) -> None:
        state.sampled = Sampled(300.0)


class Draws(Step):
    gives = frozenset({"atoms"})


class Looks(Step):
    gives = frozenset({"judgement"})


def after(*steps: type[Step]) -> Sampled | None:
    state = State(folder=Path(), output=Path(), seed=0, device="cpu")
    for step in steps:
        step(Options()).begin(state)
    return state.sampled


def test_what_samples_says_so() -> None:
    assert after(Draws, Samples) == Sampled(300.0)


def test_what_only_looks_changes_nothing() -> None:
    assert after(Samples, Looks) == Sampled(300.0)


def test_what_makes_other_atoms_is_no_sample() -> None:
    assert after(Samples, Draws) is None


def test_twice_the_same_is_still_sampled() -> None:
    assert after(Samples, Samples) == Sampled(300.0)
