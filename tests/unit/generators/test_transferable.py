"""Weights that belong to no molecule type: what they are told, what they keep, what they refuse and what they doubt."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.generators.equivariant.features import BOND_FEATURES, Description, atom_features
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions
from backmap_plugins.generators.equivariant.transfer import Experience, environments, ranges_of
from backmap_plugins.molecules.assemble import molecule_type

from backmap.engine.checkpoints.library import Library
from backmap.engine.random import Stream
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from tests import builders, scenes

TOLD = Description(bond_orders=True)


def butane() -> MoleculeType:
    kind = builders.butane()
    return replace(kind, bond_length=np.linspace(0.10, 0.16, len(kind.bonds)))


def made(smiles: str, name: str, beads: int = 2) -> MoleculeType:
    """A molecule of all-bonds with rigid bonds, its heavy atoms shared out among beads one after the other."""
    atoms, _ = builders.atoms_of(smiles, name)
    heavy = [a for a, z in enumerate(atoms.element) if z != 1]
    owned = {f"B{k}": {atoms.atom_names[a]: 1 for a in part} for k, part in enumerate(np.array_split(heavy, beads))}
    return molecule_type(atoms, builders.beads_of(atoms, owned), constraints="all-bonds")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network that says it met octane and rings."""
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    torch.manual_seed(0)
    generator = Equivariant(EquivariantOptions(channels=8, width=32, transferable=True))
    system, _ = scenes.crowd()
    generator.study(system)
    generator.save(path, system, Library({}), {})
    return path


def opened(weights: Path) -> Equivariant:
    return Equivariant(EquivariantOptions(checkpoint=weights))


def test_orders_of_bonds_are_told() -> None:
    """Acetamide: carbonyl unsaturated, nitrogen conjugated beside it, methyl neither."""
    amide = made("CC(=O)N", "AMD", beads=1)
    tables = FragmentTable.build([amide], scenes.DEFAULT, [resting_order(amide)])
    plain, told = atom_features(tables), atom_features(tables, TOLD)
    assert torch.equal(told[:, :plain.shape[1]], plain)
    assert told.shape[1] == plain.shape[1] + BOND_FEATURES == TOLD.atom
    heavy = [(0, 0), (0.5, 0), (0.5, 0), (0, 1)]  # C, C(=O), O, N
    assert told[:4, -2:].tolist() == [list(map(float, one)) for one in heavy]
    assert not told[4:, -2:].any()


def test_environments_are_atoms_with_their_neighbours() -> None:
    assert environments(made("CC(=O)N", "AMD"))[:4] == ["C4(C3 H1 H1 H1)", "C3(C4 N3 O1)", "O1(C3)", "N3(C3 H1 H1)"]
    assert "C4@(C*3 C4 F1 H1)" in environments(scenes.phenyl())


def test_ranges_are_those_of_all_molecules() -> None:
    kinds = scenes.octane_system().types[0], scenes.phenyl()
    both, single = ranges_of(kinds, scenes.DEFAULT, TOLD), [ranges_of([one], scenes.DEFAULT, TOLD) for one in kinds]
    for name, (low, high) in both.items():
        assert torch.equal(low, torch.minimum(single[0][name][0], single[1][name][0]))
        assert torch.equal(high, torch.maximum(single[0][name][1], single[1][name][1]))


def test_no_molecule_type_is_kept(weights: Path) -> None:
    generator = opened(weights)
    assert generator.transferable
    assert generator.checkpoint.types == []
    assert generator.experience == Experience.of(scenes.crowd()[0].types)
    assert bool((generator.network.met.ranges["features"][0] <= generator.network.met.ranges["features"][1]).all())


def test_names_do_not_matter(weights: Path) -> None:
    """Neither those of training nor others: draws are the same."""
    system, window = scenes.crowd((scenes.octane_system().types[0], 3), n_frames=1)
    kind = system.types[0]
    other = replace(kind, name="XYZ", atom_names=[f"X{a}" for a in range(kind.n_atoms)],
                    bead_types=["Q"] * kind.n_beads)
    draws = []
    for one in (kind, other):
        generator, named = opened(weights), System(((one, 3),))
        assert generator.prepare(named, "cpu") is named
        assert not generator.doubts
        scene = scenes.scene_of(named, window, generator.view)
        frame, bead = scenes.every_site(scene)
        draws.append(generator.draw(scene.gather(frame, bead), Stream.of(0, frame, bead)))
    assert torch.equal(draws[0].positions, draws[1].positions)
    assert torch.equal(draws[0].log_density, draws[1].log_density)


def test_what_is_bonded_as_nothing_was_is_doubted(weights: Path) -> None:
    """A fluorine on a ring has neighbours that none had; butane's atoms all look like octane's."""
    generator, strange = opened(weights), made("Fc1ccccc1", "FBZ")
    system = System(((butane(), 2), (strange, 2)))
    generator.prepare(system, "cpu")
    assert generator.doubts == [
        "2 of 12 atoms of FBZ are bonded as no atom was where the weights were trained: F1(C*3) as of F1, "
        "C*3(C*3 C*3 F1) as of C1."]
    assert generator.unseen(system) == [strange]


def test_what_has_other_surroundings_two_bonds_around_is_doubted(weights: Path) -> None:
    """A branch, where octane and rings have none: the ends of the chain are like octane's."""
    generator, kind = opened(weights), made("CCC(C)CC", "MPE")
    known = replace(generator.experience, environments=generator.experience.environments | {*environments(kind)})
    assert known.doubt(kind) is None
    assert known.distance(kind) == ("4 of 6 heavy atoms of MPE have surroundings, two bonds around, that no atom had "
                                    "where the weights were trained: C2, C3, C4, C5.")
    assert Experience.of([kind]).distance(kind) is None
    assert Experience.of([made("CCCC(C)CCC", "MHP")]).distance(kind).startswith("2 of 6 heavy atoms")
    assert replace(known, neighbourhoods=frozenset()).distance(kind) is None, "of weights that did not keep them"


@pytest.mark.parametrize(("kind", "said"), [
    (replace(butane(), bond_length=np.full(13, np.nan)), "'BUT' has flexible bonds"),
    (made("CCO", "EOH"), "the weights know no atoms like O1 of 'EOH'")])
def test_what_cannot_be_known_is_refused(weights: Path, kind: MoleculeType, said: str) -> None:
    with pytest.raises(BackmapError, match=said) as caught:
        opened(weights).prepare(System(((kind, 1),)), "cpu")
    assert "\n" not in str(caught.value)
