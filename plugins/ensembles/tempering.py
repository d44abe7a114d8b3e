"""A mixture learns a density from its energy alone, from hot to cold: reverse Kullback-Leibler along a ladder.

With U = -ln p up to a constant, s a share of it (1 is the target, less is hotter), and Z(s) = integral of exp(-s U),

    KL(q || p_s) = <ln q + s U>_q + ln Z(s)

asks for draws of the model and for forces of the target, and for no configuration that anybody has seen. It is cured of
its habit to leave out wells by beginning hot, and by a latent variable that says which Gaussian a draw is of: each gets
as many draws, whatever its weight, so that a well of a small share is seen as often as all others.
M. Schoeberl, N. Zabaras, P.-S. Koutsourelakis, arXiv 2002.10148 (2020): equations 16, 28 to 36, 43 to 50, 52, 53.
"""
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from backmap.api import Target

from .models.mixture.model import MixtureDensity
from .numbers import normal

CLIP = 3.0  #: times the mean norm of a batch that the gradient of one draw may have
SHRINKS = 0.6  #: by which a step of the ladder that is too long is made shorter
FIRST = 10  #: times as many iterations at the first rung
LEAST = 1e-3  #: steps of the ladder are no shorter than this share of s
FAR, STEEP = 4.0, 1e3  #: where walls begin at hot rungs, and their slope in s U, both in units of the width


@dataclass(frozen=True)
class LadderPlan:
    """How a mixture is led from hot to cold.

    Attributes:
        ladder: Shares of ln p, rising, the last one 1; None where they are found on the way.
        hottest: Share with which a ladder begins that is found on the way.
        rise: By how much a step may raise the divergence, in units of the present one; no less than ``least`` nats.
        least: See ``rise``.
        draws: Of each Gaussian in an iteration.
        iterations: Of each rung; of the first one ``FIRST`` times as many.
        last: Iterations at the target.
        learning_rate: Of Adam; at the target it falls to a hundredth.
        width: Half the width of the box that Gaussians begin in, in units of the coordinates.
        forward: Weight of the forward divergence from reweighted draws of the model itself, at the first rung; it
            falls to 0 at the target. 0 is reverse Kullback-Leibler alone.
        weighed: Draws by which a rung is judged.
    """

    ladder: Sequence[float] | None = None
    hottest: float = 0.05
    rise: float = 1.0
    least: float = 0.02
    draws: int = 32
    iterations: int = 40
    last: int = 4000
    learning_rate: float = 0.02
    width: float = 5.0
    forward: float = 0.0
    weighed: int = 20_000


@dataclass(frozen=True)
class Rung:
    """What is known of the model at one rung of the ladder.

    Attributes:
        share: s.
        bound: <-s U - ln q>, a lower bound of ln Z(s), nats; and its standard error.
        log_z: ln Z(s) by weights of the draws; and its standard error.
        summed: ln Z(s) summed up along the ladder from its hot end; None at the first rung; and its standard error.
        effective: Share of the draws that the weights leave, which does not notice wells that are missing.
        accepted: Share of independent proposals of the model that would be accepted at this rung.
    """

    share: float
    bound: float
    bound_error: float
    log_z: float
    log_z_error: float
    summed: float | None
    summed_error: float
    effective: float
    accepted: float

    def row(self) -> dict[str, float | None]:
        return asdict(self)


class Ladder:
    """Leads a mixture from hot to cold.

    Args:
        target: With a ``log_density`` that torch can differentiate.
        network: Changed in place.
        rng: Of all draws.
    """

    def __init__(self, target: Target, network: MixtureDensity, plan: LadderPlan, rng: np.random.Generator) -> None:
        self.target, self.network, self.plan, self.rng = target, network, plan, rng
        self.optimiser = torch.optim.Adam(network.parameters(), lr=plan.learning_rate)
        self.rungs: list[Rung] = []

    def climb(self) -> Iterator[Rung]:
        """Lead the mixture to the target; each rung when it is reached."""
        self.network.spread_out(self.plan.width, self.rng)
        share, (_, log_q, energy) = 0.0, self.weighed()
        while share < 1:
            below, share = share, self._next(share, log_q, energy)
            change = _change(-below * energy - log_q, -share * energy - log_q)
            self._learn(share)
            _, log_q, energy = self.weighed()
            self.rungs.append(self._judged(share, change, log_q, energy))
            yield self.rungs[-1]

    def _next(self, share: float, log_q: Tensor, energy: Tensor) -> float:
        """The next rung: given, or as far away as the divergence may rise (equations 35 and 36)."""
        if self.plan.ladder is not None:
            return next(each for each in self.plan.ladder if each > share)
        if not self.rungs:
            return min(self.plan.hottest, 1.0)
        log_weight = -share * energy - log_q
        present = max(_mean_log(log_weight) - float(log_weight.mean()), 0.0)
        step = 1 - share
        while step > LEAST * share:
            change = _mean_log(log_weight - step * energy) - _mean_log(log_weight)
            if change + step * float(energy.mean()) <= max(self.plan.rise * present, self.plan.least):
                break
            step *= SHRINKS
        return min(1.0, share + max(step, LEAST * share))

    def _learn(self, share: float) -> None:
        plan = self.plan
        count = plan.last if share == 1 else plan.iterations * (1 if self.rungs else FIRST)
        gamma = 1 - plan.forward * (1 - share)
        for k in range(count):
            for group in self.optimiser.param_groups:
                fall = 0.01 ** (k / count) if share == 1 else 1.0
                group["lr"] = plan.learning_rate * fall
            self.optimiser.zero_grad(set_to_none=True)
            loss = self.reverse(share)
            if gamma < 1:
                loss = gamma * loss + (1 - gamma) * self.forward(share)
            loss.backward()
            self.optimiser.step()

    def reverse(self, share: float) -> Tensor:
        """A scalar with the gradient of KL(q || p_s): of equal numbers of draws of every Gaussian.

        Draws move with the parameters; ln q itself counts as a function of draws alone, as what else its gradient has
        is zero on average.
        """
        x, which = self._drawn()
        kept = {name: value.detach() for name, value in self.network.named_parameters()}
        value = torch.func.functional_call(_Density(self.network), {f"of.{k}": v for k, v in kept.items()}, (x,))
        value = value + self._hot_energy(x, share)
        x.register_hook(lambda gradient: _clipped(gradient, which, self.network.logit.detach()))
        mean = value.reshape(len(self.network.mean), -1).mean(1)
        return (self.network.log_weight().exp() * mean).sum()

    def forward(self, share: float) -> Tensor:
        """A scalar with the gradient of KL(p_s || q) by reweighted draws of the model itself."""
        with torch.no_grad():
            x, _ = self._drawn()
            log_q = self.network.log_density(x)
            weight = (self._of_mixture(len(x)) - self._hot_energy(x, share) - log_q).softmax(0)
        return -(weight * self.network.log_density(x)).sum()

    def _of_mixture(self, n: int) -> Tensor:
        """Logarithms of the shares of draws of every Gaussian that the mixture itself would have made, (n,)."""
        weight = self.network.log_weight().detach()
        return weight.repeat_interleave(n // len(weight))

    def _drawn(self) -> tuple[Tensor, Tensor]:
        """Draws of every Gaussian, one after the other, (K d, D), that move with its parameters; and whose they are."""
        of = self.network
        count, (components, size) = self.plan.draws, of.mean.shape
        x = of.mean[:, None] + of.log_spread.exp()[:, None] * normal(self.rng, components, count, size)
        return x.reshape(-1, size), torch.arange(components).repeat_interleave(count)

    def _hot_energy(self, x: Tensor, share: float) -> Tensor:
        """s U, with walls at hot rungs, (n,)."""
        energy = -share * self.target.log_density(x)
        if share == 1:
            return energy
        return energy + STEEP / self.plan.width * (x.abs() - FAR * self.plan.width).clamp_min(0).sum(1)

    @torch.no_grad()
    def weighed(self) -> tuple[Tensor, Tensor, Tensor]:
        """Draws of the mixture, (n, D), ln q and U of each, (n,)."""
        of, n = self.network, self.plan.weighed
        edges = of.log_weight().exp().cumsum(0)
        places = (torch.arange(n) + torch.from_numpy(self.rng.random(n))) / n  # one in each n-th: less noise of weights
        which = torch.searchsorted(edges, places).clamp_max(len(edges) - 1)
        x = of.mean[which] + of.log_spread[which].exp() * normal(self.rng, n, of.mean.shape[1])
        return x, of.log_density(x), -self.target.log_density(x)

    def _judged(self, share: float, change: tuple[float, float], log_q: Tensor, energy: Tensor) -> Rung:
        log_weight = -share * energy - log_q
        n, log_z = len(log_weight), _mean_log(log_weight)
        weight = (log_weight - log_z).exp()
        error, summed, off = float(weight.std() / math.sqrt(n)), None, 0.0
        if self.rungs:
            last, first = self.rungs[-1], len(self.rungs) == 1
            summed = (last.log_z if first else last.summed) + change[0]
            off = math.hypot(last.log_z_error if first else last.summed_error, change[1])
        here, there = log_weight[:n // 2], log_weight[n // 2:2 * (n // 2)]
        start = here[torch.from_numpy(self.rng.choice(len(here), len(here), p=_shares(here)))]
        return Rung(share, float(log_weight.mean()), float(log_weight.std() / math.sqrt(n)), log_z,
                    error, summed, off, float(weight.sum()**2 / (weight**2).sum() / n),
                    float((there - start).clamp_max(0).exp().mean()))


class _Density(torch.nn.Module):
    """ln q as a function of configurations, with parameters that are handed in."""

    def __init__(self, of: MixtureDensity) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: Tensor) -> Tensor:
        return self.of.log_density(x)


def _clipped(gradient: Tensor, which: Tensor, logit: Tensor) -> Tensor:
    """The gradient of each draw (n, D), no longer than ``CLIP`` times the mean of those of the same Gaussian."""
    size = gradient.norm(dim=1)
    mean = torch.zeros_like(logit).index_add(0, which, size) / torch.bincount(which, minlength=len(logit))
    return gradient * (CLIP * mean[which] / size.clamp_min(1e-300)).clamp_max(1.0)[:, None]


def _mean_log(log_weight: Tensor) -> float:
    """Logarithm of the mean of weights."""
    return float(torch.logsumexp(log_weight, 0) - math.log(len(log_weight)))


def _change(before: Tensor, after: Tensor) -> tuple[float, float]:
    """Change of the logarithm of the mean of weights whose logarithms are given, and its standard error."""
    here, there = _mean_log(before), _mean_log(after)
    return there - here, float(((after - there).exp() - (before - here).exp()).std() / math.sqrt(len(before)))


def _shares(log_weight: Tensor) -> np.ndarray:
    found = log_weight.softmax(0).numpy()
    return found / found.sum()
