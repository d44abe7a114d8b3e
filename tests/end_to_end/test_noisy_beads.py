"""Beads that rigid bonds cannot meet, as those of coarse-grained models: the run goes on and says which they are."""
from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from tests import command, scenes

MOLECULES, BEADS = 8, 4
NOISE = 0.05  #: nm per coordinate: some bonds between beads become longer than atoms can span
RECIPE = """\
recipe: 1
title: Octane on noisy beads
seed: 7
output: out
steps:
  - topology: {{atoms: {{gromacs: octane.top}}, mapping: {{votca: {demo}/octane.xml}}}}
  - forcefield: {{gromacs: octane.top, epsilon_rf: 1.9}}
  - read: {{beads: {{gromacs: noisy.gro}}}}
  - forward: {{generator: {{equivariant: {demo}/octane_350K.safetensors}}}}
  - gibbs: {{sweeps: 2, temperature: 350}}
  - hamiltonian: {{soft_core_sweeps: 2, sweeps: 2, temperature: 350}}
  - metropolis: {{sweeps: 1, candidates: 2, temperature: 350, beads: {{sigma: 0.005}}}}
  - hamiltonian: {{sweeps: 2, temperature: 350, beads: {{sigma: 0.005}}}}
  - assess: consistency
  - write: {{atoms: {{gromacs: atoms.gro}}, report: [report.html, report.md, report.json]}}
"""
MARTINI = """\
recipe: 1
seed: 7
output: out
steps:
  - topology:
      atoms: {{gromacs: dodecane.top}}
      mapping: {{dbm: {{files: {{HYIY: {folder}/dodecane.map}}}}}}
      constraints: all-bonds
  - forcefield: {{gromacs: dodecane.top}}
  - read: {{beads: {{gromacs: cg.gro}}}}
  - forward: {{generator: force_field}}
  - hamiltonian: {{soft_core_sweeps: 3, sweeps: 2, temperature: 400, beads: {{sigma: 0.02}}}}
  - metropolis: {{sweeps: 1, candidates: 2, temperature: 400, beads: {{sigma: 0.02}}}}
  - assess: consistency
  - write: {{report: report.json}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output folder and what was printed."""
    folder, demo = tmp_path_factory.mktemp("noisy"), scenes.RECIPE
    top = (demo / "octane.top").read_text()
    (folder / "octane.top").write_text(re.sub(r"(?m)^(\s*OCT\s+)64\s*$", rf"\g<1>{MOLECULES}", top))
    title, _, *lines = (demo / "cg.gro").read_text().splitlines()
    rng, beads = np.random.default_rng(1), []
    for line in lines[:MOLECULES * BEADS]:
        at = np.array([float(line[20 + 8 * k:28 + 8 * k]) for k in range(3)]) + rng.normal(0, NOISE, 3)
        beads.append(line[:20] + "".join(f"{x:8.3f}" for x in at))
    (folder / "noisy.gro").write_text("\n".join([title, f"{len(beads)}", *beads, "   4.0 4.0 4.0", ""]))
    (folder / "run.yaml").write_text(RECIPE.format(demo=demo))
    return folder / "out", command.succeed("run", folder / "run.yaml")


def test_infeasible_beads_are_named(run: tuple[Path, str]) -> None:
    folder, said = run
    named = re.search(r"warning: infeasible: (\d+) beads: frame 0: OCT \d+ B\d", said)
    assert named, said
    assert 0 < int(named[1]) < MOLECULES * BEADS
    flagged = json.loads((folder / "report.json").read_text())["flagged"]["infeasible"]
    assert flagged["count"] == len(flagged["beads"]) == int(named[1])
    assert "infeasible" in (folder / "report.html").read_text()


def test_what_they_cost_is_one_line_of_each_step(run: tuple[Path, str]) -> None:
    folder, said = run
    lines = re.findall(r"infeasible: rigid bonds keep (\d+) of 32 beads from being met: off by (\S+) nm", said)
    assert len(lines) == 3, said
    assert said.count("kT a bead at sigma 0.005 nm") == 2  # both soft steps
    sampling = json.loads((folder / "report.json").read_text())["sampling"]
    assert [each["step"] for each in sampling] == [
        "steps[5].hamiltonian", "steps[6].metropolis", "steps[7].hamiltonian"]
    assert all(any(note.startswith("infeasible:") for note in each["notes"]) for each in sampling)
    assert all(0 <= row["all"] <= 1 for each in sampling for row in each["acceptance"])
    assert sampling[1]["free_energies"]


def test_rigid_bonds_hold_all_the_same(run: tuple[Path, str]) -> None:
    folder, _ = run
    system = scenes.octane_system()
    (kind,) = system.types
    chains = GromacsFrames([folder / "atoms.gro"]).frame(0).positions.reshape(MOLECULES, kind.n_atoms, 3)
    length = np.linalg.norm(chains[:, kind.bonds[:, 0]] - chains[:, kind.bonds[:, 1]], axis=-1)
    carbons = np.array([kind.atom_types[i] == kind.atom_types[j] == "CT" for i, j in kind.bonds])
    assert np.abs(length[:, carbons] - 0.1529).max() < 0.0015
    assert np.abs(length[:, ~carbons] - 0.1090).max() < 0.0015


@pytest.mark.skipif(shutil.which("gmx") is None, reason="GROMACS' force fields are not installed")
def test_stretched_molecules_of_a_martini_simulation(reference_data: Path, tmp_path: Path) -> None:
    """Dodecane as Martini stretches it, farther than its all-atom bonds reach in some molecules."""
    folder = reference_data / "morphing" / "dodecane"
    frame = (folder / "martini" / "1.gro").read_text().splitlines()
    at = GromacsFrames([folder / "martini" / "1.gro"]).frame(0).positions.reshape(-1, 3, 3)
    reach = np.linalg.norm(np.diff(at, axis=1), axis=2).max(axis=1)
    reach[reach > 2.0] = 0.0  # broken over the boundary
    chosen = np.sort(np.argsort(-reach)[:6])
    beads = [frame[2 + 3 * molecule + k] for molecule in chosen for k in range(3)]
    (tmp_path / "cg.gro").write_text("\n".join([frame[0], f"{len(beads)}", *beads, frame[-1], ""]))
    text = (folder / "dodecane_aa.itp").read_text()
    (tmp_path / "dodecane.top").write_text(f"""#include "gromos54a7.ff/forcefield.itp"
{text[:text.index("[align]")]}
[ system ]
dodecane
[ molecules ]
HYIY {len(chosen)}
""")
    (tmp_path / "run.yaml").write_text(MARTINI.format(folder=folder))
    said = command.succeed("run", tmp_path / "run.yaml")
    assert re.search(r"warning: infeasible: \d+ beads: frame 0: HYIY \d B\d", said), said
    assert said.count("kT a bead at sigma 0.02 nm") == 1, said  # of metropolis, which meets beads exactly in the end
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert 0 < report["flagged"]["infeasible"]["count"] < 18
    assert all(row["all"] > 0.1 for each in report["sampling"] for row in each["acceptance"])
