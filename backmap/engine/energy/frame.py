"""Energy and forces of whole frames."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from vesin import NeighborList

from ...model import box as periodic
from ...model.parameters import ForceField
from ...model.system import System
from ..geometry.dependents import all_spread
from ..sites.snapshot import Snapshot
from . import bonded, born, cells, kernel
from .layout import TERMS, FieldLayout
from .pair import pair_energies

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EnergyTerms:
    """Energies of one frame, kJ/mol: numbers and arrays, or tensors that can be differentiated.

    Attributes:
        terms: All of ``layout.TERMS``: bond, angle, proper, improper, cmap, lj (non-bonded), lj_14 (explicit pairs),
            coulomb (non-bonded; with a reaction field also excluded pairs and self terms), coulomb_14 and solvent
            (implicit ones).
        intra: Lennard-Jones energy of each molecule with itself, explicit pairs included, (M,).
        inter: Of each molecule with all others, (M,): a pair of molecules counts for both.
        lj_of_atom: Half of the Lennard-Jones energy of all pairs of each atom, explicit ones included, (A,).
        coulomb_of_atom: The same of Coulomb, without self terms; None of tensors.
        solvent_of_atom: Energy of implicit solvents of each atom, half of that of its pairs, (A,); None of tensors.
    """

    terms: dict[str, Any]
    intra: Any
    inter: Any
    lj_of_atom: Any
    coulomb_of_atom: Array | None = None
    solvent_of_atom: Array | None = None

    def __getitem__(self, term: str) -> Any:
        return self.terms[term]

    @property
    def total(self) -> Any:
        """Sum of all terms."""
        return sum(self.terms[term] for term in TERMS)


class FrameEnergy:
    """Energies of frames of one system in one force field.

    Sums are made frame by frame in a fixed order, so they do not depend on threads or on other frames. What was asked
    for last is kept: steps look at a frame from several sides before they move it.

    Attributes:
        layout: The force field laid over the system; ``layout.present`` lists the terms there are.
    """

    def __init__(self, system: System, field: ForceField, device: str = "cpu") -> None:
        """Lay the force field over the system; ``device`` is where gradients are computed.

        Raises:
            BackmapError: If a molecule type has no parameters, or the force field asks for PME.
        """
        self.system, self.field, self.device = system, field, device
        self.layout = FieldLayout(system, field, solvents=True)
        self.maps = self._tensor(self.layout.maps)
        self._last: dict[str, tuple[Array, Array | None, Any]] = {}

    def of(self, frame: Snapshot | Array, box: Array | None = None) -> EnergyTerms:
        """Energies of a frame, as numbers.

        Args:
            frame: A snapshot, or atoms (A, 3), nm, whose molecules may be broken over the boundary.
            box: Of atoms, (3, 3), nm, or None; a snapshot has its own.
        """
        if isinstance(frame, Snapshot):
            return self._numbers(frame.atoms, frame.box)
        atoms = np.asarray(frame, dtype=np.float64)
        return self._kept("all", atoms, box, lambda: self._numbers(self.system.whole_atoms(atoms, box), box))

    def _kept(self, name: str, atoms: Array, box: Array | None, made: Callable[[], Any]) -> Any:
        """What was made of these very atoms and box before, if they were the last ones."""
        if name in self._last:
            known, lattice, found = self._last[name]
            if np.array_equal(known, atoms) and ((box is None) == (lattice is None)) and np.array_equal(lattice, box):
                return found
        found = made()
        self._last[name] = atoms.copy(), None if box is None else np.array(box), found
        return found

    def bonded(self, atoms: Array) -> list[tuple[str, Array]]:
        """Term and energies of each bonded function of each type, of whole molecules (A, 3), nm.

        Energies are (m, n), of the m molecules of a type and its n terms, in the order of ``system.types`` and their
        parameters. There is no box: of what stands still and is bonded across one they are those of torn bonds, and
        the same whatever moves.
        """
        def made() -> list[tuple[str, Array]]:
            with torch.no_grad():
                return [(term, values.numpy()) for term, values in self._bonded(torch.as_tensor(atoms), None)]

        return self._kept("bonded", atoms, None, made)

    def differentiable(self, atoms: Tensor, box: Array | None = None) -> EnergyTerms:
        """The same as tensors, from atoms (A, 3) float64 that may ask for gradients.

        Neighbours and periodic images are found once and kept: energies change smoothly with ``atoms`` as
        long as no pair crosses the cut-off.
        """
        fixed = atoms.detach().cpu().numpy()
        whole = self.system.whole_atoms(fixed, box)
        self.layout.expect_isolated(whole, box)
        return self._tensors(atoms + self._tensor(whole - fixed), box, *self._search(whole, box))

    def forces(self, atoms: Array, box: Array | None = None) -> Array:
        """Minus the gradient of the total energy, (A, 3), kJ/mol/nm; dependent atoms hand theirs to their parents."""
        leaf = self._tensor(np.asarray(atoms, dtype=np.float64)).clone().requires_grad_()
        self.differentiable(leaf, box).total.backward()
        return all_spread(self.system, self.system.whole_atoms(np.asarray(atoms, dtype=np.float64), box),
                          -leaf.grad.cpu().numpy())

    def _search(self, atoms: Array, box: Array | None) -> tuple[Index, Index, Array]:
        """Pairs within the cut-off, each once, and the vectors between them."""
        lattice = np.zeros((3, 3)) if box is None else box
        i, j, vector = NeighborList(cutoff=self.field.cutoff, full_list=False).compute(
            points=np.ascontiguousarray(atoms), box=lattice, periodic=box is not None, quantities="ijD")
        return i.astype(np.int64), j.astype(np.int64), vector

    def _numbers(self, atoms: Array, box: Array | None) -> EnergyTerms:
        atoms = np.array(atoms, dtype=np.float64, order="C")
        layout, where, n = self.layout, self.layout.where, self.layout.where.n_molecules
        terms = dict.fromkeys(TERMS, 0.0)
        with torch.no_grad():
            for term, values in self._bonded(torch.as_tensor(atoms), box):
                terms[term] += float(values.numpy().sum())
        lj_of_atom, coulomb_of_atom, intra, inter = (np.zeros(size) for size in (len(atoms), len(atoms), n, n))
        terms["lj"], terms["coulomb"] = kernel.nonbonded(atoms, cells.sort(atoms, box, self.field.cutoff),
                                                         layout.tables,
                                                         kernel.PairSums(lj_of_atom, coulomb_of_atom, intra, inter))
        terms["coulomb"] += layout.self_energy
        with torch.no_grad():
            for rows, lj, coulomb in self.explicit(torch.as_tensor(atoms), box):
                terms["lj_14"] += float(lj.numpy().sum())
                terms["coulomb_14"] += float(coulomb.numpy().sum())
                intra += np.bincount(where.molecule[rows[:, 0]], lj, minlength=n)
                for end in rows.T:
                    lj_of_atom += np.bincount(end, 0.5 * lj, minlength=len(atoms))
                    coulomb_of_atom += np.bincount(end, 0.5 * coulomb, minlength=len(atoms))
        solvent_of_atom = np.zeros(len(atoms))
        if layout.solvated:
            layout.expect_isolated(atoms, box)
            with torch.no_grad():
                for rows, values in self._solvents(torch.as_tensor(atoms)):
                    solvent_of_atom[rows] = values.numpy()
            terms["solvent"] = float(solvent_of_atom.sum())
        return EnergyTerms(terms, intra, inter, lj_of_atom, coulomb_of_atom, solvent_of_atom)

    def _tensors(self, atoms: Tensor, box: Array | None, i: Index, j: Index, vector: Array) -> EnergyTerms:
        zero = torch.zeros((), dtype=torch.float64, device=self.device)
        terms = dict.fromkeys(TERMS, zero)
        for term, values in self._bonded(atoms, box):
            terms[term] = terms[term] + values.sum()
        lj, coulomb = self._pairs(atoms, i, j, vector)
        terms["lj"], terms["coulomb"] = lj.sum(), coulomb.sum() + self.layout.self_energy
        molecule = self.layout.where.molecule
        same = molecule[i] == molecule[j]
        n = self.layout.where.n_molecules
        intra = self._added(n, lj[self._tensor(same)], molecule[i[same]])
        inter = self._added(n, lj[self._tensor(~same)], molecule[i[~same]], molecule[j[~same]])
        of_atom = self._added(len(atoms), 0.5 * lj, i, j)
        for rows, lj_14, coulomb_14 in self.explicit(atoms, box):
            terms["lj_14"] = terms["lj_14"] + lj_14.sum()
            terms["coulomb_14"] = terms["coulomb_14"] + coulomb_14.sum()
            intra = intra + self._added(n, lj_14, molecule[rows[:, 0]])
            of_atom = of_atom + self._added(len(atoms), 0.5 * lj_14, *rows.T)
        for _, values in self._solvents(atoms):
            terms["solvent"] = terms["solvent"] + values.sum()
        return EnergyTerms(terms, intra, inter, of_atom)

    def _bonded(self, atoms: Tensor, box: Array | None) -> list[tuple[str, Tensor]]:
        """Term and energies (m, n) of every bonded function of each type: m molecules, n terms."""
        found = []
        for group, molecule in zip(self.system.groups, self.layout.molecules):
            positions = atoms[_tensor(group.atoms, atoms.device)]
            for each in molecule.bonded:
                corners = positions[:, _tensor(each.atoms, atoms.device)]
                if group.type.standing:
                    corners = _nearest(corners, box)
                values = bonded.energies(each.function, corners, _tensor(each.parameters, atoms.device), self.maps)
                found.append((each.term, values))
        return found

    def _solvents(self, atoms: Tensor) -> list[tuple[Index, Tensor]]:
        """System indices (m, A) of molecules in an implicit solvent, and its energy of each of their atoms (m, A)."""
        return [(group.atoms, born.energies(molecule.solvent, atoms[_tensor(group.atoms, atoms.device)]))
                for group, molecule in zip(self.system.groups, self.layout.molecules) if molecule.solvent is not None]

    def explicit(self, atoms: Tensor, box: Array | None) -> list[tuple[Index, Tensor, Tensor]]:
        """System indices (p, 2), Lennard-Jones and Coulomb energies (p,) of explicit pairs of each type."""
        found = []
        for group, molecule in zip(self.system.groups, self.layout.molecules):
            if len(molecule.pairs):
                rows = (group.atom_offset[:, None, None] + molecule.pairs).reshape(-1, 2)
                values = np.tile(molecule.pair_parameters, (len(group.atom_offset), 1))
                c6, c12, charges = _tensor(values, atoms.device).T
                ends = atoms[_tensor(rows, atoms.device)]
                a, b = (_nearest(ends, box) if group.type.standing else ends).unbind(1)
                none = torch.zeros(len(rows), dtype=torch.bool, device=atoms.device)
                found.append((rows, *pair_energies(((b - a)**2).sum(-1), c6, c12, charges, none,
                                                   self.layout.explicit)))
        return found

    def _excluded(self, atoms: Array, i: Index, j: Index, vector: Array) -> NDArray[np.bool_]:
        layout = self.layout
        image = vector - (atoms[j] - atoms[i])
        excluded = layout.where.molecule[i] == layout.where.molecule[j]
        excluded &= layout.where.standing[i] | (np.abs(image).sum(axis=1) < 1e-6)
        excluded[excluded] = layout.is_excluded(i[excluded], j[excluded])
        return excluded

    def _pairs(self, atoms: Tensor, i: Index, j: Index, vector: Array) -> tuple[Tensor, Tensor]:
        """Lennard-Jones and Coulomb energy of every non-bonded pair, (n,)."""
        fixed = atoms.detach().cpu().numpy()
        image = vector - (fixed[j] - fixed[i])
        step = atoms[self._tensor(j)] - atoms[self._tensor(i)] + self._tensor(image)
        return self._pair_energies((step * step).sum(-1), i, j, self._excluded(fixed, i, j, vector))

    def _pair_energies(self, squared: Tensor, i: Index, j: Index,
                       excluded: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
        layout = self.layout
        kinds = layout.kind[i], layout.kind[j]
        return pair_energies(squared, self._tensor(self.field.c6[kinds]), self._tensor(self.field.c12[kinds]),
                             self._tensor(layout.charge[i] * layout.charge[j]), self._tensor(excluded),
                             layout.electrostatics, layout.tail)

    def _added(self, n: int, values: Tensor, *targets: Index) -> Tensor:
        """``values`` added up into ``n`` places, once for each of ``targets``."""
        total = torch.zeros(n, dtype=torch.float64, device=self.device)
        for target in targets:
            total = total.index_add(0, self._tensor(target), values)
        return total

    def _tensor(self, values: NDArray) -> Tensor:
        return _tensor(values, self.device)


def _nearest(corners: Tensor, box: Array | None) -> Tensor:
    """Corners (..., k, 3), those images of each that are nearest to the first, with gradients."""
    fixed = corners.detach().cpu().numpy()
    return corners + _tensor(periodic.nearest(fixed, box) - fixed, corners.device)


def _tensor(values: NDArray, device: str | torch.device) -> Tensor:
    return torch.as_tensor(values, device=device)
