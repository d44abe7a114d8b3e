"""A bond through a ring is found wherever it is, and nothing else is."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.rings import Rings
from scipy.spatial.transform import Rotation

from backmap.engine.rings import crosses
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import builders

from .scene import molecule, snapshot

BOX = builders.TRICLINIC


def hexagon(radius: float = 0.14) -> np.ndarray:
    turn = np.arange(6) * np.pi / 3
    return np.column_stack([np.cos(turn), np.sin(turn), np.zeros(6)]) * radius


@pytest.mark.parametrize(("x", "y", "through"), [(0.0, 0.0, True), (0.05, 0.02, True), (0.13, 0.0, True),
                                                 (0.15, 0.0, False), (0.0, 0.125, False), (-0.07, 0.0, True)])
def test_a_segment_and_a_flat_ring(x: float, y: float, through: bool) -> None:
    """The ring's corners are at 0.14 nm and the middles of its bonds at 0.121 nm; the first is on a diagonal."""
    start, end = np.array([x, y, -0.07]), np.array([x, y, 0.07])
    for shift in range(6):
        ring = np.roll(hexagon(), shift, axis=0)
        for corners in (ring, ring[::-1].copy()):
            assert crosses(start, end, corners) == through
            assert crosses(end, start, corners) == through


def test_a_segment_that_ends_before_the_ring_is_not_through() -> None:
    assert not crosses(np.array([0, 0, 0.01]), np.array([0, 0, 0.15]), hexagon())


def test_random_segments_through_a_flat_ring_as_its_polygon_says() -> None:
    rng = np.random.default_rng(5)
    turn = Rotation.random(rng=rng)
    inside = 0
    for _ in range(2000):
        start, end = rng.uniform(-0.3, 0.3, (2, 3))
        share = start[2] / (start[2] - end[2])
        x, y, _ = start + share * (end - start)
        angles = np.arange(6) * np.pi / 3 + np.pi / 6
        expected = bool(0 <= share <= 1 and (np.cos(angles) * x + np.sin(angles) * y < 0.14 * np.sqrt(3) / 2).all())
        assert crosses(turn.apply(start), turn.apply(end), turn.apply(hexagon())) == expected
        inside += expected
    assert inside > 100


def ring_and_rod(offset: np.ndarray) -> tuple[System, np.ndarray]:
    """Benzene and ethane; the C-C bond of ethane is normal to the ring, ``offset`` (3,) from its centre."""
    benzene, flat = molecule("c1ccccc1", "BEN")
    ethane, rod = molecule("CC", "ETH")
    flat = flat - flat[:6].mean(axis=0)
    normal = np.linalg.svd(flat[:6])[2][2]
    axis = rod[1] - rod[0]
    turn, _ = Rotation.align_vectors(normal[None], axis[None])
    rod = turn.apply(rod - rod[:2].mean(axis=0)) + offset
    return System(((benzene, 1), (ethane, 1))), np.concatenate([flat, rod])


@pytest.mark.parametrize("shift", [np.zeros(3), BOX[0], -BOX[1] + BOX[2], BOX.sum(axis=0) * 2])
def test_a_bond_through_a_ring_counts_in_every_image(shift: np.ndarray) -> None:
    system, atoms = ring_and_rod(shift)
    part, tally = Rings(system), Tally()
    flags = part.measure(snapshot(system, atoms, BOX), tally)
    assert tally.rows("rings pierced").tolist() == [[1.0]]
    assert flags["ring_pierced"].tolist() == [True, True]
    (figure,) = part.conclude(tally, None).figures
    assert (figure.value, figure.ideal) == (1.0, 0.0)


def test_molecules_side_by_side_and_rings_by_themselves_are_whole() -> None:
    system, atoms = ring_and_rod(np.array([1.0, 0.0, 0.0]))
    part, tally = Rings(system), Tally()
    for box in (BOX, None):
        assert not part.measure(snapshot(system, atoms, box), tally)["ring_pierced"].any()
    naphthalene, positions = molecule("Cc1ccc2ccccc2c1", "NAP")
    alone = System(((naphthalene, 1),))
    assert not Rings(alone).measure(snapshot(alone, positions), Tally())["ring_pierced"].any()


def test_without_rings_there_is_nothing_to_say() -> None:
    kind, positions = molecule("CCC")
    system = System(((kind, 1),))
    part, tally = Rings(system), Tally()
    assert part.measure(snapshot(system, positions), tally) == {}
    assert part.conclude(tally, None).figures == []
