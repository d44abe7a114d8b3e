"""Reads frames of beads, and of true atoms where there are any."""
from __future__ import annotations

from pydantic import Field, model_validator

from backmap import api
from backmap.api import FrameSource, Nested, Reader, State
from backmap.errors import BackmapError

from ..molecules import contents
from ..molecules.mapped import MappedFrames
from ..molecules.sources import opened


class Read(api.Step):
    """Reads frames of beads, and reference atoms to compare with."""

    needs = frozenset({"system"})
    gives = frozenset({"beads", "reference"})

    class Options(api.Options):
        beads: Nested[Reader] | None = Field(None, description="The coarse-grained trajectory; by default the mapping "
                                                               "makes it of the reference.")
        reference: Nested[Reader] | None = Field(None, description="The atomistic trajectory of the same frames.")

        @model_validator(mode="after")
        def _something(self) -> Read.Options:
            if self.beads is None and self.reference is None:
                raise ValueError("reads nothing: give beads, or a reference of which the mapping makes them")
            return self

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.reference is None:
            self.gives = frozenset({"beads"})

    def start(self, state: State) -> None:
        if state.source is not None:
            raise BackmapError("an earlier step reads the frames of this run already", where=self.where,
                               hint="Give both files to one step, or take atoms from a second file by 'read_atoms'.")
        found = contents.of_state(state)
        if self.options.reference is not None:
            state.reference = opened(self.options.reference, "atoms", state.system, found)
        if self.options.beads is None:
            state.source = MappedFrames(state.reference, state.system)
            return
        state.source = opened(self.options.beads, "beads", state.system, found)
        if state.reference is not None:
            _check_same_frames(state.source, state.reference)


def _check_same_frames(beads: FrameSource, reference: FrameSource) -> None:
    if beads.n_frames != reference.n_frames:
        raise BackmapError(f"holds {reference.n_frames} frames, but {beads.where} holds {beads.n_frames}",
                           where=reference.where, hint="Frame n of one must be frame n of the other.")
