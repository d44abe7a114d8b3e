"""A reference that is not paired: true atoms, or beads, of other frames than the run's, as many as there are."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from backmap.api import FrameSource, Reader, State
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.system import System
from backmap.model.windows import window_of

from .. import handed
from ..molecules import contents
from ..molecules.mapped import MappedFrames
from ..molecules.sources import opened


def opened_unpaired(reference: Reader | None, state: State, where: str, of: str = "atoms") -> FrameSource | None:
    """The frames that the option ``reference`` of a step names, if it does.

    Args:
        reference: The option.
        state: Of the run.
        where: The step, for messages.
        of: "atoms" or "beads": what is wanted of them. Where beads are, a file of atoms is mapped.

    Raises:
        BackmapError: If there are true atoms that belong to the run's beads, or none in the file.
    """
    if reference is None:
        return None
    if state.reference is not None:
        raise BackmapError("there are two references: this one, and that of read", where=f"{where}.reference",
                           hint="Leave one of them out.")
    mapped = of == "beads" and state.system.n_beads != handed.opened(reference).n_points == state.system.n_atoms
    source = opened(reference, "atoms" if mapped else of, state.system, contents.of_state(state))
    if not source.n_frames:
        raise BackmapError("holds no frames", where=source.where)
    return MappedFrames(source, state.system) if mapped else source


def true_frames(source: FrameSource, system: System, state: State, atoms: AtomIndex) -> Iterator[Snapshot]:
    """The true atoms of each frame, on the beads that the mapping makes of them, under a bar."""
    beads = MappedFrames(source, system)
    with state.working("reference", source.n_frames, "frames") as bar:
        for number in range(source.n_frames):
            window = window_of([number], number, system, beads, source)
            yield next(Snapshot.all_of(window, system, atoms, window.place)).reference
            bar.at(number + 1)


def true_beads(source: FrameSource, system: System, state: State, atoms: AtomIndex) -> Iterator[Snapshot]:
    """The beads of each frame, as the atoms of a system that has nothing finer, under a bar."""
    with state.working("reference", source.n_frames, "frames") as bar:
        for number in range(source.n_frames):
            window = window_of([number], number, system, source, None)
            yield next(Snapshot.all_of(replace(window, atoms=window.beads), system, atoms, window.place))
            bar.at(number + 1)
