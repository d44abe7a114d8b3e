"""What steps that accept or reject leave for reports: shares accepted, free energies, beads that cannot be met.

A step puts what it has into ``State.extra`` as it finishes, by ``add``; whoever writes a report takes it from there.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.api import State
from backmap.model.tally import Tally

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

    @property
    def accepted(self) -> float | None:
        """Share of all proposals that were accepted; None if there were none."""
        tried = sum(row["tried"] for row in self.acceptance)
        return sum(row["all"] * row["tried"] for row in self.acceptance) / tried if tried else None


def add(state: State, sampling: Sampling) -> None:
    """Keep it for reports."""
    state.extra.setdefault(KEY, []).append(sampling)


def found(state: State) -> list[Sampling]:
    """What the steps of this run have added, in their order."""
    return state.extra.get(KEY, [])


@dataclass(frozen=True, eq=False)
class Stiffness:
    """How far beads that rigid bonds do not let be met stay from where they are given, over a run.

    Attributes:
        tally: Where it is counted: ``beads`` and infeasible ones, and rows ``off`` of the sum of squares of their slack
            (nm^2) and the largest slack (nm).
        sigma: Of soft beads, nm; None where beads are exact.
    """

    tally: Tally
    sigma: float | None

    def add(self, place: int, slack: NDArray[np.float64], infeasible: NDArray[np.bool_]) -> None:
        """Count the frame at ``place``: slack M(r) - R, (B, 3), nm, and which beads are infeasible, (B,)."""
        off = np.linalg.norm(slack[infeasible], axis=1)
        self.tally.count("beads", place, [len(infeasible), len(off)])
        self.tally.row("off", place, [(off**2).sum(), off.max(initial=0.0)])

    def lines(self) -> Iterator[str]:
        """One line, if there are any such beads."""
        total, count = self.tally.counts("beads") if "beads" in self.tally else (0, 0)
        if count:
            rows = self.tally.rows("off")
            square, most = rows[:, 0].sum(), rows[:, 1].max()
            cost = (f"; that costs {square / count / 2 / self.sigma**2:.3g} kT a bead at sigma {self.sigma:g} nm"
                    if self.sigma else "")
            yield (f"infeasible: rigid bonds keep {count} of {total} beads from being met: off by "
                   f"{np.sqrt(square / count):.4f} nm (root mean square), {most:.4f} at most{cost}")
