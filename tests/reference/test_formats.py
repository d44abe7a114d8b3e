"""Readers of frames on the published data: triclinic boxes that change, and long trajectories."""
from __future__ import annotations

import warnings
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import Gromacs, GromacsFrames
from backmap_plugins.formats.lammps.frames import Lammps
from backmap_plugins.formats.mdanalysis.frames import Amber, AnyFormat, Pdb

FRAMES = (0, 40, 77)


@pytest.fixture(scope="module")
def polystyrene(reference_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames of polystyrene's beads, as MDAnalysis writes them in other formats."""
    folder = tmp_path_factory.mktemp("polystyrene")
    data = reference_data / "polystyrene"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(data / "validation" / "cg_100.gro"), to_guess=())
        info = [GromacsFrames([data / "test_568K" / "cg.xtc"]).frame(number) for number in FRAMES]
        boxes = [MDAnalysis.lib.mdamath.triclinic_box(*(one.box * 10)) for one in info]
        universe.load_new(np.array([one.positions * 10 for one in info]), order="fac", dimensions=np.array(boxes))
        for name in ("b.nc", "b.dcd"):
            universe.atoms.write(str(folder / name), frames="all")
        universe.add_TopologyAttr("types", ["1"] * len(universe.atoms))
        universe.add_TopologyAttr("masses", [1.0] * len(universe.atoms))
        for terms in ("bonds", "angles", "dihedrals", "impropers"):
            universe.add_TopologyAttr(terms, [])
        universe.atoms.write(str(folder / "b.data"))
        universe.atoms.write(str(folder / "b.pdb"))
    return folder


@pytest.mark.parametrize("name", ["b.nc", "b.dcd", "b.data", "b.pdb"])
def test_triclinic_boxes_in_other_formats(name: str, polystyrene: Path, reference_data: Path) -> None:
    data = reference_data / "polystyrene"
    source = {"b.nc": lambda path: Amber(Amber.Options(files=path)),
              "b.dcd": lambda path: AnyFormat(AnyFormat.Options(files=[data / "validation" / "cg_100.gro", path])),
              "b.data": lambda path: Lammps(Lammps.Options(data=path, units="real", atom_style="molecular")),
              "b.pdb": lambda path: Pdb(Pdb.Options(files=path))}[name](polystyrene / name).open()
    own = GromacsFrames([data / "test_568K" / "cg.xtc"])
    for row in range(source.n_frames):
        expected, found = own.frame(FRAMES[row]), source.frame(row)
        np.testing.assert_allclose(found.box, expected.box, atol=1e-3)
        np.testing.assert_allclose(found.positions, expected.positions, atol=1e-4)


def test_times_of_a_long_trajectory(reference_data: Path) -> None:
    """A part of 96.5 ns is found from the frames' headers alone."""
    files = [reference_data / "alanine_dipeptide" / name for name in ("ala2.pdb", "vac99sb.xtc")]
    source = Gromacs(Gromacs.Options(files=files, begin=50_000, end=51_000, dt=100)).open()
    assert source.n_points == 22
    assert [frame.time for frame in source] == [50_000 + 100.0 * k for k in range(11)]
    assert source.names[:2] == GromacsFrames(files[:1]).names[:2]
