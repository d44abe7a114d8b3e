"""What passes between the engine and the workers: views, orders, environments, draws.

Positions are nm relative to the anchor bead of the site. Shapes: S sites, K candidates, F atoms of
the largest fragment, C context atoms, Q context beads, N neighbour atoms, P neighbour beads.
Padding is masked, never guessed from values.
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
    """How far a generator sees.

    Attributes:
        cutoff: A site sees the atoms of every bead whose centre lies within this distance of its
            anchor, nm. Beads this close, or bonded into one another's context, are never drawn in
            one batch.
        context: A site sees the atoms of its own molecule up to this many bonds away, wherever
            they lie.
    """

    cutoff: float = 0.8
    context: int = 4


@dataclass(frozen=True, eq=False)
class Order:
    """In which order the beads of a molecule type are drawn.

    Attributes:
        ranks: (B,) int64, contiguous from 0; a bead is drawn when all lower ranks are placed.
        parents: The bead from which each bead was reached, -1 for roots, (B,).
    """

    ranks: np.ndarray
    parents: np.ndarray


@dataclass(frozen=True, eq=False)
class LocalEnvironment:
    """What S sites see. It never holds the present positions of the atoms to be drawn.

    Attributes:
        fragments: The static tables that ``row`` points into.
        row: Row of each site in ``fragments``, (S,).
        block: Atoms of the fragment to draw, (S, F) bool; the rest of the fragment is given.
        given: Positions of fragment atoms that are not drawn, (S, F, 3); zero where drawn.
        sign: Handedness of the site, +1 or -1, (S,): a generator may draw in the mirrored world
            (positions times sign) so that it meets one mirror image only.
        context: Positions of context atoms, (S, C, 3); ``context_placed`` (S, C) bool.
        beads: Positions of beads near on the bead graph, the anchor first, (S, Q, 3);
            ``beads_present`` (S, Q) bool.
        neighbours: Positions of atoms of neighbouring beads, (S, N, 3);
            ``neighbours_placed`` (S, N) bool.
        neighbour_atom: Row of each neighbour in ``fragments.atom_rows``, (S, N).
        neighbour_same: The neighbour is in the site's own molecule, (S, N) bool.
        neighbour_beads: Positions of neighbouring beads, (S, P, 3);
            ``neighbour_beads_present`` (S, P) bool.
        neighbour_bead_row: Row of each neighbouring bead in ``fragments``, (S, P).
        noise: Noise level of the context, 0 (clean) to 1, (S,).
        temperature: K, (S,).
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

    @property
    def size(self) -> int:
        """Number of sites S."""
        return len(self.row)

    @property
    def atoms(self) -> Tensor:
        """Row of each fragment atom in ``fragments.atom_rows``, -1 for padding, (S, F)."""
        return self.fragments.atoms[self.row]

    def at(self, sites: Tensor) -> LocalEnvironment:
        """The environments of some of the sites."""
        chosen = {f.name: getattr(self, f.name)[sites] for f in fields(self) if f.name != "fragments"}
        return replace(self, **chosen)

    def mirrored(self) -> LocalEnvironment:
        """The same environment with all positions multiplied by ``sign``."""
        s = self.sign[:, None, None]
        return replace(self, given=self.given * s, context=self.context * s, beads=self.beads * s,
                       neighbours=self.neighbours * s, neighbour_beads=self.neighbour_beads * s)


class Draw:
    """What a generator draws.

    Args:
        positions: K candidates for every site, (S, K, F, 3), nm from the anchor; padding is ignored.
        log_density: Log-density of each candidate in the measure of ``docs/theory``, (S, K), or a function that says
            it, as only sweeps that are accepted ask; None where the generator has none.
    """

    def __init__(self, positions: Tensor, log_density: Tensor | Callable[[], Tensor] | None = None) -> None:
        self.positions, self._log_density = positions, log_density

    @cached_property
    def log_density(self) -> Tensor | None:
        """Log-density of each candidate, (S, K)."""
        return self._log_density() if callable(self._log_density) else self._log_density

    def pick(self, index: Tensor) -> Tensor:
        """Positions of one candidate of every site, (S, F, 3)."""
        return self.positions[torch.arange(len(index), device=index.device), index]


@dataclass(frozen=True, eq=False)
class Loss:
    """What a loss found in one batch.

    Attributes:
        value: The loss, a mean over atoms, (); differentiable.
        drawn: Positions (S, F, 3), nm from the anchor, if draws are differentiable: for regularizers.
        figures: What to show beside it.
    """

    value: Tensor
    drawn: Tensor | None = None
    figures: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Objective:
    """One of those that learn in a training step: most generators are alone, a critic makes two.

    Attributes:
        name: For the record.
        module: What is updated.
        loss: Of sites, their true positions (S, F, 3) and random numbers.
        updates: In one step, each on sites of its own.
        betas, weight_decay: Of Adam; rate: Its learning rate, times that of the schedule.
        phase: When it plays, as shares of all steps: its learning rate rises and falls from one to the other.
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
        """Share of its phase that is done after that share of all steps."""
        first, last = self.phase
        return min(1.0, max(0.0, (share - first) / (last - first)))


class Draws(Protocol):
    """What the engine asks of a generator."""

    @property
    def view(self) -> View: ...

    def prepare(self, system: System, device: str) -> System: ...

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw: ...


class Orders(Protocol):
    """What the engine asks of a traversal."""

    def order(self, molecule: MoleculeType, rng: np.random.Generator) -> Order: ...


class Weighs(Protocol):
    """What the engine asks of a regularizer."""

    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor: ...
