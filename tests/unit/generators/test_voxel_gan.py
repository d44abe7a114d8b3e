"""The ``voxel_gan`` generator: grids against sums by hand, sequences against single steps, training that goes wrong."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.generators.voxel_gan.channels import Vocabulary, atom_kinds, bead_kinds
from backmap_plugins.generators.voxel_gan.generator import VoxelGan, VoxelGanOptions
from backmap_plugins.generators.voxel_gan.grid import HIDDEN, Grid
from backmap_plugins.learning.trainer import COLLAPSED, EnergyLoss, Trainer
from backmap_plugins.learning.training import NOISE
from torch import Tensor

from backmap import testing
from backmap.api import Options, Regularizer
from backmap.engine.checkpoints import store
from backmap.engine.checkpoints.library import Conformers, Library
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.errors import BackmapError
from backmap.model.system import System
from tests import scenes
from tests.unit.learning import test_training as material

SMALL = {"width": 8, "blocks": 1, "noise": 4, "grid": 4}


def learner(system: System, **options: object) -> VoxelGan:
    torch.manual_seed(0)
    generator = VoxelGan(VoxelGanOptions(**SMALL | options))
    generator.study(system)
    generator.network.train()
    return generator


@pytest.fixture(scope="module")
def sites() -> testing.Sites:
    system, window = testing.example()
    return testing.Sites(system, window, VoxelGan(VoxelGanOptions()).view)


@pytest.fixture(scope="module")
def generator() -> VoxelGan:
    found = learner(testing.example()[0])
    found.network.eval()
    return found


def test_a_grid_is_a_sum_of_gaussians() -> None:
    grid = Grid(6, 0.9, 0.07)
    positions, channels = torch.rand(2, 5, 3) - 0.5, torch.rand(2, 3, 5)
    expected = np.zeros((2, 3, 6, 6, 6))
    step = 0.9 / 6
    for s, c, i, j, k in np.ndindex(expected.shape):
        voxel = (np.array([i, j, k]) - 2.5) * step
        square = ((positions[s].numpy() - voxel) ** 2).sum(axis=1)
        expected[s, c, i, j, k] = (channels[s, c].numpy() * np.exp(-square / (2 * 0.07**2))).sum()
    found = grid.spread(positions).summed(channels).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert torch.allclose(grid.points(torch.device("cpu")).reshape(6, 6, 6, 3)[5, 0, 2],
                          (torch.tensor([5.0, 0.0, 2.0]) - 2.5) * step)


def test_kinds_of_atoms_and_beads_come_from_the_topology() -> None:
    kind, _ = testing.fluorohexane()
    assert sorted(set(atom_kinds(kind, elements=False))) == ["C", "F", "H"]
    assert bead_kinds(kind) == ["C2F1", "C2", "C2"]
    vocabulary = Vocabulary.of([kind], "chemistry", "composition", {"heavy": ["C", "F"]})
    assert vocabulary.atoms == {"C": 0, "F": 0, "H": 1}
    assert vocabulary.size == 2 + 4 + 2
    for wrong in ({"heavy": ["C", "Xe"]}, {"one": ["C"], "two": ["C"]}):
        with pytest.raises(BackmapError, match=r"voxel_gan\.channels"):
            Vocabulary.of([kind], "chemistry", "composition", wrong)


def test_aromatic_hydrogens_are_a_kind_of_their_own() -> None:
    kind = scenes.phenyl()
    assert set(atom_kinds(kind, elements=False)) == {"C", "H", "F", "C_AR", "H_AR"}
    assert set(atom_kinds(kind, elements=True)) == {"C", "H", "F"}


@pytest.mark.parametrize("hide", [True, False])
def test_a_condition_holds_what_stands_and_nothing_else(generator: VoxelGan, sites: testing.Sites, hide: bool) -> None:
    """Every channel of some targets, summed by hand from the environment."""
    env = sites.environment()
    painter = replace_hide(generator, hide)
    sight = painter.look(env)
    own = sight.local(sites.present())
    site, atom = torch.nonzero(env.block, as_tuple=True)
    chosen = torch.arange(0, len(site), 7)
    found = sight.condition(site[chosen], atom[chosen], own[site[chosen]], hide)
    n_atoms = painter.vocabulary.n_atoms
    for condition, s, f in zip(found, site[chosen].tolist(), atom[chosen].tolist()):
        expected = by_hand(painter, sites, env, s, f, own[s], hide)
        np.testing.assert_allclose(condition[:n_atoms + 4].flatten(1).numpy(), expected, atol=1e-4)


def replace_hide(generator: VoxelGan, hide: bool):
    painter = generator.painter
    painter.hide = hide
    return painter


def by_hand(painter, sites: testing.Sites, env: LocalEnvironment, s: int, f: int, own: Tensor, hide: bool):
    """Atom and relation channels of one target, slowly."""
    kind, _ = testing.fluorohexane()
    kinds = atom_kinds(kind, elements=False)
    axes = painter.look(env).axes[s]
    rows = env.fragments.atoms[env.row[s]].tolist()
    target = rows[f]
    there = [(rows[k], own[k], True) for k in range(f)]
    sign = env.sign[s]
    there += [(int(env.neighbour_atom[s, n]), axes @ (env.neighbours[s, n] * sign), bool(env.neighbour_same[s, n]))
              for n in torch.nonzero(env.neighbours_placed[s])[:, 0].tolist()]
    there = sorted(there[f:], key=lambda entry: float(entry[1].norm()))[:96] + there[:f]
    summed = np.zeros((painter.vocabulary.n_atoms + 4, painter.grid.n**3))
    for row, position, same in there:
        bonds = int(kind.distance[target, row]) if same else 99
        heavy = kinds[target] != "H"
        if hide and heavy and kinds[row] == "H" and bonds <= HIDDEN:
            continue
        density = painter.grid.spread(position[None, None]).summed(torch.ones(1, 1, 1))[0, 0].numpy()
        summed[painter.vocabulary.atoms[kinds[row]]] += density
        summed[painter.vocabulary.n_atoms + min(bonds, 4) - 1] += density
    return summed


def test_a_fragment_is_drawn_atom_by_atom(generator: VoxelGan, sites: testing.Sites) -> None:
    env = sites.environment()
    painter = generator.painter
    with torch.no_grad():
        sight = painter.look(env)
        whole = painter.unroll(sight, sites.stream())
        noise = painter.noise(sight, sites.stream())
        own = torch.zeros_like(whole)
        for f in range(env.block.shape[1]):
            site = torch.nonzero(env.block[:, f])[:, 0]
            if not len(site):
                continue
            atom = torch.full_like(site, f)
            own[site, f] = painter.place(sight, site, atom, own[site], noise[site, f])[0]
    assert torch.allclose(own[env.block], whole[env.block], atol=1e-5)


def test_rigid_bonds_are_met(generator: VoxelGan, sites: testing.Sites) -> None:
    env = sites.environment()
    drawn = generator.draw(env, sites.stream()).positions[:, 0]
    tables, row = env.fragments, env.row
    local = torch.cat([drawn, env.context.double()], dim=1)
    rigid = torch.isfinite(tables.length[row]) & env.block
    site, atom = torch.nonzero(rigid, as_tuple=True)
    first = tables.reference[row[site], atom, 0]
    length = (drawn[site, atom] - local[site, first]).norm(dim=1)
    assert float((length - tables.length[row[site], atom]).abs().max()) < 2e-4


@pytest.mark.parametrize("frame", ["full", "axis"])
def test_candidates_differ(frame: str, sites: testing.Sites) -> None:
    generator = learner(testing.example()[0], frame=frame)
    generator.network.eval()
    env = sites.environment()
    drawn = generator.draw(env, sites.stream(), 3).positions
    block = env.block
    assert float((drawn[:, 0] - drawn[:, 1]).norm(dim=2)[block].mean()) > 1e-4


def test_the_penalty_of_a_linear_critic_is_exact(sites: testing.Sites) -> None:
    """A critic w.x has the gradient w everywhere: the penalty is (|w| - 1)^2."""
    generator = learner(testing.example()[0])
    game, env = generator.game, sites.environment()

    class Linear(torch.nn.Module):
        def forward(self, condition: Tensor, atom: Tensor, description: Tensor) -> Tensor:
            return 0.25 * condition.flatten(1).sum(1) + 0.5 * atom.flatten(1).sum(1)

    loss = replace(game, critic=Linear()).criticise(env, sites.present(), sites.stream())
    size = 4**3 * (generator.painter.vocabulary.size * 0.25**2 + 0.5**2)
    assert float(loss.figures["penalty"]) == pytest.approx((size**0.5 - 1) ** 2, rel=1e-4)
    assert float(loss.value) == pytest.approx(
        10 * float(loss.figures["penalty"]) - float(loss.figures["gap"]), rel=1e-4)


def test_the_energy_score_prefers_the_right_spread(generator: VoxelGan, sites: testing.Sites) -> None:
    """A proper score: of draws around the truth, those spread as the truth is score best."""
    rng = np.random.default_rng(0)
    truth, pairs = rng.normal(size=(40_000, 3)), rng.normal(size=(2, 40_000, 3))

    def score(scale: float) -> float:
        first, second = pairs * scale
        return float(np.linalg.norm(first - truth, axis=1).mean() - 0.5 * np.linalg.norm(first - second, axis=1).mean())

    assert score(1.0) < min(score(0.6), score(1.5))
    loss = learner(testing.example()[0]).game.score(sites.environment(), sites.present(), sites.stream())
    assert loss.value.requires_grad


class Spring(Regularizer):
    """Pulls every drawn atom to its anchor."""

    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return ((positions**2).sum(-1) * env.block[:, None]).sum(-1)


def trainer(path: Path, energies: EnergyLoss | None = None, **options: object) -> Trainer:
    contexts = material.contexts(replace(material.SCHEDULE, sites=6, frames=1))
    generator = learner(contexts.material.data.system, warmup=0.5, critic_steps=2, **options)
    return Trainer(generator, [contexts], contexts.schedule, path, 1, energies)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    whole = trainer(tmp_path_factory.mktemp("whole") / "state.safetensors")
    whole.run()
    return whole


def test_training_goes_on_after_a_stop(trained: Trainer, tmp_path: Path) -> None:
    """In both phases: the warm-up by a score, and the game against the critic."""
    path = tmp_path / "state.safetensors"
    material.interrupt(trainer(path))
    again = trainer(path)
    again.resume()
    assert 0 < again.step < again.schedule.steps
    again.run()
    for mine, its in ((again.network, trained.network), (again.generator.critic, trained.generator.critic)):
        for name, value in its.state_dict().items():
            torch.testing.assert_close(mine.state_dict()[name], value, rtol=0, atol=1e-6)


def test_history_has_both_players(trained: Trainer) -> None:
    (_, warm), (_, play) = trained.history.training
    assert {"loss", "off"} <= set(warm)
    assert {"critic loss", "critic gap", "critic penalty", "generator loss"} <= set(play)
    assert {f"spread {level}" for level in NOISE} <= set(trained.history.validation[-1][1])


@pytest.mark.parametrize("match", [False, True])
def test_a_regularizer_takes_part(match: bool, tmp_path: Path) -> None:
    energies = EnergyLoss(Spring(Options()), match, 5.0, 0.0)
    run = trainer(tmp_path / "state.safetensors", energies)
    run.run()
    assert run.history.training[-1][1]["generator energy"] > 0


def test_an_explosion_stops_training(tmp_path: Path) -> None:
    run = trainer(tmp_path / "state.safetensors", EnergyLoss(Spring(Options()), False, 1e12, 0.0))
    with pytest.raises(BackmapError, match=r"diverged at step \d+.*generator"):
        run.run()


def test_a_collapse_stops_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer(tmp_path / "state.safetensors")
    monkeypatch.setattr(run.generator, "watch", lambda *_: {"spread": COLLAPSED / 2})
    with pytest.raises(BackmapError, match="collapsed before step 30"):
        run.run()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    system = testing.example()[0]
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    kind = system.types[0]
    own, beads = (np.zeros((kind.n_beads, 1, n, 3), dtype=np.float32) for n in (8, 1))
    library = Library({kind.name: Conformers(kind.atom_names, torch.as_tensor(own), torch.as_tensor(beads))})
    learner(system).save(path, system, library, {"steps": 0})
    return path


def test_weights_come_back(saved: Path, sites: testing.Sites) -> None:
    system = testing.example()[0]
    fresh, again = learner(system), VoxelGan(VoxelGanOptions(checkpoint=saved))
    again.prepare(system, "cpu")
    fresh.network.eval()
    env = sites.environment()
    assert torch.equal(fresh.draw(env, sites.stream()).positions, again.draw(env, sites.stream()).positions)


def test_wrong_checkpoints_are_refused_in_one_line(saved: Path, tmp_path: Path) -> None:
    tensors, header = store.load(saved, "checkpoint")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(saved.read_bytes()[:-100])
    shrunk, other = tmp_path / "grid.safetensors", tmp_path / "other.safetensors"
    weights = tensors | {"weights.out.bias": torch.zeros(3)}
    store.save(shrunk, "checkpoint", weights, header)
    store.save(other, "checkpoint", tensors, header | {"generator": "equivariant"})
    for path, said in ((cut, "cut.safetensors"), (shrunk, "do not fit"), (other, "equivariant")):
        with pytest.raises(BackmapError, match=said) as caught:
            VoxelGan(VoxelGanOptions(checkpoint=path))
        assert "\n" not in caught.value.problem


def test_atoms_that_were_not_learned_are_refused(saved: Path) -> None:
    other = testing.molecule_type("XEF", [9, 54, 9], [(0, 1), (1, 2)], [[0, 1, 2]])
    generator = VoxelGan(VoxelGanOptions(checkpoint=saved))
    with pytest.raises(BackmapError, match="no atoms of kind Z54"):
        generator.prepare(System(((other, 1),)), "cpu")
    with pytest.raises(BackmapError, match="no atoms of kind C_AR, H_AR"):
        generator.prepare(System(((scenes.phenyl(), 1),)), "cpu")
    ethane = testing.molecule_type("ETH", [6, 6, 1, 1, 1, 1, 1, 1], [(0, 1), *((k // 3, k + 2) for k in range(6))],
                                   [[0, 2, 3, 4], [1, 5, 6, 7]])
    with pytest.raises(BackmapError, match="no beads of C1"):
        generator.prepare(System(((ethane, 1),)), "cpu")


def test_drawing_amid_a_training_leaves_it_training(sites: testing.Sites) -> None:
    generator = learner(testing.example()[0])
    first = generator.draw(sites.environment(), sites.stream())
    assert generator.network.training
    generator.network.eval()
    assert torch.equal(first.positions, generator.draw(sites.environment(), sites.stream()).positions)
