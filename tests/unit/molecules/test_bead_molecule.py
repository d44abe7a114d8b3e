"""Molecules of beads: their masses, and names that a mapping can tell apart."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.molecules.bead_molecule import BeadMolecule

from backmap.errors import BackmapError
from tests import builders


def test_masses_of_elements_are_no_masses_of_beads() -> None:
    """A topology of beads without masses: B is not boron."""
    atoms, _ = builders.atoms_of("CC", "ETH")
    guessed = BeadMolecule.of_topology(atoms)
    assert not guessed.weighed
    assert set(guessed.mass.tolist()) == {1.0}
    weighed = BeadMolecule.of_topology(replace(atoms, mass=np.full(len(atoms.mass), 72.0)))
    assert weighed.weighed
    assert set(weighed.mass.tolist()) == {72.0}


def test_names_that_a_mapping_cannot_tell_apart() -> None:
    atoms, _ = builders.atoms_of("CC", "ETH")
    with pytest.raises(BackmapError, match="8 beads of one residue are called '1:ETH:P'"):
        BeadMolecule.of_topology(replace(atoms, atom_names=["P"] * 8)).labels()
