"""How ``hamiltonian`` tunes itself by the frames of a pilot: its moves, and how many sweeps it takes to relax."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.engine.energy.beads import BeadEnergies
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.hamiltonian import timestep as lengths
from backmap.engine.hamiltonian.following import stretches
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves, SweepOutcome, Tempering
from backmap.engine.relaxation import ENERGY, Growth, Slope, growth, relaxed
from backmap.engine.sites.schedule import per_bead
from backmap.model.system import Window

from .balancing import MappedBeads, off
from .move_options import Tempered
from .relaxing import CALLED
from .softness import part_of

Array = NDArray[np.float64]

TRIALS = 8  #: time steps that are tried
MOVES, TURNS = 300, 5  #: moves that tell a share well enough, and sweeps in which they are to be made
FEW = 30  #: moves of one kind that tell nothing of it
FIRST, GROWTH = 20, 1.25  #: sweeps after which it is looked first whether frames are relaxed, and how this goes on
LOOKS = 100  #: energies of a frame that are taken at most, at even distances
PIECES = 64  #: stretches of a frame, at most
#: Of kT for each degree of freedom, 9 % of what they have of kinetic energy: as long as changes of some energy as small
#: as this over a third of the sweeps would not be seen, there are more.
SEEN = 3 * ENERGY
TOTAL = "total"


@dataclass
class MoveTuner:
    """Frames of a pilot, and moves that are tried on them.

    Attributes:
        moves: The moves, whose pace is changed.
        energy: Of whole frames.
        window: The frames of the pilot.
        begun: Makes each of them ready for the sweeps that count, by its place in the window.
        round: Name, number and settings of the sweeps that belong to a number of those that count.
        name: First words of the names of random numbers: seed and step.
        progress: Told the share of the work that is done, 0 to 1.
        mapped: Beads that were mapped from atoms, whose forces are to balance; None where they are of something else.
        measured: What was found, for people: rows by what they are about.
    """

    moves: HamiltonianMoves
    energy: FrameEnergy
    window: Window
    begun: Callable[[int], Frame]
    round: Callable[[int], Sequence[tuple[str, int, dict[str, Any]]]]
    name: tuple[int, int]
    progress: Callable[[float], None]
    mapped: MappedBeads | None = None
    measured: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        system = self.moves.system
        self.names = sorted({name for kind in system.types for name in kind.bead_types})
        self.kinds = per_bead(system, [np.array([self.names.index(name) for name in kind.bead_types])
                                       for kind in system.types])
        self.beads = BeadEnergies(self.energy)
        self.freedom = self.beads.freedom(self.moves.rules.exact)
        self.piece, self.n_pieces = stretches(system, self.moves.beads.shape[1], PIECES)

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

    def crossing(self, timestep: float, steps: int, tempered: Tempered) -> float:
        """The share of tempered trajectories that is accepted."""
        self.progress(0.1)
        part, accepted, tried = part_of(self.moves.system), 0, 0
        for frame, number in zip(self._begun(timestep, steps), self.window.frames):
            outcome = self.moves.sweep(frame, (*self.name, "tuning crossing", int(number), 0), part,
                                       tempering=Tempering(tempered.peak, tempered.time))
            accepted, tried = accepted + int(outcome.accepted.sum()), tried + len(outcome.accepted)
        share = accepted / max(tried, 1)
        self.measured["tempering"] = [{"accepted": round(share, 3), "moves": tried}]
        return share

    def sweeps(self, timestep: float, steps: int, at_most: int) -> tuple[int, str]:
        """The number of sweeps after which energies no longer change, and what still does after ``at_most``.

        Energies are at rest by the rules that reports judge by (``engine.relaxation``): none is seen to change over the
        last third of the sweeps, all forget where they were, and a change that mattered would have been seen. Where
        beads were mapped, forces along their moves balance as well: they see wells that energies do not leave. The
        table has the changes, kJ/mol per molecule.

        Args:
            timestep: fs.
            steps: Of a move.
            at_most: Sweeps.
        """
        rows = self.measured["sweeps"] = []
        frames, every, look = self._begun(timestep, steps), math.ceil(at_most / LOOKS), FIRST
        series: dict[str, list[Array]] = {}
        for sweep in range(1, at_most + 1):
            for name, number, settings in self.round(sweep):
                self._swept(frames, f"tuning {name}", number, **settings)
            self.progress(0.1 + 0.9 * sweep / at_most)
            if sweep % every == 0:
                for name, values in self._energies(frames).items():
                    series.setdefault(name, []).append(values)
            if sweep < min(look, at_most):
                continue
            found = {name: self._course(name, np.stack(values, axis=1), every, len(series))
                     for name, values in series.items()}
            rows.append({"sweeps": sweep, **{CALLED.get(name, name): self._said(slope)
                                             for name, (slope, _) in found.items()}})
            moving = [CALLED.get(name, name) for name, (slope, grown) in found.items()
                      if not (slope.relaxed and grown.forgotten)]
            trapped = [] if moving else self._trapped(frames, rows[-1])
            if not (moving or trapped) and all(slope.visible * self.n_pieces < SEEN * self._heat(TOTAL)
                                               for slope, _ in found.values()):
                return sweep, ""
            look = math.ceil(GROWTH * look)
        why = (f"energies still change: {', '.join(moving)}" if moving else
               f"atoms still push beads as none that these were mapped from would: forces of {', '.join(trapped)}")
        return at_most, f"not relaxed within {at_most} sweeps (at_most), as {why}" if moving or trapped else ""

    def _trapped(self, frames: Sequence[Frame], row: dict[str, Any]) -> list[str]:
        """Classes of forces along moves of mapped beads that do not balance; what was found goes into ``row``."""
        if self.mapped is None:
            return []
        ratios = self.mapped.ratios([frame.atoms for frame in frames], self.window)
        row["along the beads"] = ", ".join(f"{name} {one}" for name, one in ratios.items())
        return off(ratios)

    def _heat(self, name: str) -> float:
        """kT for each of the degrees of freedom of an energy in a frame, kJ/mol."""
        return self.moves.rules.heat * max(self.freedom[name], 1)

    def _course(self, name: str, rows: Array, every: int, tests: int) -> tuple[Slope, Growth]:
        """Whether an energy is at rest, and forgets.

        Args:
            rows: Energies of n stretches of frames, (n, T), after every so many sweeps.
        """
        sweeps = every * np.arange(1, rows.shape[1] + 1)
        return (relaxed(rows, ENERGY * self._heat(name) / self.n_pieces, tests, self.n_pieces, sweeps),
                growth(rows, tests, sweeps))

    def _said(self, slope: Slope) -> str:
        """Change and error per molecule, for people."""
        return " +- ".join(f"{value * self.n_pieces / self.moves.system.n_molecules:.3f}"
                           for value in (slope.value, slope.error))

    def _energies(self, frames: Sequence[Frame]) -> dict[str, Array]:
        """Energies of all stretches of all frames by term, and all together, kJ/mol, (n,)."""
        found: dict[str, list[Array]] = {}
        for place, frame in enumerate(frames):
            pairs, _ = self.beads.pairs(frame.atoms, self.window.box(place))
            by_bead = np.concatenate([self.beads.bonded(frame.atoms), pairs])
            for name, values in zip((*self.beads.terms, TOTAL), (*by_bead, by_bead.sum(axis=0)), strict=True):
                inside = self.piece >= 0
                found.setdefault(name, []).append(np.bincount(self.piece[inside], values[inside], self.n_pieces))
        return {name: np.concatenate(values) for name, values in found.items() if self.freedom[name]}

    def _begun(self, timestep: float, steps: int | None) -> list[Frame]:
        """The frames after the sweeps that come before those that count."""
        self.moves.pace(timestep, steps or lengths.steps_of(timestep))
        return [self.begun(place) for place in range(self.window.size)]

    def _swept(self, frames: Sequence[Frame], name: str, number: int, **settings: Any) -> list[SweepOutcome]:
        """One sweep over every frame."""
        return [self.moves.sweep(frame, (*self.name, name, int(self.window.frames[place]), number), **settings)
                for place, frame in enumerate(frames)]
