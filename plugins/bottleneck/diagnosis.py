"""At which sizes of groups two trajectories of the same beads agree; and if at none, what stands between them."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..molecules.bead_molecule import BeadMolecule
from ..molecules.bottleneck import TERMS, CoarseMolecule
from ..molecules.groups import Remainder
from .beads import BeadFrames
from .coarse import CoarseFrames
from .distances import Distance, of_values
from .surroundings import of_environments, of_packing

Array = NDArray[np.float64]

#: Densities and lengths that differ by less are the same.
SAME_DENSITY, SAME_LENGTH = 0.02, 0.01


@dataclass(frozen=True)
class Asked:
    """What is to be compared.

    Attributes:
        sizes: Beads of a group, ascending.
        remainder: What to do with beads that are left over.
        seed: Of all draws.
        bins: Of divergences; None for as many as the values can fill.
        environments: Whether environments are compared, which need a library.
    """

    sizes: Sequence[int]
    remainder: Remainder = "last"
    seed: int = 0
    bins: int | None = None
    environments: bool = True


@dataclass(frozen=True)
class SizeFound:
    """What was found for groups of one size.

    Attributes:
        size: Beads of a group.
        n_groups: Groups of a molecule, by its name.
        distances: All that were compared.
    """

    size: int
    n_groups: dict[str, int]
    distances: tuple[Distance, ...]

    @property
    def matches(self) -> bool:
        return all(each.verdict != "differs" for each in self.distances)

    @property
    def unclear(self) -> bool:
        """Whether it matches only as far as so few frames can tell."""
        return self.matches and any(each.verdict == "unclear" for each in self.distances)

    def worst(self, kind: str) -> Distance | None:
        """Of all names of a kind, that which is farthest beyond its limit."""
        return max((each for each in self.distances if each.kind == kind),
                   key=lambda each: (each.verdict == "differs", each.value - each.limit), default=None)


@dataclass(frozen=True)
class ScaleFound:
    """One factor between the lengths of X and of Y, from means of logarithms of bond lengths.

    It is that of the smallest size which agrees with all larger ones, within two errors: what is wrong close up only is
    no matter of a unit.

    Attributes:
        factor: Lengths of X by those of Y.
        error: Its standard error.
        since: That size.
        by_size: The factor of each size alone.
        left: What is found once X is divided by the factor; empty where a size matches and the factor is 1.
    """

    factor: float
    error: float
    since: int
    by_size: dict[int, float]
    left: tuple[SizeFound, ...] = ()

    @property
    def off(self) -> bool:
        """Whether the factor is not 1."""
        return abs(self.factor - 1) > max(SAME_LENGTH, 3 * self.error)


@dataclass(frozen=True)
class Diagnosis:
    """What two trajectories of beads have in common, behind groups of each size.

    Attributes:
        sizes: For each size.
        densities: Beads per nm3 of X and of Y, each None where frames have no box.
        scale: The factor between their lengths; None where nothing is bonded.
        at_density: If no size matches and the densities differ: what is found once the box of X and the centres of its
            molecules are scaled to the density of Y; else empty.
        n_frames: Of X and of Y.
    """

    sizes: tuple[SizeFound, ...]
    densities: tuple[float | None, float | None]
    scale: ScaleFound | None
    at_density: tuple[SizeFound, ...]
    n_frames: tuple[int, int]

    @property
    def recommended(self) -> int | None:
        """The smallest size that matches."""
        return smallest(self.sizes)

    @property
    def after_scaling(self) -> int | None:
        """The smallest size that matches once the lengths of X are those of Y."""
        return smallest(self.scale.left) if self.scale else None

    @property
    def stretch(self) -> float | None:
        """What scales lengths between molecules of X to the density of Y; None if that is the same."""
        x, y = self.densities
        return None if x is None or y is None or abs(x / y - 1) < SAME_DENSITY else (x / y) ** (1 / 3)


def smallest(found: Sequence[SizeFound]) -> int | None:
    """The smallest size that matches."""
    return next((each.size for each in found if each.matches), None)


def diagnose(x: BeadFrames, y: BeadFrames, asked: Asked,
             tell: Callable[[float], None] = lambda done: None) -> Diagnosis:
    """Compare two trajectories at every size; once more with the lengths of X made those of Y, if these differ or no
    size matches; and with its density made that of Y, if none does.

    Args:
        x: Frames of the model that is to be corrected.
        y: Frames of the faithful one.
        asked: What to compare.
        tell: Told the size that is done.
    """
    def at_sizes(ours: BeadFrames) -> tuple[SizeFound, ...]:
        found = []
        for size in asked.sizes:
            found.append(_at_size(ours, y, size, asked))
            tell(size)
        return tuple(found)

    scale = scale_between(x, y, asked.sizes, asked.remainder)
    found = Diagnosis(at_sizes(x), (x.density, y.density), scale, (), (x.n_frames, y.n_frames))
    if scale is not None and (found.recommended is None or scale.off):
        scale = replace(scale, left=at_sizes(x.scaled(1 / scale.factor)))
    if found.recommended is None and found.stretch is not None:
        found = replace(found, at_density=at_sizes(x.spread(found.stretch)))
    return replace(found, scale=scale)


def coarsened(molecules: Sequence[BeadMolecule], size: int, remainder: Remainder) -> dict[str, CoarseMolecule]:
    """Groups of every molecule type, by its name."""
    return {each.name: CoarseMolecule.of(each, size, remainder) for each in molecules}


def _at_size(x: BeadFrames, y: BeadFrames, size: int, asked: Asked) -> SizeFound:
    coarse = coarsened(list(x.rows), size, asked.remainder)
    ours, theirs = CoarseFrames(x, coarse), CoarseFrames(y, coarse)
    distances = []
    for kind in TERMS:
        for (molecule, name), members in _members(coarse, kind).items():
            values = [_values(kind, each, molecule, members) for each in (ours, theirs)]
            label = name if len(coarse) == 1 else f"{molecule} {name}"
            distances.append(of_values(kind, label, *values, asked.seed, asked.bins))
    packing = of_packing(ours, theirs, asked.seed)
    environments = of_environments(ours, theirs, asked.seed) if asked.environments else None
    distances += [each for each in (packing, environments) if each is not None]
    return SizeFound(size, {name: len(each.groups) for name, each in coarse.items()}, tuple(distances))


def _members(coarse: dict[str, CoarseMolecule], kind: str) -> dict[tuple[str, str], NDArray[np.int64]]:
    return {(molecule, name): members for molecule, each in coarse.items()
            for name, members in each.named(kind).items()}


def _values(kind: str, frames: CoarseFrames, molecule: str, members: NDArray[np.int64]) -> Array:
    """Lengths, nm, or angles, degrees, in every frame and molecule, (n, M, values)."""
    return np.stack([VALUES[kind](frames.of_type(molecule, number)[:, members])
                     for number in range(frames.frames.n_frames)])


def lengths(points: Array) -> Array:
    """Distances of pairs (..., 2, 3)."""
    return np.linalg.norm(points[..., 1, :] - points[..., 0, :], axis=-1)


def angles(points: Array) -> Array:
    """Inner angles of (..., 3, 3), degrees."""
    a, b = points[..., 0, :] - points[..., 1, :], points[..., 2, :] - points[..., 1, :]
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(axis=-1)))


def torsions(points: Array) -> Array:
    """Torsions of (..., 4, 3), degrees, trans = 180 (IUPAC)."""
    a, b, c = (points[..., k + 1, :] - points[..., k, :] for k in range(3))
    m, n = np.cross(a, b), np.cross(b, c)
    return np.degrees(np.arctan2(np.linalg.norm(b, axis=-1) * (a * n).sum(axis=-1), (m * n).sum(axis=-1)))


VALUES = {"bond": lengths, "angle": angles, "torsion": torsions}


def scale_between(x: BeadFrames, y: BeadFrames, sizes: Sequence[int], remainder: Remainder) -> ScaleFound | None:
    """The factor between the lengths of two trajectories; None where nothing is bonded."""
    found = {size: _factor(*each) for size in sizes if (each := _log_bonds(x, y, size, remainder)) is not None}
    if not found:
        return None
    *smaller, chosen = sorted(found)
    for size in reversed(smaller):
        larger = [found[other] for other in found if other > size]
        if any(abs(found[size][0] - log) > 2 * np.hypot(found[size][1], error) for log, error in larger):
            break
        chosen = size
    log, error = found[chosen]
    return ScaleFound(float(np.exp(log)), float(np.exp(log) * error), chosen,
                      {size: float(np.exp(log)) for size, (log, _) in found.items()})


def _factor(x: Array, y: Array) -> tuple[float, float]:
    """Logarithm of the factor, and its standard error, with frames or molecules as units, whichever is larger."""
    variances = []
    for axis in (1, 0):
        units = [each.mean(axis=axis) for each in (x, y)]
        variances.append(sum(each.var(ddof=1) / len(each) for each in units if len(each) > 1))
    return float(x.mean() - y.mean()), float(np.sqrt(max(variances)))


def _log_bonds(x: BeadFrames, y: BeadFrames, size: int, remainder: Remainder) -> tuple[Array, Array] | None:
    """Means of ln(bond length) of every frame and molecule of both, (n, M); None where nothing is bonded."""
    coarse = coarsened(list(x.rows), size, remainder)
    bonded = [each for each in coarse.values() if len(each.bonds)]
    if not bonded:
        return None
    return tuple(np.concatenate([np.log(_values("bond", frames, each.molecule.name, each.bonds)).mean(axis=2)
                                 for each in bonded], axis=1)
                 for frames in (CoarseFrames(x, coarse), CoarseFrames(y, coarse)))
