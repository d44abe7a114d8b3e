"""Local environments as vectors: power spectra of the density of neighbours (SOAP), by the library featomic.

A. P. Bartok, R. Kondor, G. Csanyi, Phys. Rev. B 87, 184115 (2013).
"""
from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.system import System

from .centres import Centres
from .extra import imported

Array = NDArray[np.float64]

#: Type of the points around which neighbours are described, where these are no atoms: no element has it.
GHOST = 0


@dataclass(frozen=True)
class Spectrum:
    """How densities are made and expanded; lengths in nm.

    Attributes:
        radius: Neighbours farther than this are not seen.
        width: Over so much before the radius their weight falls from 1 to 0, by half a cosine.
        sigma: Of the Gaussians that stand for atoms.
        n_max: Number of radial functions, of Gaussian type.
        l_max: Largest degree of the spherical harmonics.
        hydrogen: Whether hydrogen is seen.
    """

    radius: float
    width: float = 0.1
    sigma: float = 0.03
    n_max: int = 8
    l_max: int = 6
    hydrogen: bool = False


#: Beads and others without an element are species of their own, by type, from this number on.
BEADS = 1000


def species_of(system: System) -> NDArray[np.int32]:
    """What neighbours are told apart by: the element of each atom, or the type of those that have none, (A,)."""
    bare = sorted({name for kind in system.types
                   for name, element in zip(kind.atom_types, kind.chemistry.element) if not element})
    species = np.empty(system.n_atoms, dtype=np.int32)
    for group in system.groups:
        kind = group.type
        species[group.atoms] = [element or BEADS + bare.index(name)
                                for name, element in zip(kind.atom_types, kind.chemistry.element.tolist())]
    return species


class Environments:
    """Power spectra around the centres of a system, each of norm 1.

    The norm of an environment without any neighbour is 0.

    Args:
        system: What is there.
        centres: Around which points.
        spectrum: How.

    Raises:
        BackmapError: If featomic is not installed, or there is no atom to be seen.
    """

    def __init__(self, system: System, centres: Centres, spectrum: Spectrum) -> None:
        self.centres, self.spectrum = centres, spectrum
        elements = species_of(system)
        seen = np.ones(len(elements), dtype=bool) if spectrum.hydrogen else elements != 1
        self._seen, self.elements = np.flatnonzero(seen), elements[seen]
        if not len(self._seen):
            raise BackmapError("there is no atom but hydrogen to be seen", where="landscape",
                               hint="Write 'hydrogen: true'.")
        self.species = np.unique(self.elements).tolist()
        self._blocks = list(combinations_with_replacement(self.species, 2))
        self._compute = _calculator(spectrum)

    @property
    def n_features(self) -> int:
        n, degrees = self.spectrum.n_max, self.spectrum.l_max + 1
        return sum((n * (n + 1) // 2 if first == second else n * n) * degrees for first, second in self._blocks)

    def of(self, frame: Snapshot, centres: Centres | None = None) -> NDArray[np.float32]:
        """Descriptors of a frame, (M N, F)."""
        centres = self.centres if centres is None else centres
        points = centres.positions(frame)
        positions = np.concatenate([frame.atoms[self._seen], points])
        types = np.concatenate([self.elements, np.full(len(points), GHOST, dtype=np.int32)])
        cell = np.zeros((3, 3)) if frame.box is None else np.ascontiguousarray(frame.box, dtype=np.float64)
        blocks = self._compute(types, positions, cell, np.arange(len(self.elements), len(types)), self._blocks)
        found = np.concatenate([self._folded(block, first == second)
                                for block, (first, second) in zip(blocks, self._blocks)], axis=1)
        norm = np.linalg.norm(found, axis=1, keepdims=True)
        return (found / np.where(norm > 0, norm, 1.0)).astype(np.float32)

    def _folded(self, block: Array, alike: bool) -> Array:
        """Of one species with itself, p_nn' = p_n'n are kept once, times sqrt 2: products stay what they are."""
        n = self.spectrum.n_max
        if not alike:
            return block
        shaped = block.reshape(len(block), -1, n, n)
        i, j = np.triu_indices(n)
        return (shaped[:, :, i, j] * np.where(i == j, 1.0, np.sqrt(2.0))).reshape(len(block), -1)


def _unless_expected(level: int, message: str) -> None:
    """Centres lie on atoms, of which featomic warns; anything else it says is passed on."""
    if "very close" not in message:
        logging.getLogger("featomic").log(10 * max(1, 5 - level), message)


def _calculator(spectrum: Spectrum) -> Callable[..., list[Array]]:
    """Power spectra of points among atoms: types (A,), positions (A, 3), cell (3, 3), points (P,), pairs of species."""
    os.environ.setdefault("RAYON_NUM_THREADS", "1")  # processes share the machine already
    featomic, metatensor = imported("featomic", "featomic", "metatensor")
    featomic.set_logging_callback(_unless_expected)

    class Frame(featomic.systems.SystemBase):
        def __init__(self, types: Any, positions: Any, cell: Any) -> None:
            super().__init__()
            self.held = types, positions, cell

        def size(self) -> int:
            return len(self.held[0])

        def types(self) -> Any:
            return self.held[0]

        def positions(self) -> Any:
            return self.held[1]

        def cell(self) -> Any:
            return self.held[2]

    try:
        calculator = featomic.SoapPowerSpectrum(
            cutoff={"radius": spectrum.radius, "smoothing": {"type": "ShiftedCosine", "width": spectrum.width}},
            density={"type": "Gaussian", "width": spectrum.sigma},
            basis={"type": "TensorProduct", "max_angular": spectrum.l_max,
                   "radial": {"type": "Gto", "max_radial": spectrum.n_max - 1}})
    except featomic.FeatomicError as error:  # its integrals do not converge
        raise BackmapError(f"Gaussians of {spectrum.sigma:g} nm cannot be expanded over a radius of "
                           f"{spectrum.radius:g} nm", where="landscape",
                           hint="Take a smaller radius, or a larger sigma.") from error

    def compute(types: Any, positions: Any, cell: Any, points: Any, pairs: Any) -> list[Array]:
        which = np.stack([np.zeros_like(points), points], axis=1).astype(np.int32)
        samples = metatensor.Labels(["system", "atom"], which)
        keys = metatensor.Labels(["center_type", "neighbor_1_type", "neighbor_2_type"],
                      np.array([[GHOST, *pair] for pair in pairs], dtype=np.int32))
        found = calculator.compute(Frame(types, positions, cell), selected_samples=samples, selected_keys=keys,
                                   use_native_system=True)
        return [_every_row(found.block(neighbor_1_type=a, neighbor_2_type=b), points) for a, b in pairs]

    return compute


def _every_row(block: Any, points: Any) -> Array:
    """A row for each point, (P, F); featomic has none where a point has no neighbours of these two species."""
    values = np.asarray(block.values)
    found = np.zeros((len(points), values.shape[1]))
    found[np.searchsorted(points, block.samples.column("atom"))] = values
    return found
