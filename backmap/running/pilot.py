"""The pilot of a run: some of its frames go through the steps beforehand, and steps choose by them what is ``auto``.

Its draws have names of their own, unless nothing is sampled. What it chooses is a part of what the run is
(``tuning``): all frames, processes and parts have it, and a run that is resumed does not choose again. A part takes
what another part of the same run has left in the output folder of both; where there is nothing, it comes to the same by
itself.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..api import Step
from ..errors import BackmapError, at
from ..model.memory import Memory
from ..model.tuned import Tuned
from ..model.windows import window_of
from . import tuning
from .identity import Identity
from .pipeline import Pipeline, every
from .tuning import Tuning

#: The pilot takes as many frames as have so many atoms together, at most ``MOST``.
ATOMS, MOST = 6000, 3


def wanted(steps: Sequence[Step]) -> bool:
    """Whether anything is left to the pilot.

    Raises:
        BackmapError: If it is in a step inside of another, and no step of the recipe itself is like that.
    """
    return bool(list(_alike(steps)))


def adopt(steps: Sequence[Step], choices: Mapping[str, Tuned]) -> None:
    """Hand what was chosen to the steps of a recipe."""
    for step, like in list(_alike(steps)):
        if _place(like) in choices:
            step.adopt(choices[_place(like)])


def _place(step: Step) -> str:
    return f"steps[{step.index}].{step.name}"


def _alike(steps: Sequence[Step]) -> Iterator[tuple[Step, Step]]:
    """Steps that are tuned, and by which: each of the recipe by itself, one that is nested by its like."""
    own = [step for step in steps if step.automatic]
    for step in every(steps):
        if step.automatic:
            like = next((other for other in own if other.name == step.name and other.options == step.options), None)
            if like is None:
                raise BackmapError(f"{step.automatic[0]}: auto, but only steps of the recipe itself are tuned, and "
                                   "this one is inside of another", where=step.where,
                                   hint="Write numbers, or the same options as in a step of the recipe itself.")
            yield step, step if step in own else like


def settle(pipeline: Pipeline, identity: Identity, shared: Path | None) -> Tuning:
    """Find out what is ``auto`` in a run that begins, and hand it to the steps.

    Args:
        pipeline: That of the run, which has started.
        identity: What the run is.
        shared: The output folder of the whole run, for a part of it.
    """
    key = tuning.key(identity)
    found = tuning.left(shared, key) if shared is not None else None
    if found is not None:
        adopt(pipeline.steps, found.choices)
        return found
    numbers = spread(pipeline.numbers, max(system.n_atoms for system in pipeline.state.systems))
    made = Tuning(key, numbers, fly(pipeline, numbers))
    return made if shared is None else made.share(shared)


def fly(pipeline: Pipeline, numbers: Sequence[int]) -> dict[str, Tuned]:
    """Tune every step that is to be, by frames that the steps before it made as the run will make them.

    Args:
        pipeline: One that has started; what its steps count on the way is forgotten.
        numbers: Frames of the input.
    """
    from ..engine.random import seed_named  # late: it imports torch

    state, pairs, choices = pipeline.state, list(_alike(pipeline.steps)), dict[str, Tuned]()
    last = max(like.index for _, like in pairs)
    window = window_of(numbers, 0, state.systems[state.read_level], *pipeline.sources)
    if not all(step.draws_alike for step, _ in pairs):
        state.seed = seed_named(pipeline.seed, "pilot")
    with state.working("pilot") as bar:
        for step in pipeline.steps[:last + 1]:
            state.progress = lambda share, step=step: bar.at((step.index + share) / (last + 1), step.name)
            with at(step.where):
                if step.automatic:
                    choices[_place(step)] = step.tune(window, state)
                    for one in [one for one, like in pairs if like is step]:
                        one.adopt(choices[_place(step)])
                if step.index < last:
                    window = step.frames(window, state)
    for step in every(pipeline.steps):
        step.memory = Memory()
    pipeline.desk.taken()
    state.seed, state.progress = pipeline.seed, lambda share: None
    return choices


def spread(numbers: Sequence[int], n_atoms: int) -> list[int]:
    """The frames of a pilot: in the middle of pieces of the run of equal length.

    Args:
        numbers: The frames of the run.
        n_atoms: Atoms of a frame.
    """
    some = min(len(numbers), MOST, -(-ATOMS // max(n_atoms, 1)))
    return [numbers[int(place)] for place in (np.arange(some) + 0.5) * len(numbers) / some]


def tell(made: Tuning, log: Callable[[str], None]) -> None:
    """Print what was chosen."""
    for line in said(made):
        log(line)


def said(made: Tuning) -> Iterator[str]:
    """Lines for people."""
    frames = ", ".join(map(str, made.frames))
    for place, tuned in made.choices.items():
        yield (f"pilot: {place}: {tuned.said}, by frame{'s' * (len(made.frames) > 1)} {frames}; see {tuning.TUNED}")
        if tuned.remark:
            yield f"warning: pilot: {place}: {tuned.remark}"
