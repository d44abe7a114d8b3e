"""The step ``hamiltonian``: concerted moves of blocks along the forces, accepted or rejected."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import FrameStep, Options, Sampling, State
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.flags import finished, flagged
from backmap.engine.geometry.constraint import FLAG as TOLERANCE
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves, SweepOutcome
from backmap.engine.sites.schedule import per_bead
from backmap.model.sampling import Sampled
from backmap.model.system import System, Window
from backmap.model.tally import Tally

from .stiffness import Stiffness

Array = NDArray[np.float64]
FLAG = "never_accepted"
SOFTEST, HARDEST = 10.0, 1000.0  #: caps of the repulsion in soft-core sweeps, kJ/mol
SPRINGY = 2.0  #: fs; longer time steps are too long for bonds that are springs
MAIN = "hamiltonian"  #: name of the sweeps that count
_OUTCOME = [field.name for field in fields(SweepOutcome)]
FOLLOWED = 8  #: first frames, whose potential energy is followed: all of it takes as long as half a sweep


class SoftBeads(Options):
    """Beads that are met softly."""

    sigma: float = Field(0.0003, gt=0, description="Standard deviation of every coordinate of M(r) about its bead, nm; "
                                                   "the rounding of a gro or xtc file is 0.0003.")


class HamiltonianOptions(Options):
    """Options of ``hamiltonian``."""

    changed_names: ClassVar = {"soften": "is called 'soft_core_sweeps' now", "block": "is called 'block_size' now",
                     "measure": "is called 'fixman_potential' now: false for rigid, true for stiff"}
    sweeps: int = Field(10, ge=1, description="Sweeps; in each, every atom takes part in a move.")
    soft_core_sweeps: int = Field(0, ge=0, description="Sweeps before these in which the repulsion of two atoms is "
                                                       f"capped, at {SOFTEST:g} kJ/mol first and {HARDEST:g} last, so "
                                                       "that overlaps part.")
    annealing_sweeps: int = Field(0, ge=0, description="Sweeps between these and the others in which the temperature "
                                                       "falls from hottest to temperature: molecules that hinder each "
                                                       "other, as water on its beads does, find their orientations.")
    hottest: float = Field(700.0, gt=0, description="Temperature of the first of them, K.")
    steps: int = Field(10, ge=1, description="Time steps of a move, on average: every move draws a number from half as "
                                             "many to half as many more, so that no vibration stays in step with it.")
    timestep: float = Field(1.0, gt=0, le=10, description="fs. Acceptance tells whether it is right: 0.6 to 0.95.")
    hydrogen_mass: float | None = Field(None, gt=0, description="Mass of hydrogens while they move, u, if that is more "
                                                                "than their own. 4 allows time steps nearly twice "
                                                                "as long; the distribution is the same.")
    temperature: float = Field(300.0, gt=0, description="K.")
    block_size: int = Field(8, ge=1, description="Beads whose atoms move together, those nearest to a central one "
                                                 "along the molecule. Few leave a backbone no room; many are accepted "
                                                 "less often.")
    beads: Literal["exact"] | SoftBeads = Field("exact", description="exact: beads stay in place. {sigma: ...}: they "
                                                                     "follow a narrow Gaussian.")
    fixman_potential: bool = Field(
        False, description="Add the Fixman potential kT/2 ln det G of rigid bonds, so that they are sampled as very "
                           "stiff springs are. Without it the distribution is that of constrained dynamics.")
    only: list[str] | None = Field(None, description="Move only the surroundings of beads under these flags of earlier "
                                                     "steps, e.g. [clash].")


class Hamiltonian(FrameStep):
    """Moves blocks of neighbouring fragments by short constrained trajectories, each accepted or rejected.

    Frames follow the force field's distribution on the given beads and rigid bonds, whatever the time step; only the
    acceptance depends on it. A move crosses no high barrier: atoms that overlap are to be separated before, by
    ``soft_core_sweeps``. Beads of which no move was accepted are flagged ``never_accepted``.
    """

    Options = HamiltonianOptions
    options: HamiltonianOptions
    needs = frozenset({"system", "beads", "atoms", "forcefield"})
    gives = frozenset({"atoms"})

    def start(self, state: State) -> None:
        options = self.options
        sigma = None if options.beads == "exact" else options.beads.sigma
        self.moves = HamiltonianMoves(state.system, state.forcefield, options.temperature, options.steps,
                                      options.timestep, options.block_size, sigma, options.fixman_potential,
                                      hydrogen_mass=options.hydrogen_mass or 0.0)
        self.projector, self.energy = SystemProjector(state.system), FrameEnergy(state.system, state.forcefield)
        self.sigma, self.level = sigma, state.level
        sampled = Sampled(options.temperature, sigma, options.fixman_potential)
        if options.only is None or state.sampled == sampled:
            state.sampled = sampled
        for kind, blocks in zip(state.system.types, self.moves.blocks):
            loose = int((~np.isfinite(kind.bond_length)).sum())
            if loose and options.timestep > SPRINGY and not (kind.given or kind.coarse):
                state.log(f"note: {kind.name}: {loose} of its bonds are springs, for which {options.timestep:g} fs are "
                          "long; `constraints: all-bonds` of topology makes them rigid")
            held = kind.n_beads - len({bead for block in blocks for bead in block.beads})
            if held and not kind.given:
                state.log(f"note: {kind.name}: the atoms of {held} of its {kind.n_beads} beads cannot move, held by "
                          "bonds and beads")

    def frame(self, window: Window, state: State) -> Window:
        only = None if self.options.only is None else flagged(window, self.options.only, self.where)[0]
        (atoms,), (residual,) = self.projector.project(window.atoms, window.beads)
        rejected = np.zeros(window.system.n_beads, dtype=bool)
        if only is None or only.any():
            whole = window.system.atoms_near_beads(atoms, window.beads[0], window.box(0))
            frame = self.moves.frame(whole, window.beads[0], window.box(0))
            rejected = self._sweep(frame, window, only, state)
            atoms = frame.atoms
        else:
            atoms = window.atoms[0]
        done = finished(window, atoms[None])
        infeasible = np.linalg.norm(residual, axis=1) > TOLERANCE  # soft beads may stray farther, and are met
        self._stiffness.add(int(window.place[0]), residual, infeasible)
        done.flags["infeasible"], done.flags[FLAG] = infeasible[None], rejected[None]
        return done

    @property
    def _stiffness(self) -> Stiffness:
        return Stiffness(self.memory["stiffness"], self.sigma)

    def _record(self, system: System) -> Record:
        return Record(self.memory["moves"], system)

    def _sweeps(self) -> list[tuple[str, int, dict[str, float]]]:
        """Name, number and settings of each sweep: those that part overlaps, those that cool, and the others."""
        options = self.options
        caps = np.geomspace(SOFTEST, HARDEST, options.soft_core_sweeps).tolist()
        cooling = np.geomspace(options.hottest, options.temperature, options.annealing_sweeps + 1)[:-1].tolist()
        return [*(("soften", k, {"cap": cap}) for k, cap in enumerate(caps)),
                *(("anneal", k, {"temperature": temperature}) for k, temperature in enumerate(cooling)),
                *((MAIN, k, {}) for k in range(options.sweeps))]

    def _sweep(self, frame: Frame, window: Window, only: NDArray[np.bool_] | None,
               state: State) -> NDArray[np.bool_]:
        """All sweeps, in place; returns beads of which no move was accepted, (B,)."""
        place, sweeps = int(window.place[0]), self._sweeps()
        done, kept = state.kept.last(self.index)
        outcomes, potential = self._recalled(frame, kept) if done else ([], None)
        for number, (name, sweep, settings) in list(enumerate(sweeps))[done:]:
            if (name, sweep) == (MAIN, 0) and place < FOLLOWED:
                potential = self.energy.of(frame.atoms, window.box(0)).total
            outcome = self.moves.sweep(frame, (state.seed, self.index, name, int(window.frames[0]), sweep), only,
                                       **settings)
            outcomes += [outcome] if name == MAIN else []
            state.kept.keep(self.index, number + 1, self._to_keep(frame, outcomes, potential))
            state.progress((number + 1) / len(sweeps))
        self._record(window.system).add(place, outcomes, potential)
        tried, moved = (np.zeros(len(frame.residual), dtype=bool) for _ in range(2))
        for outcome in outcomes:
            tried[outcome.beads[outcome.beads >= 0]] = True
            some = outcome.beads[outcome.accepted]
            moved[some[some >= 0]] = True
        return tried & ~moved

    @staticmethod
    def _to_keep(frame: Frame, outcomes: list[SweepOutcome], potential: float | None) -> dict[str, NDArray]:
        """What the next sweeps of a frame need."""
        arrays = {"atoms": frame.atoms, "residual": frame.residual, "reach": frame.grid.reach,
                  "largest": frame.grid.largest, "potential": np.array([] if potential is None else [potential])}
        return arrays | {f"{name} {k}": getattr(outcome, name) for k, outcome in enumerate(outcomes)
                         for name in _OUTCOME}

    @staticmethod
    def _recalled(frame: Frame, kept: dict[str, NDArray]) -> tuple[list[SweepOutcome], float | None]:
        """Bring a frame to where it was kept, in place; outcomes so far, and the potential energy before them."""
        for name, array in (("atoms", frame.atoms), ("residual", frame.residual), ("reach", frame.grid.reach),
                            ("largest", frame.grid.largest)):
            array[:] = kept[name]
        count = sum(name.startswith("centre ") for name in kept)
        outcomes = [SweepOutcome(*(kept[f"{name} {k}"] for name in _OUTCOME)) for k in range(count)]
        return outcomes, float(kept["potential"][0]) if len(kept["potential"]) else None

    def finish(self, state: State) -> None:
        record, stiffness = self._record(state.systems[self.level]), list(self._stiffness.lines())
        for line in [*record.lines(), *stiffness]:
            state.log(line)
        if record.rows():
            state.sampling.append(Sampling(f"steps[{self.index}].{self.name or 'hamiltonian'}", record.rows(),
                                           notes=[record.summary(), *stiffness], sigma=self.sigma, level=self.level))


class Record:
    """Acceptance and energies of a run, as a tally counts them.

    Args:
        tally: By sweep and type of the central bead, moves ``tried`` and ``accepted``, and those that ``broke`` off;
            rows ``change`` of the energy by type, and rows ``energy`` of frames that were followed, by sweep.
        system: What is there.
    """

    def __init__(self, tally: Tally, system: System) -> None:
        self.tally, self.n_molecules = tally, system.n_molecules
        self.names = sorted({name for kind in system.types for name in kind.bead_types})
        self.type = per_bead(system, [np.array([self.names.index(name) for name in kind.bead_types])
                                      for kind in system.types])

    def add(self, place: int, outcomes: Sequence[SweepOutcome], potential: float | None) -> None:
        """Count the sweeps over the frame at ``place``, which had ``potential``, kJ/mol, before; None if not known."""
        n, kinds = len(self.names), [self.type[outcome.centre] for outcome in outcomes]
        self.tally.count("tried", place, [np.bincount(k, minlength=n) for k in kinds])
        self.tally.count("accepted", place, [np.bincount(k[outcome.accepted], minlength=n)
                                             for k, outcome in zip(kinds, outcomes)])
        self.tally.count("broke", place, sum(np.isinf(outcome.error).sum() for outcome in outcomes))
        changes = [outcome.change for outcome in outcomes]
        self.tally.row("change", place, np.bincount(np.concatenate(kinds), np.concatenate(changes), minlength=n))
        if potential is not None:
            self.tally.row("energy", place, potential + np.cumsum([change.sum() for change in changes]))

    def lines(self) -> list[str]:
        """A short table: some sweeps, acceptance by the type of the central bead, energy per molecule."""
        if not self.rows():
            return []
        tried, accepted = self.tally.counts("tried"), self.tally.counts("accepted")
        shown = [k for k in range(len(self.names)) if tried[:, k].any()]
        energy = self._energies(len(tried))
        lines = ["hamiltonian: share of moves accepted, by central bead, and potential energy per molecule, kJ/mol"
                 + (f", of the first {FOLLOWED} frames" if len(energy) >= FOLLOWED else ""),
                 "  sweep" + "".join(f"{self.names[k]:>8.7s}" for k in shown) + "       energy"]
        count = len(tried)
        for sweep in sorted({*np.unique(np.geomspace(1, count, min(count, 8)).round().astype(int) - 1)}):
            shares = (f"{accepted[sweep, k] / tried[sweep, k]:8.3f}" if tried[sweep, k] else "       -" for k in shown)
            known = energy[np.isfinite(energy[:, sweep]), sweep]
            mean = f"{known.mean() / self.n_molecules:13.3f}" if len(known) else f"{'-':>13}"
            lines.append(f"  {sweep + 1:5d}" + "".join(shares) + mean)
        lines.append(f"  {self.summary()}")
        return lines

    def _energies(self, n_sweeps: int) -> Array:
        """Of the frames that were followed after each sweep, kJ/mol, (n, n_sweeps)."""
        return self.tally.rows("energy") if "energy" in self.tally else np.empty((0, n_sweeps))

    def summary(self) -> str:
        """All moves in a sentence."""
        total, broken = self.tally.counts("tried").sum(), int(self.tally.counts("broke"))
        return f"{self.tally.counts('accepted').sum() / max(total, 1):.3f} of {total} moves accepted" + (
            f"; {broken} broke off: constraints were not met, or atoms overlapped" if broken else "")

    def rows(self) -> list[dict[str, Any]]:
        """For reports, as in ``Sampling.acceptance``: by the type of the central bead, energies per block."""
        if "tried" not in self.tally:
            return []
        found, change = [], self.tally.rows("change").sum(axis=0)
        for k, name in enumerate(self.names):
            tried, accepted = self.tally.counts("tried")[:, k], self.tally.counts("accepted")[:, k]
            if not tried.any():
                continue
            share = accepted / np.maximum(tried, 1)
            found.append({"block": "block", "bead_type": name, "first": float(share[0]), "last": float(share[-1]),
                          "all": float(accepted.sum() / tried.sum()), "tried": int(tried.sum()),
                          "energy": float(change[k] / tried.mean())})
        return found
