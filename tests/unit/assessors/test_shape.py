"""End-to-end distance and radius of gyration."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.shape import Shape, ends_of

from backmap.model.system import System
from backmap.model.tally import Tally
from tests import builders

from .scene import molecule, snapshot, values


def test_ends_are_those_of_the_longest_heavy_chain() -> None:
    assert set(ends_of(molecule("CCCCC")[0])[:2]) == {0, 4}
    assert ends_of(molecule("CC(CC(C)C)CCC")[0])[2] == 6
    assert ends_of(molecule("O")[0])[2] == 0


def test_one_molecule_by_hand() -> None:
    kind, positions = molecule("CCCCC", "PEN")
    system = System(((kind, 2),))
    part, tally = Shape(system, 0.05, 0.02), Tally()
    part.measure(snapshot(system, np.concatenate([positions, positions * 1.5 + 3])), tally)
    found = {figure.key: figure for figure in part.conclude(tally, tally).figures}
    ends = np.linalg.norm(positions[4] - positions[0])
    centre = np.average(positions, axis=0, weights=kind.mass)
    gyration = np.sqrt(np.average(((positions - centre) ** 2).sum(axis=1), weights=kind.mass))
    end = found["shape", "end-to-end distance of PEN", "mean"]
    assert (end.value, end.spread) == (pytest.approx(1.25 * ends), pytest.approx(0.25 * ends))
    assert found["shape", "radius of gyration of PEN", "mean"].value == pytest.approx(1.25 * gyration)
    assert found["shape", "radius of gyration of PEN", "JSD"].value == 0


def test_small_molecules_have_no_shape() -> None:
    system = System(((builders.water(), 2),))
    part, tally = Shape(system, 0.05, 0.02), Tally()
    part.measure(snapshot(system, builders.place(system, builders.TRICLINIC)), tally)
    assert values(part.conclude(tally, None)) == {}
