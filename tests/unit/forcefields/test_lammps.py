"""Force fields from LAMMPS: energies beside those that LAMMPS itself prints, and what scripts say."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.lammps.data import DataFile
from backmap_plugins.forcefields.lammps.reader import Lammps
from backmap_plugins.formats.lammps.topology import Lammps as Topology
from backmap_plugins.molecules.assemble import assemble

from backmap.engine.energy.frame import FrameEnergy
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.run_parameters import RunParameters
from tests import lmp

#: Two molecules of a chain of five carbons and one oxygen that branches, charged, and their terms.
ATOMS = 6
BONDS, ANGLES = [(1, 2), (2, 3), (3, 4), (4, 5), (3, 6)], [(1, 2, 3), (2, 3, 4), (3, 4, 5), (2, 3, 6), (4, 3, 6)]
DIHEDRALS, IMPROPERS = [(1, 2, 3, 4), (2, 3, 4, 5), (1, 2, 3, 6), (6, 3, 4, 5)], [(3, 2, 4, 6)]
BOX = 40.0
COEFFICIENTS = {"bond": "bond_style harmonic\nbond_coeff * 300.0 1.5",
                "angle": "angle_style harmonic\nangle_coeff * 50 112",
                "dihedral": "dihedral_style opls\ndihedral_coeff * 1.3 -0.2 0.3 0.1",
                "improper": "improper_style cvff\nimproper_coeff * 2.0 -1 2",
                "pair": "pair_style lj/cut/coul/cut 9.0\npair_coeff 1 1 0.1 3.4\npair_coeff 2 2 0.2 3.0"}
HEAD = "units real\natom_style full\nboundary p p p\nspecial_bonds lj 0 0 0.5 coul 0 0 0.8333\n"
STYLES = {
    "bond gromos": ("bond", "bond_style gromos\nbond_coeff 1 40.0 1.5"),
    "angle charmm": ("angle", "angle_style charmm\nangle_coeff 1 50 112 20 2.5"),
    "angle cosine/squared": ("angle", "angle_style cosine/squared\nangle_coeff * 50 112"),
    "dihedral charmm": ("dihedral", "dihedral_style charmm\ndihedral_coeff * 0.7 3 40 0.0"),
    "dihedral harmonic": ("dihedral", "dihedral_style harmonic\ndihedral_coeff 1 0.7 -1 2"),
    "dihedral multi/harmonic": ("dihedral", "dihedral_style multi/harmonic\ndihedral_coeff 1 1.3 0.7 -0.3 0.5 0.2"),
    "dihedral hybrid": ("dihedral", "dihedral_style hybrid opls harmonic\ndihedral_coeff 1 harmonic 0.7 1 3"),
    "improper harmonic": ("improper", "improper_style harmonic\nimproper_coeff 1 20.0 0.0"),
    "pair lj/cut": ("pair", "special_bonds lj/coul 0 0 0\npair_style lj/cut 9.0\n"
                            "pair_coeff 1 1 0.1 3.4\npair_coeff 2 2 0.2 3.0\n"
                            "pair_modify mix arithmetic shift yes"),
    "pair sixthpower": ("pair", "pair_style lj/cut/coul/cut 9.0\npair_coeff * * 0.1 3.4\npair_coeff 2 2 0.2 3.0\n"
                                "pair_modify mix sixthpower\ndielectric 2.0"),
    "pair coefficients": ("pair", "pair_style lj/cut/coul/cut 9.0 9.0\npair_coeff * * 0.1 3.4\npair_coeff 1 2 0.3 3.1"),
    "pair special": ("pair", "special_bonds amber\npair_style lj/cut/coul/cut 9.0\npair_coeff * * 0.1 3.4"),
    "pair all": ("pair", "special_bonds lj/coul 1 1 1\npair_style lj/cut/coul/cut 9.0\npair_coeff * * 0.01 1.0"),
}


def data_of(folder: Path, more: str = "") -> Path:
    """A data file of two molecules without coefficients, but with what is given as ``more``."""
    rng = np.random.default_rng(5)
    chain = np.array([(0, 0, 0), (1.5, 0.3, 0), (2.2, 1.6, 0.4), (3.7, 1.5, 0.9), (4.3, 2.8, 1.5), (1.6, 2.2, 1.5)])
    places = np.concatenate([chain, chain @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + [1.0, 4.0, 4.0]]) + 15
    charges = [0.3, -0.2, 0.4, 0.1, -0.1, -0.5] * 2
    text = ["two molecules", "", "12 atoms"]
    counts = {"Bonds": BONDS, "Angles": ANGLES, "Dihedrals": DIHEDRALS, "Impropers": IMPROPERS}
    text += [f"{2 * len(rows)} {name.lower()}" for name, rows in counts.items()]
    text += ["2 atom types", *(f"1 {name.lower()[:-1]} types" for name in counts),
             *(f"0.0 {BOX} {x}lo {x}hi" for x in "xyz"), "", "Masses", "", "1 12.011", "2 15.999", more, "",
             "Atoms # full", ""]
    text += [f"{k + 1} {k // 6 + 1} {2 if k % 6 == 5 else 1} {charge} {x:.6f} {y:.6f} {z:.6f}"
             for k, (charge, (x, y, z)) in enumerate(zip(charges, places.tolist(), strict=True))]
    for name, rows in counts.items():
        text += ["", name, ""]
        text += [" ".join(map(str, (k + 1, 1, *(a + shift for a in row))))
                 for k, (shift, row) in enumerate((shift, row) for shift in (0, 6) for row in rows)]
    path = folder / "data.lmp"
    path.write_text("\n".join(text) + "\n")
    return path


def script_of(changed: str = "", text: str = "") -> str:
    """A script with all styles, one of them another."""
    return HEAD + "read_data data.lmp\n" + "\n".join(
        text if kind == changed else known for kind, known in COEFFICIENTS.items()) + "\n"


def read(folder: Path, script: str) -> tuple[dict[str, float], ForceField, RunParameters]:
    """Energies of the frame in the data file, kJ/mol, by LAMMPS' names; force field and run parameters."""
    (folder / "in.lmp").write_text(script)
    topology = Topology(Topology.Options(data=folder / "data.lmp", units="real")).read()
    system = assemble(topology, {}, constraints="none", given=list(topology.types))
    reader = Lammps(Lammps.Options(script=folder / "in.lmp"))
    field, run = reader.read(system), reader.run_parameters()
    field = replace(field, **run.treatment).screened(run.epsilon_r)
    data = DataFile(folder / "data.lmp")
    terms = FrameEnergy(system, field).of(data.positions / 10, data.box / 10)
    return ({"E_bond": terms["bond"], "E_angle": terms["angle"], "E_torsion": terms["proper"] + terms["improper"],
             "E_vdwl": terms["lj"] + terms["lj_14"], "E_coul": terms["coulomb"] + terms["coulomb_14"]}, field, run)


def beside(folder: Path, script: str) -> dict[str, float]:
    """What LAMMPS prints, kJ/mol."""
    printed = lmp.run(script + "thermo_style custom ebond eangle edihed eimp evdwl ecoul\nthermo_modify format float "
                               "%.12g\nrun 0\n", folder).splitlines()
    row = next(k for k, line in enumerate(printed) if "E_bond" in line)
    values = dict(zip(printed[row].split(), (4.184 * float(word) for word in printed[row + 1].split()), strict=True))
    values["E_torsion"] = values.pop("E_dihed") + values.pop("E_impro")
    return values


@pytest.mark.parametrize("name", STYLES)
def test_energies_are_those_of_lammps(name: str, tmp_path: Path) -> None:
    data_of(tmp_path)
    script = script_of(*STYLES[name])
    found, _, _ = read(tmp_path, script)
    expected = beside(tmp_path, script)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert name == "pair lj/cut" or min(map(abs, expected.values())) > 0.01


#: Styles that few builds of LAMMPS have, and their energies by the manual.
FORMULAS = {
    "nharmonic\ndihedral_coeff 1 6 1.3 0.7 -0.3 0.5 0.2 0.4":
        lambda p: sum(a * np.cos(p)**n for n, a in enumerate([1.3, 0.7, -0.3, 0.5, 0.2, 0.4])),
    "fourier\ndihedral_coeff 1 2 0.7 1 0.0 0.3 3 -120": lambda p: 0.7 * (1 + np.cos(p)) + 0.3 * (
        1 + np.cos(3 * p + np.radians(120))),
    "helix\ndihedral_coeff 1 0.7 0.3 0.5": lambda p: 0.7 * (1 - np.cos(p)) + 0.3 * (1 + np.cos(3 * p)) + 0.5 * (
        1 + np.cos(p + np.pi / 4)),
    "quadratic\ndihedral_coeff 1 0.7 60": lambda p: 0.7 * ((p - np.pi / 3 + np.pi) % (2 * np.pi) - np.pi)**2,
}


@pytest.mark.parametrize("style", FORMULAS)
def test_dihedrals_are_those_of_the_manual(style: str, tmp_path: Path) -> None:
    data = DataFile(data_of(tmp_path))
    without = script_of("improper", "improper_style zero\nimproper_coeff *")
    found, _, _ = read(tmp_path, without.replace(COEFFICIENTS["dihedral"], f"dihedral_style {style}"))
    expected = 0.0
    for shift in (0, 6):
        for row in DIHEDRALS:
            i, j, k, m = (data.positions[a + shift - 1] for a in row)
            one, axis, other = j - i, k - j, m - k
            normals = np.cross(one, axis), np.cross(axis, other)
            angle = np.arctan2(np.linalg.norm(axis) * one @ normals[1], normals[0] @ normals[1])
            expected += 4.184 * FORMULAS[style](angle)
    assert found["E_torsion"] == pytest.approx(expected, rel=1e-9)


def test_coefficients_of_the_data_file(tmp_path: Path) -> None:
    more = ("Pair Coeffs\n\n1 0.11 3.56 0.1 3.1\n2 0.2 3.3 0.2 2.8\n\nBond Coeffs\n\n1 250 1.49\n\nAngle Coeffs\n\n"
            "1 40 110 20 2.4\n\nDihedral Coeffs\n\n1 0.7 2 180 0.5\n\nImproper Coeffs\n\n1 30 0.0\n")
    data_of(tmp_path, more)
    styles = ("units real\natom_style full\npair_style lj/charmm/coul/long 18.0 19.0 19.0\nbond_style harmonic\n"
              "angle_style charmm\ndihedral_style charmm\nimproper_style harmonic\nkspace_style ewald 1e-5\n"
              "special_bonds charmm\nread_data data.lmp\n")
    found, field, _ = read(tmp_path, styles)
    expected = beside(tmp_path, styles)
    for term in ("E_bond", "E_angle", "E_torsion", "E_vdwl"):  # all pairs are before the switch
        assert found[term] == pytest.approx(expected[term], rel=1e-6)
    assert len(next(iter(field.molecules.values())).pairs) == len(DIHEDRALS)


def test_what_a_script_says_of_the_simulation(tmp_path: Path) -> None:
    data_of(tmp_path)
    (tmp_path / "styles.in").write_text(script_of("pair", "pair_style lj/cut/coul/long ${far} 12\npair_coeff * * &\n"
                                                         "  $(v_far/100) 3.4  # one kind\nkspace_style pppm 1e-4"))
    script = ("variable near index 10.0\nvariable far equal ${near}-1.0\nvariable T equal 300\ninclude styles.in\n"
              "fix 1 all shake 1e-4 20 0 b 1\nfix 2 all nvt temp ${T} $T 100.0\nfix 3 all spring/self 10.0\nunfix 3\n"
              "fix 4 all efield 0.1 0 0\npair_modify tail yes\nthermo 10\nrun 100\n")
    _, _, run = read(tmp_path, script)
    assert run.temperature == 300
    assert run.constraints == "all-bonds"
    assert run.treatment == {"cutoff": pytest.approx(0.9), "tail": "none", "coulomb": "reaction_field",
                             "epsilon_rf": 0.0}
    assert run.instead == {"coulomb": frozenset({"pme"})}
    assert [("1.2 nm, is not used" in line, "efield" in line, "tail yes" in line) for line in run.remarks] == [
        (True, False, False), (False, True, False), (False, False, True)]


def test_variables_are_given_as_by_the_command_line(tmp_path: Path) -> None:
    data_of(tmp_path)
    (tmp_path / "in.lmp").write_text("variable T index 300\n" + script_of() + "fix 1 all langevin $T $T 100 8\n")
    options = Lammps.Options(script=tmp_path / "in.lmp", variables={"T": 350})
    assert Lammps(options).run_parameters().temperature == 350


def test_molecules_that_differ_in_charges_are_of_two_types(tmp_path: Path) -> None:
    path = data_of(tmp_path)
    path.write_text(path.read_text().replace("12 2 2 -0.5", "12 2 2 -0.4"))
    _, field, _ = read(tmp_path, script_of())
    assert [each.charge[5] for each in field.molecules.values()] == [-0.5, -0.4]


def test_molecules_of_a_type_that_differ_are_told(tmp_path: Path) -> None:
    path = data_of(tmp_path)
    (tmp_path / "in.lmp").write_text(script_of())
    system = assemble(topology := Topology(Topology.Options(data=path, units="real")).read(), {}, constraints="none",
                      given=list(topology.types))
    path.write_text(path.read_text().replace("12 2 2 -0.5", "12 2 2 -0.4").replace("6 1 2 -0.5", "6 1 2 -0.3"))
    with pytest.raises(BackmapError, match="molecules of 'MOL' differ: atoms 6 and 12 have other types or charges"):
        Lammps(Lammps.Options(script=tmp_path / "in.lmp")).read(system)
