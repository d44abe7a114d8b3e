"""Local environments as vectors: power spectra of the density of neighbours (SOAP), by the library featomic.

A. P. Bartok, R. Kondor, G. Csanyi, Phys. Rev. B 87, 184115 (2013).
"""
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError

from .extra import imported

Array = NDArray[np.float64]

#: Type of the points around which neighbours are described, where these are no atoms: no species has it.
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


class PowerSpectra:
    """Power spectra around points, each of norm 1; that of a point without any neighbour is 0.

    Args:
        spectrum: How densities are made.
        species: Numbers of the species of neighbours, from 1 on, ascending.

    Raises:
        BackmapError: If featomic is not installed, or the densities cannot be expanded.
    """

    def __init__(self, spectrum: Spectrum, species: Sequence[int]) -> None:
        self.spectrum = spectrum
        self._pairs = list(combinations_with_replacement(species, 2))
        self._compute = _calculator(spectrum)

    @property
    def n_features(self) -> int:
        n, degrees = self.spectrum.n_max, self.spectrum.l_max + 1
        return sum((n * (n + 1) // 2 if first == second else n * n) * degrees for first, second in self._pairs)

    def of(self, neighbours: Array, species: NDArray[np.int32], points: Array,
           box: Array | None) -> NDArray[np.float32]:
        """Descriptors, (P, F).

        Args:
            neighbours: Positions of what is seen, (N, 3), nm.
            species: Of each neighbour, (N,).
            points: What is looked from, (P, 3), nm.
            box: (3, 3), nm; None without periodicity.
        """
        positions = np.concatenate([neighbours, points])
        types = np.concatenate([species, np.full(len(points), GHOST, dtype=np.int32)])
        cell = np.zeros((3, 3)) if box is None else np.ascontiguousarray(box, dtype=np.float64)
        blocks = self._compute(types, positions, cell, np.arange(len(species), len(types)), self._pairs)
        found = np.concatenate([self._folded(block, first == second)
                                for block, (first, second) in zip(blocks, self._pairs)], axis=1)
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
