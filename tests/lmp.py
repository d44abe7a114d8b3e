"""LAMMPS in tests: an independent reader and writer of its own formats."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def run(script: str, folder: Path) -> str:
    """Run a script in ``folder`` and return what LAMMPS printed.

    Raises:
        RuntimeError: If LAMMPS stops with an error.
    """
    program = shutil.which("lmp")
    if program is None:
        pytest.skip("LAMMPS (lmp) is not installed; on Debian it is the package lammps")
    (folder / "in.lammps").write_text(script)
    done = subprocess.run([program, "-in", "in.lammps", "-log", "none"], cwd=folder, capture_output=True, text=True,
                          timeout=120)
    if done.returncode or "ERROR" in done.stdout:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return done.stdout


#: Enough to read a data file with bonds, angles and dihedrals but without coefficients.
HEAD = """\
units real
atom_style full
boundary p p p
atom_modify map array
"""
#: After read_data: forces that need no coefficients.
FORCES = """\
pair_style zero 8.0 nocoeff
pair_coeff * *
bond_style zero nocoeff
bond_coeff *
angle_style zero nocoeff
angle_coeff *
dihedral_style zero
dihedral_coeff *
comm_modify cutoff 12.0
"""
