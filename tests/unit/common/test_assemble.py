"""Systems from topology and mapping, and what frames tell about them."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.common.assemble import assemble, molecule_type, rigid_lengths, signed, unsigned_centres

from backmap.api import AtomTopology
from backmap.errors import BackmapError
from backmap.model.system import System
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
