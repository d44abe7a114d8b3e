"""Bonded terms and explicit pairs of fragments, laid over what a site sees."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backmap.engine.energy import bonded
from backmap.engine.energy.pair import softened_tensors
from backmap.engine.energy.terms import FragmentTerms, RowTerms
from backmap.engine.hamiltonian.bonded import CODES, prepared
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.engine.sites.records import ContextAtoms, DrawnAtoms, as_arrays
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import BOLTZMANN, FUNCTIONS, Bonded, MoleculeParameters

from . import flat_bottom, kernels
from .pairs import core

Array = NDArray[np.float64]
Index = NDArray[np.int64]

TERMS = ("bond", "angle", "dihedral", "lennard_jones")


def counted(kind: MoleculeType, molecule: MoleculeParameters, names: Sequence[str], rigid_stiffness: float, cap: float,
            flat: bool, limits: Mapping[str, float]) -> MoleculeParameters:
    """The terms that count, rigid bonds as springs, with two more parameters each.

    These are the least energy and how much higher a term is at its limits, NaN where limits follow from the
    temperature. Explicit pairs have their core in place of charges. For flat bottoms, terms of one dihedral are one.
    Correction maps are left out: they are weak, and no guide to what an atom's place should be.
    """
    rigid = np.isfinite(kind.bond_length)
    fixed = {(int(i), int(j)) for i, j in kind.bonds[rigid]}
    springs = np.column_stack([kind.bond_length[rigid], np.full(rigid.sum(), rigid_stiffness)])
    listed = [Bonded("harmonic_bond", kind.bonds[rigid], springs)]
    for each in molecule.bonded:
        if each.term == "cmap":
            continue
        if each.term == "bond":
            free = np.array([(min(pair), max(pair)) not in fixed for pair in each.atoms.tolist()], dtype=bool)
            each = replace(each, atoms=each.atoms[free], parameters=each.parameters[free])
        listed.extend(flat_bottom.merged(each) if flat else [each])
    listed = [_with_limits(each, limits.get(TERMS[_term(each.function)])) for each in listed
              if len(each.atoms) and TERMS[_term(each.function)] in names]
    keep = slice(None) if "lennard_jones" in names else slice(0)
    c6, c12 = molecule.pair_parameters[keep, :2].T
    return replace(molecule, bonded=tuple(listed), pairs=molecule.pairs[keep],
                   pair_parameters=np.column_stack([c6, c12, core(c6, c12, cap)]))


def _with_limits(each: Bonded, limit: float | None) -> Bonded:
    least = flat_bottom.lowest(each.function, each.parameters)[1]
    higher = np.full(len(least), np.nan)
    if limit is not None:
        width = limit if each.term == "bond" else np.radians(limit)
        higher = flat_bottom.raised(each.function, each.parameters, width)
    return replace(each, parameters=np.column_stack([each.parameters, least, higher]))


def _term(function: str) -> int:
    """Which of ``TERMS`` a function counts under."""
    term = "lennard_jones" if function == "pair" else FUNCTIONS[function][0]
    return TERMS.index("dihedral" if term in ("proper", "improper") else term)


@dataclass(frozen=True, eq=False)
class BondedTerms:
    """Terms of all fragments; corners are indices into [fragment atoms F | context atoms C].

    Attributes:
        functions: By function.
        flat: The same one after the other.
        max_force: Largest force of a term on an atom, kJ/mol/nm.
        deviations: Limits of flat bottoms, in standard deviations; None for terms as they are.
    """

    functions: list[RowTerms]
    flat: kernels.RowBonded
    max_force: float
    deviations: float | None

    @classmethod
    def of(cls, fragments: FragmentTable, molecules: Sequence[MoleculeParameters], where: str, max_force: float,
           deviations: float | None) -> BondedTerms:
        """Lay the terms of ``counted`` molecules over fragments.

        Raises:
            BackmapError: If a term reaches beyond the context.
        """
        found = FragmentTerms(molecules, fragments, where)
        functions = [_over_context(each, found.partners, fragments) for each in found.functions]
        return cls(functions, _flat(functions, len(fragments.bead)), max_force, deviations)

    def add(self, env: LocalEnvironment, drawn: Tensor, energy: Tensor, slope: Tensor | None) -> None:
        """Add energies of candidates (S, K, F, 3) to (4, S, K), and gradients to (4, S, K, F, 3)."""
        (self.quickly if drawn.device.type == "cpu" else self.anywhere)(env, drawn, energy, slope)

    def quickly(self, env: LocalEnvironment, drawn: Tensor, energy: Tensor, slope: Tensor | None) -> None:
        """The same on a processor."""
        value = np.zeros(tuple(energy.shape))
        gradient = np.zeros((0,) * 5 if slope is None else tuple(slope.shape))
        kernels.terms(as_arrays(DrawnAtoms.of(env, drawn)), as_arrays(ContextAtoms.of(env)), env.row.numpy(), self.flat,
                      self._thermal(env).numpy(), self.max_force, value, gradient)
        energy += torch.as_tensor(value)
        if slope is not None:
            slope += torch.as_tensor(gradient)

    def anywhere(self, env: LocalEnvironment, drawn: Tensor, energy: Tensor, slope: Tensor | None) -> None:
        """The same with tensors on any device."""
        n_own, n_candidates = drawn.shape[2], drawn.shape[1]
        atoms = torch.cat([drawn.double(), env.context.double()[:, None].expand(-1, n_candidates, -1, -1)], dim=2)
        known = torch.cat([env.atoms >= 0, env.context_placed], dim=1)
        touched = torch.cat([env.block, torch.zeros_like(env.context_placed)], dim=1)
        thermal = self._thermal(env)
        for terms in self.functions:
            site, corners, parameters = terms.of(env.row)
            counts = known[site[:, None], corners].all(dim=1) & touched[site[:, None], corners].any(dim=1)
            site, corners, parameters = site[counts], corners[counts], parameters[counts]
            # (n, k, K, 3): advanced indices on both sides of a slice come first.
            placed = atoms[site[:, None], :, corners].transpose(1, 2).detach()
            with torch.set_grad_enabled(slope is not None):
                placed = placed.requires_grad_(slope is not None)
                values = self._values(terms.function, placed, parameters[:, None], thermal[site, None])
                total = values.sum()
            term = _term(terms.function)
            energy[term].index_add_(0, site, values.detach().to(energy.dtype))
            if slope is not None:
                (gradient,) = torch.autograd.grad(total, placed)
                which, corner = torch.nonzero(corners < n_own, as_tuple=True)
                limited = _limited(gradient, self.max_force)[which, :, corner].to(slope.dtype)
                slope[term].transpose(1, 2).index_put_((site[which], corners[which, corner]), limited, accumulate=True)

    def _thermal(self, env: LocalEnvironment) -> Tensor:
        """Height at the limits of flat bottoms, n^2 kT / 2, (S,); NaN for none."""
        scale = np.nan if self.deviations is None else 0.5 * self.deviations**2 * BOLTZMANN
        return scale * env.temperature.double()

    def _values(self, function: str, atoms: Tensor, parameters: Tensor, thermal: Tensor) -> Tensor:
        """Energies (n, K) of terms at (n, K, k, 3)."""
        if function == "pair":
            distance = bonded.length(atoms[:, :, 0], atoms[:, :, 1])
            return softened_tensors(distance, *parameters.unbind(-1))[0]
        values = bonded.energies(function, atoms, parameters[..., :-2])
        if self.deviations is None:
            return values
        least, higher = parameters[..., -2:].unbind(-1)
        return flat_bottom.flattened(values, least, torch.where(higher.isnan(), thermal, higher))


def _limited(gradient: Tensor, max_force: float) -> Tensor:
    """Gradients (..., 3) none of which is longer than ``max_force``."""
    size = gradient.square().sum(-1, keepdim=True).sqrt()
    return (gradient * (max_force / size.clamp_min(max_force))).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def _rows(terms: RowTerms) -> Tensor:
    """Fragment row of each term, (n,)."""
    counts = terms.start[1:] - terms.start[:-1]
    return torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)


def _over_context(terms: RowTerms, partners: Tensor, fragments: FragmentTable) -> RowTerms:
    """The same terms with corners in [fragment atoms F | context atoms C]."""
    n_own = fragments.atoms.shape[1]
    same = (partners[:, :, None] == fragments.context[:, None]) & (partners >= 0)[:, :, None]
    slot = same.int().argmax(dim=2)
    outside = slot[_rows(terms)[:, None], (terms.corners - n_own).clamp_min(0)] + n_own
    return replace(terms, corners=torch.where(terms.corners < n_own, terms.corners, outside))


def _flat(functions: Sequence[RowTerms], n_rows: int) -> kernels.RowBonded:
    """All terms one after the other, by row."""
    parts: list[list[NDArray]] = [[np.empty(0, np.int64)] * 3 + [np.empty((0, 4), np.int64), np.empty((0, 6)),
                                                                 np.empty((0, 2))]]
    for terms in functions:
        corners, values = terms.corners.cpu().numpy(), terms.parameters.cpu().numpy()
        n, size = corners.shape
        code, floor = CODES.get(terms.function, kernels.PAIR), np.full((n, 2), np.nan)
        if code == kernels.PAIR:
            values = np.pad(values, ((0, 0), (0, 6 - values.shape[1])))
        else:
            values, floor = prepared(code, values[:, :-2]), values[:, -2:]
        parts.append([_rows(terms).cpu().numpy(), np.full(n, code), np.full(n, _term(terms.function)),
                      np.pad(corners, ((0, 0), (0, 4 - size)), constant_values=-1), values, floor])
    row, *rest = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(row, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_rows))]).astype(np.int64)
    return kernels.RowBonded(start, *(np.ascontiguousarray(column[order]) for column in rest))
