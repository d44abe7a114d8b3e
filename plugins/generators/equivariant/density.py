"""Densities of internal coordinates that can be sampled and evaluated exactly.

An atom x is placed at distance r, angle theta and torsion phi about its predecessors; its density in
Cartesian measure is q(theta) q(phi) / (r^2 sin theta), times q(r) where r is not rigid. Where a ring
closes at two rigid distances d1, d2 from atoms a distance D apart, theta is given and the density is
q(phi) D / (d1 d2) (``docs/theory``). All functions take rows of parameters, T targets, and run in
double precision, so that what is drawn and what is evaluated again agree.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from backmap.engine.sites.contracts import LocalEnvironment

from .kernels import local_frames, looped

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
TINY = 1e-300
SHORTEST = 0.02  #: of distances, in the network's unit of length


@dataclass(frozen=True, eq=False)
class Angles:
    """Mixtures of Gaussians truncated to (0, pi): mean, log standard deviation, log weight, each (T, M)."""

    mean: Tensor
    log_sd: Tensor
    log_weight: Tensor

    def _limits(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logarithms of the cumulative probabilities at both ends of (0, pi), lower first, and a sign.

        Components with means below 0 are reflected (sign -1), so that (0, pi) lies in their lower tail, where
        probabilities keep their digits however small they are.
        """
        sign = torch.where(self.mean < 0, -1.0, 1.0)
        ends = torch.stack([-self.mean, math.pi - self.mean]) * sign * (-self.log_sd).exp()
        return torch.special.log_ndtr(ends.amin(dim=0)), torch.special.log_ndtr(ends.amax(dim=0)), sign

    def sample(self, uniform: Tensor) -> Tensor:
        """Angles (T,) from uniform numbers (T, 2)."""
        pick = _choose(self.log_weight.exp(), uniform[:, 0])[:, None]
        low, high, sign = (limit.gather(1, pick)[:, 0] for limit in self._limits())
        mean, sd = self.mean.gather(1, pick)[:, 0], self.log_sd.exp().gather(1, pick)[:, 0]
        inside = (low.exp() + uniform[:, 1] * (high.exp() - low.exp())).clamp(TINY, 1 - 1e-15)
        return (mean + sd * sign * torch.special.ndtri(inside)).clamp(1e-4, math.pi - 1e-4)

    def log_density(self, angle: Tensor) -> Tensor:
        """Log-density per radian of angles (T,)."""
        low, high, _ = self._limits()
        z = (angle[:, None] - self.mean) * (-self.log_sd).exp()
        part = -0.5 * z * z - self.log_sd - HALF_LOG_2PI - high - torch.log1p(-(low - high).exp())
        return torch.logsumexp(self.log_weight + part, dim=1)


class Distances:
    """Mixtures of Gaussians above ``SHORTEST``, normalised there, of bond lengths that are not rigid.

    Args:
        mean: In the network's unit of length, nm for atoms, (T,) or (T, M).
        log_sd: Log standard deviation, of the same shape.
        log_weight: Log weight, (T, M); None where there is one Gaussian.
    """

    def __init__(self, mean: Tensor, log_sd: Tensor, log_weight: Tensor | None = None) -> None:
        self.mean, self.log_sd = mean.reshape(len(mean), -1), log_sd.reshape(len(mean), -1)
        self.log_weight = torch.zeros_like(self.mean) if log_weight is None else log_weight

    def sample(self, uniform: Tensor) -> Tensor:
        """Distances (T,) from uniform numbers (T,), which choose the Gaussian and the place in it."""
        weight = self.log_weight.exp()
        pick = _choose(weight, uniform)[:, None]
        mean, sd, share = (part.gather(1, pick)[:, 0] for part in (self.mean, self.log_sd.exp(), weight))
        before = (weight.cumsum(dim=1).gather(1, pick)[:, 0] - share).clamp_min(0.0)
        inside = ((uniform - before) / share).clamp_max(1 - 1e-15)
        below = torch.special.ndtr((SHORTEST - mean) / sd)
        low = torch.special.ndtri((below + inside * (1 - below)).clamp(TINY, 1 - 1e-16))
        # Of a Gaussian with its mean below, what is left is an upper tail: probabilities keep their digits from there.
        high = -torch.special.ndtri((torch.special.ndtr((mean - SHORTEST) / sd) * (1 - inside)).clamp_min(TINY))
        return (mean + sd * torch.where(mean < SHORTEST, high, low)).clamp_min(SHORTEST)

    def log_density(self, distance: Tensor) -> Tensor:
        """Log-density per unit of length of distances (T,); shorter ones than are drawn count as the shortest.

        Below ``SHORTEST`` it is not normalised: it would grow without end as the mean goes away.
        """
        inverse = (-self.log_sd).exp()
        z = (distance[:, None].clamp_min(SHORTEST) - self.mean) * inverse
        above = torch.special.log_ndtr((self.mean - SHORTEST) * inverse)
        return torch.logsumexp(self.log_weight - 0.5 * z * z - self.log_sd - HALF_LOG_2PI - above, dim=1)


class Torsions:
    """Densities on the circle whose logarithm is linear between K nodes.

    Args:
        logits: Log-density at the nodes -pi + 2 pi k / K, up to a constant, (T, K).
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.n = logits.shape[1]
        self.slope = torch.roll(logits, -1, dims=1) - logits
        # Integral of exp over a segment: width * exp(l0) * expm1(slope) / slope, without overflow.
        high = torch.maximum(self.logits, torch.roll(self.logits, -1, dims=1))
        size = self.slope.abs()
        series = torch.log(-torch.expm1(-size.clamp_min(1e-6)) / size.clamp_min(1e-6))
        self.log_mass = high + torch.where(size > 1e-4, series, -size / 2) + math.log(2 * math.pi / self.n)

    def sample(self, uniform: Tensor) -> Tensor:
        """Torsions (T,) in (-pi, pi) from uniform numbers (T, 2)."""
        segment = _choose(torch.softmax(self.log_mass, dim=1), uniform[:, 0])
        slope, u = self.slope.gather(1, segment[:, None])[:, 0], uniform[:, 1]
        # Inverse of the cumulative exponential, from the higher end so that nothing overflows.
        size = slope.abs().clamp_min(1e-9)
        from_top = -torch.log1p(u * torch.expm1(-size)) / size
        inside = torch.where(slope > 0, 1 - from_top, from_top)
        inside = torch.where(slope.abs() > 1e-6, inside, u)
        return (segment + inside) * (2 * math.pi / self.n) - math.pi

    def log_density(self, torsion: Tensor) -> Tensor:
        """Log-density per radian of torsions (T,)."""
        place = ((torsion + math.pi) * (self.n / (2 * math.pi))) % self.n
        segment = place.floor().long().clamp_max(self.n - 1)[:, None]
        inside = place - segment[:, 0]
        height = self.logits.gather(1, segment)[:, 0] + inside * self.slope.gather(1, segment)[:, 0]
        return height - torch.logsumexp(self.log_mass, dim=1)


def _choose(probability: Tensor, uniform: Tensor) -> Tensor:
    """Indices (T,) drawn from rows of probabilities (T, n) by inversion."""
    steps = probability.cumsum(dim=1)
    index = torch.searchsorted(steps, (uniform * steps[:, -1])[:, None]).squeeze(1)
    return index.clamp_max(probability.shape[1] - 1)


def spare_directions(env: LocalEnvironment) -> Tensor:
    """Directions to the two nearest neighbour beads of every site, and to the two nearest atoms, (S, 4, 3).

    They turn with the surroundings, and complete the local frames of molecules that have no direction of their own;
    zero where there are fewer.
    """
    return torch.cat([_outward(env.neighbour_beads, env.neighbour_beads_present),
                      _outward(env.neighbours, env.neighbours_placed)], dim=1)


def _outward(vectors: Tensor, present: Tensor) -> Tensor:
    """Unit vectors (S, 2, 3) to the nearest of (S, P, 3)."""
    vectors = vectors.double()
    distance = torch.where(present, vectors.norm(dim=2), torch.inf)
    near = torch.topk(distance, min(2, distance.shape[1]), dim=1, largest=False)
    picked = vectors.gather(1, near.indices[:, :, None].expand(-1, -1, 3))
    there = torch.isfinite(near.values) & (near.values > 1e-6)
    unit = torch.where(there[:, :, None], picked / near.values[:, :, None].clamp_min(1e-6), 0.0)
    return torch.nn.functional.pad(unit, (0, 0, 0, 2 - unit.shape[1]))


def _row(vectors: Tensor, chosen: Tensor) -> Tensor:
    """One of the vectors (T, n, 3) of each row, (T, 3)."""
    return vectors.gather(1, chosen[:, None, None].expand(-1, 1, 3))[:, 0]


def _first(mask: Tensor) -> Tensor:
    """Place of the first True of each row, (T,)."""
    return mask.to(torch.uint8).argmax(dim=1)


@dataclass(frozen=True, eq=False)
class LocalFrame:
    """Where an atom's internal coordinates are counted from: T targets.

    Attributes:
        origin: The first predecessor, (T, 3).
        axes: Rows are the axis (towards the second predecessor), the plane and their normal, (T, 3, 3).
        reach: Distance from the origin to the second predecessor, nm, (T,).
        no_axis: Whether nothing but a fixed direction gives the axis, (T,) bool: only a uniform density is the
            same for all directions of space.
        no_plane: The same of the plane, (T,) bool.
    """

    origin: Tensor
    axes: Tensor
    reach: Tensor
    no_axis: Tensor
    no_plane: Tensor

    @classmethod
    def of(cls, first: Tensor, second: Tensor, third: Tensor, spare: Tensor | None = None) -> LocalFrame:
        """Frame of three points (T, 3).

        Nearly collinear and coincident points, as in a molecule of one bead, leave directions open. They are
        completed by ``spare`` directions (T, n, 3), zero where there are none, and by fixed ones after that.
        """
        if looped(first):
            spare = first.new_zeros(len(first), 0, 3) if spare is None else spare
            points = torch.stack([first, second, third], dim=1)
            return cls(first, *map(torch.as_tensor, local_frames(points.numpy(), spare.to(first).numpy())))
        fixed = torch.eye(3, dtype=first.dtype, device=first.device).flip(0).expand(len(first), 3, 3)
        n_spare = 0 if spare is None else spare.shape[1]
        spare = fixed if spare is None else torch.cat([spare, fixed], dim=1)
        along = second - first
        reach = along.norm(dim=1).clamp_min(1e-6)
        chosen = _first(spare.norm(dim=2) > 0.5)
        standing, no_axis = _row(spare, chosen), (reach <= 1e-6) & (chosen >= n_spare)
        e1 = torch.where(reach[:, None] > 1e-6, along / reach[:, None], standing)
        aside = torch.cat([(third - first)[:, None], spare], dim=1)
        aside = aside - (aside * e1[:, None]).sum(2, keepdim=True) * e1[:, None]
        wide = torch.cat([aside[:, :1].norm(dim=2) > 1e-4, aside[:, 1:].norm(dim=2) > 0.1], dim=1)
        chosen = _first(wide)
        aside = _row(aside, chosen)
        e2 = aside / aside.norm(dim=1, keepdim=True)
        axes = torch.stack([e1, e2, torch.linalg.cross(e1, e2)], dim=1)
        return cls(first, axes, reach, no_axis, chosen > n_spare)

    def place(self, distance: Tensor, angle: Tensor, torsion: Tensor) -> Tensor:
        """Positions (T, 3) of internal coordinates (T,)."""
        sin = angle.sin()
        local = torch.stack([angle.cos(), sin * torsion.cos(), sin * torsion.sin()], dim=1) * distance[:, None]
        return self.origin + torch.einsum("ti,tij->tj", local, self.axes)

    def coordinates(self, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Distance, angle and torsion (T,) of positions (T, 3)."""
        x, y, z = torch.einsum("tij,tj->ti", self.axes, positions - self.origin).unbind(1)
        across = torch.hypot(y, z)
        return torch.hypot(across, x), torch.atan2(across, x), torch.atan2(z, y)


def closing_angle(reach: Tensor, to_origin: Tensor, to_axis: Tensor) -> tuple[Tensor, Tensor]:
    """Angle at the origin of an atom at rigid distances from origin and axis atom, (T,).

    Returns:
        The angle, and whether the two spheres meet; where they do not, the nearest angle.
    """
    cosine = (reach**2 + to_origin**2 - to_axis**2) / (2 * reach * to_origin)
    return torch.acos(cosine.clamp(-1 + 1e-9, 1 - 1e-9)), cosine.abs() < 1
