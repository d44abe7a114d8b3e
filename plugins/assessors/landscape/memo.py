"""What is computed once of frames, however often they are compared: it follows from their environments alone."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...environments.two_sample import mean_kernels
from .chart import Chart
from .kernels import MoleculeKernel
from .sample import Sample

Array = NDArray[np.float64]


class Memo:
    """Mean kernels between frames, and places of their points on maps, by SHA-256 of the frames.

    Args:
        kernel: Of points.
        zeta: Exponent of the kernel of environments.
    """

    def __init__(self, kernel: MoleculeKernel, zeta: int) -> None:
        self.kernel, self.zeta = kernel, zeta
        #: Maps that were drawn.
        self.charts: list[Chart] = []
        self._means: dict[tuple[str, str], float] = {}
        self._places: dict[tuple[int, str], tuple[Array, Array]] = {}

    def points(self, sample: Sample) -> NDArray[np.float32]:
        """The points of all frames, (n, N, F)."""
        return np.concatenate([self.points_of(each) for each in sample.environments])

    def points_of(self, environments: NDArray[np.float32]) -> NDArray[np.float32]:
        """The points of a frame, (P, N, F): molecules, or environments."""
        single = self.kernel.name == "environment"
        return environments.reshape(-1, 1, environments.shape[-1]) if single else environments

    def environment_kernels(self, *samples: Sample) -> Array:
        """Mean kernels of environments between all frames, (n, n)."""
        return mean_kernels([each for sample in samples for each in sample.flat], self.zeta)

    def molecule_kernels(self, *samples: Sample) -> Array:
        """Mean kernels of molecules between all frames, (n, n)."""
        frames = {digest: each for sample in samples for digest, each in zip(sample.digests, sample.environments)}
        names = list(frames)
        for k, first in enumerate(names):
            missing = [name for name in names[:k + 1] if tuple(sorted((first, name))) not in self._means]
            self._fill(frames[first], first, [(name, frames[name]) for name in missing])
        order = [digest for sample in samples for digest in sample.digests]
        return np.array([[self._means[min(a, b), max(a, b)] for b in order] for a in order])

    def _fill(self, frame: NDArray, first: str, others: Sequence[tuple[str, NDArray]]) -> None:
        if not others:
            return
        between = self.kernel.between(frame, np.concatenate([each for _, each in others]))
        start = 0
        for name, each in others:
            block = between[:, start:start + len(each)]
            self._means[min(first, name), max(first, name)] = float(block.mean(dtype=np.float64))
            start += len(each)

    def places(self, chart: Chart, sample: Sample) -> tuple[Array, Array]:
        """Places of the points of each frame, (n, P, 2), and their residuals, (n, P)."""
        for digest, each in zip(sample.digests, sample.environments):
            if (id(chart), digest) not in self._places:
                self._places[id(chart), digest] = chart.places(self.points_of(each), self.kernel)
        found = [self._places[id(chart), digest] for digest in sample.digests]
        return np.stack([z for z, _ in found]), np.stack([residual for _, residual in found])
