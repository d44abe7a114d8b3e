"""Formulas of a pair of atoms: exact values, derivatives by finite differences, and each form against the others."""
from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled, plain
from backmap.engine.energy import pair

Array = NDArray[np.float64]

#: A pair about as two carbons are, kJ/mol and nm, with charges and a reaction field.
C6, C12, CHARGES, K, C = 2.0e-3, 3.0e-6, -4.5, 0.7, 1.3
DISTANCES = np.linspace(0.25, 1.2, 39)
STEP = 1e-6


@compiled
def both(distance: Array, c6: float, c12: float, charges: float, k: float, c: float) -> Array:
    """Energy and slope at distances (n,), by a compiled loop, (2, n)."""
    found = np.empty((2, len(distance)))
    for n in range(len(distance)):
        root = 1.0 / distance[n]
        found[0, n], found[1, n] = pair.energy_and_slope(root * root, root, distance[n]**2, c6, c12, charges, k, c)
    return found


@compiled
def below_core(distance: Array, c6: float, c12: float, core: float) -> Array:
    """The same, softened, (2, n)."""
    found = np.empty((2, len(distance)))
    for n in range(len(distance)):
        found[0, n], found[1, n] = pair.softened(distance[n]**2, c6, c12, core)
    return found


@compiled(fastmath=True, error_model="numpy")
def single(squared: NDArray[np.float32], six_c6: float, twelve_c12: float, near: float, field: float) -> tuple:
    """Slopes in single precision, (n,), and the last of them."""
    found, last = np.empty_like(squared), squared[0]
    for n in range(len(squared)):
        root = np.float32(1.0) / np.sqrt(squared[n])
        inverse = root * root
        last = (pair.lennard_jones_slope(inverse, pair.cubed(inverse), six_c6, twelve_c12)
                + pair.coulomb_slope(inverse, near * root, field))
        found[n] = last
    return found, last


def derivative(energy: Callable[[Array], Array], at: Array) -> Array:
    return (energy(at + STEP) - energy(at - STEP)) / (2 * STEP)


def test_energies_are_exact_where_numbers_are() -> None:
    """At r = 1/2 and r = 2, with powers of two, nothing is rounded."""
    for r in (Fraction(1, 2), Fraction(2)):
        c6, c12 = Fraction(3, 4), Fraction(5, 8)
        expected = c12 / r**12 - c6 / r**6
        assert plain(pair.lennard_jones)(1 / r**6, c6, c12) == expected
        assert plain(pair.cubed)(1 / r**2) == 1 / r**6
        assert plain(pair.reaction_field)(r**2, c6, c12) == c6 * r**2 - c12
        expected += 2 * (1 / r + Fraction(1, 4) * r**2 - Fraction(1, 8))
        assert both(np.array([float(r)]), 0.75, 0.625, 2.0, 0.25, 0.125)[0, 0] == float(expected)


def test_lennard_jones_is_least_where_it_should_be() -> None:
    sigma, epsilon = 0.34, 0.998
    c6, c12 = 4 * epsilon * sigma**6, 4 * epsilon * sigma**12
    energy, slope = both(np.array([sigma, 2**(1 / 6) * sigma]), c6, c12, 0.0, 0.0, 0.0)
    assert energy == pytest.approx([0.0, -epsilon], abs=1e-12)
    assert slope * sigma**2 == pytest.approx([-24 * epsilon, 0.0], abs=1e-11)


@pytest.mark.parametrize(("c6", "c12", "charges"), [(C6, C12, 0.0), (0.0, 0.0, CHARGES), (C6, C12, CHARGES)])
@pytest.mark.parametrize(("k", "c"), [(0.0, 0.0), (K, C)])
def test_slopes_are_derivatives(c6: float, c12: float, charges: float, k: float, c: float) -> None:
    energy, slope = both(DISTANCES, c6, c12, charges, k, c)
    np.testing.assert_allclose(energy, c12 / DISTANCES**12 - c6 / DISTANCES**6
                               + charges * (1 / DISTANCES + k * DISTANCES**2 - c), rtol=1e-12, atol=1e-12)
    numeric = derivative(lambda r: both(r, c6, c12, charges, k, c)[0], DISTANCES)
    np.testing.assert_allclose(slope * DISTANCES, numeric, rtol=1e-6, atol=1e-6)


def test_all_slopes_of_lennard_jones_are_one() -> None:
    inverse = 1 / DISTANCES**2
    sixth = plain(pair.cubed)(inverse)
    np.testing.assert_allclose(sixth, plain(pair.sixth_of)(DISTANCES**2), rtol=1e-14)
    slope = plain(pair.lennard_jones_slope)(inverse, sixth, 6 * C6, 12 * C12)
    np.testing.assert_allclose(plain(pair.lennard_jones_rise)(sixth, C6, C12) * inverse, slope, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(both(DISTANCES, C6, C12, 0.0, 0.0, 0.0)[1], slope, rtol=1e-14)


@pytest.mark.parametrize("reaction", [True, False])
def test_tensors_have_the_energies_of_loops(reaction: bool) -> None:
    k, c = (K, C) if reaction else (0.0, 0.0)
    squared = torch.as_tensor(DISTANCES**2)
    like = torch.ones_like(squared)
    given = squared, C6 * like, C12 * like, CHARGES / 2 * like
    lj, coulomb = pair.pair_energies(*given, like == 0, (2.0, k, c, reaction))
    np.testing.assert_allclose(lj + coulomb, both(DISTANCES, C6, C12, CHARGES, k, c)[0], rtol=1e-12)
    lj, coulomb = pair.pair_energies(*given, like == 1, (2.0, k, c, reaction))
    assert not lj.any()
    np.testing.assert_allclose(coulomb, CHARGES * plain(pair.reaction_field)(DISTANCES**2, k, c), rtol=1e-12)


def test_atoms_on_top_of_each_other_have_a_finite_energy() -> None:
    at = torch.tensor([0.0, pair.NEAREST**2], dtype=torch.float64)
    lj, coulomb = pair.pair_energies(at, torch.tensor(0.0), torch.tensor(C12), torch.tensor(1.0), at < 0,
                                     (1.0, 0.0, 0.0, False))
    assert lj[0] == lj[1] == pytest.approx(C12 / pair.NEAREST**12)
    assert coulomb[0] == coulomb[1] == pytest.approx(1 / pair.NEAREST)


def test_the_core_is_where_the_repulsion_reaches_the_cap() -> None:
    cap, c6, c12 = 20.0, np.array([0.0, C6, C6, 0.0]), np.array([C12, C12, 0.0, 0.0])
    sixth = pair.sixth_at(cap, c6, c12)
    np.testing.assert_allclose(plain(pair.lennard_jones)(sixth[:2], c6[:2], c12[:2]), cap, rtol=1e-12)
    assert np.isposinf(sixth[2:]).all()  # what does not repel has none


def test_softened_energies_go_on_along_their_tangent() -> None:
    """Compiled and by tensors; above the core they are those that are not softened."""
    core = float(pair.sixth_at(20.0, np.array(C6), np.array(C12))**(-1 / 6))
    inside = np.linspace(0.01, core - 1e-4, 25)
    energy, slope = below_core(inside, C6, C12, core)
    steep = below_core(np.array([core]), C6, C12, core)[1, 0] * core
    np.testing.assert_allclose(energy, 20.0 + steep * (inside - core), rtol=1e-12)
    np.testing.assert_allclose(slope * inside, steep, rtol=1e-12)
    outside = core + np.linspace(1e-4, 0.5, 25)
    np.testing.assert_allclose(below_core(outside, C6, C12, core), both(outside, C6, C12, 0.0, 0.0, 0.0), rtol=1e-11,
                               atol=1e-11)
    distance = np.concatenate([inside, [core], outside])
    like = torch.ones(len(distance), dtype=torch.float64)
    tensors = pair.softened_tensors(torch.as_tensor(distance), C6 * like, C12 * like, core * like)
    energy, slope = below_core(distance, C6, C12, core)
    np.testing.assert_allclose(tensors[0], energy, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(tensors[1], slope * distance, rtol=1e-11, atol=1e-11)


def test_loops_in_single_precision_stay_there() -> None:
    """A constant would make all that follows double, and halve what a lane holds."""
    numbers = (np.float32(x) for x in (6 * C6, 12 * C12, CHARGES, 2 * K * CHARGES))
    found, last = single((DISTANCES**2).astype(np.float32), *numbers)
    assert found.dtype == np.float32
    assert np.float32(last) == last
    assert "float64" not in str(single.nopython_signatures[0].return_type)
    expected = both(DISTANCES, C6, C12, CHARGES, K, C)[1]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())
