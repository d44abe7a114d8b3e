"""Frames to look at: molecules around their centre as compact data for the 3D view, and as a still picture."""
from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.model import box as periodic
from backmap.model.assessment import Example
from backmap.model.system import System

from ..chemistry.elements import symbol_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]

MOST_ATOMS = 3000  #: shown at most, whole molecules; a single larger one is shown whole
FEW_ATOMS = 350  #: shown at first, at least
STILL_ATOMS = 700  #: in the still picture
THICK = 0.16  #: radius of beads that are drawn as atoms, in bonds
PICOMETRE = 1000.0  #: positions are kept as whole picometres


#: Colours of beads run between these quantiles of all values; what lies beyond has the colour of the end.
RANGE = (0.01, 0.99)


@dataclass(frozen=True, eq=False)
class Colouring:
    """One kind of numbers that beads can be coloured by, on one scale for all trajectories and frames.

    Attributes:
        name: Of the numbers.
        unit: Theirs, or "".
        low: Where colours begin.
        high: Where they end.
        least: Of all beads of the frames, not only of those that are shown.
        most: The same; infinite if some have no finite number.
        values: Of the beads that are shown, frame by frame, by trajectory, (b,); NaN for beads that have none.
    """

    name: str
    unit: str
    low: float
    high: float
    least: float
    most: float
    values: list[dict[str, Array]]

    def to_json(self) -> dict[str, Any]:
        """Plain data: null where there is no number; four digits are more than colours tell."""
        return {"name": self.name, "unit": self.unit, **{name: _plain(getattr(self, name)) for name in
                                                         ("low", "high", "least", "most")},
                "values": [{label: [_plain(value) for value in own.tolist()] for label, own in frame.items()}
                           for frame in self.values]}


def _plain(value: float) -> float | str | None:
    """A number as JSON has it; infinite ones as JavaScript reads them from text."""
    if np.isnan(value):
        return None
    return float(f"{value:.4g}") if np.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def colourings(examples: Sequence[Example], rows: Index) -> list[Colouring]:
    """What the beads ``rows`` (b,) of the frames can be coloured by; numbers that no bead has are left out."""
    by_name: dict[tuple[str, str], list[dict[str, Array]]] = {}
    for number, example in enumerate(examples):
        for label, found in example.values.items():
            for each in found:
                frames = by_name.setdefault((each.name, each.unit), [{} for _ in examples])
                frames[number][label] = np.asarray(each.values, dtype=np.float64)
    colours = []
    for (name, unit), values in by_name.items():
        every = np.concatenate([own for frame in values for own in frame.values()])
        every = every[~np.isnan(every)]
        finite = every[np.isfinite(every)]
        if len(finite):
            low, high = np.quantile(finite, RANGE)
            colours.append(Colouring(name, unit, float(low), float(high), float(every.min()), float(every.max()),
                                     [{label: own[rows] for label, own in frame.items()} for frame in values]))
    return colours


@dataclass(frozen=True, eq=False)
class Moment:
    """Where the molecules of an excerpt are in one frame; positions in nm about its centre.

    Attributes:
        number: Number of the frame.
        atoms: Positions by trajectory, (n, 3).
        beads: Positions, (b, 3).
        corner: Corner of the box, (3,).
        box: Rows are the box vectors, (3, 3); None without periodicity.
    """

    number: int
    atoms: dict[str, Array]
    beads: Array
    corner: Array
    box: Array | None

    def to_json(self) -> dict[str, Any]:
        """Plain data; positions as base64 of little-endian int16 or int32 picometres."""
        return {"number": self.number, "beads": packed(self.beads),
                "trajectories": {label: packed(atoms) for label, atoms in self.atoms.items()},
                "box": None if self.box is None else np.round(np.vstack([self.corner, self.box]), 3).tolist()}


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Molecules of some frames, those nearest to the centre of the first one first.

    Attributes:
        frames: Where they are.
        n_molecules: Molecules of a whole frame, of which only some are here.
        n_atoms: Atoms of a whole frame.
        elements: Symbol of each atom.
        atom_counts: Atoms of each molecule.
        bead_counts: Beads of each molecule.
        bonds: Pairs of atoms, (m, 2).
        bead_bonds: Pairs of beads, (k, 2).
        bead_types: Type of each bead.
        radius: Of each bead, nm, (b,).
        colourings: What beads can be coloured by, beside their type.
        bond: Mean length of bonds where atoms are beads without elements, nm, by which they are drawn; else 0.
        own_beads: Whether all atoms are beads of their own, so that these need not be drawn again.
    """

    frames: list[Moment]
    n_molecules: int
    n_atoms: int
    elements: list[str]
    atom_counts: list[int]
    bead_counts: list[int]
    bonds: Index
    bead_bonds: Index
    bead_types: list[str]
    radius: Array
    colourings: list[Colouring]
    bond: float = 0.0
    own_beads: bool = False

    @property
    def few(self) -> int:
        """Molecules shown at first."""
        return self.molecules_for(FEW_ATOMS)

    def molecules_for(self, n_atoms: int) -> int:
        """The first molecules that have at least ``n_atoms`` together, or all."""
        return min(int(np.searchsorted(np.cumsum(self.atom_counts), n_atoms)) + 1, len(self.atom_counts))

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "molecules": self.n_molecules, "atoms": self.n_atoms, "few": self.few,
            "elements": self.elements, "atomCounts": self.atom_counts, "beadCounts": self.bead_counts,
            "bonds": self.bonds.ravel().tolist(), "beadBonds": self.bead_bonds.ravel().tolist(),
            "beadTypes": self.bead_types, "radius": np.round(self.radius, 3).tolist(),
            "frames": [each.to_json() for each in self.frames],
            "colourings": [each.to_json() for each in self.colourings],
            "bond": round(self.bond, 4), "ownBeads": self.own_beads}


def packed(positions: Array) -> dict[str, str]:
    """Positions (n, 3), nm, as base64 text of whole picometres."""
    whole = np.round(np.nan_to_num(positions) * PICOMETRE)
    kind = "int16" if np.abs(whole).max(initial=0) < 2**15 else "int32"
    return {"type": kind, "data": base64.b64encode(whole.astype(np.dtype(kind).newbyteorder("<")).tobytes()).decode()}


def scene(examples: Sequence[Example], system: System) -> Excerpt:
    """Whole molecules around the centre of the first frame, ``MOST_ATOMS`` atoms or one molecule, in all frames."""
    found = _Collected()
    for kind, atom_offset, bead_offset in _nearest(examples[0], system):
        found.add(kind, atom_offset, bead_offset)
    atom_rows, bead_rows = np.concatenate(found.atom_rows), np.concatenate(found.bead_rows)
    frames = [_moment(example, system, atom_rows, bead_rows) for example in examples]
    return Excerpt(
        frames=frames, n_molecules=system.n_molecules, n_atoms=system.n_atoms,
        elements=found.elements, atom_counts=found.atom_counts, bead_counts=found.bead_counts,
        bonds=np.concatenate(found.bonds), bead_bonds=np.concatenate(found.bead_bonds), bead_types=found.bead_types,
        radius=np.array(found.radii), colourings=colourings(examples, bead_rows),
        bond=_bond(found, frames[0].atoms), own_beads=system.only_beads)


def _centred(example: Example, system: System) -> tuple[Array, Array, Array | None]:
    """Beads (B, 3) of whole molecules at the images nearest to the centre of the frame, that centre (3,), the box."""
    box = example.box if periodic.is_valid(example.box) else None
    beads = system.whole_beads(example.beads, box).copy()
    centre = example.box.sum(axis=0) / 2 if box is not None else beads.mean(axis=0)
    for group in system.groups:
        middle = beads[group.beads].mean(axis=1) - centre
        beads[group.beads] += (periodic.minimum_image(middle, box) - middle)[:, None]
    return beads, centre, box


def _moment(example: Example, system: System, atom_rows: Index, bead_rows: Index) -> Moment:
    """One frame of the molecules that have these atoms and beads."""
    beads, centre, box = _centred(example, system)
    atoms = {label: (system.atoms_near_beads(positions, beads, box) - centre)[atom_rows]
             for label, positions in example.atoms.items()}
    return Moment(example.number, atoms, (beads - centre)[bead_rows], -centre, box)


def _bond(found: _Collected, shown: dict[str, Array]) -> float:
    """Mean length of bonds, nm, of molecules without elements; 0 of others, or without bonds."""
    i, j = np.concatenate(found.bonds).T
    if set(found.elements) != {symbol_of(0)} or not len(i):
        return 0.0
    return float(np.mean([np.linalg.norm(atoms[i] - atoms[j], axis=1).mean() for atoms in shown.values()]))


class _Collected:
    """Molecules one after the other, with indices counted anew."""

    def __init__(self) -> None:
        self.elements: list[str] = []
        self.atom_counts: list[int] = []
        self.bead_counts: list[int] = []
        self.bead_types: list[str] = []
        self.radii: list[float] = []
        self.bonds: list[Index] = []
        self.bead_bonds: list[Index] = []
        self.atom_rows: list[Index] = []
        self.bead_rows: list[Index] = []

    def add(self, kind: Any, atom_offset: int, bead_offset: int) -> None:
        """Add a molecule of type ``kind``, whose first atom and bead have these numbers in the frame."""
        self.bonds.append(np.asarray(kind.bonds, dtype=np.int64).reshape(-1, 2) + len(self.elements))
        self.bead_bonds.append(np.asarray(kind.bead_bonds, dtype=np.int64).reshape(-1, 2) + len(self.bead_types))
        self.elements += [symbol_of(int(z)) for z in kind.chemistry.element]
        self.bead_types += list(kind.bead_types)
        owned = np.bincount(kind.mapping.owner, minlength=kind.n_beads)
        self.radii += list(0.11 * np.maximum(owned, 1) ** (1 / 3))
        self.atom_counts.append(kind.n_atoms)
        self.bead_counts.append(kind.n_beads)
        self.atom_rows.append(np.arange(kind.n_atoms) + atom_offset)
        self.bead_rows.append(np.arange(kind.n_beads) + bead_offset)


def _nearest(example: Example, system: System) -> list[tuple]:
    """Type and offsets of the molecules that are shown, nearest to the centre first."""
    beads, centre, _ = _centred(example, system)
    found = []
    for group in system.groups:
        away = np.linalg.norm(beads[group.beads].mean(axis=1) - centre, axis=1)
        found += [(float(distance), group.type, int(a), int(b)) for distance, a, b in
                  zip(away, group.atom_offset, group.bead_offset)]
    found.sort(key=lambda entry: (entry[0], entry[2]))
    size, shown = 0, []
    for _, kind, atom_offset, bead_offset in found:
        if shown and size + kind.n_atoms > MOST_ATOMS:
            break
        shown.append((kind, atom_offset, bead_offset))
        size += kind.n_atoms
    return shown


def still(scene: Excerpt, label: str) -> str:
    """An SVG of a few molecules of the first frame from one side: for paper, and for readers without WebGL."""
    first = scene.frames[0]
    molecules = scene.molecules_for(STILL_ATOMS)
    if molecules > 1 and sum(scene.atom_counts[:molecules]) > 2 * STILL_ATOMS:
        molecules -= 1
    n_atoms, n_beads = sum(scene.atom_counts[:molecules]), sum(scene.bead_counts[:molecules])
    turn = _view()
    atoms, beads = first.atoms[label][:n_atoms] @ turn.T, first.beads[:n_beads] @ turn.T
    low = np.vstack([atoms, beads]).min(axis=0) - 0.3
    high = np.vstack([atoms, beads]).max(axis=0) + 0.3
    scale = 640 / (high[0] - low[0])
    height = (high[1] - low[1]) * scale
    if height > 420:
        scale, height = scale * 420 / height, 420.0
    width = (high[0] - low[0]) * scale

    def place(points: Array) -> Array:
        across, down = (points[:, 0] - low[0]) * scale, height - (points[:, 1] - low[1]) * scale
        return np.column_stack([across, down, points[:, 2]])

    seen, rings = place(atoms), place(beads)
    parts: list[tuple[float, str]] = []
    longest = (4 * scene.bond or 0.4) * scale
    for i, j in scene.bonds[(scene.bonds < n_atoms).all(axis=1)]:
        middle = (seen[i] + seen[j]) / 2
        if np.hypot(*(seen[i] - seen[j])[:2]) > longest:
            continue
        for end in (i, j):
            symbol = scene.elements[end]
            parts.append((middle[2], f'<path class="e{symbol}" d="M{seen[end][0]:.0f} {seen[end][1]:.0f}'
                                     f'L{middle[0]:.0f} {middle[1]:.0f}"/>'))
    kinds = list(dict.fromkeys(scene.bead_types))
    for across, down, depth in seen if scene.bond else ():
        parts.append((depth, f'<circle class="eX" cx="{across:.0f}" cy="{down:.0f}" '
                             f'r="{THICK * scene.bond * scale:.1f}"/>'))
    for bead, (across, down, depth) in enumerate(() if scene.own_beads else rings):
        kind = kinds.index(scene.bead_types[bead]) % 6
        parts.append((depth, f'<circle class="b{kind}" cx="{across:.0f}" cy="{down:.0f}" '
                             f'r="{scene.radius[bead] * scale:.1f}"/>'))
    drawn = "".join(text for _, text in sorted(parts, key=lambda part: part[0]))
    return (f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
            f'aria-label="Frame {first.number} of {escape(label)}">{drawn}</svg>')


def _view() -> Array:
    """A little from above and from the side, (3, 3)."""
    a, b = np.radians([25.0, -20.0])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_x @ about_y
