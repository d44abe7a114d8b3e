"""Force matching: the least-squares problem of tabulated forces, its sums by frame, and its solution.

The forces on the beads of a frame are linear in the coefficients a of the splines: F_CG = G a. Minimal is

    chi2 = sum_e w_e / (3 N n_e) sum_frames |G a - F|^2

over the frames of ensembles e: the reference (Izvekov and Voth, J. Phys. Chem. B 109, 2469 (2005); Noid et al.,
J. Chem. Phys. 128, 244114 (2008)) and backmapped frames of beads (Stieffenhofer, PhD thesis, Mainz 2022, equation 6.5).
Sums of G^T G and G^T F are kept as integers, so that they do not depend on the order in which frames come.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, lstsq, solve
from scipy.sparse import coo_array, csr_array

from ...errors import BackmapError
from ...model.tally import Tally
from .basis import SplineBasis
from .geometry import BeadGeometry

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Units of the integers: of entries of G^T G, which has none, and of G^T F, kJ/mol/nm.
NORMAL, RIGHT = 2.0**-24, 2.0**-10
#: Larger forces would not fit into them, kJ/mol/nm.
LARGEST = 1e10
#: A diagonal that is added in any case, as a share of the largest entry.
_RIDGE = 1e-13


class Splines:
    """The bases of all interactions that are fitted, side by side.

    Attributes:
        bases: By name of the interaction.
        columns: Where the coefficients of each are.
        n: Number of coefficients.
    """

    def __init__(self, geometry: BeadGeometry, bases: Mapping[str, SplineBasis]) -> None:
        self.geometry, self.bases, self.columns, self.n = geometry, dict(bases), {}, 0
        for name, basis in self.bases.items():
            self.columns[name] = slice(self.n, self.n + basis.n)
            self.n += basis.n

    def design(self, beads: Array, box: Array | None) -> tuple[csr_array, dict[str, tuple[Index, int]]]:
        """The matrix G of one frame.

        Args:
            beads: Whole molecules, (B, 3), nm.
            box: (3, 3), nm, or None.

        Returns:
            G, (3 B, n), with coordinates of a bead next to each other, and what each interaction met: values by bin,
            and how many beyond the ends of its basis.
        """
        rows, columns, entries = [], [], []
        met = {name: (np.zeros(basis.n_bins, dtype=np.int64), 0) for name, basis in self.bases.items()}
        for name, found in self.geometry.of(beads, box):
            basis = self.bases[name]
            number, slopes = basis.slopes(found.values)
            shape = (*found.gradients.shape, 4)
            rows.append(np.broadcast_to((3 * found.beads[..., None] + np.arange(3))[..., None], shape).ravel())
            columns.append(np.broadcast_to((number + self.columns[name].start)[:, None, None], shape).ravel())
            entries.append((-found.gradients[..., None] * slopes[:, None, None]).ravel())
            met[name] = (np.bincount(basis.bin_of(found.values), minlength=basis.n_bins), basis.outside(found.values))
        whole = coo_array((np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))),
                          shape=(3 * len(beads), self.n))
        return whole.tocsr(), met


def count(tally: Tally, group: int, design: csr_array, forces: Array) -> None:
    """Add a frame to the sums of its group.

    Args:
        tally: Where to count.
        group: Of frames that are left out together.
        design: G, (3 B, n).
        forces: To be matched, (B, 3), kJ/mol/nm.

    Raises:
        BackmapError: If a force is no number, or too large to be counted.
    """
    if not np.abs(forces).max() < LARGEST:
        raise BackmapError(f"a force on a bead is {np.abs(forces).max():.3g} kJ/mol/nm, with which nothing can be "
                           "matched", hint="Atoms that lie on each other have such forces; leave the frame out.")
    normal = (design.T @ design).toarray()[np.triu_indices(design.shape[1])] / NORMAL
    right = design.T @ forces.ravel() / RIGHT
    tally.count(f"normal {group // 2}", group % 2, np.rint(normal).astype(np.int64))
    tally.count(f"right {group // 2}", group % 2, np.rint(right).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Sums:
    """What the frames of one ensemble add up to, group by group.

    Attributes:
        normal: G^T G, (g, n, n).
        right: G^T F, (g, n), kJ/mol/nm.
        square: |F|^2, (g,).
        frames: Number of frames, (g,).
        components: 3 N of a frame.
        weight: Of the ensemble.
    """

    normal: Array
    right: Array
    square: Array
    frames: Array
    components: int
    weight: float = 1.0

    @classmethod
    def of(cls, tally: Tally, groups: int, n: int, squares: Array, components: int, weight: float) -> Sums:
        """The sums that ``count`` made.

        Args:
            tally: Of an ensemble.
            groups: Number of groups.
            n: Number of coefficients.
            squares: Group and |F|^2 of every frame, (frames, 2).
            components: 3 N of a frame.
            weight: Of the ensemble.
        """
        normal, right = np.zeros((groups, n, n)), np.zeros((groups, n))
        upper = np.triu_indices(n)
        for group in range(groups):
            if f"normal {group // 2}" not in tally:
                continue
            normal[group][upper] = tally.half(group % 2).counts(f"normal {group // 2}") * NORMAL
            normal[group] += np.triu(normal[group], 1).T
            right[group] = tally.half(group % 2).counts(f"right {group // 2}") * RIGHT
        of = squares[:, 0].astype(np.int64)
        frames = np.bincount(of, minlength=groups).astype(np.float64)
        return cls(normal, right, np.bincount(of, squares[:, 1], groups), frames, components, weight)

    def chosen(self, groups: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Weighted G^T G and G^T F of some groups, per component and frame."""
        scale = self.weight / (self.components * max(self.frames[groups].sum(), 1.0))
        return self.normal[groups].sum(axis=0) * scale, self.right[groups].sum(axis=0) * scale

    def residual(self, coefficients: Array, groups: NDArray[np.bool_]) -> float:
        """Mean square of G a - F in some groups, (kJ/mol/nm)^2; NaN if they have no frames."""
        frames = self.frames[groups].sum()
        if not frames:
            return float("nan")
        normal, right = self.normal[groups].sum(axis=0), self.right[groups].sum(axis=0)
        total = self.square[groups].sum() - 2 * coefficients @ right + coefficients @ normal @ coefficients
        return float(total / frames / self.components)


def solved(splines: Splines, ensembles: Sequence[Sums], groups: NDArray[np.bool_], smoothness: float) -> Array:
    """Coefficients that match forces best.

    Args:
        splines: The bases.
        ensembles: Of which each has its weight.
        groups: Which groups of frames count, (g,) bool.
        smoothness: What second differences of coefficients cost, as a share of the mean diagonal of G^T G of their
            interaction: where there are no data U goes on straight.

    Returns:
        (n,), kJ/mol/nm or kJ/mol/rad.
    """
    parts = [one.chosen(groups) for one in ensembles]
    normal, right = sum(part[0] for part in parts), sum(part[1] for part in parts)
    free = np.zeros((splines.n, 0))
    for name, basis in splines.bases.items():
        own = splines.columns[name]
        normal[own, own] += smoothness * np.diag(normal)[own].mean() * basis.roughness()
        columns = np.zeros((splines.n, basis.free().shape[1]))
        columns[own] = basis.free()
        free = np.hstack([free, columns])
    matrix, target = free.T @ normal @ free, free.T @ right
    matrix += _RIDGE * max(np.diag(matrix).max(), 1e-300) * np.eye(len(matrix))
    try:
        return free @ solve(matrix, target, assume_a="pos")
    except LinAlgError:
        return free @ lstsq(matrix, target)[0]
