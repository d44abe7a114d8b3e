"""Hands along chains by sequences of dyads."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.chemistry.stereochains import chains_of
from backmap_plugins.molecules.tacticity import DyadSequence, told_by_sequences

from backmap.errors import BackmapError
from backmap.model.isomers import handedness
from backmap.model.system import System
from tests import polystyrene


def unknown() -> System:
    """The chains of the recipe, ten monomers each, without hands."""
    kind, count = polystyrene.melt().system.blocks[0]
    return System(((kind.with_signs(np.zeros_like(kind.chemistry.sign), sources=()), count),))


@pytest.mark.parametrize("dyads", ["r", "rrrrrrrr", {"A": "r"}])
def test_racemo_chains_are_those_of_the_reference(dyads: object) -> None:
    """The chains of the recipe are syndiotactic, and which hand comes first is that of their atoms."""
    melt = polystyrene.melt()
    kind = melt.system.types[0]
    atoms = melt.atoms[0][melt.system.groups[0].atoms]
    first = "+" if handedness(atoms, chains_of(kind)[0].centres)[0, 0] > 0 else "-"
    found = told_by_sequences(unknown(), {kind.name: DyadSequence(dyads=dyads, first=first)}, "here").types[0]
    np.testing.assert_array_equal(found.chemistry.sign, handedness(atoms, found.chemistry.centres)[0])
    assert found.isomer_sources == ("9 stereocentres by tacticity",)


def test_meso_dyads_keep_the_hand_along_the_chain() -> None:
    kind = told_by_sequences(unknown(), {"PS": DyadSequence(dyads="mrmmrmmm", first="-")}, "here").types[0]
    rows = {row[0]: sign for row, sign in zip(kind.chemistry.centres.tolist(), kind.chemistry.sign.tolist())}
    other = told_by_sequences(unknown(), {"PS": DyadSequence(dyads="m", first="-")}, "here").types[0]
    isotactic = {row[0]: sign for row, sign in zip(other.chemistry.centres.tolist(), other.chemistry.sign.tolist())}
    along = [rows[c] * isotactic[c] for c in chains_of(kind)[0].centres[:, 0].tolist()]
    assert along == [1, 1, -1, -1, -1, 1, 1, 1, 1]


@pytest.mark.parametrize(("name", "dyads", "problem"), [
    ("PX", "r", "here: 'PX' is no molecule type. Known: PS."),
    ("PS", "rmr", "here.PS.dyads: 'rmr' is no sequence of 8 dyads. Write 8 letters m and r, or one for all of them."),
    ("PS", "rmrmrmrx", "here.PS.dyads: 'rmrmrmrx' is no sequence of 8 dyads. Write 8 letters m and r, or one for all "
     "of them."),
    ("PS", {"B": "r"}, "here.PS.dyads: beads of type 'A' lie between stereocentres of 'PS', and nothing is said of "
     "them. Name them, m or r.")])
def test_sequences_that_do_not_fit(name: str, dyads: object, problem: str) -> None:
    with pytest.raises(BackmapError) as raised:
        told_by_sequences(unknown(), {name: DyadSequence(dyads=dyads, first="+")}, "here")
    assert str(raised.value) == problem
