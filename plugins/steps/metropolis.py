"""The step ``metropolis``: sweeps whose draws are accepted or rejected by the force field."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from backmap.api import Learner, Options, Proposer, Sampling, State
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.site import SiteEnergy
from backmap.engine.flags import finished
from backmap.engine.geometry.constraint import flag_slack
from backmap.engine.geometry.measure import BondGram
from backmap.engine.metropolis.acceptance import Acceptance, Distribution, Outcome, reach_error
from backmap.engine.metropolis.blocks import BlockTable
from backmap.engine.metropolis.shells import Shells, reach
from backmap.engine.metropolis.trials import Trials
from backmap.engine.random import Stream, numpy_generator
from backmap.engine.sites.contracts import View
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.schedule import Batch, batches_of, per_bead, shuffled
from backmap.errors import BackmapError
from backmap.model.sampling import Sampled
from backmap.model.system import System, Window

from .drawing import SweepOptions, SweepStep
from .mended import judged
from .stiffness import Stiffness
from .succession import Succession, told_before

#: Standard deviation of the beads of draws of a generator that learned on exact ones, nm; other weights say theirs.
LEARNED_SIGMA = 1e-4


class SoftBeads(Options):
    """Options of ``beads``."""

    changed_names: ClassVar = {"grip": "is called 'proposal_sigma' now"}

    sigma: float = Field(0.001, gt=0, le=0.1, description="Standard deviation of beads about where they are given, nm "
                                                          "per coordinate.")
    proposal_sigma: float | dict[str, float] | None = Field(
        None, description="How closely the generator meets the beads that it is shown, nm: one number, or by bead "
                          "type; by default as far as beads were off in training, and sigma for generators "
                          "that do not learn. It changes how often draws are accepted, not what is sampled.")


class MetropolisOptions(SweepOptions):
    """Options of ``metropolis``."""

    changed_names: ClassVar = {"noise": "is called 'noise_level' now",
                               "measure": "is called 'fixman_potential' now: false for rigid, true for stiff"}

    candidates: int = Field(1, ge=1, description="Draws per block, of which one may be accepted.")
    beads: SoftBeads = Field(SoftBeads(), description="How closely beads are to be met while sweeping.")
    blocks: list[Literal["fragment", "hydrogens"]] = Field(
        ["fragment", "hydrogens"], min_length=1,
        description="What is drawn at once in a sweep. fragment: whole fragments, where all their rigid bonds can be "
                    "met; hydrogens: those of a fragment, its other atoms standing.")
    fixman_potential: bool = Field(False, description="Add the Fixman potential kT/2 ln det G of rigid bonds, so that "
                                                      "they are sampled as very stiff springs are. Without it the "
                                                      "distribution is that of constrained dynamics.")
    noise_level: float = Field(0.0, ge=0, le=1, description="Noise level that the generator is told. Any is exact; "
                                                            "draws of one may be accepted more often.")
    project: bool = Field(True, description="Meet beads exactly at the end; the log says what it costs.")
    reach: float | None = Field(None, gt=0, description="How far an atom can be from its bead, nm; by default from the "
                                                        "lengths of bonds.")
    free_energies: bool = Field(False, description="Print free energies of blocks given all the rest, by bead type, "
                                                   "from the weights of the last sweep. Reports have them anyway.")


class Metropolis(SweepStep):
    """Redraws every block given all others in Metropolis sweeps, each draw accepted or rejected by the force field.

    Frames follow the force field's distribution on rigid bonds and soft beads, whatever the generator, which must be
    a proposer; only the acceptance depends on it. Beads are met exactly at the end. Those of which no draw was
    accepted are flagged ``never_accepted``.
    """

    Options = MetropolisOptions
    options: MetropolisOptions
    needs = SweepStep.needs | {"forcefield"}
    tells = True

    def start(self, state: State) -> None:
        super().start(state)
        options, generator, tables = self.options, self.generator, self.tables
        if not isinstance(generator, Proposer):
            raise BackmapError("this generator has no density, so its draws cannot be accepted or rejected",
                               where=self.where, hint="Choose one that has, e.g. equivariant, or draw with gibbs and "
                                                      "correct with hamiltonian.")
        system = state.system
        self.reaches = per_bead(system, [np.full(kind.n_beads, options.reach) if options.reach else
                                         reach(kind, options.beads.sigma) for kind in system.types])
        cutoff = state.forcefield.cutoff + 2 * float(self.reaches.max())
        energy = SiteEnergy(system, state.forcefield, tables, View(max(cutoff, generator.view.cutoff)))
        table = BlockTable.of(tables)
        self.blocks = table.blocks(options.blocks)
        if not any(bool(block.any()) for block in self.blocks.values()):
            raise BackmapError("no fragment has a block whose rigid bonds a draw can meet", where=self.where,
                               hint="Write blocks: [fragment, hydrogens], or use hamiltonian moves.")
        grams = [BondGram(kind) for kind in system.types] if not options.fixman_potential else None
        reaches, sigmas = (torch.as_tensor(x, device=state.device)
                           for x in (self.reaches, self._proposal_sigmas(system)))
        target = Distribution(system, energy, table, grams, reaches, options.temperature, options.beads.sigma, sigmas)
        self.acceptance = Acceptance(generator, target, options.candidates, options.noise_level)
        state.sampled = Sampled(options.temperature, None if options.project else options.beads.sigma,
                                options.fixman_potential)
        self.energy = FrameEnergy(system, state.forcefield)
        self.succession = Succession(state, self.where) if generator.follows else None
        self.bead_types = per_bead(system, [np.array(kind.bead_types, dtype=object) for kind in system.types])
        self._note_idle(state)

    def _proposal_sigmas(self, system: System) -> np.ndarray:
        grip = self.options.beads.proposal_sigma
        if grip is None:
            grip = self.options.beads.sigma
            if isinstance(self.generator, Learner):
                grip = float(self.generator.training.get("bead_noise", LEARNED_SIGMA))
        types = [kind.bead_types for kind in system.types]
        if isinstance(grip, float):
            return per_bead(system, [np.full(len(names), grip) for names in types])
        missing = sorted({name for names in types for name in names} - set(grip))
        if missing:
            raise BackmapError(f"'grip' has no value for beads of type '{missing[0]}'", where=self.where,
                               hint="Give one number for all, or one for every bead type.")
        return per_bead(system, [np.array([grip[name] for name in names]) for names in types])

    def _note_idle(self, state: State) -> None:
        """Say which beads take no part."""
        moved = torch.stack(list(self.blocks.values())).any(dim=2).any(dim=0).cpu().numpy()
        for number, kind in enumerate(state.system.types):
            if kind.given:
                continue
            first = int(self.tables.row_base[number])
            owners = set(kind.mapping.owner.tolist())  # others have no atoms that could stand still
            idle = sorted({kind.bead_types[b] for b in owners if not moved[first + b]})
            if idle:
                state.log(f"note: {kind.name}: some beads of type {', '.join(idle)} have no block that can be "
                          "accepted; they stand still")

    @property
    def _trials(self) -> Trials:
        return Trials(self.memory["trials"], self.options.temperature)

    @property
    def _stiffness(self) -> Stiffness:
        return Stiffness(self.memory["stiffness"], self.options.beads.sigma)

    def frame(self, window: Window, state: State) -> Window:
        chosen = self.chosen(window)
        scene = Scene.of(window, window.system, self.tables, self.generator.view)
        if self.succession is not None:
            scene.before = told_before(self.succession, window, state, self.memory["ways"])
        self._begin(scene, state.seed, window.frames, chosen)
        shells = self._shells(window, scene)
        tried, accepted = (np.zeros(scene.beads.shape[:2], dtype=bool) for _ in range(2))
        schedule = list(self._schedule(scene, shells, chosen, state.seed))
        total, done = sum(len(batch.bead) for *_, batches in schedule for batch in batches), 0
        swept: dict[str, list[Outcome]] = {}
        for sweep, block, batches in schedule:
            name, outcomes = (state.seed, self.index, "accept", sweep, block), []
            state.doing(f"sweep {sweep + 1} of {self.options.sweeps}")
            for outcome in self.acceptance.sweep(scene, shells, batches, self.blocks[block], name, window.frames):
                outcomes.append(outcome)
                tried[outcome.frame, outcome.bead] = True
                accepted[outcome.frame[outcome.accepted], outcome.bead[outcome.accepted]] = True
                done += len(outcome.bead)
                state.progress(done / total)
            if outcomes:
                swept.setdefault(block, []).append(Outcome.joined(outcomes))
        for block, outcomes in swept.items():
            self._trials.add(int(window.place[0]), block, self.bead_types, outcomes)
        made = self._made(window, scene, chosen)
        made.flags["never_accepted"] = tried & ~accepted
        return judged(made, state)

    def _begin(self, scene: Scene, seed: int, frames: np.ndarray, chosen: np.ndarray | None) -> None:
        """Put the atoms where their beads are off by sigma, as they are in the target.

        Atoms exactly at their beads are a rare state of it, in the middle of where all are drawn: nearly whatever is
        drawn would be taken instead, and energies would rise for many sweeps.
        """
        sigma, (n_frames, n_beads) = self.options.beads.sigma, scene.beads.shape[:2]
        numbers = torch.as_tensor(frames, device=scene.beads.device).repeat_interleave(n_beads)
        every = torch.arange(n_beads, device=scene.beads.device).repeat(n_frames)
        away = sigma * Stream.of(seed, self.index, "accept", "begin", numbers, every).normal(3)
        away = away.reshape(scene.beads.shape) * self.acceptance.target.free(scene)
        if chosen is not None:
            away *= torch.as_tensor(chosen, device=away.device)[:, :, None]
        self.project(replace(scene, beads=scene.beads + away))

    def _shells(self, window: Window, scene: Scene) -> Shells:
        system = window.system
        target = self.acceptance.target
        far = reach_error(scene, system, target.reaches)
        if far is not None:
            raise BackmapError(f"an atom of {far[0]} lies {far[1]:.3f} nm from its bead, farther than it should reach",
                               where=self.where, hint=f"Write reach: {far[1] + 0.05:.2f}, or mend the frame first.")
        shells = Shells.of(window, scene, system, self.reaches, target.energy.field.cutoff, self.generator.view.cutoff)
        target.energy.check(shells.seen(scene), window.boxes)
        return shells

    def _schedule(self, scene: Scene, shells: Shells, chosen: np.ndarray | None,
                  seed: int) -> Iterator[tuple[int, str, list[Batch]]]:
        """Sweep, kind of block and batches of every pass. Colours follow from beads alone."""
        coloured = {}
        for block, atoms in self.blocks.items():
            members = atoms.any(dim=1)[scene.layout.row].cpu().numpy()
            members = np.broadcast_to(members, scene.beads.shape[:2])
            coloured[block] = batches_of(shells.conflicts, members if chosen is None else members & chosen)
        for sweep in range(self.options.sweeps):
            for block, batches in coloured.items():
                yield sweep, block, shuffled(batches, numpy_generator(seed, self.index, "accept", sweep, block))

    def _made(self, window: Window, scene: Scene, chosen: np.ndarray | None) -> Window:
        place = int(window.place[0])
        if self.options.project:
            before = self._energy(window, scene)
            self.project(scene)
            self._trials.projected(place, self._energy(window, scene) - before)
        untouched = chosen is not None and not chosen.any()
        made = finished(window, window.atoms if untouched else scene.atoms.cpu().numpy())
        if self.options.project:
            flag_slack(made)
            self._stiffness.add(place, made.residual[0], made.flags["infeasible"][0])
        return made

    def _energy(self, window: Window, scene: Scene) -> float:
        return float(self.energy.of(scene.atoms[0].cpu().numpy(), window.box(0)).total)

    def finish(self, state: State) -> None:
        """Say what was accepted, and leave it for reports."""
        trials, stiffness = self._trials, list(self._stiffness.lines())
        for line in [*trials.table(), *stiffness]:
            state.log(line)
        found = trials.free_energies()
        state.sampling.append(Sampling(f"steps[{self.index}].{self.name or 'metropolis'}", trials.acceptance(), found,
                                       [*trials.cost(), *stiffness],
                                       None if self.options.project else self.options.beads.sigma, self.level))
        for row in found if self.options.free_energies else ():
            state.log(f"free energy of {row['block']} of {row['bead_type']} given the rest: median "
                      f"{row['median']:.2f}, quartiles {row['lower']:.2f} and {row['upper']:.2f}, mean "
                      f"{row['mean']:.2f} +- {row['error']:.2f} kJ/mol ({row['sites']} sites)")
