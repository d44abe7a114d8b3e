"""What a plan follows from."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from backmap.starting.plan import turns
from tests.unit.assessors.scene import molecule


def test_molecules_of_one_bead_turn_whether_their_bonds_are_rigid_or_springs() -> None:
    kind, positions = molecule("CO")
    rigid = np.linalg.norm(positions[kind.bonds[:, 0]] - positions[kind.bonds[:, 1]], axis=1)
    assert turns(kind)
    assert turns(replace(kind, bond_length=rigid))
    assert not turns(replace(kind, given=True))
