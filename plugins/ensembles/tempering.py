"""A model learns a density from its energy alone, from hot to cold: reverse Kullback-Leibler along a ladder.

With U = -ln p up to a constant, s a share of it (1 is the target, less is hotter), and Z(s) = integral of exp(-s U),

    KL(q || p_s) = <ln q + s U>_q + ln Z(s)

asks for draws of the model and for forces of the target, and for no configuration that anybody has seen. It is cured of
its habit to leave out wells by beginning hot, and by draws of what is rare: as many of each Gaussian of a mixture,
whatever its weight, or more of the rare torsions of a molecule.
M. Schoeberl, N. Zabaras, P.-S. Koutsourelakis, arXiv 2002.10148 (2020): equations 16, 28 to 36, 43 to 50, 52, 53.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backmap.api import Target

from ..learning.optimisation import packed, under, unpack
from .models.drawn import LearnedDensity

CLIP = 3.0  #: times the mean norm of a batch, or the median, that the gradient of one draw may have
SHRINKS = 0.6  #: by which a step of the ladder that is too long is made shorter
KEPT = 100  #: iterations after which what was learned is kept
FIRST = 10  #: times as many iterations at the first rung
LEAST = 1e-3  #: steps of the ladder are no shorter than this share of s
FAR, STEEP = 4.0, 1e3  #: where walls begin at hot rungs, and their slope in s U, both in units of the width


@dataclass(frozen=True)
class LadderPlan:
    """How a model is led from hot to cold.

    Attributes:
        ladder: Shares of ln p, rising, the last one 1; None where they are found on the way.
        hottest: Share with which a ladder begins that is found on the way.
        rise: By how much a step may raise the divergence, in units of the present one; no less than ``least`` nats.
        least: See ``rise``.
        draws: Of each group in an iteration.
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
    """Leads a model from hot to cold.

    Attributes:
        rungs: What is known of the model where it was.
        lost: How many draws taught nothing, as forces on them were no numbers.

    Args:
        target: With a ``log_density`` that torch can differentiate.
        network: Changed in place.
        rng: Of all draws.
        keep: Called every ``KEPT`` iterations and after each rung's, when ``state`` is all that there is to know.
    """

    def __init__(self, target: Target, network: LearnedDensity, plan: LadderPlan, rng: np.random.Generator,
                 keep: Callable[[Ladder], None] = lambda ladder: None) -> None:
        self.target, self.network, self.plan, self.rng = target, network, plan, rng
        self.optimiser = torch.optim.Adam(network.parameters(), lr=plan.learning_rate)
        self.rungs: list[Rung] = []
        self.share, self.done, self.change, self.lost = 0.0, 0, (0.0, 0.0), 0
        self.keep = keep

    def climb(self) -> Iterator[Rung]:
        """Lead the model to the target, or what is left of the way; each rung when it is reached."""
        if not self.share:
            hottest = self.plan.ladder[0] if self.plan.ladder else self.plan.hottest
            self.network.begin(self.plan.width, hottest, self.rng)
            self._rise(*self.weighed())
        while True:
            self._learn(self.share)
            log_q, energy = self.weighed()
            self.rungs.append(self._judged(self.share, self.change, log_q, energy))
            yield self.rungs[-1]
            if self.share == 1:
                return
            self._rise(log_q, energy)

    def _rise(self, log_q: Tensor, energy: Tensor) -> None:
        """Go to the next rung."""
        below, self.share, self.done = self.share, self._next(self.share, log_q, energy), 0
        self.change = _change(-below * energy - log_q, -self.share * energy - log_q)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and plain values from which ``restore`` goes on."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        return tensors | packed(self.optimiser, "optimiser."), {
            "share": self.share, "done": self.done, "change": self.change, "rungs": [rung.row() for rung in self.rungs],
            "lost": self.lost, "random": self.rng.bit_generator.state}

    def restore(self, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
        """Go on from what ``state`` said."""
        self.network.load_state_dict(under(tensors, "network."))
        unpack(self.optimiser, tensors, "optimiser.")
        self.share, self.done, self.change = header["share"], header["done"], tuple(header["change"])
        self.rungs, self.lost = [Rung(**row) for row in header["rungs"]], header["lost"]
        self.rng.bit_generator.state = header["random"]

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
        for k in range(self.done, count):
            for group in self.optimiser.param_groups:
                fall = 0.01 ** (k / count) if share == 1 else 1.0
                group["lr"] = plan.learning_rate * fall
            self.optimiser.zero_grad(set_to_none=True)
            loss = self.reverse(share)
            if gamma < 1:
                loss = gamma * loss + (1 - gamma) * self.forward(share)
            loss.backward()
            self.optimiser.step()
            self.done = k + 1
            if self.done % KEPT == 0 or self.done == count:
                self.keep(self)
        if share == 1:
            self.network.settle(self.target.log_density, self.rng)

    def reverse(self, share: float) -> Tensor:
        """A scalar with the gradient of KL(q || p_s) by draws that move with the parameters."""
        x, log_q, counts, groups = self.network.drawn(self.plan.draws, self.rng)
        value = log_q + self._hot_energy(x, share)
        unit = self.network.unit.detach()
        x.register_hook(lambda gradient: self._clipped(gradient, groups, unit))
        self.network.notice(x.detach(), value.detach(), share)
        return (counts * value).sum()

    def forward(self, share: float) -> Tensor:
        """A scalar with the gradient of KL(p_s || q) by reweighted draws of the model itself."""
        with torch.no_grad():
            x, log_q, counts, _ = self.network.drawn(self.plan.draws, self.rng)
            weight = (counts.log() - self._hot_energy(x, share) - log_q).softmax(0)
        return -(weight * self.network.log_density(x)).sum()

    def _clipped(self, gradient: Tensor, groups: int, unit: Tensor) -> Tensor:
        """The gradient of each draw (n, D), in these units no longer than ``CLIP`` times what is usual in its group."""
        size = (gradient * unit).norm(dim=1).reshape(groups, -1)
        self.lost += int((~size.isfinite()).sum())
        usual = size.nan_to_num(torch.inf).median(1).values if self.network.clashes else size.nanmean(1)
        most = CLIP * usual[:, None]
        kept = (most / size.clamp_min(1e-300)).clamp_max(1.0)
        return (gradient * kept.reshape(-1, 1)).nan_to_num(0.0, 0.0, 0.0)

    def _hot_energy(self, x: Tensor, share: float) -> Tensor:
        """-ln p_s, with walls at hot rungs, (n,)."""
        energy, measure = self.target.parts(x)
        energy = share * energy - measure
        if share == 1:
            return energy
        return energy + STEEP / self.plan.width * (x.abs() - FAR * self.plan.width).clamp_min(0).sum(1)

    @torch.no_grad()
    def weighed(self) -> tuple[Tensor, Tensor]:
        """ln of q and of the measure left out, and U, of draws of the model, (n,)."""
        x, log_q = self.network.sample(self.plan.weighed, self.rng)
        energy, measure = self.target.parts(x)
        return log_q - measure, energy

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
