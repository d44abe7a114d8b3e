"""Training of a latent-variable model on configurations of its target: steps, validation, resume.

The negative ELBO is <-ln P(z) P(x|z) / q(z|x)> over configurations, so its gradient is as noisy as they are many. The
variance of ln w = ln p(x) q(z|x) / (P(z) P(x|z)) over the same configurations is zero for a model that is right, one
configuration at a time, and so is the noise of its gradient: with ln p known it fits a surface to heights, in place of
a density to points (L. Richter et al., VarGrad, NeurIPS 2020). It takes over when the ELBO has brought the model near.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from backmap.api import Model, Target
from backmap.engine.checkpoints import store

from ..learning.optimisation import Average, pace, packed, under, unpack

KIND = "ensemble training state"
WARM = 100  #: steps in which the learning rate rises
FAR = 3.0  #: nats; from here on a weight counts by its distance from the others
LEAST = 60.0  #: nats below the median that a density is taken to have at least
POOL = 25  #: steps for which the model makes configurations at a time
RISE = 0.1  #: share of the steps in which the variance rises to its weight


@dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast.

    Attributes:
        steps: Optimiser steps in all.
        batch: Configurations per step.
        learning_rate: Peak; warms up over 100 steps, falls as a cosine to a hundredth.
        annealing: Share of the steps in which the weight of the divergence of q from P rises from 0 to 1.
        validate: Steps between validations, which also write a checkpoint.
        variance: Weight of half the variance of ln w, beside the negative ELBO; 0 for none.
        variance_from: Share of the steps from which on it counts; it rises to its weight within ``RISE`` of the steps.
        own: Of the configurations whose variance is taken, the share that the model makes itself.
        shares: Of a batch, by basin; basins that are not named share the rest as they are in the data.
        average: Decay of the running average of the weights.
    """

    steps: int
    batch: int
    learning_rate: float
    annealing: float
    validate: int
    variance: float = 0.0
    variance_from: float = 0.4
    own: float = 0.0
    shares: dict[int, float] = field(default_factory=dict)
    average: float = 0.998


class Chances:
    """Draws rows of configurations (n, D) for a batch, evenly or with a given share from some basins."""

    def __init__(self, target: Target, x: Tensor, shares: dict[int, float]) -> None:
        self.n, self.cumulative = len(x), None
        if not shares or not self.n:
            return
        basin = target.basins(x.double())
        chance = np.ones(self.n)
        for number, share in shares.items():
            chance[basin == number] = share / max(1, (basin == number).sum())
        others = ~np.isin(basin, list(shares))
        chance[others] = (1 - sum(shares.values())) / max(1, others.sum())
        self.cumulative = chance.cumsum()

    def draw(self, count: int, rng: np.random.Generator) -> Tensor:
        """Numbers of rows, (count,)."""
        if self.cumulative is None:
            return torch.from_numpy(rng.integers(self.n, size=count))
        found = np.searchsorted(self.cumulative, rng.random(count) * self.cumulative[-1])
        return torch.from_numpy(found.clip(max=self.n - 1))


class LatentTrainer:
    """Runs the steps; can stop and go on at any validation. Random numbers follow from the seed and the step."""

    def __init__(self, model: Model, target: Target, samples: Tensor, held_out: Tensor, plan: TrainingPlan, seed: int,
                 state: Path) -> None:
        self.model, self.target, self.plan, self.seed, self.state = model, target, plan, seed, state
        self.samples, self.held_out, self.network = samples, held_out, model.network
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=plan.learning_rate, weight_decay=0.0)
        self.average = Average(self.network, plan.average)
        self.step, self.history = 0, {"training": [], "validation": []}
        self._chances = Chances(target, samples, plan.shares)
        self._pool: tuple[Tensor, Tensor] | None = None
        # Images have the density of what they are images of, so once is enough.
        self._known = target.log_density(samples.double()) if plan.variance else None

    def run(self, report: Callable[[int, float], None] = lambda step, loss: None,
            validated: Callable[[], None] = lambda: None) -> None:
        """Train to the end of the plan."""
        running = []
        while self.step < self.plan.steps:
            running.append(self._one())
            self.step += 1
            report(self.step, running[-1])
            if self.step % self.plan.validate == 0 or self.step == self.plan.steps:
                self.history["training"].append((self.step, float(np.mean(running))))
                if len(self.held_out):
                    self.history["validation"].append((self.step, self.validate()))
                running = []
                validated()  # before the state is saved: what is redone after a stop is written again
                self.save()

    @property
    def improved(self) -> bool:
        """Whether the last validation was the best so far; True where nothing is held out."""
        losses = [loss for _, loss in self.history["validation"]]
        return not losses or losses[-1] <= min(losses)

    def _one(self) -> float:
        rng = np.random.default_rng((self.seed, 1, self.step))
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.learning_rate * pace(self.step, WARM, self.step / self.plan.steps)
        chosen = self._chances.draw(self.plan.batch, rng)
        x = self.target.augment(self.samples[chosen].double(), rng)
        annealing = min(1.0, (self.step + 1) / max(1.0, self.plan.annealing * self.plan.steps))
        each = self.model.loss(x, annealing, rng)
        loss = each.mean()
        self.optimiser.zero_grad(set_to_none=True)
        self._objective(each, chosen, rng).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 50.0)
        self.optimiser.step()
        self.average.update(self.step)
        return loss.item()

    def _objective(self, each: Tensor, chosen: Tensor, rng: np.random.Generator) -> Tensor:
        """What is made small: mean of the negative ELBO (batch,), and half the variance of ln w when its time has come.

        Single weights that are far off count by their distance, not by its square: they are few and would decide.
        """
        plan = self.plan
        rise = min(1.0, (self.step - plan.variance_from * plan.steps) / (RISE * plan.steps))
        if not plan.variance or rise <= 0:
            return each.mean()
        log_weight = self._known[chosen] + each
        if plan.own:
            log_weight = torch.cat([log_weight, self._of_own(rng)])
        off = log_weight - log_weight.mean()
        return each.mean() + rise * plan.variance * huber_loss(off, torch.zeros_like(off), delta=FAR)

    def _of_own(self, rng: np.random.Generator) -> Tensor:
        """ln w of configurations that the model made a few steps ago: where it should make none, no data tell it so."""
        count = max(1, round(self.plan.batch * self.plan.own / (1 - self.plan.own)))
        turn = self.step % POOL
        if turn == 0 or self._pool is None:
            x = self.model.decode(self.model.prior(count * POOL, rng)[0], rng)[0]
            known = self.target.log_density(x).nan_to_num(nan=-torch.inf)
            least = known[known.isfinite()].median() - LEAST
            self._pool = x, torch.where(self.target.canonical(x), known, -torch.inf).clamp_min(least)
        x, known = (part[turn * count:(turn + 1) * count] for part in self._pool)
        return known + self.model.loss(x, 1.0, rng)

    @torch.no_grad()
    def validate(self, most: int = 512) -> float:
        """Negative ELBO of the averaged weights on configurations held out."""
        rng = np.random.default_rng((self.seed, 2))
        rows = Chances(self.target, self.held_out, self.plan.shares).draw(most, np.random.default_rng((self.seed, 3))) \
            if self.plan.shares else slice(most)
        with self.average.worn():
            return float(self.model.loss(self.held_out[rows].double(), 1.0, rng).mean())

    def save(self) -> None:
        """Write everything needed to go on."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.weights.items()}
        tensors |= packed(self.optimiser, "optimiser.")
        store.save(self.state, KIND, tensors, {"step": self.step, "history": self.history})

    def resume(self) -> None:
        """Go on from the state file."""
        tensors, header = store.load(self.state, KIND)
        self.network.load_state_dict(under(tensors, "network."))
        self.average.weights = under(tensors, "average.")
        unpack(self.optimiser, tensors, "optimiser.")
        self.step, self.history = header["step"], header["history"]
