"""What is written for LAMMPS is what LAMMPS and MDAnalysis read."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from backmap_plugins.formats.lammps.frames import Lammps as Reader
from backmap_plugins.formats.lammps.topology import Lammps as Topology
from backmap_plugins.formats.lammps.writers import Lammps
from MDAnalysis.lib.mdamath import triclinic_vectors

from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.system import Window
from tests import builders, lmp

#: With tilts that LAMMPS allows: at most half an edge.
BOX = np.array([[2.4, 0.0, 0.0], [0.7, 2.2, 0.0], [-0.5, 0.9, 2.0]])
RECTANGULAR = np.diag([2.4, 2.2, 2.0])
MIXTURE = builders.system()


def _written(folder: Path, *windows: Window, **options: object) -> None:
    writer = Lammps(Lammps.Options(units="real", **options))
    for number, window in enumerate(windows):
        for path, data in zip(writer.paths(), writer.encode(window, MIXTURE, number == 0), strict=True):
            with (folder / path).open("ab") as file:
                file.write(data)


def _windows(box: np.ndarray = BOX) -> list[Window]:
    windows = [builders.window(MIXTURE, box, n_frames=2), builders.window(MIXTURE, box, n_frames=3, seed=5)]
    windows[1].frames += 2
    windows[1].time += 20
    return windows


def _same_up_to_images(found: np.ndarray, expected: np.ndarray, box: np.ndarray, tolerance: float) -> None:
    assert np.abs(periodic.minimum_image(found - expected, box)).max() < tolerance


@pytest.mark.parametrize("box", [BOX, RECTANGULAR])
def test_dump_round_trip_over_two_windows(tmp_path: Path, box: np.ndarray) -> None:
    windows = _windows(box)
    _written(tmp_path, *windows, dump="a.dump")
    source = Reader(Reader.Options(dump=[tmp_path / "a.dump"], units="real")).open()
    assert (source.n_frames, source.n_points) == (5, MIXTURE.n_atoms)
    assert len(set(source.names)) == 6  # types
    np.testing.assert_allclose(source.times(), [0, 10, 20, 30, 40])
    for number, (window, row) in enumerate([(windows[0], 0), (windows[0], 1), *((windows[1], k) for k in range(3))]):
        frame = source.frame(number)
        np.testing.assert_allclose(frame.positions, window.atoms[row], atol=6e-8)
        np.testing.assert_allclose(frame.box, box, atol=1e-9)


@pytest.mark.parametrize("box", [BOX, RECTANGULAR])
def test_mdanalysis_reads_the_dump(tmp_path: Path, box: np.ndarray) -> None:
    windows = _windows(box)
    _written(tmp_path, *windows, dump="a.lammpsdump")
    universe = MDAnalysis.Universe(str(tmp_path / "a.lammpsdump"), format="LAMMPSDUMP", to_guess=())
    assert len(universe.trajectory) == 5
    shift = universe.trajectory[0].positions / 10 - windows[0].atoms[0]
    np.testing.assert_allclose(shift - shift[0], 0, atol=1e-6)  # it moves the corner of the box to the origin
    np.testing.assert_allclose(triclinic_vectors(universe.trajectory[0].dimensions) / 10, box, atol=1e-6)


@pytest.mark.parametrize("box", [BOX, RECTANGULAR])
def test_data_file_in_lammps(tmp_path: Path, box: np.ndarray) -> None:
    window = builders.window(MIXTURE, box, n_frames=1)
    _written(tmp_path, window, data="a.data")
    printed = lmp.run(f"{lmp.HEAD}read_data a.data\n{lmp.FORCES}run 0\n"
                      "write_dump all custom b.dump id xs ys zs modify sort id format float %.10g\n"
                      "write_data b.data nocoeff\n", tmp_path)
    kinds = [kind for kind, count in MIXTURE.blocks for _ in range(count)]
    assert f"{MIXTURE.n_atoms} atoms" in printed
    assert f"{sum(len(kind.bonds) for kind in kinds)} bonds" in printed
    for name in ("b.dump", "b.data"):
        frame = Reader(Reader.Options(**{name[2:]: [tmp_path / name]}, units="real")).open().frame(0)
        _same_up_to_images(frame.positions, window.atoms[0], box, 1e-6)
        np.testing.assert_allclose(frame.box, box, atol=1e-7)
    topology = Topology(Topology.Options(data=tmp_path / "b.data", units="real", names=["BUT", "SOL", "CHI"])).read()
    assert topology.blocks == [("BUT", 2), ("SOL", 3), ("CHI", 2), ("BUT", 1)]
    for kind in MIXTURE.types:
        found = topology.types[kind.name]
        assert found.element.tolist() == kind.chemistry.element.tolist()
        assert found.bonds.tolist() == kind.bonds.tolist()
        np.testing.assert_allclose(found.mass, kind.mass, atol=1e-5)


def test_angles_and_dihedrals_are_those_of_the_bonds(tmp_path: Path) -> None:
    _written(tmp_path, builders.window(MIXTURE, BOX, n_frames=1), data="a.data")
    universe = MDAnalysis.Universe(str(tmp_path / "a.data"), format="DATA", to_guess=())
    first = {tuple(row) for row in universe.dihedrals.indices.tolist() if max(row) < 14}
    assert len(universe.angles) == 3 * 24 + 3 * 1 + 2 * 6
    assert len(first) == 9 + 9 + 9  # butane: nine about each bond of two carbons
    assert {row[1:3] for row in first} <= {(0, 1), (1, 2), (2, 3), (1, 0), (2, 1), (3, 2)}


def test_a_leaning_box_is_the_same_lattice(tmp_path: Path) -> None:
    leaning = np.array([[2.4, 0.0, 0.0], [-3.1, 2.2, 0.0], [5.5, -3.5, 2.0]])
    _written(tmp_path, builders.window(MIXTURE, leaning, n_frames=1), dump="a.dump")
    box = Reader(Reader.Options(dump=[tmp_path / "a.dump"], units="real")).open().frame(0).box
    assert (np.abs(box[np.tril_indices(3, -1)]) <= 1.2 + 1e-9).all()
    turns = leaning @ np.linalg.inv(box)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-7)
    assert round(abs(np.linalg.det(turns))) == 1


def test_no_box(tmp_path: Path) -> None:
    window = replace(builders.window(MIXTURE, n_frames=1), boxes=np.zeros((1, 3, 3)))
    _written(tmp_path, window, dump="a.dump")
    assert Reader(Reader.Options(dump=[tmp_path / "a.dump"], units="real")).open().frame(0).box is None


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match="there is nothing to write"):
        Lammps(Lammps.Options(units="real"))
    with pytest.raises(BackmapError, match=r"a\.data: a data file holds one frame, but the run has several"):
        _written(tmp_path, builders.window(MIXTURE), data="a.data")
    turned = builders.window(MIXTURE, BOX[::-1].copy(), n_frames=1)
    with pytest.raises(BackmapError, match=r"a\.dump: the box does not stand with a along x"):
        _written(tmp_path, turned, dump="a.dump")
    with pytest.raises(BackmapError, match="cannot write atoms that are not placed"):
        _written(tmp_path, replace(turned, atoms=None), dump="a.dump")


def test_data_file_beside_a_dump_holds_the_first_frame(tmp_path: Path) -> None:
    windows = _windows()
    _written(tmp_path, *windows, data="a.data", dump="a.dump")
    frame = Reader(Reader.Options(data=[tmp_path / "a.data"], units="real")).open().frame(0)
    np.testing.assert_allclose(frame.positions, windows[0].atoms[0], atol=6e-8)
