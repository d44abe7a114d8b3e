"""What coarsened beads have around them: g(r) between molecules, and local environments."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.engine.energy.cells import sort
from backmap.errors import BackmapError
from backmap.model import box as periodic

from ..environments.spectra import PowerSpectra, Spectrum
from ..environments.two_sample import Pairing, discrepancy, mean_kernels
from .coarse import CoarseFrames
from .distances import Distance, of_curves, of_kernels
from .pairs import counted

Array = NDArray[np.float64]

#: Frames of each trajectory that are looked at, evenly taken.
FRAMES = 50
#: Bins of g(r), and how far it reaches, in units of the mean distance of neighbours in Y, (1/density)^(1/3).
BINS, REACH = 60, 4.0
#: Environments in the same unit: radius, width of its edge, and of the Gaussians.
RADIUS, EDGE, SIGMA = 2.0, 0.4, 0.25
#: More types than this are not told apart in environments.
SPECIES = 3
#: Beads of a frame around which environments are described, evenly taken: each takes about half a millisecond.
POINTS = 800
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
    by_frame = tuple(np.average(each, axis=1, weights=_pairs(of)) for each, of in zip(curves, (x, y), strict=True))
    by_block = tuple(each.mean(axis=0) for each in curves)
    return of_curves("g(r)", [by_frame, by_block], float(edges[1]), seed)


def _pairs(frames: CoarseFrames) -> Array:
    """Pairs of a bead of each block with one of another molecule, (blocks,)."""
    return np.bincount(frames.block, weights=len(frames.molecule) - np.bincount(frames.molecule)[frames.molecule])


def _spacing(frames: CoarseFrames) -> float | None:
    density = frames.density
    return None if density is None else density ** (-1 / 3)


def _radial(frames: CoarseFrames, number: int, edges: Array) -> Array:
    """g(r) of one frame, around the beads of every block of molecules, (blocks, bins)."""
    box, points, pairs = frames.frames.boxes[number], frames.positions(number), _pairs(frames)
    counts = np.zeros((len(pairs), len(edges) - 1), dtype=np.int64)
    counted(points, sort(points, box, float(edges[-1])), frames.molecule, frames.block, float(edges[1]), counts)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    return counts / (pairs[:, None] * shells / abs(np.linalg.det(box)))


def of_environments(x: CoarseFrames, y: CoarseFrames, seed: int) -> Distance | None:
    """MMD^2 of power spectra around all coarsened beads; None where frames of Y have no box, which gives the scale."""
    spacing = _spacing(y)
    if spacing is None:
        return None
    types = sorted(set(y.types))
    species = {kind: k + 1 if len(types) <= SPECIES else 1 for k, kind in enumerate(types)}
    spectra = PowerSpectra(Spectrum(RADIUS * spacing, EDGE * spacing, SIGMA * spacing, n_max=6, l_max=4),
                           sorted(set(species.values())))
    by_frame: list[NDArray] = []
    by_block: list[NDArray] = []
    for each in (x, y):
        kinds = np.array([species[kind] for kind in each.types], dtype=np.int32)
        described = [_described(each, number, kinds, spectra) for number in taken(each.frames.n_frames)]
        by_frame += described
        blocks = each.block[_around(each)]
        by_block += [np.concatenate([frame[blocks == block] for frame in described])
                     for block in range(int(each.block.max()) + 1)]
    n_x = len(taken(x.frames.n_frames))
    kernel, rows = mean_kernels(by_frame, EXPONENT), np.arange(len(by_frame))
    p = discrepancy(kernel, Pairing(rows[n_x:], rows[:n_x, None], False), PERMUTATIONS, seed).p
    return of_kernels([(kernel, n_x), (mean_kernels(by_block, EXPONENT), int(x.block.max()) + 1)], p, seed)


def _around(frames: CoarseFrames) -> NDArray[np.int64]:
    """Beads around which environments are described."""
    n = len(frames.molecule)
    return np.linspace(0, n - 1, min(n, POINTS)).round().astype(np.int64)


def _described(frames: CoarseFrames, number: int, kinds: NDArray[np.int32], spectra: PowerSpectra) -> NDArray:
    box = frames.frames.boxes[number]
    points = frames.positions(number) if box is None else periodic.wrap(frames.positions(number), box)
    return spectra.of(points, kinds, points[_around(frames)], box)


def describable() -> bool:
    """Whether environments can be described: their library is optional."""
    try:
        PowerSpectra(Spectrum(1.0), [1])
    except BackmapError:
        return False
    return True
