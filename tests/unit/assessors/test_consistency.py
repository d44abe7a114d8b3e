"""Atoms mapped back to beads, against the beads."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.assessors.consistency import Consistency, bead_classes

from backmap.model.sampling import Sampled
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import builders

from .scene import measured, snapshot, values

BOX = builders.TRICLINIC


def begun(system: System, **options) -> Consistency:
    assessor = Consistency(Consistency.Options(**options))
    assessor.begin(system, None)
    return assessor


def test_known_deviations_over_the_boundary() -> None:
    system = builders.system((builders.butane(), 2), (builders.water(), 1))
    atoms = builders.place(system, BOX)
    off = np.zeros((5, 3))
    off[1, 0], off[4, 2] = 0.03, -0.004
    beads = system.map(atoms) + off + BOX[1] * np.array([[1], [1], [0], [0], [-2]])
    assessor = begun(system)
    tally, flags = measured(assessor, snapshot(system, atoms, BOX, beads=beads))
    found = values(assessor.conclude(tally, None))
    section = "consistency"
    assert found[section, "all beads", "RMSD"] == pytest.approx(np.sqrt((0.03**2 + 0.004**2) / 5))
    assert found[section, "beads E", "RMSD"] == pytest.approx(0.03 / 2)
    assert found[section, "beads W", "RMSD"] == pytest.approx(0.004)
    assert found[section, "all beads", "maximum"] == pytest.approx(0.03)
    assert found[section, "all beads", "median"] == pytest.approx(0, abs=1e-4)
    assert flags["off_bead"].tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(("sigma", "flagged"), [
    (None, [1]), (0.0061, []), (0.0059, [1]), ({"E": 0.0061, "W": 1.0}, []), ({"E": 0.0059, "W": 1.0}, [1]), ({}, [1])])
def test_soft_beads_may_be_off_by_five_sigma(sigma: float | dict | None, flagged: list[int]) -> None:
    """Else nearly all beads of a model would be flagged, as atoms are meant to be off them."""
    system = builders.system((builders.butane(), 2), (builders.water(), 1))
    atoms = builders.place(system, BOX)
    off = np.zeros((5, 3))
    off[1, 0] = 0.03
    assessor = Consistency(Consistency.Options())
    assessor.sampled = Sampled(300.0, sigma)
    assessor.begin(system, None)
    _, flags = measured(assessor, snapshot(system, atoms, BOX, beads=system.map(atoms) + off))
    assert np.flatnonzero(flags["off_bead"]).tolist() == flagged


def test_ends_of_chains_are_told_apart() -> None:
    kind = replace(builders.butane(), bead_names=["A1", "B1", "A2", "B2", "A3"], bead_types=["A", "B", "A", "B", "A"])
    assert bead_classes(kind) == {"A": [0, 2, 4], "B": [1, 3], "A first": [0], "A inner": [2], "A last": [4]}


def test_slack_is_told_where_there_is_some() -> None:
    system = builders.system((builders.water(), 4))
    atoms = builders.place(system, BOX)
    frame = snapshot(system, atoms, BOX)
    residual = np.zeros((4, 3))
    residual[2] = [0.03, 0.04, 0.0]
    assessor = begun(system)
    tally, _ = measured(assessor, replace(frame, residual=residual))
    found = values(assessor.conclude(tally, None))
    assert found["consistency", "residual", "maximum"] == pytest.approx(0.05)
    assert found["consistency", "residual", "RMS"] == pytest.approx(0.025)
    assert found["consistency", "residual", "share above 0.01 nm"] == 0.25
    assert not any(name == "residual" for _, name, _ in values(assessor.conclude(measured(assessor, frame)[0], None)))


def test_no_frames_give_no_numbers() -> None:
    said = begun(builders.system()).conclude(Tally(), None)
    assert np.isnan([figure.value for figure in said.figures]).all()
