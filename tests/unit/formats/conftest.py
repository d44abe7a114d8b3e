"""Octane in other packages' formats."""
from __future__ import annotations

import warnings
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from MDAnalysis.lib.mdamath import triclinic_box

OCTANE = Path(__file__).parents[3] / "recipes" / "octane"
#: A box as LAMMPS, GROMACS and Amber hold it, nm.
BOX = np.array([[3.0, 0.0, 0.0], [0.7, 2.9, 0.0], [-0.5, 0.9, 2.8]])


@pytest.fixture(scope="session")
def octane_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that ParmEd (a.*) and MDAnalysis (t.*) write of octane; those of ParmEd in ``BOX``."""
    parmed = pytest.importorskip("parmed", reason="ParmEd is not installed")
    folder = tmp_path_factory.mktemp("octane")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        structure = parmed.load_file(str(OCTANE / "octane.top"), xyz=str(OCTANE / "aa.gro"))
        structure.box = triclinic_box(*BOX * 10).tolist()
        parmed.amber.AmberParm.from_structure(structure).save(str(folder / "a.prmtop"))
        for name in ("a.psf", "a.rst7", "a.ncrst", "a.pdb"):
            structure.save(str(folder / name))
        universe = MDAnalysis.Universe(str(folder / "a.psf"), str(OCTANE / "test_aa.xtc"))
        for name in ("t.dcd", "t.nc", "t.xyz", "t.trr", "t.pdb"):
            universe.atoms.write(str(folder / name), frames="all")
        universe.atoms.write(str(folder / "t.crd"))
    return folder
