"""Checkpoints of trained generators: weights, options, molecule types and conformers in one file."""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ...errors import BackmapError
from ...model.molecule import MoleculeType, merged
from ...model.system import System
from ..sites.contracts import View
from . import store
from .library import Conformers, Library
from .soundness import expect_sizes, expect_temperatures, expect_type, expect_view, expect_weights, taken_apart

KIND = "checkpoint"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The content of the file of a trained generator.

    Attributes:
        generator: Recipe name of the generator that the weights belong to.
        weights: State dictionary of its network.
        sizes: Arguments that the network was built with.
        view: Range of its local environments.
        types: Molecule types it was trained on, with rigid lengths and signs of stereocentres.
        library: Conformers for the parallel start.
        training: How it was made (temperature, steps, validation), for people.
        path: The file it was read from, or None.
    """

    generator: str
    weights: dict[str, Tensor]
    sizes: dict[str, Any]
    view: View
    types: list[MoleculeType]
    library: Library
    training: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    def save(self, path: Path) -> None:
        """Write the file, under a temporary name first, so that it is never there in part."""
        tensors = {f"weights.{name}": t for name, t in self.weights.items()}
        entries = []
        for k, molecule in enumerate(merged(self.types)):
            packed, entry = store.pack_type(molecule, f"type{k}")
            conformers = self.library.types[molecule.name]
            tensors |= packed | {f"type{k}.own": conformers.own, f"type{k}.beads": conformers.beads}
            entries.append(entry)
        store.save(path, KIND, tensors, {
            "generator": self.generator, "sizes": self.sizes, "types": entries, "training": self.training,
            "view": {"cutoff": self.view.cutoff, "context": self.view.context}})

    @classmethod
    def load(cls, path: Path, generator: str | None = None) -> Checkpoint:
        """Read a checkpoint.

        Args:
            path: The file.
            generator: Recipe name of the generator it must belong to; None means any.

        Raises:
            BackmapError: If the file is missing or damaged, is no checkpoint, or belongs to another generator.
        """
        tensors, header = store.load(path, KIND)
        with taken_apart(path):
            if generator and header["generator"] != generator:
                raise BackmapError(f"holds weights of the generator '{header['generator']}', not of '{generator}'",
                                   where=path, hint=f"Use them as '{header['generator']}: {path.name}'.")
            types = [store.unpack_type(tensors, entry, f"type{k}") for k, entry in enumerate(header["types"])]
            library = Library({})
            for k, molecule in enumerate(types):
                expect_type(molecule, path)
                library.types[molecule.name] = Conformers(molecule.atom_names, tensors[f"type{k}.own"],
                                                          tensors[f"type{k}.beads"])
                library.types[molecule.name].expect(molecule, path)
            weights = {name.removeprefix("weights."): t for name, t in tensors.items() if name.startswith("weights.")}
            expect_weights(weights, path)
            expect_sizes(header["sizes"], path)
            expect_view(header["view"], path)
            training = dict(header["training"])
            expect_temperatures(training.get("temperature") or (), path)
            return cls(header["generator"], weights, header["sizes"], View(**header["view"]), types, library, training,
                       path)

    def enrich(self, system: System, allow_unseen: bool = False) -> System:
        """Return the system with rigid lengths and signs of stereocentres as in training.

        Args:
            system: The molecules to be drawn.
            allow_unseen: Accept molecule types that were not in training; they keep the rigid lengths and signs of the
                topology.

        Raises:
            BackmapError: If a molecule type was not in training and ``allow_unseen`` is False or it has flexible bonds
                of a kind that was always rigid in training; if a molecule type differs from that of training.
        """
        known = {molecule.name: molecule for molecule in self.types}
        taught = {}
        for molecule in system.types:
            if molecule.given:  # nothing of it is drawn
                taught[molecule] = molecule
            elif molecule.name in known:
                taught[molecule] = store.taught(molecule, known[molecule.name], self.path)
            elif allow_unseen:
                self._expect_known_widths(molecule)
                taught[molecule] = molecule
            else:
                raise BackmapError(f"the weights know no molecule type '{molecule.name}'", where=self.path,
                                   hint=f"They know: {', '.join(known)}. Use the template generator, or train.")
        return replace(system, blocks=tuple((taught[kind], count) for kind, count in system.blocks))

    def unseen(self, system: System) -> list[MoleculeType]:
        """Return the molecule types to be drawn that were not in training."""
        known = {molecule.name for molecule in self.types}
        return [molecule for molecule in system.types if not molecule.given and molecule.name not in known]

    def remarks(self, system: System) -> list[str]:
        """Return a remark for the log on each molecule type that was not in training, or had more rigid bonds there."""
        return [*self._remarks_on_unseen(system), *self._remarks_on_rigid(system)]

    def _remarks_on_unseen(self, system: System) -> list[str]:
        learned = ", ".join(molecule.name for molecule in self.types)
        return [f"{molecule.name}: the weights were trained on other molecules ({learned}); "
                f"{int(np.isfinite(molecule.bond_length).sum())} of {len(molecule.bonds)} bonds are rigid, at the "
                "lengths of the topology" for molecule in merged(self.unseen(system))]

    def _remarks_on_rigid(self, system: System) -> list[str]:
        """Where the topology says which bonds are rigid, those that are flexible there and were rigid in training."""
        known, found = {molecule.name: molecule for molecule in self.types}, []
        for molecule in system.types:
            said = np.isfinite(molecule.bond_length)
            if molecule.given or molecule.name not in known or not said.any():
                continue
            if len(molecule.bonds) != len(known[molecule.name].bonds):
                continue  # another molecule of this name, which enrich refuses
            stiffened = int((np.isfinite(known[molecule.name].bond_length) & ~said).sum())
            if stiffened:
                found.append(f"{molecule.name}: {stiffened} of {len(molecule.bonds)} bonds are flexible by the "
                             "topology and rigid here, as they were in training")
        return found

    def _expect_known_widths(self, molecule: MoleculeType) -> None:
        """Raise BackmapError if a molecule has flexible bonds of a kind that was always rigid in training."""
        flexible = {kind for known in self.types for kind in _flexible(known)}
        unknown = set(_flexible(molecule)) - flexible
        if unknown:
            i, j = _flexible(molecule)[min(unknown)]
            raise BackmapError(
                f"bond {molecule.atom_names[i]}-{molecule.atom_names[j]} of '{molecule.name}' has no rigid length, and "
                "the weights were trained on rigid bonds of its kind only", where=self.path,
                hint="Write 'constraints: all-bonds' in topology, which takes the lengths of the force field.")


def _flexible(molecule: MoleculeType) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the kinds of flexible bonds, as pairs of elements, and the first bond of each."""
    element, bonds = molecule.chemistry.element, molecule.bonds[np.isnan(molecule.bond_length)]
    return {tuple(sorted((int(element[i]), int(element[j])))): (int(i), int(j)) for i, j in bonds[::-1]}
