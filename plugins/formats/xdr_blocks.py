"""The frames of .xtc and .trr as blocks of bytes, looked at before a library decodes them: it does not survive damage.

The layout is that of GROMACS' xdrfile (``xtc_coord``, ``xdrfile_decompress_coord_float``, ``do_trnheader``): words of
four bytes, the highest first.
"""
from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from backmap.engine.compiling.compiled import compiled, plain

from ..files.reading import reading

XTC, TRR = 1995, 1993  #: magic numbers
_XTC_HEAD = struct.Struct(">iii f 9f i")  #: magic, atoms, step, time, box, atoms again
_PACKED = struct.Struct(">f 3i 3i i i")  #: precision, smallest and largest integers, index of small ones, bytes
_TRR_HEAD = struct.Struct(">ii i 12s 10i i i i")  #: magic, length twice, name, sizes, atoms, step, entries
_PLAIN = 9  #: as many atoms or fewer are not packed
_SMALLEST, _LARGEST = 9, 72  #: indices of the table of small sizes that a packed frame may name
_WIDE = 0xffffff  #: ranges beyond this are packed axis by axis
FEW = 5000  #: atoms of a frame that is walked through by Python: compiling would take longer


class Damage(Exception):
    """What is wrong with a block; the message says it."""


@dataclass
class FrameBlocks:
    """Where the frames of a file are.

    Attributes:
        offsets: Byte at which each begins; that of a damaged one is the last.
        n_points: Atoms of each.
        damage: What is wrong with the last, or "".
        times: Of every frame that is whole, ps.
    """

    offsets: list[int] = field(default_factory=list)
    n_points: int = 0
    damage: str = ""
    times: list[float] = field(default_factory=list)


def scan(path: Path) -> FrameBlocks:
    """Go through the headers of all frames, up to the first damage."""
    header = {".xtc": _xtc_header, ".trr": _trr_header}[path.suffix]
    found, size = FrameBlocks(), path.stat().st_size
    with reading(path), path.open("rb") as file:
        offset = 0
        while offset < size:
            found.offsets.append(offset)
            try:
                n_points, time, end = header(file, offset)
                if n_points != (found.n_points or n_points):
                    raise Damage(f"it has {n_points} atoms, the first has {found.n_points}")
                if end > size:
                    raise Damage(f"it ends at byte {end}, the file at {size}")
            except Damage as damage:
                found.damage = str(damage)
                break
            found.n_points = n_points
            found.times.append(time)
            offset = end
    return found


def expect_decodable(path: Path, offset: int) -> tuple[list[float], list[float]] | None:
    """Go through the packed coordinates of the frame of an .xtc at ``offset``, without decoding them.

    Returns:
        Lowest and highest coordinates of its atoms, nm, as its header says; None if they are not packed.

    Raises:
        Damage: If they lead beyond their end.
    """
    with reading(path), path.open("rb") as file:
        file.seek(offset)
        n_atoms = _XTC_HEAD.unpack(file.read(_XTC_HEAD.size))[1]
        if n_atoms <= _PLAIN:
            return None
        precision, *corners, small, count = _PACKED.unpack(file.read(_PACKED.size))
        data = file.read(count)
    ranges = [high - low + 1 for low, high in zip(corners[:3], corners[3:])]
    full = (sum(width.bit_length() for width in ranges) if max(ranges) > _WIDE
            else math.prod(ranges).bit_length())
    if n_atoms <= FEW:
        whole = plain(_ends_well)(data, n_atoms, full, small)
    else:
        whole = _ends_well(np.frombuffer(data, dtype=np.uint8), n_atoms, full, small)
    if not whole:
        raise Damage("its packed coordinates lead beyond their end")
    return [low / precision for low in corners[:3]], [high / precision for high in corners[3:]]


def _words(file: BinaryIO, layout: struct.Struct) -> tuple:
    data = file.read(layout.size)
    if len(data) < layout.size:
        raise Damage("the file ends in its header")
    return layout.unpack(data)


def _xtc_header(file: BinaryIO, offset: int) -> tuple[int, float, int]:
    """Atoms, time, ps, and byte after the end of a frame of .xtc."""
    file.seek(offset)
    magic, n_atoms, _, time, *box, again = _words(file, _XTC_HEAD)
    _expect(magic == XTC, f"the number {magic} stands where {XTC} should be")
    _expect(n_atoms > 0, f"it has {n_atoms} atoms")
    _expect(again == n_atoms, f"it has {n_atoms} atoms, and coordinates of {again}")
    _expect(all(map(math.isfinite, (time, *box))), "its time or its box is not a number")
    if n_atoms <= _PLAIN:
        return n_atoms, time, offset + _XTC_HEAD.size + 12 * n_atoms
    precision, *corners, small, count = _words(file, _PACKED)
    _expect(0 < precision < math.inf, f"its precision is {precision:g}")
    _expect(all(low <= high for low, high in zip(corners[:3], corners[3:])), "its coordinates have no range")
    _expect(_SMALLEST <= small <= _LARGEST and count > 0, "the header of its coordinates is none")
    return n_atoms, time, offset + _XTC_HEAD.size + _PACKED.size + (count + 3) // 4 * 4


def _trr_header(file: BinaryIO, offset: int) -> tuple[int, float, int]:
    """Atoms, time, ps, and byte after the end of a frame of .trr."""
    file.seek(offset)
    magic, length, again, name, *sizes, n_atoms, _, _ = _words(file, _TRR_HEAD)
    _expect(magic == TRR, f"the number {magic} stands where {TRR} should be")
    _expect((length, again, name) == (13, 12, b"GMX_trn_file"), "its header has another name than GMX_trn_file")
    _expect(n_atoms > 0, f"it has {n_atoms} atoms")
    _, _, box, virial, pressure, _, _, *arrays = sizes
    wide = 8 if box == 72 or (not box and 24 * n_atoms in arrays) else 4
    allowed = {"box": (box, 9), "virial": (virial, 9), "pressure": (pressure, 9),
               **{what: (size, 3 * n_atoms) for what, size in zip(("positions", "velocities", "forces"), arrays)}}
    for what, (size, count) in allowed.items():
        _expect(size in (0, wide * count), f"its {what} take {size} bytes, for {n_atoms} atoms")
    _expect(not any(sizes[k] for k in (0, 1, 5, 6)), "its header names parts that no frame has")
    time, _ = _words(file, struct.Struct(">dd" if wide == 8 else ">ff"))
    _expect(math.isfinite(time), "its time is not a number")
    return n_atoms, time, offset + _TRR_HEAD.size + 2 * wide + box + virial + pressure + sum(arrays)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Damage(otherwise)


@compiled
def _ends_well(data, n_atoms, full, small):
    """Whether packed coordinates hold ``n_atoms`` atoms and no more, of which sizes alone are read.

    Args:
        data: Bytes, (n,), as numbers.
        n_atoms: Atoms of the frame.
        full: Bits of an atom by itself.
        small: Bits of an atom near the one before.
    """
    at, end, done, run = 0, 8 * len(data), 0, 0
    while done < n_atoms:
        at += full
        done += 1
        if at >= end:
            return False
        flag = (data[at >> 3] >> (7 - (at & 7))) & 1
        at += 1
        change = 0
        if flag:
            if at + 5 > end:
                return False
            run = 0
            for _ in range(5):
                run = 2 * run + ((data[at >> 3] >> (7 - (at & 7))) & 1)
                at += 1
            change = run % 3 - 1
            run -= run % 3
        at += run // 3 * small
        done += run // 3
        small += change
        if small < 9 or small > 72 or at > end:
            return False
    return done == n_atoms
