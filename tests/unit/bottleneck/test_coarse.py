"""Mass centres of groups, and the mapping that says so: read back by our own reader, and applied by csg_map."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.bottleneck.beads import BeadFrames, BeadMolecule
from backmap_plugins.bottleneck.coarse import CoarseFrames, CoarseMolecule
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from MDAnalysis.lib.formats.libmdaxdr import TRRFile

from backmap.model import box as periodic
from tests import melts

CSG_MAP = shutil.which("csg_map")


def _alternating(folder: Path, n: int = 7) -> tuple[Gromacs, BeadMolecule]:
    """A chain A B A B ... with the masses of Fritz's beads, in one residue."""
    atoms = "".join(f"{k + 1} {'AB'[k % 2]} 1 PSR {'AB'[k % 2]}{k // 2 + 1} {k + 1} 0 {(27.05, 77.11)[k % 2]}\n"
                    for k in range(n))
    bonds = "".join(f"{k} {k + 1} 1\n" for k in range(1, n))
    path = folder / "psr.itp"
    path.write_text(f"[ moleculetype ]\nPSR 1\n[ atoms ]\n{atoms}[ bonds ]\n{bonds}")
    reader = Gromacs(Gromacs.Options(file=path))
    return reader, BeadMolecule.of_topology(reader.read().types["PSR"], str(path))


@pytest.mark.parametrize("remainder", ["last", "spread"])
def test_our_reader_reads_what_is_written(remainder: str, tmp_path: Path) -> None:
    reader, molecule = _alternating(tmp_path)
    coarse = CoarseMolecule.of(molecule, 3, remainder)
    (tmp_path / "s3.xml").write_text(coarse.xml(["with a remark -- of two dashes & more"]))
    model = Votca(Votca.Options(files=tmp_path / "s3.xml")).read(reader.read())["PSR"]
    np.testing.assert_allclose(model.mapping.matrix, coarse.matrix, atol=1e-9)
    assert model.bead_bonds.tolist() == coarse.bonds.tolist()
    assert tuple(model.bead_types) == coarse.types
    second = np.array([27.05, 77.11, 27.05] if remainder == "spread" else [77.11, 27.05, 77.11])
    start = 4 if remainder == "spread" else 3
    np.testing.assert_allclose(model.mapping.matrix[1, start:start + 3], second / second.sum(), atol=1e-9)


def test_types_do_not_depend_on_the_direction(tmp_path: Path) -> None:
    _, molecule = _alternating(tmp_path, 8)
    assert CoarseMolecule.of(molecule, 2, "last").types == ("T1",) * 4  # AB and BA
    assert CoarseMolecule.of(molecule, 3, "last").types == ("T1", "T2", "T3")  # ABA, BAB, AB


@pytest.mark.skipif(CSG_MAP is None, reason="VOTCA's csg_map is not on the PATH")
@pytest.mark.parametrize("size", [2, 3])
def test_csg_map_makes_the_same_beads(size: int, tmp_path: Path) -> None:
    """Chains broken over the boundary."""
    _, molecule = _alternating(tmp_path)
    rng = np.random.default_rng(size)
    positions = melts.gaussian(rng, 2, 5, 7, 0.15)
    broken = (positions % melts.BOX).reshape(2, -1, 3)
    box = np.eye(3) * melts.BOX
    with TRRFile(str(tmp_path / "x.trr"), "w") as file:
        for k, frame in enumerate(broken.astype(np.float32)):
            file.write(frame, None, None, box.astype(np.float32), k, float(k), 0.0, len(frame))
    beads = "".join(f'<bead name="{label.split(":")[2]}" type="{kind}" mass="1.0" q="0.0" resid="1" resname="PSR"/>'
                    for label, kind in zip(molecule.labels, molecule.types))
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


def test_terms_of_a_ring_and_of_a_branch() -> None:
    ring = CoarseMolecule.of(melts.chain(10, ring=True), 2, "last")
    assert {kind: len(each) for kind, each in ring.terms.items()} == {"bond": 5, "angle": 5, "torsion": 5}
    triangle = CoarseMolecule.of(melts.chain(6, ring=True), 2, "last")
    assert {kind: len(each) for kind, each in triangle.terms.items()} == {"bond": 3, "angle": 3, "torsion": 0}
    star = melts.chain(4)
    object.__setattr__(star, "bonds", np.array([[0, 1], [0, 2], [0, 3]]))
    single = CoarseMolecule.of(star, 1, "last")
    assert sorted(map(tuple, single.terms["angle"].tolist())) == [(1, 0, 2), (1, 0, 3), (2, 0, 3)]
    assert len(single.terms["torsion"]) == 0


def test_molecules_of_groups_are_counted_through() -> None:
    frames = melts.frames(melts.gaussian(np.random.default_rng(0), 1, 3, 5, 0.3))
    (kind, _), = frames.blocks
    coarse = CoarseFrames(frames, {"KG": CoarseMolecule.of(kind, 2, "last")})
    assert coarse.molecule.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert coarse.block.tolist() == coarse.molecule.tolist()
    assert coarse.density == pytest.approx(9 / melts.BOX**3)
