"""Frames on disk becoming windows."""
from __future__ import annotations

import re

import numpy as np
import pytest

from backmap import api
from backmap.errors import BackmapError
from backmap.model.system import System
from backmap.model.windows import expect_finite, window_of

from ... import builders
from ...toy_plugin import ToyFrames, ToyReader, diatomic


def source(**options: object) -> ToyFrames:
    """What a reader gives, whatever its file holds."""
    return ToyFrames(ToyReader.Options().model_copy(update=options))


def test_window_is_whole_and_reference_is_near_its_beads() -> None:
    system = System(((diatomic(), 3),))

    class Broken(ToyFrames):
        def frame(self, number: int) -> api.FrameInfo:
            """Atoms 0.1 nm to both sides of the beads, wrapped into the box and in another image."""
            beads = super().frame(number).positions[:3]
            atoms = np.repeat(beads, 2, axis=0) + np.tile([[-0.1, 0, 0], [0.1, 0, 0]], (3, 1))
            return api.FrameInfo(atoms % 3.0 + [0, 3.0, 0], np.eye(3) * 3, 0.0)

    window = window_of([0, 4], 5, system, source(points=3), Broken(ToyReader.Options()))
    assert window.frames.tolist() == [0, 4]
    assert window.place.tolist() == [5, 6]
    assert window.time.tolist() == [0.0, 4.0]
    assert window.beads.shape == (2, 3, 3)
    np.testing.assert_allclose(system.map(window.reference), window.beads, atol=1e-12)
    np.testing.assert_allclose(window.reference[0, 1] - window.reference[0, 0], [0.2, 0, 0], atol=1e-12)


@pytest.mark.parametrize(("options", "message"), [
    ({"bad": 4}, "toy.xtc: frame 4: 1 of 3 positions are not numbers, the first is number 1 (counted from 0)"),
    ({"edge": None}, "toy.xtc: frame 4: there is no box, but the system has 3 molecules"),
    ({"edge": 0.0}, "toy.xtc: frame 4: there is no box"),
    ({"edge": 1e-9}, "toy.xtc: frame 4: the box has no volume"),
    ({"edge": 0.1}, "toy.xtc: frame 4: the box is 0.1 nm wide, which no molecule is"),
    ({"edge": float("nan")}, "toy.xtc: frame 4: the box is not made of numbers"),
])
def test_bad_frames(options: dict, message: str) -> None:
    with pytest.raises(BackmapError, match=re.escape(message)):
        window_of([4], 0, System(((diatomic(), 3),)), source(**options), None)


def test_one_molecule_needs_no_box() -> None:
    window = window_of([0], 0, System(((diatomic(), 1),)), source(points=1, edge=None), None)
    assert window.box(0) is None


def ring() -> System:
    """Six carbons, each a bead."""
    atoms, _ = builders.atoms_of("C1CCCCC1", "RING")
    beads = builders.beads_of(atoms, {f"B{k}": {f"C{k}": 12.0} for k in range(1, 7)})
    return System(((builders.molecule_type(atoms, beads), 2),))


@pytest.mark.parametrize("infinite", [False, True])
def test_molecules_that_go_round_the_box_are_refused(infinite: bool) -> None:
    turn = np.arange(6) * np.pi / 3
    round_ = 0.3 * np.column_stack([np.cos(turn), np.sin(turn), 0 * turn])
    along = np.column_stack([np.arange(6) / 6 * 1.2, 0 * turn, 0 * turn])
    box = np.eye(3) * 1.2
    other = along if infinite else round_ + np.array([0.0, 0.0, 0.9])
    beads = np.concatenate([round_ + np.array([0.0, 0.0, 0.3]), other]) % 1.2
    whole = ring().whole_beads(beads, box)
    if not infinite:
        expect_finite(whole, box, ring(), "cg.gro: frame 0")
        return
    with pytest.raises(BackmapError, match=r"^cg.gro: frame 0: RING is bonded to its own image: it goes round the box, "
                                           r"and RING 2 \w+ is bonded to RING 2 \w+ across it\. "):
        expect_finite(whole, box, ring(), "cg.gro: frame 0")


def test_bonds_of_half_a_box_tell_no_images() -> None:
    along = np.zeros((12, 3))
    along[6:, 0] = [0.0, 0.1, 0.2, 0.3, 0.65, 0.9]
    box = np.eye(3) * 1.2
    stretched = along.copy()
    stretched[10, 0] = 0.88  # from 0.3, 0.58 of 1.2
    expect_finite(ring().whole_beads(stretched, box), box, ring(), "cg.gro")
