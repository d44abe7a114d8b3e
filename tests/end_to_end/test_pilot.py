"""A run whose numbers a pilot finds: the same bytes however its frames are cut up, and wherever it is stopped."""
from __future__ import annotations

from pathlib import Path

import yaml

from backmap.testing import check_run
from tests import everything

RECIPE = """\
recipe: 1
title: Numbers that a pilot finds, on eight octane molecules
seed: 7
output: out
beads: mapped
steps:
  - topology: {{atoms: {{gromacs: {demo}/octane.top}}, mapping: {{votca: {demo}/octane.xml}}, molecules: {{OCT: 8}},
               constraints: all-bonds}}
  - forcefield: {{gromacs: {demo}/octane.top, cutoff: 0.9, epsilon_rf: 1.9}}
  - read: {{beads: {{gromacs: {{files: [{demo}/cg.gro, {demo}/cg.xtc], index: {{index.ndx: beads}}}}}}}}
  - forward: {{generator: template}}
  - hamiltonian: {{soft_core_sweeps: 2, sweeps: auto, at_most: 22, timestep: auto, steps: auto, temperature: 350}}
  - assess: [equipartition, ranks, along_beads]
  - write: {{atoms: {{gromacs: [atoms.gro, atoms.xtc]}}, report: report.json}}
"""


def test_windows_and_stops_change_nothing(tmp_path: Path) -> None:
    recipe = everything.written(tmp_path, RECIPE, Path("none"))
    check_run(recipe, tmp_path, windows=(1,), frames="0:3")  # else one of three
    tuned = yaml.safe_load((tmp_path / "whole" / "tuned.yaml").read_text())["steps"]["steps[4].hamiltonian"]
    assert set(tuned["values"]) == {"timestep", "steps", "sweeps"}
    assert 0.5 <= tuned["values"]["timestep"] <= 6
    assert 20 <= tuned["values"]["sweeps"] <= 22
    assert (tmp_path / "stopped" / "tuned.yaml").read_bytes() == (tmp_path / "whole" / "tuned.yaml").read_bytes()
