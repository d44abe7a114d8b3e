"""First and second derivatives of bonded terms: in closed form where a term is of one coordinate, else by torch."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...model.parameters import Bonded
from ..energy import bonded
from .coordinates import Derivatives, angles, cosines, dihedrals, lengths

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_COORDINATES = {bonded.length: lengths, bonded.angle: angles, bonded.cosine: cosines, bonded.dihedral: dihedrals}


def of_terms(terms: Bonded, positions: Array, maps: Tensor) -> Derivatives:
    """Derivatives of the energies of bonded terms of one function.

    Args:
        terms: Of a molecule type.
        positions: Of molecules, (n, A, 3), nm.
        maps: Splines of correction maps.
    """
    values = torch.as_tensor(terms.parameters)
    if terms.function not in bonded.OF_ONE:
        return derivatives(lambda x: bonded.energies(terms.function, x, values, maps), positions, terms.atoms)
    coordinate, energy = bonded.OF_ONE[terms.function]
    with torch.no_grad():
        q = coordinate(*torch.as_tensor(positions[:, terms.atoms]).unbind(-2))
    first, = torch.autograd.grad(energy(q.requires_grad_(), *values.unbind(-1)).sum(), q, create_graph=True)
    second = torch.autograd.grad(first.sum(), q, materialize_grads=True)[0] if first.requires_grad else 0 * first
    return _COORDINATES[coordinate](positions, terms.atoms).then(first.detach().numpy(), second.detach().numpy())


def derivatives(function: Callable[[Tensor], Tensor], positions: Array, atoms: Index) -> Derivatives:
    """Differentiate a function of atoms twice.

    Args:
        function: Takes (n, m, k, 3) to (n, m), each value from its own k atoms.
        positions: Of molecules, (n, A, 3), nm.
        atoms: (m, k).
    """
    n, (m, k) = len(positions), atoms.shape
    if not m:
        return Derivatives(atoms, np.zeros((n, 0, 3 * k)), np.zeros((n, 0, 3 * k, 3 * k)))
    corners = torch.as_tensor(positions[:, atoms]).requires_grad_()
    slope, = torch.autograd.grad(function(corners).sum(), corners, create_graph=True)
    flat = slope.reshape(n, m, 3 * k)
    if not flat.requires_grad:  # as where every force constant is 0
        return Derivatives(atoms, flat.detach().numpy(), np.zeros((n, m, 3 * k, 3 * k)))
    rows = [torch.autograd.grad(flat[..., c].sum(), corners, retain_graph=c + 1 < 3 * k, materialize_grads=True)[0]
            for c in range(3 * k)]
    return Derivatives(atoms, flat.detach().numpy(), torch.stack(rows, dim=2).reshape(n, m, 3 * k, 3 * k).numpy())
