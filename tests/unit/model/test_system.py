"""Systems of several molecule types, and windows."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.errors import BackmapError
from backmap.model.molecule import chain_names
from backmap.model.system import System, Window
from tests import builders


def test_a_type_that_comes_twice_is_one_group_with_the_right_rows() -> None:
    system = builders.system()
    assert [kind.name for kind in system.types] == ["BUT", "SOL", "CHI"]
    butane, water, chiral = system.groups
    assert butane.atom_offset.tolist() == [0, 14, 2 * 14 + 3 * 3 + 2 * 5]
    assert butane.bead_offset.tolist() == [0, 2, 2 * 2 + 3 + 2 * 2]
    assert water.beads.ravel().tolist() == [4, 5, 6]
    rows = np.concatenate([group.atoms.ravel() for group in (butane, water, chiral)])
    assert sorted(rows.tolist()) == list(range(system.n_atoms))
    assert (system.n_molecules, system.n_beads) == (8, 13)


def test_expect_names_what_is_there() -> None:
    system = builders.system()
    system.expect(system.n_beads, "beads", "cg.gro")
    with pytest.raises(BackmapError, match=r"cg\.gro: holds 12 beads, but the topology \(2 BUT, 3 SOL, 2 CHI, 1 BUT\)"):
        system.expect(12, "beads", "cg.gro")


def test_beads_are_named_by_molecule_and_where_it_has_several_by_residue() -> None:
    system = builders.system()
    assert [system.bead_label(bead)[:5] for bead in (0, 2, 4)] == ["BUT 1", "BUT 2", "SOL 3"]
    chain = replace(system.types[0], bead_residues=np.array([4, 5]), bead_residue_names=["STY", "END"],
                    bead_names=["A", "A"])
    assert [System(((chain, 2),)).bead_label(bead) for bead in range(4)] == [
        "BUT 1 STY4 A", "BUT 1 END5 A", "BUT 2 STY4 A", "BUT 2 END5 A"]
    merged = replace(chain, bead_residues=np.array([4, 4]), bead_residue_names=["STY", "STY"])
    assert System(((merged, 1),)).bead_label(1) == "BUT 1 A"
    with pytest.raises(IndexError):
        system.bead_label(system.n_beads)


def test_chains_that_count_anew_are_named() -> None:
    assert chain_names(np.array([1, 2, 1, 2]), ["A", "A", "A", "A"]) == ["chain A ", "chain A ", "chain B ", "chain B "]
    assert chain_names(np.array([1, 2, 1]), ["A", "A", "H"]) == ["", "", ""], "an atom that comes last is no chain"
    assert chain_names(np.array([1, 1, 2]), ["A", "A", "A"]) == ["", "", ""]


def test_map_goes_molecule_by_molecule() -> None:
    system = builders.system()
    atoms = builders.place(system, builders.TRICLINIC)
    beads = system.map(atoms[None])[0]
    for group in system.groups:
        np.testing.assert_allclose(beads[group.beads], group.type.mapping.matrix @ atoms[group.atoms], atol=1e-12)


def test_broken_molecules_become_whole_again() -> None:
    system, box = builders.system(), builders.TRICLINIC
    atoms = builders.place(system, box)
    broken = atoms + np.random.default_rng(3).integers(-1, 2, atoms.shape) @ box
    whole = system.whole_atoms(broken, box)
    for group in system.groups:
        np.testing.assert_allclose(whole[group.atoms] - whole[group.atoms][:, :1],
                                   atoms[group.atoms] - atoms[group.atoms][:, :1], atol=1e-9)


def test_atoms_come_next_to_their_beads() -> None:
    system, box = builders.system(), builders.TRICLINIC
    atoms = builders.place(system, box)
    beads = system.map(atoms)
    moved = system.atoms_near_beads(atoms + np.random.default_rng(3).integers(-1, 2, atoms.shape) @ box, beads, box)
    np.testing.assert_allclose(moved, atoms, atol=1e-9)


def test_wrong_stereo_finds_the_mirrored_molecule() -> None:
    system, box = builders.system(), builders.TRICLINIC
    atoms = np.stack([builders.place(system, box), builders.place(system, box, seed=1)])
    assert not len(system.wrong_stereo(atoms))
    second = system.groups[2].atoms[1]
    atoms[1, second] *= [1, 1, -1]
    (found,) = system.wrong_stereo(atoms).tolist()
    assert found[0] == 1
    assert set(found[1:]) <= set(second.tolist())


def test_a_window_without_a_box_is_not_periodic() -> None:
    window = builders.window(builders.system())
    assert window.box(0) is not None
    window.boxes[1] = 0
    assert window.box(1) is None
    assert window.size == 2


def test_with_atoms_leaves_the_old_window_alone() -> None:
    window = builders.window(builders.system())
    moved = window.with_atoms(window.atoms + 1)
    assert moved.atoms is not window.atoms
    assert moved.beads is window.beads
    assert moved.placed.all()


def test_beads_alone() -> None:
    """Beads of a system as its atoms: names, bonds and masses; nothing finer is left, and nothing is to be drawn."""
    system = builders.system()
    beads = system.as_beads
    assert (beads.n_atoms, beads.n_beads, beads.listed) == (system.n_beads, system.n_beads, system.listed)
    assert beads.only_beads
    assert not system.only_beads
    assert beads.as_beads is beads
    for fine, kind in zip(system.types, beads.types):
        assert kind.given
        assert kind.mapping.is_identity
        assert (kind.atom_names, kind.atom_types) == (fine.bead_names, fine.bead_types)
        assert (kind.residue_names, kind.residues.tolist()) == (fine.bead_residue_names, fine.bead_residues.tolist())
        assert kind.bonds.tolist() == kind.bead_bonds.tolist() == fine.bead_bonds.tolist()
        assert kind.mass.sum() == pytest.approx(fine.mass.sum())
        assert not kind.chemistry.element.any()
    butane = beads.types[0]
    np.testing.assert_allclose(butane.mass, builders.butane().mass.sum() / 2)  # both ends are alike


def test_windows_keep_their_system() -> None:
    system = builders.system()
    window = builders.window(system, n_frames=3)
    window.flags["clash"] = np.zeros((3, system.n_beads), dtype=bool)
    parts = [window.take([k]) for k in range(3)]
    assert all(part.system is system for part in parts)
    assert Window.joined(parts).system is system
    assert window.with_atoms(window.atoms).system is system
    coarse = window.with_beads(window.beads + 1.0, system.as_beads)
    assert coarse.system is system.as_beads
    assert (coarse.atoms, coarse.reference, coarse.residual, coarse.flags) == (None, None, None, {})
    assert coarse.place.tolist() == [0, 1, 2]
    shown = window.as_beads()
    assert shown.system is system.as_beads
    np.testing.assert_array_equal(shown.atoms, window.beads)
    assert shown.placed.all()
    assert list(shown.flags) == ["clash"]
