"""Training of a latent-variable model on configurations of its target: steps, validation, resume."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backmap.api import Model, Target

from . import store

KIND = "ensemble training state"


@dataclass(frozen=True)
class Plan:
    """How long and how fast.

    Attributes:
        steps: Optimiser steps in all.
        batch: Configurations per step.
        learning_rate: Peak; warms up over 100 steps, falls as a cosine to a hundredth.
        annealing: Share of the steps in which the weight of the divergence of q from P rises from 0 to 1.
        validate: Steps between validations, which also write a checkpoint.
        average: Decay of the running average of the weights.
    """

    steps: int
    batch: int
    learning_rate: float
    annealing: float
    validate: int
    average: float = 0.998


class LatentTrainer:
    """Runs the steps; can stop and go on at any validation. Random numbers follow from the seed and the step."""

    def __init__(self, model: Model, target: Target, samples: Tensor, held_out: Tensor, plan: Plan, seed: int,
                 state: Path) -> None:
        self.model, self.target, self.plan, self.seed, self.state = model, target, plan, seed, state
        self.samples, self.held_out, self.network = samples, held_out, model.network
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=plan.learning_rate, weight_decay=0.0)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.step, self.history = 0, {"training": [], "validation": []}

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
            group["lr"] = self._learning_rate()
        chosen = torch.from_numpy(rng.integers(len(self.samples), size=self.plan.batch))
        x = self.target.augment(self.samples[chosen].double(), rng)
        annealing = min(1.0, (self.step + 1) / max(1.0, self.plan.annealing * self.plan.steps))
        loss = self.model.loss(x, annealing, rng).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 50.0)
        self.optimiser.step()
        decay = min(self.plan.average, self.step / (self.step + 20))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)
        return loss.item()

    def _learning_rate(self) -> float:
        cosine = 0.5 * (1 + np.cos(np.pi * self.step / self.plan.steps))
        return self.plan.learning_rate * min(1.0, (self.step + 1) / 100) * (0.01 + 0.99 * cosine)

    @torch.no_grad()
    def validate(self, most: int = 512) -> float:
        """Negative ELBO of the averaged weights on configurations held out."""
        rng = np.random.default_rng((self.seed, 2))
        with self.averaged():
            return float(self.model.loss(self.held_out[:most].double(), 1.0, rng).mean())

    @contextmanager
    def averaged(self):
        """Context in which the network bears its averaged weights."""
        own = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        self.network.eval()
        try:
            yield
        finally:
            self.network.load_state_dict(own)
            self.network.train()

    def save(self) -> None:
        """Write everything needed to go on."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        for number, entry in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": torch.as_tensor(value) for name, value in entry.items()}
        store.save(self.state, KIND, tensors, {"step": self.step, "history": self.history})

    def resume(self) -> None:
        """Go on from the state file."""
        tensors, header = store.load(self.state, KIND)

        def of(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): v for name, v in tensors.items() if name.startswith(prefix)}

        self.network.load_state_dict(of("network."))
        self.average = of("average.")
        optimiser = self.optimiser.state_dict()
        for name, value in of("optimiser.").items():
            number, key = name.split(".", 1)
            optimiser["state"].setdefault(int(number), {})[key] = value
        self.optimiser.load_state_dict(optimiser)
        self.step, self.history = header["step"], header["history"]
