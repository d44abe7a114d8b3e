"""The dimer among particles against quadrature, OpenMM and an independent Monte Carlo."""
from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from backmap_plugins.ensembles.targets.dimer_fluid import DimerFluid

from backmap.errors import BackmapError
from tests.ensembles import errors_off, exact_dimer


def fluid(**options: object) -> DimerFluid:
    return DimerFluid(DimerFluid.Options(**options))


def shaken(target: DimerFluid, n: int, sweeps: int = 50) -> torch.Tensor:
    rng = np.random.default_rng(1)
    return target.local(target.start(n, rng), sweeps, rng)[0]


def in_openmm(target: DimerFluid) -> openmm.Context:
    """The same energies in another program; its units mean nothing here."""
    o, system = target.options, openmm.System()
    pairs = openmm.CustomNonbondedForce(f"{o.repulsion}*({o.diameter}/r)^12")
    bond = openmm.CustomBondForce(f"{o.slope}*u - {o.quadratic}*u^2 + {o.quartic}*u^4; u = 2*(r - {o.middle})")
    held = openmm.CustomCompoundBondForce(2, f"{o.hold}*((x1 + x2)^2 + y1^2 + y2^2)")
    walls = " + ".join(f"2*{o.wall}*step(abs({c}) - {o.half})*(abs({c}) - {o.half})^2" for c in "xy")
    box = openmm.CustomExternalForce(walls)
    for k in range(o.solvent + 2):
        system.addParticle(1.0)
        pairs.addParticle()
        box.addParticle(k)
    pairs.addExclusion(0, 1)
    bond.addBond(0, 1)
    held.addBond([0, 1])
    for force in (pairs, bond, held, box):
        system.addForce(force)
    return openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))


def test_energy_is_that_of_openmm() -> None:
    target = fluid(temperature=0.7, open_bias=2.0)
    x = shaken(target, 6)
    context = in_openmm(target)
    for row, places, density in zip(x, target.places(x), target.log_density(x)):
        context.setPositions(np.pad(places.reshape(-1, 2), ((0, 0), (0, 1))))
        energy = context.getState(energy=True).getPotentialEnergy()._value
        bias = 2.0 * (row[0] > 1.5)
        assert float(density) == pytest.approx(-energy / 0.7 + math.log(row[0]) + float(bias), abs=1e-7)
        assert target.observables(row[None])["energy_kT"][0] == pytest.approx(energy / 0.7, abs=1e-7)


@pytest.mark.parametrize("beta", ["1.0", "0.5", "0.25"])
def test_isolated_dimer_is_exact(beta: str, reference_data: Path) -> None:
    expected = json.loads((reference_data / "ensembles" / "dimer_isolated.json").read_text())["isolated"][beta]
    d = torch.linspace(0.301, 2.899, 1300).double()  # none at the middle
    angle = torch.linspace(-math.pi / 2, math.pi / 2, 401).double()[1:]
    target = fluid(solvent=0, temperature=1 / float(beta))
    grid = torch.cat([torch.cartesian_prod(d, angle), torch.zeros(len(d) * len(angle), 2)], dim=1)
    weight = target.log_density(grid).exp().reshape(len(d), len(angle)).sum(1)  # the centre is independent of both
    share = float(weight[d > 1.5].sum() / weight.sum())
    assert share == pytest.approx(expected["C_2D_with_dimer_k_restraints"]["p_open"], rel=4e-3)


@pytest.mark.parametrize("collective", [False, True])
def test_moves_sample_what_integration_says(collective: bool) -> None:
    target = fluid(solvent=2, temperature=8.0)
    open_share, energy = exact_dimer(2, 8.0)
    rng, chains = np.random.default_rng(2), 300
    x, rows = target.start(chains, rng), []
    for _ in range(60):
        x = target.collective(x, 20, rng) if collective else target.local(x, 40, rng)[0]
        rows.append(np.stack([target.basins(x), target.observables(x)["energy_kT"]]))
    rows = np.stack(rows, axis=1)[:, 20:]
    assert abs(errors_off(rows[0], open_share)) < 4
    assert abs(errors_off(rows[1], energy)) < 4


def test_distances_within_basins(reference_data: Path) -> None:
    """Local moves against the free energy that an adaptive bias along d has given."""
    d, free = np.loadtxt(reference_data / "ensembles" / "dimer_fluid_F_of_d_box1x.csv", delimiter=",", skiprows=1).T
    target, rng, seen = fluid(), np.random.default_rng(3), []
    x = target.local(target.start(64, rng), 1000, rng)[0]
    for _ in range(300):
        x = target.local(x, 10, rng)[0]
        seen.append(x[:, 0].numpy())
    edges = np.append(d - 0.005, d[-1] + 0.005)
    counts = np.histogram(np.concatenate(seen), edges)[0]
    for basin in (d < 1.5, d > 1.5):
        likely = basin & (free < free[basin].min() + 2)
        found = -np.log(counts[likely] / counts[likely].sum())
        expected = free[likely] + np.log(np.exp(-free[likely]).sum())
        assert np.abs(found - expected).max() < 0.35
        assert np.sqrt(np.mean((found - expected)**2)) < 0.12


def test_labels_follow_from_places() -> None:
    target, rng = fluid(), np.random.default_rng(4)
    x = shaken(target, 8)
    assert target.canonical(x).all()
    places = target.places(x).reshape(8, -1, 2)
    swapped = np.concatenate([places[:, 1::-1], rng.permuted(places[:, 2:], axis=0)], axis=1)
    swapped[:, 2:] = places[:, 2:][:, rng.permutation(36)]
    assert torch.allclose(target.configurations(swapped.reshape(8, -1)), x, atol=1e-12)
    wrong = x.clone()
    wrong[:, 4:8] = x[:, [6, 7, 4, 5]]
    assert torch.allclose(target.log_density(wrong), target.log_density(x))
    assert not target.canonical(wrong).any()


def test_images_have_the_same_density() -> None:
    target, x = fluid(), shaken(fluid(), 40)
    image = target.augment(x, np.random.default_rng(5))
    assert (image - x).abs().max() > 0.1
    assert target.canonical(image).all()
    assert torch.allclose(target.log_density(image), target.log_density(x), atol=1e-8)


def test_open_bias_is_all_that_differs() -> None:
    x = shaken(fluid(), 10)
    biased, is_open = fluid(open_bias=3.0), (x[:, 0] > 1.5).double()
    assert torch.allclose(biased.log_density(x) - fluid().log_density(x), 3 * is_open)
    assert np.allclose(biased.observables(x)["energy_kT"], fluid().observables(x)["energy_kT"])


def test_no_distance_is_no_dimer() -> None:
    target = fluid(solvent=0)
    assert torch.equal(target.log_density(torch.tensor([[-1.0, 0, 0, 0], [0.0, 0, 0, 0]])),
                       torch.full((2,), -torch.inf, dtype=torch.float64))


def test_wrong_number_of_coordinates() -> None:
    with pytest.raises(BackmapError, match="has 76 coordinates"):
        fluid().log_density(torch.zeros(2, 3))
