"""Files of tensors: whole or not there, of one kind, and one clear error for everything else."""
from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions
from backmap_plugins.learning.dataset import TrainingSet
from safetensors.torch import save_file

from backmap.engine.checkpoints import store
from backmap.engine.checkpoints.checkpoint import KIND, Checkpoint
from backmap.engine.checkpoints.library import Library, collect
from backmap.engine.random import Stream
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.rigid import Dependence, Dependents, FixedDistances
from backmap.model.system import System
from tests import builders, scenes

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([True, False]), "c": torch.tensor(3)}


def assert_same_type(found: MoleculeType, expected: MoleculeType) -> None:
    for field in fields(MoleculeType):
        here, there = getattr(found, field.name), getattr(expected, field.name)
        if field.name in ("chemistry", "mapping", "held", "dependents", "planar"):
            for part in fields(here):
                if part.name != "share":  # how much of an atom a bead has is read anew with the mapping
                    np.testing.assert_array_equal(getattr(here, part.name), getattr(there, part.name))
        elif field.name == "bead_terms":
            assert [(term.name, term.beads.tolist()) for term in here] == [
                (term.name, term.beads.tolist()) for term in there]
        else:
            np.testing.assert_array_equal(here, there)


class TestStore:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        store.save(tmp_path / "deep" / "x.safetensors", "thing", TENSORS, {"n": 3, "names": ["ä", "b"]})
        return tmp_path / "deep" / "x.safetensors"

    def test_round_trip(self, path: Path) -> None:
        tensors, header = store.load(path, "thing")
        assert {name: t.tolist() for name, t in tensors.items()} == {name: t.tolist() for name, t in TENSORS.items()}
        assert (header["n"], header["names"], header["kind"]) == (3, ["ä", "b"], "thing")

    def test_nothing_else_is_left_in_the_folder(self, path: Path) -> None:
        store.save(path, "thing", TENSORS, {})
        assert [p.name for p in path.parent.iterdir()] == [path.name]

    def test_another_kind(self, path: Path) -> None:
        with pytest.raises(BackmapError, match=r"x.safetensors: is a thing file, but a checkpoint file is needed here"):
            store.load(path, "checkpoint")

    def test_a_file_that_is_not_ours(self, tmp_path: Path) -> None:
        save_file(TENSORS, tmp_path / "y.safetensors")
        with pytest.raises(BackmapError, match=r"y.safetensors: is not a file that backmap wrote, but a thing file"):
            store.load(tmp_path / "y.safetensors", "thing")

    @pytest.mark.parametrize("keep", [0, 5, 60, -1])
    def test_a_truncated_file(self, path: Path, keep: int) -> None:
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(BackmapError, match=r"x.safetensors: is not a checkpoint that backmap wrote"):
            store.load(path, "thing")

    @pytest.mark.parametrize("content", [b"hello\n", b"PK\x03\x04" + b"\0" * 200, b"\x80\x04K\x01."])
    def test_no_tensors_at_all(self, tmp_path: Path, content: bytes) -> None:
        """Text, a zip as torch.save writes it, a pickle."""
        (tmp_path / "weights.pt").write_bytes(content)
        with pytest.raises(BackmapError, match=r"weights.pt: is not a checkpoint that backmap wrote"):
            store.load(tmp_path / "weights.pt", "thing")

    def test_no_file_and_no_file_but_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(BackmapError, match=r"z.safetensors: no such file"):
            store.load(tmp_path / "z.safetensors", "thing")
        with pytest.raises(BackmapError, match=r"is a folder, not a file"):
            store.load(tmp_path, "thing")

    RIGID = replace(builders.water(), name="RIGID", held=FixedDistances.of([(1, 2)], [0.15]),
                    dependents=Dependents.of([Dependence.average(2, [0, 1], [0.7, 0.3])]))

    @pytest.mark.parametrize("kind", [builders.butane(), builders.water(), scenes.phenyl(), RIGID],
                             ids=lambda kind: kind.name)
    def test_molecule_types(self, tmp_path: Path, kind: MoleculeType) -> None:
        tensors, entry = store.pack_type(kind, "type0")
        store.save(tmp_path / "t.safetensors", "thing", tensors, {"type": entry})
        tensors, header = store.load(tmp_path / "t.safetensors", "thing")
        assert_same_type(store.unpack_type(tensors, header["type"], "type0"), kind)


@cache
def crowd() -> tuple[System, Library]:
    system, window = scenes.crowd()
    return system, collect(scenes.scene_of(system, window), 4, 0)


class TestCheckpoint:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        system, library = crowd()
        scenes.tiny().save(tmp_path / "weights.safetensors", system, library, {"steps": 7})
        return tmp_path / "weights.safetensors"

    def test_round_trip(self, path: Path) -> None:
        system, library = crowd()
        found = Checkpoint.load(path, "equivariant")
        assert (found.generator, found.training, found.view.cutoff) == ("equivariant", {"steps": 7}, 0.8)
        assert len(found.types) == 2
        for here, there in zip(found.types, system.types):
            assert_same_type(here, there)
            assert found.library.types[here.name].own.equal(library.types[here.name].own)
            assert found.library.types[here.name].beads.nan_to_num().equal(
                library.types[here.name].beads.nan_to_num())

    def test_draws_are_the_same_after_it(self, path: Path) -> None:
        system, window = scenes.crowd()
        again = Equivariant(EquivariantOptions(checkpoint=path))
        taught = again.prepare(system, "cpu")
        scene = scenes.scene_of(system, window)
        frame, bead = scenes.every_site(scene)
        draws = [generator.draw(scene.gather(frame, bead), Stream.of(0, frame, bead))
                 for generator in (scenes.tiny(), again)]
        assert draws[0].positions.equal(draws[1].positions)
        assert draws[0].log_density.equal(draws[1].log_density)
        assert again.starter().library.types.keys() == {"OCT", "PEF"}
        for here, there in zip(taught.types, system.types):
            assert_same_type(here, there)

    def test_the_weights_of_another_generator(self, path: Path) -> None:
        with pytest.raises(BackmapError, match=r"holds weights of the generator 'equivariant', not of 'other'. Use "):
            Checkpoint.load(path, "other")

    def test_a_training_set_is_no_checkpoint(self, tmp_path: Path) -> None:
        data = training_set()
        data.save(tmp_path / "training.safetensors")
        with pytest.raises(BackmapError, match="is a training set file, but a checkpoint file is needed"):
            Equivariant(EquivariantOptions(checkpoint=tmp_path / "training.safetensors"))

    def enriched(self, path: Path, **changes: object) -> System:
        kind = crowd()[0].types[1]
        return Checkpoint.load(path).enrich(System(((replace(kind, **changes), 3),)))

    def test_lengths_and_signs_come_from_training(self, path: Path) -> None:
        kind = crowd()[0].types[1]
        plain = replace(kind.chemistry, sign=np.zeros_like(kind.chemistry.sign))
        found = self.enriched(path, bond_length=np.full(len(kind.bonds), np.nan), chemistry=plain)
        assert found.n_molecules == 3
        assert_same_type(found.types[0], kind)

    def test_a_sign_that_is_known_stays(self, path: Path) -> None:
        kind = crowd()[0].types[1]
        other = replace(kind.chemistry, sign=-kind.chemistry.sign)
        assert self.enriched(path, chemistry=other).types[0].chemistry.sign.tolist() == (-kind.chemistry.sign).tolist()

    def test_other_molecules_are_refused(self, path: Path) -> None:
        kind = crowd()[0].types[1]
        mapping = kind.mapping
        for changes, message in (
                ({"name": "NEW"}, r"weights.safetensors: the weights know no molecule type 'NEW'. They know: OCT, PEF"),
                ({"atom_names": ["X", *kind.atom_names[1:]]}, "molecule type 'PEF' has other atom names than the one"),
                ({"bonds": kind.bonds[::-1]}, "molecule type 'PEF' has other bonds than the one"),
                ({"bead_names": ["A", "B", "C"]}, "molecule type 'PEF' has other bead names than the one"),
                ({"mapping": replace(mapping, owner=mapping.owner[::-1])}, "has other owners than the one"),
                ({"mapping": replace(mapping, weight=np.full_like(mapping.weight, 0.1))},
                 "molecule type 'PEF' is mapped with other weights than in training")):
            with pytest.raises(BackmapError, match=message):
                self.enriched(path, **changes)

    def test_kinds_are_named_in_the_file(self, path: Path) -> None:
        assert store.load(path, KIND)[1]["kind"] == "checkpoint"


def training_set(n_frames: int = 3) -> TrainingSet:
    """Octane of the recipe, its molecules projected onto rigid bonds."""
    system, window = scenes.octane_window(n_frames)
    windows = [scenes.part_of(window, [k]) for k in range(n_frames)]
    return TrainingSet.of(system, windows, [350.0] * n_frames, [False] * (n_frames - 1) + [True])


class TestTrainingSet:
    def test_round_trip(self, tmp_path: Path) -> None:
        data = training_set()
        data.save(tmp_path / "t.safetensors")
        found = TrainingSet.load(tmp_path / "t.safetensors")
        for name in ("beads", "atoms", "boxes", "temperature", "held_out"):
            np.testing.assert_array_equal(getattr(found, name), getattr(data, name))
        assert [count for _, count in found.system.blocks] == [64]
        assert_same_type(found.system.types[0], data.system.types[0])

    def test_a_type_that_comes_up_twice_is_kept_once(self, tmp_path: Path) -> None:
        octane, ring = crowd()[0].types
        system, window = scenes.crowd((octane, 1), (ring, 1), (octane, 2), n_frames=1)
        TrainingSet.of(system, [window], [300.0], [False]).save(tmp_path / "t.safetensors")
        found = TrainingSet.load(tmp_path / "t.safetensors").system
        assert [(kind.name, count) for kind, count in found.blocks] == [("OCT", 1), ("PEF", 1), ("OCT", 2)]
        assert len(found.types) == 2

    def test_frames_are_put_on_the_manifold(self) -> None:
        """The beads are those of the frames, the bonds are rigid beyond the rounding of the file."""
        data = training_set()
        kind, group = data.system.types[0], data.system.groups[0]
        atoms = data.atoms[:, group.atoms]
        lengths = np.linalg.norm(atoms[:, :, kind.bonds[:, 0]] - atoms[:, :, kind.bonds[:, 1]], axis=-1)
        np.testing.assert_allclose(lengths, np.broadcast_to(kind.bond_length, lengths.shape), atol=1e-6)
        np.testing.assert_allclose(data.system.map(data.atoms), data.beads, atol=1e-6)
        assert np.abs(data.atoms - scenes.octane_window(3)[1].atoms).max() < 0.003
