"""The step ``hamiltonian``: concerted moves of blocks along the forces, accepted or rejected."""
from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from backmap.api import FrameStep, Options, Sampling, State
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.flags import finished, flagged, wrong_isomers
from backmap.engine.geometry.constraint import FLAG as TOLERANCE
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian import timestep as lengths
from backmap.engine.hamiltonian.following import Followed, Following
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves, SweepOutcome
from backmap.engine.hamiltonian.steering import Steering
from backmap.model.assessment import CARE, Aspect
from backmap.model.sampling import Sampled
from backmap.model.system import System, Window
from backmap.model.tuned import AUTO, Tuned

from .moves_record import Record
from .relaxing import FOLLOWED, RULES, TOPIC, Relaxation, evenly, starting_twice
from .stiffness import Stiffness
from .tuning import MoveTuner

Array = NDArray[np.float64]
FLAG = "never_accepted"
SOFTEST, HARDEST = 10.0, 1000.0  #: caps of the repulsion in soft-core sweeps, kJ/mol
SPRINGY = 2.0  #: fs; longer time steps are too long for bonds that are springs
MAIN = "hamiltonian"  #: name of the sweeps that count
_OUTCOME = [field.name for field in fields(SweepOutcome)]
HEATED, COOLED, AGAIN = "heated", "cooled", "again"  #: names of the sweeps of a second start
HOTTER = 3.0  #: a second start begins at this many times the temperature


class SoftBeads(Options):
    """Beads that are met softly."""

    sigma: float = Field(
        0.0003, ge=1e-7, le=0.1, description="Standard deviation of every coordinate of M(r) about its bead, nm; the "
                                             "rounding of a gro or xtc file is 0.0003.")


class HamiltonianOptions(Options):
    """Options of ``hamiltonian``."""

    changed_names: ClassVar = {"soften": "is called 'soft_core_sweeps' now", "block": "is called 'block_size' now",
                     "measure": "is called 'fixman_potential' now: false for rigid, true for stiff"}
    sweeps: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        10, description="Sweeps; in each, every atom takes part in a move. auto: as many as a pilot on some frames "
                        "needs until energies no longer change.")
    at_most: int = Field(200, ge=1, description="The most sweeps that auto may come to. Log and reports say if they "
                                                "are not enough.")
    soft_core_sweeps: int = Field(0, ge=0, description="Sweeps before these in which the repulsion of two atoms is "
                                                       f"capped, at {SOFTEST:g} kJ/mol first and {HARDEST:g} last, so "
                                                       "that overlaps part.")
    annealing_sweeps: int = Field(0, ge=0, description="Sweeps between these and the others in which the temperature "
                                                       "falls from hottest to temperature, slowly at first. Molecules "
                                                       "of one bead follow their dynamics all at once in them, so that "
                                                       "those that hinder each other, as water on its beads does, find "
                                                       "their orientations.")
    hottest: float = Field(600.0, gt=0, description="Temperature of the first of them, K: where hydrogen bonds change "
                                                    "hands in a picosecond.")
    steps: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        10, description="Time steps of a move, on average: every move draws a number from half as many to half as many "
                        f"more, so that no vibration stays in step with it. auto: as many as make "
                        f"{lengths.TRAJECTORY:g} fs.")
    timestep: Annotated[float, Field(gt=0, le=10)] | Literal["auto"] = Field(
        1.0, description="fs. Acceptance tells whether it is right: 0.6 to 0.95. auto: the one with which a pilot on "
                         f"some frames has {lengths.WANTED:g} of its moves accepted.")
    hydrogen_mass: float | None = Field(
        None, gt=0, le=100, description="Mass of hydrogens while they move, u, if that is more than their own. 4 allows"
                                        " time steps nearly twice as long; the distribution is the same.")
    temperature: float = Field(300.0, gt=0, description="K.")
    block_size: int = Field(8, ge=1, description="Beads whose atoms move together, those nearest to a central one "
                                                 "along the molecule. Few leave a backbone no room; many are accepted "
                                                 "less often.")
    beads: Literal["exact"] | SoftBeads = Field("exact", description="exact: beads stay in place. {sigma: ...}: they "
                                                                     "follow a narrow Gaussian.")
    fixman_potential: bool = Field(
        False, description="Add the Fixman potential kT/2 ln det G of rigid bonds, so that they are sampled as very "
                           "stiff springs are. Without it the distribution is that of constrained dynamics.")
    second_start: float = Field(0.1, ge=0, le=1, description="Share of the frames, or where they are few of the beads "
                                                            "of some, that start a second time, from sweeps at three "
                                                            "times the temperature: what comes of it is compared with "
                                                            "the first and forgotten. It costs one and a half times "
                                                            "this share of the step; 0 leaves it out.")
    only: list[str] | None = Field(None, description="Move only the surroundings of beads under these flags of earlier "
                                                     "steps, e.g. [clash].")

    @model_validator(mode="after")
    def _sound(self) -> HamiltonianOptions:
        if self.annealing_sweeps and self.hottest < self.temperature:
            raise ValueError(f"'hottest' is {self.hottest:g} K, below the temperature of {self.temperature:g} K")
        if self.only is not None and AUTO in (self.sweeps, self.steps, self.timestep):
            raise ValueError("'auto' needs moves of all atoms to tell by, and 'only' leaves few: write numbers")
        return self


class Hamiltonian(FrameStep):
    """Moves blocks of neighbouring fragments by short constrained trajectories, each accepted or rejected.

    Frames follow the force field's distribution on the given beads and rigid bonds, whatever the time step; only the
    acceptance depends on it. A move crosses no high barrier: atoms that overlap are to be separated before, by
    ``soft_core_sweeps``. Beads of which no move was accepted are flagged ``never_accepted``. The target is zero where a
    stereocentre or a planar bond is another isomer than it should be; what comes in so is turned over first.
    """

    Options = HamiltonianOptions
    options: HamiltonianOptions
    verdict_rules = RULES
    needs = frozenset({"system", "beads", "atoms", "forcefield"})
    gives = frozenset({"atoms"})
    tunable = ("timestep", "steps", "sweeps")

    def start(self, state: State) -> None:
        options = self.options
        sigma = None if options.beads == "exact" else options.beads.sigma
        timestep, steps = self._pace(state.system)
        self.moves = HamiltonianMoves(state.system, state.forcefield, options.temperature, steps, timestep,
                                      options.block_size, sigma, options.fixman_potential,
                                      hydrogen_mass=options.hydrogen_mass or 0.0)
        self.projector, self.energy = SystemProjector(state.system), FrameEnergy(state.system, state.forcefield)
        self.sigma, self.level = sigma, state.level
        sampled = Sampled(options.temperature, sigma, options.fixman_potential)
        if options.only is None or state.sampled == sampled:
            state.sampled = sampled
        for kind, blocks in zip(state.system.types, self.moves.blocks):
            loose = int((~np.isfinite(kind.bond_length)).sum())
            if loose and options.timestep != AUTO and timestep > SPRINGY and not (kind.given or kind.coarse):
                state.log(f"note: {kind.name}: {loose} of its bonds are springs, for which {timestep:g} fs are "
                          "long; `constraints: all-bonds` of topology makes them rigid")
            held = kind.n_beads - len({bead for block in blocks for bead in block.beads})
            if held and not kind.given:
                state.log(f"note: {kind.name}: the atoms of {held} of its {kind.n_beads} beads cannot move, held by "
                          "bonds and beads")

    @cached_property
    def following(self) -> Following:
        """What follows frames; known once it is known how many sweeps there are."""
        return Following(self.energy, self.options.block_size, self.options.sweeps, self.sigma is None)

    def _pace(self, system: System) -> tuple[float, int]:
        """Time step, fs, and steps of a move; a guess where they are still to be tuned."""
        options, timestep = self.options, self.options.timestep
        if timestep == AUTO:
            drawn = [kind for kind in system.types if not (kind.given or kind.coarse)]
            timestep = lengths.first_guess(all(np.isfinite(kind.bond_length).all() for kind in drawn),
                                           options.hydrogen_mass is not None)
        return timestep, lengths.steps_of(timestep) if options.steps == AUTO else options.steps

    def tune(self, window: Window, state: State) -> Tuned:
        options, (timestep, steps) = self.options, self._pace(window.system)
        tuner = MoveTuner(self.moves, self.energy, window, lambda place: self._entered(window.take([place]), state)[0],
                          self._before(), (state.seed, self.index), state.progress)
        chosen: dict[str, Any] = {}
        if options.timestep == AUTO:
            timestep = tuner.timestep(timestep, None if options.steps == AUTO else options.steps)
            chosen["timestep"] = timestep
        if options.steps == AUTO:
            steps = chosen["steps"] = lengths.steps_of(timestep)
        remark = ""
        if options.sweeps == AUTO:
            chosen["sweeps"], remark = tuner.sweeps(timestep, steps, options.at_most)
        self.moves.pace(timestep, steps)
        return Tuned(chosen, tuner.measured, remark)

    def frame(self, window: Window, state: State) -> Window:
        only = None if self.options.only is None else flagged(window, self.options.only, self.where)[0]
        frame, residual = self._entered(window, state, only)
        rejected = np.zeros(window.system.n_beads, dtype=bool)
        if only is None or only.any():
            rejected = self._sweep(frame, window, only, state)
            atoms = frame.atoms
        else:
            atoms = window.atoms[0]
        done = finished(window, atoms[None])
        place, infeasible = int(window.place[0]), np.linalg.norm(residual, axis=1) > TOLERANCE  # soft beads may stray
        self._stiffness.add(place, residual, infeasible)
        self.memory["relaxation"].count("beads", place, [len(rejected), rejected.sum(), infeasible.sum()])
        done.flags["infeasible"], done.flags[FLAG] = infeasible[None], rejected[None]
        return done

    def _entered(self, window: Window, state: State, only: NDArray[np.bool_] | None = None) -> tuple[Frame, Array]:
        """A frame ready to be moved, of the right isomers, and its residual before, (B, 3), nm."""
        (atoms,), (residual,) = self.projector.project(window.atoms, window.beads)
        whole = window.system.atoms_near_beads(atoms, window.beads[0], window.box(0))
        frame = self.moves.frame(whole, window.beads[0], window.box(0))
        if any(wrong.any() for wrong in wrong_isomers(window.system, frame.atoms[None])):
            for _ in self.steering.steer(frame, (state.seed, self.index, "steer", int(window.frames[0])), only):
                pass
        return frame, residual

    @cached_property
    def steering(self) -> Steering:
        """What turns isomers over that came out wrong; made when a frame needs it."""
        options = self.options
        return Steering(self.moves.system, self.moves.layout.field, options.temperature, options.block_size, self.sigma)

    @property
    def _stiffness(self) -> Stiffness:
        return Stiffness(self.memory["stiffness"], self.sigma)

    def _record(self, system: System) -> Record:
        return Record(self.memory["moves"], system)

    def _before(self) -> list[tuple[str, int, dict[str, Any]]]:
        """Name, number and settings of each sweep before those that count: those that part overlaps, and that cool."""
        caps = np.geomspace(SOFTEST, HARDEST, self.options.soft_core_sweeps).tolist()
        return [*(("soften", k, {"cap": cap}) for k, cap in enumerate(caps)), *self._cooling("anneal")]

    def _cooling(self, name: str) -> list[tuple[str, int, dict[str, Any]]]:
        """The same of those that cool."""
        options = self.options
        time = np.linspace(0, 1, options.annealing_sweeps, endpoint=False)
        cooling = (options.temperature + (options.hottest - options.temperature) * (1 - time**2)).tolist()
        return [(name, k, {"temperature": temperature, "together": True}) for k, temperature in enumerate(cooling)]

    def _sweeps(self, twice: bool) -> list[tuple[str, int, dict[str, Any]]]:
        """The same of all sweeps, and of those of a second start."""
        options = self.options
        hot = {"temperature": HOTTER * options.temperature}
        again = [*((HEATED, k, hot) for k in range(-(-options.sweeps // 2))), *self._cooling(COOLED),
                 *((AGAIN, k, {}) for k in range(options.sweeps))]
        return [*self._before(), *((MAIN, k, {}) for k in range(options.sweeps)), *again * twice]

    def _followed(self, window: Window, state: State) -> Followed | None:
        """What follows a frame, where it is one of those that are: some of the first replica."""
        count, place = state.n_frames or FOLLOWED, int(window.place[0])
        twice, share = starting_twice(count, self.options.second_start)
        if self.options.only is not None or place not in evenly(count, FOLLOWED) | twice:
            return None
        words = (state.seed, self.index, "part", int(window.frames[0]))
        return Followed(self.following, window.box(0), self.following.part(share, words) if place in twice else None)

    def _sweep(self, frame: Frame, window: Window, only: NDArray[np.bool_] | None,
               state: State) -> NDArray[np.bool_]:
        """All sweeps, in place; returns beads of which no move was accepted, (B,)."""
        place, followed = int(window.place[0]), self._followed(window, state)
        sweeps = self._sweeps(followed is not None and followed.part is not None)
        done, kept = state.kept.last(self.index)
        outcomes, second = self._recalled(frame, followed, kept) if done else ([], None)
        for number, (name, sweep, settings) in list(enumerate(sweeps))[done:]:
            if (name, sweep) == (MAIN, 0) and followed is not None:
                followed.after(0, frame.atoms)
            if name == HEATED and second is None:
                second = _copied(frame)
            if (name, sweep) == (AGAIN, 0):
                followed.heated(second.atoms)
            moved, where = (frame, only) if second is None else (second, followed.part >= 0)
            outcome = self.moves.sweep(moved, (state.seed, self.index, name, int(window.frames[0]), sweep), where,
                                       **settings)
            outcomes += [outcome] if name == MAIN else []
            if followed is not None and name in (MAIN, AGAIN):
                followed.after(sweep + 1, moved.atoms, outcome, "first" if name == MAIN else "second")
            state.kept.keep(self.index, number + 1, self._to_keep(frame, outcomes, followed, second))
            state.progress((number + 1) / len(sweeps))
        self._record(window.system).add(place, outcomes, None if followed is None else followed.potential)
        for name, values in ({} if followed is None else followed.rows()).items():
            self.memory["relaxation"].row(name, place, values)
        tried, moved = (np.zeros(len(frame.residual), dtype=bool) for _ in range(2))
        for outcome in outcomes:
            tried[outcome.beads[outcome.beads >= 0]] = True
            some = outcome.beads[outcome.accepted]
            moved[some[some >= 0]] = True
        return tried & ~moved

    @staticmethod
    def _to_keep(frame: Frame, outcomes: list[SweepOutcome], followed: Followed | None,
                 second: Frame | None) -> dict[str, NDArray]:
        """What the next sweeps of a frame need."""
        arrays = {f"{which} {name}": array for which, one in (("frame", frame), ("second", second)) if one is not None
                  for name, array in _arrays(one).items()}
        arrays |= {f"seen {name}": array for name, array in (followed.arrays if followed else {}).items()}
        return arrays | {f"{name} {k}": getattr(outcome, name) for k, outcome in enumerate(outcomes)
                         for name in _OUTCOME}

    @staticmethod
    def _recalled(frame: Frame, followed: Followed | None,
                  kept: dict[str, NDArray]) -> tuple[list[SweepOutcome], Frame | None]:
        """Bring a frame to where it was kept, in place; outcomes so far, and its second start."""
        second = _copied(frame) if "second atoms" in kept else None
        for which, one in (("frame", frame), ("second", second)):
            for name, array in (_arrays(one) if one is not None else {}).items():
                array[:] = kept[f"{which} {name}"]
        if followed is not None:
            followed.arrays |= {name.removeprefix("seen "): array for name, array in kept.items()
                                if name.startswith("seen ")}
        count = sum(name.startswith("centre ") for name in kept)
        return [SweepOutcome(*(kept[f"{name} {k}"] for name in _OUTCOME)) for k in range(count)], second

    def finish(self, state: State) -> None:
        record, stiffness = self._record(state.systems[self.level]), list(self._stiffness.lines())
        relaxation = Relaxation(self.following, self.memory["relaxation"], self.options.temperature, record.accepted)
        findings, seen = list(relaxation.findings()), list(relaxation.notes()) if relaxation.known else []
        if self.tuned and self.tuned.remark:
            findings.append(Aspect(CARE, TOPIC, f"The pilot: {self.tuned.remark}.", "force field"))
        for line in [*record.lines(), *stiffness, *(f"hamiltonian: {finding.text}" for finding in findings)]:
            state.log(line)
        if record.rows():
            state.sampling.append(Sampling(f"steps[{self.index}].{self.name or 'hamiltonian'}", record.rows(),
                                           notes=[record.summary(), *stiffness, *seen], sigma=self.sigma,
                                           level=self.level, findings=findings, relaxation=relaxation.rows(),
                                           tuned=self.tuned))


def _arrays(frame: Frame) -> dict[str, Array]:
    """What changes of a frame while it is moved."""
    return {"atoms": frame.atoms, "residual": frame.residual, "reach": frame.grid.reach, "largest": frame.grid.largest}


def _copied(frame: Frame) -> Frame:
    """The frame, to be moved by itself."""
    grid = frame.grid._replace(reach=frame.grid.reach.copy(), largest=frame.grid.largest.copy())
    return Frame(frame.atoms.copy(), frame.residual.copy(), grid)
