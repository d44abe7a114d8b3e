"""How near and how far from the halves of a split each kind of point was in training.

A network of few frames never learns how unlikely the impossible is. So every pair term has a flat bottom: nothing
between two quantiles of what training met, and a parabola outside (M. Stieffenhofer, PhD thesis, Mainz 2022, equations
7.2 and 7.3, with quantiles in place of extreme values, which grow with the sample).
"""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .tables import FAR, POINT_KINDS, Splits

PER_UNIT = 64  #: cells of the histograms that make a unit
SLOTS = POINT_KINDS * FAR * FAR  #: kinds of points that a split looks at, by bonds to both halves
KINDS = SLOTS + 4  #: and of neighbours
OUTER = 5e-4  #: share of what training met beyond either limit
NEAREST = 2e-5  #: the same of neighbours, which have no upper limit
BEYOND = 1e6  #: units; a limit that is none
STIFFNESS = 1000.0  #: of the parabolas, kT per squared unit


class Limits(nn.Module):
    """Histograms of distances, which grow while a network trains and are part of its weights.

    Args:
        reach: Units; distances beyond are not limited.
    """

    def __init__(self, reach: float) -> None:
        super().__init__()
        self.n_cells = round(reach * PER_UNIT)
        self.register_buffer("counts", torch.zeros(KINDS, 2, self.n_cells, dtype=torch.int64))

    @torch.no_grad()
    def count(self, kinds: Tensor, present: Tensor, distance: Tensor) -> None:
        """Count distances.

        Args:
            kinds: Of points, (T, P).
            present: Which are there, (T, P) bool.
            distance: To both halves, units, (T, P, 2).
        """
        cell = (distance * PER_UNIT).long().clamp_max(self.n_cells - 1)
        half = torch.arange(2, device=cell.device)
        flat = ((kinds[:, :, None] * 2 + half) * self.n_cells + cell)[present]
        self.counts.view(-1).index_add_(0, flat.flatten(), torch.ones_like(flat.flatten()))

    def known(self) -> Tensor:
        """Lower and upper limit of each kind, units, (KINDS, 2, 2); -1 and ``BEYOND`` where there is none."""
        below = self.counts.cumsum(dim=2)
        total = below[:, :, -1:].double()
        outer = torch.full((KINDS, 1, 1), OUTER, dtype=torch.float64, device=below.device)
        outer[SLOTS:] = NEAREST
        low = (below <= outer * total).sum(dim=2).float() / PER_UNIT
        high = ((below < (1 - outer) * total).sum(dim=2).float() + 1) / PER_UNIT
        high[SLOTS:] = BEYOND
        free = (total[:, :, 0] == 0) | ~limited().to(total.device)
        low = torch.where(free, -1.0, low)
        high = torch.where(free | (high >= self.n_cells / PER_UNIT), BEYOND, high)
        return torch.stack([low, high], dim=2)


def limited() -> Tensor:
    """Which kinds of points have limits, by half, (KINDS, 2) bool.

    All neighbours, and what is at most ``FAR`` - 1 bonds from the half. How far a chain reaches is no limit of its
    parts, and an expected particle may be anywhere.
    """
    first, second = np.indices((POINT_KINDS, FAR, FAR)).reshape(3, -1)[1:]
    known = np.repeat(np.arange(POINT_KINDS), FAR * FAR) != POINT_KINDS - 1
    slots = np.stack([known & (bonds < FAR - 1) for bonds in (first, second)], axis=1)
    return torch.as_tensor(np.concatenate([slots, np.ones((KINDS - SLOTS, 2), dtype=bool)]))


def kinds_of(splits: Splits) -> Tensor:
    """Kind of each class of points, and after these of neighbours, (U + X,)."""
    described = splits.slot_features
    first, second = (described[:, begin:begin + FAR].argmax(dim=1) for begin in (POINT_KINDS, POINT_KINDS + FAR))
    slots = (described[:, :POINT_KINDS].argmax(dim=1) * FAR + first) * FAR + second
    seen = splits.seen_features[:, -2] * 2 + splits.seen_features[:, -1]
    return torch.cat([slots, SLOTS + seen.long()])


def cost(distance: Tensor, limits: Tensor) -> Tensor:
    """What lies outside the limits (..., 2) costs, kT, at distances (..., n): a negative log-density."""
    low, high = limits[..., 0, None], limits[..., 1, None]
    outside = (low - distance).clamp_min(0) + (distance - high).clamp_min(0)
    return STIFFNESS * outside**2
