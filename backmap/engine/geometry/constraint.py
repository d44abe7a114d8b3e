"""Projection onto the manifold {rigid bonds, M(r) = R}, with residual where it is empty.

The unknowns are displacements of *carriers*: heavy atoms, which carry their hydrogens along, so that
C-H lengths and hydrogens' places on their carbon survive. Newton steps of least displacement,

    d = J^T (J J^T)^-1 (target - value),

need J J^T, which couples only constraints that share a carrier: banded per molecule after a reverse
Cuthill-McKee ordering. All molecules of a type are stacked into one banded system, so the cost is
linear in their number and in the length of chains.

Where bonds and beads contradict each other the beads give way: |d|^2 + kappa |R - M(r)|^2 is minimised
on rigid bonds (Gauss-Newton), and what is left, M(r) - R, is the residual of each bead.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve_banded, cholesky_banded
from scipy.sparse import csc_array, csr_array, diags_array, hstack
from scipy.sparse.csgraph import reverse_cuthill_mckee
from scipy.sparse.linalg import splu

from ...model.molecule import MoleculeType
from ...model.system import System, Window
from .dependents import placed

Array = NDArray[np.float64]
Index = NDArray[np.int64]

TOLERANCE = 1e-6  #: nm; largest violation of a bond or bead that counts as none
STEP = 0.03  #: nm, for atoms; largest displacement of one in a Newton step
#: Compliance of beads (1 / kappa) where they contradict the bonds, in the first and the last step. Stiff beads
#: get there fast but overshoot, because the steps know nothing of the tension that turns the bonds; soft ones settle.
SOFTNESS = 0.1, 4.0
WIDEST = 300  #: entries from the diagonal; wider bands, as networks have them, are factorised as sparse matrices
FLAG = 0.001  #: nm; a bead with more residual than this is reported


@dataclass(frozen=True, eq=False)
class Projector:
    """Projects molecules of one type. Without rigid bonds only the beads are constraints."""

    molecule: MoleculeType

    @cached_property
    def carrier(self) -> Index:
        """The atom whose displacement each atom follows, (A,)."""
        heavy, graph = self.molecule.chemistry.heavy, self.molecule.graph
        carrier = np.arange(self.molecule.n_atoms)
        tied = np.isin(carrier, self.molecule.held.pairs)  # one bond is not all that holds them
        for atom in np.flatnonzero(~heavy & ~tied):
            carrier[atom] = min((n for n in graph[atom] if heavy[n]), default=atom)
        return carrier

    @cached_property
    def riders(self) -> tuple[Index, Array]:
        """Atoms that ride at a rigid distance, (h,), and those distances, nm."""
        (i, j), length = self.molecule.rigid.pairs.T, self.molecule.rigid.lengths
        riding = self.carrier[i] == self.carrier[j]
        return np.where(self.carrier[i] == i, j, i)[riding], length[riding]

    @cached_property
    def bonds(self) -> Index:
        """Rigid bonds, and other fixed distances, between atoms of different carriers, (m, 2)."""
        return self.molecule.rigid.pairs[self._rigid]

    @cached_property
    def lengths(self) -> Array:
        """nm, (m,)."""
        return self.molecule.rigid.lengths[self._rigid]

    @cached_property
    def _rigid(self) -> NDArray[np.bool_]:
        i, j = self.molecule.rigid.pairs.T
        return self.carrier[i] != self.carrier[j]

    @cached_property
    def weights(self) -> csr_array:
        """Weight of each carrier in each bead, (B, A); none for atoms that are carried."""
        bead, atom, weight = self.molecule.free_mapping.entries
        shape = self.molecule.n_beads, self.molecule.n_atoms
        return csr_array((weight, (bead, self.carrier[atom])), shape=shape)

    @cached_property
    def _moving(self) -> csr_array:
        """What moves each carrier: along its bonds, and by its weight with each bead, (A, m + B)."""
        ends = self.carrier[self.bonds]
        bonds, ones = np.arange(len(ends)), np.ones(len(ends))
        along = csr_array((np.concatenate([ones, -ones]), (ends.T.ravel(), np.tile(bonds, 2))),
                          shape=(self.molecule.n_atoms, len(ends)))
        return hstack([along, self.weights.T], format="csr")

    @cached_property
    def _pattern(self) -> _Pattern:
        return _Pattern.of(self.carrier[self.bonds], self.weights)

    def residual(self, atoms: Array, beads: Array) -> Array:
        """What is missing to each constraint, target minus value, (n, m + 3 B): bonds, then bead components."""
        vector = atoms[:, self.bonds[:, 0]] - atoms[:, self.bonds[:, 1]]
        residual = beads - self.molecule.mapping.apply(atoms)
        return np.concatenate([self.lengths - np.linalg.norm(vector, axis=2), residual.reshape(len(atoms), -1)], axis=1)

    def project(self, atoms: Array, beads: Array, iterations: int = 12) -> tuple[Array, Array]:
        """Move molecules onto the manifold by the least displacement of their carriers.

        Args:
            atoms: Whole molecules, (n, A, 3), nm.
            beads: (n, B, 3), nm, whole and next to them.
            iterations: Newton steps at most.

        Returns:
            Atoms (n, A, 3), and the residual M(r) - R that is left, (n, B, 3), nm.
        """
        atoms = self._restore_riders(np.array(atoms, dtype=np.float64))
        left = self._newton(atoms, beads, np.arange(len(atoms)), iterations)
        if len(left):
            soft = atoms[left] = self._soften(atoms[left], beads[left], 3 * iterations)
            # From there the beads may be in reach after all; where they are not, the nearest is the answer.
            still = np.isin(left, self._newton(atoms, beads, left, iterations))
            atoms[left[still]] = soft[still]
        return atoms, self.molecule.mapping.apply(atoms) - beads

    def _newton(self, atoms: Array, beads: Array, open_: Index, iterations: int) -> Index:
        """Steps to bonds and beads, in place; returns which of the molecules ``open_`` did not get there."""
        for step in range(iterations + 1):
            open_ = open_[np.abs(self.residual(atoms[open_], beads[open_])).max(axis=1, initial=0) > TOLERANCE]
            if not len(open_) or step == iterations:
                break
            atoms[open_] = self._step(atoms[open_], beads[open_], 0.0)
        return open_

    def _soften(self, atoms: Array, beads: Array, iterations: int) -> Array:
        """Rigid bonds exactly, beads as nearly as they allow."""
        for softness in np.geomspace(*SOFTNESS, iterations):
            atoms = self._step(atoms, beads, float(softness))
        for _ in range(iterations):
            missing = self.residual(atoms, beads)[:, :len(self.bonds)]
            if np.abs(missing).max(initial=0) < TOLERANCE:
                break
            atoms = self._step(atoms, beads, None)
        return atoms

    def _step(self, atoms: Array, beads: Array, softness: float | None) -> Array:
        """One Newton step; ``softness`` is the compliance of beads, None leaves beads out of the target."""
        missing = self.residual(atoms, beads)
        n_bonds = len(self.bonds)
        if softness is None:  # only bonds: beads shall stay where they are, softly
            missing[:, n_bonds:] = 0
            softness = SOFTNESS[0]
        vector = atoms[:, self.bonds[:, 0]] - atoms[:, self.bonds[:, 1]]
        unit = vector / np.maximum(np.linalg.norm(vector, axis=2, keepdims=True), 1e-9)
        force = self._pattern.solve(unit, missing, softness)
        along = force[:, :n_bonds, None] * unit
        of_beads = force[:, n_bonds:].reshape(len(atoms), -1, 3)
        pulls = np.concatenate([along, of_beads], axis=1).transpose(1, 0, 2)
        moved = self._moving @ pulls.reshape(len(pulls), -1)
        move = moved.reshape(-1, len(atoms), 3).transpose(1, 0, 2)
        size, step = np.linalg.norm(move, axis=2, keepdims=True), STEP * self.molecule.length_unit
        move *= step / np.maximum(size, step)
        return placed(self.molecule.dependents, atoms + move[:, self.carrier])

    def _restore_riders(self, atoms: Array) -> Array:
        """Set carried atoms to their rigid distance, along the direction they have."""
        riders, lengths = self.riders
        vector = atoms[:, riders] - atoms[:, self.carrier[riders]]
        norm = np.maximum(np.linalg.norm(vector, axis=2, keepdims=True), 1e-9)
        atoms[:, riders] = atoms[:, self.carrier[riders]] + vector * (lengths[:, None] / norm)
        return placed(self.molecule.dependents, atoms)


@dataclass(frozen=True, eq=False)
class _Pattern:
    """Where the entries of J J^T are, in the banded order, and how to fill and solve it.

    Entries are of three kinds: bond with bond (dot product of two unit vectors), bond component with
    bead (weight times a component of a unit vector), bead with bead (constant).
    """

    size: int
    width: int
    place: Index
    pairs: Index
    pair_sign: Array
    pair_slot: Index
    mixed: Index
    mixed_weight: Array
    mixed_slot: Index
    constant_slot: Index
    constant: Array

    @classmethod
    def of(cls, carriers: Index, weights: csr_array) -> _Pattern:
        """Pattern for bonds between ``carriers`` (m, 2) and beads of ``weights`` (B, A)."""
        m, n_beads = len(carriers), weights.shape[0]
        ends = np.repeat(np.arange(m), 2), carriers.ravel()
        incidence = csr_array((np.tile([1.0, -1.0], m), ends), shape=(m, weights.shape[1]))
        size = m + 3 * n_beads
        i, j, of_bonds = _entries(incidence @ incidence.T, 0.0)
        k, b, of_both = _entries(incidence @ weights.T, 1e-14)
        c, d, of_beads = _entries(weights @ weights.T, 1e-14)
        axes = np.arange(3)
        rows = np.concatenate([i, np.repeat(k, 3), (m + 3 * c[:, None] + axes).ravel()])
        columns = np.concatenate([j, (m + 3 * b[:, None] + axes).ravel(), (m + 3 * d[:, None] + axes).ravel()])
        graph = csr_array((np.ones(2 * len(rows)), (np.r_[rows, columns], np.r_[columns, rows])), shape=(size, size))
        place = np.empty(size, dtype=np.int64)
        place[reverse_cuthill_mckee(graph, symmetric_mode=True)] = np.arange(size)
        width = int(np.abs(place[rows] - place[columns]).max(initial=0))

        def slots(r: Index, s: Index) -> Index:
            low, high = np.minimum(place[r], place[s]), np.maximum(place[r], place[s])
            return (high - low) * size + low  # lower band storage: row = distance, column = smaller index

        lower = i >= j
        i, j, of_bonds = i[lower], j[lower], of_bonds[lower]
        half = c >= d
        c, d, of_beads = c[half], d[half], of_beads[half]
        mixed = np.column_stack([np.repeat(k, 3), np.tile(axes, len(k))])
        return cls(size, width, place, np.column_stack([i, j]), of_bonds, slots(i, j), mixed,
                   np.repeat(of_both, 3), slots(np.repeat(k, 3), (m + 3 * b[:, None] + axes).ravel()),
                   slots((m + 3 * c[:, None] + axes).ravel(), (m + 3 * d[:, None] + axes).ravel()),
                   np.repeat(of_beads, 3))

    def solve(self, unit: Array, missing: Array, softness: float) -> Array:
        """Solve (J J^T + softness on beads) x = missing for n molecules, (n, size)."""
        n, m = unit.shape[:2]
        dots = np.einsum("npx,npx->np", unit[:, self.pairs[:, 0]], unit[:, self.pairs[:, 1]])
        if self.width > WIDEST:
            return np.stack([self._solve_one(*each, softness) for each in zip(unit, dots, missing, strict=True)])
        bands = np.zeros((n, (self.width + 1) * self.size))
        # A bond with itself counts twice in the incidence; two bonds share one carrier.
        bands[:, self.pair_slot] = dots * self.pair_sign
        bands[:, self.mixed_slot] = unit[:, self.mixed[:, 0], self.mixed[:, 1]] * self.mixed_weight
        bands[:, self.constant_slot] = self.constant
        diagonal = np.full(self.size, 1e-9)
        diagonal[self.place[m:]] += softness
        bands[:, :self.size] += diagonal
        # Stack the molecules: band k of molecule a is followed by band k of molecule a + 1.
        stacked = bands.reshape(n, self.width + 1, self.size).transpose(1, 0, 2).reshape(self.width + 1, -1)
        right = np.empty_like(missing)
        right[:, self.place] = missing
        try:
            factor = cholesky_banded(stacked, lower=True, overwrite_ab=True, check_finite=False)
        except LinAlgError:  # constraints that depend on each other: a little more damping decides
            bands[:, :self.size] += 1e-5
            stacked = bands.reshape(n, self.width + 1, self.size).transpose(1, 0, 2).reshape(self.width + 1, -1)
            factor = cholesky_banded(stacked, lower=True, check_finite=False)
        solution = cho_solve_banded((factor, True), right.ravel(), check_finite=False)
        return solution.reshape(n, self.size)[:, self.place]

    def _solve_one(self, unit: Array, dots: Array, missing: Array, softness: float) -> Array:
        """The same for one molecule, (size,), whose band is wide: a network's factor is mostly empty."""
        values = np.concatenate([dots * self.pair_sign, unit[self.mixed[:, 0], self.mixed[:, 1]] * self.mixed_weight,
                                 self.constant])
        apart, low = np.divmod(np.concatenate([self.pair_slot, self.mixed_slot, self.constant_slot]), self.size)
        off = apart > 0
        entries = np.concatenate([values, values[off]]), (np.concatenate([low + apart, low[off]]),
                                                          np.concatenate([low, (low + apart)[off]]))
        diagonal = np.full(self.size, 1e-9)
        diagonal[self.place[unit.shape[0]:]] += softness
        matrix, right = csc_array(entries, shape=(self.size, self.size)), np.empty(self.size)
        right[self.place] = missing
        for damping in (0.0, 1e-5):  # constraints that depend on each other: a little more damping decides
            whole = (matrix + diags_array(diagonal + damping)).tocsc()
            try:
                factor = splu(whole, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
            except RuntimeError:
                continue
            found = factor.solve(right)
            if np.isfinite(found).all():
                return found[self.place]
        raise LinAlgError("the constraints of a molecule are singular")


def _entries(matrix: csr_array, least: float) -> tuple[Index, Index, Array]:
    """Rows, columns and values of the entries that are larger than ``least``, row after row."""
    matrix.sort_indices()
    rows, columns = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices.astype(np.int64)
    there = np.abs(matrix.data) > least
    return rows[there], columns[there], matrix.data[there]


class SystemProjector:
    """Projects whole windows, type by type."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.projectors = [Projector(molecule) for molecule in system.types]

    def project(self, atoms: Array, beads: Array) -> tuple[Array, Array]:
        """Atoms (W, A, 3) and beads (W, B, 3) -> projected atoms, and residual (W, B, 3), nm."""
        moved, residual = np.array(atoms), np.zeros_like(beads)
        for group, projector in zip(self.system.groups, self.projectors):
            if group.type.given:  # its atoms are its beads
                moved[:, group.atoms] = beads[:, group.beads[:, group.type.mapping.owner]]
                continue
            shape = (len(atoms), len(group.atom_offset))
            flat_atoms = atoms[:, group.atoms].reshape(-1, group.type.n_atoms, 3)
            flat_beads = beads[:, group.beads].reshape(-1, group.type.n_beads, 3)
            found, left = projector.project(flat_atoms, flat_beads)
            moved[:, group.atoms] = found.reshape(*shape, -1, 3)
            residual[:, group.beads] = left.reshape(*shape, -1, 3)
        return moved, residual


def flag_slack(window: Window) -> Window:
    """Mark beads that bonds do not let be met, under the flag ``infeasible``."""
    if window.residual is not None:
        window.flags["infeasible"] = np.linalg.norm(window.residual, axis=2) > FLAG
    return window
