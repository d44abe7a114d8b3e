"""What plugins hand over is looked at once: sources of frames, topologies, parameters, assessments, written bytes."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.api import (
    Assessor,
    AtomTopology,
    BeadModel,
    ForceFieldReader,
    FrameInfo,
    FrameSource,
    MappingReader,
    Morphed,
    Morpher,
    Reader,
    Refiner,
    TopologyReader,
    Writer,
)
from backmap.engine.flags import owners
from backmap.engine.sites.handed import a, expect, expect_shape, fault, named
from backmap.errors import BackmapError, at
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment, BeadValues, Curve, Figure, Surface
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window

#: Masses of particles, u, and charges, e, that there are; of less than the last they are slips.
HEAVIEST, HIGHEST_CHARGE, SLIGHTEST = 1e6, 100.0, 1e-9
HEAVIEST_ELEMENT = 118
STRONGEST = 1e12  #: parameter of a force field, in nm, kJ/mol and e


class CheckedFrames:
    """Frames of a reader, each looked at as it is read.

    Args:
        source: The frames; whatever else it knows is excluded on.
        who: The reader, for messages.
    """

    def __init__(self, source: FrameSource, who: str) -> None:
        self._source, self._who = source, who

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0."""
        found = self._source.frame(number)
        with at(f"{self.where}: frame {number}"):
            info = expect(found, FrameInfo, self._who)
            expect_shape(info.positions, (self.n_points, 3), self._who, "gave positions")
            if info.box is not None:
                expect_shape(info.box, (3, 3), self._who, "gave a box")
            if info.forces is not None:
                expect_shape(info.forces, (self.n_points, 3), self._who, "gave forces")
            if not isinstance(info.time, int | float | np.number) or not np.isfinite(info.time):
                raise fault(f"{self._who} gave {info.time!r} as the time, expected ps")
        return info


def opened(reader: Reader) -> FrameSource:
    """The frames of a reader."""
    who, source = named("reader", reader), reader.open()
    for name in ("n_frames", "n_points"):
        count = getattr(source, name, None)
        if not isinstance(count, int | np.integer) or count < 0:
            raise fault(f"{who} gave frames whose {name} is {count!r}, expected a whole number")
    for name in ("frame", "where"):
        if not hasattr(source, name):
            raise fault(f"{who} gave {a(type(source))} without '{name}', expected frames")
    return CheckedFrames(source, who)


def topology(reader: TopologyReader) -> AtomTopology:
    """The topology that a reader gives.

    Raises:
        BackmapError: If it is none, or a mass or a charge is not a number.
    """
    found = expect(reader.read(), AtomTopology, named("topology reader", reader))
    for kind in found.types.values():
        for what, values in (("mass", kind.mass), ("charge", kind.partial_charge)):
            bad = ~np.isfinite(values)
            if bad.any():
                raise BackmapError(f"the {what} of atom {kind.atom_names[bad.argmax()]} of {kind.name} is not a number",
                                   where=found.where)
        bad = (kind.element < 0) | (kind.element > HEAVIEST_ELEMENT)
        if bad.any():
            raise BackmapError(f"the atomic number of atom {kind.atom_names[bad.argmax()]} of {kind.name} is "
                               f"{kind.element[bad.argmax()]}", where=found.where, hint="There are 118 elements.")
        for what, values, low, high, unit in (("mass", kind.mass, 0.0, HEAVIEST, "u"),
                                              ("charge", kind.partial_charge, -HIGHEST_CHARGE, HIGHEST_CHARGE, "e")):
            bad = (values < low) | (values > high) | ((values != 0) & (np.abs(values) < SLIGHTEST))
            if bad.any():
                raise BackmapError(f"the {what} of atom {kind.atom_names[bad.argmax()]} of {kind.name} is "
                                   f"{values[bad.argmax()]:g} {unit}", where=found.where,
                                   hint="Mend the file; is a column missing, or a decimal point?")
    return found


def forcefield(reader: ForceFieldReader, system: System) -> ForceField:
    """The parameters that a reader gives.

    Raises:
        BackmapError: If they are none, or one of them is not a number.
    """
    field = expect(reader.read(system), ForceField, named("force field", reader))
    tables = {"Lennard-Jones parameters": np.stack([field.c6, field.c12])}
    for kind in field.molecules.values():
        tables |= {f"charges of {kind.name}": kind.charge, f"1-4 pairs of {kind.name}": kind.pair_parameters}
        tables |= {f"parameters of the {bonded.function} terms of {kind.name}": bonded.parameters
                   for bonded in kind.bonded}
    for what, values in tables.items():
        if not np.isfinite(values).all():
            raise BackmapError(f"{np.count_nonzero(~np.isfinite(values))} of the {what} are not numbers",
                               where=field.where, hint="Mend the file that they come from.")
        if np.abs(values).max(initial=0.0) > STRONGEST:
            raise BackmapError(f"one of the {what} is {values.flat[np.abs(values).argmax()]:g}", where=field.where,
                               hint="No energy of atoms is as steep: mend the file that it comes from.")
    return field


def bead_models(reader: MappingReader, atoms: AtomTopology) -> dict[str, BeadModel]:
    """Bead models by molecule type."""
    who = named("mapping reader", reader)
    models = expect(reader.read(atoms), dict, who)
    for name, model in models.items():
        expect(model, BeadModel, who, f"gave for '{name}'")
    return models


def refined(refiner: Refiner, done: object, before: Window, system: System) -> Window:
    """What a refiner made of a window."""
    who = named("refiner", refiner)
    window = expect(done, Window, who)
    expect_shape(window.atoms, before.atoms.shape, who, "gave atoms")
    _expect_finite(window, system, f"{who} moved atoms to positions that are not numbers")
    return window


def morpher_remarks(morpher: Morpher, system: System) -> list[str]:
    """What a morpher says as it begins, with the molecules that it leaves as they are."""
    unknown = sorted(set(morpher.left) - {kind.name for kind in system.types})
    if unknown:
        raise fault(f"{named('morpher', morpher)} leaves '{unknown[0]}' as it is, which is no molecule type")
    left = [f"{', '.join(morpher.left)}: beads stay as they are"] if morpher.left else []
    return [*morpher.remarks, *left]


def morphed(morpher: Morpher, found: object, before: Window, system: System) -> Morphed:
    """What a morpher made of a frame."""
    who = named("morpher", morpher)
    made = expect(found, Morphed, who)
    expect_shape(made.beads, (system.n_beads, 3), who, "gave beads")
    wrong = np.flatnonzero(~np.isfinite(made.beads).all(axis=1))
    if len(wrong):
        raise BackmapError(f"{who} moved beads to positions that are not numbers: {len(wrong)} "
                           f"bead{'s' if len(wrong) > 1 else ''} (first: frame {before.frames[0]}, "
                           f"{system.bead_label(int(wrong[0]))})",
                           hint="The fault is in the morpher, in its weights, or in the beads there.")
    for (move, bead_type), counts in made.moves.items():
        if move not in morpher.moves:
            raise fault(f"{who} gave moves '{move}', which are not among its own")
        expect_shape(counts, (len(counts), 2), who, f"gave as moves '{move}' of {bead_type} counts")
        if counts.dtype.kind not in "iu":
            raise fault(f"{who} gave as moves '{move}' of {bead_type} counts of {counts.dtype}, expected integers")
    return made


def finite(window: Window, system: System) -> Window:
    """A window that is about to be written.

    Raises:
        BackmapError: If a position, a box or a time is not a number.
    """
    if window.atoms is not None:
        _expect_finite(window, system, "atoms have positions that are not numbers")
    if not (np.isfinite(window.boxes).all() and np.isfinite(window.time).all()):
        bad = ~(np.isfinite(window.boxes).all(axis=(1, 2)) & np.isfinite(window.time))
        raise BackmapError(f"the box or the time of frame {window.frames[bad.argmax()]} is not a number",
                           hint="Leave the frame out with --frames.")
    return window


def _expect_finite(window: Window, system: System, problem: str) -> None:
    if np.isfinite(window.atoms).all():
        return
    wrong = ~np.isfinite(window.atoms).all(axis=2)
    if window.placed is not None:
        wrong &= window.placed
    if wrong.any():
        frame, atom = np.argwhere(wrong)[0]
        bead = system.bead_label(int(owners(system)[atom]))
        raise BackmapError(f"{problem}: {wrong.sum()} atom{'s' if wrong.sum() > 1 else ''} (first: frame "
                           f"{window.frames[frame]}, {bead})", hint="Leave the frame out with --frames, or change the "
                                                                    "steps before.")


def flags(assessor: Assessor, found: object, n_beads: int) -> Mapping[str, NDArray[np.bool_]]:
    """Beads that an assessor flags in one frame, (B,) by physics warning."""
    if found is None:
        return {}
    who = named("assessor", assessor)
    for name, mask in expect(found, Mapping, who, "gave as flags").items():
        expect_shape(mask, (n_beads,), who, f"gave flags '{name}'")
        if mask.dtype != bool:
            raise fault(f"{who} gave flags '{name}' of {mask.dtype}, expected bool")
    return found


def bead_values(assessor: Assessor, found: object, n_beads: int) -> Sequence[BeadValues]:
    """Numbers of single beads that an assessor gives of one frame."""
    who = named("assessor", assessor)
    for each in expect(found, Sequence, who, "gave as values of beads"):
        expect(each, BeadValues, who, "gave among values of beads")
        expect_shape(each.values, (n_beads,), who, f"gave values '{each.name}'")
    return found


def assessment(assessor: Assessor, found: object) -> Assessment:
    """What an assessor says of a trajectory."""
    who = named("assessor", assessor)
    said = expect(found, Assessment, who, "concluded")
    for figure in said.figures:
        expect(figure, Figure, who, "concluded among figures")
        if not isinstance(figure.value, int | float | np.number | np.bool_):
            raise fault(f"{who} concluded {a(type(figure.value))} as {figure.name} {figure.quantity}, expected a "
                        "number")
    for finding in said.findings:
        expect(finding, Aspect, who, "concluded among findings")
        if finding.level not in (GOOD, CARE, UNUSABLE):
            raise fault(f"{who} concluded a finding of level {finding.level!r}, expected GOOD, CARE or UNUSABLE")
    for curve in said.curves:
        expect(curve, Curve, who, "concluded among curves")
        expect_shape(curve.values, (len(curve.edges) - 1,), who, f"concluded {curve.name} {curve.quantity}")
    for surface in said.surfaces:
        _expect_surface(expect(surface, Surface, who, "concluded among surfaces"), who)
    return said


def _expect_surface(surface: Surface, who: str) -> None:
    """BackmapError unless axes, bins, values and points of a surface fit each other."""
    said = f"concluded {surface.name} {surface.quantity}"
    for what in ("labels", "units", "edges"):
        if len(getattr(surface, what)) != 2:
            raise fault(f"{who} {said} with {len(getattr(surface, what))} {what}, expected 2")
    for axis, edges in zip("xy", surface.edges):
        if np.ndim(edges) != 1 or len(edges) < 2 or not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
            raise fault(f"{who} {said} with {axis} edges that do not increase")
    bins = tuple(len(edges) - 1 for edges in surface.edges)
    for what, array in (("values", surface.values), ("errors", surface.errors)):
        if array is not None or what == "values":
            expect_shape(array, bins, who, f"{said} with {what}")
            if array.dtype.kind not in "iuf" or np.isinf(array).any():
                raise fault(f"{who} {said} with {what} that are neither numbers nor NaN")
    if surface.points is not None:
        expect_shape(surface.points, (len(surface.points), 2), who, f"{said} with points")
    count = 0 if surface.points is None else len(surface.points)
    if len(surface.hover) not in (0, count):
        raise fault(f"{who} {said} with {len(surface.hover)} texts for {count} points")


def written(writer: Writer, window: Window, system: System, first: bool) -> Iterator[tuple[Path, bytes]]:
    """What a writer appends to each of its files."""
    who, paths, count = named("writer", writer), writer.paths(), 0
    for count, piece in enumerate(writer.encode(window, system, first), 1):
        if count > len(paths):
            break
        yield paths[count - 1], expect(piece, bytes, who, f"encoded for {paths[count - 1]}")
    if count != len(paths):
        raise fault(f"{who} encoded {'more' if count > len(paths) else 'fewer'} pieces than its {len(paths)} files")
