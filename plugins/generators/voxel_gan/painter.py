"""Draws the atoms of fragments one after the other, each into the condition of the next."""
from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from backmap.engine.random import Stream
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable

from ..units import Lengthscale
from .channels import ChannelTables, Vocabulary
from .grid import Grid, Sight
from .network import Placer


@dataclass(eq=False)
class Painter:
    """A placing network with the grid and the channels that it was made for.

    Attributes:
        hide: Hydrogens of this and adjacent beads are hidden from heavy atoms.
        scale: Unit of length of the grid.
    """

    network: Placer
    vocabulary: Vocabulary
    grid: Grid
    hide: bool
    scale: Lengthscale = field(default_factory=Lengthscale)
    _tables: dict[FragmentTable, ChannelTables] = field(default_factory=dict)

    def look(self, env: LocalEnvironment, turn: Tensor | None = None) -> Sight:
        """The surroundings of every site on the grid.

        Args:
            env: What S sites see.
            turn: Angles about the axis of the local frame, radians, (S,), or None to leave it as the beads give it.
        """
        if env.fragments not in self._tables:
            self._tables[env.fragments] = ChannelTables.of(self.vocabulary, env.fragments)
        return Sight.of(env, self._tables[env.fragments], self.vocabulary, self.grid, turn, self.scale)

    def place(self, sight: Sight, site: Tensor, atom: Tensor, own: Tensor, *noise: Tensor) -> list[Tensor]:
        """Positions (T, 3) of targets in the local frame, nm, one for each ``noise`` (T, n).

        Args:
            sight: The surroundings.
            site: Site of each target, (T,).
            atom: Fragment atom of that site that is to be placed, (T,).
            own: Fragment atoms in the local frame, nm, (T, F, 3).
            noise: Standard normal numbers.
        """
        condition, description = sight.condition(site, atom, own, self.hide), sight.description(site, atom)
        pinned = sight.env.fragments.pinned[sight.env.row[site], atom][:, None]
        placed = (self.network(condition, description, one)[1] for one in noise)
        return [torch.where(pinned, 0.0, sight.on_rigid_bond(site, atom, one, own)) for one in placed]

    def noise(self, sight: Sight, rng: Stream) -> Tensor:
        """Noise of every fragment atom, (S, F, n): the same whichever atoms are drawn."""
        return rng.normal(sight.env.block.shape[1], self.network.noise).float()

    def unroll(self, sight: Sight, rng: Stream) -> Tensor:
        """Whole fragments in the local frame, (S, F, 3); differentiable through every step."""
        block = sight.env.block
        noise, steps = self.noise(sight, rng), list(sight.given.unbind(1))
        for f in range(block.shape[1]):
            site = torch.nonzero(block[:, f])[:, 0]
            if not len(site):
                continue
            present = torch.stack(steps, dim=1)
            placed, = self.place(sight, site, torch.full_like(site, f), present[site], noise[site, f])
            steps[f] = steps[f].index_copy(0, site, placed)
        return torch.stack(steps, dim=1)
