"""The variational autoencoder: pairs of atoms and latents, their densities, symmetry, and whole molecules."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from backmap_plugins.generators.vae.generator import Vae, VaeOptions
from backmap_plugins.generators.vae.latents import Encoder, Prior, log_normal

from backmap import testing
from backmap.engine.checkpoints.library import collect
from backmap.engine.metropolis.blocks import BlockTable
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.errors import BackmapError
from backmap.model.system import System
from tests import builders, scenes
from tests.latents import as_one, untrained


def crowd(whole: bool = False) -> tuple[System, LocalEnvironment, torch.Tensor]:
    """Sites of octane and of rings, or of whole octane, and where their atoms are."""
    octane = scenes.octane_system().types[0]
    blocks = ((as_one(octane), 4),) if whole else ((octane, 3), (scenes.phenyl(), 3))
    system, window = scenes.crowd(*blocks, n_frames=1)
    scene = scenes.scene_of(system, window)
    frame, bead = scenes.every_site(scene)
    drawn = scene.fragments.atoms[scene.layout.row[bead]].ge(0).any(dim=1)
    frame, bead = frame[drawn], bead[drawn]
    return system, scene.gather(frame, bead, 0.25, 350.0), scene.own(frame, bead)


def stream(env: LocalEnvironment, seed: int = 0) -> Stream:
    return Stream.of(seed, torch.arange(env.size))


@pytest.mark.parametrize("whole", [False, True])
def test_the_density_of_a_draw_is_that_of_the_pair(whole: bool) -> None:
    """The same latents, drawn again and decoded with atoms given, have the density that draw reported."""
    _, env, _ = crowd(whole)
    generator = untrained(3)
    drawn = generator.draw(env, stream(env))
    sight = generator._look(env)
    summary = generator._summary(sight)
    normal = torch.special.ndtri(stream(env).child("latents").uniform(1, 3))[:, 0]
    z = generator.network.prior.draw(normal, summary)
    local = generator.core.standing(sight, drawn.positions[:, 0])
    encoded = log_normal(z, *generator._encode(sight, torch.arange(env.size), local, summary))
    expected = (generator.network.prior.log_density(z, summary) - encoded
                + generator.core.evaluate(generator._told(sight, z), local))
    torch.testing.assert_close(drawn.log_density[:, 0], expected, atol=1e-4, rtol=1e-5)


def test_pairs_average_to_the_density_of_atoms_alone() -> None:
    """P(x) = <P(z) P(x|z) / q(z|x)> over z from q, against the integral of P(z) P(x|z) over the one latent."""
    _, env, own = crowd()
    env, own = env.at(torch.tensor([1, 5])), own[[1, 5]]
    generator, n = untrained(1, told=4.0), 4000
    many = env.at(torch.arange(2).repeat_interleave(n))
    found = generator.log_proposal(many, own.repeat_interleave(n, 0), stream(many)).reshape(2, n)
    grid = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    fine = env.at(torch.arange(2).repeat_interleave(len(grid)))
    sight = generator._look(fine)
    z = grid.repeat(2)[:, None]
    with torch.no_grad():
        value = generator.network.prior.log_density(z, generator._summary(sight)) + generator.core.evaluate(
            generator._told(sight, z), generator.core.standing(sight, own.repeat_interleave(len(grid), 0)))
    expected = torch.logsumexp(value.reshape(2, -1), dim=1) + torch.log(grid[1] - grid[0])
    weight = (found - expected[:, None]).exp()
    error = weight.std(dim=1) / n**0.5
    assert float(error.max()) < 0.1
    assert bool(((weight.mean(dim=1) - 1).abs() < 4 * error).all())
    assert float(found.std(dim=1).min()) > 0.05  # latents matter, and the encoder does not know


def test_latents_change_what_is_drawn() -> None:
    _, env, _ = crowd()
    generator = untrained(2, told=4.0)
    sight = generator._look(env)
    with torch.no_grad():
        drawn = [generator.core.unroll(generator._told(sight, torch.full((env.size, 2), z)), stream(env), 1)[0]
                 for z in (-1.0, 1.0)]
    assert float((drawn[0] - drawn[1]).abs().max()) > 0.01


@pytest.mark.parametrize("whole", [False, True])
def test_rigid_bonds_of_what_is_drawn_hold(whole: bool) -> None:
    _, env, _ = crowd(whole)
    drawn = untrained().draw(env, stream(env)).positions[:, 0]
    local = torch.cat([drawn, env.context.double(), env.beads.double()], dim=1)
    origin = local.gather(1, env.fragments.reference[env.row][:, :, 0, None].expand(-1, -1, 3))
    length = env.fragments.length[env.row].double()
    bound = env.block & length.isfinite() & ~env.fragments.pinned[env.row]
    torch.testing.assert_close((drawn - origin).norm(dim=2)[bound], length[bound], atol=1e-9, rtol=0)


def test_whole_molecules_meet_all_their_rigid_bonds() -> None:
    """Fragments in the middle of a chain cannot; a molecule that is one block has no bond outward."""
    octane = scenes.octane_system().types[0]
    met = {kind: BlockTable.of(scenes.tables_of(System(((kind, 1),)))).blocks(["fragment"])["fragment"].any(dim=1)
           for kind in (octane, as_one(octane))}
    assert [bool(x) for x in met[octane]] == [True, False, False, True]
    # A fragment without atoms, as three of the four beads then have, has nothing to meet and nothing to draw.
    assert [bool(x) for x in met[next(k for k in met if k is not octane)]] == [True, False, False, False]


def test_a_whole_molecule_starts_next_to_its_bead_and_knows_where_mass_is_missing() -> None:
    system, env, _ = crowd(whole=True)
    tables, slots = env.fragments, untrained().core.slots_of(env.fragments)
    kind, row = system.types[0], int(env.row[0])
    first = int(tables.atoms[row, 0])
    assert kind.mapping.matrix[0, first] > 0
    for f in range(int((tables.atoms[row] >= 0).sum())):
        part = kind.mapping.matrix[:, int(tables.atoms[row, f])] > 0
        beads = [int(b) for b in tables.beads[row, slots.residual_bead[row, f]]]
        assert set(torch.nonzero(torch.as_tensor(part))[:, 0].tolist()) <= set(beads)


def test_the_mirror_image_of_a_hand_is_drawn_as_the_mirror_image() -> None:
    _, env, own = crowd()
    plane = torch.diag(torch.tensor([1.0, -1.0, 1.0]))
    mirrored, generator = replace(testing.turned(env, plane), sign=-env.sign), untrained()
    first, second = generator.draw(env, stream(env)), generator.draw(mirrored, stream(env))
    closed = first.log_density[:, 0] > -500
    off = (second.positions - first.positions @ plane.double()).norm(dim=3)[:, 0] * env.block
    assert float(off[closed].max()) < 1e-4
    same = [generator.log_proposal(e, p, stream(env)) for e, p in ((env, own), (mirrored, own @ plane.to(own)))]
    torch.testing.assert_close(*same, atol=1e-3, rtol=1e-4)


def test_present_atoms_enter_the_encoder_alone() -> None:
    """What is drawn, and the summary on which the prior depends, do not know where the block is."""
    _, env, own = crowd()
    generator = untrained()
    sight = generator._look(env)
    summary = generator._summary(sight)
    site = torch.arange(env.size)
    with torch.no_grad():
        means = [generator._encode(sight, site, generator.core.standing(sight, x), summary)[0]
                 for x in (own, own * 1.2)]
    assert float((means[0] - means[1]).abs().max()) > 1e-4
    torch.testing.assert_close(summary, generator._summary(generator._look(env)))


def test_the_loss_reaches_every_parameter_once_the_divergence_counts() -> None:
    _, env, own = crowd()
    learner = untrained()
    learner.network.train()
    (objective,) = learner.objectives(1.0)
    assert objective.loss(env, own, stream(env)).figures["divergence"].isfinite()
    objective.loss(env, own, stream(env)).value.backward()
    silent = [name for name, p in learner.network.named_parameters()
              if p.requires_grad and (p.grad is None or not p.grad.abs().sum() > 0)]
    # Nothing here has bonds of varying length but first atoms of whole molecules.
    assert set(silent) <= {"distance.weight", "distance.bias"}


def test_the_weight_of_the_divergence_rises() -> None:
    _, env, own = crowd()
    learner = Vae(VaeOptions(channels=4, width=16, latents=2, annealing=0.5))
    values = [float(learner.objectives(p)[0].loss(env, own, stream(env)).value.detach()) for p in (0.0, 0.25, 0.5, 1.0)]
    assert values[2] == values[3]
    assert values[1] - values[0] == pytest.approx((values[2] - values[0]) / 2, abs=1e-5)


def test_weights_come_back_from_their_file(tmp_path: Path) -> None:
    system = builders.system()
    generator = untrained()
    window = builders.window(system)
    scene = scenes.scene_of(system, window)
    library = collect(scene, 2, 0)
    generator.sizes = {"channels": 4, "width": 16, "latents": 2, "dropout": 0.0, "bins": 8, "transforms": 2}
    generator.save(tmp_path / "vae.safetensors", system, library, {"temperature": [300.0], "bead_noise": 0.002})
    again = Vae(VaeOptions(checkpoint=tmp_path / "vae.safetensors"))
    again.prepare(system, "cpu")
    env = scene.gather(*scenes.every_site(scene))
    torch.testing.assert_close(again.draw(env, stream(env)).positions, generator.draw(env, stream(env)).positions)
    assert again.training["bead_noise"] == 0.002
    assert again.starter() is not None


def test_without_weights_it_does_not_draw_in_a_run() -> None:
    with pytest.raises(BackmapError, match="the vae generator needs trained weights"):
        Vae(VaeOptions(channels=4, width=16)).prepare(builders.system(), "cpu")


class TestLatents:
    def test_the_prior_integrates_to_one_and_is_drawn_as_it_says(self) -> None:
        torch.manual_seed(0)
        prior, summary = Prior(1, 5, 8, 2), torch.randn(1, 5)
        with torch.no_grad():
            for weight in prior.parameters():
                weight *= 3  # far from the normal it starts as
            grid = torch.linspace(-12, 12, 24_001, dtype=torch.float64)[:, None]
            density = prior.log_density(grid, summary.expand(len(grid), -1)).exp()
            assert float(torch.trapezoid(density, grid[:, 0])) == pytest.approx(1, abs=1e-4)
            normal = Stream.of(1).normal(20_000)[0][:, None]
            z = prior.draw(normal, summary.expand(len(normal), -1))[:, 0]
        below = torch.cumulative_trapezoid(density, grid[:, 0])
        for share in (0.1, 0.5, 0.9):
            at = float(grid[1:][torch.searchsorted(below, share), 0])
            assert float((z < at).double().mean()) == pytest.approx(share, abs=0.012)

    def test_the_encoder_sums_over_atoms(self) -> None:
        torch.manual_seed(0)
        encoder, atoms, summary = Encoder(2, 5, 3), torch.randn(6, 10), torch.randn(2, 5)
        row = torch.tensor([0, 0, 0, 1, 1, 1])
        mean, log_sd = encoder(atoms, row, summary)
        turned = encoder(atoms[[2, 0, 1, 3, 5, 4]], row, summary)
        torch.testing.assert_close(turned, (mean, log_sd), atol=1e-6, rtol=1e-5)
        alone = encoder(atoms[3:], torch.zeros(3, dtype=torch.long), summary[1:])
        torch.testing.assert_close(alone[0][0], mean[1], atol=1e-6, rtol=1e-5)
