"""The splitting generator: trees, exact densities, beads that are met, and the compiled twin of its pair terms."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from backmap_plugins.generators.splitting.density import SEGMENTS, CosineDensity, LengthDensity, LengthMixture
from backmap_plugins.generators.splitting.generator import Splitting
from backmap_plugins.generators.splitting.network import Points
from backmap_plugins.generators.splitting.tree import Tree

from backmap.testing.examples import Sites, example


@pytest.mark.parametrize("n", range(1, 10))
def test_a_tree_divides_down_to_single_particles(n: int) -> None:
    tree = Tree.of(n)
    assert len(tree.splits) == n - 1
    assert sorted(begin for begin, end in tree.nodes if end - begin == 1) == list(range(n))
    for number, (node, first, second) in enumerate(tree.splits):
        (begin, middle), (again, end) = tree.nodes[first], tree.nodes[second]
        assert (begin, end, middle) == (*tree.nodes[node], again)
        assert 0 <= (end - middle) - (middle - begin) <= 1
        # What is known before a split, and the node that it divides, are the whole fragment, each particle once.
        parts = [tree.nodes[k] for k in [*tree.frontier(number), node]]
        assert sorted(p for part in parts for p in range(*part)) == list(range(n))


@pytest.mark.parametrize("n", range(1, 5))
def test_a_soft_tree_begins_with_how_far_the_centre_is_off_the_bead(n: int) -> None:
    soft, hard = Tree.of(n, soft=True), Tree.of(n)
    assert soft.splits[0] == (0, 1, 2)
    parts = [[[tree.nodes[node] for node in split] for split in tree.splits] for tree in (soft, hard)]
    assert parts[0][1:] == parts[1]
    weights = soft.weights(np.full(n, 1 / n))
    assert not weights[[0, 2]].any()
    np.testing.assert_allclose(weights[1], 1 / n)
    assert all(not {0, 2} & set(soft.frontier(number)) for number in range(len(soft.splits)))


def test_centres_of_nodes_are_mass_centres() -> None:
    mass = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    tree, rng = Tree.of(5), np.random.default_rng(1)
    positions = rng.normal(size=(5, 3))
    for (begin, end), row in zip(tree.nodes, tree.weights(mass / mass.sum())):
        expected = np.average(positions[begin:end], axis=0, weights=mass[begin:end])
        np.testing.assert_allclose(row @ positions, expected, atol=1e-12)


@pytest.mark.parametrize(("kind", "low", "high"), [("length", 1e-3, 60.0), ("reweighted length", 1e-3, 60.0),
                                                   ("cosine", -1.0, 1.0)])
def test_densities_are_normalised_and_are_those_of_their_samples(kind: str, low: float, high: float) -> None:
    rng = torch.Generator().manual_seed(2)
    mean, log_sd, weight, logits = (torch.randn(1, n, generator=rng).double() for n in (3, 3, 3, 9))

    factors = 2 * torch.randn(1, SEGMENTS, generator=rng).double()

    def density(n: int) -> LengthMixture | LengthDensity | CosineDensity:
        """The same density in every row."""
        if kind == "cosine":
            return CosineDensity((2 * logits).expand(n, -1))
        rows = (0.2 * mean, 0.1 * log_sd, torch.log_softmax(weight, dim=1))
        mixture = LengthMixture(*(row.expand(n, -1) for row in rows))
        return mixture if kind == "length" else LengthDensity(mixture, lambda inside: factors.expand(n, -1))

    grid = torch.linspace(low, high, 200_001).double()
    cumulative = torch.cumulative_trapezoid(density(len(grid)).log_density(grid).exp(), grid)
    assert float(cumulative[-1]) == pytest.approx(1.0, abs=2e-4)
    drawn = density(20_000).sample(torch.rand(20_000, 2, generator=rng).double()).sort().values
    expected = np.interp(drawn.numpy(), grid[1:].numpy(), cumulative.numpy())
    # Kolmogorov and Smirnov: 1.95 / sqrt(n) is exceeded once in a thousand times.
    assert np.abs(expected - np.linspace(0, 1, 20_000)).max() < 1.95 / 20_000**0.5


def unlearned(softness: float) -> tuple[Splitting, Sites]:
    """A generator that has learned nothing, and sites of the example."""
    system, window = example()
    generator = Splitting(Splitting.Options(width=16, softness=softness))
    torch.manual_seed(0)
    generator.study(system)
    return generator, Sites(system, window, generator.view)


@pytest.fixture(scope="module")
def met():
    return unlearned(0.0)


def off_beads(env, positions: torch.Tensor) -> torch.Tensor:
    """How far mass centres of positions (S, K, F, 3) are off the beads, nm, (S, K, 3)."""
    weight = env.fragments.weight_own[env.row, 0].double()
    weight = weight / weight.sum(dim=1, keepdim=True)
    return (weight[:, None, :, None] * positions).sum(dim=2)


def test_draws_meet_their_beads(met) -> None:
    generator, sites = met
    env = sites.environment()
    assert float(off_beads(env, generator.draw(env, sites.stream(), 2).positions).abs().max()) < 1e-12


@pytest.mark.parametrize("softness", [0.0, 0.05])
def test_draws_have_the_density_that_is_evaluated(softness: float) -> None:
    generator, sites = unlearned(softness)
    env = sites.environment()
    draw = generator.draw(env, sites.stream(), 2)
    for k in range(2):
        torch.testing.assert_close(generator.log_density(env, draw.positions[:, k]), draw.log_density[:, k].double(),
                                   rtol=1e-4, atol=1e-4)


def test_soft_beads_are_off_by_what_the_network_draws() -> None:
    """A network that has learned nothing begins at 1.6 standard deviations, give or take a few."""
    generator, sites = unlearned(0.05)
    env = sites.environment()
    off = off_beads(env, generator.draw(env, sites.stream(), 200).positions).norm(dim=2)
    assert 0.02 < float(off.median()) < 0.2


def test_pair_terms_are_those_of_the_compiled_twin(met) -> None:
    network = met[0].network
    rng, kinds = torch.Generator().manual_seed(3), 5
    embedded = {"pair": torch.nn.functional.pad(torch.randn(kinds, 2, network.bins, generator=rng), (0, 2)),
                "limits": torch.tensor([[[0.3, 1.2], [-1.0, 1e6]]]).expand(kinds, 2, 2)}
    points = Points(torch.randn(7, 6, 3, generator=rng), torch.rand(7, 6, generator=rng) > 0.3,
                    torch.randint(kinds, (7, 6), generator=rng))
    length, share, cosine = (torch.rand(7, generator=rng).double() + 0.1 for _ in range(3))
    arguments = (points, embedded, length, cosine.clamp_max(0.9), share.clamp_max(0.9))
    slow, slow_along = network.pairs_around(*arguments), network.pairs_along(*arguments[:3], arguments[4])
    with torch.no_grad():
        fast, fast_along = network.pairs_around(*arguments), network.pairs_along(*arguments[:3], arguments[4])
    torch.testing.assert_close(fast, slow, rtol=2e-4, atol=2e-3)
    torch.testing.assert_close(fast_along, slow_along, rtol=2e-4, atol=2e-3)


def test_limits_are_quantiles_of_what_was_counted(met) -> None:
    limits = met[0].network.limits
    values = 0.4 + 0.2 * torch.rand(200_000, 1, 2, generator=torch.Generator().manual_seed(4))
    counts = limits.counts.clone()
    try:
        limits.counts.zero_()
        limits.count(torch.zeros(200_000, 1, dtype=torch.long), torch.ones(200_000, 1, dtype=torch.bool), values)
        known = limits.known()
    finally:
        limits.counts.copy_(counts)
    np.testing.assert_allclose(known[0].numpy(), [[0.4, 0.6]] * 2, atol=2 / 64)
    assert known[1, 0].tolist() == [-1.0, 1e6]
