"""Molecules that training did not meet: drawn on request, with the topology's lengths, or refused in one line."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.generators.equivariant.features import Slots
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions

from backmap.engine.checkpoints.library import collect
from backmap.engine.random import Stream
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System, Window
from tests import builders, scenes


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network that says it was trained on octane and rings, every bond rigid."""
    system, window = scenes.crowd()
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    scenes.tiny().save(path, system, collect(scenes.scene_of(system, window), 4, 0), {})
    return path


def butane() -> MoleculeType:
    """Butane with rigid bonds, which differ in length from bond to bond."""
    kind = builders.butane()
    return replace(kind, bond_length=np.linspace(0.10, 0.16, len(kind.bonds)))


def opened(weights: Path, allowed: bool = True) -> Equivariant:
    return Equivariant(EquivariantOptions(checkpoint=weights, allow_unseen_molecules=allowed))


def mixture(*kinds: MoleculeType) -> tuple[System, Window]:
    system = System(tuple((kind, 3) for kind in kinds))
    atoms = np.concatenate([builders.window(System(((kind, 3),)), n_frames=1).atoms for kind in kinds], axis=1)
    window = builders.window(System(((kinds[0], 3),)), n_frames=1)
    return system, Window(window.frames, window.time, window.boxes, system.map(atoms)).with_atoms(atoms)


def test_a_stranger_is_refused_without_being_asked_for(weights: Path) -> None:
    with pytest.raises(BackmapError, match="the weights know no molecule type 'BUT'"):
        opened(weights, allowed=False).prepare(System(((butane(), 1),)), "cpu")


@pytest.mark.parametrize("allowed", [False, True])
def test_another_molecule_of_a_known_name_is_refused(weights: Path, allowed: bool) -> None:
    with pytest.raises(BackmapError, match="molecule type 'OCT' has other atom names than the one"):
        opened(weights, allowed).prepare(System(((replace(butane(), name="OCT"), 1),)), "cpu")


def test_bonds_that_are_flexible_only_in_the_topology_are_told(weights: Path) -> None:
    system, _ = scenes.crowd()
    kind = system.types[0]
    length = np.where(np.arange(len(kind.bonds)) < 4, np.nan, kind.bond_length)
    generator = opened(weights)
    taught = generator.prepare(System(((replace(kind, bond_length=length), 2),)), "cpu")
    assert generator.remarks == [f"{kind.name}: 4 of {len(kind.bonds)} bonds are flexible by the topology and rigid "
                                 "here, as they were in training"]
    assert np.isfinite(taught.types[0].bond_length).all()
    generator.prepare(System(((replace(kind, bond_length=np.full_like(length, np.nan)), 2),)), "cpu")
    assert generator.remarks == []  # the topology says nothing: as in training


def test_bonds_have_the_lengths_of_the_topology(weights: Path) -> None:
    generator, kind = opened(weights), butane()
    system, window = mixture(kind)
    taught = generator.prepare(system, "cpu")
    np.testing.assert_array_equal(taught.types[0].bond_length, kind.bond_length)
    assert generator.remarks == ["BUT: the weights were trained on other molecules (OCT, PEF); 13 of 13 bonds are "
                                 "rigid, at the lengths of the topology"]
    scene = scenes.scene_of(taught, window, generator.view)
    frame, bead = scenes.every_site(scene)
    env = scene.gather(frame, bead)
    drawn = generator.draw(env, Stream.of(0, frame, bead)).positions[:, 0]
    tables = env.fragments
    local = torch.cat([drawn, env.context.double(), env.beads.double()], dim=1)
    origin = local.gather(1, tables.reference[env.row][:, :, 0, None].expand(-1, -1, 3))
    rigid = env.block & tables.length[env.row].isfinite()
    assert int(rigid.sum()) >= 3 * 12
    torch.testing.assert_close((drawn - origin).norm(dim=2)[rigid], tables.length[env.row][rigid].double(),
                               atol=1e-6, rtol=0)


def test_a_parallel_start_has_conformers_for_strangers(weights: Path) -> None:
    generator = opened(weights)
    system = System(((butane(), 2), (scenes.phenyl(), 1)))
    starter = generator.starter()
    starter.prepare(generator.prepare(system, "cpu"), "cpu")
    assert set(starter.library.types) == {"OCT", "PEF", "BUT"}
    assert generator.starter().library.types["BUT"] is starter.library.types["BUT"]  # embedded once


def test_molecules_of_training_are_drawn_as_ever(weights: Path) -> None:
    """Although strangers are about."""
    kinds = scenes.octane_system().types[0], scenes.phenyl()
    system, window = scenes.crowd((kinds[0], 2), (kinds[1], 2), n_frames=1)
    usual, other = opened(weights, allowed=False), opened(weights)
    usual.prepare(system, "cpu")
    other.prepare(System((*system.blocks, (butane(), 1))), "cpu")
    scene = scenes.scene_of(system, window)
    frame, bead = scenes.every_site(scene)
    env = scene.gather(frame, bead)
    first, second = (one.draw(env, Stream.of(0, frame, bead)) for one in (usual, other))
    assert torch.equal(first.positions, second.positions)
    assert torch.equal(first.log_density, second.log_density)


def slots_of(*kinds: MoleculeType) -> Slots:
    return Slots.of_tables(FragmentTable.build(kinds, scenes.DEFAULT, [resting_order(kind) for kind in kinds]))


def test_nothing_is_told_that_was_not_met() -> None:
    """Octane has neither hands nor rings: a chiral ring looks like it to a network that saw nothing else."""
    octane, ring = slots_of(scenes.octane_system().types[0]), slots_of(scenes.phenyl())
    seen = ring.within(octane.ranges())
    for name in ("features", "target_features", "surrounding_features", "bead_features"):
        told, known = getattr(seen, name), getattr(octane, name)
        assert bool((told >= known.amin(0)).all())
        assert bool((told <= known.amax(0)).all())
        assert not torch.equal(told, getattr(ring, name))
        assert torch.equal(getattr(octane.within(octane.ranges()), name), known)
    assert torch.equal(seen.of, ring.of)


@pytest.mark.parametrize(("kind", "said"), [
    (replace(butane(), bond_length=np.full(13, np.nan)), r"bond C1-H1 of 'BUT' has no rigid length"),
    (builders.water(), "the weights know no atoms like O1 of 'SOL'")])
def test_what_cannot_be_known_is_refused(weights: Path, kind: MoleculeType, said: str) -> None:
    with pytest.raises(BackmapError, match=said) as caught:
        opened(weights).prepare(System(((kind, 1),)), "cpu")
    assert "\n" not in str(caught.value)
