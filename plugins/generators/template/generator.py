"""The ``template`` generator: rigid fragments placed from the beads alone, all at once.

Every fragment takes the shape it has in a library of conformers, one of those whose beads look most
like the beads at hand, turned onto them. The library comes from training frames (in a checkpoint) or,
for molecules of which there are none, from idealised geometry (``conformers``).
"""
from __future__ import annotations

from typing import Any

import torch
from pydantic import Field

from backmap.api import Generator, Options, WeightsPath
from backmap.engine.checkpoints.checkpoint import Checkpoint
from backmap.engine.checkpoints.library import Library
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment, View
from backmap.errors import BackmapError
from backmap.model.system import System


class TemplateOptions(Options):
    """Options of the ``template`` generator."""

    checkpoint: WeightsPath | None = Field(
        None, description="Checkpoint whose conformers are used; without one, idealised geometry from RDKit.")
    conformers: int = Field(16, ge=1, description="Idealised conformers per molecule type, without a checkpoint.")


class Template(Generator):
    """Places rigid conformers of fragments by their beads, without training: a start for sweeps, or a crude result."""

    Options = TemplateOptions
    options: TemplateOptions
    parallel = True

    def __init__(self, options: TemplateOptions) -> None:
        super().__init__(options)
        self.checkpoint = Checkpoint.load(options.checkpoint) if options.checkpoint else None
        self.library = self.checkpoint.library if self.checkpoint else None

    @classmethod
    def from_library(cls, library: Library) -> Template:
        """A template generator with conformers that are at hand already; those of other molecules are added to them."""
        template = cls(TemplateOptions())
        template.library = library
        return template

    @property
    def view(self) -> View:
        return View()

    @property
    def training(self) -> dict[str, Any]:
        return self.checkpoint.training if self.checkpoint else {}

    def prepare(self, system: System, device: str) -> System:
        if self.checkpoint is not None:
            system = self.checkpoint.enrich(system)
        self.library = self.library or Library()
        missing = [one for one in system.types if not one.given and one.name not in self.library.types]
        if missing and self.checkpoint is None:
            from .conformers import ideal_library  # RDKit is needed for this alone

            found = ideal_library(System(tuple((one, 1) for one in missing)), self.options.conformers)
            self.library.types.update(found.types)
        for molecule in system.types:
            if not self.library.fits(molecule):
                raise BackmapError(f"there are no conformers of molecule type '{molecule.name}'",
                                   where=self.options.checkpoint or "template",
                                   hint="Train on it, or leave the checkpoint out to use idealised geometry.")
        return system

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        return Draw(torch.stack([self.library.place(env, rng) for _ in range(candidates)], dim=1))
