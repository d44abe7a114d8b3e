"""What `coarsen` writes, against VOTCA's own csg_map: in .trr to 1e-5 nm, in .gro to half of the last digit."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from MDAnalysis.lib.formats.libmdaxdr import TRRFile

import backmap
from backmap.model import box as periodic
from backmap.testing.runs import quiet
from tests import scenes

CSG_MAP = shutil.which("csg_map")
pytestmark = pytest.mark.skipif(CSG_MAP is None, reason="VOTCA's csg_map is not on the PATH")

EXACT, ROUNDED = 1e-5, 0.0005 + 2e-6  #: nm, .trr and .gro
#: A mapping of the beads of octane: D1 is the centre of mass of its first half.
HALVES = """\
<cg_molecule>
  <name>HALF</name>
  <ident>OCT</ident>
  <topology>
    <cg_beads>
      <cg_bead><name>D1</name><type>D</type><mapping>half</mapping><beads>1:OCT:B1 1:OCT:B2</beads></cg_bead>
      <cg_bead><name>D2</name><type>D</type><mapping>half</mapping><beads>1:OCT:B4 1:OCT:B3</beads></cg_bead>
    </cg_beads>
    <cg_bonded><bond><name>bond</name><beads>D1 D2</beads></bond></cg_bonded>
  </topology>
  <maps><map><name>half</name><weights>29.062 28.054</weights></map></maps>
</cg_molecule>
"""


def coarsened(folder: Path, topology: Path, frames: Path, mappings: list[Path]) -> Path:
    """The folder in which beads of every mapping in turn are: 0.trr, 0.gro, ..."""
    steps: list[dict[str, Any]] = [{"topology": {"atoms": {"gromacs": str(topology)}}},
                                   {"read": {"beads": {"gromacs": str(frames)}}}]
    for number, mapping in enumerate(mappings):
        steps += [{"coarsen": {"mapping": {"votca": str(mapping)}}},
                  {"write": {"beads": {"gromacs": [f"{number}.trr", f"{number}.gro"]}}}]
    return backmap.run({"recipe": 1, "steps": steps}, output=folder / "out", display=quiet()).output


def expect_as_csg_map(folder: Path, ours: Path, topology: Path, frames: Path, mapping: Path) -> None:
    """Frame by frame and bead by bead, but for the periodic image: ours are whole molecules.

    In another image a position is rounded another way, so that a .gro of one is held against the .trr of the other.
    """
    for suffix in (".trr", ".gro"):
        subprocess.run([CSG_MAP, "--top", topology, "--trj", frames, "--cg", mapping, "--out", f"votca{suffix}"],
                       cwd=folder, capture_output=True, check=True)
    theirs = folder / "votca.trr"
    for mine, other, tolerance in ((ours, theirs, EXACT), (ours.with_suffix(".gro"), theirs, ROUNDED),
                                   (ours, theirs.with_suffix(".gro"), ROUNDED)):
        found, expected = GromacsFrames([mine]), GromacsFrames([other])
        assert found.n_frames == expected.n_frames > 0
        for number in range(found.n_frames):
            here, there = found.frame(number), expected.frame(number)
            assert np.abs(np.diag(here.box) - np.diag(there.box)).max() < 1e-4  # csg_map's .gro has no tilts
            assert np.abs(periodic.minimum_image(here.positions - there.positions, here.box)).max() < tolerance


def votca_topology(path: Path, name: str, count: int, atoms: list[str]) -> Path:
    beads = "".join(f'<bead name="{atom}" type="X" mass="1.0" q="0.0"/>' for atom in atoms)
    path.write_text(f'<topology><molecules><molecule name="{name}" nmols="{count}" nbeads="{len(atoms)}">{beads}'
                    "</molecule></molecules></topology>")
    return path


def test_octane_twice(tmp_path: Path) -> None:
    """Atoms to beads, and these to other beads; atoms are wrapped, so that molecules are broken over the boundary."""
    source = GromacsFrames([scenes.RECIPE / "aa.gro", scenes.RECIPE / "test_aa.xtc"])
    with TRRFile(str(tmp_path / "aa.trr"), "w") as file:
        for number in range(3):
            info = source.frame(number)
            atoms = periodic.wrap(info.positions, info.box).astype(np.float32)
            file.write(atoms, None, None, info.box.astype(np.float32), number, float(number), 0.0, len(atoms))
    halves = tmp_path / "halves.xml"
    halves.write_text(HALVES)
    octane = scenes.RECIPE / "octane.xml"
    ours = coarsened(tmp_path, scenes.RECIPE / "octane.top", tmp_path / "aa.trr", [octane, halves])
    names = Gromacs(Gromacs.Options(file=scenes.RECIPE / "octane.top")).read().types["OCT"].atom_names
    atoms = votca_topology(tmp_path / "aa.xml", "OCT", 64, names)
    expect_as_csg_map(tmp_path, ours / "0.trr", atoms, tmp_path / "aa.trr", octane)
    beads = votca_topology(tmp_path / "cg.xml", "OCT", 64, ["B1", "B2", "B3", "B4"])
    expect_as_csg_map(tmp_path, ours / "1.trr", beads, ours / "0.trr", halves)


def test_polystyrene(reference_data: Path, tmp_path: Path) -> None:
    """Beads that share atoms."""
    folder = reference_data / "polystyrene"
    frames, mapping = folder / "train" / "aa_90.gro", folder / "PS1.xml"
    ours = coarsened(tmp_path, folder / "topol.top", frames, [mapping])
    expect_as_csg_map(tmp_path, ours / "0.trr", folder / "PS1_topology.xml", frames, mapping)
