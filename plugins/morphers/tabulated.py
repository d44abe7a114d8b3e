"""The morpher ``tabulated``: beads are sampled in potentials of another model, inside a bottleneck that is kept."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Morphed, Morpher
from backmap.engine.tabulated.sampler import MOVES, BeadSampler, Held
from backmap.errors import BackmapError, at
from backmap.model.interactions import EXCLUDED, interactions_of
from backmap.model.system import System, Window

from ..files.reading import Files
from ..files.tables.option import read_tables
from .coarser import CoarserOptions, coarser


class TabulatedMorpherOptions(CoarserOptions):
    """Options of the morpher ``tabulated``."""

    tables: Files = Field(description="Potentials of the model that is right close up: VOTCA tables called by their "
                                      "interactions, or a folder of them (invert writes one).")
    temperature: float = Field(300.0, gt=0, description="Of the potentials, K.")
    sweeps: int = Field(300, ge=1, description="Sweeps; in each, as many moves as there are beads.")
    softness: float = Field(0.0, ge=0, description="nm; how far mass centres may stray, as the standard deviation of a "
                                                   "coordinate where nothing else acts on them. 0: they stay.")
    excluded: int = Field(EXCLUDED, ge=0, description="Pairs of beads of one molecule that are so many bonds apart or "
                                                      "fewer do not interact.")


class TabulatedMorpher(Morpher):
    """Samples beads in tabulated potentials, while mass centres of successive beads stay where they are.

    Moves turn a group of beads about its mass centre, or displace two of its beads in opposite directions; each is
    accepted or rejected, towards exp(-U/kT) of the beads in such mass centres. With ``softness`` groups are carried,
    too, and mass centres follow a Gaussian about where they were. It begins with the beads as they are: those of X, or
    what the morpher ``bottleneck`` has drawn.

    The potentials say what a generator would have to learn. They are as good as what they are sums of: bonds, angles
    and torsions that do not know of each other, and pairs.
    """

    Options = TabulatedMorpherOptions
    options: TabulatedMorpherOptions
    moves = MOVES
    kept = "mass centres of the bottleneck"

    def begin(self, system: System, device: str, seed: tuple[int | str, ...]) -> None:
        options = self.options
        groups = coarser(system, options, self.where)
        potentials = read_tables(options.tables, interactions_of(system))
        self.held = held(groups, options.softness, self.where)
        with at(self.where):
            self.sampler = BeadSampler(system, potentials, self.held, options.temperature, options.excluded)
        self.left = [kind.name for kind in groups.types if kind.given]
        lacking = [name for name in interactions_of(system) if name not in potentials]
        self.remarks = [f"{system.n_beads} beads are sampled inside {groups.n_beads}",
                        *([f"these have no table, and do not act: {', '.join(lacking)}"] if lacking else [])]

    def morph(self, window: Window, seed: tuple[int | str, ...]) -> Morphed:
        beads = window.beads[0]
        home = self.held.centres(beads)
        made, counts = self.sampler.sample(beads, home, window.box(0), self.options.sweeps,
                                           (*seed, "tables", int(window.frames[0])), self.progress)
        moves = {(move, "beads"): counts[:, number] for number, move in enumerate(MOVES)
                 if counts[:, number].any()}
        return Morphed(made, moves, drift=np.linalg.norm(self.held.centres(made) - home, axis=1))


def held(groups: System, softness: float, where: str) -> Held:
    """The groups of a bottleneck as they are held, by beads of the system.

    Raises:
        BackmapError: If a bead is in two groups.
    """
    beads: list[NDArray[np.int64]] = []
    weights: list[NDArray[np.float64]] = []
    for group in groups.groups:
        if group.type.given:
            continue
        row, atom, weight = group.type.mapping.entries
        several = np.flatnonzero(np.bincount(atom, minlength=group.type.n_atoms) > 1)
        if len(several):
            raise BackmapError(f"bead {group.type.atom_names[several[0]]} of '{group.type.name}' is in more than one "
                               "group", where=where, hint="Give a bottleneck in which each bead is in one.")
        ends = np.flatnonzero(np.diff(row)) + 1
        for first in group.atom_offset:
            beads += np.split(first + atom, ends)
            weights += np.split(weight, ends)
    return Held(beads, weights, softness)
