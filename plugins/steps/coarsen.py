"""The step ``coarsen``: beads from atoms, or from finer beads."""
from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import pydantic
from pydantic import Field, model_validator

from backmap import api
from backmap.api import AtomTopology, FrameStep, MappingReader, Several, State
from backmap.errors import BackmapError
from backmap.model.system import Window

from ..files.reading import as_list
from ..molecules.assemble import assemble, mapped_once
from ..molecules.particles import Particles


class Coarsen(FrameStep):
    """Makes beads of the finest particles that are there: of atoms, or of beads where there are no atoms.

    From here on there is nothing finer than these beads, and molecules under ``exclude`` are gone.
    """

    needs = frozenset({"system", "beads"})
    gives = frozenset({"system", "beads"})
    takes = frozenset({"atoms", "generator", "forcefield", "contents"})

    class Options(api.Options):
        mapping: Several[MappingReader] = Field(
            description="How the new beads are made: one reader, or a list for several formats. Where there are no "
                        "atoms, what it calls atoms are the beads that are there.")
        exclude: Annotated[list[str], pydantic.BeforeValidator(as_list)] = Field(
            [], description="Molecule types that are left out.")

        @model_validator(mode="after")
        def _something(self) -> Coarsen.Options:
            if not self.mapping:
                raise ValueError("'mapping' is empty: name a reader, e.g. mapping: {votca: mapping.xml}")
            return self

    options: Options

    def start(self, state: State) -> None:
        self.present = Particles(self, state)
        topology = AtomTopology.of(self.present.system, self.present.where)
        beads = mapped_once(self.options.mapping, topology, self.where)
        left_out = self._left_out(topology)
        lacking = [name for name in topology.types if name not in {*beads, *left_out}]
        if lacking:
            raise BackmapError(f"there is no mapping of {', '.join(lacking)}", where=self.where,
                               hint=f"Mapped are: {', '.join(beads)}. Add a mapping, or write "
                                    f"'exclude: [{', '.join(lacking)}]'.")
        for name, model in beads.items():
            for remark in model.remarks if name not in left_out else ():
                state.log(remark)
        self.mapped = assemble(topology, beads, constraints="none", left_out=left_out)
        self.rows = np.flatnonzero(np.concatenate([np.full(kind.n_atoms * count, kind.name not in left_out)
                                                   for kind, count in self.present.system.blocks]))
        state.log(f"{self.mapped.listed}: {self.mapped.n_atoms} {self.present.noun} to {self.mapped.n_beads} beads")
        state.change(self.mapped.as_beads)
        self.level = state.level

    def _left_out(self, topology: AtomTopology) -> set[str]:
        left_out = set(self.options.exclude)
        unknown = sorted(left_out - set(topology.types))
        if unknown:
            raise BackmapError(f"'{unknown[0]}' under 'exclude' is no molecule type of {topology.where}",
                               where=self.where, hint=f"Known: {', '.join(topology.types)}.")
        if left_out == set(topology.types):
            raise BackmapError("no molecule is left to be mapped", where=self.where, hint="Leave 'exclude' out.")
        return left_out

    def frame(self, window: Window, state: State) -> Window:
        made = window.with_beads(self._mapped(self.present.of(window))[None], state.systems[self.level])
        if window.reference is None:
            return made
        true = window.reference[0]
        if self.present.noun == "beads" and not window.system.only_beads:
            true = window.system.map(true)
        return replace(made, reference=self._mapped(true)[None])

    def _mapped(self, particles: np.ndarray) -> np.ndarray:
        """Beads (B, 3) of whole molecules of particles (n, 3), nm."""
        return self.mapped.map(particles[self.rows])
