"""What steps that draw atoms have in common: their generator, its tables, and the beads that they draw."""
from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from backmap.api import FrameStep, Generator, Nested, Options, Regularizer, State
from backmap.engine.flags import finished, flagged, with_neighbours
from backmap.engine.geometry.constraint import flag_slack
from backmap.engine.sites import handed
from backmap.engine.sites.contracts import View
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.engine.sites.sweep import projection
from backmap.errors import BackmapError
from backmap.model.assessment import CARE, Aspect
from backmap.model.sampling import Sampling
from backmap.model.system import Window

SELECT: Any = Field("boltzmann", description="Which candidate is kept. boltzmann: with a probability proportional to "
                                             "exp(-E/kT); lowest_energy: the best one, which pulls energies below "
                                             "those of the ensemble; first: any, the energy is not asked.")


class SweepOptions(Options):
    """Options of steps that sweep."""

    sweeps: int = Field(4, ge=1, description="Sweeps; each draws every fragment once.")
    generator: Nested[Generator] | None = Field(None, description="What draws; by default the generator of forward.")
    temperature: float = Field(300.0, gt=0, description="K.")
    candidates: int = Field(1, ge=1, description="Draws per fragment, of which one is chosen.")
    only: list[str] | None = Field(
        None, description="Redraw only beads under these flags of earlier steps, e.g. [clash, chirality]; other atoms "
                          "move only as far as bonds and beads ask. Assess again to see what is left.")
    neighbours: bool = Field(False, description="With 'only': redraw the beads bonded to them, too.")

    @model_validator(mode="after")
    def _wide_of_something(self) -> SweepOptions:
        if self.neighbours and self.only is None:
            raise ValueError("'neighbours' widens what 'only' chooses, e.g. only: [clash]")
        return self


class SweepStep(FrameStep):
    """A step that draws fragments anew, each given all others, in frames whose atoms are all placed."""

    Options = SweepOptions
    options: SweepOptions
    needs = frozenset({"system", "beads", "atoms"})
    gives = frozenset({"generator"})
    #: Whether it tells generators of the frame before.
    tells: ClassVar[bool] = False

    def __init__(self, options: SweepOptions) -> None:
        super().__init__(options)
        self.needs = self.needs | (needs_of(options.generator) if options.generator else {"generator"})
        self.follows = self.tells and options.generator is not None and options.generator.follows

    def start(self, state: State) -> None:
        generator = self.options.generator or state.generator
        if generator is None or generator.parallel:
            raise BackmapError("a sweep needs a generator that sees atoms", where=self.where,
                               hint="Write 'generator: {equivariant: weights.safetensors}'.")
        if generator.follows and not self.tells:
            raise BackmapError("this generator draws a frame from the one before, of which this step tells it nothing",
                               where=self.where, hint="Give it to 'forward', or to 'metropolis' if it has a density.")
        if self.options.generator is not None:
            prepare(generator, state)
            state.generator = generator
        self.generator, self.level = generator, state.level
        self.tables = resting_tables(state, generator.view)
        self.project = projection(state.system)

    def chosen(self, window: Window) -> np.ndarray | None:
        """Beads to be redrawn, (W, B); None means all."""
        if self.options.only is None:
            return None
        chosen = flagged(window, self.options.only, self.where)
        return with_neighbours(chosen, window.system) if self.options.neighbours else chosen


def needs_of(worker: Generator | Regularizer | None) -> frozenset[str]:
    """What a step needs for the sake of one that works in it."""
    return worker.needs if worker else frozenset()


def equip(worker: Generator | Regularizer | None, state: State) -> None:
    """Hand over the force field to one that needs it."""
    if worker is not None and "forcefield" in worker.needs:
        worker.use(state.forcefield)


def prepare(generator: Generator, state: State) -> None:
    """Show a generator the force field, if it needs one, and the system."""
    if state.system.only_beads:
        raise BackmapError("there are no atoms to be drawn: every one is a bead of its own",
                           hint="Give topology a mapping; after coarsen, a topology step says what atoms are to come.")
    equip(generator, state)
    state.system = handed.prepared(generator, state.system, state.device)
    for remark in generator.remarks:
        state.log(f"note: {remark}")
    if generator.doubts:
        findings = [Aspect(CARE, "weights", doubt) for doubt in generator.doubts]
        state.sampling.append(Sampling(type(generator).__name__.lower(), [], findings=findings, level=state.level))


def resting_tables(state: State, view: View) -> FragmentTable:
    """Tables of all fragments among others that are placed, on the device."""
    orders = [resting_order(molecule) for molecule in state.system.types]
    return FragmentTable.build(state.system.types, view, orders).to(state.device)


def result(window: Window, scene: Scene) -> Window:
    """The window with the scene's atoms, the residual of its beads and what is to be reported."""
    return flag_slack(finished(window, scene.atoms.cpu().numpy()))
