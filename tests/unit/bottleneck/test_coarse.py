"""Frames of mass centres of groups, against csg_map."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.bottleneck.beads import BeadFrames
from backmap_plugins.bottleneck.coarse import CoarseFrames
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.molecules.bottleneck import CoarseMolecule
from MDAnalysis.lib.formats.libmdaxdr import TRRFile

from backmap.model import box as periodic
from tests import melts
from tests.unit.molecules.test_bottleneck import alternating

CSG_MAP = shutil.which("csg_map")


@pytest.mark.skipif(CSG_MAP is None, reason="VOTCA's csg_map is not on the PATH")
@pytest.mark.parametrize("size", [2, 3])
def test_csg_map_makes_the_same_beads(size: int, tmp_path: Path) -> None:
    """Chains broken over the boundary."""
    _, molecule = alternating(tmp_path)
    rng = np.random.default_rng(size)
    positions = melts.gaussian(rng, 2, 5, 7, 0.15)
    broken = (positions % melts.BOX).reshape(2, -1, 3)
    box = np.eye(3) * melts.BOX
    with TRRFile(str(tmp_path / "x.trr"), "w") as file:
        for k, frame in enumerate(broken.astype(np.float32)):
            file.write(frame, None, None, box.astype(np.float32), k, float(k), 0.0, len(frame))
    beads = "".join(f'<bead name="{label.split(":")[2]}" type="{kind}" mass="1.0" q="0.0" resid="1" resname="PSR"/>'
                    for label, kind in zip(molecule.labels(), molecule.types))
    (tmp_path / "top.xml").write_text('<topology><molecules><molecule name="PSR" nmols="5" nbeads="7">'
                                      f"{beads}</molecule></molecules></topology>")
    coarse = CoarseMolecule.of(molecule, size, "last")
    (tmp_path / "s.xml").write_text(coarse.xml())
    done = subprocess.run([CSG_MAP, "--top", "top.xml", "--trj", "x.trr", "--cg", "s.xml", "--out", "out.trr"],
                          cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    frames = BeadFrames.read(GromacsFrames([tmp_path / "x.trr"]), [(molecule, 0)])
    mine = CoarseFrames(frames, {"PSR": coarse})
    for k, theirs in enumerate(GromacsFrames([tmp_path / "out.trr"])):
        off = periodic.minimum_image(mine.positions(k) - theirs.positions, box)
        assert np.abs(off).max() < 1e-5
    # and a formula, of the whole chains
    weights = molecule.mass[:size] / molecule.mass[:size].sum()
    expected = np.einsum("b,mbx->mx", weights, positions[0, :, :size])
    off = periodic.minimum_image(mine.of_type("PSR", 0)[:, 0] - expected, box)
    assert np.abs(off).max() < 1e-6


def test_molecules_of_groups_are_counted_through() -> None:
    frames = melts.frames(melts.gaussian(np.random.default_rng(0), 1, 3, 5, 0.3))
    (kind, _), = frames.blocks
    coarse = CoarseFrames(frames, {"KG": CoarseMolecule.of(kind, 2, "last")})
    assert coarse.molecule.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert coarse.block.tolist() == coarse.molecule.tolist()
    assert coarse.density == pytest.approx(9 / melts.BOX**3)
