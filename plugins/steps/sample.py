"""The steps ``forward`` and ``gibbs``: atoms from beads, and sweeps that relax them."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from backmap.api import FrameStep, Generator, Nested, Options, Regularizer, State, Traversal
from backmap.engine.flags import finished, flagged, with_neighbours
from backmap.engine.geometry.constraint import flag_slack
from backmap.engine.random import numpy_generator
from backmap.engine.sites import handed
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.engine.sites.schedule import Batch, drawn, forward_schedule, gibbs_schedule, parallel_schedule
from backmap.engine.sites.sweep import Select, Sweeper, mirror_wrong_centres, overlaps, projection
from backmap.errors import BackmapError
from backmap.model.system import System, Window

from .accept import AcceptedSweeps, AcceptOptions

#: Noise levels of annealed sweeps by their number; they end at level 0, without noise.
ANNEALED = {1: [0.0], 2: [0.25, 0.0], 3: [0.6, 0.0, 0.0]}
STUBBORN = 2  #: rounds of repair after which the neighbours of a fragment are redrawn with it
MENDS = 4  #: rounds in which wrong stereocentres are redrawn before they are reported


SELECT: Any = Field("boltzmann", description="Which candidate is kept. boltzmann: with a probability proportional to "
                                             "exp(-E/kT); lowest_energy: the best one, which pulls energies below "
                                             "those of the ensemble; first: any, the energy is not asked.")


def annealed(sweeps: int) -> list[float]:
    """Noise levels of a run of sweeps: from rough to none, the last two clean."""
    if sweeps in ANNEALED:
        return ANNEALED[sweeps]
    return [1.0] * (sweeps - 4) + [0.6, 0.25, 0.0, 0.0]


class ForwardOptions(Options):
    """Options of ``forward``."""

    generator: Nested[Generator] = Field(description="What draws the atoms.")
    start: Literal["parallel", "sequential"] = Field(
        "parallel", description="parallel: rigid templates from the beads alone, all at once. sequential: fragment "
                                "after fragment by the generator itself, right where beads share no atoms.")
    traversal: Nested[Traversal] = Field("depth_first", validate_default=True,
                                         description="Order of the beads in a sequential start.")
    regularizer: Nested[Regularizer] | None = Field(None, description="Chooses among candidates.")
    candidates: int = Field(1, ge=1, description="Draws per fragment among which the regularizer chooses.")
    select: Select = SELECT
    temperature: float = Field(300.0, gt=0, description="K.")

    @model_validator(mode="after")
    def _consistent(self) -> ForwardOptions:
        if self.regularizer is None and self.candidates > 1:
            raise ValueError("'candidates' need a regularizer to choose by, e.g. regularizer: steric")
        return self


class Forward(FrameStep):
    """Put the atoms in: a parallel start from the beads, or sequential forward sampling."""

    Options = ForwardOptions
    needs = frozenset({"system", "beads"})
    gives = frozenset({"atoms", "generator"})

    def __init__(self, options: ForwardOptions) -> None:
        super().__init__(options)
        self.needs = self.needs | _needs(options.generator) | _needs(options.regularizer)

    def start(self, state: State) -> None:
        generator = self.options.generator
        if generator.parallel and self.options.start == "sequential":
            raise BackmapError("this generator reads beads alone and cannot run sequentially", where=self.where,
                               hint="Leave 'start' out, or choose a generator that sees atoms.")
        _prepare(generator, state)
        _equip(self.options.regularizer, state)
        state.generator = generator
        self.worker = generator if self.options.start == "sequential" else generator.starter()
        if self.worker is None:
            raise BackmapError("this generator has no parallel start", where=self.where,
                               hint="Write 'start: sequential', or start with the template generator.")
        if self.worker is not generator:
            state.system = handed.prepared(self.worker, state.system, state.device)
        rng = numpy_generator(state.seed, self.index, "traversal")
        self.orders = [handed.order(self.options.traversal, molecule, rng) for molecule in state.system.types]
        sequential = self.options.start == "sequential"
        orders = self.orders if sequential else [resting_order(molecule) for molecule in state.system.types]
        self.tables = FragmentTable.build(state.system.types, self.worker.view, orders, sequential).to(state.device)
        self.project = projection(state.system)
        for molecule in state.system.types:
            unknown = int((molecule.chemistry.sign == 0).sum())
            if unknown and not molecule.given:
                state.log(f"note: {molecule.name}: the handedness of {unknown} stereocentres is not known; "
                          "they come out as they are drawn (give a reference frame: topology: {stereo: aa.gro})")

    def frame(self, window: Window, state: State) -> Window:
        blank = replace(window, atoms=None, placed=None)
        scene = Scene.of(blank, state.system, self.tables, self.worker.view)
        if self.options.start == "parallel":
            schedule = parallel_schedule(scene.surroundings, state.system)
        else:
            schedule = forward_schedule(scene.surroundings, state.system, self.orders)
        total, done = int(drawn(state.system).sum()), 0

        def progress(sites: int) -> None:
            nonlocal done
            done += sites
            state.progress(done / total)

        sweeper = Sweeper(self.worker, self.options.regularizer, self.options.candidates,
                          temperature=self.options.temperature, select=self.options.select, progress=progress)
        sweeper.sweep(scene, schedule, (state.seed, self.index, "forward"), window.frames)
        self.project(scene)
        _right_hands(scene, state.system, self.project)
        return _finished(window, scene, state.system)


class GibbsOptions(AcceptOptions):
    """Options of ``gibbs``."""

    sweeps: int = Field(4, ge=1, description="Sweeps; each draws every fragment once.")
    generator: Nested[Generator] | None = Field(None, description="What draws; by default the generator of forward.")
    levels: list[Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None, description="Noise level of each sweep, 1 (rough) to 0 (clean); by default annealed, ending at 0.")
    temperature: float = Field(300.0, gt=0, description="K.")
    regularizer: Nested[Regularizer] | None = Field(
        None, description="Chooses among candidates; steric also says which fragments overlap.")
    candidates: int = Field(1, ge=1, description="Draws per fragment, for the regularizer or 'accept' to choose from.")
    select: Select = SELECT
    overlap: float = Field(
        10.0, gt=0, description="A fragment with more of the regularizer's energy than this is redrawn, kJ/mol.")
    second: int = Field(4, ge=0, description="Draws to choose from when it is redrawn at once, in the same sweep.")
    repair: int = Field(0, ge=0, description="Rounds after the sweeps in which fragments that overlap are redrawn.")
    repair_candidates: int = Field(8, ge=1, description="Draws per fragment in these rounds.")
    only: list[str] | None = Field(
        None, description="Redraw only beads under these flags of earlier steps, e.g. [clash, chirality]; other atoms "
                          "move only as far as bonds and beads ask. Assess again to see what is left.")
    neighbours: bool = Field(False, description="With 'only': redraw the beads bonded to them, too.")

    @model_validator(mode="after")
    def _consistent(self) -> GibbsOptions:
        if self.levels is not None and len(self.levels) != self.sweeps:
            raise ValueError(f"'levels' has {len(self.levels)} entries for {self.sweeps} sweeps")
        self.check_accept({"regularizer", "levels", "repair", "select"})
        if self.accept == "none" and self.regularizer is None and (self.candidates > 1 or self.repair):
            raise ValueError("'candidates' and 'repair' need a regularizer to choose by, e.g. regularizer: steric")
        if self.regularizer is not None and not self.regularizer.absolute:
            idle = {"repair", "second", "overlap"} & self.model_fields_set
            if idle:
                raise ValueError(f"'{min(idle)}' needs a regularizer that is zero where nothing is wrong, e.g. steric: "
                                 "let it mend what is left in a gibbs step of its own")
        if self.neighbours and self.only is None:
            raise ValueError("'neighbours' widens what 'only' chooses, e.g. only: [clash]")
        return self


class Gibbs(FrameStep):
    """Sweep over all fragments, each drawn anew given all others, and project after each half-sweep.

    With ``accept: boltzmann`` draws are accepted or rejected by the force field instead, and beads are soft until the
    end.
    """

    Options = GibbsOptions
    needs = frozenset({"system", "beads", "atoms"})
    gives = frozenset({"generator"})

    def __init__(self, options: GibbsOptions) -> None:
        super().__init__(options)
        self.accepted: AcceptedSweeps | None = None
        self.anew: tuple[Generator, FragmentTable] | None = None
        self.needs = self.needs | _needs(options.generator) | _needs(options.regularizer)
        if options.accept != "none":
            self.needs = self.needs | {"forcefield"}

    def start(self, state: State) -> None:
        generator = self.options.generator or state.generator
        if generator is None or generator.parallel:
            raise BackmapError("a Gibbs sweep needs a generator that sees atoms", where=self.where,
                               hint="Write 'generator: {equivariant: weights.safetensors}'.")
        if self.options.generator is not None:
            _prepare(generator, state)
            state.generator = generator
        self.generator = generator
        _equip(self.options.regularizer, state)
        orders = [resting_order(molecule) for molecule in state.system.types]
        self.tables = FragmentTable.build(state.system.types, generator.view, orders).to(state.device)
        self.project = projection(state.system)
        self.levels = self.options.levels or annealed(self.options.sweeps)
        if self.options.accept != "none":
            self.accepted = AcceptedSweeps(self.options, generator, self.tables, state, self.where, self.index)

    def finish(self, state: State) -> None:
        if self.accepted is not None:
            self.accepted.finish(state, self.memory)

    def frame(self, window: Window, state: State) -> Window:
        chosen = self._chosen(window, state.system)
        if self.accepted is not None:
            return self.accepted.frame(window, state, chosen, self.memory)
        scene = Scene.of(window, state.system, self.tables, self.generator.view)
        if chosen is None or chosen.any():
            self._relax(scene, state, window, chosen)
        else:
            scene.atoms.copy_(torch.as_tensor(window.atoms))  # molecules that are given, too, stay as they are
        done = _finished(window, scene, state.system)
        if self._tells_overlaps:
            done.flags["clash"] = overlaps(scene, self.options.regularizer, self.options.overlap)
        return done

    @property
    def _tells_overlaps(self) -> bool:
        return self.options.regularizer is not None and self.options.regularizer.absolute

    def _chosen(self, window: Window, system: System) -> np.ndarray | None:
        """Beads to be redrawn, (W, B); None means all."""
        if self.options.only is None:
            return None
        chosen = flagged(window, self.options.only, self.where)
        return with_neighbours(chosen, system) if self.options.neighbours else chosen

    def _relax(self, scene: Scene, state: State, window: Window, chosen: np.ndarray | None) -> None:
        """All sweeps, and what is to be mended after them, in place."""
        options = self.options
        sites = int(drawn(state.system).sum() if chosen is None else chosen.sum())
        total, done = sites * len(self.levels), 0

        def progress(sites: int) -> None:
            nonlocal done
            done += sites
            state.progress(min(1.0, done / total))

        sweeper = Sweeper(self.generator, options.regularizer, options.candidates,
                          options.second if self._tells_overlaps else 0, options.overlap, options.temperature,
                          options.select, progress=progress)
        for number, level in enumerate(self.levels):
            self._sweep(sweeper, scene, state, window, ("sweep", number), level, chosen)
        self._mend(replace(sweeper, candidates=options.repair_candidates, second=0, progress=lambda sites: None),
                   scene, state, window, chosen)

    def _mend(self, sweeper: Sweeper, scene: Scene, state: State, window: Window, chosen: np.ndarray | None) -> None:
        """Redraw what overlaps, and stereocentres of the wrong hand with what is bonded to them."""
        for number in range(max(self.options.repair, MENDS)):
            bad = np.zeros(scene.beads.shape[:2], dtype=bool)
            if number < self.options.repair:
                bad |= overlaps(scene, self.options.regularizer, self.options.overlap)
            wrong = mirror_wrong_centres(scene, state.system)
            if wrong.any():
                self.project(scene)
                bad |= with_neighbours(wrong, state.system)
            if chosen is not None:
                bad &= chosen
            if number == self.options.repair - 1 > STUBBORN and bad.any():  # draws do not unfold what is folded up
                self._place_anew(scene, state, window, bad)
                continue
            if number >= STUBBORN:  # the fault may be next door
                bad = with_neighbours(bad, state.system) & (True if chosen is None else chosen)
            if not bad.any():
                break
            self._sweep(sweeper, scene, state, window, ("mend", number), 0.0, bad)
        _right_hands(scene, state.system, self.project)

    def _place_anew(self, scene: Scene, state: State, window: Window, bad: np.ndarray) -> None:
        """Place fragments as the parallel start does, in place."""
        if self.anew is None:
            starter = self.generator.starter()
            if starter is None:
                return
            _prepare(starter, state)
            orders = [resting_order(molecule) for molecule in state.system.types]
            self.anew = starter, FragmentTable.build(state.system.types, starter.view, orders).to(state.device)
        starter, tables = self.anew
        fresh = Scene.of(window.with_atoms(scene.atoms.cpu().numpy()), state.system, tables, starter.view)
        Sweeper(starter).sweep(fresh, [[Batch(*np.nonzero(bad))]], (state.seed, self.index, "anew"), window.frames)
        scene.atoms.copy_(fresh.atoms)
        self.project(scene)

    def _sweep(self, sweeper: Sweeper, scene: Scene, state: State, window: Window, name: tuple[str, int],
               level: float, only: np.ndarray | None = None) -> None:
        order = numpy_generator(state.seed, self.index, *name)
        schedule = gibbs_schedule(scene.surroundings, state.system, order, only)
        sweeper.sweep(scene, schedule, (state.seed, self.index, *name), window.frames, level, self.project)


def _needs(worker: Generator | Regularizer | None) -> frozenset[str]:
    return worker.needs if worker else frozenset()


def _equip(worker: Generator | Regularizer | None, state: State) -> None:
    """Hand over the force field to one that needs it."""
    if worker is not None and "forcefield" in worker.needs:
        worker.use(state.forcefield)


def _prepare(generator: Generator, state: State) -> None:
    """Show a generator the force field, if it needs one, and the system."""
    _equip(generator, state)
    state.system = handed.prepared(generator, state.system, state.device)
    for remark in generator.remarks:
        state.log(f"note: {remark}")


def _right_hands(scene: Scene, system: System, project: Callable[[Scene], None]) -> None:
    """Mirror stereocentres of the wrong hand and project, until none is left or it does not help."""
    for _ in range(MENDS):
        if not mirror_wrong_centres(scene, system).any():
            return
        project(scene)


def _finished(window: Window, scene: Scene, system: System) -> Window:
    """The window with the scene's atoms, the slack of its beads and what is to be reported."""
    return flag_slack(finished(window, scene.atoms.cpu().numpy(), system))
