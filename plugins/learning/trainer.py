"""Training of any generator that learns: steps, validation, what goes wrong, resume."""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backmap.api import Learner, Regularizer
from backmap.engine.checkpoints import store
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import LocalEnvironment, Loss, Objective
from backmap.errors import BackmapError

from .optimisation import Average, pace, packed, under, unpack
from .training import NOISE, Contexts, MixedContexts, Schedule

Figures = dict[str, float]

WARM = 200  #: steps in which the learning rate rises
CLIP = 2.0  #: norm to which gradients are cut
EXPLODED = 1e6  #: norm before that, or size of a loss, that no training comes back from
COLLAPSED = 2e-4  #: nm, of atoms: draws of one site that differ by less are the same


@dataclass(eq=False)
class History:
    """What was measured: figures by name after so many steps, of training and of held-out frames."""

    training: list[tuple[int, Figures]] = field(default_factory=list)
    validation: list[tuple[int, Figures]] = field(default_factory=list)

    @property
    def best(self) -> int:
        """After how many steps the mean of the losses on what is held out was lowest, levels of noise alike."""
        return min(self.validation, key=lambda one: np.mean([one[1][str(level)] for level in NOISE]))[0]


@dataclass(frozen=True, eq=False)
class EnergyLoss:
    """A regularizer in the loss: kJ/mol per atom drawn, ramped up over the first steps in which atoms are drawn.

    Stieffenhofer, Bereau and Wand, APL Mater. 9, 031107 (2021): ``C1`` minimises the energy, ``C2`` matches its terms
    to those of the true atoms.

    Attributes:
        regularizer: Says the energy.
        match: Penalise the distance of each term from that of the true atoms, rather than its size.
        weight: Loss per kJ/mol at the end of the ramp.
        ramp: Length of the ramp as a share of these steps, 0 to 1.
    """

    regularizer: Regularizer
    match: bool
    weight: float
    ramp: float

    def cost(self, env: LocalEnvironment, drawn: Tensor, target: Tensor, progress: float) -> Tensor:
        """What is added to the loss, ()."""
        terms = self.regularizer.terms(env, drawn[:, None])
        if self.match:
            with torch.no_grad():
                true = self.regularizer.terms(env, target[:, None].to(drawn.dtype))
            total = sum((terms[name] - true[name]).abs() for name in terms)
        else:
            total = sum(terms.values())
        weight = self.weight * min(1.0, progress / self.ramp) if self.ramp else self.weight
        return weight * total.sum() / env.block.sum()


class Trainer:
    """Runs the steps; can stop and go on at any validation."""

    def __init__(self, generator: Learner, contexts: list[Contexts], schedule: Schedule, state: Path, seed: int,
                 energies: EnergyLoss | None = None) -> None:
        self.generator, self.schedule, self.state, self.seed = generator, schedule, state, seed
        self.contexts = MixedContexts(contexts, seed)
        self.energies, self.network = energies, generator.network
        self.optimisers: dict[str, tuple[Objective, torch.optim.Optimizer]] = {}
        self.average = Average(self.network, schedule.average)
        for one in contexts:
            one.resting = self.average.worn
        self.step, self.history = 0, History()

    def run(self, report: Callable[[int, Figures], None] = lambda step, figures: None,
            validated: Callable[[History], None] = lambda history: None) -> History:
        """Train to the end of the schedule.

        Raises:
            BackmapError: If a loss or a gradient explodes, or all draws become the same.
        """
        running: list[Figures] = []
        while self.step < self.schedule.steps:
            running.append(self._one())
            self.step += 1
            report(self.step, running[-1])
            if self.step % self.schedule.validate == 0 or self.step == self.schedule.steps:
                shown = [one.figures() for one in self.contexts.parts]
                self.history.training.append((self.step, _means(running) | _means(shown)))
                self.history.validation.append((self.step, self.validate()))
                running = []
                self._check_spread()
                validated(self.history)  # before the state is saved: what is redone after a stop is written again
                self.save()
        return self.history

    def _one(self) -> Figures:
        """One update of every objective, each on sites of its own."""
        objectives = self.generator.objectives(self.step / self.schedule.steps)
        parts = sum(objective.updates for objective in objectives)
        env, target, stream = self.contexts.batch(self.step, parts)
        # Dropout follows from the step, also after a stop.
        torch.manual_seed(self.seed * 1_000_003 + self.step)
        figures, slices = {}, iter(torch.arange(env.size, device=env.row.device).tensor_split(parts))
        for objective in objectives:
            for _ in range(objective.updates):
                sites = next(slices)
                if len(sites):
                    one = self._update(objective, env.at(sites), target[sites], stream.at(sites))
            figures |= one if len(objectives) == 1 else {f"{objective.name} {name}": n for name, n in one.items()}
        self.average.update(self.step)
        return figures

    def _update(self, objective: Objective, env: LocalEnvironment, target: Tensor, stream: Stream) -> Figures:
        optimiser = self._optimiser(objective)
        for group in optimiser.param_groups:
            group["lr"] = self._learning_rate(objective)
        found = objective.loss(env, target, stream)
        loss = found.value + self._regularized(objective, found, env, target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=list(objective.module.parameters()))
        norm = torch.nn.utils.clip_grad_norm_(objective.module.parameters(), CLIP)
        figures = {"loss": float(loss.detach()), "gradient": float(norm)}
        if not all(np.isfinite(value) and abs(value) < EXPLODED for value in figures.values()):
            raise BackmapError(f"training diverged at step {self.step}: loss {figures['loss']:.3g}, gradient norm "
                               f"{figures['gradient']:.3g} of the {objective.name}", where="train",
                               hint="Lower the learning rate, or raise the gradient penalty of a critic; the last "
                                    "checkpoint is still good.")
        optimiser.step()
        return figures | {name: float(value) for name, value in found.figures.items()}

    def _regularized(self, objective: Objective, loss: Loss, env: LocalEnvironment, target: Tensor) -> Tensor | float:
        if self.energies is None or loss.drawn is None:
            return 0.0
        cost = self.energies.cost(env, loss.drawn, target, objective.progress(self.step / self.schedule.steps))
        loss.figures["energy"] = cost.detach()
        return cost

    def _optimiser(self, objective: Objective) -> torch.optim.Optimizer:
        if objective.name not in self.optimisers:
            optimiser = torch.optim.AdamW(objective.module.parameters(), lr=self.schedule.learning_rate,
                                          betas=objective.betas, weight_decay=objective.weight_decay)
            self.optimisers[objective.name] = objective, optimiser
        return self.optimisers[objective.name][1]

    def _learning_rate(self, objective: Objective) -> float:
        """Warms up over 200 steps and falls as a cosine to a hundredth, in the objective's own phase."""
        first = round(objective.phase[0] * self.schedule.steps)
        progress = objective.progress(self.step / self.schedule.steps)
        return self.schedule.learning_rate * objective.rate * pace(self.step - first, WARM, progress)

    @torch.no_grad()
    def validate(self, sites: int = 256) -> Figures:
        """Figures of the averaged weights on held-out frames, by noise level; means over training sets."""
        found = [{name: value for level in NOISE for name, value in self._watched(contexts, level, sites).items()}
                 for contexts in self.contexts.parts if len(contexts.material.validation)]
        return _means(found)

    def _watched(self, contexts: Contexts, level: float, sites: int) -> Figures:
        with self.average.worn():
            figures = self.generator.watch(*contexts.validation(level, sites))
        return {str(level) if name == "loss" else f"{name} {level}": value for name, value in figures.items()}

    def _check_spread(self) -> None:
        """Draws of one site that do not differ have collapsed, if that was so twice."""
        last = [figures.get("spread 0.0", np.inf) for _, figures in self.history.validation[-2:]]
        if len(last) == 2 and max(last) < COLLAPSED * min(one.units[0].min() for one in self.contexts.parts):
            raise BackmapError(f"training collapsed before step {self.step}: draws of one site differ by "
                               f"{last[-1]:.1e} nm only", where="train",
                               hint="Lower the learning rate or the weight of the "
                               "regularizer; the last checkpoint is still good.")

    def save(self) -> None:
        """Write everything needed to go on."""
        tensors = {f"present.{k}": v.clone() for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.weights.items()}
        for name, (objective, optimiser) in self.optimisers.items():
            tensors |= {f"{name}.weights.{k}": v.clone() for k, v in objective.module.state_dict().items()}
            tensors |= packed(optimiser, f"{name}.optimiser.")
        for number, one in enumerate(self.contexts.parts):
            tensors |= {f"contexts.{number}.{k}": v for k, v in one.kept().items()}
        store.save(self.state, "training state", tensors, {"step": self.step, "history": vars(self.history)})

    def resume(self) -> None:
        """Go on from the state file."""
        tensors, header = store.load(self.state, "training state")
        self.step = header["step"]
        self.history = History(**json.loads(json.dumps(header["history"])))
        self.average.weights = under(tensors, "average.")
        self.network.load_state_dict(under(tensors, "present."))
        for number, one in enumerate(self.contexts.parts):
            one.recall(under(tensors, f"contexts.{number}."))
        for objective in self.generator.objectives(self.step / self.schedule.steps):
            name = objective.name
            weights = under(tensors, f"{name}.weights.")
            if not weights:  # its phase begins here
                continue
            objective.module.load_state_dict(weights)
            unpack(self._optimiser(objective), tensors, f"{name}.optimiser.")


def _means(rows: list[Figures]) -> Figures:
    """Mean of every figure over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
