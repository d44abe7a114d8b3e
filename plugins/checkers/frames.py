"""The checker ``frames``: files of beads and of atoms against the topology, the mapping and each other."""
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from backmap.api import Checker, FrameInfo, FrameSource, Reader, View
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.listing import counted, listed
from backmap.model.survey import Finding, Survey
from backmap.model.system import System
from backmap.model.windows import expect_box, expect_finite

from ..chemistry.volume import packing, volume_of
from ..molecules.sources import names_of, opened
from .coincident import coincident

Array = NDArray[np.float64]

LOOKED_AT = 5  #: frames, evenly spaced
ROUNDED = 0.002  #: nm; files of beads and atoms that are rounded to 0.001 nm agree as well
FAR = 0.05  #: nm; root mean square of M(r) - R beyond which atoms and beads are not of the same frames
DENSE = {True: 2.5, False: 23.0}  #: g/cm^3; no liquid of light elements, and nothing at all, is as dense
#: Share of the room in cells of a nanometre that atoms fill, above which they cannot lie side by side: 0.8 in crystals,
#: and somewhat more where beads are counted as a whole. Fewer atoms tell no density.
FULL, ATOMS = 1.3, 200
#: Angstrom in a nm; and times the width of the right box, how wide beads of a liquid are: molecules that are whole
#: stand out of it.
WRONG_UNIT, LEAST_WIDTH, MOST_WIDTH = 10.0, 0.85, 1.5
G_PER_CM3 = 1.66053907e-3  #: u/nm^3 in g/cm^3


class FrameChecker(Checker):
    """Checks frames: number and names of beads, beads against reference atoms, box against cut-offs, and density.

    Files of training frames are opened and compared with the system, too.
    """

    def check(self, survey: Survey) -> Iterator[Finding]:
        if survey.system is None:
            return
        yield from _training_frames(survey)
        if survey.beads is None:
            yield from _reference_alone(survey)
            return
        yield from _names(survey.beads, survey.system)
        frames = [(number, survey.beads.frame(number)) for number in _sample(survey.chosen(survey.beads))]
        if not frames:
            yield Finding("error", survey.beads.where, "holds no frame", "Give a file with at least one.")
            return
        for number, frame in frames:
            where = f"{survey.beads.where}: frame {number}"
            box, beads = expect_box(frame, survey.system, where), frame.checked(where)
            expect_finite(survey.system.whole_beads(beads, box), box, survey.system, where)
        together = list(_together(survey, frames))
        yield from together
        yield from _boxes(survey, frames)
        if not together:
            yield from _density(survey, frames[0][1])
        if survey.reference is not None:
            yield from _apart(survey, frames)


def _sample(numbers: Sequence[int]) -> list[int]:
    """Some of the frames, the first and the last among them."""
    places = np.linspace(0, len(numbers) - 1, min(LOOKED_AT, len(numbers)))
    return sorted({numbers[round(place)] for place in places.tolist()})


def _reference_alone(survey: Survey) -> Iterator[Finding]:
    """Where beads cannot be read, what is wrong with the atoms beside them."""
    for step in survey.named("read"):
        reader = getattr(step.options, "reference", None)
        if reader is not None:
            yield from _opened(reader, "atoms", survey, survey.where(step, "reference"))


def _training_frames(survey: Survey) -> Iterator[Finding]:
    for step in survey.named("prepare"):
        for option, what in (("frames", "atoms"), ("validation", "atoms"), ("beads", "beads"),
                             ("validation_beads", "beads")):
            reader = getattr(step.options, option, None)
            if isinstance(reader, Reader):
                yield from _opened(reader, what, survey, survey.where(step, option))


def _opened(reader: Reader, what: str, survey: Survey, where: str) -> Iterator[Finding]:
    """An error if the frames of a reader do not fit, and a warning if they are too few to learn from."""
    try:
        opened(reader, what, survey.system)
    except BackmapError as error:
        yield Finding.of(error.at(where))


def _names(source: FrameSource, system: System) -> Iterator[Finding]:
    """Other names for the beads of a molecule; their order has been looked at as the file was read."""
    names, _ = names_of(source)
    if names is None or len(names) != system.n_beads:
        return
    for group in system.groups:
        found = [names[row] for row in group.beads[0]]
        if found not in ([name[:5] for name in group.type.bead_names], [name[:5] for name in group.type.bead_types]):
            yield Finding("note", source.where, f"calls the beads of {group.type.name} {listed(found)}, the mapping "
                          f"{listed(group.type.bead_names)}", "They are taken in the order in which they stand.")


def _together(survey: Survey, frames: list[tuple[int, FrameInfo]]) -> Iterator[Finding]:
    """Beads of one frame on one place, which no simulation leaves behind."""
    for number, frame in frames:
        pairs = coincident(frame.positions, frame.box)
        if pairs:
            one, other = (survey.system.bead_label(bead) for bead in pairs[0])
            more = f", and {counted(len(pairs) - 1, 'bead')} more on that of another" if pairs[1:] else ""
            few = len(pairs) < 0.5 * survey.system.n_beads
            yield Finding("warning" if few else "error", survey.beads.where,
                          f"frame {number}: {one} and {other} are on one place{more}",
                          "Is a bead there twice, or a position missing?"
                          + (" Atoms of both are placed there, and parted." if few else ""))
            return


def _boxes(survey: Survey, frames: list[tuple[int, FrameInfo]]) -> Iterator[Finding]:
    """Boxes in which an atom would meet two images of another."""
    widths = {number: periodic.smallest_width(frame.box) for number, frame in frames
              if frame.box is not None and periodic.is_valid(frame.box)}
    if not widths:
        yield Finding("note", survey.beads.where, "has no box, so that nothing is periodic")
        return
    number = min(widths, key=widths.get)
    cutoffs = [("forcefield", survey.forcefield.cutoff if survey.forcefield else 0.0)]
    for step in survey.steps:
        generator = getattr(getattr(step.options, "morpher", step).options, "generator", None)
        if generator is None or getattr(generator, "parallel", False):  # those see nobody
            continue
        if "beads" in step.needs and isinstance(generator.view, View):
            cutoffs.append((step.name, generator.view.cutoff))
    for name, cutoff in dict(cutoffs).items():
        if widths[number] < 2 * cutoff:
            step = next(survey.named(name))
            yield Finding("error" if name == "forcefield" else "warning", survey.where(step, "cutoff"),
                          f"the box of frame {number} of {survey.beads.where} is {widths[number]:.3g} nm wide, less "
                          f"than twice the cut-off of {cutoff:g} nm",
                          f"Use a cut-off of at most {_below(widths[number] / 2):g} nm, or a larger box.")


def _below(value: float) -> float:
    """The next smaller number of three digits."""
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.floor(value / step) * step


def _density(survey: Survey, frame: FrameInfo) -> Iterator[Finding]:
    if frame.box is None or not periodic.is_valid(frame.box):
        return
    volume = _volumes(survey.system)
    if survey.system.n_atoms >= ATOMS and np.isfinite(volume).all():
        overall, around, _ = packing(frame.positions, volume, frame.box)
        if overall * WRONG_UNIT**3 < FULL and _as_wide(frame) * WRONG_UNIT > LEAST_WIDTH:
            yield Finding("warning", survey.beads.where, f"the box is {WRONG_UNIT:g} times as wide as the beads in it, "
                          "in all three directions: it is in Angstrom, read as nm", "Scale the box.")
            return
        if around > FULL:
            yield Finding("error", survey.beads.where, f"about the beads, atoms would fill {around:.2g} times the room "
                          f"there is, and {overall:.2g} times the box", "Is the box too small or in another unit, are "
                          "molecules there twice, or were beads folded into a part of it?")
            return
    mass = sum(kind.mass.sum() * count for kind, count in survey.system.blocks)
    density = mass * G_PER_CM3 / abs(np.linalg.det(frame.box))
    light = all((kind.chemistry.element <= 18).all() for kind in survey.system.types)
    if density > DENSE[light]:
        yield Finding("warning", survey.beads.where, f"the box is so small that the atoms would have a density of "
                      f"{density:.3g} g/cm^3", "Are lengths in nm, or in units of the bead's size? Scale them.")


def _as_wide(frame: FrameInfo) -> float:
    """Which share of the box beads are wide, in the direction of the smallest; 1 or more if one is as wide."""
    shares = np.ptp(np.linalg.solve(frame.box.T, frame.positions.T), axis=1)
    return float(shares.min()) if shares.max() * WRONG_UNIT < MOST_WIDTH else 0.0


def _volumes(system: System) -> NDArray[np.float64]:
    """Van der Waals volume of the atoms of every bead, nm^3, (B,); NaN of what has no elements."""
    return np.concatenate([np.tile(np.bincount(kind.mapping.owner, minlength=kind.n_beads)
                                   * (volume_of(kind) / kind.n_atoms), count) for kind, count in system.blocks])


def _apart(survey: Survey, frames: list[tuple[int, FrameInfo]]) -> Iterator[Finding]:
    """M(AA) against the beads that are given."""
    apart = np.stack([np.linalg.norm(_off(survey, number, frame), axis=1) for number, frame in frames])
    rms, system = float(np.sqrt((apart**2).mean())), survey.system
    frame, bead = np.unravel_index(apart.argmax(), apart.shape)
    seen = (f"atoms and beads of {counted(len(frames), 'frame')}: M(r) is {rms:.4f} nm from the beads (root mean "
            f"square), {apart.max():.4f} at most, at {system.bead_label(int(bead))} in frame {frames[frame][0]}")
    if apart.max() <= ROUNDED:
        yield Finding("note", survey.reference.where, seen)
        return
    by_name: dict[str, float] = {}
    for group in system.groups:
        for local, name in enumerate(group.type.bead_names):
            by_name[f"{group.type.name} {name}"] = float(np.sqrt((apart[:, group.beads[:, local]]**2).mean()))
    worst = sorted(by_name, key=by_name.get, reverse=True)[:3]
    told = ", ".join(f"{name} {by_name[name]:.4f}" for name in worst)
    if rms > FAR:
        yield Finding("error", survey.reference.where, f"{seen}; worst beads: {told}",
                      "These are not beads of these atoms: check the order of frames and molecules, and the mapping.")
    else:
        yield Finding("warning", survey.reference.where, f"{seen}; worst beads: {told}",
                      "The mapping has other atoms or weights than the one that made the beads.")


def _off(survey: Survey, number: int, frame: FrameInfo) -> Array:
    """M(r) - R of one frame, (B, 3), nm."""
    info = survey.reference.frame(min(number, survey.reference.n_frames - 1))
    box = frame.box if frame.box is not None and periodic.is_valid(frame.box) else None
    atoms = survey.system.whole_atoms(info.checked(f"{survey.reference.where}: frame {number}"), box)
    beads = frame.checked(f"{survey.beads.where}: frame {number}")
    return periodic.minimum_image(survey.system.map(atoms) - beads, box)
