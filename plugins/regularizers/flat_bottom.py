"""Flat bottoms: where bonded terms have their minimum, and how high they are at given limits about it."""
from __future__ import annotations

import numpy as np
import torch
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from torch import Tensor

from backmap.engine.energy import bonded
from backmap.model.parameters import FUNCTIONS, Bonded

Array = NDArray[np.float64]

NODES = 720  #: of a turn, among which the minimum of a torsion is looked for
TORSIONS = ("periodic_proper", "periodic_improper", "ryckaert_bellemans")


def lowest(function: str, parameters: Array) -> tuple[Array, Array]:
    """Where each term (n, p) has its minimum, nm or radians, (n,), and the energy there, (n,)."""
    if function not in TORSIONS:  # the first parameter of all others
        return parameters[:, 0], np.zeros(len(parameters))
    nodes = np.linspace(-np.pi, np.pi, NODES, endpoint=False)
    values = np.stack([_at(function, parameters, np.full(len(parameters), node)) for node in nodes], axis=1)
    best = values.argmin(axis=1)
    return nodes[best], values[np.arange(len(values)), best]


def merged(each: Bonded) -> list[Bonded]:
    """The same energy with all proper terms of one dihedral in one, where it is a polynomial of its cosine.

    k (1 + cos(n p - p0)) is k (1 +- T_n(cos p)) for p0 of 0 and pi, T_n the Chebyshev polynomials: six coefficients
    hold those up to n = 5. Terms that are alone, and all others, stay as they are.
    """
    if each.function != "periodic_proper":
        return [each]
    phase, k, n = each.parameters.T
    even = (np.abs(np.sin(phase)) < 1e-6) & (n >= 0) & (n <= 5)
    backwards = each.atoms[:, :1] > each.atoms[:, -1:]
    names = np.where(backwards, each.atoms[:, ::-1], each.atoms)
    dihedrals, where = np.unique(names, axis=0, return_inverse=True)
    where = where.reshape(-1)
    joined = (np.bincount(where) > 1) & (np.bincount(where, ~even) == 0)
    powers = np.zeros((len(dihedrals), 6))
    for term in np.flatnonzero(joined[where]):
        series = np.zeros(6)
        series[0] = k[term]
        series[int(n[term])] += k[term] * np.cos(phase[term])
        ours = chebyshev.cheb2poly(series)
        powers[where[term], :len(ours)] += ours
    signs = np.array([1.0, -1.0] * 3)  # ours is cos p, theirs cos(p - pi)
    alone = ~joined[where]
    found = [Bonded(each.function, each.atoms[alone], each.parameters[alone]),
             Bonded("ryckaert_bellemans", dihedrals[joined], (powers * signs)[joined])]
    return [part for part in found if len(part.atoms)]


def raised(function: str, parameters: Array, limit: float) -> Array:
    """How much higher each term is at ``limit`` from its minimum, nm or radians, on the lower side, kJ/mol, (n,)."""
    if function == "urey_bradley":
        function, parameters = "harmonic_angle", parameters[:, :2]
    where, least = lowest(function, parameters)
    sides = [_at(function, parameters, where + side * limit) - least for side in (-1, 1)]
    return np.maximum(np.minimum(*sides), 0.0)


def flattened(energy: Tensor, least: Tensor, raised: Tensor) -> Tensor:
    """(sqrt(U - U0) - sqrt(U1 - U0))^2 beyond U1, else 0."""
    above = (energy - least).clamp_min(0.0)
    return (torch.maximum(above, raised).clamp_min(1e-12).sqrt() - raised.clamp_min(1e-12).sqrt())**2


def _at(function: str, parameters: Array, value: Array) -> Array:
    """Energies of terms (n, p) whose bond, angle or dihedral is ``value`` (n,)."""
    zero, one = np.zeros_like(value), np.ones_like(value)
    sine, cosine = np.sin(value), np.cos(value)
    size = FUNCTIONS[function][1]
    if size == 2:
        corners = [(zero, zero, zero), (value, zero, zero)]
    elif size == 3:
        corners = [(one, zero, zero), (zero, zero, zero), (cosine, sine, zero)]
    else:
        corners = [(one, zero, zero), (zero, zero, zero), (zero, zero, one), (cosine, sine, one)]
    atoms = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
    return bonded.energies(function, torch.as_tensor(atoms), torch.as_tensor(parameters)).numpy()
