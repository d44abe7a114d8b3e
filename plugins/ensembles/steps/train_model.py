"""The step ``train_model``: configurations of a density to a model that proposes moves."""
from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

import torch
from pydantic import Field, field_validator

from backmap.api import InputPath, Model, Nested, Options, OutputPath, State, Step

from ...learning.bar import LossBar
from ..results import loss_picture
from ..training import LatentTrainer, TrainingPlan
from .target import read_samples


class TrainModelOptions(Options):
    """Options of ``train_model``."""

    changed_names: ClassVar = {"variance": "is called 'variance_weight' now",
                               "variance_from": "is called 'variance_start' now",
                               "own": "is called 'on_policy_share' now", "shares": "is called 'basin_shares' now"}

    model: Nested[Model] = Field(description="What learns, with the options of a new network.")
    data: InputPath | None = Field(None, description="Configurations; by default those of the step before.")
    output: OutputPath = Field(Path("weights.safetensors"), description="The weights.")
    steps: int = Field(2000, ge=1, description="Optimiser steps.")
    batch: int = Field(128, ge=1, description="Configurations per step.")
    learning_rate: float = Field(3e-3, gt=0, description="Peak learning rate.")
    annealing: float = Field(0.15, ge=0, le=1, description="Share of the steps in which the weight of the divergence "
                                                           "of encoder from prior rises from 0 to 1.")
    variance_weight: float = Field(0.0, ge=0, description="Weight of half the variance of ln w, beside the negative "
                                                          "ELBO: what acceptance depends on. It needs fewer "
                                                          "configurations than the ELBO, and a model that is near "
                                                          "already.")
    variance_start: float = Field(0.4, ge=0, lt=1, description="Share of the steps after which it counts.")
    on_policy_share: float = Field(0.0, ge=0, lt=1, description="Of the configurations whose variance is taken, the "
                                                                "share that the model makes itself: it unlearns to "
                                                                "make what is next to impossible, of which no data "
                                                                "tell.")
    basin_shares: dict[int, Annotated[float, Field(ge=0, le=1)]] = Field(
        {}, description="Shares that basins get in what is learned, by number; by default as in the configurations. "
                        "Others share the rest.")
    held_out: float = Field(0.05, ge=0, lt=1, description="Share of the configurations that is held out.")
    validate_every: int = Field(100, ge=1, description="Steps between validations and checkpoints.")

    @field_validator("basin_shares")
    @classmethod
    def _within_one(cls, shares: dict[int, float]) -> dict[int, float]:
        if sum(shares.values()) > 1:
            raise ValueError("the shares add up to more than 1; leave something to the basins that are not named")
        return shares


class TrainModel(Step):
    """Trains a model of a target by its evidence lower bound; writes weights, their history and a plot of the loss."""

    Options = TrainModelOptions
    gives = frozenset({"model"})
    beforehand = True

    def __init__(self, options: TrainModelOptions) -> None:
        super().__init__(options)
        self.needs = frozenset({"target"} if options.data else {"target", "samples"})

    def start(self, state: State) -> None:
        options, target = self.options, state.given["target"]
        samples = read_samples(options.data, target) if options.data else state.given["samples"]
        torch.manual_seed(state.seed)
        model = options.model
        model.prepare(target)
        model.adapt(samples)
        held = min(len(samples) - 1, round(options.held_out * len(samples)))
        plan = TrainingPlan(options.steps, options.batch, options.learning_rate, options.annealing,
                            options.validate_every, options.variance_weight, options.variance_start,
                            options.on_policy_share, options.basin_shares)
        path = state.output / options.output
        # Those held out are taken evenly from all, since neighbours in a file are neighbours in time.
        out = torch.zeros(len(samples), dtype=torch.bool)
        out[torch.linspace(0, len(samples) - 1, held).round().long()] = held > 0
        trainer = LatentTrainer(model, target, samples[~out], samples[out], plan, state.seed,
                                path.with_suffix(".state.safetensors"))
        if state.resume and trainer.state.exists():
            trainer.resume()
            state.log(f"going on at step {trainer.step}")
        self._run(trainer, state, path)
        model.load(path)
        state.given["model"] = model

    def _run(self, trainer: LatentTrainer, state: State, path: Path) -> None:
        with state.working("learning", trainer.plan.steps, "steps", trainer.step) as bar:
            shown = LossBar(bar, trainer.step)

            def validated() -> None:
                history = trainer.history
                losses = [loss for _, loss in history["validation"][-1:]]
                held_out = f"{losses[0]:.3f}" if losses else "-"
                shown.validated(losses, f"step {trainer.step}: loss {history['training'][-1][1]:.3f}, "
                                        f"validation {held_out}")
                loss_picture(history, path.with_suffix(".png"))
                if not trainer.improved:
                    return
                with trainer.average.worn():
                    trainer.model.save(path, {"steps": trainer.step, "history": history})

            trainer.run(shown.step, validated)
        best = min(trainer.history["validation"], key=lambda row: row[1], default=(trainer.step, 0.0))[0]
        state.log(f"weights of step {best}, the best on what was held out -> {self.options.output}"
                  if trainer.history["validation"] else f"weights -> {self.options.output}")
