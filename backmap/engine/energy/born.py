"""Energies of implicit solvents: see ``model.solvent`` for the formulas. Of molecules that stand by themselves."""
from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from vesin import NeighborList

from ...errors import BackmapError
from ...model.parameters import MoleculeParameters
from ...model.solvent import OFFSET, PROBE, ImplicitSolvent
from ...model.system import Group

Array = NDArray[np.float64]

CLOSEST = 1e-12  #: nm^2; atoms on one another count as so far apart


def energies(solvent: ImplicitSolvent, positions: Tensor) -> Tensor:
    """Energy of every atom (n, A), kJ/mol, of positions (n, A, 3), nm: half of each of its pairs."""
    polar, surface = parts(solvent, positions)
    return solvent.polar * polar + solvent.surface * surface


def parts(solvent: ImplicitSolvent, positions: Tensor) -> tuple[Tensor, Tensor]:
    """What ``polar`` and ``surface`` stand before, by atom, (n, A) each."""
    charge, radius, screen = (torch.as_tensor(each).to(positions) for each in (solvent.charge, solvent.radius,
                                                                              solvent.screen))
    first, second = torch.triu_indices(len(charge), len(charge), 1, device=positions.device)
    squared = ((positions[:, second] - positions[:, first])**2).sum(2).clamp_min(CLOSEST)
    born = _radii(solvent.tanh, radius, screen, squared.sqrt(), first, second)
    product = born[:, first] * born[:, second]
    f = (squared + product * torch.exp(-0.25 * squared / product)).sqrt()
    polar, of_pair = 0.5 * charge**2 / born, 0.5 * charge[first] * charge[second] / f
    for end in (first, second):
        polar = polar.index_add(1, end, of_pair)
    whole = radius + OFFSET
    return polar, (whole + PROBE)**2 * (whole / born)**6


def _radii(tanh: tuple[float, float, float] | None, radius: Tensor, screen: Tensor, r: Tensor, first: Tensor,
           second: Tensor) -> Tensor:
    """Born radii (n, A) from distances of pairs (n, p)."""
    integral = r.new_zeros(len(r), len(radius))
    for one, other in ((first, second), (second, first)):
        integral = integral.index_add(1, one, _descreened(r, radius[one], screen[other]))
    if tanh is None:
        return 1 / (1 / radius - integral)
    alpha, beta, gamma = tanh
    psi = integral * radius
    bent = torch.tanh(psi * (alpha + psi * (gamma * psi - beta)))
    return 1 / (1 / radius - bent / (radius + OFFSET))


def _descreened(r: Tensor, radius: Tensor, screen: Tensor) -> Tensor:
    """What atoms with ``screen`` take from those of ``radius``, at distances r (n, p), 1/nm."""
    away, reach = r - screen, r + screen
    low = 1 / torch.maximum(radius, away.abs())
    high = 1 / reach
    value = 0.5 * (low - high + 0.25 * (r - screen**2 / r) * (high**2 - low**2) + 0.5 * torch.log(high / low) / r)
    within = torch.where(radius < -away, 1 / radius - low, 0.0)  # one that is all inside of the other
    return torch.where(radius < reach, value + within, 0.0)


def expect_isolated(groups: list[tuple[Group, MoleculeParameters]], molecule: NDArray[np.int64], atoms: Array,
                    box: Array | None, cutoff: float, where: str) -> None:
    """Make sure that molecules in an implicit solvent see no others, and all of themselves.

    Args:
        groups: Molecules of each type and their parameters.
        molecule: Of each atom, (A,).
        atoms: Whole molecules, (A, 3), nm.
        box: (3, 3), nm, or None.
        cutoff: Of the force field, nm.
        where: The force field, for messages.

    Raises:
        BackmapError: If atoms of two of them, or of one and its image, are within the cut-off, or atoms of one are not.
    """
    lattice = np.zeros((3, 3)) if box is None else box
    i, j, shift = NeighborList(cutoff=cutoff, full_list=False).compute(
        points=np.ascontiguousarray(atoms), box=lattice, periodic=box is not None, quantities="ijS")
    met = (molecule[i] != molecule[j]) | shift.any(axis=1)
    if met.any():
        one, other = (int(molecule[k[met][0]]) + 1 for k in (i, j))
        named = "an image of itself" if one == other else f"molecule {other}"
        raise BackmapError(f"has an implicit solvent, which is of molecules by themselves, but molecule {one} sees "
                           f"{named}", where=where, hint=f"Molecules should be farther apart than the cut-off of "
                                                         f"{cutoff:g} nm, without periodic surroundings.")
    for group, known in groups:
        if known.solvent is None:
            continue
        own = atoms[group.atoms]
        away = np.linalg.norm(own - own.mean(axis=1, keepdims=True), axis=2).max(axis=1)
        for number in np.flatnonzero(2 * away >= cutoff):
            width = np.linalg.norm(own[number][:, None] - own[number], axis=2).max()
            if width >= cutoff:
                raise BackmapError(f"has an implicit solvent without a cut-off, but a molecule '{group.type.name}' is "
                                   f"{width:.2f} nm wide", where=where,
                                   hint=f"Give the step forcefield a cutoff larger than the {cutoff:g} nm it has.")
