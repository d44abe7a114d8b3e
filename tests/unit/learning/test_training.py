"""Training: contexts that follow from their step, a loss that falls, and a stop that changes nothing."""
from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.chemistry.symmetry import Relabeller, relabellings
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions
from backmap_plugins.learning.dataset import TrainingSet
from backmap_plugins.learning.trainer import History, Trainer
from backmap_plugins.learning.training import BEAD_NOISE, NOISE, Contexts, Material, Schedule, bead_rarity
from backmap_plugins.traversals import DepthFirst, Rooted
from scipy.spatial.transform import Rotation

from backmap import testing
from backmap.engine.checkpoints import store
from backmap.engine.checkpoints.library import collect
from backmap.engine.sites.contracts import View
from backmap.errors import BackmapError
from tests import builders, scenes
from tests.latents import as_one

SCHEDULE = Schedule(steps=30, sites=24, frames=2, learning_rate=0.02, sequential=0.2, validate=15)


@cache
def data() -> TrainingSet:
    """Three training frames of a small crowd of octane and rings, one held out."""
    system, window = scenes.crowd(n_frames=4)
    windows = [scenes.part_of(window, [k]) for k in range(4)]
    return TrainingSet.of(system, windows, [300.0, 320.0, 340.0, 360.0], [False, False, False, True])


@cache
def material() -> Material:
    system = data().system
    library = collect(scenes.scene_of(system, data().window(np.arange(3))), 4, 0)
    orders = [DepthFirst(Rooted()).order(kind, np.random.default_rng(0)) for kind in system.types]
    return Material.of(data(), View(), orders, library, 1, "cpu")


def contexts(schedule: Schedule = SCHEDULE) -> Contexts:
    return Contexts(material(), schedule, seed=1)


def learner(dropout: float = 0.1) -> Equivariant:
    torch.manual_seed(0)
    generator = Equivariant(EquivariantOptions(channels=8, width=32, dropout=dropout))
    generator.network.train()
    return generator


def trainer(path: Path) -> Trainer:
    return Trainer(learner(), [contexts()], SCHEDULE, path, 1)


class Stop(Exception):
    """Someone pulls the plug."""


def stop(*_: object) -> None:
    raise Stop


def interrupt(whole: Trainer) -> None:
    """Train until a state to go on from is there, and a step further."""
    def stop_if_saved(*_: object) -> None:
        if whole.state.exists():
            raise Stop

    with pytest.raises(Stop):
        whole.run(stop_if_saved)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    whole = trainer(tmp_path_factory.mktemp("whole") / "state.safetensors")
    whole.run()
    return whole


def test_the_loss_falls(uninterrupted: Trainer) -> None:
    (first, early), (last, late) = uninterrupted.history.training
    assert (first, last) == (15, 30)
    assert late["loss"] < early["loss"] - 0.5
    before, after = (losses for _, losses in uninterrupted.history.validation)
    assert set(after) == {str(level) for level in NOISE}
    assert all(after[level] < before[level] for level in after)


def test_going_on_after_a_stop_gives_the_same_weights(uninterrupted: Trainer, tmp_path: Path) -> None:
    """Bit for bit, with dropout, and whatever else has used the global random numbers in between."""
    path = tmp_path / "state.safetensors"
    interrupt(trainer(path))
    torch.manual_seed(12345)
    again = trainer(path)
    again.resume()
    assert again.step == 15
    again.run()
    for name, value in uninterrupted.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name
        assert torch.equal(again.average.weights[name], uninterrupted.average.weights[name]), name
    assert [list(entry) for entry in again.history.training] == [list(e) for e in uninterrupted.history.training]
    assert again.history.validation[-1][1] == uninterrupted.history.validation[-1][1]


def test_weights_that_a_stop_kept_from_being_written_are_written_later(tmp_path: Path) -> None:
    """Also those of the last step, after which there is none to go on with."""
    path, written = tmp_path / "state.safetensors", []

    def stop_at_the_end(history: History) -> None:
        if len(history.validation) == 2:
            stop()

    with pytest.raises(Stop):
        trainer(path).run(validated=stop_at_the_end)
    again = trainer(path)
    again.resume()
    again.run(validated=lambda history: written.append(history.training[-1][0]))
    assert written == [again.schedule.steps]


def test_validation_uses_the_averaged_weights_and_gives_them_back(uninterrupted: Trainer) -> None:
    before = {name: value.clone() for name, value in uninterrupted.network.state_dict().items()}
    assert uninterrupted.validate(64) == uninterrupted.validate(64)
    with uninterrupted.average.worn():
        inside = uninterrupted.network.state_dict()
        assert all(torch.equal(inside[name], value) for name, value in uninterrupted.average.weights.items())
        assert not uninterrupted.network.training
    assert uninterrupted.network.training
    assert all(torch.equal(uninterrupted.network.state_dict()[name], value) for name, value in before.items())


def test_a_checkpoint_is_no_training_state(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    store.save(path, "checkpoint", {"a": torch.zeros(1)}, {})
    with pytest.raises(BackmapError, match="is a checkpoint file, but a training state file is needed"):
        trainer(path).resume()


@pytest.mark.parametrize("step", [0, 3, 4])
def test_a_batch_follows_from_its_step(step: int) -> None:
    (env, target, stream), (again, same, other) = (contexts().batch(step) for _ in range(2))
    names = {f.name for f in fields(env)} - {"fragments", "before"}
    assert all(torch.equal(getattr(env, name), getattr(again, name)) for name in names)
    assert torch.equal(target, same)
    assert torch.equal(stream.key, other.key)


def test_every_noise_level_comes_up() -> None:
    source = contexts(replace(SCHEDULE, sequential=0.0))
    levels = {float(source.batch(step)[0].noise[0]) for step in range(40)}
    assert levels == {float(np.float32(level)) for level in NOISE}


def test_held_out_frames_are_not_trained_on() -> None:
    """Frames are told apart by their temperature."""
    source = contexts()
    seen = {float(t) for step in range(20) for t in source.batch(step)[0].temperature}
    assert seen == {300.0, 320.0, 340.0}
    assert set(source.validation(0.0, 32)[0].temperature.tolist()) == {360.0}


@pytest.mark.parametrize("level", list(NOISE))
def test_noisy_contexts_keep_their_bonds_and_beads(level: float) -> None:
    source = contexts()
    clean, rng = data().atoms[0], np.random.default_rng(0)
    noisy = source._noisy(0, clean, level, rng).numpy()
    np.testing.assert_allclose(data().system.map(noisy), data().beads[0], atol=1e-5)
    for group in data().system.groups:
        bonds, atoms = group.type.bonds, noisy[group.atoms]
        lengths = np.linalg.norm(atoms[:, bonds[:, 0]] - atoms[:, bonds[:, 1]], axis=-1)
        np.testing.assert_allclose(lengths, np.broadcast_to(group.type.bond_length, lengths.shape), atol=1e-5)


def test_targets_are_true_fragments_next_to_their_beads() -> None:
    """Beads are met exactly, but for level 0, where they are off by the noise that the network is to expect."""
    source = contexts(replace(SCHEDULE, sequential=0.0, sites=200))
    misses = {}
    for step in range(12):
        env, target, _ = source.batch(step)
        free = ~env.fragments.pinned[env.row].any(dim=1)
        miss = torch.einsum("sf,sfx->sx", env.fragments.weight_own[env.row, 0], target)
        misses.setdefault(float(env.noise[0]), []).append(miss[free])
    assert len(misses) > 2
    for level, found in misses.items():
        if level > 0:
            torch.testing.assert_close(torch.cat(found), torch.zeros_like(torch.cat(found)), atol=1e-5, rtol=0)
        else:
            assert float(torch.cat(found).std()) == pytest.approx(BEAD_NOISE, rel=0.15)


@pytest.mark.parametrize("sequential", [0.0, 1.0])
def test_soft_beads_are_off_by_their_softness_in_all_contexts(sequential: float) -> None:
    """Single atoms too: they are drawn about their beads, and would have no density if none were off."""
    source = contexts(replace(SCHEDULE, sequential=sequential, sites=200, softness=0.03))
    found = []
    for step in range(8):
        env, target, _ = source.batch(step)
        whole = env.fragments.weight_own[env.row, 0]
        found.append(torch.einsum("sf,sfx->sx", whole, target)[whole.sum(dim=1) > 0.999])
    miss = torch.cat(found)
    assert float(miss.std()) == pytest.approx(0.03, rel=0.1)
    assert float(miss.norm(dim=1).min()) > 1e-4


def test_sequential_contexts_show_lower_ranks_only() -> None:
    source = contexts(replace(SCHEDULE, sequential=1.0, sites=200))
    ranks = {kind.name: order.ranks for kind, order in zip(
        data().system.types, [DepthFirst(Rooted()).order(k, np.random.default_rng(0)) for k in data().system.types])}
    stages = set()
    for step in range(30):
        env, *_ = source.batch(step)
        tables = env.fragments
        placed = env.context_placed & (tables.context[env.row] >= 0)
        assert torch.equal(placed, tables.available[env.row])
        for row in env.row.tolist():
            kind = tables.types[int(tables.type[row])]
            stages.add((kind.name, int(ranks[kind.name][int(tables.bead[row])])))
    assert stages == {(name, int(rank)) for name, order in ranks.items() for rank in order}


def test_sequential_contexts_of_molecules_of_one_bead_show_some_neighbours() -> None:
    """Colour after colour is drawn: what comes first sees no neighbours, and what comes last sees all of them."""
    water = builders.system((builders.water(), 60))
    windows = [builders.window(water, n_frames=1, seed=100 * k) for k in range(2)]
    learned = TrainingSet.of(water, windows, [300.0, 300.0], [False, True])
    orders = [DepthFirst(Rooted()).order(kind, np.random.default_rng(0)) for kind in water.types]
    library = collect(scenes.scene_of(water, learned.window(np.arange(1))), 4, 0)
    source = Contexts(Material.of(learned, View(), orders, library, 1, "cpu"),
                      replace(SCHEDULE, sequential=1.0, frames=1), seed=1)
    shares = []
    for step in range(200):
        env, *_ = source.batch(step)
        atoms = 3 * int(env.neighbour_beads_present.sum())
        shares.append(int(env.neighbours_placed.sum()) / atoms)
    assert np.quantile(shares, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.15)


def test_hands_of_what_is_not_chiral_are_flipped_at_random() -> None:
    env, *_ = contexts(replace(SCHEDULE, sequential=0.0, sites=300)).batch(0)
    chiral = env.fragments.chiral[env.row]
    assert set(env.sign[~chiral].tolist()) == {1.0, -1.0}
    assert env.sign[chiral].tolist() == env.fragments.sign[env.row][chiral].tolist()


def test_rare_beads_are_trained_more_often() -> None:
    """A chain of 10 like beads: two ends, each trained by the root of its rarity."""
    chain = testing.molecule_type("X", [6] * 10, [(k, k + 1) for k in range(9)], [[k] for k in range(10)])
    np.testing.assert_allclose(bead_rarity(chain), np.sqrt([5, *[10 / 8] * 8, 5]))
    assert np.flatnonzero(bead_rarity(as_one(chain))).tolist() == [0]  # others have nothing to learn


def test_starts_are_projected_templates() -> None:
    starts = material().starts.numpy()
    assert starts.shape == data().atoms.shape
    np.testing.assert_allclose(data().system.map(starts), data().beads, atol=1e-5)


def test_relabelled_molecules_are_the_same_molecules() -> None:
    """Bonds and beads are as before; hydrogens and ring sides have changed places."""
    system, window = scenes.crowd(n_frames=1)
    source = Relabeller(system).draw(np.random.default_rng(0))
    assert sorted(source) == list(range(system.n_atoms))
    assert (source != np.arange(system.n_atoms)).mean() > 0.2
    moved = window.atoms[0][source]
    np.testing.assert_allclose(system.map(moved), window.beads[0], atol=1e-9)
    for group in system.groups:
        element = np.tile(group.type.chemistry.element, (len(group.atoms), 1))
        whole = np.empty(system.n_atoms, dtype=np.int64)
        whole[group.atoms] = element
        np.testing.assert_array_equal(whole[source][group.atoms], element)
        i, j = group.type.bonds.T
        before, after = (np.linalg.norm(x[group.atoms[:, i]] - x[group.atoms[:, j]], axis=2)
                         for x in (window.atoms[0], moved))
        assert np.abs(after - before).max() < 0.02


def test_symmetries_of_small_molecules() -> None:
    """A ring turns over about its bond; the three hydrogens of a methyl are alike; stereo arms are not."""
    found = {tuple(symmetry.atoms.tolist()): len(symmetry.images) for symmetry in relabellings(scenes.phenyl())}
    names = scenes.phenyl().atom_names
    methyl = tuple(names.index(f"H{k}") for k in (1, 2, 3))
    assert found.pop(methyl) == 6
    (ring, images), = found.items()
    assert {names[a] for a in ring} >= {f"C{k}" for k in range(3, 9)}
    assert images == 2
    assert relabellings(builders.chiral()) == []


@pytest.mark.parametrize("sequential", [0.0, 1.0])
def test_mirror_images_are_left_out_on_demand(sequential: float) -> None:
    """What is not chiral keeps the sign of the tables; nothing else of a batch changes."""
    both, one = (contexts(replace(SCHEDULE, sequential=sequential, mirror=mirror)).batch(3) for mirror in (True, False))
    assert one[0].sign.tolist() == one[0].fragments.sign[one[0].row].tolist()
    assert one[0].sign.tolist() != both[0].sign.tolist()
    torch.testing.assert_close(both[1], one[1])


def in_time() -> Material:
    """The same frames one after the other, each of which follows one that is itself, but moved and turned."""
    frames = data()
    turn = Rotation.from_rotvec([0.3, -0.2, 0.5]).as_matrix()
    twice = np.repeat(np.arange(2), 2)
    beads, atoms = frames.beads[twice].copy(), frames.atoms[twice].copy()
    for group in frames.system.groups:  # molecules move as whole ones
        centre = beads[::2, group.beads].mean(axis=2, keepdims=True)
        for places, index in ((beads, group.beads), (atoms, group.atoms)):
            places[::2, index] = (places[::2, index] - centre) @ turn.T + centre + 0.01
    moved = replace(frames, beads=beads, atoms=atoms, boxes=frames.boxes[twice], temperature=frames.temperature[twice],
                    held_out=np.array([False, False, True, True]), before=np.array([-1, 0, -1, 2]))
    library = collect(scenes.scene_of(moved.system, moved.window(np.arange(3))), 4, 0)
    orders = [DepthFirst(Rooted()).order(kind, np.random.default_rng(0)) for kind in moved.system.types]
    return Material.of(moved, View(), orders, library, 1, "cpu", follows=True)


def test_sites_are_told_where_their_atoms_were() -> None:
    """Superposed on the beads that they have now, and with the labels that they have now."""
    source = in_time()
    assert (source.training.tolist(), source.validation.tolist()) == ([1], [3])
    for step in range(6):
        env, target, _ = Contexts(source, replace(SCHEDULE, sequential=step % 2), seed=1).batch(step)
        there = env.atoms >= 0
        off = (env.before[:, :target.shape[1]] - target)[there].norm(dim=1)
        assert float(off.max()) < 0.01  # other labels would be 0.15 nm away


def test_nothing_is_told_to_those_who_do_not_follow() -> None:
    assert contexts().batch(0)[0].before is None
    assert (data().before == -1).all()


def test_training_sets_keep_which_frame_follows_which(tmp_path: Path) -> None:
    frames = in_time().data
    frames.save(tmp_path / "set.safetensors")
    assert TrainingSet.load(tmp_path / "set.safetensors").before.tolist() == [-1, 0, -1, 2]
    tensors, header = store.load(tmp_path / "set.safetensors", "training set")
    del tensors["before"]
    store.save(tmp_path / "old.safetensors", "training set", tensors, {k: header[k] for k in ("types", "blocks")})
    assert TrainingSet.load(tmp_path / "old.safetensors").before.tolist() == [-1] * 4


def test_conclusions_are_of_the_same_sites_always() -> None:
    first, second = (contexts().conclusion(10) for _ in range(2))
    assert torch.equal(first[1], second[1])
    assert first[0].size == 10
