"""The steps ``prepare`` (frames to a training set) and ``train`` (a training set to weights)."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from backmap.api import (
    Generator,
    InputPath,
    Learner,
    Nested,
    Options,
    OutputPath,
    Reader,
    Regularizer,
    State,
    Step,
    Traversal,
)
from backmap.engine.checkpoints.library import Library, collect
from backmap.engine.random import numpy_generator
from backmap.engine.sites import handed
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.errors import BackmapError
from backmap.model.molecule import TOUCHING
from backmap.model.system import System, Window

from ..handed import opened
from ..learning.bar import LossBar
from ..learning.dataset import TrainingSet
from ..learning.trainer import EnergyLoss, Figures, History, Trainer
from ..learning.training import BEAD_NOISE, Contexts, Material, Schedule
from ..molecules import contents
from .own_frames import FrameMaker, OwnFrames, expect_density
from .succession import predecessors


class PrepareOptions(Options):
    """Options of ``prepare``."""

    frames: Nested[Reader] = Field(description="All-atom frames.")
    beads: Nested[Reader] | None = Field(
        None, description="Their beads, frame by frame; by default the mapping makes them.")
    validation: Nested[Reader] | None = Field(None, description="All-atom frames held out for validation.")
    validation_beads: Nested[Reader] | None = Field(None, description="Their beads.")
    held_out: float = Field(0.1, ge=0, lt=1, description="Share of the frames, the last ones, that is held out "
                                                        "where no validation frames are given.")
    temperature: float = Field(gt=0, description="At which the frames were simulated, K.")
    output: OutputPath = Field(Path("training.safetensors"), description="The training set: one file of tensors.")


class Prepare(Step):
    """Makes a training set: reads frames, finds rigid bonds, and projects the frames onto bonds and beads."""

    Options = PrepareOptions
    options: PrepareOptions
    needs = frozenset({"system"})
    gives = frozenset({"training_set"})
    beforehand = True

    def start(self, state: State) -> None:
        from ..molecules.assemble import rigid_lengths, signed, with_units
        from ..molecules.limits import with_limits

        options = self.options
        training = _windows(state, options.frames, options.beads)
        validation = _windows(state, options.validation, options.validation_beads) if options.validation else []
        if not validation and len(training) > 1:
            held = max(1, round(options.held_out * len(training))) if options.held_out else 0
            training, validation = training[:len(training) - held], training[len(training) - held:]
        windows = training + validation
        reference = np.concatenate([window.reference for window in windows])
        system = with_units(signed(rigid_lengths(state.system, reference), reference), reference)
        system = with_limits(system, [(window.reference[0], window.boxes[0]) for window in training])
        for molecule in system.types:
            if molecule.length_unit != 1:
                state.log(f"{molecule.name}: beads that are bonded are {molecule.length_unit * TOUCHING:.4g} nm apart, "
                          "which the unit of all lengths follows")
                continue
            state.log(f"{molecule.name}: {int(np.isfinite(molecule.bond_length).sum())} of {len(molecule.bonds)} bonds "
                      f"are rigid, {int((molecule.chemistry.sign != 0).sum())} of {len(molecule.chemistry.sign)} "
                      "stereocentres have a sign")
        held_out = [False] * len(training) + [True] * len(validation)
        before = predecessors([float(window.time[0]) for window in training])
        later = predecessors([float(window.time[0]) for window in validation])
        before += [k + len(training) if k >= 0 else -1 for k in later]
        data = TrainingSet.of(system, windows, [options.temperature] * len(windows), held_out, np.array(before))
        data.save(state.output / options.output)
        state.system, state.given["training_set"] = system, data
        state.log(f"training set: {len(training)} frames, {len(validation)} held out -> {options.output}")


def _windows(state: State, frames: Reader, beads: Reader | None) -> list[Window]:
    """One window per frame, with whole beads and the atoms next to them."""
    source, paired, system = opened(frames), opened(beads) if beads else None, state.system
    found = contents.of_state(state)
    if found is not None:
        source, paired = found.atoms(source), found.beads(paired) if paired is not None else None
    system.expect(source.n_points, "atoms", source.where)
    if paired is not None:
        system.expect(paired.n_points, "beads", paired.where)
        if paired.n_frames != source.n_frames:
            raise BackmapError(f"holds {paired.n_frames} frames, but there are {source.n_frames} of atoms",
                               where=paired.where, hint="Give the beads of the same frames, or leave them out.")
    windows = []
    for number in range(source.n_frames):
        info = source.frame(number)
        box = np.zeros((3, 3)) if info.box is None else info.box
        if not np.isfinite(info.positions).all():
            raise BackmapError("an atom has no finite position", where=f"{source.where}: frame {number}")
        whole = system.whole_atoms(info.positions, info.box)
        if paired is None:
            placed, atoms = system.map(whole), whole
        else:
            placed = system.whole_beads(paired.frame(number).positions, info.box)
            atoms = system.atoms_near_beads(whole, placed, info.box)
        windows.append(Window(np.array([number]), np.array([info.time]), box[None], placed[None],
                              reference=atoms[None], system=system))
    return windows


class TrainOptions(Options):
    """Options of ``train``."""

    changed_names: ClassVar = {"average": "is called 'ema_decay' now", "weight": "is called 'regularizer_weight' now",
                               "ramp": "is called 'regularizer_ramp' now"}

    generator: Nested[Generator] = Field(description="What learns, with the options of a new network.")
    source: Literal["frames", "forcefield"] = Field(
        "frames", alias="from", description="frames: learn from a training set. forcefield: from the force field "
                                            "alone, in frames of beads that the run reads and whose atoms are made "
                                            "here; no all-atom simulation is needed.")
    data: InputPath | list[InputPath] | None = Field(
        None, description="A training set, or several to learn from together; by default the one just prepared.")
    validation: InputPath | list[InputPath] | None = Field(
        None, description="Training sets of which nothing is learned: losses are measured on all of their frames, "
                          "instead of on frames of 'data' that are held out. For 'transferable', of other molecules.")
    keep: Literal["last", "best"] = Field(
        "last", description="Which weights are written. last: those of the end. best: those whose loss on what is held "
                            "out was lowest, as a mean over levels of noise.")
    own_frames: OwnFrames | None = Field(None, description="With 'from: forcefield': how frames are made and led on.")
    temperature: float | None = Field(None, gt=0, description="With 'from: forcefield': of the atoms, K.")
    traversal: Nested[Traversal] = Field("depth_first", validate_default=True,
                                         description="Order of the beads in forward sampling.")
    output: OutputPath = Field(Path("weights.safetensors"), description="The checkpoint.")
    steps: int = Field(Schedule.steps, ge=1, description="Optimiser steps.")
    sites: int = Field(Schedule.sites, ge=1, description="Fragments per step.")
    frames: int = Field(Schedule.frames, ge=1, description="Frames per step from which they are taken.")
    learning_rate: float = Field(Schedule.learning_rate, gt=0, description="Peak learning rate.")
    sequential: float = Field(Schedule.sequential, ge=0, le=1, description="Share of steps for forward sampling.")
    validate_every: int = Field(Schedule.validate, ge=1, description="Steps between validations and checkpoints.")
    ema_decay: float = Field(Schedule.average, ge=0, lt=1, description="Decay of the exponential moving average of the "
                                                                       "weights.")
    mirror_images: bool = Field(True, description="Learn from mirror images, too, of what has no stereocentre that is "
                                                  "known. false: for beads that are chiral, as their types tell.")
    regularizer: Nested[Regularizer] | None = Field(
        None, description="An energy in the loss of generators whose draws are differentiable, e.g. energy.")
    regularize: Literal["minimize", "match"] = Field(
        "minimize", description="minimize: the energy itself (C1). match: its distance, term by term, from that of the "
                                "true atoms (C2).")
    regularizer_weight: float = Field(0.01, gt=0, description="Weight of the regularizer in the loss, per kJ/mol and "
                                                              "atom.")
    regularizer_ramp: float = Field(0.5, ge=0, le=1, description="Share of the steps in which atoms are drawn over "
                                                                 "which that weight rises from 0.")
    conformers: int = Field(128, ge=1, description="Conformers of each fragment kept for the parallel start.")

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        """What ``own_frames`` says where the recipe leaves it out."""
        own = isinstance(given, dict) and given.get("from") == "forcefield" and given.get("own_frames") is None
        return {**given, "own_frames": {}} if own else given

    @model_validator(mode="after")
    def _of_one_source(self) -> TrainOptions:
        if self.source == "forcefield" and self.data:
            raise ValueError("'data' is a training set, but with 'from: forcefield' none is read: leave one of them "
                             "out")
        if self.source == "forcefield" and self.validation:
            raise ValueError("'validation' is of training sets, but with 'from: forcefield' none is read: leave one of "
                             "them out")
        if self.source == "frames" and self.own_frames is not None:
            raise ValueError("'own_frames' says how frames are made, which is done with 'from: forcefield' only")
        return self


class Train(Step):
    """Trains a generator on a training set or from a force field; writes a checkpoint, its history and a plot of it.

    From a force field it learns in frames of its own making: beads of the run get atoms by moves, which go on while it
    learns, and so do draws of the generator that the force field accepts. No all-atom simulation is read.
    """

    Options = TrainOptions
    options: TrainOptions
    beforehand = True

    def __init__(self, options: TrainOptions) -> None:
        super().__init__(options)
        if options.source == "forcefield":
            self.needs = self.needs | {"system", "beads", "forcefield"}
        elif not options.data:
            self.needs = self.needs | {"training_set"}
        if options.regularizer is not None:
            self.needs = self.needs | options.regularizer.needs

    def start(self, state: State) -> None:
        options = self.options
        self.maker = None
        if options.source == "forcefield":
            expect_density(options.generator, self.where)
            if options.temperature is None:
                raise BackmapError("atoms are made at no temperature", where=self.where,
                                   hint="Write 'temperature', K, in 'train'.")
            self.maker = FrameMaker(options.own_frames, options.temperature, self)
        self.data = self._data(state)
        self.others = [_held_out(TrainingSet.load(path)) for path in _listed(options.validation)]
        self._expect_held_out()
        self.system = _together(self.data)
        if options.generator.follows and any((data.before < 0).all() for data in self.data):
            raise BackmapError("a training set has no frames that follow one another, from which this generator learns",
                               where=self.where, hint="Prepare it from frames in the order of time, evenly spaced.")
        torch.manual_seed(state.seed)
        generator = type(options.generator)(options.generator.options)  # its first weights follow from the seed
        if not isinstance(generator, Learner):
            raise BackmapError("this generator does not learn", where=f"{self.where}.generator")
        if not generator.transferable:
            self._expect_one_mapping()
        generator.study(System(tuple(block for one in self.data for block in one.system.blocks))
                        if generator.transferable else self.system)
        for objective in (*generator.objectives(0.0), *generator.objectives(1.0)):
            objective.module.to(state.device).train()
        schedule = Schedule(options.steps, options.sites, options.frames, options.learning_rate, options.sequential,
                            options.validate_every, options.ema_decay, options.mirror_images,
                            generator.softness)
        trainer = self._trainer(generator, schedule, state)
        self._run(trainer, state)

    def _expect_one_mapping(self) -> None:
        """Raise BackmapError if a molecule type has other beads in one training set than in another."""
        for kind in (kind for data in self.data for kind in data.system.types):
            first = next(one for one in self.system.types if one.name == kind.name)
            if not np.array_equal(first.mapping.owner, kind.mapping.owner):
                raise BackmapError(f"training sets have '{kind.name}' in several mappings", where=f"{self.where}.data",
                                   hint="Weights know one. Leave the others out, or write 'transferable: true' in the "
                                        "generator, if it has that.")

    def _data(self, state: State) -> list[TrainingSet]:
        """What is learned from: read, just prepared, or made here."""
        if self.maker is not None:
            made = (state.output / self.options.output).with_suffix(".frames.safetensors")
            if not (state.resume and made.exists()):
                self.maker.frames(state).save(made)
            return [TrainingSet.load(made)]
        made = [TrainingSet.load(path) for path in _listed(self.options.data)] or [state.given["training_set"]]
        if self.options.validation:  # then frames of these are all learned from
            return [replace(data, held_out=np.zeros_like(data.held_out)) for data in made]
        return made

    def _expect_held_out(self) -> None:
        """Raise BackmapError if the best weights are to be told, and nothing tells them."""
        if self.options.keep == "best" and not any(data.held_out.any() for data in (*self.data, *self.others)):
            raise BackmapError("nothing is held out by which the best weights could be told",
                               where=f"{self.where}.keep", hint="Prepare the training set with "
                               "'held_out', or give others under 'validation'.")

    def _energies(self, state: State) -> EnergyLoss | None:
        options = self.options
        if options.regularizer is None:
            return None
        if "forcefield" in options.regularizer.needs:
            options.regularizer.use(state.forcefield)
        return EnergyLoss(options.regularizer, options.regularize == "match", options.regularizer_weight,
                          options.regularizer_ramp)

    def _trainer(self, generator: Generator, schedule: Schedule, state: State) -> Trainer:
        rng = numpy_generator(state.seed, self.index, "traversal")
        libraries, contexts = [], []
        for data in (*self.data, *self.others):
            library = self._conformers(generator, data, state.seed)
            orders = [handed.order(self.options.traversal, molecule, rng) for molecule in data.system.types]
            material = Material.of(data, generator.view, orders, library, state.seed, state.device, generator.follows)
            if data not in self.others:
                libraries.append(library)
            contexts.append(Contexts(material, schedule, state.seed) if self.maker is None else
                            self.maker.contexts(generator, data, material, schedule, state))
        self.library = Library({name: found for one in reversed(libraries) for name, found in one.types.items()})
        path = state.output / self.options.output
        trainer = Trainer(generator, contexts, schedule, path.with_suffix(".state.safetensors"), state.seed,
                          self._energies(state))
        if state.resume and trainer.state.exists():
            trainer.resume()
            state.log(f"going on at step {trainer.step}")
        return trainer

    def _conformers(self, generator: Generator, data: TrainingSet, seed: int) -> Library:
        """Conformers of fragments in training frames, for the parallel start."""
        types = data.system.types
        tables = FragmentTable.build(types, generator.view, [resting_order(t) for t in types])
        frames = np.flatnonzero(~data.held_out | data.held_out.all())
        scene = Scene.of(data.window(frames), data.system, tables, generator.view)
        return collect(scene, self.options.conformers, seed)

    def _run(self, trainer: Trainer, state: State) -> None:
        path = state.output / self.options.output
        with state.working("training", trainer.schedule.steps, "steps", trainer.step) as bar:
            shown = LossBar(bar, trainer.step)

            def reported(step: int, figures: Figures) -> None:
                shown.step(step, next(value for name, value in figures.items() if name.endswith("loss")))

            def validated(history: History) -> None:
                (step, training), (_, validation) = history.training[-1], history.validation[-1]
                shown.validated(validation.values(),
                                f"step {step}: {_told(training)}; held out: {_told(validation)}")
                if self.options.keep == "last" or history.best == step:
                    self._write(trainer, history, path)

            trainer.run(reported, validated)
        state.log(f"weights -> {self.options.output}")

    def _write(self, trainer: Trainer, history: History, path: Path) -> None:
        from ..report.plots import loss_plot

        unit = min(kind.length_unit for kind in self.system.types)
        temperatures = sorted({float(t) for data in self.data for t in data.temperature})
        noise = trainer.generator.softness or BEAD_NOISE * unit
        training = {"steps": trainer.step, "temperature": temperatures, "bead_noise": noise,
                    "frames": int(sum((~data.held_out).sum() for data in self.data)),
                    "from": self.options.source, "loss": history.training[-1], "validation": history.validation[-1]}
        with trainer.average.worn():
            trainer.generator.conclude(trainer.contexts.conclusion)
            trainer.generator.save(path, self.system, self.library, training)
        loss_plot(history, path.with_suffix(".png"))


def _listed(paths: InputPath | list[InputPath] | None) -> list[InputPath]:
    return paths if isinstance(paths, list) else [paths] if paths else []


def _held_out(data: TrainingSet) -> TrainingSet:
    """The same set, nothing of which is learned."""
    return replace(data, held_out=np.ones_like(data.held_out))


def _together(data: list[TrainingSet]) -> System:
    """All molecule types of the training sets, each once."""
    blocks = {kind.name: (kind, count) for one in reversed(data) for kind, count in one.system.blocks}
    return System(tuple(blocks.values()))


def _told(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items()) or "-"
