"""What is written can be read again, window by window."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydantic
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.writers import Gromacs, atom_labels, box_line

from backmap.errors import BackmapError
from backmap.model.system import System
from tests import builders


def _written(folder: Path, windows: list, system: System, **options: object) -> list[Path]:
    writer = Gromacs(Gromacs.Options(**options))
    for number, window in enumerate(windows):
        for path, data in zip(writer.paths(), writer.encode(window, system, number == 0), strict=True):
            with (folder / path).open("ab") as file:
                file.write(data)
    return [folder / path for path in writer.paths()]


@pytest.mark.parametrize(("name", "options", "tolerance"), [
    ("a.gro", {}, 5.1e-4), ("a.gro", {"decimals": 6}, 5.1e-7), ("a.xtc", {}, 5.1e-4),
    ("a.xtc", {"precision": 10000}, 5.1e-5), ("a.trr", {}, 1e-6)])
def test_round_trip_over_two_windows(tmp_path: Path, name: str, options: dict, tolerance: float) -> None:
    system = builders.system()
    windows = [builders.window(system, n_frames=2), builders.window(system, n_frames=3, seed=5)]
    windows[1].frames += 2
    (path,) = _written(tmp_path, windows, system, files=name, **options)
    source = GromacsFrames([path])
    assert source.n_frames == 5
    for k in range(5):
        window, row = (windows[0], k) if k < 2 else (windows[1], k - 2)
        frame = source.frame(k)
        np.testing.assert_allclose(frame.positions, window.atoms[row], atol=tolerance)
        np.testing.assert_allclose(frame.box, window.boxes[row], atol=1e-5)
        assert frame.time == window.time[row]


def test_two_files_at_once_and_names(tmp_path: Path) -> None:
    system = builders.system()
    paths = _written(tmp_path, [builders.window(system)], system, files=["a.gro", "a.xtc"])
    source = GromacsFrames(paths)
    assert source.names == [name for kind, count in system.blocks for name in kind.atom_names * count]
    assert source.residue_names[-1] == "BUT"
    assert source.residues[[0, 14, 28, 31]].tolist() == [1, 2, 3, 4]


def test_long_molecules_keep_their_residue_numbers() -> None:
    kind = replace(builders.butane(), residues=np.array([3] * 7 + [4] * 7))
    numbers = [int(label[:5]) for label in atom_labels(System(((builders.water(), 2), (kind, 1))))]
    assert numbers == [5] * 3 + [6] * 3 + [3] * 7 + [4] * 7


def test_numbers_wrap_and_names_are_cut() -> None:
    kind = replace(builders.water(), atom_names=["OWATER", "HW1", "HW2"])
    labels = atom_labels(System(((kind, 40000),)))
    assert all(len(label) == 20 for label in labels)
    assert labels[0] == "    1SOL  OWATE    1"
    assert labels[99999][15:] == "    0"


def test_boxes() -> None:
    assert box_line(np.diag([1.0, 2, 3])) == "   1.00000   2.00000   3.00000\n"
    assert len(box_line(builders.TRICLINIC).split()) == 9
    assert box_line(np.zeros((3, 3))).split() == ["0.00000"] * 3


def test_no_box_stays_none(tmp_path: Path) -> None:
    system = builders.system()
    window = replace(builders.window(system), boxes=np.zeros((2, 3, 3)))
    for path in _written(tmp_path, [window], system, files=["a.gro", "a.xtc"]):
        assert GromacsFrames([path]).frame(0).box is None


def test_unplaced_atoms_are_refused() -> None:
    system = builders.system()
    writer = Gromacs(Gromacs.Options(files="a.gro"))
    for window in (replace(builders.window(system), atoms=None),
                   replace(builders.window(system), placed=np.zeros((2, system.n_atoms), dtype=bool))):
        with pytest.raises(BackmapError, match=r"a\.gro: cannot write atoms that are not placed"):
            list(writer.encode(window, system, True))


def test_other_formats_are_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match=r"'a\.pdb' should end in"):
        Gromacs.Options(files="a.pdb")
