"""How far beads stay off that rigid bonds do not let be met."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.api import Tally


@dataclass(frozen=True, eq=False)
class Stiffness:
    """How far beads that rigid bonds do not let be met stay from where they are given, over a run.

    Attributes:
        tally: Where it is counted: ``beads`` and infeasible ones, and rows ``off`` of the sum of squares of their
            residual (nm^2) and the largest residual (nm).
        sigma: Of soft beads, nm; None where beads are exact.
    """

    tally: Tally
    sigma: float | None

    def add(self, place: int, residual: NDArray[np.float64], infeasible: NDArray[np.bool_]) -> None:
        """Count the frame at ``place``: residual M(r) - R, (B, 3), nm, and which beads are infeasible, (B,)."""
        off = np.linalg.norm(residual[infeasible], axis=1)
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
