"""Atoms of a sample keep their temperature; strain turns into as much heat as it has energy."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from backmap_plugins.assessors.stability import Stability, freedom_of, timestep_of
from backmap_plugins.openmm_bridge import system as openmm_system

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Assessment
from backmap.model.tally import Tally
from tests import forcefields, scenes

TIME = 0.2  #: ps


def measured(noise: float = 0.0, together: bool = False) -> tuple[Assessment, Tally, Stability]:
    """A frame of the recipe's octane, whose bonds are rigid; its atoms displaced, or two molecules in one place."""
    system, window = scenes.octane_window(1)
    field = forcefields.read(scenes.RECIPE / "octane.top", system)
    (frame,) = Snapshot.all_of(window, system, AtomIndex(system), np.arange(1))
    atoms = frame.atoms + np.random.default_rng(1).normal(scale=noise, size=frame.atoms.shape) * (noise > 0)
    if together:
        first, second = system.groups[0].atoms[:2]
        atoms[second] = atoms[first]
    assessor, tally = Stability(Stability.Options(time=TIME, temperature=350)), Tally()
    assessor.begin(system, field)
    assessor.measure(replace(frame, atoms=atoms), tally)
    return assessor.conclude(tally, None), tally, assessor


def test_a_sample_keeps_its_temperature_and_its_energy() -> None:
    assessment, tally, assessor = measured()
    (finding,) = assessment.findings
    assert finding.level == GOOD
    assert "keeps its temperature" in finding.text
    temperature, total = tally.rows("stability")[0].T
    # Half of what the canonical ensemble has, as the energy is constant; six standard deviations of chance.
    freedom = freedom_of(openmm_system.build(assessor.field, assessor.system, np.eye(3) * 9, rigid=True))
    assert freedom == 3 * 26 * 64 - 25 * 64
    assert np.abs(temperature[-5:].mean() / 350 - 1) < 0.02 + 6 * np.sqrt(2 / freedom)
    assert np.ptp(total) < 5e-3


def test_strain_turns_into_heat() -> None:
    (finding,) = measured(noise=0.004)[0].findings
    assert finding.level == CARE
    assert "warms up" in finding.text


def test_what_takes_up_heat_cools_down() -> None:
    *_, assessor = measured()
    course = np.column_stack([np.linspace(350, 300, 10), np.ones(10)])
    tally = Tally()
    tally.row("stability", 0, course)
    (finding,) = assessor.conclude(tally, None).findings
    assert finding.level == CARE
    assert "cools down" in finding.text


def test_atoms_on_each_other_burst() -> None:
    assert max(finding.level for finding in measured(together=True)[0].findings) == UNUSABLE


def test_halves_of_a_reference_may_lack_what_is_looked_at() -> None:
    _, tally, assessor = measured(together=True)
    tally.row("frames of stability", 1, 1.0)
    assert not assessor.conclude(tally.half(1), tally.half(0)).findings
    assert assessor.conclude(tally.half(0), tally.half(1)).findings


def test_time_steps_follow_what_is_rigid() -> None:
    rigid, flexible = scenes.octane_system("reference"), scenes.octane_system()
    (kind,) = scenes.octane_window(1)[0].types
    assert timestep_of(kind) == 2.0
    assert {timestep_of(each) for each in (*rigid.types, *flexible.types)} <= {0.5, 2.0}


def test_without_a_temperature_it_says_so() -> None:
    system, _ = scenes.octane_window(1)
    assessor = Stability(Stability.Options())
    assessor.begin(system, forcefields.read(scenes.RECIPE / "octane.top", system))
    (note,) = assessor.conclude(Tally(), None).notes
    assert "not made" in note
