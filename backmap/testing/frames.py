"""What assessors, refiners and steps promise."""
from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, fields, replace

import numpy as np
import torch

from ..api import Assessor, Refiner, State, Step
from ..engine.random import Stream
from ..engine.sites.snapshot import AtomIndex, Snapshot
from ..model.assessment import Assessment
from ..model.memory import Memory, pack, unpack
from ..model.parameters import ForceField
from ..model.sampling import Sampled
from ..model.system import System, Window
from ..model.tally import Tally
from .examples import SAME, example, example_forcefield


def check_assessor(assessor: Assessor, system: System | None = None, window: Window | None = None,
                   forcefield: ForceField | None = None) -> None:
    """Check that figures do not depend on how frames are shared, need no reference, and are plain data.

    Args:
        assessor: The assessor; its ``begin`` is called here.
        system: The molecules to measure; by default those of ``example(4)``.
        window: The frames to measure, all atoms placed, three or more; by default those of ``example(4)``.
        forcefield: By default ``example_forcefield`` where the assessor needs one.
    """
    if system is None or window is None:
        system, window = example(4)
        window = replace(window, reference=window.atoms[::-1].copy())
    if forcefield is None and "forcefield" in assessor.needs:
        forcefield = example_forcefield(system)
    assessor.sampled, assessor.beads_are = assessor.sampled or Sampled(300.0), assessor.beads_are or "mapped"
    assessor.begin(system, forcefield)
    measured = [_measured(assessor, system, window, [w]) for w in range(window.size)]
    whole, reference = (_measured(assessor, system, window, list(range(window.size)), true) for true in (False, True))
    assert whole.n_frames == window.size, "the tally has no rows, so that nobody knows how many frames it holds"
    pieces = Tally.merged([measured[-1], Tally.merged(measured[:-1])])
    kept = Tally.from_arrays(whole.to_arrays())
    for other in (None, reference):
        said = _plain(assessor.conclude(whole, other))
        assert _plain(assessor.conclude(pieces, other)) == said, "figures depend on how the frames are shared out"
        assert _plain(assessor.conclude(kept, other)) == said, "figures change when a tally is written and read"
    _check_figures(assessor, whole, reference)


def _measured(assessor: Assessor, system: System, window: Window, frames: list[int], true: bool = False) -> Tally:
    tally, before = Tally(), window.atoms.copy()
    for frame in Snapshot.all_of(window, system, AtomIndex(system), np.arange(window.size)):
        if frame.index in frames:
            flags = assessor.measure(frame.reference if true and frame.reference else frame, tally) or {}
            for name, flagged in flags.items():
                assert flagged.shape == (system.n_beads,), f"flags of '{name}' are {flagged.shape}, not (B,)"
                assert flagged.dtype == bool, f"flags of '{name}' are no mask"
    assert np.array_equal(before, window.atoms), "measuring moves the atoms"
    return tally


def _check_figures(assessor: Assessor, tally: Tally, reference: Tally) -> None:
    alone, beside = assessor.conclude(tally, None), assessor.conclude(tally, reference)
    assert alone.figures, "there are no figures without a reference"
    assert not any(figure.distance for figure in alone.figures), "a figure of distance, but no reference"
    for said in (alone, beside):
        for what, things in (("figures", said.figures), ("curves", said.curves), ("surfaces", said.surfaces)):
            keys = [thing.key for thing in things]
            assert len(set(keys)) == len(keys), f"two {what} have the same section, name and quantity"
    for figure in assessor.conclude(reference, reference).figures:
        equal = not figure.distance or np.isnan(figure.value) or abs(figure.value) <= 1e-9
        assert equal, f"the reference is {figure.value} from itself in {figure.key}"


def _plain(assessment: Assessment) -> str:
    return json.dumps(assessment.to_json())


def check_refiner(refiner: Refiner, system: System | None = None, window: Window | None = None,
                  forcefield: ForceField | None = None) -> None:
    """Check that a refiner returns a new window of whole frames, each dependent on its own random numbers alone.

    The arguments are those of ``check_assessor``; two frames are enough.
    """
    if system is None or window is None:
        system, window = example()
    if forcefield is None and "forcefield" in refiner.needs:
        forcefield = example_forcefield(system)
    refiner.begin(system, forcefield)
    before, flags, numbers = window.atoms.copy(), set(window.flags), torch.as_tensor(window.frames)
    done = refiner.refine(window, system, Stream.of(7, numbers), None)
    assert np.array_equal(window.atoms, before), "the window that was given is changed"
    assert set(window.flags) == flags, "flags go into the window that was given"
    assert done.atoms.shape == before.shape, f"atoms are {done.atoms.shape}, not {before.shape}"
    assert np.isfinite(done.atoms).all(), "positions are not finite"
    last = replace(window, **{name: getattr(window, name)[-1:] for name in ("frames", "time", "boxes", "beads")},
                   reference=None, residual=None, flags={}).with_atoms(window.atoms[-1:])
    alone = refiner.refine(last, system, Stream.of(7, numbers[-1:]), None)
    assert np.abs(alone.atoms[0] - done.atoms[-1]).max() <= SAME, "a frame depends on the others of its window"
    only = np.zeros(window.beads.shape[:2], dtype=bool)
    only[0, 0] = True
    some = refiner.refine(window, system, Stream.of(7, numbers), only)
    rest = np.setdiff1d(np.arange(system.n_atoms), np.flatnonzero(system.types[0].mapping.owner == 0))
    assert np.array_equal(some.atoms[1:], before[1:]), "a frame moves in which no bead is chosen"
    assert np.array_equal(some.atoms[0, rest], before[0, rest]), "atoms move of beads that are not chosen"


def check_step(step: Step, state: State, window: Window, timed: Collection[str] = ()) -> None:
    """Check that the result of a step for a frame, and its memory, do not depend on how frames are shared.

    Args:
        step: A step that has started; it is not finished, and its memory is whole afterwards.
        state: The state it started with.
        window: Two frames or more.
        timed: Tallies of its memory that hold times, which are never the same.
    """
    if window.system not in state.systems:  # steps may have learned more of it as they started
        window = replace(window, system=state.systems[state.read_level])
    whole, counted = _through(step, state, window)
    merged = Memory()
    for w in reversed(range(window.size)):
        alone, part = _through(step, state, window.take(np.array([w])))
        for field in fields(Window):
            if field.name == "system":
                assert alone.system is whole.system, "a frame has another system in another window"
            elif field.name != "flags":
                there, here = getattr(whole, field.name), getattr(alone, field.name)
                same = np.array_equal(here[0], there[w]) if here is not None else there is None
                assert same, f"the {field.name} of a frame depend on the others of its window"
        for name in {*whole.flags, *alone.flags}:
            nothing = np.zeros(window.beads.shape[:2], dtype=bool)
            same = np.array_equal(alone.flags.get(name, nothing)[0], whole.flags.get(name, nothing)[w])
            assert same, f"the flag '{name}' of a frame depends on the others of its window"
        merged.merge(unpack(pack({0: part})).get(0, Memory()))
    for name in {*counted, *merged} - set(timed):
        here, there = counted[name].to_arrays(), merged[name].to_arrays()
        same = here.keys() == there.keys() and all(np.array_equal(here[key], there[key]) for key in here)
        assert same, f"the memory '{name}' depends on how the frames are shared out"
    step.memory = counted


def check_tuning(step: Step, state: State, window: Window) -> None:
    """Check that a step which tunes itself chooses what recipes can say, the same each time, and then goes by it.

    Args:
        step: A step that has started, with options that are ``auto``; it adopts what it chooses.
        state: The state it started with.
        window: Frames as the step gets them.
    """
    wanted, before = set(step.automatic), replace(window, flags=dict(window.flags))
    atoms = None if window.atoms is None else window.atoms.copy()
    assert wanted, "no option is auto"
    first, second = step.tune(window, state), step.tune(window, state)
    assert first == second, "another choice for the same frames"
    assert set(first.values) == wanted, f"{sorted(first.values)} are chosen, where {sorted(wanted)} are auto"
    assert json.loads(json.dumps(asdict(first))) == asdict(first), "what is chosen is no plain data"
    assert atoms is None or np.array_equal(window.atoms, atoms), "tuning moves the atoms"
    written = type(step)(type(step.options).model_validate({**dict(step.options), **first.values}))
    written.index, written.where, written.there = step.index, step.where, step.there
    apart = replace(state, log=lambda line: None, judges={})
    written.start(apart)
    step.adopt(first)
    assert not step.automatic, "options are auto still once they are chosen"
    (one, counted), (other, expected) = _through(step, state, before), _through(written, apart, before)
    same = one.atoms is None or np.array_equal(one.atoms, other.atoms)
    assert same, "a step that adopts a choice makes other atoms than one whose recipe says so"
    assert pack({0: counted}) == pack({0: expected}), "and it remembers other things"
    step.memory = Memory()


def _through(step: Step, state: State, window: Window) -> tuple[Window, Memory]:
    """A window after the step, and what the step has counted of it."""
    step.memory = Memory()
    return step.frames(window, state), step.memory
