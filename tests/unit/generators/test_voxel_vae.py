"""The ``voxel_vae`` generator: densities and losses by hand, the law of latent variables, and the frame before."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from backmap_plugins.generators.voxel_vae.generator import HEAVIEST, VoxelVae, VoxelVaeOptions
from backmap_plugins.generators.voxel_vae.losses import (
    BEADS,
    COORDINATES,
    DISTANCES,
    VOXELS,
    Reconstruction,
    divergence,
)
from backmap_plugins.generators.voxel_vae.mixture import MixtureLaw
from backmap_plugins.generators.voxel_vae.seeing import Fragments, VoxelSight
from backmap_plugins.traversals import DepthFirst, Rooted
from scipy.stats import multivariate_normal
from torch import Tensor

from backmap import testing
from backmap.engine.sites.contracts import LocalEnvironment, View
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.errors import BackmapError
from backmap.model.system import System

SMALL = {"width": 4, "blocks": 1, "grid": 4, "latents": 8, "components": 2}


def learner(system: System, **options: object) -> VoxelVae:
    torch.manual_seed(0)
    generator = VoxelVae(VoxelVaeOptions(**SMALL | options))
    generator.study(system)
    generator.network.eval()
    return generator


@pytest.fixture(scope="module")
def sites() -> testing.Sites:
    system, window = testing.example()
    return testing.Sites(system, window, View())


@pytest.fixture(scope="module")
def generator() -> VoxelVae:
    return learner(testing.example()[0])


def sight_of(generator: VoxelVae, env: LocalEnvironment) -> VoxelSight:
    return generator._look(env, None)


def test_every_atom_has_a_density_of_its_own(generator: VoxelVae, sites: testing.Sites) -> None:
    env = sites.environment()
    sight = sight_of(generator, env)
    local = sight.local(sites.present() * env.sign[:, None, None])
    found = sight.densities(sight.by_channel(local, generator.fragments.atoms)).numpy()
    points, sigma = generator.grid.points(torch.device("cpu")).numpy(), generator.grid.sigma
    for s in range(0, env.size, 5):
        expected = np.zeros_like(found[s])
        atoms = env.atoms[s].numpy()
        for f in np.flatnonzero(atoms >= 0):
            channel = int((atoms[atoms >= 0] < atoms[f]).sum())  # in the order of the topology
            expected[channel] = np.exp(-((points - local[s, f].numpy())**2).sum(axis=1) / (2 * sigma**2))
        np.testing.assert_allclose(found[s], expected, atol=1e-5)


def test_positions_come_back_from_their_channels_and_frames(generator: VoxelVae, sites: testing.Sites) -> None:
    env, present = sites.environment(), sites.present()
    sight = sight_of(generator, env)
    local = sight.by_channel(sight.local(present * env.sign[:, None, None]), generator.fragments.atoms)
    back = sight.world(sight.by_atom(local))
    assert torch.allclose(back[env.block], present[env.block], atol=1e-5)


def test_channels_do_not_depend_on_the_order_of_drawing(generator: VoxelVae) -> None:
    system = testing.example()[0]
    orders = [DepthFirst(Rooted()).order(kind, np.random.default_rng(0)) for kind in system.types]
    tables = FragmentTable.build(system.types, View(), orders, sequential=True)
    kind, channel = generator.fragments.tables(tables, "")
    for row in range(len(tables.atoms)):
        atoms = tables.atoms[row][tables.atoms[row] >= 0]
        assert channel[row][tables.atoms[row] >= 0].tolist() == torch.argsort(torch.argsort(atoms)).tolist()
    assert generator.fragments.names[int(kind[0])].startswith(system.types[0].name)


def test_fragments_that_were_not_learned_are_named(generator: VoxelVae) -> None:
    system = testing.example()[0]
    fewer = Fragments(generator.fragments.names[1:], generator.fragments.atoms, generator.fragments.beads)
    orders = [resting_order(kind) for kind in system.types]
    with pytest.raises(BackmapError, match=r"know no bead '\w+ \w+' with atoms of its own"):
        fewer.tables(FragmentTable.build(system.types, View(), orders), "weights")


def test_losses_are_those_of_the_source(generator: VoxelVae, sites: testing.Sites) -> None:
    """Voxels, coordinates, distances and beads, summed slowly."""
    env = sites.environment()
    sight = sight_of(generator, env)
    true = sight.by_channel(sight.local(sites.present() * env.sign[:, None, None]), generator.fragments.atoms)
    placed = true + 0.01 * torch.randn(true.shape, generator=torch.Generator().manual_seed(1))
    density = torch.rand(*true.shape[:2], generator.grid.n**3)
    found = Reconstruction.of(sight, density, placed, true).values()
    voxels, coordinates, distances, beads = [], [], [], []
    wanted = sight.densities(true)
    for s in range(env.size):
        there = [a for a in range(true.shape[1]) if float(true[s, a].abs().max()) < 100]
        voxels += [float(((density[s, a] - wanted[s, a])**2).mean()) for a in there]
        coordinates += [float(((placed[s, a] - true[s, a])**2).mean()) for a in there]
        distances += [float(((placed[s, a] - placed[s, b]).norm() - (true[s, a] - true[s, b]).norm())**2)
                      for a in there for b in there]
        own, weight = sight.by_atom(placed)[s], env.fragments.weight_own[env.row[s]]
        beads += [float(((weight[q] @ own - sight.local(env.beads * env.sign[:, None, None])[s, q])**2).mean())
                  for q in range(len(weight)) if weight[q].sum() > 0.999]
    for name, weight, rows in (("voxels", VOXELS, voxels), ("coordinates", COORDINATES, coordinates),
                               ("distances", DISTANCES, distances), ("beads", BEADS, beads)):
        assert float(found[name]) == pytest.approx(weight * np.mean(rows), rel=2e-3), name


def test_divergence_from_the_standard_normal_law() -> None:
    mean, log_sd = torch.randn(3, 2).double(), 0.3 * torch.randn(3, 2).double()
    z = mean + log_sd.exp() * torch.randn(400_000, 3, 2, generator=torch.Generator().manual_seed(2)).double()
    normal = torch.distributions.Normal
    slow = (normal(mean, log_sd.exp()).log_prob(z) - normal(0.0, 1.0).log_prob(z)).sum(dim=2).mean(dim=0)
    assert torch.allclose(divergence(mean, log_sd), slow, atol=0.02)


def test_the_weight_of_the_divergence_falls() -> None:
    generator = learner(testing.example()[0], divergence=2e-5, annealing=0.5)
    weights = [generator.objectives(share)[0].loss.args[0] for share in (0.0, 0.25, 0.5, 1.0)]
    assert weights == pytest.approx([2e-5 * HEAVIEST, 2e-5 * HEAVIEST**0.5, 2e-5, 2e-5])


def two_clusters(n: int) -> tuple[Tensor, Tensor]:
    """Points of two Gaussians with 30 and 70 %, and random numbers."""
    chooser = torch.Generator().manual_seed(3)
    normal, which = (torch.randn(n, 2, generator=chooser), torch.rand(n, generator=chooser) < 0.3)
    first = torch.tensor([3.0, 0.0]) + normal * torch.tensor([0.2, 0.5])
    return torch.where(which[:, None], first, normal), torch.rand(n, generator=chooser)


def test_a_mixture_is_found_again_and_drawn_from() -> None:
    law = MixtureLaw(2, 2)
    points, order = two_clusters(20_000)
    law.fit(points, order)
    small = int(law.weight.argmin())
    assert float(law.weight[small]) == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(law.mean[small], [3, 0], atol=0.02)
    covariance = law.root[small] @ law.root[small].T
    np.testing.assert_allclose(covariance, [[0.04, 0], [0, 0.25]], atol=0.01)
    z = law.draw(torch.rand(20_000), torch.randn(20_000, 2))
    np.testing.assert_allclose(z.mean(dim=0), points.mean(dim=0), atol=0.05)
    np.testing.assert_allclose(torch.cov(z.T), torch.cov(points.T), atol=0.06)
    slow = sum(float(w) * multivariate_normal(m.numpy(), (r @ r.T).numpy()).pdf(z[:50].numpy())
               for w, m, r in zip(law.weight, law.mean, law.root))
    np.testing.assert_allclose(law.log_density(z[:50]), np.log(slow), atol=1e-4)


def test_few_points_leave_no_component_without_a_width() -> None:
    law = MixtureLaw(10, 8)
    law.fit(torch.randn(30, 8), torch.rand(30))
    assert bool(law.root.isfinite().all())
    assert float(law.root.diagonal(dim1=1, dim2=2).min()) > 0.1


def test_draws_follow_the_frame_before(generator: VoxelVae, sites: testing.Sites) -> None:
    env = sites.environment()
    first, second = (replace(env, before=sites.present() + off) for off in (0.0, 0.05))
    here, again, there = (generator.draw(one, sites.stream()).positions for one in (first, first, second))
    assert torch.equal(here, again)
    assert float((here - there)[env.block[:, None]].abs().max()) > 1e-6
    mirrored = replace(env, sign=-env.sign, before=sites.present())
    assert torch.allclose(mirrored.mirrored().before, sites.present() * mirrored.sign[:, None, None])


def test_the_law_of_latents_is_fitted_to_what_is_encoded(sites: testing.Sites) -> None:
    generator = learner(testing.example()[0])
    env, asked = sites.environment(), []

    def some(count: int) -> tuple[LocalEnvironment, Tensor, object]:
        asked.append(count)
        return env, sites.present(), sites.stream()

    generator.conclude(some)
    assert len(asked) == 1
    assert float(generator.network.law.weight.sum()) == pytest.approx(1, abs=1e-5)
    assert not torch.equal(generator.network.law.root[0], torch.eye(8))
