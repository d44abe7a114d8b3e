"""The lattice gas: energy, moves and images against enumeration, Kaufman's solution, and counts of another program."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.targets.lattice_gas import LatticeGas
from scipy.special import logsumexp

from tests.ensembles import agreement, errors_off, every_configuration, exact_lattice


def lattice(size: int, beta: float = 1.77, mu: float = -2.0) -> LatticeGas:
    return LatticeGas(LatticeGas.Options(size=size, beta=beta, mu=mu))


def test_energy_by_hand() -> None:
    target = lattice(4)
    x = torch.zeros(3, 16, dtype=torch.float64)
    x[0] = 1  # full: 32 bonds
    x[1, [0, 3, 12]] = 1  # neighbours across both edges: 2 bonds
    assert target.energy(x).tolist() == [0.0, 4.0, 0.0]
    assert target.bonds(x).tolist() == [32.0, 2.0, 0.0]


def test_normaliser_is_the_sum_over_all_configurations() -> None:
    for beta in (0.8, 1.77, 3.0):
        target = lattice(4, beta)
        assert target.log_normaliser() == pytest.approx(logsumexp(target.log_density(every_configuration(4)).numpy()))
    assert lattice(4, mu=-1.9).log_normaliser() is None


def test_normaliser_of_the_large_lattice(reference_data: Path) -> None:
    exact = json.loads((reference_data / "ensembles" / "lattice_28x28_kaufman_exact.json").read_text())
    for beta in (1.6, 1.76, 1.77, 1.9, 2.0):
        assert lattice(28, beta).log_normaliser() == pytest.approx(exact[f"28x28_beta{beta}"]["lnXi"], abs=1e-9)


@pytest.mark.parametrize(("move", "mu"), [("local", -2.0), ("local", -1.9), ("collective", -2.0)])
def test_moves_sample_the_target(move: str, mu: float) -> None:
    target = lattice(4, mu=mu)
    distribution, energy = exact_lattice(target)
    rng = np.random.default_rng(1)
    x, rows = target.start(600, rng), []
    x = target.collective(target.local(x, 200, rng)[0], 100, rng)
    for _ in range(60):
        x = target.local(x, 5, rng)[0] if move == "local" else target.collective(x, 5, rng)
        rows.append(target.observables(x))
    assert agreement(np.stack([row["particles"] for row in rows]), distribution) > 0.01
    assert abs(errors_off(np.stack([row["energy"] for row in rows]), energy)) < 3.5


def test_images_have_the_same_energy_and_all_come_up() -> None:
    target, rng = lattice(4), np.random.default_rng(1)
    x = torch.zeros(4000, 16, dtype=torch.float64)
    x[:, [0, 1, 6]] = 1  # of no symmetry: 16 shifts, 8 turns and mirrors, 2 for particle and hole
    images = target.augment(x, rng)
    assert torch.equal(target.energy(images), target.energy(x))
    assert len(torch.unique(images, dim=0)) == 16 * 8 * 2
    assert len(torch.unique(lattice(4, mu=-1.9).augment(x, rng), dim=0)) == 16 * 8


def test_clusters_join_across_edges() -> None:
    target = lattice(4)
    x = torch.zeros(1, 16, dtype=torch.float64)
    x[0, [0, 3, 12, 10]] = 1
    assert sorted(target.clusters(x)[0].tolist()) == [1, 3]


def test_basins_are_dilute_between_dense() -> None:
    x = torch.stack([torch.zeros(16), torch.arange(16) % 2, torch.ones(16)]).double()
    assert lattice(4).basins(x).tolist() == [0, 1, 2]
