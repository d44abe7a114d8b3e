"""The equivariant generator: densities of its draws, symmetry, independence, and the fast kernels."""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from backmap_plugins.generators.equivariant import core, drawing
from backmap_plugins.generators.equivariant.coordinates import normal_below
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions
from scipy.spatial.transform import Rotation
from scipy.special import ndtri
from torch import Tensor

from backmap import testing
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment
from backmap.engine.sites.environment import Scene
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System, Window
from tests import builders, scenes

#: nm; the network computes in single precision.
SAME = 1e-5
TORN = -500  #: a log-density below this means that a ring did not close


@cache
def scene_of(name: str) -> Scene:
    """``rigid``: octane and rings; ``flexible``: only their bonds to hydrogen are rigid; ``small``: few beads."""
    if name == "small":
        system = builders.system()
        return scenes.scene_of(system, builders.window(system))
    bonds = {"rigid": "all-bonds", "flexible": "h-bonds"}[name]
    system, window = scenes.crowd((scenes.octane_system(bonds).types[0], 3), (scenes.phenyl(bonds), 3), n_frames=1)
    return scenes.scene_of(system, window)


def environment(name: str) -> LocalEnvironment:
    scene = scene_of(name)
    return scene.gather(*scenes.every_site(scene), noise=0.25, temperature=350.0)


def stream(env: LocalEnvironment, seed: int = 0) -> Stream:
    return Stream.of(seed, torch.arange(env.size))


@cache
def generator() -> Equivariant:
    return scenes.tiny()


def draw(env: LocalEnvironment, candidates: int = 1, seed: int = 0) -> Draw:
    return generator().draw(env, stream(env, seed), candidates)


def assert_same(found: Draw, expected: Draw, block: Tensor) -> None:
    """Equal draws; rings that did not close are left out, because their last atoms stand in line."""
    closed = expected.log_density > TORN
    assert float(closed.double().mean()) > 0.8
    away = (found.positions - expected.positions).norm(dim=3) * block[:, None]
    assert float(away[closed].max()) < SAME
    torch.testing.assert_close(found.log_density[closed], expected.log_density[closed], atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize("name", ["rigid", "flexible", "small"])
def test_the_density_of_a_draw_is_what_draw_said(name: str) -> None:
    env = environment(name)
    drawn = draw(env, 3)
    assert bool(drawn.positions.isfinite().all())
    for k in range(3):
        again = generator().log_density(env, drawn.positions[:, k])
        torch.testing.assert_close(again, drawn.log_density[:, k], atol=1e-5, rtol=1e-5)


def test_rigid_bonds_and_pinned_atoms_are_exact() -> None:
    env = environment("rigid")
    tables, drawn = env.fragments, draw(env)
    local = torch.cat([drawn.positions[:, 0], env.context.double(), env.beads.double()], dim=1)
    origin = local.gather(1, tables.reference[env.row][:, :, 0, None].expand(-1, -1, 3))
    length = (drawn.positions[:, 0] - origin).norm(dim=2)
    pinned = tables.pinned[env.row]
    rigid = env.block & tables.length[env.row].isfinite() & ~pinned
    torch.testing.assert_close(length[rigid], tables.length[env.row][rigid].double(), atol=1e-9, rtol=0)
    assert int(pinned.sum()) == 3
    assert float(drawn.positions[:, 0][pinned].abs().max()) == 0


def test_a_ring_closes_where_it_can_and_pays_where_it_cannot() -> None:
    env = environment("rigid")
    tables, drawn = env.fragments, draw(env, 20)
    site, atom = torch.nonzero(tables.closure[env.row] >= 0, as_tuple=True)
    other = tables.closure[env.row][site, atom]
    length = (drawn.positions[site, :, atom] - drawn.positions[site, :, other]).norm(dim=2)
    closed = (length - tables.closure_length[env.row][site, atom].double()[:, None]).abs() < 1e-6
    fine = drawn.log_density[site] > TORN
    torch.testing.assert_close(closed, fine)
    assert bool(closed.any())
    assert not bool(closed.all())


def moved(window: Window, turn: np.ndarray, shift: np.ndarray) -> Window:
    """Everything in a window turned and shifted, the box as well."""
    return replace(window, atoms=window.atoms @ turn.T + shift, beads=window.beads @ turn.T + shift,
                   boxes=window.boxes @ turn.T)


def test_turning_and_shifting_everything_turns_the_draw() -> None:
    system, window = scenes.crowd(n_frames=1)
    turn = Rotation.random(rng=np.random.default_rng(3)).as_matrix()
    envs = [scenes.scene_of(system, w) for w in (window, moved(window, turn, np.array([0.3, -7.0, 2.0])))]
    here, there = (scene.gather(*scenes.every_site(scene)) for scene in envs)
    first, second = draw(here, 2), draw(there, 2)
    turned = Draw(first.positions @ torch.as_tensor(turn).T, first.log_density)
    assert_same(second, turned, here.block)


def test_the_mirror_image_of_a_hand_is_drawn_as_the_mirror_image() -> None:
    env = environment("rigid")
    plane = torch.diag(torch.tensor([1.0, -1.0, 1.0]))
    mirrored = replace(testing.turned(env, plane), sign=-env.sign)
    first = draw(env, 2)
    assert_same(draw(mirrored, 2), Draw(first.positions @ plane.double(), first.log_density), env.block)
    same_hand = draw(testing.turned(env, plane), 2)
    assert float((same_hand.positions - first.positions @ plane.double()).abs().max()) > 1e-2


def test_the_loss_reaches_every_parameter() -> None:
    env, scene = environment("flexible"), scene_of("flexible")
    learner = scenes.tiny()
    learner.network.train()
    learner.loss(env, scene.own(*scenes.every_site(scene)), stream(env)).mean().backward()
    silent = [name for name, p in learner.network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_training_knows_the_density_of_draws() -> None:
    """It embeds the classes that a batch has, and drawing all that there are."""
    env, scene, learner = environment("rigid"), scene_of("rigid"), scenes.tiny()
    truth = scene.own(*scenes.every_site(scene))
    drawing = learner.log_density(env, truth)
    learner.network.train()
    learning = learner.core.log_density(env, truth)
    assert {*learner.core.look(env).embedded} == {"target", "surrounding", "bead", "features"}
    torch.testing.assert_close(learning.detach(), drawing, atol=1e-3, rtol=1e-5)


def test_a_site_does_not_depend_on_its_batch() -> None:
    env = environment("rigid")
    whole = draw(env, 2)
    for chosen in (torch.tensor([5]), torch.tensor([8, 0, 17]), torch.arange(env.size).flip(0)):
        part = generator().draw(env.at(chosen), stream(env).at(chosen), 2)
        expected = Draw(whole.positions[chosen], whole.log_density[chosen])
        assert_same(part, expected, env.block[chosen])


def test_a_candidate_does_not_depend_on_how_many_there_are() -> None:
    env = environment("rigid")
    many, few = draw(env, 5), draw(env, 2)
    assert_same(few, Draw(many.positions[:, :2], many.log_density[:, :2]), env.block)


def test_candidates_are_independent() -> None:
    """No coordinate of one candidate tells anything about the same coordinate of the next."""
    env = environment("rigid").at(torch.tensor([1]))
    n = 2000
    x = draw(env, n).positions[0, :, :4].reshape(n, -1)
    x = (x - x.mean(0)) / x.std(0)
    correlation = (x[0::2].T @ x[1::2]).abs() / (n / 2)
    assert float(correlation.max()) < 5 / (n / 2) ** 0.5


@pytest.mark.parametrize("change", [{"noise": 1.0}, {"temperature": 500.0}])
def test_the_draw_depends_on_the_conditions(change: dict[str, float]) -> None:
    env = environment("rigid")
    other = replace(env, **{name: torch.full_like(getattr(env, name), value) for name, value in change.items()})
    assert float((draw(env).positions - draw(other).positions).abs().max()) > 1e-4


def test_compiled_kernels_agree_with_tensors() -> None:
    """Draws use the kernels, training the tensors; radial weights come from a table in the former."""
    env = environment("rigid")
    positions = draw(env).positions[:, 0]
    fast = generator().log_density(env, positions)
    slow = generator().core.log_density(env, positions).detach()
    torch.testing.assert_close(fast, slow, atol=2e-5, rtol=1e-6)


@pytest.mark.parametrize("candidates", [1, 3])
def test_compiled_draws_are_those_of_the_head(candidates: int, monkeypatch: pytest.MonkeyPatch) -> None:
    env = environment("rigid")
    with torch.no_grad():
        assert drawing.suit(generator().network, generator().core.look(env))
    quick = draw(env, candidates)
    density = quick.log_density
    monkeypatch.setattr(core, "suit", lambda network, sight: False)
    assert_same(Draw(quick.positions, density), draw(env, candidates), env.block)


def test_the_normal_distribution_is_inverted_to_the_last_digits() -> None:
    p = np.concatenate([10.0**-np.arange(1.0, 300, 7), np.linspace(0.001, 0.999, 101), 1 - 10.0**-np.arange(1.0, 15)])
    found = np.array([normal_below(x) for x in p])
    np.testing.assert_allclose(found, ndtri(p), rtol=1e-9, atol=1e-12)


def triangle() -> tuple[System, Window]:
    """A rigid ring of three atoms in one bead, on a tail of two pinned atoms, alone in the world."""
    bonds, length = [(0, 1), (0, 2), (1, 2), (0, 3), (3, 4)], np.array([0.15, 0.14, 0.16, 0.15, 0.15])
    kind = testing.molecule_type("TRI", [6] * 5, bonds, [[0, 1, 2], [3], [4]])
    kind = replace(kind, bond_length=length)
    atoms = np.array([[[0.0, 0, 0], [0.15, 0, 0], [0.05, 0.13, 0.0], [-0.1, -0.11, 0], [-0.22, -0.1, 0.08]]])
    system = System(((kind, 1),))
    window = Window(np.zeros(1, dtype=int), np.zeros(1), np.zeros((1, 3, 3)), system.map(atoms))
    return system, window.with_atoms(atoms)


def test_densities_of_a_ring_integrate_to_the_volume_they_should() -> None:
    """The mean of 1 / q over draws from q, inside a region, is its volume in the measure of the theory.

    First atom: a belt of a sphere, d^2 (cos - cos) 2 pi; second: a belt of a sphere about it; third, which
    closes the ring: a whole circle, 2 pi d1 d2 / D.
    """
    system, window = triangle()
    scene = scenes.scene_of(system, window)
    env = scene.gather(torch.tensor([0]), torch.tensor([0]))
    tables, n = env.fragments, 12_000
    assert tables.closure[0].tolist()[:3] == [-1, -1, 1]
    sharp = scenes.tiny()
    with torch.no_grad():
        sharp.network.angle.bias[:3] -= 1.4  # angles of 0.6 rad, at which a lost sine would show
    drawn = sharp.draw(env, stream(env), n)
    local = torch.cat([drawn.positions[0], env.context[0].double().expand(n, -1, -1),
                       env.beads[0].double().expand(n, -1, -1)], dim=1)
    volume, inside = 1.0, torch.ones(n, dtype=torch.bool)
    for f in range(2):
        origin, axis, _ = tables.reference[0, f].tolist()
        arm, along = local[:, f] - local[:, origin], local[:, axis] - local[:, origin]
        cosine = (arm * along).sum(1) / arm.norm(dim=1) / along.norm(dim=1)
        low, high = torch.quantile(cosine, torch.tensor([0.25, 0.75], dtype=torch.float64))
        inside &= (cosine > low) & (cosine < high)
        volume *= float(tables.length[0, f]) ** 2 * float(high - low) * 2 * np.pi
    volume *= 2 * np.pi * float(tables.length[0, 2] * tables.closure_length[0, 2] / tables.length[0, 1])
    weight = inside * (-drawn.log_density[0]).exp()
    error = float(weight.std()) / n**0.5
    assert error < 0.06 * volume
    assert abs(float(weight.mean()) - volume) < 4 * error


def test_without_weights_it_does_not_draw_in_a_run() -> None:
    fresh = Equivariant(EquivariantOptions(channels=8, width=32))
    with pytest.raises(BackmapError, match="the equivariant generator needs trained weights"):
        fresh.prepare(builders.system(), "cpu")
    assert fresh.starter() is None


def test_a_molecule_of_one_bead_can_be_drawn() -> None:
    """Its first atom has one point to refer to, the bead; the local frame is completed somehow."""
    env = environment("small")
    kind: MoleculeType = builders.water()
    sites = torch.nonzero(env.row == scene_of("small").fragments.types.index(kind) + 1)[:, 0]
    positions = draw(env, 4).positions[sites][:, :, :3]
    lengths = (positions[:, :, 1:] - positions[:, :, :1]).norm(dim=3)
    expected = torch.as_tensor(kind.bond_length).expand_as(lengths)
    torch.testing.assert_close(lengths, expected, atol=1e-6, rtol=0)


def test_turning_everything_turns_a_molecule_of_one_bead() -> None:
    """Neighbours give its first atom a local frame; the density does not change in any case."""
    env = environment("small").at(torch.nonzero(environment("small").row == 2)[:, 0])
    turn = Stream.of(1).rotation()[0]
    first, again = draw(env), draw(testing.turned(env, turn))
    met = env.neighbour_beads_present.sum(dim=1) > 1
    assert 0 < int(met.sum()) < env.size
    turned = Draw(first.positions @ turn.T, first.log_density)
    here, there = (Draw(one.positions[met], one.log_density[met]) for one in (again, turned))
    assert_same(here, there, env.block[met])
    generator = scenes.tiny()
    here, there = (generator.log_density(one, drawn.positions[:, 0]) for one, drawn in (
        (env, first), (testing.turned(env, turn), turned)))
    torch.testing.assert_close(here, there, atol=1e-4, rtol=0)
    torch.testing.assert_close(here, first.log_density[:, 0], atol=1e-4, rtol=0)


def test_a_molecule_all_alone_points_anywhere() -> None:
    """Moments of a uniform direction, within four standard errors; the density is that of a sphere."""
    n = 4000
    whole = environment("small")
    env = whole.at(torch.nonzero((whole.row == 2) & ~whole.neighbour_beads_present.any(dim=1))[:1, 0].expand(n))
    positions = scenes.tiny().draw(env, stream(env)).positions[:, 0, :3]
    for arm in (positions[:, 0], positions[:, 1] - positions[:, 0], torch.linalg.cross(
            positions[:, 1] - positions[:, 0], positions[:, 2] - positions[:, 0])):
        unit = arm / arm.norm(dim=1, keepdim=True)
        assert float(unit.mean(dim=0).abs().max()) < 4 * (1 / 3 / n)**0.5
        second = (unit[:, :, None] * unit[:, None]).mean(dim=0) - torch.eye(3) / 3
        assert float(second.abs().max()) < 4 * (4 / 45 / n)**0.5
