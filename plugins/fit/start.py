"""A shape to begin with: distance geometry on the equilibrium lengths and angles of a force field."""
from __future__ import annotations

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse.csgraph import floyd_warshall

from backmap.model.isomers import CIS, EITHER, handedness
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import MoleculeParameters

from ..chemistry.planar_bonds import planar_bonds

Array = NDArray[np.float64]

TETRAHEDRAL = 1.911  #: radians
APART = 0.2  #: nm; least distance of atoms more than two bonds apart
BOND = 0.15  #: nm, of bonds whose length nothing says
SLACK = 0.005  #: nm, by which known distances may differ
NOISE = 0.1  #: nm, by which the layout is shaken, as it may be flat
ITERATIONS = 400


def embedded(kind: MoleculeType, known: MoleculeParameters) -> Array:
    """A rough shape of a molecule, (A, 3), nm, or its mirror image, whichever has more stereocentres right.

    It begins as the layout of its paths along bonds (classical scaling), from which it is bent until all distances are
    within their bounds.
    """
    lower, upper = _bounds(kind, known)
    paths = floyd_warshall(upper)
    centred = paths**2 - (paths**2).mean(axis=0)
    values, vectors = np.linalg.eigh(-0.5 * (centred - centred.mean(axis=1, keepdims=True)))
    rng = np.random.default_rng(1)
    layout = vectors[:, -3:] * np.sqrt(np.maximum(values[-3:], 0.0)) + rng.normal(0.0, NOISE, (kind.n_atoms, 3))
    found = minimize(_out_of_bounds, layout.ravel(), (lower, upper), method="L-BFGS-B", jac=True,
                     options={"maxiter": ITERATIONS})
    return _as_it_should_be(kind, _on_their_sides(kind, found.x.reshape(-1, 3)))


def _on_their_sides(kind: MoleculeType, shape: Array) -> Array:
    """The shape with what is beyond a double bond, ester or amide turned by half a turn where that is the wrong way."""
    for bonds in planar_bonds(kind):
        for (a, b, c, d), side in zip(bonds.atoms.tolist(), bonds.expected.tolist(), strict=True):
            axis = (shape[c] - shape[b]) / np.linalg.norm(shape[c] - shape[b])
            one, other = (arm - arm @ axis * axis for arm in (shape[a] - shape[b], shape[d] - shape[c]))
            if side != EITHER and (one @ other > 0) != (side == CIS):
                cut = nx.restricted_view(kind.joined, [], [(b, c)])
                beyond = np.array(sorted(nx.node_connected_component(cut, c)))
                if b in beyond:  # in a ring, which has no far side
                    continue
                arm = shape[beyond] - shape[c]
                shape = shape.copy()
                shape[beyond] = shape[c] + 2 * (arm @ axis)[:, None] * axis - arm
    return shape


def _out_of_bounds(flat: Array, lower: Array, upper: Array) -> tuple[float, Array]:
    """Sum of squares of what distances are beyond their bounds, and its gradient."""
    x = flat.reshape(-1, 3)
    square = (x**2).sum(axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square - 2 * x @ x.T, 1e-12))
    np.fill_diagonal(distance, 1.0)
    beyond = np.maximum(distance - upper, 0.0) - np.maximum(lower - distance, 0.0)
    np.fill_diagonal(beyond, 0.0)
    pull = beyond / distance
    return float((beyond**2).sum()), (4 * (pull.sum(axis=1)[:, None] * x - pull @ x)).ravel()


def _as_it_should_be(kind: MoleculeType, shape: Array) -> Array:
    """The shape or its mirror image, whichever has more centres right."""
    chemistry = kind.chemistry
    if len(chemistry.centres) and (handedness(shape, chemistry.centres) * chemistry.sign).sum() < 0:
        return shape * [-1, 1, 1]
    return shape


def lengths_of(kind: MoleculeType, known: MoleculeParameters) -> Array:
    """Length of each bond: rigid, or of the force field; NaN where neither says it, (n_bonds,), nm."""
    length = kind.bond_length.copy()
    told = {tuple(sorted(pair)): float(r0) for bonded in known.bonded if bonded.term == "bond"
            for pair, (r0, *_) in zip(bonded.atoms.tolist(), bonded.parameters.tolist(), strict=True)}
    for row, pair in enumerate(kind.bonds.tolist()):
        if not np.isfinite(length[row]):
            length[row] = told.get((min(pair), max(pair)), np.nan)
    return length


def _usual_angle(kind: MoleculeType, i: int, j: int, k: int) -> float:
    """Angle i-j-k that no term of the force field holds, radians."""
    sizes = kind.chemistry.ring[[i, j, k]]
    if sizes[0] == sizes[1] == sizes[2] != 0:
        return float(np.pi * (1 - 2 / sizes[1])) if kind.chemistry.aromatic[j] or sizes[1] < 5 else TETRAHEDRAL
    orders = [kind.chemistry.bond_order[kind.graph.edges[j, other]["bond"]] for other in kind.graph[j]]
    return 2 * np.pi / 3 if max(orders, default=1.0) > 1 else TETRAHEDRAL


def _bounds(kind: MoleculeType, known: MoleculeParameters) -> tuple[Array, Array]:
    """Lower and upper bounds on all distances, (A, A) each, nm."""
    n = kind.n_atoms
    lower, upper = np.full((n, n), APART), np.full((n, n), 0.2 * n + 1)

    def hold(i: int, j: int, distance: float, slack: float = SLACK) -> None:
        for matrix, value in ((lower, distance - slack), (upper, distance + slack)):
            matrix[i, j] = matrix[j, i] = value

    graph = kind.joined
    length = {(i, j): float(r) if np.isfinite(r) else BOND
              for (i, j), r in zip(kind.bonds.tolist(), lengths_of(kind, known), strict=True)}
    length |= {(j, i): r for (i, j), r in length.items()}
    angle = {(i, j, k): float(t) for bonded in known.bonded if bonded.term == "angle"
             for (i, j, k), (t, *_) in zip(bonded.atoms.tolist(), bonded.parameters.tolist(), strict=True)}
    for atom, parent in zip(kind.dependents.atoms.tolist(), kind.dependents.first.tolist(), strict=True):
        lower[atom] = lower[:, atom] = 0.0
        length.setdefault((atom, parent), 0.05), length.setdefault((parent, atom), 0.05)
    for j in graph:
        arms = sorted(graph[j])
        for number, i in enumerate(arms):
            for k in arms[number + 1:]:
                bend = angle.get((i, j, k), angle.get((k, j, i), _usual_angle(kind, i, j, k)))
                one, other = length.get((i, j), BOND), length.get((j, k), BOND)
                hold(i, k, float(np.sqrt(one**2 + other**2 - 2 * one * other * np.cos(bend))), 2 * SLACK)
    for (i, j), r in length.items():
        hold(i, j, r)
    for (i, j), r in kind.held.between.items():
        hold(i, j, r)
    np.fill_diagonal(upper, 0.0)
    return lower, upper
