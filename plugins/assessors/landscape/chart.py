"""A map with all that belongs to it: landmarks, their places, clusters, parameters; kept in a file to be used again."""
from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.engine.random import numpy_generator
from backmap.errors import BackmapError

from . import clusters
from .kernels import MoleculeKernel, distances
from .sketch_map import Sigmoid, Sketch, farthest, fitted, projected, sigma_of

Array = NDArray[np.float64]

#: Share of the reference's points whose residual is no more than that above which points are outliers.
WITHIN = 0.995
#: Points whose distances make the histogram from which sigma is taken.
LOOKED_AT = 500
#: Layout of the file.
VERSION = 1


@dataclass(frozen=True)
class Drawing:
    """How maps are drawn.

    Attributes:
        landmarks: Largest number of landmarks.
        exponents: A, B, a, b of the sigmoids, in many dimensions and on the map.
        restarts: Starts, of which the best is kept.
        clusters: Their number; None for that of the best silhouette.
        seed: Of starts.
    """

    landmarks: int
    exponents: tuple[float, float, float, float]
    restarts: int
    clusters: int | None
    seed: int


@dataclass(frozen=True, eq=False)
class Chart:
    """A map.

    Attributes:
        settings: Centres, descriptors and kernel, as plain data: points of others have no place on it.
        landmarks: Environments of the landmarks, (L, N, F).
        sketch: Where they are.
        centres: Of the clusters, (k, 2).
        limit: Points with a larger residual are outliers.
        edges: Of the histogram of distances, (n + 1,).
        counts: That histogram, (n,).
        n_points: Number of points among which landmarks were chosen.
        frames: SHA-256 of the frames that made it.
    """

    settings: dict[str, Any]
    landmarks: NDArray[np.float32]
    sketch: Sketch
    centres: Array
    limit: float
    edges: Array
    counts: Array
    n_points: int
    frames: tuple[str, ...]

    @classmethod
    def drawn(cls, points: NDArray[np.float32], kernel: MoleculeKernel, drawing: Drawing, settings: dict[str, Any],
              frames: tuple[str, ...]) -> Chart:
        """Draw a map of points (n, N, F)."""
        rng = numpy_generator(drawing.seed, "landscape", "landmarks")
        some = points[rng.permutation(len(points))[:LOOKED_AT]]
        between = distances(kernel.between(some, some))[np.triu_indices(len(some), 1)]
        sigma, edges, counts = sigma_of(between if len(between) else np.ones(1))
        start = int(rng.integers(len(points)))
        chosen, apart = farthest(start, drawing.landmarks, len(points),
                                 lambda k: distances(kernel.between(points[k:k + 1], points))[0])
        weights = np.bincount(apart.argmin(axis=1), minlength=len(chosen)).astype(np.float64)
        mutual = apart[chosen]
        mutual = (mutual + mutual.T) / 2
        np.fill_diagonal(mutual, 0.0)
        big, small = drawing.exponents[:2], drawing.exponents[2:]
        high, low = Sigmoid(sigma, *big), Sigmoid(sigma, *small)
        sketch = fitted(mutual, np.maximum(weights, 1e-9), high, low, drawing.restarts, drawing.seed)
        z, residual = projected(sketch, apart)
        limit = float(np.quantile(residual, WITHIN))
        centres = clusters.found(z[residual <= limit], drawing.clusters, drawing.seed)
        return cls(settings, points[chosen], sketch, centres, limit, edges, counts, len(points), frames)

    @property
    def n_classes(self) -> int:
        """Clusters, and the class of outliers."""
        return len(self.centres) + 1

    def places(self, points: NDArray[np.float32], kernel: MoleculeKernel) -> tuple[Array, Array]:
        """Where points (n, N, F) are on the map, (n, 2), and their residuals, (n,)."""
        return projected(self.sketch, distances(kernel.between(points, self.landmarks)))

    def classes(self, z: Array, residual: Array) -> NDArray[np.int64]:
        """Cluster of each point, from 0; that of outliers is the last."""
        return clusters.classes(z, residual > self.limit, self.centres)

    def to_bytes(self) -> bytes:
        """The map as an .npz file."""
        sketch = self.sketch
        said = {"version": VERSION, "settings": self.settings,
                "high": [sketch.high.sigma, sketch.high.a, sketch.high.b],
                "low": [sketch.low.sigma, sketch.low.a, sketch.low.b], "stress": sketch.stress, "limit": self.limit,
                "n_points": self.n_points, "frames": self.frames}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, said=np.array(json.dumps(said)), landmarks=self.landmarks, z=sketch.z,
                            weights=sketch.weights, stresses=sketch.stresses, centres=self.centres, edges=self.edges,
                            counts=self.counts)
        return buffer.getvalue()

    @classmethod
    def read(cls, path: Path) -> Chart:
        """Read what ``to_bytes`` wrote; no pickle is opened.

        Raises:
            BackmapError: If the file holds no map.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                held = dict(file)
            said = json.loads(str(held["said"]))
            if said["version"] != VERSION:
                raise ValueError(f"its layout is {said['version']}")
            sketch = Sketch(held["z"], held["weights"], Sigmoid(*said["high"]), Sigmoid(*said["low"]), said["stress"],
                            held["stresses"])
            chart = cls(said["settings"], held["landmarks"], sketch, held["centres"], said["limit"], held["edges"],
                        held["counts"], said["n_points"], tuple(said["frames"]))
            if chart.landmarks.ndim != 3 or sketch.z.shape != (len(chart.landmarks), 2):
                raise ValueError("landmarks and their places do not fit each other")
        except (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
            raise BackmapError(f"this is no map of a landscape ({error})", where=path,
                               hint="Give a file that landscape wrote: 'save: map.npz'.") from None
        return chart

    def expect(self, settings: dict[str, Any], path: Path) -> None:
        """Refuse a map of other centres or parameters.

        Raises:
            BackmapError: If it is one.
        """
        for name in {**self.settings, **settings}:
            theirs, ours = self.settings.get(name), settings.get(name)
            if theirs != ours:
                raise BackmapError(f"this map is of other points: {name} is {_short(theirs)} there and {_short(ours)} "
                                   "here", where=path, hint="Draw a new one, or write what it was made with.")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
