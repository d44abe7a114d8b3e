"""Checkpoints of trained generators: weights, conformers, the molecule types they know, options."""
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

KIND = "checkpoint"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What training leaves behind.

    Attributes:
        generator: Recipe name of the generator it belongs to.
        weights: State of its network.
        sizes: Arguments the network was built with.
        view: How far it sees.
        types: Molecule types it was trained on, with rigid lengths and signs.
        library: Conformers for the parallel start.
        training: How it was made (temperature, steps, validation), for people.
        path: Where it was read from.
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
        """Write the file, whole or not at all."""
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
        """Read a checkpoint; ``generator`` says whose it must be."""
        tensors, header = store.load(path, KIND)
        if generator and header["generator"] != generator:
            raise BackmapError(f"holds weights of the generator '{header['generator']}', not of '{generator}'",
                               where=path, hint=f"Use them as '{header['generator']}: {path.name}'.")
        types = [store.unpack_type(tensors, entry, f"type{k}") for k, entry in enumerate(header["types"])]
        library = Library({molecule.name: Conformers(molecule.atom_names, tensors[f"type{k}.own"],
                                                     tensors[f"type{k}.beads"]) for k, molecule in enumerate(types)})
        weights = {name.removeprefix("weights."): t for name, t in tensors.items() if name.startswith("weights.")}
        return cls(header["generator"], weights, header["sizes"], View(**header["view"]), types, library,
                   header["training"], path)

    def enrich(self, system: System, allow_unseen: bool = False) -> System:
        """The system with rigid lengths and signs of stereocentres as in training.

        Args:
            allow_unseen: Leave molecule types that training did not meet as they are, instead of refusing them: rigid
                lengths and signs are then the topology's.

        Raises:
            BackmapError: For molecule types that training did not meet, where these are not allowed, or whose bonds
                vary in length where those of training did not; for molecule types that training knows otherwise.
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
        """Molecule types to be drawn that training did not meet."""
        known = {molecule.name for molecule in self.types}
        return [molecule for molecule in system.types if not molecule.given and molecule.name not in known]

    def remarks(self, system: System) -> list[str]:
        """What a run should say of molecule types that training did not meet, a line for each."""
        learned = ", ".join(molecule.name for molecule in self.types)
        return [f"{molecule.name}: the weights were trained on other molecules ({learned}); "
                f"{int(np.isfinite(molecule.bond_length).sum())} of {len(molecule.bonds)} bonds are rigid, at the "
                "lengths of the topology" for molecule in merged(self.unseen(system))]

    def _expect_known_widths(self, molecule: MoleculeType) -> None:
        """Refuse a molecule with bonds whose lengths would have to be drawn, if training saw such bonds rigid only."""
        flexible = {kind for known in self.types for kind in _flexible(known)}
        unknown = set(_flexible(molecule)) - flexible
        if unknown:
            i, j = _flexible(molecule)[min(unknown)]
            raise BackmapError(
                f"bond {molecule.atom_names[i]}-{molecule.atom_names[j]} of '{molecule.name}' has no rigid length, and "
                "the weights were trained on rigid bonds of its kind only", where=self.path,
                hint="Write 'constraints: all-bonds' in topology, which takes the lengths of the force field.")


def _flexible(molecule: MoleculeType) -> dict[tuple[int, int], tuple[int, int]]:
    """Kinds of bonds, as elements, that vary in length, and the first such bond of each."""
    element, bonds = molecule.chemistry.element, molecule.bonds[np.isnan(molecule.bond_length)]
    return {tuple(sorted((int(element[i]), int(element[j])))): (int(i), int(j)) for i, j in bonds[::-1]}
