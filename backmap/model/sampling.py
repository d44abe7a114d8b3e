"""What steps that accept or reject leave for reports: shares accepted, and free energies."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
