"""Vector fields on configurations that keep rigid bonds and beads, with their exact divergence.

Moves of a piece follow a force g by v = B g with

    B = A - A J^T (J A J^T + L)^-1 J A,

A the mobility of the atoms, J the gradients of what holds: rigid bonds and beads with L = 0, so that J v = 0 for these
whatever L is elsewhere, and angles, impropers and bonds that are springs with L = 1 / (k t^2), which resist as their
force constants k would during a time t. Fields then spread over stiff and soft motions alike, and the forces of stiff
ones do not drown those of soft ones. v keeps all bonds as long as they are wherever it is evaluated, so the delta
functions of the target do not enter, and its divergence is that in Cartesian coordinates (docs/theory.md):

    div v = tr(B H) - g . [q + B s],   q = A J^T (J A J^T + L)^-1 (tr B H_n)_n,   s = 1/2 grad ln det(J A J^T + L)

for g the gradient of a function with the second derivatives H, and H_n those of the n-th row of J.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .coordinates import Derivatives
from .pieces import Piece

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: ps; the time t during which stiff coordinates resist. Any is exact; near this one most is seen by most classes.
TIME = 0.02
#: Largest entry of a matrix times that of its inverse; beyond, constraints depend on each other where atoms are.
CONDITION = 1e12


@dataclass(frozen=True, eq=False)
class Holding:
    """Coordinates that hold a molecule type.

    Attributes:
        rigid: Lengths of its fixed distances.
        stiff: Coordinates that resist, and their force constants, in kJ/mol and the square of their unit.
    """

    rigid: Derivatives
    stiff: list[tuple[Derivatives, float]]


class MoveFields:
    """Fields of one piece in n molecules.

    Attributes:
        mobility: B, 1/u, (n, 3 f + 3, 3 f + 3); the last three rows are of atoms that stand still: 0. All of it is 0
            for molecules whose constraints depend on each other as they are.
        shift: e, so that div v = tr(B H) - g . e, with sqrt(det G) in the measure if that was asked for, (n, 3 f).
        free: The same without: mobility by A alone, (3 f, 3 f).
    """

    def __init__(self, piece: Piece, positions: Array, holding: Holding, measured: bool) -> None:
        """See the class.

        Args:
            piece: What moves.
            positions: Of whole molecules, (n, A, 3), nm.
            holding: Of the molecule type, at the same positions.
            measured: Whether the density of configurations has the factor sqrt(det G) of rigid bonds.
        """
        self.piece, n, f = piece, len(positions), len(piece.atoms)
        held = [(holding.rigid.take(piece.rigid), 0.0)]
        held += [(each.take(piece.touched(each.atoms)), 1 / (k * TIME**2)) for each, k in holding.stiff]
        columns = [piece.columns(each.atoms) for each, _ in held]
        rows = np.cumsum([0, *(len(each.atoms) for each, _ in held)])
        beads = 3 * len(piece.beads)
        gradient = np.zeros((n, rows[-1] + beads, 3 * f + 3))
        for (each, _), column, row in zip(held, columns, rows):
            for term in range(len(column)):
                gradient[:, row + term, column[term]] += each.gradient[:, term]
        gradient = gradient[..., :3 * f]
        gradient[:, rows[-1]:] = np.kron(piece.weights, np.eye(3))
        self.free = np.kron(piece.mobility, np.eye(3))
        reach = gradient @ self.free
        resistance = np.concatenate([np.repeat([each for _, each in held], np.diff(rows)), np.zeros(beads)])
        inverse, dependent = inverses(reach @ gradient.transpose(0, 2, 1) + np.diag(resistance))
        held_by = inverse @ reach
        self.mobility = np.zeros((n, 3 * f + 3, 3 * f + 3))
        self.mobility[:, :3 * f, :3 * f] = self.free - reach.transpose(0, 2, 1) @ held_by
        traces, half_log = np.zeros((n, len(resistance))), np.zeros((n, 3 * f + 3))
        padded = np.concatenate([held_by, np.zeros((n, len(resistance), 3))], axis=2)
        for (each, _), column, row in zip(held, columns, rows):
            own = slice(row, row + len(column))
            traces[:, own] = self.traces(each)
            along = np.take_along_axis(padded[:, own], np.broadcast_to(column, (n, *column.shape)), axis=2)
            add(half_log, column, (each.hessian @ along[..., None])[..., 0])
        drift = half_log[:, :3 * f]
        if measured:
            drift = drift - self._rigid_measure(positions, dependent)
        self.shift = (held_by.transpose(0, 2, 1) @ traces[..., None])[..., 0] + (
            self.mobility[:, :3 * f, :3 * f] @ drift[..., None])[..., 0]
        self.mobility[dependent], self.shift[dependent] = 0.0, 0.0

    def traces(self, each: Derivatives) -> Array:
        """tr(B H) of each function, (n, m)."""
        column = self.piece.columns(each.atoms)
        return np.einsum("nmij,nmij->nm", self.mobility[:, column[:, :, None], column[:, None, :]], each.hessian)

    def gradient(self, *terms: Derivatives) -> Array:
        """Of a sum of functions by the coordinates that move, (n, 3 f)."""
        found = np.zeros(self.mobility.shape[:2])
        for each in terms:
            add(found, self.piece.columns(each.atoms), each.gradient)
        return found[:, :-3]

    def moved(self, force: Array) -> Array:
        """B g of forces (n, 3 f)."""
        return (self.mobility[:, :-3, :-3] @ force[..., None])[..., 0]

    def _rigid_measure(self, positions: Array, dependent: NDArray[np.bool_]) -> Array:
        """1/2 grad ln det G by the coordinates that move, (n, 3 f); where bonds depend on each other it is marked."""
        gram = self.piece.gram
        found = np.zeros(self.mobility.shape[:2])
        count = len(gram.bonds)
        if not count:
            return found[:, :-3]
        step = positions[:, gram.bonds[:, 0]] - positions[:, gram.bonds[:, 1]]
        length = np.linalg.norm(step, axis=2)[..., None]
        unit = step / length
        coupling = np.zeros((count, count))
        coupling[gram.rows, gram.columns] = coupling[gram.columns, gram.rows] = gram.coupling
        inverse, singular = inverses(coupling * (unit @ unit.transpose(0, 2, 1)))
        dependent |= singular
        pull = (inverse * coupling) @ unit
        pull = (pull - unit * (unit * pull).sum(axis=2, keepdims=True)) / length
        add(found, self.piece.columns(gram.bonds), np.concatenate([pull, -pull], axis=2))
        return found[:, :-3]


def inverses(matrix: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Inverses of symmetric matrices (n, c, c), and which of them are singular to rounding, (n,).

    Inverses of singular ones are 0, those of what is not finite are NaN.
    """
    finite = np.isfinite(matrix).all(axis=(1, 2))
    scale = np.abs(matrix).max(axis=(1, 2), initial=0.0)
    regular = np.where((finite & (scale > 0))[:, None, None], matrix, np.eye(matrix.shape[1]))
    try:
        found = np.linalg.inv(regular)
    except np.linalg.LinAlgError:  # one of them is singular to the last digit, and all are lost
        found = np.linalg.pinv(regular, hermitian=True, rcond=1e-15)
    singular = finite & ~(np.abs(found).max(axis=(1, 2), initial=0.0) * scale < CONDITION)
    found[singular] = 0.0
    found[~finite] = np.nan
    return found, singular


def add(found: Array, columns: Index, values: Array) -> None:
    """Add values (n, m, k) at columns (m, k) to rows (n, c), in place."""
    flat = columns.ravel()
    for row, value in zip(found, values.reshape(len(values), -1)):
        row += np.bincount(flat, value, minlength=found.shape[1])
