"""Draws and densities of fragments, split by split."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.errors import BackmapError

from ..equivariant.density import LocalFrame, spare_directions
from .density import LengthDensity
from .network import EVERY, Points, SplitNetwork, between
from .tables import AHEAD, Splits

CLOSEST = 3  #: points of which a length knows what directions they leave
SEEN = 48  #: neighbours that a split sees, the nearest ones


@dataclass(frozen=True, eq=False)
class SplitSight:
    """What all candidates of a batch of sites share.

    Attributes:
        env: In the mirrored world.
        splits: The static tables.
        embedded: Embeddings of all classes.
        seen: The nearest neighbours of each site, nm from the anchor, (S, P, 3).
        present: Which of them are there, (S, P) bool.
        classes: Their classes, (S, P).
    """

    env: LocalEnvironment
    splits: Splits
    embedded: dict[str, Tensor]
    seen: Tensor
    present: Tensor
    classes: Tensor

    @cached_property
    def spare(self) -> Tensor:
        """Directions for splits whose points leave some open, (S, n, 3)."""
        return spare_directions(self.env)


class Splitter:
    """Draws and evaluates with a network; knows nothing of files."""

    def __init__(self, network: SplitNetwork) -> None:
        self.network = network
        self._splits: dict[FragmentTable, Splits] = {}
        self._embedded: tuple[Splits, dict[str, Tensor]] | None = None

    def splits_of(self, tables: FragmentTable) -> Splits:
        """The splits of the fragments, made once."""
        if tables not in self._splits:
            made = Splits.of_tables(tables.to("cpu"), self.network.types, self.network.softness > 0)
            self._splits[tables] = made.to(tables.atoms.device)
        return self._splits[tables]

    def _embeddings(self, splits: Splits) -> dict[str, Tensor]:
        """Embeddings of all classes: anew in training, once when drawing."""
        if self.network.training:
            self._embedded = None
            return self.network.embed(splits)
        if self._embedded is None or self._embedded[0] is not splits:
            self._embedded = splits, self.network.embed(splits)
        return self._embedded[1]

    def look(self, env: LocalEnvironment) -> SplitSight:
        """What the sites see, whatever is drawn."""
        _expect_whole(env)
        env = env.mirrored()
        splits = self.splits_of(env.fragments)
        own = (env.neighbour_bead_row[:, :, None] == env.fragments.beads[env.row][:, None]).any(dim=2)
        points = torch.cat([env.neighbours, env.neighbour_beads], dim=1)
        present = torch.cat([env.neighbours_placed, env.neighbour_beads_present], dim=1)
        classes = torch.cat([splits.seen[env.neighbour_atom, env.neighbour_same.long()],
                             splits.bead[env.neighbour_bead_row.clamp_min(0), own.long()]], dim=1)
        near = torch.where(present, points.norm(dim=2), torch.inf)
        nearest = near.topk(min(SEEN, near.shape[1]), dim=1, largest=False).indices
        points = points.gather(1, nearest[:, :, None].expand(-1, -1, 3))
        return SplitSight(env, splits, self._embeddings(splits), points, present.gather(1, nearest),
                          classes.gather(1, nearest))

    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Log-density (S,) of positions (S, F, 3), all splits at once (teacher forcing)."""
        sight = self.look(env)
        splits, row = sight.splits, sight.env.row
        centres = torch.bmm(splits.weight[row], positions.double() * sight.env.sign[:, None, None])
        site, split = torch.nonzero(splits.node[row] >= 0, as_tuple=True)
        head = SplitHead(self.network, sight, site, site, split, self._local(sight, centres))
        way = head.drawn(centres)
        if self.network.training:
            head.count(way)
        value = head.log_density(way)
        return torch.zeros(env.size, dtype=value.dtype, device=value.device).index_add(0, site, value)

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int) -> Draw:
        """``candidates`` configurations of every site, split after split; their centres are the beads."""
        sight = self.look(env)
        splits, n_own = sight.splits, env.block.shape[1]
        site_of = torch.arange(env.size, device=env.row.device).repeat_interleave(candidates)
        centres = torch.zeros(len(site_of), splits.weight.shape[1], 3, dtype=torch.float64, device=env.row.device)
        uniform = rng.uniform(candidates, splits.n_splits, 6).reshape(len(site_of), splits.n_splits, 6)
        parts: list[tuple[Tensor, Callable[[], Tensor]]] = []
        for number in range(splits.n_splits):
            row = torch.nonzero(splits.node[sight.env.row[site_of], number] >= 0)[:, 0]
            if not len(row):
                continue
            head = SplitHead(self.network, sight, site_of[row], row, torch.full_like(row, number),
                        self._local(sight, centres, site_of))
            way = head.draw(uniform[row, number])
            middle, share = head.middle, head.share[:, None]
            centres[row, 2 * number + 1] = middle - share * way
            centres[row, 2 * number + 2] = middle + (1 - share) * way
            parts.append((row, lambda head=head, way=way: head.log_density(way)))
        leaf = leaves(splits, sight.env.row, n_own)[site_of]
        own = centres.gather(1, leaf[:, :, None].expand(-1, -1, 3)) * env.sign[site_of][:, None, None]

        @torch.no_grad()
        def weigh() -> Tensor:
            total = torch.zeros(len(centres), dtype=torch.float64, device=centres.device)
            for row, value in parts:
                total.index_add_(0, row, value())
            return total.reshape(env.size, candidates)

        return Draw(own.reshape(env.size, candidates, n_own, 3), weigh)

    @staticmethod
    def _local(sight: SplitSight, centres: Tensor, site_of: Tensor | None = None) -> Tensor:
        """Points by local index: nodes, context, beads, (rows, N + C + Q, 3), double."""
        around = torch.cat([sight.env.context, sight.env.beads], dim=1).double()
        return torch.cat([centres, around if site_of is None else around[site_of]], dim=1)


class SplitHead:
    """Densities of T splits: split ``split`` of site ``site``, with positions from row ``row`` of ``local``."""

    def __init__(self, network: SplitNetwork, sight: SplitSight, site: Tensor, row: Tensor, split: Tensor,
                 local: Tensor) -> None:
        self.network, self.sight, self.split, self.row = network, sight, split, row
        splits, env = sight.splits, sight.env
        fragment = env.row[site]
        self.share = splits.share[fragment, split]
        self.middle = local[row, splits.node[fragment, split]]
        there = torch.cat([local.new_ones(env.size, splits.weight.shape[1], dtype=torch.bool), env.context_placed,
                           env.beads_present, local.new_ones(env.size, AHEAD, dtype=torch.bool)], dim=1)
        slot, kinds = splits.slot[fragment, split], splits.slot_class[fragment, split]
        present = (slot >= 0) & there[site[:, None], slot.clamp_min(0)]
        points = self._positions(local[row], slot.clamp_min(0), splits.expected[fragment, split])
        first = self._reference(splits.axis[fragment, split], present)
        second = self._reference(splits.plane[fragment, split], present, first)
        ends = [torch.where((place >= 0)[:, None], points[torch.arange(len(row)), place.clamp_min(0)], self.middle)
                for place in (first, second)]
        lacking = bool((second < 0).any())
        self.frame = LocalFrame.of(self.middle, *ends, spare=sight.spare[site] if lacking else None)
        slots = self._points(points, present, kinds)
        self.close = slots.at(splits.close[fragment, split])
        self.closest = slots.at(splits.close[fragment, split, :CLOSEST])
        seen = self._points(sight.seen[site].double(), sight.present[site], sight.classes[site])
        embedded = sight.embedded
        self.hidden = network.hidden(slots, seen, splits.target[fragment, split], env.noise[site], embedded)
        beyond = seen.classes + len(embedded["point"])
        self.near = Points(torch.cat([slots.positions, seen.positions], dim=1),
                           torch.cat([slots.present, seen.present], dim=1), torch.cat([slots.classes, beyond], dim=1))

    @staticmethod
    def _positions(local: Tensor, slot: Tensor, expected: Tensor) -> Tensor:
        """Positions of the points (T, J), those that are expected last, (T, J, 3)."""
        everything = torch.cat([local, torch.bmm(expected, local)], dim=1)
        return everything.gather(1, slot[:, :, None].expand(-1, -1, 3))

    @staticmethod
    def _reference(candidates: Tensor, there: Tensor, taken: Tensor | None = None) -> Tensor:
        """The first of the candidates (T, L), by place, that is there and not taken, -1 if none is, (T,)."""
        usable = (candidates >= 0) & there.gather(1, candidates.clamp_min(0))
        if taken is not None:
            usable &= candidates != taken[:, None]
        first = usable.to(torch.uint8).argmax(dim=1, keepdim=True)
        return torch.where(usable.any(dim=1), candidates.gather(1, first)[:, 0], -1)

    def _points(self, positions: Tensor, present: Tensor, classes: Tensor) -> Points:
        """Points (T, P, 3), nm, in the local frame and its unit."""
        relative = (positions - self.frame.origin[:, None]) @ self.frame.axes.transpose(1, 2)
        return Points((relative / self.network.unit).float(), present, classes)

    def drawn(self, centres: Tensor) -> Tensor:
        """From the first to the second half as they stand, nm, (T, 3)."""
        second = centres[self.row, 2 * self.split + 2]
        return second - centres[self.row, 2 * self.split + 1]

    def count(self, way: Tensor) -> None:
        """Tell the limits of the network how far all points are from the halves of true ways (T, 3)."""
        local = torch.einsum("ti,tji->tj", way, self.frame.axes) / self.network.unit
        share = self.share[:, None]
        halves = torch.stack([-share * local, (1 - share) * local], dim=1).float()
        distance = (self.near.positions[:, :, None] - halves[:, None]).norm(dim=3)
        self.network.limits.count(self.sight.embedded["kind"][self.near.classes], self.near.present, distance)

    def draw(self, uniform: Tensor) -> Tensor:
        """Ways from the first to the second half, nm, (T, 3), from uniform numbers (T, 6)."""
        length = self._lengths().sample(uniform[:, :2])
        cosine = self._cosines(length).sample(uniform[:, 2:4])
        cosine = torch.where(self.frame.no_axis, 2 * uniform[:, 2] - 1, cosine)
        torsion = self._torsions(length, cosine).sample(uniform[:, 4:])
        torsion = torch.where(self.frame.no_plane, (2 * uniform[:, 4] - 1) * torch.pi, torsion)
        there = self.frame.place(length * self.network.unit, torch.acos(cosine), torsion)
        return self.frame.origin - there  # the frame's coordinates are those of the first half

    def log_density(self, way: Tensor) -> Tensor:
        """Log-density (T,) of ways (T, 3), per nm^3."""
        distance, angle, torsion = self.frame.coordinates(self.frame.origin - way)
        length, cosine = (distance / self.network.unit).clamp_min(1e-6), angle.cos()
        around = self._torsions(length, cosine).log_density(torsion)
        around = torch.where(self.frame.no_plane, -torch.log(around.new_tensor(2 * torch.pi)), around)
        along = self._cosines(length).log_density(cosine)
        along = torch.where(self.frame.no_axis, -torch.log(along.new_tensor(2.0)), along)
        value = self._lengths().log_density(length) - 2 * length.log() + along + around
        return value - 3 * torch.log(value.new_tensor(self.network.unit))

    def _lengths(self) -> LengthDensity:
        return self.network.lengths(self.hidden, self.closest, self.sight.embedded, self.share)

    def _cosines(self, length: Tensor):
        """Where nothing of its own molecule gives it a direction, all neighbours count."""
        told = (self.sight.embedded, length, self.share)
        pairs = self.network.pairs_along(self.close, *told)
        alone = torch.nonzero(~self.close.present.any(dim=1))[:, 0]
        if len(alone):
            among = self.network.pairs_along(self.near.of(alone), told[0], length[alone], self.share[alone], EVERY)
            pairs = pairs.index_copy(0, alone, between(among, EVERY))
        return self.network.cosines(self.hidden, length, pairs)

    def _torsions(self, length: Tensor, cosine: Tensor):
        pairs = self.network.pairs_around(self.near, self.sight.embedded, length, cosine, self.share)
        return self.network.torsions(self.hidden, length, cosine, pairs)


def leaves(splits: Splits, row: Tensor, n_own: int) -> Tensor:
    """The node that is each particle alone, (S, F); 0, which is the anchor, for padding."""
    alone = splits.weight[row, :, :n_own] > 1 - 1e-12
    found = alone.to(torch.uint8).argmax(dim=1)
    return torch.where(alone.any(dim=1), found, 0)


def _expect_whole(env: LocalEnvironment) -> None:
    """Raise BackmapError if a part of a fragment is to be drawn without the rest."""
    if bool(((env.atoms >= 0) & ~env.block).any()):
        raise BackmapError("splitting draws whole fragments only", where="splitting",
                           hint="Leave out options that divide fragments into blocks.")
