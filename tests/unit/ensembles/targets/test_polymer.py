"""The chain of united atoms against OpenMM, MDAnalysis, exact marginals and independent Monte Carlo."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from backmap_plugins.ensembles.targets.polymer import UnitedAtomChain
from MDAnalysis.lib import distances

from backmap.errors import BackmapError

KELVIN = 8.31446261815324e-3  #: kJ/mol


def chain(**options: object) -> UnitedAtomChain:
    return UnitedAtomChain(UnitedAtomChain.Options(**options))


def in_openmm(target: UnitedAtomChain) -> openmm.Context:
    """The same energies in another program, kJ/mol at 1 K for 1 kelvin."""
    options, system = target.options, openmm.System()
    pairs = openmm.CustomNonbondedForce("4*sqrt(e1*e2)*((s/r)^12-(s/r)^6); s=(s1+s2)/2")
    pairs.addPerParticleParameter("e")
    pairs.addPerParticleParameter("s")
    bend, turn = openmm.HarmonicAngleForce(), openmm.CustomTorsionForce(
        "c1*(1+cos(theta))+c2*(1-cos(2*theta))+c3*(1+cos(3*theta))")
    for name in ("c1", "c2", "c3"):
        turn.addPerTorsionParameter(name)
    for k in range(options.sites):
        system.addParticle(14.0)
        epsilon, sigma = options.end if k in (0, options.sites - 1) else options.middle
        pairs.addParticle([epsilon, sigma])
        if k >= 2:
            bend.addAngle(k - 2, k - 1, k, np.radians(options.angle), options.angle_constant)
        if k >= 3:
            turn.addTorsion(k - 3, k - 2, k - 1, k, list(options.torsion))
        for other in range(max(0, k - 3), k):
            pairs.addExclusion(other, k)
    for force in (pairs, bend, turn):
        system.addForce(force)
    return openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))


def test_geometry() -> None:
    target = chain(sites=9)
    x = target.start(50, np.random.default_rng(1))
    atoms = target.positions(x).numpy()
    assert np.linalg.norm(np.diff(atoms, axis=1), axis=2) == pytest.approx(0.154)
    for first in range(6):
        corners = [np.ascontiguousarray(atoms[:, first + k], dtype=np.float32) for k in range(4)]
        assert distances.calc_angles(*corners[:3]) == pytest.approx(x[:, max(0, 2 * first - 1)].numpy(), abs=1e-4)
        turn = distances.calc_dihedrals(*corners) - x[:, 2 * first + 2].numpy()
        assert np.abs(np.angle(np.exp(1j * turn))).max() < 1e-4


def test_energy_is_that_of_openmm() -> None:
    target = chain(sites=12, temperature=300.0)
    rng = np.random.default_rng(2)
    x = target.local(target.start(10, rng), 5, rng)[0]
    context, angles = in_openmm(target), [k for k, kind in enumerate(target.variables) if kind == "real"]
    for row, atoms in zip(x, target.positions(x).numpy()):
        context.setPositions(atoms)
        kelvin = context.getState(energy=True).getPotentialEnergy()._value
        expected = -kelvin / 300 + row[angles].sin().log().sum().item()
        assert target.log_density(row[None]).item() == pytest.approx(expected, abs=1e-6)


def test_ideal_chains_weighted_are_eicosane(reference_data: Path) -> None:
    expected = json.loads((reference_data / "ensembles" / "eicosane_300K.json").read_text())
    target, rng = chain(), np.random.default_rng(3)
    x = target.start(60_000, rng)
    seen = target.observables(x)
    weight = np.exp(-seen["lennard_jones_kT"] - 10)
    accepted, now = 0, weight[0]
    for each, number in zip(weight, rng.random(len(weight))):
        if number * now <= each:
            accepted, now = accepted + 1, each
    assert accepted / len(x) == pytest.approx(expected["ideal_chain_independence_acc_chain"], abs=0.012)
    # Effective sample size about 5000; standard deviations 0.047, 1.9 and 0.09.
    local = expected["local_mc"]
    known = {"radius_of_gyration": (local["mean_Rg_A"] / 10, 0.0008), "lennard_jones_kT": (local["mean_Unb_kT"], 0.03),
             "trans": (local["frac_trans"], 0.0015)}
    for name, (value, error) in known.items():
        assert (weight * seen[name]).sum() / weight.sum() == pytest.approx(value, abs=4 * error)


def test_local_moves_sample_exact_marginals() -> None:
    """Four sites have no Lennard-Jones: angles and the torsion are independent."""
    target, rng = chain(sites=4), np.random.default_rng(4)
    x, share = target.local(torch.tensor([[2.0, 2.0, 0.1]], dtype=torch.float64).repeat(4000, 1), 60, rng)
    assert 0.2 < share < 0.8
    (edges, bend), (turns, turn) = target.ideal()
    for values, grid, density in ((x[:, 0], edges, bend), (x[:, 1], edges, bend), (x[:, 2], turns, turn)):
        exact = np.diff(np.interp(np.linspace(grid[0], grid[-1], 41), grid, np.concatenate([[0], density.cumsum()])))
        count = np.histogram(values.numpy(), np.linspace(grid[0], grid[-1], 41))[0]
        expected = exact * len(x)
        likely = expected > 5
        surprise = ((count - expected)[likely]**2 / expected[likely]).sum()
        assert surprise < likely.sum() + 4 * (2 * likely.sum())**0.5


def test_images_have_the_same_density() -> None:
    target, rng = chain(), np.random.default_rng(5)
    x = target.local(target.start(40, rng), 5, rng)[0]
    image = target.augment(x, rng)
    assert (image - x).abs().max() > 0.1
    assert torch.allclose(target.log_density(image), target.log_density(x), atol=1e-8)


def test_surroundings_do_not_look_ahead() -> None:
    target, rng = chain(), np.random.default_rng(6)
    x = target.start(20, rng)
    everything = target.surroundings(x, range(target.size))
    for d in (0, 1, 2, 3, 8, 21, 34):
        changed = x.clone()
        changed[:, d:] = 0.3
        assert torch.equal(target.surroundings(changed, range(d, d + 1))[:, 0], everything[:, d])


def test_wrong_number_of_coordinates() -> None:
    with pytest.raises(BackmapError, match="has 35 coordinates"):
        chain().log_density(torch.zeros(2, 3))
