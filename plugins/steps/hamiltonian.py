"""The step ``hamiltonian``: concerted moves of blocks along the forces, accepted or rejected."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.api import FrameStep, Sampling, State
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.flags import finished, flagged, with_neighbours
from backmap.engine.geometry.constraint import FLAG as TOLERANCE
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian import timestep as lengths
from backmap.engine.hamiltonian.following import Followed, Following
from backmap.engine.hamiltonian.move import copied
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.engine.hamiltonian.outcomes import never_accepted
from backmap.engine.hamiltonian.sigma import by_type
from backmap.engine.hamiltonian.tables import movable
from backmap.engine.mending import MISSED, TROUBLES, Mending
from backmap.model.assessment import CARE, Aspect
from backmap.model.sampling import Sampled
from backmap.model.system import System, Window
from backmap.model.tuned import AUTO, Tuned

from . import stages
from .balancing import MappedBeads
from .keeping import Starts, arrays_of, recalled
from .leading import LEADS, LEADS_AGAIN, SLOWER, SOFTEN, Leading
from .mended import LEFT, MENDED, UNMENDED, LeftRecord, MendingRecord, told, unsound
from .mended import RULES as MENDING_RULES
from .move_options import SELDOM, WORTH, HamiltonianOptions, SoftBeads, Tempered
from .moves_record import Record
from .relaxing import FOLLOWED, RULES, TOPIC, Relaxation, evenly, starting_twice
from .softness import FIRST as GUESS
from .softness import SigmaTuner
from .stages import AGAIN, ANNEAL, DOWNHILL, HEATED, MAIN, TEMPERED
from .stiffness import Stiffness
from .tuning import MoveTuner

Array = NDArray[np.float64]
FLAG = "never_accepted"
SPRINGY = 2.0  #: fs; longer time steps are too long for bonds that are springs
LAST = "last"  #: name of what mends what these leave wrong where they lead to a start
PACE = "pace"  #: name of the time steps that these have left
LOOSELY = 0.05  #: sigma, nm, with which starts for simulations are made
STRAYING = 3.0  #: sigma that a soft bead may be missed by before it is said to be infeasible


class Hamiltonian(FrameStep):
    """Moves blocks of neighbouring fragments by short constrained trajectories, each accepted or rejected.

    Frames follow the force field's distribution on the given beads and rigid bonds, whatever the time step; only the
    acceptance depends on it. Moves cross no high barrier: atoms that overlap are to be separated before, by
    ``soft_core_sweeps``, and wells between which torsions jump take tempered trajectories. Beads of which no move was
    accepted are flagged ``never_accepted``. The target is zero where a stereocentre or a planar bond is another isomer
    than it should be; what comes in so is turned over first.
    """

    Options = HamiltonianOptions
    options: HamiltonianOptions
    verdict_rules = (*RULES, *MENDING_RULES)
    needs = frozenset({"system", "beads", "atoms", "forcefield"})
    gives = frozenset({"atoms"})
    tunable = ("beads", "timestep", "steps", "tempering", "sweeps")

    @property
    def automatic(self) -> tuple[str, ...]:
        found = super().automatic
        left = self.options.beads is None and self.beads_said in ("model", "auto") and self.options.only is None
        return ("beads", *found) if left and "beads" not in found else found

    @property
    def draws_alike(self) -> bool:
        return self.options.for_start

    def adopt(self, tuned: Tuned) -> None:
        super().adopt(tuned)
        for name, kind in (("beads", SoftBeads), ("tempering", Tempered)):
            if isinstance(value := getattr(self.options, name), dict):
                self.options = self.options.model_copy(update={name: kind(**value)})

    def start(self, state: State) -> None:
        options = self.options
        self._prepare(state, options.beads.sigma if isinstance(options.beads, SoftBeads) else
                      GUESS if "beads" in self.automatic else None)
        sampled = Sampled(options.temperature, self.sigma, options.fixman_potential)
        if options.only is None or state.sampled == sampled:
            state.sampled = sampled
        if options.mend and options.only is None:
            state.judges.setdefault(state.level, self)
        timestep, _ = self._pace(state.system)
        for kind, blocks in zip(state.system.types, self._blocks):
            loose = int((~np.isfinite(kind.bond_length)).sum())
            said = options.timestep != AUTO and self.tuned is None  # what a pilot chose is accepted as it should be
            if loose and said and timestep > SPRINGY and not (kind.given or kind.coarse):
                state.log(f"note: {kind.name}: {loose} of its bonds are springs, for which {timestep:g} fs are "
                          "long; `constraints: all-bonds` of topology makes them rigid")
            if options.friction is not None and any(len(block.beads) < kind.n_beads for block in blocks):
                state.log(f"note: {kind.name}: friction is for whole molecules, and its blocks are parts: these draw "
                          f"velocities anew; block_size {kind.n_beads} makes it one")
            held = kind.n_beads - len({bead for block in blocks for bead in block.beads})
            if held and not kind.given:
                state.log(f"note: {kind.name}: the atoms of {held} of its {kind.n_beads} beads cannot move, held by "
                          "bonds and beads")

    def _prepare(self, state: State, sigma: float | dict[str, float] | None) -> None:
        """Everything that depends on how softly beads are met."""
        options, (timestep, steps) = self.options, self._pace(state.system)
        self._each = by_type(state.system, sigma, f"{self.where}.beads.sigma") if isinstance(sigma, dict) else sigma
        self._wanted = partial(HamiltonianMoves, state.system, state.forcefield, options.temperature, steps, timestep,
                               options.block_size, self._each, options.fixman_potential,
                               hydrogen_mass=options.hydrogen_mass or 0.0, friction=options.friction or np.inf)
        self._blocks = movable(state.system, options.block_size, self._each is None)
        self.projector, self.energy = SystemProjector(state.system), FrameEnergy(state.system, state.forcefield)
        self.sigma, self.level = sigma, state.level
        for name in ("moves", "leading"):  # what was made knows another sigma
            vars(self).pop(name, None)

    @cached_property
    def moves(self) -> HamiltonianMoves:
        """Its tables take their time for large molecules: they are made when the first frame is there."""
        return self._wanted()

    @cached_property
    def leading(self) -> Leading:
        """What leads frames to where sweeps can begin."""
        return Leading(self.moves, self.energy, self.options)

    @cached_property
    def starts(self) -> Starts:
        """Those that the pilot has made."""
        return Starts()

    @property
    def mending(self) -> Mending:
        """What leads frames out of what moves do not leave."""
        return self.leading.mending

    def _as_in(self, name: str, number: int) -> None:
        """Before sweep ``number`` of those called ``name``: how softly beads are met, and how flat planar bonds stay.

        Starts for simulations are made with one sigma, whatever it is later: those of the pilot are the run's.
        """
        if self.options.for_start and self._each is not None:
            sigma = LOOSELY if name in (SOFTEN, ANNEAL, *LEADS) else self._each
            if (self.moves.sigma != sigma).any():
                self.moves.soften(sigma)
                vars(self.leading).pop("steering", None)  # it knows another
        self.leading.keep_flat(name, number)

    @cached_property
    def following(self) -> Following:
        """What follows frames; known once it is known how many sweeps there are."""
        return Following(self.energy, self.options.block_size, self.options.sweeps, self.sigma is None,
                         bool(self.options.annealing_sweeps))

    def _pace(self, system: System) -> tuple[float, int]:
        """Time step, fs, and steps of a move; a guess where they are still to be tuned."""
        options, timestep = self.options, self.options.timestep
        if timestep == AUTO:
            drawn = [kind for kind in system.types if not (kind.given or kind.coarse)]
            timestep = lengths.first_guess(drawn, options.hydrogen_mass is not None)
        return timestep, lengths.steps_of(timestep) if options.steps == AUTO else options.steps

    def tune(self, window: Window, state: State) -> Tuned:
        options, (timestep, steps) = self.options, self._pace(window.system)
        chosen: dict[str, Any] = {}
        remarks, measured, first = [], {}, 0.6 if "beads" in self.automatic else 0.3
        starts: dict[int, Array] = {}

        def share(begin: float, end: float) -> Callable[[float], None]:
            return lambda done: state.progress(begin + (end - begin) * done)

        def begun(place: int) -> Frame:
            if place not in starts:  # once: by how much beads are soft matters little to where sweeps begin
                starts[place] = self._begun(window.take([place]), state, lambda done: share(0.0, 0.3)(
                    (place + done) / window.size)).atoms
            return self.moves.frame(starts[place], window.beads[place], window.box(place))

        if "beads" in self.automatic:
            softness = SigmaTuner(self.moves, window, begun, self._stuck(window), (state.seed, self.index),
                                  share(0.3, first))
            sigma, remark = softness.found(options.at_most)
            chosen["beads"] = "exact" if sigma is None else {"sigma": sigma}
            remarks, measured = [remark] * bool(remark), {"beads": softness.measured}
            self._prepare(state, sigma)
            if sigma is None:
                starts.clear()  # these do not meet their beads exactly
        tuner = MoveTuner(self.moves, self.energy, window, begun, partial(stages.main_round, options),
                          (state.seed, self.index), share(first, 1.0),
                          MappedBeads.of(state, options.temperature, options.fixman_potential))
        if options.timestep == AUTO:
            timestep = tuner.timestep(timestep, None if options.steps == AUTO else options.steps)
            chosen["timestep"] = timestep
        if options.steps == AUTO:
            steps = chosen["steps"] = lengths.steps_of(timestep)
        if options.tempering == AUTO:
            crossing = Tempered(every=SELDOM)
            worth = tuner.crossing(timestep, steps, crossing) >= WORTH
            chosen["tempering"] = {"every": SELDOM} if worth else None
            options = options.model_copy(update={"tempering": crossing if worth else None})
            tuner.round = partial(stages.main_round, options)
        if options.sweeps == AUTO:
            chosen["sweeps"], remark = tuner.sweeps(timestep, steps, options.at_most)
            remarks += [remark] * bool(remark)
        self.moves.pace(timestep, steps)
        return Tuned(chosen, {**measured, **tuner.measured}, "; ".join(remarks))

    def frame(self, window: Window, state: State) -> Window:
        only = None if self.options.only is None else flagged(window, self.options.only, self.where)[0]
        done, kept = state.kept.last(self.index)
        if not done and (made := self.starts.of(window, self.moves.rules, state.seed)) is not None:
            done, kept = len(stages.before(self.options)), made
        frame, residual = self._entered(window, state, only, bool(done))
        rejected, mended, left = *np.zeros((2, window.system.n_beads), dtype=bool), {}
        if only is None or only.any():
            rejected, mended = self._sweep(frame, window, only, state, (done, kept))
            left = self._left(frame, window, state, mended)
            self.moves.follow(frame, 0.0)
            window, atoms = replace(window, beads=frame.grid.beads[None].copy()), frame.atoms
        else:
            atoms = window.atoms[0]
        done = finished(window, atoms[None])
        done.velocities = window.velocities if self.options.friction is None else frame.velocity[None].copy()
        if self.mending.rounds:
            MendingRecord(self.memory["mending"]).add(int(window.place[0]), mended)
            done.flags[MENDED] = mended[None]
        if left:
            done.flags[UNMENDED] = told(window, left, state.judges[self.level])[None]
        place, infeasible = int(window.place[0]), np.linalg.norm(residual, axis=1) > self._off
        tied = ~self.moves.untied
        self._stiffness.add(place, residual[tied], infeasible[tied])
        self.memory["relaxation"].count("beads", place, [len(rejected), rejected.sum(), infeasible.sum()])
        done.flags["infeasible"], done.flags[FLAG] = infeasible[None], rejected[None]
        return done

    def _left(self, frame: Frame, window: Window, state: State, mended: NDArray[np.bool_]) -> dict[str, NDArray]:
        """Beads in each trouble at the end, (B,), by name; for a start they are led on before.

        Nobody looks where nothing is mended, but at frames in which an earlier step has left something wrong.
        """
        mends = bool(self.mending.rounds)
        left = self.mending.troubles(frame, window.box(0)) if mends or unsound(window) else {}
        if mends and self.options.for_start:
            words = (state.seed, self.index, LAST, int(window.frames[0]))
            moved, left = self.leading.once_more(frame, window.box(0), words, left)
            mended |= moved
        return left

    def judge(self, window: Window) -> dict[str, NDArray[np.bool_]]:
        """Beads of a frame in each trouble, (B,) bool, by name."""
        return self.mending.troubles(self.moves.frame(window.atoms[0], window.beads[0], window.box(0)), window.box(0))

    def _stuck(self, window: Window) -> Callable[[Frame, int], NDArray[np.bool_]]:
        """Beads of frames of a window about which something is wrong, neighbours included."""
        def found(frame: Frame, place: int) -> NDArray[np.bool_]:
            troubles = self.mending.troubles(frame, window.box(place))
            wrong = np.any([troubles[name] for name in TROUBLES if name != MISSED], axis=0)  # that asks sigma
            return with_neighbours(wrong[None], window.system)[0]

        return found

    def _begun(self, window: Window, state: State, progress: Callable[[float], None]) -> Frame:
        """A frame after the sweeps that come before those that count."""
        frame = self._entered(window, state)[0]
        mended, pace = np.zeros(len(frame.residual), dtype=bool), np.ones(len(frame.residual))
        before = stages.before(self.options)
        for place, (name, number, settings) in enumerate(before):
            progress(place / len(before))
            words = (state.seed, self.index, name, int(window.frames[0]), number)
            self._as_in(name, number)
            if name in LEADS:
                found = self.leading.ready(frame, window.box(0), words, mended, refold=False)
                pace = pace if found is None else found
            else:
                self.moves.sweep(frame, words, **settings)
        if self.options.for_start:
            kept = {**arrays_of(copied(frame)), MENDED: mended, PACE: pace}
            self.starts.keep(window, self.moves.rules, state.seed, kept)
        self.moves.slow_down(np.ones(len(mended)))  # time steps are what is looked for
        return frame

    def _entered(self, window: Window, state: State, only: NDArray[np.bool_] | None = None,
                 known: bool = False) -> tuple[Frame, Array]:
        """A frame ready to be moved, of the right isomers if it is not ``known`` what came of it; its residual before,
        (B, 3), nm."""
        (atoms,), (residual,) = self.projector.project(window.atoms, window.beads)
        whole = window.system.atoms_near_beads(atoms, window.beads[0], window.box(0))
        kept = None if window.velocities is None else window.velocities[0]
        frame = self.moves.frame(whole, window.beads[0], window.box(0), kept)
        if not known:
            self._as_in(SOFTEN, 0)
            self.leading.turn_over(frame, (state.seed, self.index, "steer", int(window.frames[0])), only)
        return frame, residual

    @property
    def _widest(self) -> float | None:
        """The largest sigma of any bead type, nm."""
        return max(self.sigma.values()) if isinstance(self.sigma, dict) else self.sigma

    @property
    def _off(self) -> float | Array:
        """How far a bead may be missed before it is infeasible, nm: as far as soft beads stray, one or (B,)."""
        return TOLERANCE if self.moves.sigma is None else np.maximum(TOLERANCE, STRAYING * self.moves.sigma)

    @property
    def _stiffness(self) -> Stiffness:
        return Stiffness(self.memory["stiffness"], None if isinstance(self.sigma, dict) else self.sigma)

    def _record(self, system: System) -> Record:
        return Record(self.memory["moves"], system)

    def _followed(self, window: Window, state: State) -> Followed | None:
        """What follows a frame, where it is one of those that are: some of the first replica."""
        count, place = state.n_frames or FOLLOWED, int(window.place[0])
        twice, share = starting_twice(count, self.options.second_start)
        if self.options.only is not None or place not in evenly(count, FOLLOWED) | twice:
            return None
        words = (state.seed, self.index, "part", int(window.frames[0]))
        return Followed(self.following, window.box(0), self.following.part(share, words) if place in twice else None)

    def _sweep(self, frame: Frame, window: Window, only: NDArray[np.bool_] | None, state: State,
               known: tuple[int, Mapping[str, NDArray]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """All sweeps, in place, but those whose number and outcome are ``known``.

        Returns beads of which no move was accepted, and those that were mended, (B,).
        """
        place, followed = int(window.place[0]), self._followed(window, state)
        sweeps = stages.sweeps(self.options, followed is not None and followed.part is not None)
        doing = stages.said([name for name, *_ in sweeps])
        done, kept = known
        outcomes, second = recalled(self.moves, frame, followed, kept) if done else ([], None)
        everything = np.ones(len(frame.residual), dtype=bool)
        mended = kept[MENDED].copy() if done else ~everything
        pace = kept[PACE] if done else np.ones(len(mended))
        self.moves.slow_down(pace)
        state.progress(done / len(sweeps))
        for number, (name, sweep, settings) in list(enumerate(sweeps))[done:]:
            if name in (ANNEAL, TEMPERED, MAIN) and not outcomes and followed is not None:
                followed.begun(frame.atoms)
                if name != ANNEAL:
                    followed.after(0, frame.atoms)
            if name == HEATED and second is None:
                second = copied(frame)
            if second is not None and name != HEATED:
                followed.heated(second.atoms)
            moved, where = (frame, only) if second is None else (second, followed.part >= 0)
            words = (state.seed, self.index, name, int(window.frames[0]), sweep)
            self._as_in(name, sweep)
            state.doing(doing[number])
            if name in LEADS:
                found = self.leading.ready(
                    frame, window.box(0), words, mended,
                    lambda share, number=number: state.progress((number + share) / len(sweeps)),
                    refold=not self.options.for_start)
                pace = pace if found is None else found
            elif name == DOWNHILL:
                self.moves.descend(frame, words, everything if only is None else only, self.options.downhill)
            elif name in LEADS_AGAIN:
                self.leading.again(moved, window.box(0), words, where)
            else:
                outcome = self.moves.sweep(moved, words, where, **settings)
            outcomes += [outcome] if name in (MAIN, TEMPERED) else []
            if followed is not None and name in (MAIN, AGAIN):
                followed.after(sweep + 1, moved.atoms, outcome, "first" if name == MAIN else "second")
            state.kept.keep(self.index, number + 1, {
                **arrays_of(frame, outcomes, followed, second), MENDED: mended, PACE: pace})
            state.progress((number + 1) / len(sweeps))
        crossing = [name == TEMPERED for name, *_ in sweeps if name in (MAIN, TEMPERED)]
        self._record(window.system).add(place, outcomes, crossing, None if followed is None else followed.potential)
        for name, values in ({} if followed is None else followed.rows()).items():
            self.memory["relaxation"].row(name, place, values)
        return never_accepted(outcomes, len(mended)), mended

    def finish(self, state: State) -> None:
        record, stiffness = self._record(state.systems[self.level]), list(self._stiffness.lines())
        relaxation = Relaxation(self.following, self.memory["relaxation"], self.options.temperature, record.accepted,
                                self.options.tempering is not None, self.options.for_start,
                                SLOWER if self.options.annealing_sweeps or self.options.rotation_sweeps else 0)
        mended = MendingRecord(self.memory["mending"])
        left = LeftRecord(self.memory[LEFT])
        findings = [*left.findings(), *relaxation.findings()]
        seen = list(relaxation.notes()) if relaxation.known else []
        if self.tuned and self.tuned.remark:
            findings.append(Aspect(CARE, TOPIC, f"The pilot: {self.tuned.remark}.", "force field"))
        said = [f"hamiltonian: {finding.text}" for finding in findings]
        for line in [*mended.lines(), *record.lines(), *stiffness, *said]:
            state.log(line)
        if record.rows() or findings:
            state.sampling.append(Sampling(f"steps[{self.index}].{self.name or 'hamiltonian'}", record.rows(),
                                           notes=[record.summary(), *mended.lines(), *stiffness, *seen],
                                           sigma=self._widest, level=self.level, findings=findings,
                                           relaxation=relaxation.rows(), tuned=self.tuned))
