"""A .pdb that is written is what our reader, MDAnalysis and GROMACS read."""
from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import MDAnalysis
import numpy as np
import pydantic
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.writers import Gromacs
from backmap_plugins.formats.mdanalysis.frames import Pdb as Reader
from backmap_plugins.formats.pdb_writer import Pdb

from backmap.errors import BackmapError
from backmap.model.system import System, Window
from tests import builders

MIXTURE = builders.system()
RECTANGULAR = np.diag([2.4, 2.2, 2.0])


def _written(folder: Path, *windows: Window, system: System = MIXTURE) -> Path:
    writer = Pdb(Pdb.Options(file="a.pdb"))
    for number, window in enumerate(windows):
        (data,) = writer.encode(window, system, number == 0)
        with (folder / "a.pdb").open("ab") as file:
            file.write(data)
    return folder / "a.pdb"


def _windows(box: np.ndarray) -> list[Window]:
    windows = [builders.window(MIXTURE, box, n_frames=2), builders.window(MIXTURE, box, n_frames=3, seed=5)]
    windows[1].frames += 2
    return windows


@pytest.mark.parametrize("box", [builders.TRICLINIC, RECTANGULAR])
def test_round_trip_over_two_windows(tmp_path: Path, box: np.ndarray) -> None:
    windows = _windows(box)
    source = Reader(Reader.Options(files=_written(tmp_path, *windows))).open()
    assert source.n_frames == 5
    assert source.names == [name for kind, count in MIXTURE.blocks for name in kind.atom_names * count]
    assert source.residue_names == [name for kind, count in MIXTURE.blocks for name in kind.residue_names * count]
    for number, (window, row) in enumerate([(windows[0], 0), (windows[0], 1), *((windows[1], k) for k in range(3))]):
        frame = source.frame(number)
        np.testing.assert_allclose(frame.positions, window.atoms[row], atol=5.1e-5)
        np.testing.assert_allclose(frame.box, box, atol=3e-4)  # angles have two decimals


def test_mdanalysis_sees_elements_and_residues(tmp_path: Path) -> None:
    universe = MDAnalysis.Universe(str(_written(tmp_path, *_windows(RECTANGULAR))))
    assert len(universe.trajectory) == 5
    assert len(universe.residues) == MIXTURE.n_molecules
    expected = [z for kind, count in MIXTURE.blocks for z in kind.chemistry.element.tolist() * count]
    numbers = {"C": 6, "H": 1, "O": 8, "F": 9, "Cl": 17, "Br": 35}
    assert [numbers[symbol] for symbol in universe.atoms.elements] == expected


def test_gromacs_reads_it(tmp_path: Path) -> None:
    if shutil.which("gmx") is None:
        pytest.skip("gmx is not installed")
    windows = _windows(builders.TRICLINIC)
    _written(tmp_path, *windows)
    subprocess.run(["gmx", "trjconv", "-f", "a.pdb", "-s", "a.pdb", "-o", "b.trr"], cwd=tmp_path, input="0\n",
                   text=True, capture_output=True, check=True)
    subprocess.run(["gmx", "editconf", "-f", "a.pdb", "-o", "b.gro"], cwd=tmp_path, capture_output=True, check=True)
    source = GromacsFrames([tmp_path / "b.gro", tmp_path / "b.trr"])
    assert source.n_frames == 5
    np.testing.assert_allclose(source.frame(4).positions, windows[1].atoms[2], atol=6e-5)
    np.testing.assert_allclose(source.frame(4).box, builders.TRICLINIC, atol=1e-3)
    _, gro = Gromacs(Gromacs.Options(files=["c.xtc", "c.gro"])).encode(windows[0], MIXTURE, True)
    (tmp_path / "c.gro").write_bytes(gro)
    own = GromacsFrames([tmp_path / "c.gro"])
    assert own.names == source.names
    assert own.residue_names == source.residue_names
    assert own.residues.tolist() == source.residues.tolist()


def test_no_box_and_a_single_molecule(tmp_path: Path) -> None:
    alone = builders.system((builders.butane(), 1))
    window = replace(builders.window(alone, n_frames=1), boxes=np.zeros((1, 3, 3)))
    path = _written(tmp_path, window, system=alone)
    assert Reader(Reader.Options(files=path)).open().frame(0).box is None
    np.testing.assert_allclose(Reader(Reader.Options(files=path, box=[3, 4, 5])).open().frame(0).box,
                               np.diag([3, 4, 5]), atol=1e-6)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(pydantic.ValidationError, match=r"should end in \.pdb"):
        Pdb.Options(file="a.gro")
    window = builders.window(MIXTURE, n_frames=1)
    with pytest.raises(BackmapError, match=r"a\.pdb: a coordinate has no room"):
        _written(tmp_path, replace(window, atoms=window.atoms + 1000))
    with pytest.raises(BackmapError, match="the box does not stand"):
        _written(tmp_path, replace(window, boxes=window.boxes[:, ::-1]))
