"""The prepared training set: one file of tensors, which needs nothing but torch to train from."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from backmap.engine.checkpoints import store
from backmap.engine.checkpoints.soundness import expect_type, taken_apart
from backmap.engine.geometry.constraint import SystemProjector
from backmap.model.system import System, Window

KIND = "training set"
ARRAYS = ("beads", "atoms", "boxes", "temperature", "held_out", "before")


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Frames on the manifold of rigid bonds and beads.

    Attributes:
        system: With rigid lengths and signs of stereocentres.
        beads: nm, (W, B, 3).
        atoms: nm, (W, A, 3).
        boxes: Rows are the box vectors, nm, (W, 3, 3).
        temperature: K, (W,).
        held_out: Frames for validation only, (W,) bool.
        before: Which frame is the one before each, -1 where there is none, (W,) int64.
    """

    system: System
    beads: np.ndarray
    atoms: np.ndarray
    boxes: np.ndarray
    temperature: np.ndarray
    held_out: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, system: System, windows: list[Window], temperature: list[float], held_out: list[bool],
           before: np.ndarray | None = None) -> TrainingSet:
        """Project reference frames (one per window) onto the manifold.

        Files are rounded: 0.001 nm is 0.4 degrees of angle noise and keeps rings from closing.
        """
        beads = np.concatenate([w.beads for w in windows])
        atoms, _ = SystemProjector(system).project(np.concatenate([w.reference for w in windows]), beads)
        return cls(system, beads, atoms, np.concatenate([w.boxes for w in windows]),
                   np.asarray(temperature, dtype=float), np.asarray(held_out, dtype=bool),
                   np.full(len(windows), -1) if before is None else before)

    def window(self, frames: np.ndarray) -> Window:
        """Some of the frames as a window with all atoms placed."""
        window = Window(frames, np.zeros(len(frames)), self.boxes[frames], self.beads[frames],
                        system=self.system)
        return window.with_atoms(self.atoms[frames])

    def save(self, path: Path) -> None:
        """Write the set to a .safetensors file."""
        tensors = {name: torch.as_tensor(getattr(self, name))
                   for name in ARRAYS}
        entries = []
        for k, molecule in enumerate(self.system.types):
            packed, entry = store.pack_type(molecule, f"type{k}")
            tensors |= packed
            entries.append(entry)
        blocks = [(self.system.types.index(kind), count) for kind, count in self.system.blocks]
        store.save(path, KIND, tensors, {"types": entries, "blocks": blocks})

    @classmethod
    def load(cls, path: Path) -> TrainingSet:
        """Read a set that ``save`` wrote.

        Raises:
            BackmapError: If the file is not such a set.
        """
        tensors, header = store.load(path, KIND)
        with taken_apart(path):
            types = [store.unpack_type(tensors, entry, f"type{k}") for k, entry in enumerate(header["types"])]
            for kind in types:
                expect_type(kind, path)
            system = System(tuple((types[k], count) for k, count in header["blocks"]))
            tensors.setdefault("before", torch.full((len(tensors["beads"]),), -1))  # files from before there was one
            return cls(system, *(tensors[name].numpy() for name in ARRAYS))
