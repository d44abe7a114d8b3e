"""What is counted of Hamiltonian moves: which were accepted, and the potential energy of frames that were followed."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.engine.hamiltonian.moves import SweepOutcome
from backmap.engine.sites.schedule import per_bead
from backmap.model.system import System
from backmap.model.tally import Tally

from .relaxing import FOLLOWED

Array = NDArray[np.float64]


class Record:
    """Acceptance and energies of a run, as a tally counts them.

    Args:
        tally: By sweep and type of the central bead, moves ``tried`` and ``accepted``, and those that ``broke`` off;
            rows ``change`` of the energy by type, and rows ``energy`` of frames that were followed, by sweep; of sweeps
            of tempered trajectories ``crossing``, tried and accepted.
        system: What is there.
    """

    def __init__(self, tally: Tally, system: System) -> None:
        self.tally, self.n_molecules = tally, system.n_molecules
        self.names = sorted({name for kind in system.types for name in kind.bead_types})
        self.type = per_bead(system, [np.array([self.names.index(name) for name in kind.bead_types])
                                      for kind in system.types])

    def add(self, place: int, outcomes: Sequence[SweepOutcome], crossing: Sequence[bool],
            potential: float | None) -> None:
        """Count the sweeps over the frame at ``place``.

        Args:
            crossing: Which of them are of tempered trajectories.
            potential: Energy of the frame before, kJ/mol; None if not known.
        """
        n, hot = len(self.names), np.array(crossing, dtype=bool)
        plain = [outcome for outcome, tempered in zip(outcomes, crossing, strict=True) if not tempered]
        kinds = [self.type[outcome.centre] for outcome in plain]
        self.tally.count("tried", place, [np.bincount(k, minlength=n) for k in kinds])
        self.tally.count("accepted", place, [np.bincount(k[outcome.accepted], minlength=n)
                                             for k, outcome in zip(kinds, plain)])
        self.tally.count("broke", place, sum(np.isinf(outcome.error).sum() for outcome in plain))
        if hot.any():
            accepted = np.concatenate([each.accepted for each, tempered in zip(outcomes, crossing) if tempered])
            self.tally.count("crossing", place, [len(accepted), accepted.sum()])
        changes = np.array([np.bincount(self.type[each.centre], each.change, minlength=n) for each in outcomes])
        self.tally.row("change", place, changes.sum(axis=0))
        if potential is not None:
            self.tally.row("energy", place, potential + np.cumsum(changes.sum(axis=1))[~hot])

    def lines(self) -> list[str]:
        """A short table: some sweeps, acceptance by the type of the central bead, energy per molecule."""
        if not self.rows():
            return []
        tried, accepted = self.tally.counts("tried"), self.tally.counts("accepted")
        shown = [k for k in range(len(self.names)) if tried[:, k].any()]
        energy = self._energies(len(tried))
        lines = ["hamiltonian: share of moves accepted, by central bead, and potential energy per molecule, kJ/mol"
                 + (f", of {FOLLOWED} frames" if len(energy) >= FOLLOWED else ""),
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

    @property
    def accepted(self) -> float:
        """Share of all moves; 0 of none."""
        return self.tally.counts("accepted").sum() / max(self.tally.counts("tried").sum(), 1) if self.rows() else 0.0

    def summary(self) -> str:
        """All moves in a sentence."""
        total, broken = self.tally.counts("tried").sum(), int(self.tally.counts("broke"))
        said = f"{self.tally.counts('accepted').sum() / max(total, 1):.3f} of {total} moves accepted"
        if "crossing" in self.tally:
            tried, accepted = self.tally.counts("crossing").tolist()
            said += f", {accepted / max(tried, 1):.3f} of {tried} tempered ones"
        return said + (f"; {broken} broke off: constraints were not met, or atoms overlapped" if broken else "")

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
