"""Systems from topology and mapping, and what frames tell about them."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.generators.template.generator import Template, TemplateOptions
from backmap_plugins.molecules.assemble import (
    assemble,
    chirality_patterns,
    molecule_type,
    rigid_lengths,
    signed,
    unsigned_centres,
)
from backmap_plugins.molecules.isomers import told_by_atoms
from backmap_plugins.steps.forward import Forward
from backmap_plugins.traversals import DepthFirst

from backmap.api import AtomTopology, State
from backmap.errors import BackmapError
from backmap.model.isomers import handedness
from backmap.model.molecule import merged
from backmap.model.rigid import FixedDistances
from backmap.model.system import System, Window
from tests import builders


def _topology(**changes: object) -> tuple[AtomTopology, dict]:
    atoms, _ = builders.atoms_of("CCCC", "BUT")
    atoms = replace(atoms, **changes)
    beads = builders.beads_of(atoms, {"E1": {"C1": 1, "C2": 1}, "E2": {"C3": 1, "C4": 1}})
    return AtomTopology({"BUT": atoms}, [("BUT", 3)], "top.top"), {"BUT": beads}


def test_counts_come_from_the_topology_or_the_caller() -> None:
    topology, beads = _topology()
    assert assemble(topology, beads).n_molecules == 3
    assert assemble(topology, beads, molecules={"BUT": 5}).n_molecules == 5
    with pytest.raises(BackmapError, match=r"does not say how many .*`molecules: \{BUT: 1\}`"):
        assemble(replace(topology, blocks=[]), beads)
    with pytest.raises(BackmapError, match="'BUTT' is no molecule type"):
        assemble(topology, beads, molecules={"BUTT": 5})


def test_every_molecule_needs_a_mapping() -> None:
    topology, _ = _topology()
    with pytest.raises(BackmapError, match="molecule type 'BUT' has no mapping"):
        assemble(topology, {})


def test_which_bonds_are_rigid() -> None:
    topology, beads = _topology()
    lengths = {name: assemble(topology, beads, constraints=name).types[0].bond_length
               for name in ("none", "reference", "h-bonds", "all-bonds")}
    assert np.isnan(lengths["none"]).all()
    assert np.isnan(lengths["reference"]).all()
    assert np.isfinite(lengths["h-bonds"]).sum() == 10
    np.testing.assert_array_equal(lengths["all-bonds"], topology.types["BUT"].bond_length)


def test_a_rigid_bond_needs_a_length() -> None:
    topology, beads = _topology(bond_length=np.full(13, np.nan))
    with pytest.raises(BackmapError, match="bond C1-C2 of 'BUT' should be rigid"):
        assemble(topology, beads, constraints="all-bonds")


def test_distances_that_are_held_are_rigid() -> None:
    topology, beads = _topology(held=FixedDistances.of([(0, 2)], [0.25]))
    assert assemble(topology, beads).types[0].rigid.pairs.tolist() == [[0, 2]]
    assert not len(assemble(topology, {}, given={"BUT"}).types[0].rigid)


def test_given_owners_win_and_are_checked() -> None:
    topology, beads = _topology()
    owner = np.array([0, 0, 0, 1] + [1] * 10)
    assert assemble(topology, beads, owners={"BUT": owner}).types[0].mapping.owner.tolist() == owner.tolist()
    with pytest.raises(BackmapError, match="atom 5 is given to bead 3"):
        assemble(topology, beads, owners={"BUT": np.array([0, 0, 0, 1, 2] + [1] * 9)})
    with pytest.raises(BackmapError, match="owners are given for 2 atoms of 14"):
        assemble(topology, beads, owners={"BUT": np.array([0, 0])})


def test_bonds_that_do_not_vary_are_rigid() -> None:
    """Rounded C-C bonds of one type but two lengths stay apart; C-H bonds vibrate."""
    atoms, positions = builders.atoms_of("CCCC", "BUT")
    kind = molecule_type(atoms, builders.beads_of(atoms, {"A": {"C1": 1}}))
    rng = np.random.default_rng(0)
    copies = np.tile(positions, (400, 1, 1)) + rng.random((400, 1, 3))
    hydrogens = atoms.element == 1
    copies[:, hydrogens] += rng.normal(scale=0.003, size=(400, int(hydrogens.sum()), 3))
    found = rigid_lengths(System(((kind, 400),)), np.round(copies, 3).reshape(1, -1, 3)).types[0].bond_length
    carbon = (atoms.element[atoms.bonds] == 6).all(axis=1)
    assert np.isnan(found[~carbon]).all()
    np.testing.assert_allclose(found[carbon], atoms.bond_length[carbon], atol=2e-4)


def test_no_frames_change_nothing() -> None:
    system = builders.system()
    same = rigid_lengths(system, np.empty((0, system.n_atoms, 3)))
    assert [np.isfinite(kind.bond_length).sum() for kind in same.types] == [0, 2, 0]


def test_signs_that_differ_are_counted() -> None:
    system = System(((builders.chiral(), 2),))
    atoms = builders.place(system, builders.TRICLINIC)
    assert unsigned_centres(signed(system, atoms[None])) == {}
    atoms[5:] *= [1, 1, -1]
    assert unsigned_centres(signed(system, atoms[None])) == {"CHI": 1}


#: Four stereoisomers of 2,4-difluoropentane; both centres, either hand.
ISOMERS = [f"C[C{a}H](F)C[C{b}H](F)C" for a in ("@", "@@") for b in ("@", "@@")]


def _atactic(copies: list[int]) -> tuple[System, np.ndarray]:
    """Isomers in a row, as one molecule type that does not know any hand, and their atoms (A, 3), nm."""
    atoms, _ = builders.atoms_of(ISOMERS[0], "DFP")
    beads = builders.beads_of(atoms, {"A1": {"C1": 12, "C2": 12, "F1": 19}, "M1": {"C3": 12},
                                      "A2": {"C4": 12, "C5": 12, "F2": 19}})
    kind = molecule_type(atoms, beads, constraints="all-bonds")
    shapes = [builders.atoms_of(ISOMERS[copy], "DFP")[1] for copy in copies]
    return System(((kind, len(copies)),)), np.concatenate(
        [shape + np.array([1.5 * k, 0, 0]) for k, shape in enumerate(shapes)])


def test_every_copy_keeps_its_own_hands() -> None:
    copies = [0, 1, 1, 3, 0, 2]
    system, atoms = _atactic(copies)
    assert unsigned_centres(signed(system, atoms[None])) == {"DFP": 2}
    known = told_by_atoms(system, atoms, "aa.gro")[0]
    assert known.listed == "6 DFP"
    assert [count for _, count in known.blocks] == [1, 2, 1, 1, 1]
    assert chirality_patterns(known) == {"DFP": 4}
    assert not len(known.wrong_stereo(atoms[None]))
    _, mirrored = _atactic([0, 1, 2, 3, 0, 2])
    assert {*known.wrong_stereo(mirrored[None])[:, 1] // 17} == {2}
    (single,) = merged(known.types)
    assert single.chemistry.sign.tolist() == [0, 0]
    assert merged(system.types) == system.types


def test_copies_that_agree_stay_one_type() -> None:
    system, atoms = _atactic([2, 2, 2])
    known = told_by_atoms(system, atoms, "aa.gro")[0]
    assert len(known.types) == 1
    assert known.types[0].chemistry.sign.all()


def test_types_that_differ_in_hands_share_rigid_lengths() -> None:
    system, atoms = _atactic([0, 1, 2, 3])
    lengths = [kind.bond_length for kind in rigid_lengths(told_by_atoms(system, atoms, "aa.gro")[0], atoms[None]).types]
    for other in lengths[1:]:
        np.testing.assert_array_equal(other, lengths[0])


def test_atactic_molecules_are_drawn_with_the_hands_that_they_have() -> None:
    """Idealised templates know one pattern; the others are mirrored into place."""
    copies = [0, 1, 2, 3, 1, 2, 0, 3]
    system, atoms = _atactic(copies)
    known = told_by_atoms(system, atoms, "aa.gro")[0]
    box = np.diag([12.0, 6.0, 6.0])
    window = Window(np.arange(1), np.zeros(1), box[None], known.map(atoms[None]), system=known)
    state = State(Path(), Path(), 3, "cpu", log=lambda line: None, system=known)
    step = Forward(Forward.Options(generator=Template(TemplateOptions(conformers=4)),
                                   traversal=DepthFirst(DepthFirst.Options())))
    step.start(state)
    made = step.frames(replace(window, system=state.system), state)
    assert not made.flags["chirality"].any()
    centres, true = system.types[0].chemistry.centres, atoms.reshape(len(copies), -1, 3)
    np.testing.assert_array_equal(handedness(made.atoms[0].reshape(true.shape), centres), handedness(true, centres))


def test_atoms_that_are_beads_are_given() -> None:
    topology, beads = _topology()
    system = assemble(topology, {}, given={"BUT"}, constraints="all-bonds")
    (kind,) = system.types
    assert kind.given
    assert kind.bead_names == kind.atom_names
    assert np.isnan(kind.bond_length).all()
    positions = np.random.default_rng(1).random((system.n_atoms, 3))
    np.testing.assert_array_equal(system.map(positions), positions)
    assert not assemble(topology, beads).types[0].given
    with pytest.raises(BackmapError, match=r"'BUT' has no mapping.*that topology names under 'exclude' or 'fixed'"):
        assemble(topology, {})
    assert assemble(topology, {}, left_out={"BUT"}).n_atoms == 0
