"""Files of frames, damaged byte by byte and number by number, and the one line that is printed for each."""
from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.breaking import (
    Break,
    Row,
    bytes_of,
    columns,
    content,
    folder_at,
    lines,
    link,
    nothing,
    one_line,
    put,
    recoded,
)

from .test_bad_values import RECIPE

INPUTS = ("octane.top", "octane.xml", "cg.gro", "cg.xtc")
BOX, EDGE = 2.62709, 26.2709  #: nm, Angstrom


def gro(change: Callable[[list[str]], list[str]]) -> Break:
    """Other lines of the beads."""
    return lines("cg.gro", change)


def box(text: str) -> Break:
    """Another last line of the beads."""
    return gro(lambda rows: [*rows[:-1], f"{text}\n"])


def atom(change: Callable[[str], str]) -> Break:
    """Another fifth line of the beads."""
    return gro(lambda rows: [*rows[:4], change(rows[4]), *rows[5:]])


def x(text: str) -> Break:
    """Another x of the third bead."""
    return atom(lambda row: columns(row, 20, text))


def positions(folder: Path) -> np.ndarray:
    """Of the beads, (n, 3), nm."""
    rows = (folder / "cg.gro").read_text().splitlines()[2:-1]
    return np.array([[float(row[20 + 8 * k:28 + 8 * k]) for k in range(3)] for row in rows], dtype=np.float32)


def dump(old: str = "", new: str = "", count: int = 1) -> Break:
    """A dump of LAMMPS, with a change."""

    def change(folder: Path) -> None:
        rows = "".join(f"{k + 1} 1 {a:.3f} {b:.3f} {c:.3f}\n" for k, (a, b, c) in enumerate(positions(folder) * 10))
        text = ("ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n256\nITEM: BOX BOUNDS pp pp pp\n" + f"0 {EDGE}\n" * 3
                + f"ITEM: ATOMS id type x y z\n{rows}")
        assert old in text
        (folder / "cg.dump").write_text(text.replace(old, new, count))

    return change


def data(old: str = "", new: str = "") -> Break:
    """A data file of LAMMPS, with a change."""

    def change(folder: Path) -> None:
        rows = "".join(f"{k + 1} {k // 4 + 1} 1 {a:.3f} {b:.3f} {c:.3f}\n"
                       for k, (a, b, c) in enumerate(positions(folder) * 10))
        bounds = "".join(f"0 {EDGE} {axis}lo {axis}hi\n" for axis in "xyz")
        text = f"octane\n\n256 atoms\n1 atom types\n{bounds}\nMasses\n\n1 28\n\nAtoms # molecular\n\n{rows}"
        assert old in text
        (folder / "cg.data").write_text(text.replace(old, new, 1))

    return change


def pdb(old: str = "", new: str = "", count: int = 1) -> Break:
    """A .pdb, with a change."""

    def change(folder: Path) -> None:
        text = f"CRYST1{EDGE:9.3f}{EDGE:9.3f}{EDGE:9.3f}  90.00  90.00  90.00 P 1           1\n"
        for k, (a, b, c) in enumerate(positions(folder) * 10):
            text += (f"ATOM  {k + 1:5d}  B{k % 4 + 1}  OCT A{k // 4 + 1:4d}    {a:8.3f}{b:8.3f}{c:8.3f}  1.00  0.00\n")
        text += "END\n"
        assert old in text
        (folder / "cg.pdb").write_text(text.replace(old, new, count))

    return change


XTC = put("read.beads.gromacs=[cg.gro, cg.xtc]")
TRR = put("read.beads.gromacs=[cg.gro, cg.trr]")
DCD = put("read.beads={charmm: cg.dcd}")
DUMP = put("read.beads={lammps: {dump: cg.dump, units: real}}")
DATA = put("read.beads={lammps: {data: cg.data, units: real}}")
PDB = put("read.beads={pdb: cg.pdb}")
INDEX = put("read.beads.gromacs={files: cg.gro, index: {a.ndx: P}}")
NAN, INF, LARGEST = float("nan"), float("inf"), 2**31 - 1


TABLE: list[Row] = [
    # boxes
    ("box of zeros", box("0 0 0"), (),
     "cg.gro: frame 0: there is no box, but the system has 64 molecules. Give a trajectory with the periodic box; "
     "only a single molecule needs none."),
    ("left-handed box", box("-2.62709 2.62709 2.62709"), (),
     "cg.gro: frame 0: the vectors of the box are left-handed: [-2.627 0. 0. 0. 2.627 0. 0. 0. 2.627] nm. Lengths "
     "of a box are positive, and its angles those of GROMACS; write the trajectory again."),
    ("box with negative edges", box("-2.62709 -2.62709 -2.62709"), (),
     "cg.gro: frame 0: the vectors of the box are left-handed: [-2.627 0. 0. 0. -2.627 0. 0. 0. -2.627] nm. "
     "Lengths of a box are positive, and its angles those of GROMACS; write the trajectory again."),
    ("flat box", box("2.62709 2.62709 0"), (),
     "cg.gro: frame 0: the box has no volume: [2.627 0. 0. 0. 2.627 0. 0. 0. 0. ] nm. Leave the frame out with "
     "--frames, or write the trajectory again."),
    ("box of next to nothing", box("1e-5 1e-5 1e-5"), (),
     "cg.gro: frame 0: the box has no volume: [1.e-05 0.e+00 0.e+00 0.e+00 1.e-05 0.e+00 0.e+00 0.e+00 1.e-05] nm."
     " Leave the frame out with --frames, or write the trajectory again."),
    ("box of a PDB file without one", box("0.1 0.1 0.1"), (),
     "cg.gro: frame 0: the box is 0.1 nm wide, which no molecule is. 0.1 nm stand for no box in PDB files: write zeros "
     "for a molecule that has none, else its real box."),
    ("box beyond all", box("1e10 1e10 1e10"), (),
     "cg.gro: frame 0: the box is 1e+10 nm long. The file is damaged, or its lengths are in another unit than nm."),
    ("box that is no number", box("nan nan nan"), (),
     "run.yaml: steps[2].read: cg.gro:259: 'nan nan nan' is not a box. Expected 3 or 9 numbers; is the number of "
     "atoms in line 2 right?"),
    ("box of four numbers", box("1 2 3 4"), (),
     "run.yaml: steps[2].read: cg.gro:259: '1 2 3 4' is not a box. Expected 3 or 9 numbers; is the number of atoms"
     " in line 2 right?"),
    ("box that is a word", box("box"), (),
     "run.yaml: steps[2].read: cg.gro:259: 'box' is not a box. Expected 3 or 9 numbers; is the number of atoms in "
     "line 2 right?"),
    ("box in Angstrom a tenth", box("0.262709 0.262709 0.262709"), (),
     "run.yaml: steps[1].forcefield.cutoff: the box of frame 0 of cg.gro is 0.263 nm wide, less than twice the "
     "cut-off of 1 nm. Use a cut-off of at most 0.131 nm, or a larger box."),
    ("box narrower than two cut-offs", box("1.5 1.5 1.5"), (),
     "run.yaml: steps[1].forcefield.cutoff: the box of frame 0 of cg.gro is 1.5 nm wide, less than twice the "
     "cut-off of 1 nm. Use a cut-off of at most 0.75 nm, or a larger box."),
    # .gro
    ("position beyond all", x("1e30"), (),
     "cg.gro: frame 0: a position is 1e+30 nm from the origin. The file is damaged, or its lengths are in another "
     "unit than nm."),
    ("infinite position", x("inf"), (),
     "cg.gro:5: x of atom 3 is 'inf', not a number. The file is damaged, or the simulation that wrote it blew up."),
    ("position that is a word", x("here"), (),
     "cg.gro:5: x of atom 3 is 'here', not a number. The file is damaged, or the simulation that wrote it blew up."),
    ("line that ends early", atom(lambda row: row[:25] + "\n"), (),
     "cg.gro:5: y of atom 3 is '', not a number. The file is damaged, or the simulation that wrote it blew up."),
    ("residue that is a word", atom(lambda row: "  one" + row[5:]), (),
     "run.yaml: steps[2].read: cg.gro:5: 'one' stands where the residue number should be. Is this a .gro file?"),
    ("number of beads that is a word", gro(lambda rows: [rows[0], "many\n", *rows[2:]]), (),
     "run.yaml: steps[2].read: cg.gro:2: 'many' stands where the number of atoms should be. Is this a .gro file?"),
    ("negative number of beads", gro(lambda rows: [rows[0], "-256\n", *rows[2:]]), (),
     "run.yaml: steps[2].read: cg.gro:2: there are -256 atoms. Is this a .gro file?"),
    ("no beads", gro(lambda rows: [rows[0], "0\n", rows[-1]]), (),
     "run.yaml: steps[2].read: cg.gro: holds 0 beads, but the topology (64 OCT) has 256. Check the molecule counts"
     " and that every chain has the topology's length; beads that are not to be backmapped are declared in "
     "topology, under 'exclude' or 'ignore' (init: --ignore NAME)."),
    ("one bead more than there are", gro(lambda rows: [rows[0], "257\n", *rows[2:]]), (),
     "run.yaml: steps[2].read: cg.gro:260: the box of 257 atoms is missing. The file is truncated."),
    ("one bead fewer than there are", gro(lambda rows: [rows[0], "255\n", *rows[2:]]), (),
     "run.yaml: steps[2].read: cg.gro:258: '64OCT B4 256 1.891 2.292 1.001' is not a box. Expected 3 or 9 numbers;"
     " is the number of atoms in line 2 right?"),
    ("second frame with fewer beads", gro(lambda rows: [*rows, rows[0], "252\n", *rows[2:254], rows[-1]]), (),
     "run.yaml: steps[2].read: cg.gro:261: this frame has 252 atoms, the first has 256. Split the file."),
    ("second frame with other names", gro(lambda rows: [*rows, *(row.replace("B1", "X1") for row in rows)]), (),
     "cg.gro:262: atom 1 is called OCT X1, but OCT B1 in the first frame. Frames of one file are of the same atoms"
     " in the same order. Split the file."),
    ("second frame in another order", gro(lambda rows: [*rows, *rows[:2], rows[3], rows[2], *rows[4:]]), (),
     "cg.gro:262: atom 1 is called OCT B2, but OCT B1 in the first frame. Frames of one file are of the same atoms"
     " in the same order. Split the file."),
    ("second frame without a box", gro(lambda rows: [*rows, *rows[:-1], "0 0 0\n"]), (),
     "cg.gro: frame 1: there is no box, but the system has 64 molecules. Give a trajectory with the periodic box; "
     "only a single molecule needs none."),
    ("compressed .gro", bytes_of("cg.gro", gzip.compress), (),
     "run.yaml: steps[2].read: cg.gro:2: '...' stands where the number of atoms should be. Is this a .gro file?"),
    (".gro of random bytes", content("cg.gro", bytes(range(256)) * 9), (),
     "run.yaml: steps[2].read: cg.gro:2: '...' stands where the number of atoms should be. Is this a .gro file?"),
    (".gro in UTF-16", recoded("cg.gro", "utf-16"), (),
     "run.yaml: steps[2].read: cg.gro:2: '...' stands where the number of atoms should be. Is this a .gro "
     "file?"),
    ("folder for a .gro", folder_at("cg.gro"), (),
     "run.yaml: steps[2].read: cg.gro: there is no such file"),
    ("link to nowhere for a .gro", link("cg.gro", "nowhere.gro"), (),
     "run.yaml: steps[2].read.beads.gromacs.files[0]: there is no file 'cg.gro' (cg.gro). Input paths are relative"
     " to the recipe's folder."),
    ("link to itself for a .gro", link("cg.gro", "cg.gro"), (),
     "run.yaml: steps[2].read.beads.gromacs.files[0]: there is no file 'cg.gro' (cg.gro). Input paths are relative"
     " to the recipe's folder."),
    ("nothing at all for a .gro", link("cg.gro", "/dev/null"), (),
     "run.yaml: steps[2].read: cg.gro: there is no such file"),
    # LAMMPS
    ("bounds that are inverted", dump(f"0 {EDGE}", f"{EDGE} 0"), DUMP,
     "cg.dump:6: the bounds '26.2709 0' are inverted or span nothing. The lower one stands first."),
    ("bounds of nothing", dump(f"0 {EDGE}", "0 0", 3), DUMP,
     "cg.dump:6: the bounds '0 0' are inverted or span nothing. The lower one stands first."),
    ("bounds that are no numbers", dump(f"0 {EDGE}", "0 nan"), DUMP,
     "cg.dump:6: '0 nan' stands where 2 numbers should be"),
    ("one bound", dump(f"0 {EDGE}", "0"), DUMP,
     "cg.dump:6: '0' stands where 2 numbers should be"),
    ("box that is periodic in part", dump("pp pp pp", "pp pp ff"), DUMP,
     "cg.dump:5: the box is periodic in some directions only (pp pp ff). backmap needs all three, or none."),
    ("atom that is there twice", dump("\n4 1 ", "\n3 1 "), DUMP,
     "cg.dump:13: atom 3 is there twice. Dumps of several processes that were put together twice look so."),
    ("id between ids", dump("\n4 1 ", "\n4.5 1 "), DUMP,
     "cg.dump:13: '4.5' is no id of an atom"),
    ("negative id", dump("\n4 1 ", "\n-4 1 "), DUMP,
     "cg.dump:13: '-4' is no id of an atom"),
    ("column that is there twice", dump("id type x", "id x x"), DUMP,
     "cg.dump:9: the column 'x' is there twice"),
    ("dump without ids", dump("id type", "no type"), DUMP,
     "cg.dump:9: the dump has no column 'id', so that the order of its atoms is not known. Write it with `dump "
     "custom ... id type x y z`."),
    ("dump without positions", dump("x y z", "a b c"), DUMP,
     "cg.dump:9: the dump has no positions, but id type a b c. Give it the columns x y z."),
    ("dump of fewer than no atoms", dump("256", "-256"), DUMP,
     "run.yaml: steps[2].read: cg.dump:4: '-256' is no number of atoms"),
    ("dump of half an atom", dump("256", "256.5"), DUMP,
     "run.yaml: steps[2].read: cg.dump:4: '256.5' is no number of atoms"),
    ("dump of more atoms than there are", dump("256", "257"), DUMP,
     "run.yaml: steps[2].read: cg.dump:266: atom 257 of 257 is missing. The file is truncated."),
    ("step that is a word", dump("TIMESTEP\n0", "TIMESTEP\nfirst"), DUMP,
     "cg.dump:2: 'first' stands where 1 numbers should be"),
    ("unit of length that is no number", dump(), put(
        "read.beads={lammps: {dump: cg.dump, units: lj, sigma: .nan}}"),
     "run.yaml: steps[2].read.beads.lammps.sigma: should be a finite number, not nan. Length of one lj unit, nm."),
    ("unit of length of 0", dump(), put("read.beads={lammps: {dump: cg.dump, units: lj, sigma: 0}}"),
     "run.yaml: steps[2].read.beads.lammps.sigma: should be greater than 0, not 0. Length of one lj unit, nm."),
    ("units that there are not", dump(), put("read.beads={lammps: {dump: cg.dump, units: imperial}}"),
     "run.yaml: steps[2].read.beads.lammps.units: should be 'real', 'metal' or 'lj', not 'imperial'. LAMMPS' units"
     " of the files: real or metal (Angstrom), or lj, which needs `sigma`. Files do not say it."),
    ("empty dump", content("cg.dump", b""), DUMP,
     "run.yaml: steps[2].read: cg.dump: is empty"),
    ("data file with inverted bounds", data(f"0 {EDGE} xlo", f"{EDGE} 0 xlo"), DATA,
     "run.yaml: steps[2].read: cg.data: the box has no volume. xhi must be larger than xlo."),
    ("data file without bounds", data(f"0 {EDGE} xlo xhi\n"), DATA,
     "run.yaml: steps[2].read: cg.data: the header has no 'xlo xhi'. Give 2 numbers before 'xlo xhi'."),
    ("data file with an atom twice", data("\n4 1 1 ", "\n3 1 1 "), DATA,
     "run.yaml: steps[2].read: cg.data:18: atom 3 is there twice"),
    ("data file of more atoms than there are", data("256 atoms", "257 atoms"), DATA,
     "run.yaml: steps[2].read: cg.data:13: there are 256 atoms, but the header says 257. The file may be "
     "truncated."),
    ("data file of an unknown style", data("molecular", "sphere"), DATA,
     "run.yaml: steps[2].read: cg.data:13: atom style 'sphere' is not known. Known: full, molecular, bond, angle, "
     "charge, atomic; set atom_style."),
    ("data file of a hybrid style", data("molecular", "hybrid"), DATA,
     "run.yaml: steps[2].read: cg.data:13: atom style 'hybrid' is not known. A hybrid's columns are those of its "
     "parts, which data files do not name: make a copy with the columns of one style, such as full (id molecule type "
     "charge x y z)."),
    ("empty data file", content("cg.data", b""), DATA,
     "run.yaml: steps[2].read: cg.data: has no section 'Atoms'. The file may be truncated, or no LAMMPS data file."),
    # .pdb, and other texts
    ("CRYST1 that is no number", pdb(f"{EDGE:9.3f}", "      nan"), PDB,
     "run.yaml: steps[2].read: cg.pdb: the box of frame 0 has no volume: [nan, 26.271, 26.271, 90.0, 90.0, 90.0] "
     "Angstrom and degrees"),
    ("negative CRYST1", pdb(f"{EDGE:9.3f}", "  -26.271", 3), PDB,
     "run.yaml: steps[2].read: cg.pdb: the box of frame 0 has no volume: [-26.271, -26.271, -26.271, 90.0, 90.0, "
     "90.0] Angstrom and degrees"),
    ("angle of CRYST1 of 0", pdb("  90.00", "   0.00"), PDB,
     "run.yaml: steps[2].read: cg.pdb: the box of frame 0 has no volume: [26.271, 26.271, 26.271, 0.0, 90.0, 90.0]"
     " Angstrom and degrees"),
    (".pdb with a position that is a word", pdb("   2.710", "    here", 1), PDB,
     "run.yaml: steps[2].read: cg.pdb: MDAnalysis cannot read it: could not convert string to float: ' here'. The "
     "file may be damaged or truncated, or of another format."),
    ("empty .pdb", content("cg.pdb", b""), PDB,
     "run.yaml: steps[2].read: cg.pdb: MDAnalysis cannot read it: Compressed file ended before the end-of-stream "
     "marker was reached. The file may be damaged or truncated, or of another format."),
    (".xyz with a number of atoms that is a word", content("cg.xyz", b"many\n\nB1 1 2 3\n"),
     put("read.beads={xyz: {files: cg.xyz, box: [2.6, 2.6, 2.6]}}"),
     "run.yaml: steps[2].read: cg.xyz: MDAnalysis cannot read it: Failed to construct topology from file cg.xyz "
     "with parser <class 'MDAnalysis.topology.XYZParser.XYZParser'>. Error: invalid literal for int() with base "
     "10: 'many'. The file may be damaged or truncated, or of another format."),
    ("box of two edges", content("cg.xyz", b"1\n\nB1 1 2 3\n"), put("read.beads={xyz: {files: cg.xyz, box: [1, 1]}}"),
     "run.yaml: steps[2].read: box: [1.0, 1.0] is no box. Give three edges in nm, and three angles in degrees if "
     "it is not rectangular."),
    ("box of a negative edge", content("cg.xyz", b"1\n\nB1 1 2 3\n"),
     put("read.beads={xyz: {files: cg.xyz, box: [-1, 1, 1]}}"),
     "run.yaml: steps[2].read: box: [-1.0, 1.0, 1.0] is no box. Give three edges in nm, and three angles in "
     "degrees if it is not rectangular."),
    ("restart file of random bytes", content("cg.rst7", bytes(range(256)) * 2), put("read.beads={amber: cg.rst7}"),
     "run.yaml: steps[2].read: cg.rst7: OpenMM cannot read it: Could not parse Amber ASCII restart file cg.rst7. "
     "The file may be truncated."),
    ("NetCDF of random bytes", content("cg.nc", b"CDF\x01" + bytes(range(256)) * 2), put("read.beads={amber: cg.nc}"),
     "run.yaml: steps[2].read: cg.nc: MDAnalysis cannot read it: Unable to read cg.nc with <class "
     "'MDAnalysis.coordinates.TRJ.NCDFReader'>. The file may be damaged or truncated, or of another format."),
    # groups and times
    ("group of words", content("a.ndx", b"[ P ]\na b\n"), INDEX,
     "run.yaml: steps[2].read: a.ndx:2: 'a' is no number of a point. Is it an index file?"),
    ("group with bead 0", content("a.ndx", b"[ P ]\n0 1\n"), INDEX,
     "run.yaml: steps[2].read: a.ndx:2: there is no point 0. cg.gro has 256, counted from 1."),
    ("group of nothing", content("a.ndx", b"[ P ]\n"), INDEX,
     "run.yaml: steps[2].read: a.ndx: group 'P' is empty"),
    ("group with a bead twice", content("a.ndx", b"[ P ]\n" + b"1 " * 256), INDEX,
     "run.yaml: steps[2].read: a.ndx: group 'P' has number 1 twice"),
    ("empty index", content("a.ndx", b""), INDEX,
     "run.yaml: steps[2].read: a.ndx: has no group 'P'. It has no groups at all; is it an index file?"),
    ("first time that is no number", nothing, put("read.beads.gromacs={files: [cg.gro, cg.xtc], begin: .nan}"),
     "run.yaml: steps[2].read.beads.gromacs.begin: should be a finite number, not nan. Time of the first frame, "
     "ps; by default the file's first."),
    ("negative time between frames", nothing, put("read.beads.gromacs={files: [cg.gro, cg.xtc], dt: -1}"),
     "run.yaml: steps[2].read.beads.gromacs.dt: should be greater than 0, not -1. Take only frames whose time "
     "differs from the first one's by a multiple of this, ps."),
]

test_one_line = one_line(TABLE, INPUTS, RECIPE)
