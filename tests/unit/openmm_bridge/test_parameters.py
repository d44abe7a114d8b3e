"""Any openmm.System as arrays: custom forces known by their values, and forces that must be refused."""
from __future__ import annotations

import numpy as np
import openmm
import pytest
from backmap_plugins.openmm_bridge import custom
from backmap_plugins.openmm_bridge.molecule import OpenMMMolecule
from backmap_plugins.openmm_bridge.parameters import translate

from backmap.errors import BackmapError

WRAPPED = "k*d^2; d=x-2*pi*floor(x/(2*pi)+0.5); x=theta-theta0; pi=3.141592653589793"
CHARMM = "k*min(dtheta, 2*pi-dtheta)^2; dtheta = abs(theta-theta0);pi = 3.141593;"  # as OpenMM writes it
CHAIN = OpenMMMolecule(np.arange(4), np.array([[0, 1], [1, 2], [2, 3]]))


def _bond(expression: str, *names: str) -> openmm.CustomBondForce:
    force = openmm.CustomBondForce(expression)
    for name in names:
        force.addPerBondParameter(name)
    return force


@pytest.mark.parametrize(("expression", "values", "name", "expected"), [
    ("0.5*kb*(r-l)^2", (400.0, 0.15), "harmonic_bond", [0.15, 400.0]),
    ("0.25*kb*(r^2-l^2)^2", (7.15e6, 0.153), "quartic_bond", [0.153, 7.15e6]),
    ("4*kb*((l/r)^12-(l/r)^6)", (0.3, 0.35), "pair", [4 * 0.3 * 0.35**6, 4 * 0.3 * 0.35**12, 0.0]),
    ("138.935458*kb*l/r", (0.5, -0.2), "pair", [0.0, 0.0, -0.1]),
    ("0*kb*l*r", (1.0, 1.0), "pair", [0.0, 0.0, 0.0])])
def test_bonds_are_known_by_their_values(expression: str, values: tuple, name: str, expected: list[float]) -> None:
    found = custom.BondProbe(_bond(expression, "kb", "l")).function(values)
    assert found[0] == name
    np.testing.assert_allclose(found[1], expected, rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("expression", ["kb*(1-exp(-l*(r-0.1)))^2", "kb*(r-l)^2+1", "kb*r*l", "kb*exp(-l*r)"])
def test_other_bonds_are_not(expression: str) -> None:
    assert custom.BondProbe(_bond(expression, "kb", "l")).function((300.0, 2.0)) is None


@pytest.mark.parametrize(("expression", "name", "expected"), [
    ("0.5*k*(theta-t)^2", "harmonic_angle", [1.9, 450.0]),
    ("0.5*k*(cos(theta)-cos(t))^2", "cosine_angle", [1.9, 450.0])])
def test_angles(expression: str, name: str, expected: list[float]) -> None:
    force = openmm.CustomAngleForce(expression)
    force.addPerAngleParameter("t")
    force.addPerAngleParameter("k")
    found = custom.AngleProbe(force).function((1.9, 450.0))
    assert found[0] == name
    np.testing.assert_allclose(found[1], expected, rtol=1e-7)


@pytest.mark.parametrize(("expression", "values", "name", "expected"), [
    (WRAPPED, (80.0, 0.6), "harmonic_improper", [0.6, 160.0]),
    (WRAPPED, (80.0, 3.1), "harmonic_improper", [3.1, 160.0]),
    (CHARMM, (80.0, 0.6), "harmonic_improper", [0.6, 160.0]),
    (CHARMM, (80.0, np.pi), "harmonic_improper", [-np.pi, 160.0]),
    (WRAPPED, (80.0, -2.5), "harmonic_improper", [-2.5, 160.0]),
    ("k*(1+cos(3*theta-theta0))", (5.0, 0.4), "periodic_proper", [0.4, 5.0, 3.0]),
    ("k*(theta-theta0)^2", (5.0, 0.0), "harmonic_improper", [0.0, 10.0])])
def test_torsions(expression: str, values: tuple, name: str, expected: list[float]) -> None:
    force = openmm.CustomTorsionForce(expression)
    force.addPerTorsionParameter("k")
    force.addPerTorsionParameter("theta0")
    found = custom.TorsionProbe(force).function(values)
    assert found[0] == name
    np.testing.assert_allclose(found[1], expected, rtol=1e-6, atol=1e-8)


def test_a_parabola_that_does_not_wrap_is_none_of_ours() -> None:
    force = openmm.CustomTorsionForce("k*(theta-theta0)^2")
    force.addPerTorsionParameter("k")
    force.addPerTorsionParameter("theta0")
    assert custom.TorsionProbe(force).function((5.0, 2.0)) is None


def test_tables_and_geometric_means_are_lennard_jones() -> None:
    geometric = openmm.CustomNonbondedForce("4*sqrt(e1*e2)*((s/r)^12-(s/r)^6); s=sqrt(s1*s2)")
    geometric.addPerParticleParameter("s")
    geometric.addPerParticleParameter("e")
    types = np.array([[0.35, 0.3], [0.25, 0.1], [1.0, 0.0]])
    c6, c12 = custom.lennard_jones(geometric, types)
    sigma, epsilon = np.sqrt(np.outer(types[:, 0], types[:, 0])), np.sqrt(np.outer(types[:, 1], types[:, 1]))
    np.testing.assert_allclose(c6, 4 * epsilon * sigma**6, rtol=1e-7)
    np.testing.assert_allclose(c12, 4 * epsilon * sigma**12, rtol=1e-7)
    table = openmm.CustomNonbondedForce("a(t1,t2)/r^12-b(t1,t2)/r^6")
    table.addPerParticleParameter("t")
    table.addTabulatedFunction("a", openmm.Discrete2DFunction(2, 2, [1e-6, 3e-6, 3e-6, 2e-6]))
    table.addTabulatedFunction("b", openmm.Discrete2DFunction(2, 2, [1e-3, 5e-3, 5e-3, 0]))
    c6, c12 = custom.lennard_jones(table, np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(c12, [[1e-6, 3e-6], [3e-6, 2e-6]], rtol=1e-7)
    np.testing.assert_allclose(c6, [[1e-3, 5e-3], [5e-3, 0]], rtol=1e-7)


def test_other_non_bonded_forces_are_not() -> None:
    force = openmm.CustomNonbondedForce("a1*a2*exp(-r)")
    force.addPerParticleParameter("a")
    assert custom.lennard_jones(force, np.array([[1.0]])) is None


def _system(*forces: openmm.Force) -> openmm.System:
    made = openmm.System()
    for _ in range(8):
        made.addParticle(12.0)
    for force in forces:
        made.addForce(force)
    return made


def test_a_spring_over_a_neighbour_is_urey_bradley_and_a_torsion_off_the_chain_is_improper() -> None:
    bonds, torsions = openmm.HarmonicBondForce(), openmm.PeriodicTorsionForce()
    bonds.addBond(0, 1, 0.15, 1000)
    bonds.addBond(0, 2, 0.25, 50)
    torsions.addTorsion(0, 1, 2, 3, 3, 0.0, 2.0)
    torsions.addTorsion(1, 0, 2, 3, 2, 3.0, 4.0)
    field = translate(_system(bonds, torsions), {"A": CHAIN}, "here")
    found = {bonded.function: bonded for bonded in field.molecules["A"].bonded}
    assert sorted(found) == ["harmonic_bond", "periodic_improper", "periodic_proper", "urey_bradley"]
    assert found["urey_bradley"].atoms.tolist() == [[0, 1, 2]]
    assert found["urey_bradley"].parameters.tolist() == [[0.0, 0.0, 0.25, 50.0]]
    assert found["periodic_proper"].parameters.tolist() == [[0.0, 2.0, 3.0]]


def test_molecules_of_one_system_share_their_types_and_others_are_not_looked_at() -> None:
    force = openmm.NonbondedForce()
    for k in range(8):
        force.addParticle(0.1 * k, *((0.3, 0.5) if k % 2 else (0.2, 0.1)))
    force.addException(0, 1, 0, 1, 0)
    force.addException(3, 0, 0.25, 0.3, 0.4)
    force.addException(5, 6, 0, 1, 0)
    second = OpenMMMolecule(np.array([6, 7]), np.array([[0, 1]]))
    field = translate(_system(force, openmm.CMMotionRemover()), {"A": CHAIN, "B": second}, "here")
    first = field.molecules["A"]
    assert first.kind.tolist() == [0, 1, 0, 1]
    assert field.molecules["B"].kind.tolist() == [0, 1]
    np.testing.assert_allclose(field.molecules["B"].charge, [0.6, 0.7])
    np.testing.assert_allclose(field.c6[0, 1], 4 * np.sqrt(0.05) * 0.25**6)
    assert first.excluded.tolist() == [[0, 1], [0, 3]]
    assert first.pairs.tolist() == [[0, 3]]
    np.testing.assert_allclose(first.pair_parameters, [[4 * 0.4 * 0.3**6, 4 * 0.4 * 0.3**12, 0.25]])


def _bond_between_molecules() -> openmm.Force:
    force = openmm.HarmonicBondForce()
    force.addBond(3, 4, 0.1, 1)
    return force


def _strange_bond() -> openmm.Force:
    force = _bond("kb*exp(-r)", "kb")
    force.addBond(0, 1, [3.0])
    return force


@pytest.mark.parametrize(("force", "problem"), [
    (openmm.GBSAOBCForce, "its GBSAOBCForce is not supported"),
    (_strange_bond, "its CustomBondForce is not supported: 'kb*exp(-r)' is no function that is known"),
    (_bond_between_molecules, "a term joins atoms 4, 5 of different molecules")])
def test_what_is_not_understood_is_named(force: object, problem: str) -> None:
    with pytest.raises(BackmapError) as caught:
        translate(_system(force()), {"A": CHAIN}, "field.xml")
    assert str(caught.value).startswith(f"field.xml: {problem}")
    assert "\n" not in str(caught.value)
