"""The step ``invert``: tables of potentials that give the distributions which beads have."""
from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap import api
from backmap.api import FrameStep, OutputPath, State
from backmap.engine.tabulated.geometry import BeadGeometry
from backmap.engine.tabulated.inversion import boltzmann_inverse, corrected, samples
from backmap.engine.tabulated.sampler import BeadSampler, Held
from backmap.errors import BackmapError, at
from backmap.model.interactions import EXCLUDED, interactions_of
from backmap.model.system import System, Window
from backmap.model.tabulated import Interaction, Potential, even_grid

from ..files.tables.folder import contents_of, paths_of

Array = NDArray[np.float64]
Frame = tuple[Array, Array | None]

MARGIN = 0.25  #: tables reach so many times what was met beyond it, on either side
FEWEST = 5  #: samples that make a point known


class InvertOptions(api.Options):
    """Options of ``invert``."""

    temperature: float = Field(300.0, gt=0, description="Of the frames, K.")
    iterations: int = Field(8, ge=0, description="Corrections by frames that the potentials made; with 0 each "
                                                 "distribution is inverted by itself.")
    sweeps: int = Field(100, ge=1, description="Sweeps before each look at these frames.")
    looks: int = Field(3, ge=1, description="Looks at them in each iteration, after a first one that does not count.")
    cutoff: float = Field(1.5, gt=0, description="Pairs interact up to here, nm.")
    points: int = Field(70, ge=10, le=2000, description="Of each table.")
    excluded: int = Field(EXCLUDED, ge=0, description="Pairs of beads of one molecule that are so many bonds apart or "
                                                      "fewer do not interact.")
    output: OutputPath = Field(Path("tables"), description="Folder of the tables.")


class Invert(FrameStep):
    """Makes tabulated potentials whose distributions are those of the beads: iterative Boltzmann inversion.

    Bonds, angles, dihedrals and g(r), by types of beads. Beads of all frames are sampled by the potentials so far, from
    where they are and with nothing held, for a few sweeps: enough for what is near by, not for shapes of chains. Tables
    are VOTCA's and LAMMPS'. D. Reith, M. Puetz and F. Mueller-Plathe, J. Comput. Chem. 24, 1624 (2003).
    """

    Options = InvertOptions
    options: InvertOptions
    needs: ClassVar = frozenset({"system", "beads"})

    def start(self, state: State) -> None:
        self.system = state.system.as_beads
        self.known = interactions_of(self.system)
        options = self.options
        reach = options.cutoff * (1 + 0.5 / (options.points - 1))  # what is close to the last point is on both sides
        self.geometry = BeadGeometry(self.system, list(self.known.values()), dict.fromkeys(self.known, reach),
                                     options.excluded)
        for path in paths_of(self.known, options.output):
            state.files.claim(path, once=True)

    def frame(self, window: Window, state: State) -> Window:
        box = window.box(0)
        self.memory["frames"].row("beads", int(window.place[0]), window.beads[0].ravel())
        self.memory["frames"].row("boxes", int(window.place[0]), np.zeros(9) if box is None else box.ravel())
        return window

    def finish(self, state: State) -> None:
        tally = self.memory["frames"]
        frames: list[Frame] = [(beads.reshape(-1, 3), box.reshape(3, 3) if box.any() else None)
                               for beads, box in zip(tally.rows("beads"), tally.rows("boxes"), strict=True)]
        with at(self.where):
            found = Inversion(self.system, self.geometry, frames, self.options)
        for name in found.never:
            state.log(f"{name}: never met, or too rarely, it gets no table")
        with at(self.where), state.working("inverting", max(1, self.options.iterations), "iterations") as bar:
            for number in range(self.options.iterations):
                state.log(f"iteration {number + 1}: " + found.iterate((state.seed, self.index, number)))
                bar.at(number + 1)
        made = dict(contents_of(found.potentials, {}, self.options.output))
        for path in paths_of(self.known, self.options.output):
            state.files.place(path, made[path].encode() if path in made else None)
        state.log(f"tables -> {self.options.output}")


class Inversion:
    """Potentials of the interactions of some frames, and frames that they make.

    Attributes:
        potentials: As they are now, by name.
        never: Interactions that are not met often enough.
    """

    def __init__(self, system: System, geometry: BeadGeometry, frames: list[Frame], options: InvertOptions) -> None:
        self.system, self.geometry, self.frames, self.options = system, geometry, frames, options
        values = self._values(frames)
        self.potentials: dict[str, Potential] = {}
        self.never = []
        for name, one in geometry.interactions.items():
            try:
                self.potentials[name] = boltzmann_inverse(values[name], one.kind, options.temperature,
                                                          self._grid(one, values[name]), fewest=FEWEST)
            except BackmapError:
                self.never.append(name)
        if not self.potentials:
            raise BackmapError("no interaction is met often enough", hint="Give more frames.")
        self.true = self._counts(values)

    def _grid(self, interaction: Interaction, values: Array) -> Array:
        if interaction.kind == "pair":
            return even_grid("pair", 0.0, self.options.cutoff, self.options.points)
        low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
        margin = MARGIN * max(high - low, 1e-3)
        return even_grid(interaction.kind, max(0.0, low - margin), high + margin, self.options.points)

    def _values(self, frames: list[Frame]) -> dict[str, Array]:
        """Of all interactions in all frames."""
        found: dict[str, list[Array]] = {name: [np.empty(0)] for name in self.geometry.interactions}
        for beads, box in frames:
            for name, met in self.geometry.of(beads, box):
                found[name].append(met.values)
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def _counts(self, values: dict[str, Array]) -> dict[str, Array]:
        return {name: samples(values[name], one.kind, one.grid).astype(np.float64)
                for name, one in self.potentials.items()}

    def iterate(self, name: tuple[int | str, ...]) -> str:
        """Sample, correct, and say how far the sampled distributions were off."""
        options = self.options
        sampler = BeadSampler(self.system, self.potentials, Held.free(self.system), options.temperature,
                              options.excluded)
        made = dict.fromkeys(self.potentials, 0.0)
        for look in range(options.looks + 1):
            self.frames = [(sampler.sample(beads, beads, box, options.sweeps, (*name, look, number))[0], box)
                           for number, (beads, box) in enumerate(self.frames)]
            for each, counts in self._counts(self._values(self.frames)).items() if look else ():
                made[each] = made[each] + counts / options.looks
        said = []
        for each, one in self.potentials.items():
            off = np.abs(made[each] - self.true[each]).sum() / self.true[each].sum()
            said.append(f"{each} {off:.3f}")
            self.potentials[each] = corrected(one, self.true[each], made[each], options.temperature)
        return "shares that are off: " + ", ".join(said)
