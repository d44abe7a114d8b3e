"""What is said of frames: names, boxes, density, atoms against beads."""
from __future__ import annotations

import re

import numpy as np
import pytest
from backmap_plugins.checkers.frames import FrameChecker
from backmap_plugins.checkers.molecules import MoleculeChecker
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.inputs import FrameInfo
from backmap.model.survey import Finding, Survey
from tests import builders, scenes

Array = NDArray[np.float64]

BOX = np.diag([3.0, 3.0, 3.0])


class Memory:
    """Frames in memory."""

    def __init__(self, where: str, frames: list[Array], box: Array | None, names: list[str] | None = None) -> None:
        self.where, self.names, self.residue_names = where, names, None
        self.n_frames, self.n_points = len(frames), len(frames[0])
        self._frames, self._box = frames, box

    def frame(self, number: int) -> FrameInfo:
        return FrameInfo(self._frames[number], self._box, 0.0)


SYSTEM = builders.system()
ATOMS = builders.place(SYSTEM, BOX)
BEADS = SYSTEM.map(ATOMS)
NAMES = [name for kind, count in SYSTEM.blocks for name in kind.bead_names * count]


def said(beads: Array = BEADS, box: Array | None = BOX, names: list[str] | None = NAMES, atoms: Array | None = ATOMS,
         system: object = SYSTEM) -> list[Finding]:
    survey = Survey("run.yaml", system=system, beads=Memory("cg.gro", [beads, beads], box, names),
                    reference=None if atoms is None else Memory("aa.gro", [atoms, atoms], box))
    return list(FrameChecker(FrameChecker.Options()).check(survey))


def test_atoms_and_beads_that_agree() -> None:
    [note] = said()
    assert (note.severity, note.where) == ("note", "aa.gro")
    assert note.problem.startswith("atoms and beads of 2 frames: M(r) is 0.0000 nm from the beads")


def test_broken_molecules_agree_as_well() -> None:
    assert [one.severity for one in said(beads=BEADS % 3.0, atoms=ATOMS % 3.0)] == ["note"]


@pytest.mark.parametrize(("shift", "severity"), [(0.02, "warning"), (0.9, "error")])
def test_the_worst_bead(shift: float, severity: str) -> None:
    beads = BEADS.copy()
    beads[3] += [0.0, shift, 0.0]
    [finding] = said(beads=beads)
    assert finding.severity == severity
    label = SYSTEM.bead_label(3)
    assert re.search(rf"{shift:.4f} at most, at {label} in frame 0; worst beads: BUT E2", finding.problem)


def test_other_names() -> None:
    note = said(names=[f"X{name}" for name in NAMES], atoms=None)[0]
    assert (note.severity, note.where) == ("note", "cg.gro")
    assert note.problem == "calls the beads of BUT XE1, XE2, the mapping E1, E2"
    assert said(names=None, atoms=None) == []


def test_a_file_without_a_box() -> None:
    with pytest.raises(BackmapError, match="there is no box, but the system has 8 molecules"):
        said(box=None, atoms=None)


def test_lengths_in_other_units() -> None:
    butane = builders.system((builders.butane(), 4))
    beads = butane.map(builders.place(butane, BOX))
    assert said(beads=beads, atoms=None, names=None, system=butane) == []
    [warning] = said(beads=beads * 0.1, box=BOX * 0.1, atoms=None, names=None, system=butane)
    assert warning.severity == "warning"
    assert re.match(r"the box is so small that the atoms would have a density of [\d.]+ g/cm\^3", warning.problem)


def test_nothing_to_look_at() -> None:
    assert list(FrameChecker(FrameChecker.Options()).check(Survey("run.yaml"))) == []


def test_hands_that_nothing_tells() -> None:
    open_one = builders.chiral().with_signs(np.zeros(1))
    survey = Survey("run.yaml", system=builders.system((open_one, 2)))
    [warning] = MoleculeChecker(MoleculeChecker.Options()).check(survey)
    assert warning.problem == "CHI: the handedness of 1 stereocentre is not known (C1)"
    assert list(MoleculeChecker(MoleculeChecker.Options()).check(Survey("run.yaml", system=SYSTEM))) == []


@pytest.mark.parametrize(("part", "severities"), [(1.0, []), (0.8, []), (0.5, ["error"])])
def test_beads_folded_into_a_part_of_the_box(part: float, severities: list[str]) -> None:
    system, window = scenes.octane_window(1)
    beads, box = window.beads[0] % (np.diag(window.boxes[0]) * part), window.boxes[0]
    found = said(beads, box, None, None, system)
    assert [one.severity for one in found] == severities
    assert all(re.match(r"about the beads, atoms would fill [\d.]+ times the room there is", one.problem)
               for one in found)


def test_beads_on_one_place() -> None:
    beads = BEADS.copy()
    beads[4] = beads[1] + BOX[0]
    [finding] = [one for one in said(beads=beads, atoms=None) if "one place" in one.problem]
    assert finding.severity == "warning"
    assert finding.problem == (f"frame 0: {SYSTEM.bead_label(1)} and {SYSTEM.bead_label(4)} are on one place")


def test_positions_that_are_missing() -> None:
    [finding] = said(beads=np.zeros_like(BEADS), atoms=None)
    assert finding.severity == "error"
    assert finding.problem.endswith(f"and {len(BEADS) - 2} beads more on that of another")


@pytest.mark.parametrize(("factor", "shift", "count"), [(10.0, 0.0, 1), (1.0, 0.0, 0), (4.0, 0.0, 0), (10.0, 2.0, 0)])
def test_a_box_in_angstrom(factor: float, shift: float, count: int) -> None:
    """Beads fill a tenth of it in each direction; a slab does not."""
    system = scenes.octane_system()
    box = np.eye(3) * 2.632
    beads = np.random.default_rng(1).uniform(0.0, 2.632, (system.n_beads, 3))
    beads[:10, 2] += shift
    found = [one.problem for one in said(beads=beads, box=box * factor, names=None, atoms=None, system=system)]
    assert sum("is in Angstrom" in problem for problem in found) == count
