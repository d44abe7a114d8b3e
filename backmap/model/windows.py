"""How frames on disk become windows: molecules made whole, true atoms next to their beads."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import BackmapError
from . import box as periodic
from .inputs import FARTHEST, FrameInfo, FrameSource, forces_of
from .system import System, Window

Array = NDArray[np.float64]

#: nm; no box is narrower, and 0.1 nm are what programs write in PDB files where there is none.
NARROWEST = 0.2
#: Of the box's width, how long bonds may be for it to be clear which images they join; nm, what is no rounding.
CLEARLY, ROUNDING = 0.45, 0.01


def window_of(numbers: Sequence[int], first: int, system: System, source: FrameSource,
              reference: FrameSource | None, replica: int = 0) -> Window:
    """One window of frames: molecules made whole, true atoms next to their beads.

    Args:
        numbers: Frame numbers, (W,).
        first: Place of the first of them in the run.
        system: What is there.
        source: Frames of beads.
        reference: Frames of true atoms, or None.
        replica: Which draw of their atoms this is to be.

    Raises:
        BackmapError: If a frame has coordinates that are no numbers, or no usable box.
    """
    infos = [source.frame(number) for number in numbers]
    boxes = [expect_box(info, system, f"{source.where}: frame {number}") for number, info in zip(numbers, infos)]
    beads = [system.whole_beads(info.checked(f"{source.where}: frame {number}"), box)
             for number, info, box in zip(numbers, infos, boxes)]
    for number, near, box in zip(numbers, beads, boxes):
        expect_finite(near, box, system, f"{source.where}: frame {number}")
    atoms = forces = None
    if reference is not None:
        truth = [reference.frame(number) for number in numbers]
        atoms = np.stack([system.atoms_near_beads(info.checked(f"{reference.where}: frame {number}"), near, box)
                          for number, info, near, box in zip(numbers, truth, beads, boxes)])
        forces = forces_of(truth)
    return Window(frames=np.array(numbers, dtype=np.int64), time=np.array([info.time for info in infos]),
                  boxes=np.stack([np.zeros((3, 3)) if box is None else box for box in boxes]),
                  beads=np.stack(beads), reference=atoms, place=first + np.arange(len(numbers)),
                  reference_forces=forces, replica=np.full(len(numbers), replica), system=system)


def expect_box(info: FrameInfo, system: System, where: str) -> Array | None:
    """The box of a frame, (3, 3), or None where a single molecule needs none."""
    box = None if info.box is None else np.asarray(info.box, dtype=np.float64)
    if box is None or not box.any():
        if system.n_molecules > 1:
            raise BackmapError(f"there is no box, but the system has {system.n_molecules} molecules", where=where,
                               hint="Give a trajectory with the periodic box; only a single molecule needs none.")
        return None
    if not periodic.is_valid(box):
        problem = "has no volume" if np.isfinite(box).all() else "is not made of numbers"
        raise BackmapError(f"the box {problem}: {np.array2string(box.ravel(), precision=3)} nm", where=where,
                           hint="Leave the frame out with --frames, or write the trajectory again.")
    if periodic.smallest_width(box) < NARROWEST:
        raise BackmapError(f"the box is {periodic.smallest_width(box):.3g} nm wide, which no molecule is", where=where,
                           hint="0.1 nm stand for no box in PDB files: write zeros for a molecule that has none, else "
                                "its real box.")
    if np.linalg.det(box) < 0:
        raise BackmapError(f"the vectors of the box are left-handed: {np.array2string(box.ravel(), precision=3)} nm",
                           where=where, hint="Lengths of a box are positive, and its angles those of GROMACS; write "
                                             "the trajectory again.")
    if np.abs(box).max() > FARTHEST:
        raise BackmapError(f"the box is {np.abs(box).max():.3g} nm long", where=where,
                           hint="The file is damaged, or its lengths are in another unit than nm.")
    return box


def expect_finite(beads: Array, box: Array | None, system: System, where: str) -> None:
    """Check that no molecule goes round the box and is bonded to an image of its own.

    Args:
        beads: Whole molecules, (B, 3), nm.
        box: (3, 3), nm, or None.
        system: What is there.
        where: The frame, for the message.

    Raises:
        BackmapError: If one does. Bonds of half a box, for which it cannot be told, pass.
    """
    if box is None:
        return
    for group in system.groups:
        one, other = group.type.bead_bonds.reshape(-1, 2).T
        if group.type.given or len(one) == len(group.type.bead_edges):  # no rings of beads
            continue
        apart = beads[group.beads[:, other]] - beads[group.beads[:, one]]
        near = periodic.minimum_image(apart, box)
        short = np.linalg.norm(near, axis=-1).max(axis=1) < CLEARLY * periodic.smallest_width(box)
        found = np.argwhere((np.abs(apart - near).max(axis=-1) > ROUNDING) & short[:, None])
        if len(found):
            molecule, bond = found[0]
            first, second = (system.bead_label(int(group.beads[molecule, end[bond]])) for end in (one, other))
            raise BackmapError(f"{group.type.name} is bonded to its own image: it goes round the box, and {first} is "
                               f"bonded to {second} across it", where=where,
                               hint="Molecules without end are not supported. Cut them: chains of the same units in "
                                    "a box repeated by gmx genconf -nbox, say, or leave out the bonds across the box.")
