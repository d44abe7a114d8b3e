"""What steps that accept or reject leave for reports: shares accepted, free energies, beads that cannot be met.

A step puts what it has into ``State.extra`` as it finishes, by ``add``; whoever writes a report takes it from there.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.api import State

KEY = "sampling"  #: in ``State.extra``


@dataclass(frozen=True, eq=False)
class Sampling:
    """What became of one step's proposals.

    Attributes:
        step: Its place in the recipe and its name, e.g. ``steps[4].gibbs``.
        acceptance: Rows: ``block`` (or ""), ``bead_type``, shares accepted in the ``first``, the ``last`` and ``all``
            sweeps, how many were ``tried``, and the change of ``energy`` it all brought, kJ/mol (or None).
        free_energies: Rows: ``block``, ``bead_type``, and what ``Trials.free_energies`` tells of them.
        notes: Sentences.
    """

    step: str
    acceptance: list[dict[str, Any]]
    free_energies: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def add(state: State, sampling: Sampling) -> None:
    """Keep it for reports."""
    state.extra.setdefault(KEY, []).append(sampling)


def found(state: State) -> list[Sampling]:
    """What the steps of this run have added, in their order."""
    return state.extra.get(KEY, [])


class Stiffness:
    """How far beads that rigid bonds do not let be met stay from where they are given, over a run.

    Args:
        state: Of the run, whose files remember it when it is interrupted.
        index: Of the step.
        sigma: Of soft beads, nm; None where beads are exact.
    """

    def __init__(self, state: State, index: int, sigma: float | None) -> None:
        self.memory, self.sigma = f"stiffness-{index}", sigma
        kept = state.files.kept(self.memory) if state.files else None
        #: Beads, infeasible ones, the sum of squares of their slack (nm^2), and the largest slack (nm).
        self.sums = np.zeros(4) if kept is None else np.array(json.loads(kept))

    def add(self, state: State, slack: NDArray[np.float64], infeasible: NDArray[np.bool_]) -> None:
        """Count frames: slack M(r) - R, (W, B, 3), nm, and which beads are infeasible, (W, B)."""
        off = np.linalg.norm(slack[infeasible], axis=1)
        self.sums[:3] += infeasible.size, len(off), (off**2).sum()
        self.sums[3] = max(self.sums[3], off.max(initial=0.0))
        if state.files:
            state.files.keep(self.memory, json.dumps(self.sums.tolist()).encode())

    def lines(self) -> Iterator[str]:
        """One line, if there are any such beads."""
        total, count, square, most = self.sums
        if count:
            cost = (f"; that costs {square / count / 2 / self.sigma**2:.3g} kT a bead at sigma {self.sigma:g} nm"
                    if self.sigma else "")
            yield (f"infeasible: rigid bonds keep {count:.0f} of {total:.0f} beads from being met: off by "
                   f"{np.sqrt(square / count):.4f} nm (root mean square), {most:.4f} at most{cost}")
