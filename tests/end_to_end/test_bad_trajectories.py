"""Trajectories of GROMACS and CHARMM, damaged word by word, and the one line that is printed for each."""
from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from MDAnalysis.lib.formats.libdcd import DCDFile
from MDAnalysis.lib.formats.libmdaxdr import TRRFile

from tests.breaking import (
    Break,
    Row,
    bytes_of,
    content,
    folder_at,
    in_turn,
    one_line,
    poked,
    put,
)

from .test_bad_frames import BOX, EDGE, INPUTS, LARGEST, NAN, XTC, positions
from .test_bad_values import RECIPE

TRR = put("read.beads.gromacs=[cg.gro, cg.trr]")
DCD = put("read.beads={charmm: cg.dcd}")


def second(at: int, word: int | float) -> Break:
    """Another word of four bytes at a place of the second frame of the .xtc."""

    def change(folder: Path) -> None:
        data = (folder / "cg.xtc").read_bytes()
        size = 92 + (struct.unpack(">i", data[88:92])[0] + 3) // 4 * 4
        poked("cg.xtc", size + at, word)(folder)

    return change


def trr(folder: Path) -> None:
    """Two frames in a .trr."""
    points = positions(folder)
    with TRRFile(str(folder / "cg.trr"), "w") as file:
        for k in range(2):
            file.write(points, None, None, np.eye(3, dtype=np.float32) * BOX, k, float(k), 0.0, len(points))


def dcd(folder: Path) -> None:
    """Two frames in a .dcd."""
    points = positions(folder) * 10
    with DCDFile(str(folder / "cg.dcd"), "w") as file:
        file.write_header(remarks="", natoms=len(points), istart=0, nsavc=1, delta=1.0, is_periodic=1)
        for _ in range(2):
            file.write(points, [EDGE, 90, EDGE, 90, 90, EDGE])


def damaged(at: int, word: int | float) -> tuple[Break, tuple[str, ...]]:
    """A word of the first header of the .xtc."""
    return poked("cg.xtc", at, word), XTC


def trr_with(at: int, word: int | float) -> tuple[Break, tuple[str, ...]]:
    """A word of the .trr."""
    return in_turn(trr, poked("cg.trr", at, word)), TRR


def dcd_with(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[Break, tuple[str, ...]]:
    """Words of the .dcd, the lowest byte first, in place of others."""
    before, after = (struct.pack(f"<{len(words)}i", *words) for words in (old, new))
    return in_turn(dcd, bytes_of("cg.dcd", lambda data: data.replace(before, after, 1))), DCD


TABLE: list[Row] = [
    # .xtc
    ("frame that does not begin", *damaged(0, 7),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the number 7 stands where 1995 should be). The file"
     " may be truncated."),
    ("frame of no beads", *damaged(4, 0),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (it has 0 atoms). The file may be truncated."),
    ("frame of fewer than no beads", *damaged(4, -1),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (it has -1 atoms). The file may be truncated."),
    ("frame of more beads than there can be", *damaged(4, LARGEST),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (it has 2147483647 atoms, and coordinates of 256). "
     "The file may be truncated."),
    ("frame at no time", *damaged(12, NAN),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (its time or its box is not a number). The file may "
     "be truncated."),
    ("frame in a box that is no number", *damaged(16, NAN),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (its time or its box is not a number). The file may "
     "be truncated."),
    ("frame in a left-handed box", *damaged(16, -2.6),
     "cg.gro, cg.xtc: frame 0: the vectors of the box are left-handed: [-2.6 0. 0. 0. 2.627 0. 0. 0. 2.627] nm. "
     "Lengths of a box are positive, and its angles those of GROMACS; write the trajectory again."),
    ("coordinates of other beads", *damaged(52, 12),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (it has 256 atoms, and coordinates of 12). The file "
     "may be truncated."),
    ("precision of 0", *damaged(56, 0.0),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (its precision is 0). The file may be truncated."),
    ("negative precision", *damaged(56, -1000.0),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (its precision is -1000). The file may be truncated."),
    ("precision of next to nothing", *damaged(56, 1e-30),
     "cg.gro, cg.xtc: frame 0: a position is 2.83e+34 nm from the origin. The file is damaged, or its lengths are "
     "in another unit than nm."),
    ("range of coordinates that ends before it begins", *damaged(72, -2**31),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (its coordinates have no range). The file may be "
     "truncated."),
    ("size of coordinates below all", *damaged(84, -1),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the header of its coordinates is none). The file "
     "may be truncated."),
    ("size of coordinates beyond all", *damaged(84, 1_000_000),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the header of its coordinates is none). The file "
     "may be truncated."),
    ("coordinates of no bytes", *damaged(88, 0),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the header of its coordinates is none). The file "
     "may be truncated."),
    ("coordinates of fewer than no bytes", *damaged(88, -1),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the header of its coordinates is none). The file "
     "may be truncated."),
    ("coordinates beyond the end of the file", *damaged(88, LARGEST),
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (it ends at byte 2147483740, the file at 7264). The "
     "file may be truncated."),
    ("packed coordinates that are all ones",
     bytes_of("cg.xtc", lambda old: old[:92] + b"\xff" * 600 + old[692:]), XTC,
     "cg.xtc: frame 0 cannot be read (at byte 0: its packed coordinates lead beyond their end). The file may be "
     "truncated."),
    ("packed coordinates that are all zeros",
     bytes_of("cg.xtc", lambda old: old[:92] + b"\0" * 600 + old[692:]), XTC,
     "cg.xtc: frame 0 cannot be read (at byte 0: its packed coordinates lead beyond their end). The file may be "
     "truncated."),
    ("packed coordinates that are damaged",
     bytes_of("cg.xtc", lambda old: old[:300] + b"\xaa" * 40 + old[340:]), XTC,
     "cg.xtc: frame 0 cannot be read (at byte 0: its packed coordinates lead beyond their end). The file may be "
     "truncated."),
    ("second frame that does not begin", second(0, 7), XTC,
     "cg.xtc: frame 1 cannot be read (at byte 1444: the number 7 stands where 1995 should be). The file may be "
     "truncated."),
    ("second frame of other beads", second(4, 255), XTC,
     "cg.xtc: frame 1 cannot be read (at byte 1444: it has 255 atoms, and coordinates of 256). The file may be "
     "truncated."),
    ("second frame with a size of coordinates beyond all", second(84, 1_000_000), XTC,
     "cg.xtc: frame 1 cannot be read (at byte 1444: the header of its coordinates is none). The file may be "
     "truncated."),
    (".xtc cut in its header", bytes_of("cg.xtc", lambda old: old[:50]), XTC,
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the file ends in its header). The file may be "
     "truncated."),
    (".xtc cut in its first frame", bytes_of("cg.xtc", lambda old: old[:700]), XTC,
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (it ends at byte 1444, the file at 700). The file "
     "may be truncated."),
    (".xtc cut at its end", bytes_of("cg.xtc", lambda old: old[:-4]), XTC,
     "cg.xtc: frame 4 cannot be read (at byte 5816: it ends at byte 7264, the file at 7260). The file may be "
     "truncated."),
    (".xtc with more behind its end", bytes_of("cg.xtc", lambda old: old + b"more of this"), XTC,
     "cg.xtc: frame 5 cannot be read (at byte 7264: the file ends in its header). The file may be truncated."),
    (".xtc that is text", content("cg.xtc", b"hello world\n" * 100), XTC,
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the number 1751477356 stands where 1995 should be)."
     " The file may be truncated."),
    (".xtc of zeros", content("cg.xtc", bytes(4000)), XTC,
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the number 0 stands where 1995 should be). The file"
     " may be truncated."),
    ("compressed .xtc", bytes_of("cg.xtc", gzip.compress), XTC,
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the number 529205248 stands where 1995 should be). "
     "The file may be truncated."),
    (".xtc with its bytes the other way round", bytes_of(
        "cg.xtc", lambda old: np.frombuffer(old[:len(old) // 4 * 4], ">i4").astype("<i4").tobytes()), XTC,
     "run.yaml: steps[2].read: cg.xtc: cannot be read as .xtc (the number -888733696 stands where 1995 should be)."
     " The file may be truncated."),
    ("folder for an .xtc", folder_at("cg.xtc"), XTC,
     "run.yaml: steps[2].read: cg.xtc: there is no such file"),
    # .trr
    (".trr that does not begin", *trr_with(0, 7),
     "run.yaml: steps[2].read: cg.trr: cannot be read as .trr (the number 7 stands where 1993 should be). The file"
     " may be truncated."),
    (".trr of another name", *trr_with(12, 7),
     "run.yaml: steps[2].read: cg.trr: cannot be read as .trr (its header has another name than GMX_trn_file). The"
     " file may be truncated."),
    (".trr with a box of other numbers", *trr_with(32, 12),
     "run.yaml: steps[2].read: cg.trr: cannot be read as .trr (its box take 12 bytes, for 256 atoms). The file may"
     " be truncated."),
    (".trr with positions of other beads", *trr_with(52, LARGEST),
     "run.yaml: steps[2].read: cg.trr: cannot be read as .trr (its positions take 2147483647 bytes, for 256 "
     "atoms). The file may be truncated."),
    (".trr without positions", *trr_with(52, 0),
     "cg.trr: frame 0 has no positions. Only velocities or forces were written there: choose other frames."),
    (".trr of fewer than no beads", *trr_with(64, -1),
     "run.yaml: steps[2].read: cg.trr: cannot be read as .trr (it has -1 atoms). The file may be truncated."),
    (".trr with a position that is no number", *trr_with(300, NAN),
     "cg.trr: atom 16 of frame 0 has a coordinate that is not a number. The simulation that wrote it blew up."),
    (".trr cut at its end", in_turn(trr, bytes_of("cg.trr", lambda old: old[:-40])), TRR,
     "cg.trr: frame 1 cannot be read (at byte 3192: it ends at byte 6384, the file at 6344). The file may be "
     "truncated."),
    ("empty .trr", content("cg.trr", b""), TRR,
     "run.yaml: steps[2].read: cg.trr: cannot be read as .trr (it is empty). The file may be truncated."),
    ("an .xtc that is called .trr", lambda folder: (folder / "cg.trr").write_bytes((folder / "cg.xtc").read_bytes()),
     TRR,
     "run.yaml: steps[2].read: cg.trr: cannot be read as .trr (the number 1995 stands where 1993 should be). The "
     "file may be truncated."),
    # .dcd
    (".dcd that does not begin", *dcd_with((84,), (7,)),
     "run.yaml: steps[2].read: cg.dcd: MDAnalysis cannot read it: Reading DCD header failed: format of DCD file is"
     " wrong. The file may be damaged or truncated, or of another format."),
    (".dcd of fewer than no beads", *dcd_with((4, 256, 4), (4, -1, 4)),
     "run.yaml: steps[2].read: cg.dcd: MDAnalysis cannot read it: Unable to read cg.dcd with <class "
     "'MDAnalysis.coordinates.DCD.DCDReader'>. The file may be damaged or truncated, or of another format."),
    (".dcd of more beads than there can be", *dcd_with((4, 256, 4), (4, LARGEST, 4)),
     "run.yaml: steps[2].read: cg.dcd: MDAnalysis cannot read it: Python int too large to convert to C long. The "
     "file may be damaged or truncated, or of another format."),
    (".dcd cut in its header", in_turn(dcd, bytes_of("cg.dcd", lambda old: old[:50])), DCD,
     "run.yaml: steps[2].read: cg.dcd: MDAnalysis cannot read it: Reading DCD header failed: premature EOF found "
     "in DCD file. The file may be damaged or truncated, or of another format."),
    (".dcd cut at its end", in_turn(dcd, bytes_of("cg.dcd", lambda old: old[:-100])), DCD,
     "run.yaml: steps[2].read: cg.dcd: frame 1 begins at byte 3508 and is of 3152 bytes, but the file ends at byte"
     " 6560. The file is truncated."),
    (".dcd of random bytes", content("cg.dcd", bytes(range(256)) * 9), DCD,
     "run.yaml: steps[2].read: cg.dcd: MDAnalysis cannot read it: Reading DCD header failed: format of DCD file is"
     " wrong. The file may be damaged or truncated, or of another format."),
    ("empty .dcd", content("cg.dcd", b""), DCD,
     "run.yaml: steps[2].read: cg.dcd: MDAnalysis cannot read it: Reading DCD header failed: premature EOF found "
     "in DCD file. The file may be damaged or truncated, or of another format."),
]

test_one_line = one_line(TABLE, INPUTS, RECIPE)
