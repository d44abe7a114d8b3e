"""Candidates of another isomer are outside of the target, in whichever fragment their atoms are."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from backmap_plugins.molecules.assemble import molecule_type

from backmap.engine.metropolis.blocks import BlockTable
from backmap.model.isomers import CIS, EITHER, TRANS
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from tests import builders, scenes


def right(kind: MoleculeType, shape: np.ndarray) -> np.ndarray:
    """Of each fragment, whether its atoms and their partners at ``shape`` (A, 3) are the right isomer."""
    table = BlockTable.of(scenes.tables_of(System(((kind, 1),))))
    atoms = torch.cat([table.fragments.atoms, table.partners], dim=1)
    local = torch.as_tensor(shape)[atoms.clamp_min(0)][:, None]
    return table.right(torch.arange(len(atoms)), local)[:, 0].numpy()


def test_centres_of_the_wrong_hand() -> None:
    kind, shape = builders.chiral(), builders.conformation(builders.chiral())
    assert right(kind, shape).tolist() == [True, True]
    assert right(kind, shape * [1, 1, -1]).tolist() == [False, False]  # both fragments have an arm
    assert right(kind.with_signs(np.zeros(1, dtype=np.int64)), shape * [1, 1, -1]).tolist() == [True, True]


@pytest.mark.parametrize("side", [CIS, EITHER, TRANS])
def test_planar_bonds_on_the_wrong_side(side: int) -> None:
    atoms, shape = builders.atoms_of("CC/C=C\\CC", "HEX")
    halves = [dict.fromkeys(names, 1.0) for names in (("C1", "C2", "C3"), ("C4", "C5", "C6"))]
    kind = molecule_type(atoms, builders.beads_of(atoms, {"A1": halves[0], "A2": halves[1]}))
    kind = kind.with_signs(kind.chemistry.sign, np.array([side]))
    assert right(kind, shape).tolist() == [side != TRANS] * 2
