"""Beads in place of atoms: densities, units of length and types, of the equivariant and the voxel generator."""
from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from backmap_plugins.generators.equivariant.density import SHORTEST, Distances
from backmap_plugins.generators.equivariant.features import ATOM_FEATURES, Description, atom_features
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions
from backmap_plugins.generators.voxel_gan.generator import VoxelGan, VoxelGanOptions
from scipy import stats

from backmap.engine.random import Stream
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.errors import BackmapError
from backmap.model.system import System
from tests import beads, scenes

SCALE = 5.0


def studied(system: System, seed: int = 0) -> Equivariant:
    torch.manual_seed(seed)
    generator = Equivariant(EquivariantOptions(channels=8, width=32))
    torch.manual_seed(seed)
    generator.study(system)
    generator.network.eval()
    return generator


@cache
def melt(scale: float = 1.0) -> tuple[System, LocalEnvironment, Equivariant]:
    system, window = beads.melt(1, scale=scale)
    generator = studied(system)
    scene = scenes.scene_of(system, window, generator.view)
    return system, scene.gather(*scenes.every_site(scene), noise=0.25, temperature=350.0), generator


def stream(env: LocalEnvironment, seed: int = 0) -> Stream:
    return Stream.of(seed, torch.arange(env.size))


def test_the_density_of_a_draw_is_what_draw_said() -> None:
    _, env, generator = melt()
    drawn = generator.draw(env, stream(env), 3)
    assert bool(drawn.positions.isfinite().all())
    for k in range(3):
        again = generator.log_density(env, drawn.positions[:, k])
        torch.testing.assert_close(again, drawn.log_density[:, k], atol=1e-4, rtol=1e-4)


def test_gradients_see_what_loops_see() -> None:
    _, env, generator = melt()
    positions = generator.draw(env, stream(env)).positions[:, 0]
    slow = generator.core.log_density(env, positions).detach()
    torch.testing.assert_close(slow, generator.log_density(env, positions), atol=2e-3, rtol=1e-4)


def test_larger_beads_are_drawn_as_smaller_ones() -> None:
    """The same melt five times as large: draws are, too, and densities per nm^6 fall by 5^6."""
    (_, env, generator), (_, wide, other) = melt(), melt(SCALE)
    assert other.core.scale.unit == pytest.approx(SCALE * generator.core.scale.unit)
    assert other.view.cutoff == pytest.approx(SCALE * generator.view.cutoff)
    here, there = generator.draw(env, stream(env), 2), other.draw(wide, stream(wide), 2)
    torch.testing.assert_close(there.positions / SCALE, here.positions, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(there.log_density + 6 * math.log(SCALE), here.log_density, atol=1e-3, rtol=1e-4)


def test_densities_are_normalised_in_nm() -> None:
    """The mean of 1 / q over draws that fall into a ball is its volume; a lost unit or Jacobian would change it."""
    _, env, generator = melt()
    one = env.at(torch.zeros(40_000, dtype=torch.long))
    block = torch.zeros_like(one.block)
    block[:, 1] = True  # the last bead of a fragment, the first being given
    first = torch.tensor([0.3, 0.2, 0.1])
    given = torch.zeros_like(one.given)
    given[:, 0] = first

    one = replace(one, block=block, given=given)
    drawn = generator.draw(one, stream(one))
    x, log_q = drawn.positions[:, 0, 1], drawn.log_density[:, 0]
    centre, radius = x.median(dim=0).values, 0.3
    weight = ((x - centre).norm(dim=1) < radius) * (-log_q).exp()
    error = float(weight.std()) / len(x)**0.5
    volume = 4 / 3 * math.pi * radius**3
    assert error < 0.05 * volume  # a factor of the unit, 2.3, or of its powers is far outside
    assert abs(float(weight.mean()) - volume) < 4 * error


@pytest.mark.parametrize(("mean", "sd"), [(0.3, 0.3), (0.05, 0.1), (-0.2, 0.1), (0.15, 0.004)])
def test_distances_are_normalised_above_the_shortest(mean: float, sd: float) -> None:
    n = 20_000
    part = torch.tensor([mean, mean + 2 * sd], dtype=torch.float64).expand(n, -1)
    weight = torch.tensor([0.3, 0.7], dtype=torch.float64).log()
    density = Distances(part, torch.full_like(part, math.log(sd)), weight.expand(n, -1))
    uniform = Stream.of(1, torch.arange(n)).uniform()
    samples = density.sample(uniform).numpy()
    grid = np.linspace(SHORTEST, mean + 12 * sd, 200_001)

    def cdf(x: np.ndarray) -> np.ndarray:
        a, b = ((SHORTEST - m) / sd for m in (mean, mean + 2 * sd))
        return (0.3 * stats.truncnorm.cdf(x, a, np.inf, mean, sd)
                + 0.7 * stats.truncnorm.cdf(x, b, np.inf, mean + 2 * sd, sd))

    assert stats.kstest(samples, cdf).pvalue > 1e-3  # 20,000 draws tell shares apart that differ by 1.4 %
    one = Distances(part[:1].expand(len(grid), -1), torch.full((len(grid), 2), math.log(sd), dtype=torch.float64),
                    weight.expand(len(grid), -1))
    value = one.log_density(torch.as_tensor(grid)).exp().numpy()
    assert np.trapezoid(value, grid) == pytest.approx(1, abs=1e-6)


def test_types_of_beads_stand_for_elements() -> None:
    system, env, generator = melt()
    assert generator.sizes["bead_types"] == ["A", "B"]
    features = atom_features(env.fragments, Description(("A", "B")))
    assert features.shape[1] == ATOM_FEATURES + 2
    np.testing.assert_array_equal(features[:, -2:].numpy(), np.eye(2)[np.arange(system.types[0].n_atoms) % 2])


def test_weights_for_other_types_of_beads_are_refused(tmp_path) -> None:
    from backmap.engine.checkpoints.library import collect

    system, window = beads.melt(1)
    generator = studied(system)
    library = collect(scenes.scene_of(system, window, generator.view), 4, 0)
    generator.save(tmp_path / "w.safetensors", system, library, {})
    drawn = Equivariant(EquivariantOptions(checkpoint=tmp_path / "w.safetensors"))
    again = drawn.prepare(system, "cpu")
    assert again.types[0].length_unit == system.types[0].length_unit
    assert again.types[0].limits == system.types[0].limits
    assert drawn.core.scale.unit == generator.core.scale.unit
    other = System(((beads.chain(8, ("A", "C")), 3),))
    with pytest.raises(BackmapError, match="the weights know no beads of type C"):
        Equivariant(EquivariantOptions(checkpoint=tmp_path / "w.safetensors")).prepare(other, "cpu")


@pytest.mark.parametrize("options", [EquivariantOptions(cutoff=9.0), VoxelGanOptions(cutoff=9.0)])
def test_networks_see_so_far_and_no_farther(options: EquivariantOptions | VoxelGanOptions) -> None:
    system, _ = beads.melt(1)
    generator = Equivariant(options) if isinstance(options, EquivariantOptions) else VoxelGan(options)
    with pytest.raises(BackmapError, match=r"a cut-off of 9 nm is farther than networks see, 3\.\d+ nm here"):
        generator.study(system)


def test_the_voxel_generator_draws_larger_beads_as_smaller_ones() -> None:
    found = []
    for scale in (1.0, SCALE):
        system, window = beads.melt(1, scale=scale)
        torch.manual_seed(0)
        generator = VoxelGan(VoxelGanOptions(width=8, blocks=1))
        generator.study(system)
        assert set(generator.painter.vocabulary.atoms) == {"A", "B"}
        assert set(generator.painter.vocabulary.beads) == {"A1 B1"}
        scene = scenes.scene_of(system, window, generator.view)
        env = scene.gather(*scenes.every_site(scene), noise=0.25, temperature=350.0)
        found.append(generator.draw(env, stream(env)).positions / scale)
    assert float(found[0].norm(dim=3).max()) > 0.02
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=1e-4)
