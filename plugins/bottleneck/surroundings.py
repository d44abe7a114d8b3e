"""What coarsened beads have around them: g(r) between molecules, and local environments."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vesin import NeighborList

from backmap.errors import BackmapError
from backmap.model import box as periodic

from ..environments.spectra import PowerSpectra, Spectrum
from ..environments.two_sample import Pairing, discrepancy, mean_kernels
from .coarse import CoarseFrames
from .distances import Distance, of_curves, of_kernel

Array = NDArray[np.float64]

#: Frames of each trajectory that are looked at, evenly taken.
FRAMES = 50
#: Bins of g(r), and how far it reaches, in units of the mean distance of neighbours in Y, (1/density)^(1/3).
BINS, REACH = 60, 4.0
#: Environments in the same unit: radius, width of its edge, and of the Gaussians.
RADIUS, EDGE, SIGMA = 2.0, 0.4, 0.25
#: More types than this are not told apart in environments.
SPECIES = 3
#: Exchanges of the labels of frames.
PERMUTATIONS = 999
EXPONENT = 2  #: of the kernel


def taken(n_frames: int) -> list[int]:
    """Numbers of the frames that are looked at."""
    return np.unique(np.linspace(0, n_frames - 1, min(n_frames, FRAMES)).round().astype(int)).tolist()


def of_packing(x: CoarseFrames, y: CoarseFrames, seed: int) -> Distance | None:
    """L1 distance of g(r) between beads of different molecules; None where frames have no box."""
    spacing = _spacing(y)
    if spacing is None or x.density is None or len(set(y.molecule.tolist())) < 2:
        return None
    widths = [periodic.smallest_width(box) for each in (x, y) for box in each.frames.boxes]
    edges = np.linspace(0.0, min(REACH * spacing, min(widths) / 2), BINS + 1)
    curves = [np.stack([_radial(each, frame, edges) for frame in taken(each.frames.n_frames)]) for each in (x, y)]
    return of_curves("g(r)", *curves, float(edges[1]), seed)


def _spacing(frames: CoarseFrames) -> float | None:
    density = frames.density
    return None if density is None else density ** (-1 / 3)


def _radial(frames: CoarseFrames, number: int, edges: Array) -> Array:
    """g(r) of one frame, (bins,)."""
    box = frames.frames.boxes[number]
    i, j, distance = NeighborList(cutoff=float(edges[-1]), full_list=False).compute(
        points=frames.positions(number), box=box, periodic=True, quantities="ijd")
    other = frames.molecule[i] != frames.molecule[j]
    sizes = np.bincount(frames.molecule)
    pairs = (len(frames.molecule) ** 2 - (sizes**2).sum()) / 2
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    return np.histogram(distance[other], edges)[0] / (pairs * shells / abs(np.linalg.det(box)))


def of_environments(x: CoarseFrames, y: CoarseFrames, seed: int) -> Distance | None:
    """MMD^2 of power spectra around all coarsened beads; None where frames of Y have no box, which gives the scale."""
    spacing = _spacing(y)
    if spacing is None:
        return None
    types = sorted(set(y.types))
    species = {kind: k + 1 if len(types) <= SPECIES else 1 for k, kind in enumerate(types)}
    spectra = PowerSpectra(Spectrum(RADIUS * spacing, EDGE * spacing, SIGMA * spacing, n_max=6, l_max=4),
                           sorted(set(species.values())))
    described = []
    for each in (x, y):
        kinds = np.array([species[kind] for kind in each.types], dtype=np.int32)
        described += [_described(each, number, kinds, spectra) for number in taken(each.frames.n_frames)]
    kernel, n_x = mean_kernels(described, EXPONENT), len(taken(x.frames.n_frames))
    rows = np.arange(len(kernel))
    p = discrepancy(kernel, Pairing(rows[n_x:], rows[:n_x, None], False), PERMUTATIONS, seed).p
    return of_kernel(kernel, n_x, p, seed)


def _described(frames: CoarseFrames, number: int, kinds: NDArray[np.int32], spectra: PowerSpectra) -> NDArray:
    points, box = frames.positions(number), frames.frames.boxes[number]
    return spectra.of(points if box is None else periodic.wrap(points, box), kinds,
                      points if box is None else periodic.wrap(points, box), box)


def describable() -> bool:
    """Whether environments can be described: their library is optional."""
    try:
        PowerSpectra(Spectrum(1.0), [1])
    except BackmapError:
        return False
    return True
