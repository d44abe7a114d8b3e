"""The network of the ``splitting`` generator: what a split knows of its surroundings, and the densities that follow.

All lengths are in the model's own unit, so that nothing depends on how large a bead is. Everything is seen from the
local frame of the split; T splits.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..equivariant.density import Torsions
from ..equivariant.kernels import looped
from .density import CosineDensity, LengthDensity, LengthMixture
from .kernels import pair_sums
from .limits import STIFFNESS, Limits, cost, kinds_of
from .tables import POINT_FEATURES, SEEN_FEATURES, SPLIT_FEATURES, Splits

MIXTURE = 4  #: log-normal densities of a length
STEPS, EVERY = 64, 4  #: segments of the density of a cosine; how many lie between nodes at which all points count
NODES, UP = 36, 2  #: torsions at which pairs are evaluated; interpolation between them
ORDERS = 8  #: of the smooth parts of both: Chebyshev polynomials, and waves
WIDE = 12  #: torsions over which the density of a cosine sums
SOME = 4  #: cosines and torsions, every so many, over which the density of a length sums
NODES_PER_UNIT = 12  #: of the pair terms: linear between them, up to their reach
STEEP = 3.0  #: how much faster than other outputs they learn: they rise by many kT within a few nodes
LIMITED = 2.1  #: reaches; distances beyond are not limited
TYPICAL = 1.6  #: standard deviations along each axis: how far a soft bead typically is
RADIAL = 10


@dataclass(frozen=True, eq=False)
class Points:
    """Points about T splits in their local frames.

    Attributes:
        positions: Units, (T, P, 3).
        present: (T, P) bool.
        classes: (T, P).
    """

    positions: Tensor
    present: Tensor
    classes: Tensor

    def at(self, places: Tensor) -> Points:
        """Some points of each split, (T, n), by their places; none where these are -1."""
        chosen = places.clamp_min(0)
        return Points(self.positions.gather(1, chosen[:, :, None].expand(-1, -1, 3)),
                      self.present.gather(1, chosen) & (places >= 0), self.classes.gather(1, chosen))

    def of(self, rows: Tensor) -> Points:
        """Those of some splits."""
        return Points(self.positions[rows], self.present[rows], self.classes[rows])


class SplitNetwork(nn.Module):
    """All learned parameters.

    Args:
        types: Particle types that it knows, in the order of their features.
        unit: nm; the length in which everything is told.
        cutoff: nm; how far it sees.
        width: Hidden width.
        dropout: Share of hidden values that is left out in training.
        pairs: Units; reach of the pair terms.
        softness: nm and coordinate; how far, as a standard deviation, the centres of fragments are off their beads.
    """

    def __init__(self, types: list[str], unit: float, cutoff: float, width: int = 96, dropout: float = 0.1,
                 pairs: float = 2.4, softness: float = 0.0) -> None:
        super().__init__()
        self.types, self.unit, self.reach, self.softness = types, unit, cutoff / unit, softness
        self.bins = round(pairs * NODES_PER_UNIT)
        self.dropout = nn.Dropout(dropout)
        self.point = _mlp(POINT_FEATURES, 48, 2 * width)
        self.seen = _mlp(SEEN_FEATURES, 32, 2 * width // 2)
        self.target = _mlp(SPLIT_FEATURES, 32, 32)
        self.slot_geometry = nn.Linear(7, width)
        self.seen_geometry = nn.Linear(RADIAL + 3, width // 2)
        self.seen_mix = nn.Linear(width // 2, width // 2)
        self.trunk_in = nn.Linear(width + width // 2 + 32 + 1, width)
        self.trunk = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.length = nn.Linear(width, 3 * MIXTURE)
        self.cosine = nn.Sequential(nn.Linear(width + 1, width), nn.SiLU(), nn.Linear(width, ORDERS))
        self.torsion = nn.Sequential(nn.Linear(width + 3, width), nn.SiLU(), nn.Linear(width, 2 * ORDERS))
        self.limits = Limits(LIMITED * pairs)
        self.pair = nn.Linear(32, 2 * self.bins)
        self.pair_point, self.pair_seen = nn.Linear(2 * width, 32), nn.Linear(width, 32)
        nodes = torch.arange(NODES * UP) * (2 * math.pi / (NODES * UP)) - math.pi
        orders = torch.arange(1, ORDERS + 1)[:, None] * nodes
        self.register_buffer("fourier", torch.cat([orders.cos(), orders.sin()]), persistent=False)
        coarse = nodes[::UP]
        self.register_buffer("circle", torch.stack([coarse.cos(), coarse.sin()]), persistent=False)
        self.register_buffer("line", torch.linspace(-1, 1, STEPS + 1), persistent=False)
        self.register_buffer("everywhere", _directions(self.line, WIDE), persistent=False)
        self.register_buffer("chebyshev", torch.cos(torch.arange(1, ORDERS + 1)[:, None] * torch.acos(self.line)),
                             persistent=False)
        self.register_buffer("centres", torch.linspace(0.2, 1.0, RADIAL), persistent=False)
        with torch.no_grad():
            for layer, size in ((self.cosine[2], 0.1), (self.torsion[2], 0.1), (self.pair, 0.1 / STEEP)):
                layer.weight *= size
                layer.bias.zero_()

    def embed(self, splits: Splits) -> dict[str, Tensor]:
        """Embeddings of all classes, once a step."""
        point, seen = self.point(splits.slot_features), self.seen(splits.seen_features)
        pair = torch.cat([self.pair_point(point), self.pair_seen(seen)])
        tables = STEEP * self.pair(functional.silu(pair)).reshape(-1, 2, self.bins)
        return {"point": point, "seen": seen, "target": self.target(splits.target_features),
                "pair": functional.pad(tables, (0, 2)),  # zero at and beyond its reach
                "kind": kinds_of(splits), "limits": self.limits.known()[kinds_of(splits)]}

    def hidden(self, slots: Points, seen: Points, target: Tensor, noise: Tensor, embedded: dict[str, Tensor]) -> Tensor:
        """What is known before a split is drawn, (T, width).

        Args:
            slots: Points that the split looks at.
            seen: Neighbours.
            target: Class of each split, (T,).
            noise: Noise level, (T,).
            embedded: Of all classes.
        """
        distance = slots.positions.norm(dim=2, keepdim=True).clamp_min(1e-4)
        inputs = torch.cat([slots.positions, slots.positions / distance, distance], dim=2)
        gain, shift = functional.embedding(slots.classes, embedded["point"]).chunk(2, dim=2)
        told = functional.silu(self.slot_geometry(inputs) * (1 + gain) + shift)
        pooled = (told * slots.present[:, :, None]).sum(dim=1)
        h = self.trunk_in(torch.cat([self.dropout(pooled), self._surroundings(seen, embedded["seen"]),
                                     embedded["target"][target], noise[:, None]], dim=1))
        for layer in self.trunk:
            h = h + layer(self.dropout(functional.silu(h)))
        return functional.silu(h)

    def _surroundings(self, seen: Points, classes: Tensor) -> Tensor:
        """Sum over neighbours, which fade out with distance, (T, width / 2)."""
        distance = seen.positions.norm(dim=2, keepdim=True).clamp_min(1e-4)
        near = distance / self.reach
        radial = torch.exp(-(((near - self.centres) * RADIAL) ** 2))
        gain, shift = functional.embedding(seen.classes, classes).chunk(2, dim=2)
        told = functional.silu(self.seen_geometry(torch.cat([radial, seen.positions / distance], dim=2)) * (1 + gain)
                               + shift)
        told = functional.silu(self.seen_mix(told))
        fade = (0.5 * torch.cos(near.clamp_max(1.0) * math.pi) + 0.5) * seen.present[:, :, None]
        return 0.3 * (told * fade).sum(dim=1)

    def lengths(self, hidden: Tensor, close: Points, embedded: dict[str, Tensor], share: Tensor) -> LengthDensity:
        """Density of the distance between the centres of both halves, units; from the bead where its share is 1.

        Args:
            hidden: What is known, (T, width).
            close: Points whose pair terms say what lengths leave any directions.
            embedded: Of all classes.
            share: Share of the mass in the second half, (T,).
        """
        mean, log_sd, weight = self.length(hidden).double().chunk(3, dim=1)
        mean = 0.3 * mean
        if self.softness:
            mean = mean + (share == 1)[:, None] * math.log(TYPICAL * self.softness / self.unit)
        base = LengthMixture(mean, (0.5 * log_sd - 1.8).clamp(-5, 0.5), torch.log_softmax(weight, dim=1))
        directions = self.everywhere.unflatten(0, (STEPS + 1, WIDE))[::SOME, ::SOME].flatten(0, 1)[None]

        def weigh(length: Tensor) -> Tensor:
            n = length.shape[1]
            points = close.of(torch.arange(len(length), device=length.device).repeat_interleave(n))
            pairs = self._pairs(points, embedded, directions, length.flatten(), share.repeat_interleave(n))
            return torch.logsumexp(pairs, dim=1).unflatten(0, (-1, n)).double()

        return LengthDensity(base, weigh)

    def cosines(self, hidden: Tensor, length: Tensor, pairs: Tensor) -> CosineDensity:
        """Density of the cosine between the axis and the way to the first half.

        Args:
            pairs: Sum of the pair terms at the nodes, (T, STEPS + 1).
        """
        smooth = self.cosine(torch.cat([hidden, length.float().log()[:, None]], dim=1)) @ self.chebyshev
        return CosineDensity((smooth + pairs).double())

    def torsions(self, hidden: Tensor, length: Tensor, cosine: Tensor, pairs: Tensor) -> Torsions:
        """Density of the torsion about the axis.

        Args:
            pairs: Sum of the pair terms at the coarse nodes, (T, NODES).
        """
        length, cosine = length.float()[:, None], cosine.float()[:, None]
        told = torch.cat([hidden, length.log(), cosine, length * (1 - cosine**2).clamp_min(0).sqrt()], dim=1)
        smooth = self.torsion(told) @ self.fourier
        following = torch.roll(pairs, -1, dims=1)
        fine = torch.stack([torch.lerp(pairs, following, k / UP) for k in range(UP)], dim=2).flatten(1)
        return Torsions((smooth + fine).double())

    def pairs_along(self, close: Points, embedded: dict[str, Tensor], length: Tensor, share: Tensor,
                    every: int = 1) -> Tensor:
        """What pair terms with these points leave of all torsions, at nodes of the cosine, (T, STEPS / every + 1).

        Args:
            close: In the local frame.
            embedded: Of all classes.
            length: Drawn already, (T,).
            share: Share of the mass in the second half, (T,).
            every: How many segments lie between these nodes.
        """
        directions = self.everywhere.unflatten(0, (STEPS + 1, WIDE))[::every]
        pairs = self._pairs(close, embedded, directions.flatten(0, 1)[None], length, share)
        return torch.logsumexp(pairs.unflatten(1, directions.shape[:2]), dim=2)

    def pairs_around(self, near: Points, embedded: dict[str, Tensor], length: Tensor, cosine: Tensor,
                     share: Tensor) -> Tensor:
        """Pair terms of both halves with everything near, at the nodes of the torsion, (T, NODES).

        Args:
            near: In the local frame.
            embedded: Of all classes.
            length, cosine: Drawn already, (T,).
            share: Share of the mass in the second half, (T,).
        """
        cosine = cosine.float()[:, None]
        sine = (1 - cosine**2).clamp_min(0).sqrt()
        directions = torch.stack([cosine.expand(-1, NODES), sine * self.circle[0], sine * self.circle[1]], dim=2)
        return self._pairs(near, embedded, directions, length, share)

    def _pairs(self, points: Points, embedded: dict[str, Tensor], directions: Tensor, length: Tensor,
               share: Tensor) -> Tensor:
        """Sum over points of the terms of both halves, (T, n).

        Args:
            directions: Unit vectors to the first half, (T, n, 3) or (1, n, 3).
        """
        away = torch.stack([share * length, (share - 1) * length], dim=1).float()
        table, limits = embedded["pair"], embedded["limits"]
        if looped(points.positions):
            arrays = (x.contiguous().numpy() for x in (points.positions, points.present, points.classes, table, limits,
                                                       directions, away))
            return torch.as_tensor(pair_sums(*arrays, NODES_PER_UNIT, STIFFNESS))
        along = points.positions @ directions.transpose(1, 2)  # (T, P, n)
        square = (points.positions**2).sum(dim=2)[:, :, None]
        total, flat, limits = torch.zeros_like(along[:, 0]), table.reshape(-1), limits[points.classes]
        for half in range(2):
            far = away[:, half, None, None]
            distance = (square + far**2 - 2 * far * along).clamp_min(1e-6).sqrt()
            place = (distance * NODES_PER_UNIT).clamp_max(self.bins)
            cell = place.floor()
            index = cell.long() + (points.classes * (2 * (self.bins + 2)) + half * (self.bins + 2))[:, :, None]
            value = torch.lerp(flat[index], flat[index + 1], place - cell) - cost(distance, limits[:, :, half])
            total = total + (value * points.present[:, :, None]).sum(dim=1)
        return total


def _directions(cosines: Tensor, n: int) -> Tensor:
    """Unit vectors of all cosines about the first axis and ``n`` torsions, (cosines * n, 3)."""
    torsions = torch.arange(n) * (2 * math.pi / n)
    sine = (1 - cosines**2).clamp_min(0).sqrt()[:, None]
    parts = (cosines[:, None].expand(-1, n), sine * torsions.cos(), sine * torsions.sin())
    return torch.stack(parts, dim=2).reshape(-1, 3)


def between(values: Tensor, every: int) -> Tensor:
    """Values (T, n) at so many times as many nodes, linear between theirs, (T, (n - 1) every + 1)."""
    parts = [torch.lerp(values[:, :-1], values[:, 1:], k / every) for k in range(every)]
    return torch.cat([torch.stack(parts, dim=2).flatten(1), values[:, -1:]], dim=1)


def _mlp(n_in: int, hidden: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, hidden), nn.SiLU(), nn.Linear(hidden, n_out))
