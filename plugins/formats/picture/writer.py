"""A picture of the first frame: its beads on the left, its atoms on the right."""
from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backmap.api import Options, OutputPath, Writer
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.molecule import MoleculeType
from backmap.model.system import Group, System, Window

from ..writing import ending
from .render import Camera, Canvas, turned

Array = NDArray[np.float64]

ATOMS = 420  #: about this many atoms are shown, unless the recipe says how many molecules
SLAB = (0.9, 1.05, 3.0)  #: how much a distance counts to the right, upwards and in depth: it makes a layer
PANEL, SMALLER = (800, 690), 2  #: pixels of each half, and how many times finer it is drawn
LEGEND, DPI = 60, 200  #: pixels of the line below, and per inch
PAPER, INK = "#ffffff", "#33404d"
BEADS = ("#f08a4b", "#2a9d8f", "#5b7fd1", "#e0b83f", "#b565a7", "#7aa84c", "#d1495b", "#4fa8c9")
ELEMENTS = {1: "#f4f4f1", 6: "#56606b", 7: "#3f6fd8", 8: "#d8403f", 9: "#7cc35a", 14: "#c9a36b", 15: "#e58f2e",
            16: "#e6c13c", 17: "#5fb14f", 35: "#9a4a33", 53: "#7d4fa0"}
UNUSUAL = "#b58bbd"
HYDROGEN, HEAVY, STICK = 0.028, 0.043, 0.014  #: radii of balls and of bonds, nm
CORE, STRING = 0.04, 0.022  #: radii of what is inside a bead: its centre and the bonds between beads, nm
BEYOND = 0.10  #: how far a bead is drawn beyond its heavy atoms, nm


class Picture(Writer):
    """Picture (.png) of the first frame, with the beads on the left and the backmapped atoms on the right."""

    class Options(Options):
        file: Annotated[OutputPath, ending(".png")] = pydantic.Field(
            description="The .png, relative to the output folder.")
        molecules: int | None = pydantic.Field(
            None, ge=1, description="How many molecules to show, a layer about the centre of the box that faces the "
                                    f"viewer; by default as many as make about {ATOMS} atoms.")
        view: tuple[float, float] = pydantic.Field(
            (35.0, 20.0), description="Where it is seen from: degrees around the z axis, and above the xy plane.")

    options: Options

    def paths(self) -> Sequence[Path]:
        return [self.options.file]

    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        if not first:
            return [b""]
        if window.atoms is None or (window.placed is not None and not window.placed.all()):
            raise BackmapError("cannot draw atoms that are not placed", where=self.options.file,
                               hint="Put a step that places atoms, such as forward, before write.")
        rotation = turned(*self.options.view)
        return [draw(Shown.of(system, window, self.options.molecules, rotation), rotation)]


@dataclass(frozen=True, eq=False)
class Shown:
    """What the picture shows: n beads and m atoms of some molecules of one frame.

    Attributes:
        beads: Positions, nm, (n, 3).
        bead_radii: nm, (n,).
        bead_colours: Red, green and blue, 0 to 1, (n, 3).
        bead_bonds: Pairs of beads, (k, 2).
        atoms: Positions, nm, (m, 3).
        element: Atomic numbers, (m,).
        bonds: Pairs of atoms, (l, 2).
        caption: What is on the left, and what on the right.
    """

    beads: Array
    bead_radii: Array
    bead_colours: Array
    bead_bonds: NDArray[np.int64]
    atoms: Array
    element: NDArray[np.int64]
    bonds: NDArray[np.int64]
    caption: tuple[str, str]

    @classmethod
    def of(cls, system: System, window: Window, molecules: int | None, rotation: Array) -> Shown:
        """Molecules of the first frame, each in the periodic image nearest the centre of the box."""
        box, beads, atoms = window.box(0), window.beads[0], window.atoms[0]
        chosen = _layer(system, beads, box, molecules, rotation)
        kinds = list(dict.fromkeys(name for kind in system.types for name in kind.bead_types))
        parts = []
        n_beads = n_atoms = 0
        for group, molecule, shift in chosen:
            kind = group.type
            own = beads[group.beads[molecule]], atoms[group.atoms[molecule]]
            parts.append((own[0] + shift, _reach(kind, *own), [kinds.index(name) for name in kind.bead_types],
                          kind.bead_bonds + n_beads, own[1] + shift, kind.chemistry.element, kind.bonds + n_atoms))
            n_beads, n_atoms = n_beads + kind.n_beads, n_atoms + kind.n_atoms
        place, radii, of, bead_bonds, positions, element, bonds = (np.concatenate(column) for column in zip(*parts))
        colours = np.array([to_rgb(BEADS[k % len(BEADS)]) for k in range(len(kinds))])[of.astype(np.int64)]
        return cls(place, radii, colours, bead_bonds.astype(np.int64), positions, element, bonds,
                   (f"{n_beads} beads", f"{n_atoms} atoms"))


def _layer(system: System, beads: Array, box: Array | None, molecules: int | None,
           rotation: Array) -> list[tuple[Group, int, Array]]:
    """Group, row and shift of each molecule that is shown: a layer about the centre that faces the viewer."""
    centre = beads.mean(axis=0) if box is None else box.sum(axis=0) / 2
    found = []
    for group in system.groups:
        offset = beads[group.beads].mean(axis=1) - centre
        near = periodic.minimum_image(offset.copy(), box)
        seen = np.linalg.norm(near @ rotation.T * SLAB, axis=1)
        found.extend((seen[k], group, k, near[k] - offset[k]) for k in range(len(offset)))
    found.sort(key=lambda entry: entry[0])
    if molecules is None:
        sizes = np.cumsum([group.type.n_atoms for _, group, _, _ in found])
        molecules = max(1, int((sizes <= ATOMS).sum()))
    return [(group, k, shift) for _, group, k, shift in found[:molecules]]


def _reach(kind: MoleculeType, beads: Array, atoms: Array) -> Array:
    """Radii of the beads of one molecule, (B,): how far their heavy atoms reach, and a little more."""
    owner, heavy = kind.mapping.owner, kind.chemistry.heavy
    distance = np.linalg.norm(atoms - beads[owner], axis=1) * heavy
    reach = np.zeros(kind.n_beads)
    np.maximum.at(reach, owner, distance)
    return reach + BEYOND


def draw(shown: Shown, rotation: Array) -> bytes:
    """The picture as a PNG."""
    width, height = (SMALLER * n for n in PANEL)
    camera = Camera.around(rotation, np.concatenate([shown.beads, shown.atoms]), 0.2, width, height)
    inches = np.array([2 * PANEL[0], PANEL[1] + LEGEND]) / DPI
    figure = Figure(figsize=tuple(inches), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    bottom = LEGEND / (PANEL[1] + LEGEND)
    for k, picture in enumerate((_beads(shown, camera), _atoms(shown, camera))):
        axes = figure.add_axes((k / 2, bottom, 0.5, 1 - bottom))
        axes.imshow(picture, interpolation="none")
        axes.set_axis_off()
        figure.text(0.25 + k / 2, bottom * 0.4, shown.caption[k], ha="center", color=INK, fontsize=12)
    figure.text(0.5, bottom * 0.4, "\N{RIGHTWARDS ARROW}", ha="center", color=INK, fontsize=16)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor=PAPER, metadata={"Software": None})
    return buffer.getvalue()


def _beads(shown: Shown, camera: Camera) -> Array:
    canvas = Canvas(camera, to_rgb(PAPER))
    first, second = shown.bead_bonds.T
    canvas.sticks(shown.beads[first], shown.beads[second], STRING, shown.bead_colours[first],
                  shown.bead_colours[second])
    canvas.spheres(shown.beads, np.full(len(shown.beads), CORE), shown.bead_colours)
    canvas.shade()
    canvas.glass(shown.beads, shown.bead_radii, shown.bead_colours, 0.45, 0.9)
    return canvas.image(SMALLER)


def _atoms(shown: Shown, camera: Camera) -> Array:
    canvas = Canvas(camera, to_rgb(PAPER))
    colours = np.array([to_rgb(ELEMENTS.get(int(z), UNUSUAL)) for z in shown.element])
    first, second = shown.bonds.T
    canvas.sticks(shown.atoms[first], shown.atoms[second], STICK, colours[first], colours[second])
    canvas.spheres(shown.atoms, np.where(shown.element == 1, HYDROGEN, HEAVY), colours)
    canvas.shade()
    canvas.glass(shown.beads, shown.bead_radii, shown.bead_colours, 0.07, 0.35)
    return canvas.image(SMALLER)
