"""The ``equivariant`` generator: draws, densities and loss around the network."""
from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from backmap.api import DensityGenerator, Options, View, WeightsPath
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System

from ..trained import Trained
from ..units import bead_types_of, expect_within, unit_of, view_of
from .beads import BeadHead, BeadNetwork
from .core import Core
from .features import Slots
from .network import Network

#: What the checkpoint keeps of the options: all that a network was built with.
SIZES = {"channels", "width", "dropout"}


class EquivariantOptions(Options):
    """Options of the ``equivariant`` generator."""

    changed_names: ClassVar = {"strangers": "is called 'allow_unseen_molecules' now"}

    checkpoint: WeightsPath | None = Field(None, description="Weights made by the train step (.safetensors); "
                                                           "needed to draw, left out to train anew.")
    cutoff: float | None = Field(None, gt=0, description="How far a new network sees, nm; by default 0.8, and of beads "
                                                         "in place of atoms 2.7 lengths of their bonds.")
    channels: int = Field(32, ge=4, description="Channels of a new network's encoder.")
    width: int = Field(192, ge=16, description="Hidden width of a new network's heads.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of hidden values left out in training.")
    allow_unseen_molecules: bool = Field(
        False, description="Draw molecule types, too, that training did not meet, by what it learned of others: from "
                           "atoms of the same elements, and with the topology's bond lengths.")


class Equivariant(Trained, DensityGenerator):
    """Places atoms one by one in internal coordinates, drawn from an equivariant network, with an exact density.

    Every atom gets an angle and a torsion about its predecessors (and a distance where the bond is not rigid) from
    densities that the network conditions on the surroundings; rings close by trilateration. Environments are mirrored
    by their handedness, so that the network sees one mirror image only.
    """

    Options = EquivariantOptions
    options: EquivariantOptions
    kind = "equivariant"
    equivariant = True

    def __init__(self, options: EquivariantOptions) -> None:
        super().__init__(options)
        self.sizes = self.checkpoint.sizes if self.checkpoint else options.model_dump(include=SIZES)
        with self.rebuilding():
            self._build()
        self.fill(self.network)

    def _build(self) -> None:
        sizes = dict(self.sizes)
        unit, bead_types = sizes.pop("unit", 1.0), sizes.pop("bead_types", [])
        if not self.checkpoint:
            self._view = view_of(self.options.cutoff, unit)
        if bead_types:
            self.core = Core(BeadNetwork(len(bead_types), **sizes), self.view, BeadHead, unit, bead_types)
        else:
            self.core = Core(Network(**sizes), self.view)

    def study(self, system: System) -> None:
        bead_types = bead_types_of(system.types)
        if bead_types:  # other inputs, another unit of length: another network
            self.sizes = self.sizes | {"unit": unit_of(system.types), "bead_types": bead_types}
            self._build()
        expect_within(self.view, self.core.scale.unit, self.kind)

    @property
    def view(self) -> View:
        return self.checkpoint.view if self.checkpoint else self._view

    @property
    def network(self) -> Network:
        return self.core.network

    def prepare(self, system: System, device: str) -> System:
        checkpoint = self.expect_weights()
        unknown = sorted({*bead_types_of(system.types)} - {*self.core.bead_types})
        if unknown:
            raise BackmapError(f"the weights know no beads of type {', '.join(unknown)}", where=checkpoint.path,
                               hint=f"They know: {', '.join(self.core.bead_types) or 'atoms only'}. Train with such "
                                    "beads.")
        self.network.to(device).eval()
        unseen = checkpoint.unseen(system) if self.options.allow_unseen_molecules else []
        self.remarks = checkpoint.remarks(system)
        if unseen:
            self.core.known = self._known_slots(unseen)
        return checkpoint.enrich(system, self.options.allow_unseen_molecules)

    def _known_slots(self, unseen: list[MoleculeType]) -> Slots:
        """What training met, in numbers.

        Raises:
            BackmapError: For atoms of kinds that it did not meet.
        """
        types = self.checkpoint.types
        known = {kind for molecule in types for kind in _atom_kinds(molecule)}
        for molecule in unseen:
            for atom, kind in enumerate(_atom_kinds(molecule)):
                if kind not in known:
                    raise BackmapError(f"the weights know no atoms like {molecule.atom_names[atom]} of "
                                       f"'{molecule.name}'", where=self.checkpoint.path,
                                       hint="Train with molecules that have such atoms: elements and aromatic rings "
                                            "count.")
        tables = FragmentTable.build(types, self.view, [resting_order(kind) for kind in types])
        return Slots.of_tables(tables, self.core.bead_types)

    @torch.no_grad()
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        return self.core.draw(env, rng, candidates)

    @torch.no_grad()
    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return self.core.log_density(env, positions)

    def loss(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Tensor:
        return -self.core.log_density(env, target)


def _atom_kinds(molecule: MoleculeType) -> list[tuple[int | str, bool]]:
    """Element of every atom, or type of a bead, and if it is aromatic."""
    chemistry = molecule.chemistry
    if molecule.coarse:
        return [(kind, False) for kind in molecule.atom_types]
    return list(zip(chemistry.element.tolist(), chemistry.aromatic.tolist(), strict=True))
