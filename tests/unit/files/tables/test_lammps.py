"""LAMMPS' tables: read by LAMMPS itself, whose energies and forces are those of a slow twin."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.tables import read_lammps, write_lammps

from backmap.errors import BackmapError
from backmap.model.tabulated import KINDS, Kind, Potential
from tests import lmp, tabulated

BOX = np.array([[2.3, 0, 0], [0.4, 2.2, 0], [-0.3, 0.5, 2.4]])
TERMS = {"bond": "bond", "angle": "angle", "dihedral": "dihedral", "E-E": "pair", "E-M": "pair", "M-M": "pair"}
SCRIPT = """\
units real
atom_style molecular
boundary p p p
special_bonds lj 0 0 0
pair_style {pair}
bond_style {bond}
angle_style {angle}
dihedral_style {dihedral}
read_data data
{coefficients}
dump forces all custom 1 forces id fx fy fz
dump_modify forces sort id format float %.12g
thermo_style custom pe
thermo_modify format float %.12g
run 0
"""
#: Style and coefficients with a table, and without.
STYLES = {"pair": ("table spline 20000", "zero 10.0 nocoeff", "pair_coeff * *"),
          "bond": ("table spline 20000", "zero nocoeff", "bond_coeff *"),
          "angle": ("table spline 20000", "zero nocoeff", "angle_coeff *"),
          "dihedral": ("table spline 3600", "zero", "dihedral_coeff *")}
COEFFICIENTS = {"bond": "bond_coeff * bond.table bond", "angle": "angle_coeff * angle.table angle",
                "dihedral": "dihedral_coeff * dihedral.table dihedral",
                "pair": "\n".join(f"pair_coeff {i} {j} pair.table {name}"
                                  for i, j, name in ((1, 1, "E-E"), (1, 2, "E-M"), (2, 2, "M-M")))}


def potentials(kind: Kind) -> dict[str, Potential]:
    return {name: tabulated.potential(kind, seed) for seed, (name, own) in enumerate(TERMS.items()) if own == kind}


def data(beads: np.ndarray) -> str:
    """A data file of chains of four beads."""
    n, box = len(beads) // 4, 10 * BOX
    lines = ["chains", "", f"{4 * n} atoms", f"{3 * n} bonds", f"{2 * n} angles", f"{n} dihedrals", "2 atom types",
             "1 bond types", "1 angle types", "1 dihedral types", f"0 {box[0, 0]} xlo xhi", f"0 {box[1, 1]} ylo yhi",
             f"0 {box[2, 2]} zlo zhi", f"{box[1, 0]} {box[2, 0]} {box[2, 1]} xy xz yz", "", "Masses", "", "1 29",
             "2 28", "", "Atoms", ""]
    types = [1 + "EM".index(name) for name in tabulated.TYPES]
    lines += [f"{k + 1} {k // 4 + 1} {types[k % 4]} " + " ".join(f"{x:.12f}" for x in at)
              for k, at in enumerate(10 * beads)]
    for kind in ("bond", "angle", "dihedral"):
        lines += ["", f"{kind.capitalize()}s", ""]
        members = [[4 * m + b + 1 for b in member] for m in range(n) for member in tabulated.CHAIN[kind]]
        lines += [f"{k + 1} 1 " + " ".join(map(str, member)) for k, member in enumerate(members)]
    return "\n".join(lines) + "\n"


def by_lammps(beads: np.ndarray, kind: Kind, folder: Path) -> tuple[float, np.ndarray]:
    """Energy, kJ/mol, and forces, kJ/mol/nm, of one kind of tables."""
    (folder / "data").write_text(data(beads))
    write_lammps(folder / f"{kind}.table", potentials(kind), kind)
    styles = {other: with_table if other == kind else zero for other, (with_table, zero, _) in STYLES.items()}
    lines = [COEFFICIENTS[own] if own == kind else nothing for own, (_, _, nothing) in STYLES.items()]
    said = lmp.run(SCRIPT.format(**styles, coefficients="\n".join(lines)), folder)
    rows = said.splitlines()
    at = next(k for k, row in enumerate(rows) if row.strip().startswith("PotEng"))
    forces = np.array([row.split()[1:] for row in (folder / "forces").read_text().splitlines()[9:]], dtype=float)
    return float(rows[at + 1]) * 4.184, forces * 41.84


@pytest.mark.parametrize("kind", KINDS)
def test_lammps_finds_the_same_energies_and_forces(kind: Kind, tmp_path: Path) -> None:
    beads = tabulated.chains(8, BOX, seed=3)
    energy, forces = by_lammps(beads, kind, tmp_path)
    terms = potentials(kind)
    expected = tabulated.forces(beads, BOX, terms)
    assert energy == pytest.approx(tabulated.energy(beads, BOX, terms), rel=1e-4)
    assert np.abs(forces - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(kind: Kind, tmp_path: Path) -> None:
    known = tabulated.potential(kind)
    write_lammps(tmp_path / "t", {"other": tabulated.potential(kind, 5), "one": known}, kind)
    read = read_lammps(tmp_path / "t", "one", kind)
    assert np.allclose(read.grid, known.grid, atol=1e-9)
    assert np.allclose(read.energy, known.energy, rtol=1e-9, atol=1e-8)
    assert np.allclose(read.force, known.force, rtol=1e-9, atol=1e-6)


def test_angles_are_written_from_0_to_180_degrees(tmp_path: Path) -> None:
    part = Potential("angle", np.linspace(1, 3, 201), 50 * (np.linspace(1, 3, 201) - 2)**2,
                     -100 * (np.linspace(1, 3, 201) - 2))
    write_lammps(tmp_path / "t", {"bend": part}, "angle")
    read = read_lammps(tmp_path / "t", "bend", "angle")
    assert read.grid[[0, -1]] == pytest.approx([0, np.pi])
    assert read.energy[0] == pytest.approx(50 + 100 * 1, rel=1e-6)  # straight beyond its end
    inside = (read.grid > 1) & (read.grid < 3)
    assert np.allclose(read.energy[inside], 50 * (read.grid[inside] - 2)**2, atol=1e-6)


def test_dihedrals_by_their_energy_alone_and_in_radians(tmp_path: Path) -> None:
    phi = np.linspace(-np.pi, np.pi, 100, endpoint=False)
    rows = "\n".join(f"{k} {x:.12f} {np.cos(x):.12f}" for k, x in enumerate(phi, 1))
    (tmp_path / "t").write_text(f"VOTCA\nN 100 RADIANS NOF\n\n{rows}\n")
    read = read_lammps(tmp_path / "t", "VOTCA", "dihedral")
    assert read.grid[[0, -1]] == pytest.approx([-np.pi, np.pi])
    assert np.abs(read.force - 4.184 * np.sin(read.grid)).max() < 1e-5


@pytest.mark.parametrize(("text", "said"), [
    ("A\nN 4\n\n1 1 2 3\n2 x 2 3\n3 3 2 3\n4 4 2 3\n", ":5: '2 x 2 3' is no point of a table"),
    ("A\nN 9\n\n1 1 2 3\n", "has fewer than 9 points"),
    ("A\nR 9\n", "does not start with N"),
    ("B\nN 1\n\n1 1 2 3\n", "has no section 'A'. Sections: B."),
])
def test_what_is_no_table(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(BackmapError) as caught:
        read_lammps(tmp_path / "t", "A", "bond")
    assert said in str(caught.value)
