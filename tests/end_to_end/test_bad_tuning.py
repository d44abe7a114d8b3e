"""Options that may be left to the pilot, and what is printed where that is written wrongly or cannot be."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking import DEMO, check_one_line

from .test_bad_input import INPUTS

RECIPE = """\
recipe: 1
seed: 7
output: runs/octane
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}, constraints: all-bonds}
  - forcefield: {gromacs: octane.top}
  - read: {beads: {gromacs: [cg.gro, cg.xtc]}}
  - forward: {generator: template}
  - hamiltonian: {OPTIONS}
  - write: {atoms: {gromacs: [atoms.gro, atoms.xtc]}}
"""
HERE = "run.yaml: steps[4].hamiltonian"
INTEGER = "should be a valid integer, unable to parse string as an integer or should be 'auto'"
NUMBER = "should be a valid number, unable to parse string as a number or should be 'auto'"
FEW = f"{HERE}: 'auto' needs moves of all atoms to tell by, and 'only' leaves few: write numbers"
INSIDE = ("{soft_core_sweeps: 1}\n"
          "  - assess: {assessors: structure, compare_with: {more: [{hamiltonian: {sweeps: auto}}]}}")

#: What is wrong, the options, the printed line after "backmap: "; "..." is anything.
TABLE: list[tuple[str, str, str]] = [
    ("sweeps in words", "{sweeps: many}", f"{HERE}.sweeps: {INTEGER}, not 'many'. Sweeps; ..."),
    ("no sweeps", "{sweeps: 0}",
     f"{HERE}.sweeps: should be greater than or equal to 1 or should be 'auto', not 0. ..."),
    ("sweeps that are no whole number", "{sweeps: 2.5}",
     f"{HERE}.sweeps: should be a valid integer, got a number with a fractional part or should be 'auto', not 2.5. "
     "..."),
    ("auto with a capital", "{sweeps: Auto}", f"{HERE}.sweeps: {INTEGER}, not 'Auto'. ..."),
    ("at most no sweeps", "{sweeps: auto, at_most: 0}",
     f"{HERE}.at_most: should be greater than or equal to 1, not 0. The most sweeps that auto may come to. ..."),
    ("at most so many in words", "{sweeps: auto, at_most: many}",
     f"{HERE}.at_most: should be a valid integer, unable to parse string as an integer, not 'many'. ..."),
    ("time step in words", "{timestep: short}", f"{HERE}.timestep: {NUMBER}, not 'short'. fs. ..."),
    ("time step of zero", "{timestep: 0}",
     f"{HERE}.timestep: should be greater than 0 or should be 'auto', not 0. fs. ..."),
    ("time step below zero", "{timestep: -1}",
     f"{HERE}.timestep: should be greater than 0 or should be 'auto', not -1. fs. ..."),
    ("time step beyond all measure", "{timestep: 20}",
     f"{HERE}.timestep: should be less than or equal to 10 or should be 'auto', not 20. fs. ..."),
    ("no steps", "{steps: 0}",
     f"{HERE}.steps: should be greater than or equal to 1 or should be 'auto', not 0. Time steps of a move, ..."),
    ("steps in words", "{steps: long}", f"{HERE}.steps: {INTEGER}, not 'long'. Time steps of a move, ..."),
    ("sweeps tuned by places that are flagged", "{sweeps: auto, only: [clash]}", FEW),
    ("time step tuned by places that are flagged", "{timestep: auto, only: [clash]}", FEW),
    ("sweeps tuned where a start is all that is wanted", "{sweeps: auto, for_start: true}",
     f"{HERE}: 'for_start' samples nothing, and 'sweeps: auto' is as many as samples take: write a number, or leave "
     "'for_start' out"),
    ("option that is not left to the pilot", "{soft_core_sweeps: auto}",
     f"{HERE}.soft_core_sweeps: should be a valid integer, unable to parse string as an integer, not 'auto'. ..."),
    ("auto in a step inside of another that is like none outside", INSIDE,
     "run.yaml: steps[5].assess.compare_with.more[0].hamiltonian: sweeps: auto, but only steps of the recipe itself "
     "are tuned, and this one is inside of another. Write numbers, or the same options as in a step of the recipe "
     "itself."),
]


@pytest.mark.parametrize(("options", "expected"), [pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(options: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    for name in INPUTS:
        (tmp_path / name).symlink_to(DEMO / name)
    (tmp_path / "run.yaml").write_text(RECIPE.replace("{OPTIONS}", options))
    monkeypatch.chdir(tmp_path)
    check_one_line(tmp_path, ["run", "run.yaml", "--output", "out"], expected, capsys)
