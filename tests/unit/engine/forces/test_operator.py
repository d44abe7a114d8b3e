"""Forces on beads are mean forces: against derivatives of the potential of mean force, by quadrature."""
from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine.forces.operator import EXACT, force_operator, mean_force_error
from backmap.model.mapping import Mapping

Array = NDArray[np.float64]
MASS = np.array([2.0, 3.0, 1.0])
GRAPH = nx.path_graph(3)
HEAT = 1.3


def mapping(*rows: tuple[list[int], list[float]], forces: list[list[float]] | None = None) -> Mapping:
    return Mapping.from_rows(list(rows), GRAPH, np.ones(3, dtype=bool), force_rows=forces)


DISJOINT = mapping(([0, 1], [2.0, 3.0]), ([2], [1.0]))
SHARED = mapping(([0, 1], [2.0, 1.5]), ([1, 2], [1.5, 1.0]))
D_OF_OWN = replace(SHARED, force_weight=np.array([1.0, 0.0, 0.0, 1.0]))  # nothing for the atom that is shared


def energy(x: Array) -> Array:
    """Of three atoms on a line, x (..., 3): anharmonic springs, and a field that holds them."""
    a, b = x[..., 1] - x[..., 0], x[..., 2] - x[..., 1]
    return 3 * (a - 1)**4 + 2 * (b - 0.8)**2 + 1.5 * np.cos(2 * a + b) + 0.4 * (x**2).sum(axis=-1)


def forces(x: Array) -> Array:
    step = 1e-5 * np.eye(3)
    return np.stack([(energy(x - one) - energy(x + one)) / 2e-5 for one in step], axis=-1)


def at_beads(given: Mapping, beads: Array) -> Array:
    """Atoms (n, 3) on a fine grid over all that is left open where the beads (2,) are held."""
    weights = given.matrix
    open_ = np.linalg.svd(weights)[2][2]
    return np.linalg.pinv(weights) @ beads + np.linspace(-6, 6, 4001)[:, None] * open_


def mean_force(given: Mapping, beads: Array) -> Array:
    """-dW/dR (2,) by central differences of the quadrature of exp(-W/kT)."""
    def w(at: Array) -> float:
        return -HEAT * float(np.log(np.exp(-energy(at_beads(given, at)) / HEAT).sum()))

    step = 1e-4 * np.eye(2)
    return np.array([(w(beads - one) - w(beads + one)) / 2e-4 for one in step])


def averaged(given: Mapping, operator: Array, beads: Array) -> Array:
    """< B f > (2,) at the beads, by quadrature."""
    x = at_beads(given, beads)
    weight = np.exp(-energy(x) / HEAT)
    return weight @ (forces(x) @ operator.T) / weight.sum()


@pytest.mark.parametrize("beads", [[0.0, 1.4], [0.3, 1.1], [-0.2, 1.0]])
@pytest.mark.parametrize("given", [DISJOINT, SHARED, D_OF_OWN], ids=["disjoint", "shared", "d of own atoms"])
def test_mean_forces(given: Mapping, beads: list[float]) -> None:
    operator = force_operator(given, MASS)
    assert mean_force_error(operator, given) < EXACT
    np.testing.assert_allclose(averaged(given, operator, np.array(beads)), mean_force(given, np.array(beads)),
                               rtol=0.01, atol=0.01)


def test_d_of_a_shared_atom_is_seen() -> None:
    """Atom 2 has weight in both beads: with a part of its force in each, B f is no mean force, and that is said."""
    wrong = replace(SHARED, force_weight=np.array([0.5, 0.5, 0.5, 0.5]))
    operator = force_operator(wrong, MASS)
    assert mean_force_error(operator, wrong) > 0.1
    beads = np.array([0.0, 1.4])
    off = averaged(wrong, operator, beads) - mean_force(wrong, beads)
    assert np.abs(off).max() > 0.1


def test_sums_where_atoms_are_in_one_bead_each() -> None:
    assert force_operator(DISJOINT, MASS).tolist() == [[1, 1, 0], [0, 0, 1]]
    light = mapping(([0, 1], [1.0, 0.0]), ([2], [1.0]))  # an atom without weight adds nothing
    assert force_operator(light, MASS).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_least_variance() -> None:
    """For centres of mass that share nothing, what is used for shared atoms is the sum, too."""
    lighter = DISJOINT.matrix / MASS
    np.testing.assert_allclose(np.linalg.solve(lighter @ DISJOINT.matrix.T, lighter), force_operator(DISJOINT, MASS),
                               atol=1e-12)
