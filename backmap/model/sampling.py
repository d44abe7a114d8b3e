"""What steps that accept or reject sample, and their acceptance and free energies, for reports."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .assessment import Aspect
from .tuned import Tuned


@dataclass(frozen=True)
class Sampled:
    """The distribution that a step leads atoms to, given their beads: p(r | R) ~ exp(-U / kT) of the force field.

    Attributes:
        temperature: K.
        sigma: Standard deviation of the Gaussian that holds every coordinate of M(r) to its bead, nm, one or by bead
            type; None where beads are met exactly.
        fixman_potential: Whether rigid bonds are sampled as very stiff springs, not as by constrained dynamics.
    """

    temperature: float
    sigma: float | dict[str, float] | None = None
    fixman_potential: bool = False


@dataclass(frozen=True, eq=False)
class Sampling:
    """Acceptance statistics of one step that accepts or rejects proposals.

    Attributes:
        step: Place of the step in the recipe and its name, e.g. ``steps[4].gibbs``.
        acceptance: Rows with ``block`` (or ""), ``bead_type``, the shares accepted in the ``first``, the ``last`` and
            ``all`` sweeps, the number ``tried``, and the total change of ``energy``, kJ/mol (or None).
        free_energies: Rows with ``block``, ``bead_type`` and the entries of ``Trials.free_energies``.
        notes: Sentences for people.
        sigma: Standard deviation of the beads that its frames are left with, nm and coordinate; None if they are met.
        level: Of what there was in its frames (``State.level``).
        findings: What it says of its own sampling, for the verdict.
        relaxation: Rows of what was followed through the sweeps: ``name``, ``unit``, ``sweeps`` and its ``course``,
            the mean of frames after each of them; its ``last`` value, its ``change`` over the last third of the sweeps
            with its ``error``, and the ``tolerance`` below which that does not matter; whether it is ``relaxed``; its
            autocorrelation time ``correlation``, sweeps; and ``gap`` with ``gap_error``, by how much a second start
            ended above it, or None.
        sequences: Rows of what is known of dyads along chains of unknown tacticity, by how ``sure`` it is: number of
            ``dyads``, share of them that are ``meso``, and the share ``expected`` to be right.
        tuned: What the pilot chose for the step, and what it could not reach; None where nothing was left to it.
    """

    step: str
    acceptance: list[dict[str, Any]]
    free_energies: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sigma: float | None = None
    level: int = 0
    findings: list[Aspect] = field(default_factory=list)
    relaxation: list[dict[str, Any]] = field(default_factory=list)
    sequences: list[dict[str, Any]] = field(default_factory=list)
    tuned: Tuned | None = None

    @property
    def accepted(self) -> float | None:
        """Share of all proposals that were accepted; None if there were none."""
        tried = sum(row["tried"] for row in self.acceptance)
        return sum(row["all"] * row["tried"] for row in self.acceptance) / tried if tried else None
