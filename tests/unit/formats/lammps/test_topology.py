"""Lengths of bonds of a LAMMPS data file: of its own coefficients, or of the input script."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.lammps.topology import Lammps

from backmap.errors import BackmapError

DATA = """\
a propane without hydrogens, and water

6 atoms
4 bonds
3 atom types
3 bond types
0 9 xlo xhi
0 9 ylo yhi
0 9 zlo zhi

Masses

1 12.011
2 15.9994
3 1.008

Bond Coeffs{style}

1 {first}
2 450.0 0.9572
3 1.0 3.0

Atoms # full

1 1 1 0 0 0 0
2 1 1 0 1.5 0 0
3 1 1 0 2 1.4 0
4 2 2 0 5 5 5
5 2 3 0 5 5 6
6 2 3 0 5 6 5

Bonds

1 1 1 2
2 1 2 3
3 2 4 5
4 2 4 6
"""


def lengths(folder: Path, script: str | None = None, first: str = "300.0 1.53", style: str = "") -> list[float]:
    """Of the bonds of both molecules, nm."""
    (folder / "data.lmp").write_text(DATA.format(first=first, style=style))
    if script is not None:
        (folder / "in.lmp").write_text(script)
    options = {} if script is None else {"script": folder / "in.lmp"}
    found = Lammps(Lammps.Options(data=folder / "data.lmp", units="real", **options)).read()
    return [float(length) for molecule in found.types.values() for length in molecule.bond_length]


@pytest.mark.parametrize("style", ["", " # harmonic", " # gromos"])
def test_of_the_data_file(style: str, tmp_path: Path) -> None:
    np.testing.assert_allclose(lengths(tmp_path, style=style), [0.153, 0.153, 0.09572, 0.09572])


@pytest.mark.parametrize(("first", "style"), [("300.0 1.53", " # hybrid"), ("300.0 1.53 2.0", "")])
def test_not_of_other_styles(first: str, style: str, tmp_path: Path) -> None:
    assert np.isnan(lengths(tmp_path, first=first, style=style)).all()


@pytest.mark.parametrize("script", [
    "bond_style harmonic\nbond_coeff 1 300 1.54\nbond_coeff 2 450 1.0\n",
    "bond_style gromos\nbond_coeff * 1 1.0\nbond_coeff 1 300 1.54\n",
    "bond_style hybrid harmonic morse\nbond_coeff 1 harmonic 300 1.54\nbond_coeff 2* harmonic 450 1.0\n"])
def test_of_the_script_which_comes_last(script: str, tmp_path: Path) -> None:
    np.testing.assert_allclose(lengths(tmp_path, script), [0.154, 0.154, 0.1, 0.1])


def test_a_type_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match=r"in\.lmp:2: bond_coeff 7 300 1\.5: '7' is no bond type of .*data\.lmp"):
        lengths(tmp_path, "bond_style harmonic\nbond_coeff 7 300 1.5\n")
