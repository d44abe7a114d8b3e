"""What a bottleneck keeps: groups of beads, from a number or from mapping files."""
from __future__ import annotations

import networkx as nx
import pydantic
from pydantic import Field, model_validator

from backmap.api import AtomMolecule, AtomTopology, BeadModel, MappingReader, Options, Several
from backmap.errors import BackmapError, at
from backmap.model.molecule import graph_of
from backmap.model.system import System

from ..molecules.assemble import assemble, mapped_once
from ..molecules.bead_molecule import BeadMolecule
from ..molecules.bottleneck import CoarseMolecule
from ..molecules.groups import Remainder


class CoarserOptions(Options):
    """What is kept."""

    bottleneck: pydantic.PositiveInt | Several[MappingReader] = Field(
        description="What is kept: how many successive beads go into one mass centre, or mapping files (backmap "
                    "bottleneck writes them) in which the beads that are there are called atoms.")
    remainder: Remainder = Field("last", description="Of chains that do not divide by a number under 'bottleneck'. "
                                                     "last: the last group is smaller; spread: groups differ by one "
                                                     "at most; error: they are refused.")

    @model_validator(mode="after")
    def _something(self) -> CoarserOptions:
        if self.bottleneck == []:
            raise ValueError("'bottleneck' is empty: give a number of beads, or a mapping")
        return self


def coarser(beads: System, options: CoarserOptions, where: str) -> System:
    """The beads as particles of the bottleneck that they are drawn into; others are given.

    Raises:
        BackmapError: If nothing can be drawn, or a group has beads that no bonds join.
    """
    topology = AtomTopology.of(beads, "the beads so far")
    if isinstance(options.bottleneck, int):
        with at(where):
            models = {name: CoarseMolecule.of(BeadMolecule.of(kind), options.bottleneck, options.remainder).model
                      for name, kind in topology.types.items() if len(kind.atom_names) > 1}
    else:
        models = mapped_once(options.bottleneck, topology, where)
    for name, model in models.items():
        _expect_joined(topology.types[name], model, where)
    made = assemble(topology, models, constraints="none", given=set(topology.types) - set(models))
    if all(kind.given for kind in made.types):
        raise BackmapError("no molecule has beads to be drawn into a bottleneck", where=where,
                           hint="Beads go together along bonds; single beads, and molecules of no mapping, stay as "
                                "they are.")
    return made


def _expect_joined(beads: AtomMolecule, model: BeadModel, where: str) -> None:
    """Raise BackmapError if a group has beads that no bonds join: which of their periodic images belong together?"""
    part = {bead: number for number, one in enumerate(nx.connected_components(
        graph_of(len(beads.atom_names), beads.bonds))) for bead in one}
    for name, group in zip(model.bead_names, model.mapping.fragments(), strict=True):
        if len({part[bead] for bead in group.tolist()}) > 1:
            raise BackmapError(f"no bonds join the beads of group {name} of '{beads.name}', so that nobody knows which "
                               "of their periodic images belong together", where=where,
                               hint="Give a topology with bonds, or smaller groups.")
