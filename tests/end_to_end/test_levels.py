"""Recipes that change what there is: atoms to beads, to other beads, and back to atoms."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.gro import GroFile
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.lammps.frames import Lammps
from backmap_plugins.formats.mdanalysis.frames import Pdb

import backmap
from backmap.checking import reading, verdict
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.recipe.registry import Registry
from backmap.testing import check_run
from backmap.testing.runs import quiet
from tests.end_to_end.test_bad_levels import BACK, HALVES
from tests.scenes import RECIPE as DEMO

#: The atoms of octane, their beads, beads of these, and atoms again, in frames of which the reference are the atoms.
TEXT = f"""\
recipe: 1
title: There and back
seed: 5
output: out
steps:
  - topology: {{atoms: {{gromacs: {DEMO}/octane.top}}, molecules: {{OCT: 8}}}}
  - read:
      reference: {{gromacs: {{files: [{DEMO}/aa.gro, {DEMO}/test_aa.xtc], index: {{index.ndx: atoms}}}}}}
  - coarsen: {{votca: {DEMO}/octane.xml}}
  - assess: {{assessors: [structure, consistency], view: false}}
  - write:
      beads:
        - gromacs: [four.gro, four.xtc, four.trr]
        - pdb: four.pdb
        - lammps: {{data: four.data, dump: four.dump, units: real}}
        - picture: four.png
      report: four.json
  - coarsen: {{votca: halves.xml}}
  - write: {{beads: {{gromacs: [two.gro, two.trr]}}}}
  - topology:
      atoms: {{gromacs: {DEMO}/octane.top}}
      mapping: {{yaml: halves.yaml}}
      molecules: {{OCT: 8}}
      constraints: h-bonds
  - forward: template
  - assess: [structure, consistency]
  - write: {{atoms: {{gromacs: [back.gro, back.trr]}}, beads: {{gromacs: last.trr}}, report: [back.html, back.json]}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for name, text in (("halves.xml", HALVES), ("halves.yaml", "OCT:\n  weights: mass\n" + BACK.split("\n", 1)[1]),
                       ("index.ndx", "[ atoms ]\n" + " ".join(map(str, range(1, 8 * 26 + 1))) + "\n"),
                       ("run.yaml", TEXT)):
        (tmp_path / name).write_text(text)
    return tmp_path / "run.yaml"


def test_there_and_back(recipe: Path) -> None:
    done = backmap.run(recipe, frames="0:3", display=quiet())
    out = done.output
    source = GromacsFrames([DEMO / "aa.gro", DEMO / "test_aa.xtc"])
    four, two, last, back = (GromacsFrames([out / f"{name}.trr"]) for name in ("four", "two", "last", "back"))
    mass = np.array([12.011 if name[0] == "C" else 1.008 for name in GroFile(out / "back.gro").names[:26]])
    # Atoms of the halves of octane; the mapping of beads has one of the masses of its beads.
    halves = [np.isin(np.arange(26), rows) for rows in _halves(GroFile(out / "back.gro").names[:26])]
    for number in range(3):
        info, here = source.frame(number), two.frame(number)
        assert four.n_points == 32
        assert two.n_points == 16
        atoms = info.positions[:8 * 26].reshape(8, 26, 3)
        whole = atoms[:, :1] + periodic.minimum_image(atoms - atoms[:, :1], info.box)  # narrower than half the box
        direct = np.stack([np.average(whole[:, half], axis=1, weights=mass[half]) for half in halves], axis=1)
        away = periodic.minimum_image(direct.reshape(-1, 3) - here.positions, info.box)
        assert np.abs(away).max() < 1e-5
        np.testing.assert_allclose(last.frame(number).positions, here.positions, rtol=0, atol=1e-6)
        made = back.frame(number).positions.reshape(8, 26, 3)
        mapped = np.stack([np.average(made[:, half], axis=1, weights=mass[half]) for half in halves], axis=1)
        assert np.abs(mapped.reshape(-1, 3) - here.positions).max() < 1e-5
        assert here.time == info.time
        assert np.abs(here.box - info.box).max() < 1e-6
    assert done.record["n_atoms"] == 8 * 26
    assert len(done.atoms.atoms) == 8 * 26  # of the files that hold them, not of those with beads


def _halves(names: list[str]) -> list[list[int]]:
    return [[k for k, name in enumerate(names) if name[1] in numbers] for numbers in ("1234", "5678")]


def test_beads_in_every_format(recipe: Path) -> None:
    """Positions as in .trr to their rounding, and names, residues, masses and bonds of beads."""
    out = backmap.run(recipe, frames="0", display=quiet()).output
    exact, gro = GromacsFrames([out / "four.trr"]).frame(0), GroFile(out / "four.gro")
    assert gro.names == ["B1", "B2", "B3", "B4"] * 8
    assert gro.residue_names == ["OCT"] * 32
    assert gro.residues.tolist() == np.repeat(np.arange(1, 9), 4).tolist()
    pdb = Pdb(Pdb.Options(files=[out / "four.pdb"])).open()
    assert pdb.names == gro.names
    dump = Lammps(Lammps.Options(dump=out / "four.dump", units="real")).open()
    for source in (gro, pdb, dump, GromacsFrames([out / "four.xtc"])):
        info = source.frame(0)
        assert np.abs(info.positions - exact.positions).max() < 0.00051
        assert np.abs(info.box - exact.box).max() < 0.0002
    data = (out / "four.data").read_text()
    for line in ("32 atoms", "24 bonds", "1 29.062000 # E", "2 28.054000 # M"):
        assert f"{line}\n" in data
    assert (out / "four.png").stat().st_size > 1000


def test_each_report_is_of_what_there_was(recipe: Path) -> None:
    out = backmap.run(recipe, frames="0:2", display=quiet()).output
    four, back = (json.loads((out / f"{name}.json").read_text()) for name in ("four", "back"))
    bonds = [{row["name"]: row["values"]["backmap"]["value"] for row in report["figures"]
              if row["section"] == "bonds" and row["quantity"] == quantity}
             for report, quantity in ((four, "JSD"), (four, "mean"), (back, "mean"))]
    assert bonds[0] == {"E-M": 0.0, "M-M": 0.0}  # the reference went the same way as the beads
    assert bonds[1] == pytest.approx({"E-M": 0.26, "M-M": 0.26}, abs=0.03)
    assert bonds[2] == pytest.approx({"CT-CT": 0.153, "CT-HC": 0.109}, abs=0.005)
    assert four["trajectories"] == ["reference", "backmap"]
    assert back["trajectories"] == ["backmap"]
    record = json.loads((out / "run.json").read_text())
    assert all(name.split(": ")[1].split()[2] in ("B1", "B2", "B3", "B4", "D1", "D2")
               for names in record["flagged"].values() for name in names)


def test_same_bytes_however_it_is_run(recipe: Path, tmp_path: Path) -> None:
    text = recipe.read_text().replace("        - picture: four.png\n", "").replace("back.html, back.json", "back.json")
    recipe.write_text(text)
    check_run(recipe, tmp_path, windows=(1, 2), processes=(2,), parts=2, frames="0:3")


def test_checks_know_such_recipes(recipe: Path) -> None:
    registry = Registry().discover()
    found = reading.read_file(recipe, registry, [])
    assert not found.findings
    assert [survey.system.n_beads for survey in found.surveys] == [8 * 26, 32, 16, 16]
    assert [survey.system.n_atoms for survey in found.surveys] == [8 * 26, 32, 16, 8 * 26]
    assert [list(survey.models) for survey in found.surveys] == [[], ["OCT"], ["OCT"], ["OCT"]]
    told = verdict.findings(found, registry)
    assert not [finding for finding in told if finding.severity == "error"]
    assert {finding.where.split(": ")[-1] for finding in told if finding.severity == "warning"} == {"steps[8].forward"}


def test_checks_tell_of_every_change(recipe: Path) -> None:
    """An error in the middle hides what comes after, as nobody knows what it is about; other errors are all told."""
    (recipe.parent / "halves.xml").write_text(HALVES.replace("OCT:B1", "OCT:B9").replace("OCT:B4", "OCT:B8"))
    found = reading.read_file(recipe, Registry().discover(), [])
    assert [finding.problem for finding in found.findings] == [
        "there is no atom '1:OCT:B9' in molecule type 'OCT'", "there is no atom '1:OCT:B8' in molecule type 'OCT'"]


MARK = '''
from dataclasses import replace

import numpy as np

from backmap import api


@api.hookimpl
def backmap_steps():
    return {"mark": Mark, "lose": Lose}


class Mark(api.FrameStep):
    """Flags the last bead."""

    needs = frozenset({"system", "beads"})

    class Options(api.Options):
        name: str

    def frame(self, window, state):
        last = np.arange(window.system.n_beads) == window.system.n_beads - 1
        return replace(window, flags={**window.flags, self.options.name: last[None]})


class Lose(api.FrameStep):
    """Forgets of what its frames are."""

    def frame(self, window, state):
        return api.Window(window.frames, window.time, window.boxes, window.beads)
'''
MARKED = f"""\
recipe: 1
steps:
  - topology: {{atoms: {{gromacs: {DEMO}/octane.top}}, mapping: {{votca: {DEMO}/octane.xml}}}}
  - read: {{beads: {{gromacs: {DEMO}/cg.gro}}}}
  - mark: both
  - coarsen: {{votca: halves.xml}}
  - mark: both
  - mark: after
"""


def test_flags_have_the_names_of_their_own_beads(recipe: Path) -> None:
    """Also those raised before what there is was changed; counts of one name add up."""
    (recipe.parent / "mark.py").write_text(MARK)
    recipe.write_text(MARKED)
    record = backmap.run(recipe, plugins=[recipe.parent / "mark.py"], display=quiet()).record
    assert record["warnings"] == {"both": 2, "after": 1}
    assert record["flagged"] == {"both": ["frame 0: OCT 64 B4", "frame 0: OCT 64 D2"], "after": ["frame 0: OCT 64 D2"]}


def test_a_window_without_its_system_is_the_plugins_fault(recipe: Path) -> None:
    (recipe.parent / "mark.py").write_text(MARK)
    recipe.write_text(MARKED.replace("mark: both", "lose", 1))
    with pytest.raises(BackmapError, match="the step 'lose' handed on a window of another system than the state has"):
        backmap.run(recipe, plugins=[recipe.parent / "mark.py"], display=quiet())
