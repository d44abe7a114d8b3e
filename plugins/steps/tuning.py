"""How ``hamiltonian`` tunes itself by the frames of a pilot: the time step, and how many sweeps it takes to relax."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.shares import shares
from backmap.engine.hamiltonian import timestep as lengths
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves, SweepOutcome
from backmap.engine.relaxation import ENERGY, FLUCTUATION, SHORTEST, Change
from backmap.engine.sites.schedule import per_bead
from backmap.model.system import Window

Array = NDArray[np.float64]
#: Name, number and settings of a sweep.
Sweep = tuple[str, int, dict[str, float]]

TRIALS = 8  #: time steps that are tried
MOVES, TURNS = 300, 5  #: moves that tell a share well enough, and sweeps in which they are to be made
FEW = 30  #: moves of one kind that tell nothing of it
FIRST, GROWTH = 20, 1.25  #: sweeps after which it is looked first whether frames are relaxed, and how this goes on
LOOKS = 100  #: energies of a frame that are taken at most, at even distances
PIECES = 16  #: stretches of a frame
#: Of kT for each degree of freedom: energies that change by less are at rest, 1 % of their mean kinetic energy.
REST = 0.005
CHANCE = 0.05  #: a change that comes about by chance more often is none


@dataclass
class MoveTuner:
    """Frames of a pilot, and moves that are tried on them.

    Attributes:
        moves: The moves, whose pace is changed.
        energy: Of whole frames.
        window: The frames of the pilot.
        entered: Makes each of them ready to be moved, by its place in the window.
        before: The sweeps that come before those that count.
        name: First words of the names of random numbers: seed and step.
        progress: Told the share of the work that is done, 0 to 1.
        measured: What was found, for people: rows by what they are about.
    """

    moves: HamiltonianMoves
    energy: FrameEnergy
    window: Window
    entered: Callable[[int], Frame]
    before: Sequence[Sweep]
    name: tuple[int, int]
    progress: Callable[[float], None]
    measured: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        system = self.moves.system
        self.names = sorted({name for kind in system.types for name in kind.bead_types})
        self.kinds = per_bead(system, [np.array([self.names.index(name) for name in kind.bead_types])
                                       for kind in system.types])
        held = sum(count * (len(kind.rigid) + 3 * kind.n_beads) for kind, count in system.blocks)
        self.heat = self.moves.rules.heat * max(3 * system.n_atoms - held, 1)
        self.pieces = PIECES * self.energy.layout.where.owner // max(system.n_beads, 1)

    def timestep(self, guess: float, steps: int | None) -> float:
        """The time step with which the wanted share of moves is accepted, fs.

        Args:
            guess: One to begin with, fs.
            steps: Time steps of a move; None for as many as make the trajectory as long as it should be.
        """
        rows = self.measured["timestep"] = []
        frames, chosen, sweeps = self._begun(guess, steps), guess, 0
        for trial in range(TRIALS):
            self.progress(0.1 * trial / TRIALS)
            self.moves.pace(chosen, steps or lengths.steps_of(chosen))
            tried, accepted = np.zeros((2, len(self.names)), dtype=np.int64)
            for _ in range(TURNS):
                for outcome in self._swept(frames, "timestep", sweeps):
                    kinds = self.kinds[outcome.centre]
                    tried += np.bincount(kinds, minlength=len(self.names))
                    accepted += np.bincount(kinds[outcome.accepted], minlength=len(self.names))
                sweeps += 1
                if tried.sum() >= MOVES:
                    break
            share, of_kind = accepted.sum() / tried.sum(), accepted / np.maximum(tried, 1)
            least = int(np.argmin(np.where(tried < FEW, share + (tried == 0), of_kind)))
            worst = float(of_kind[least]) if tried[least] >= FEW else float(share)
            rows.append({"timestep": chosen, "accepted": round(float(share), 3), "least": round(worst, 3),
                         "of": self.names[least], "moves": int(tried.sum())})
            if lengths.near_enough(float(share), worst):
                break
            chosen = lengths.better(chosen, float(share), worst)
        return chosen

    def sweeps(self, timestep: float, steps: int, at_most: int) -> tuple[int, str]:
        """The number of sweeps after which energies no longer change, and what still does after ``at_most``.

        Energies are at rest once none is seen to change over the last two thirds of the sweeps, and a change that
        mattered would have been seen. The table has these changes, kJ/mol per molecule.

        Args:
            timestep: fs.
            steps: Of a move.
            at_most: Sweeps.
        """
        rows = self.measured["sweeps"] = []
        frames, every, look = self._begun(timestep, steps), math.ceil(at_most / LOOKS), FIRST
        series: dict[str, list[Array]] = {}
        for sweep in range(1, at_most + 1):
            self._swept(frames, "sweep", sweep)
            self.progress(0.1 + 0.9 * sweep / at_most)
            if sweep % every == 0:
                for name, values in self._energies(frames).items():
                    series.setdefault(name, []).append(values)
            if sweep < min(look, at_most):
                continue
            changes = {name: self._change(np.stack(values, axis=1)) for name, values in series.items()}
            rows.append({"sweeps": sweep, **{name: self._said(change) for name, change in changes.items()}})
            moving = [name for name, change in changes.items()
                      if change.p < CHANCE and abs(change.value) > change.tolerance]
            if not moving and all(2 * change.error < ENERGY * self.heat for change in changes.values()):
                return sweep, ""
            look = math.ceil(GROWTH * look)
        still = f"not relaxed within {at_most} sweeps (at_most), as energies still change: {', '.join(moving)}"
        return at_most, still if moving else ""

    def _change(self, rows: Array) -> Change:
        """By how much the energies of a frame change over the last two thirds of the sweeps, kJ/mol.

        Args:
            rows: Energies of n stretches of frames, (n, T).
        """
        rows = rows[:, rows.shape[1] // 3:]
        if rows.shape[1] < SHORTEST:
            return Change(0.0, float("inf"), 1.0, float("nan"), REST * self.heat)
        scale = len(rows) / self.window.size  # of a stretch to a frame
        time = np.arange(rows.shape[1]) - (rows.shape[1] - 1) / 2
        changes = scale * len(time) * (rows @ time / (time @ time))
        noise = float(rows.sum(axis=0).std() / np.sqrt(self.window.size))
        return Change(float(changes.mean()), float(changes.std(ddof=1) / np.sqrt(len(changes))), len(changes) - 1.0,
                      noise, max(REST * self.heat, FLUCTUATION * noise))

    def _said(self, change: Change) -> str:
        """Change and error per molecule, for people."""
        return " +- ".join(f"{value / self.moves.system.n_molecules:.3f}" for value in (change.value, change.error))

    def _energies(self, frames: Sequence[Frame]) -> dict[str, Array]:
        """Energies of all stretches of all frames by kind, and all together, kJ/mol, (n,)."""
        found: dict[str, list[Array]] = {}
        for place, frame in enumerate(frames):
            by_atom = shares(self.energy, frame.atoms, self.window.box(place))
            for name, values in {**by_atom, "total": sum(by_atom.values())}.items():
                found.setdefault(name, []).append(np.bincount(self.pieces, values, minlength=PIECES))
        return {name: np.concatenate(values) for name, values in found.items()}

    def _begun(self, timestep: float, steps: int | None) -> list[Frame]:
        """The frames anew, after the sweeps that come before those that count."""
        self.moves.pace(timestep, steps or lengths.steps_of(timestep))
        frames = [self.entered(place) for place in range(self.window.size)]
        for name, number, settings in self.before:
            self._swept(frames, name, number, **settings)
        return frames

    def _swept(self, frames: Sequence[Frame], name: str, number: int, **settings: float) -> list[SweepOutcome]:
        """One sweep over every frame."""
        return [self.moves.sweep(frame, (*self.name, name, int(self.window.frames[place]), number), **settings)
                for place, frame in enumerate(frames)]
