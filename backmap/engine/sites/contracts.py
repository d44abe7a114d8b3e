"""The data that the engine exchanges with generators: views, orders, environments, draws.

Positions are nm relative to the anchor bead of the site. Shapes: S sites, K candidates, F atoms of
the largest fragment, C context atoms, Q context beads, N neighbour atoms, P neighbour beads.
Padding is marked by masks, not by special positions.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from ...model.molecule import MoleculeType
    from ...model.system import System
    from ..random import Stream
    from .fragments import FragmentTable


@dataclass(frozen=True)
class View:
    """The range of the local environment of a generator.

    Attributes:
        cutoff: Distance, nm: a site sees the atoms of all beads within it of its anchor. Beads this close, or in one
            another's context, are never drawn in one batch.
        context: Number of bonds: a site sees the atoms of its own molecule up to this many bonds away, at any
            distance.
    """

    cutoff: float = 0.8
    context: int = 4


@dataclass(frozen=True, eq=False)
class Order:
    """The order in which the beads of a molecule type are drawn.

    Attributes:
        ranks: Rank of each bead, contiguous from 0, (B,) int64; a bead is drawn when all lower ranks are placed.
        parents: The bead from which each bead was reached, -1 for roots, (B,).
    """

    ranks: np.ndarray
    parents: np.ndarray


@dataclass(frozen=True, eq=False)
class LocalEnvironment:
    """The local environments of S sites. They never contain the present positions of the atoms to be drawn.

    All positions are from the anchor, nm.

    Attributes:
        fragments: The static tables of all fragments.
        row: Row of each site in ``fragments``, (S,).
        block: Atoms of the fragment to draw, (S, F) bool; the rest of the fragment is given.
        given: Positions of fragment atoms that are not drawn, (S, F, 3); zero where drawn.
        sign: Handedness of the site, +1 or -1, (S,). A generator may draw mirrored positions (times sign), so
            that it has to know one mirror image only.
        context: Positions of context atoms, (S, C, 3).
        context_placed: Which context atoms are placed, (S, C) bool.
        beads: Positions of the nearest beads on the bead graph, the anchor first, (S, Q, 3).
        beads_present: Which of these are not padding, (S, Q) bool.
        neighbours: Positions of atoms of neighbouring beads, (S, N, 3).
        neighbours_placed: Which of these are placed, (S, N) bool.
        neighbour_atom: Atom row of each neighbour, (S, N).
        neighbour_same: Whether the neighbour is in the site's own molecule, (S, N) bool.
        neighbour_beads: Positions of neighbouring beads, (S, P, 3).
        neighbour_beads_present: Which of these are not padding, (S, P) bool.
        neighbour_bead_row: Row of each neighbouring bead in ``fragments``, (S, P).
        noise: Noise level of the context, 0 (clean) to 1, (S,).
        temperature: K, (S,).
        before: Where the atoms of fragment and context were in the frame before, molecules superposed on the beads of
            this one, (S, F + C, 3); None where there is no such frame, or the generator does not follow it.
    """

    fragments: FragmentTable
    row: Tensor
    block: Tensor
    given: Tensor
    sign: Tensor
    context: Tensor
    context_placed: Tensor
    beads: Tensor
    beads_present: Tensor
    neighbours: Tensor
    neighbours_placed: Tensor
    neighbour_atom: Tensor
    neighbour_same: Tensor
    neighbour_beads: Tensor
    neighbour_beads_present: Tensor
    neighbour_bead_row: Tensor
    noise: Tensor
    temperature: Tensor
    before: Tensor | None = None

    @property
    def size(self) -> int:
        """Number of sites S."""
        return len(self.row)

    @property
    def atoms(self) -> Tensor:
        """Atom row of each fragment atom, -1 for padding, (S, F)."""
        return self.fragments.atoms[self.row]

    def at(self, sites: Tensor) -> LocalEnvironment:
        """Return the environments of some of the sites, by index or mask."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "fragments"}
        chosen = {name: value[sites] for name, value in values.items() if value is not None}
        return replace(self, **chosen)

    def mirrored(self) -> LocalEnvironment:
        """Return the environments with all positions multiplied by ``sign``."""
        s = self.sign[:, None, None]
        return replace(self, given=self.given * s, context=self.context * s, beads=self.beads * s,
                       neighbours=self.neighbours * s, neighbour_beads=self.neighbour_beads * s,
                       before=None if self.before is None else self.before * s)


class Draw:
    """Candidates that a generator drew, with their log-densities.

    Args:
        positions: K candidates for every site, (S, K, F, 3), nm from the anchor; padding is ignored.
        log_density: Log-density of each candidate in the measure of ``docs/theory``, (S, K), or a function that
            computes it, called only where draws are accepted or rejected; None where the generator has none.
    """

    def __init__(self, positions: Tensor, log_density: Tensor | Callable[[], Tensor] | None = None) -> None:
        self.positions, self._log_density = positions, log_density

    @cached_property
    def log_density(self) -> Tensor | None:
        """Log-density of each candidate, (S, K), or None."""
        return self._log_density() if callable(self._log_density) else self._log_density

    def pick(self, index: Tensor) -> Tensor:
        """Return the positions (S, F, 3), nm, of candidate ``index`` (S,) of every site."""
        return self.positions[torch.arange(len(index), device=index.device), index]


@dataclass(frozen=True, eq=False)
class Loss:
    """The training loss of one batch.

    Attributes:
        value: The loss, a mean over atoms, (); differentiable.
        drawn: Positions (S, F, 3), nm from the anchor, for regularizers; None unless draws are differentiable.
        figures: Other numbers to be shown, by name.
    """

    value: Tensor
    drawn: Tensor | None = None
    figures: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Objective:
    """A module that is updated in every training step, with its loss and its optimiser's settings.

    Most generators have one, their network; those trained against a critic have two.

    Attributes:
        name: Name in the training record.
        module: The torch module that is updated.
        loss: Returns the loss of environments, true positions (S, F, 3), nm from the anchor, and a stream.
        updates: Number of updates in one step, each on sites of its own.
        betas: Decay rates of Adam's moments.
        weight_decay: Weight decay of Adam.
        rate: Learning rate, as a multiple of the schedule's.
        phase: First and last share of all steps between which it is updated; its learning rate rises and falls there.
    """

    name: str
    module: nn.Module
    loss: Callable[[LocalEnvironment, Tensor, Stream], Loss]
    updates: int = 1
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.02
    rate: float = 1.0
    phase: tuple[float, float] = (0.0, 1.0)

    def progress(self, share: float) -> float:
        """Return the share of its phase that is done after ``share`` of all steps, 0 to 1."""
        first, last = self.phase
        return min(1.0, max(0.0, (share - first) / (last - first)))


class Draws(Protocol):
    """What the engine needs of a generator (see ``api.Generator``)."""

    @property
    def view(self) -> View:
        """The range of its local environments."""

    def prepare(self, system: System, device: str) -> System:
        """Prepare for a system and return it, with what is known from training."""

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        """Draw K ``candidates`` for each of S sites, (S, K, F, 3), nm from the anchor."""


class Orders(Protocol):
    """What the engine needs of a traversal (see ``api.Traversal``)."""

    def order(self, molecule: MoleculeType, rng: np.random.Generator) -> Order:
        """Return ranks and parents of the beads."""


class Weighs(Protocol):
    """What the engine needs of a regularizer (see ``api.Regularizer``)."""

    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Return the energy (S, K), kJ/mol, of candidates (S, K, F, 3), nm from the anchor."""
