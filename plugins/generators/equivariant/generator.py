"""The ``equivariant`` generator: draws, densities and loss around the network."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from backmap.api import Checkpoint, Library, Options, View, WeightsPath
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType, merged
from backmap.model.system import System

from ..units import bead_types_of, expect_within, unit_of, view_of
from .beads import BeadHead, BeadNetwork
from .core import Core
from .features import Description, Ranges, Slots
from .network import Network
from .one_by_one import OneByOne
from .transfer import Experience, ranges_of

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
    transferable: bool = Field(
        False, description="For a new network: know molecules by elements and bonds alone, and keep no molecule types, "
                           "so that one set of weights draws whatever has atoms of elements that it met. Training sets "
                           "may have the same molecule in several mappings.")


class Equivariant(OneByOne):
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
        own = options.model_dump(include=SIZES) | ({"transferable": True} if options.transferable else {})
        self.sizes = self.checkpoint.sizes if self.checkpoint else own
        with self.rebuilding():
            self._build()
            if self.checkpoint and self.transferable:
                self.experience = Experience.read(self.checkpoint.training["met"])
        self.fill(self.network)

    def _build(self) -> None:
        sizes = dict(self.sizes)
        unit, bead_types = sizes.pop("unit", 1.0), tuple(sizes.pop("bead_types", []))
        description = Description(bead_types, sizes.pop("transferable", False))
        if not self.checkpoint:
            self._view = view_of(self.options.cutoff, unit)
        if bead_types:
            network = BeadNetwork(description=description, **sizes)
            self.core = Core(network, self.view, BeadHead, unit, description)
        else:
            self.core = Core(Network(description=description, **sizes), self.view, description=description)

    @property
    def transferable(self) -> bool:
        return self.core.description.bond_orders

    def study(self, system: System) -> None:
        bead_types = bead_types_of(system.types)
        if self.transferable:
            if bead_types:
                raise BackmapError("transferable weights know elements, which beads have not", where=self.kind,
                                   hint="Leave 'transferable' out.")
            drawn = [kind for kind in system.types if not kind.given]
            self.experience = Experience.of(drawn)
            self.network.met.learn(ranges_of(drawn, self.view, self.core.description))
        if bead_types:  # other inputs, another unit of length: another network
            self.sizes = self.sizes | {"unit": unit_of(system.types), "bead_types": bead_types}
            self._build()
        expect_within(self.view, self.core.scale.unit, self.kind)

    @property
    def view(self) -> View:
        return self.checkpoint.view if self.checkpoint else self._view

    def prepare(self, system: System, device: str) -> System:
        checkpoint = self.expect_weights()
        known_types = self.core.description.bead_types
        unknown = sorted({*bead_types_of(system.types)} - {*known_types})
        if unknown:
            raise BackmapError(f"the weights know no beads of type {', '.join(unknown)}", where=checkpoint.path,
                               hint=f"They know: {', '.join(known_types) or 'atoms only'}. Train with such "
                                    "beads.")
        self.network.to(device).eval()
        if self.transferable:
            return self._prepare_any(system, checkpoint)
        unseen = checkpoint.unseen(system) if self.options.allow_unseen_molecules else []
        self.remarks = checkpoint.remarks(system)
        if unseen:
            self.core.known = self._known_ranges(unseen)
        return checkpoint.enrich(system, self.options.allow_unseen_molecules)

    def _prepare_any(self, system: System, checkpoint: Checkpoint) -> System:
        """The system as it is: rigid lengths and signs are those of the topology.

        Raises:
            BackmapError: For atoms of elements that training did not meet, and for flexible bonds.
        """
        self.core.known = self.network.met.ranges
        drawn = merged([kind for kind in system.types if not kind.given])
        for kind in drawn:
            missing = self.experience.missing(kind)
            if missing:
                raise BackmapError(f"the weights know no atoms like {missing} of '{kind.name}'", where=checkpoint.path,
                                   hint="Train with molecules that have such atoms: elements and aromatic rings count.")
            if self.experience.rigid and not np.isfinite(kind.bond_length).all():
                raise BackmapError(f"'{kind.name}' has flexible bonds, and the weights were trained on rigid ones only",
                                   where=checkpoint.path, hint="Write 'constraints: all-bonds' in topology.")
        self.doubts = [doubt for kind in drawn
                       if (doubt := self.experience.doubt(kind) or self.experience.distance(kind))]
        return system

    def unseen(self, system: System) -> Sequence[MoleculeType]:
        if not self.transferable:
            return super().unseen(system)
        return [kind for kind in system.types if not kind.given and self.experience.unmet(kind)]

    def save(self, path: Path, system: System, library: Library, training: dict[str, Any]) -> None:
        if not self.transferable:
            super().save(path, system, library, training)
            return
        weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        Checkpoint(self.kind, weights, self.sizes, self.view, [], Library({}),
                   training | {"met": self.experience.told()}).save(path)

    def _known_ranges(self, unseen: list[MoleculeType]) -> Ranges:
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
        return Slots.of_tables(tables, self.core.description).ranges()


def _atom_kinds(molecule: MoleculeType) -> list[tuple[int | str, bool]]:
    """Element of every atom, or type of a bead, and if it is aromatic."""
    chemistry = molecule.chemistry
    if molecule.coarse:
        return [(kind, False) for kind in molecule.atom_types]
    return list(zip(chemistry.element.tolist(), chemistry.aromatic.tolist(), strict=True))
