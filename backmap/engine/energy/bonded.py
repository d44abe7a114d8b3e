"""The bonded functions of ``model.parameters.FUNCTIONS``, differentiable, on coordinates of whole molecules.

Conventions are GROMACS' (reference manual, "Bonded interactions"): a dihedral is 0 in cis and pi in trans,
and grows clockwise seen along its axis.
"""
from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .maps import interpolated

#: Square of what counts as no length at all, nm^2: keeps gradients finite where atoms coincide or line up.
TINY = 1e-24


def length(a: Tensor, b: Tensor) -> Tensor:
    """Distance of points (..., 3), (...)."""
    return _norm(b - a)


def angle(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Angle at ``b``, 0 to pi; exact for straight angles too, where arc cosines are not."""
    u, v = a - b, c - b
    return torch.atan2(_norm(torch.linalg.cross(u, v)), (u * v).sum(-1))


def dihedral(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Dihedral a-b-c-d, -pi to pi."""
    u, axis, w = b - a, c - b, d - c
    m, n = torch.linalg.cross(u, axis), torch.linalg.cross(axis, w)
    sine, cosine = _norm(axis) * (u * n).sum(-1), (m * n).sum(-1)
    none = (sine == 0) & (cosine == 0)  # three atoms on a line: no dihedral, and no force from it
    return torch.atan2(sine, torch.where(none, 1.0, cosine))


def thirds(angle: Tensor) -> Tensor:
    """In which third of the circle dihedrals lie, 0 to 2: the wells of staggered ones, with eclipsed ones between."""
    return torch.div(torch.remainder(angle, 2 * math.pi), 2 * math.pi / 3, rounding_mode="floor").long().clamp(0, 2)


def _norm(vector: Tensor) -> Tensor:
    return (vector * vector).sum(-1).clamp_min(TINY).sqrt()


def cosine(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Cosine of the angle at ``b``, whose slope does not end where atoms lie on a line."""
    u, v = a - b, c - b
    return (u * v).sum(-1) / (_norm(u) * _norm(v))


def _harmonic(q: Tensor, q0: Tensor, k: Tensor) -> Tensor:
    return 0.5 * k * (q - q0)**2


def _quartic(r: Tensor, r0: Tensor, k: Tensor) -> Tensor:
    return 0.25 * k * (r**2 - r0**2)**2


def _harmonic_cosine(c: Tensor, t0: Tensor, k: Tensor) -> Tensor:
    return 0.5 * k * (c - torch.cos(t0))**2


def _periodic(p: Tensor, p0: Tensor, k: Tensor, n: Tensor) -> Tensor:
    return k * (1 + torch.cos(n * p - p0))


def _ryckaert_bellemans(p: Tensor, *c: Tensor) -> Tensor:
    cosine = torch.cos(p - torch.pi)
    value = torch.zeros_like(cosine)
    for factor in reversed(c):
        value = value * cosine + factor
    return value


def _harmonic_improper(p: Tensor, p0: Tensor, k: Tensor) -> Tensor:
    away = p - p0
    return 0.5 * k * (away - 2 * torch.pi * torch.round(away / (2 * torch.pi)))**2


def _urey_bradley(x: tuple[Tensor, ...], t0: Tensor, k: Tensor, r0: Tensor, kub: Tensor) -> Tensor:
    return 0.5 * k * (angle(*x) - t0)**2 + 0.5 * kub * (length(x[0], x[2]) - r0)**2


#: Functions of one coordinate: that, and what is made of it and the parameters.
OF_ONE: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "harmonic_bond": (length, _harmonic), "quartic_bond": (length, _quartic), "harmonic_angle": (angle, _harmonic),
    "cosine_angle": (cosine, _harmonic_cosine), "periodic_proper": (dihedral, _periodic),
    "periodic_improper": (dihedral, _periodic), "ryckaert_bellemans": (dihedral, _ryckaert_bellemans),
    "harmonic_improper": (dihedral, _harmonic_improper),
}


def energies(function: str, atoms: Tensor, parameters: Tensor, maps: Tensor | None = None) -> Tensor:
    """Energy of every term of one function.

    Args:
        function: A key of ``model.parameters.FUNCTIONS``.
        atoms: Positions of the atoms of every term, (..., k, 3), nm.
        parameters: (..., p), in the order of ``FUNCTIONS``; broadcast against ``atoms``.
        maps: Splines of the force field's correction maps, as of ``maps.splines``; for ``cmap`` alone.

    Returns:
        kJ/mol, (...).
    """
    if function == "cmap":
        a, b, c, d, e = atoms.unbind(-2)
        return interpolated(maps, parameters[..., 0].long(), dihedral(a, b, c, d), dihedral(b, c, d, e))
    if function == "urey_bradley":
        return _urey_bradley(atoms.unbind(-2), *parameters.unbind(-1))
    coordinate, energy = OF_ONE[function]
    return energy(coordinate(*atoms.unbind(-2)), *parameters.unbind(-1))
