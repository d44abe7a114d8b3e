"""The step ``hamiltonian``: concerted moves of blocks along the forces, accepted or rejected."""
from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Options, State, Step
from backmap.engine.constraint import FLAG as SLACK
from backmap.engine.constraint import SystemProjector
from backmap.engine.energy.frame import Energy
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves, Outcome
from backmap.model.system import System, Window

from ..common.flags import finished, flagged
from ..common.sampling import Sampling, Stiffness, add

Array = NDArray[np.float64]
FLAG = "stuck"
SOFTEST, HARDEST = 10.0, 1000.0  #: caps of the repulsion in softened sweeps, kJ/mol
SPRINGY = 2.0  #: fs; longer time steps are too long for bonds that are springs
FOLLOWED = 8  #: frames whose potential energy is followed: all of it takes as long as half a sweep


class SoftBeads(Options):
    """Beads that are met softly."""

    sigma: float = Field(0.0003, gt=0, description="Standard deviation of every coordinate of M(r) about its bead, nm; "
                                                   "the rounding of a gro or xtc file is 0.0003.")


class HamiltonianOptions(Options):
    """Options of ``hamiltonian``."""

    sweeps: int = Field(10, ge=1, description="Sweeps; in each, every atom takes part in a move.")
    soften: int = Field(0, ge=0, description="Sweeps before these in which the repulsion of two atoms is capped, at "
                                             f"{SOFTEST:g} kJ/mol first and {HARDEST:g} last, so that overlaps part.")
    steps: int = Field(10, ge=1, description="Time steps of a move, on average: every move draws a number from half as "
                                             "many to half as many more, so that no vibration stays in step with it.")
    timestep: float = Field(1.0, gt=0, le=10, description="fs. Acceptance tells whether it is right: 0.6 to 0.95.")
    hydrogen_mass: float | None = Field(None, gt=0, description="Mass of hydrogens while they move, u, if that is more "
                                                                "than their own. 4 allows time steps nearly twice "
                                                                "as long; the distribution is the same.")
    temperature: float = Field(300.0, gt=0, description="K.")
    block: int = Field(8, ge=1, description="Beads whose atoms move together, those nearest to a central one along the "
                                            "molecule. Few leave a backbone no room; many are accepted less often.")
    beads: Literal["exact"] | SoftBeads = Field("exact", description="exact: beads stay in place. {sigma: ...}: they "
                                                                     "follow a narrow Gaussian.")
    measure: Literal["rigid", "stiff"] = Field(
        "rigid", description="rigid: the distribution of constrained dynamics, with the root of det G. stiff: that of "
                             "very stiff springs, without it.")
    only: list[str] | None = Field(None, description="Move only the surroundings of beads under these flags of earlier "
                                                     "steps, e.g. [clash].")


class Hamiltonian(Step):
    """Move blocks of neighbouring fragments by short constrained trajectories, each accepted or rejected.

    What comes out follows the force field's distribution on the given beads and rigid bonds, however long the
    time step; only the acceptance depends on it. A move climbs no walls: atoms that overlap are to be parted before,
    by ``soften``. Beads of which no move was accepted are flagged ``stuck``.
    """

    Options = HamiltonianOptions
    needs = frozenset({"system", "beads", "atoms", "forcefield"})
    gives = frozenset({"atoms"})

    def start(self, state: State) -> None:
        options = self.options
        sigma = None if options.beads == "exact" else options.beads.sigma
        self.moves = HamiltonianMoves(state.system, state.forcefield, options.temperature, options.steps,
                                      options.timestep, options.block, sigma, options.measure,
                                      hydrogen_mass=options.hydrogen_mass or 0.0)
        self.projector, self.energy = SystemProjector(state.system), Energy(state.system, state.forcefield)
        self.record, self.followed = Record(state.system, options.sweeps), 0
        self.stiffness = Stiffness(state, self.index, sigma)
        for kind, blocks in zip(state.system.types, self.moves.blocks):
            loose = int((~np.isfinite(kind.bond_length)).sum())
            if loose and options.timestep > SPRINGY and not kind.given:
                state.log(f"note: {kind.name}: {loose} of its bonds are springs, for which {options.timestep:g} fs are "
                          "long; `constraints: all-bonds` of topology makes them rigid")
            held = kind.n_beads - len({bead for block in blocks for bead in block.beads})
            if held and not kind.given:
                state.log(f"note: {kind.name}: the atoms of {held} of its {kind.n_beads} beads cannot move, held by "
                          "bonds and beads")

    def frames(self, window: Window, state: State) -> Window:
        chosen = None if self.options.only is None else flagged(window, self.options.only, self.where)
        atoms, slack = self.projector.project(window.atoms, window.beads)
        stuck = np.zeros(window.beads.shape[:2], dtype=bool)
        for w in range(window.size):
            only = None if chosen is None else chosen[w]
            if only is not None and not only.any():
                atoms[w] = window.atoms[w]
                continue
            whole = state.system.atoms_near_beads(atoms[w], window.beads[w], window.box(w))
            frame = self.moves.frame(whole, window.beads[w], window.box(w))
            self._soften(frame, int(window.frames[w]), only, state)
            potential = self._potential(frame, window.box(w))
            stuck[w] = self._relax(frame, int(window.frames[w]), potential, only, state, w / window.size, window.size)
            atoms[w] = frame.atoms
        done = finished(window, atoms, state.system)
        done.flags["infeasible"] = np.linalg.norm(slack, axis=2) > SLACK  # soft beads may stray farther, and are met
        self.stiffness.add(state, slack, done.flags["infeasible"])
        done.flags[FLAG] = stuck
        return done

    def _soften(self, frame: Frame, number: int, only: NDArray[np.bool_] | None, state: State) -> None:
        """Part atoms that overlap, in place."""
        for sweep, cap in enumerate(np.geomspace(SOFTEST, HARDEST, self.options.soften).tolist()):
            self.moves.sweep(frame, (state.seed, self.index, "soften", number, sweep), only, cap)

    def _potential(self, frame: Frame, box: Array | None) -> float:
        """Of the whole frame, kJ/mol; nan where enough were followed before."""
        self.followed += 1
        return self.energy.of(frame.atoms, box).total if self.followed <= FOLLOWED else np.nan

    def _relax(self, frame: Frame, number: int, potential: float, only: NDArray[np.bool_] | None, state: State,
               done: float, n_frames: int) -> NDArray[np.bool_]:
        """All sweeps over one frame, in place; returns beads of which no move was accepted, (B,)."""
        tried, moved = (np.zeros(len(frame.slack), dtype=bool) for _ in range(2))
        for sweep in range(self.options.sweeps):
            outcome = self.moves.sweep(frame, (state.seed, self.index, "hamiltonian", number, sweep), only)
            tried[outcome.beads[outcome.beads >= 0]] = True
            some = outcome.beads[outcome.accepted]
            moved[some[some >= 0]] = True
            potential += outcome.change.sum()
            self.record.add(sweep, outcome, potential)
            state.progress(done + (sweep + 1) / self.options.sweeps / n_frames)
        return tried & ~moved

    def finish(self, state: State) -> None:
        stiffness = list(self.stiffness.lines())
        for line in [*self.record.lines(), *stiffness]:
            state.log(line)
        if self.record.tried.any():
            add(state, Sampling(f"steps[{self.index}].{self.name or 'hamiltonian'}", self.record.rows(),
                                notes=[self.record.summary(), *stiffness]))


class Record:
    """Acceptance and energies of a run."""

    def __init__(self, system: System, sweeps: int) -> None:
        self.n_molecules = system.n_molecules
        self.names = sorted({name for kind in system.types for name in kind.bead_types})
        self.type = np.empty(system.n_beads, dtype=np.int64)
        for group in system.groups:
            self.type[group.beads] = [self.names.index(name) for name in group.type.bead_types]
        self.tried, self.accepted = (np.zeros((sweeps, len(self.names)), dtype=np.int64) for _ in range(2))
        self.change = np.zeros(len(self.names))
        self.broken, self.energy, self.frames = 0, np.zeros(sweeps), np.zeros(sweeps, dtype=np.int64)

    def add(self, sweep: int, outcome: Outcome, potential: float) -> None:
        """Count one sweep over one frame that left it with ``potential``, kJ/mol, nan if that is not known."""
        kinds, n = self.type[outcome.centre], len(self.names)
        self.tried[sweep] += np.bincount(kinds, minlength=n)
        self.accepted[sweep] += np.bincount(kinds[outcome.accepted], minlength=n)
        self.change += np.bincount(kinds, outcome.change, minlength=n)
        self.broken += int(np.isinf(outcome.error).sum())
        if np.isfinite(potential):
            self.energy[sweep] += potential
            self.frames[sweep] += 1

    def lines(self) -> list[str]:
        """A short table: some sweeps, acceptance by the type of the central bead, energy per molecule."""
        if not self.tried.any():
            return []
        shown = [k for k, name in enumerate(self.names) if self.tried[:, k].any()]
        lines = ["hamiltonian: share of moves accepted, by central bead, and potential energy per molecule, kJ/mol"
                 + (f", of the first {FOLLOWED} frames" if self.frames[0] >= FOLLOWED else ""),
                 "  sweep" + "".join(f"{self.names[k]:>8.7s}" for k in shown) + "       energy"]
        count = len(self.frames)
        for sweep in sorted({*np.unique(np.geomspace(1, count, min(count, 8)).round().astype(int) - 1)}):
            shares = (f"{self.accepted[sweep, k] / self.tried[sweep, k]:8.3f}" if self.tried[sweep, k] else "       -"
                      for k in shown)
            mean = self.energy[sweep] / max(self.frames[sweep], 1) / self.n_molecules
            lines.append(f"  {sweep + 1:5d}" + "".join(shares) + f"{mean:13.3f}")
        lines.append(f"  {self.summary()}")
        return lines

    def summary(self) -> str:
        """All moves in a sentence."""
        total = self.tried.sum()
        return f"{self.accepted.sum() / max(total, 1):.3f} of {total} moves accepted" + (
            f"; {self.broken} broke off: constraints were not met, or atoms overlapped" if self.broken else "")

    def rows(self) -> list[dict[str, Any]]:
        """For reports, as in ``Sampling.acceptance``: by the type of the central bead, energies per block."""
        found = []
        for k, name in enumerate(self.names):
            tried = self.tried[:, k]
            if not tried.any():
                continue
            share = self.accepted[:, k] / np.maximum(tried, 1)
            found.append({"block": "block", "bead_type": name, "first": float(share[0]), "last": float(share[-1]),
                          "all": float(self.accepted[:, k].sum() / tried.sum()), "tried": int(tried.sum()),
                          "energy": float(self.change[k] / tried.mean())})
        return found
