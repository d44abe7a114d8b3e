"""The step ``learn``: a model of a density, from its energy alone."""
from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, field_validator, model_validator

from backmap.api import Model, Nested, Options, OutputPath, State, Step, Target
from backmap.engine.checkpoints import store
from backmap.engine.random import numpy_generator
from backmap.errors import BackmapError

from ..ladder_report import ladder_page
from ..models.autoregressive.model import Autoregressive
from ..models.gaussian_vae.model import GaussianVae
from ..models.mixture.model import GaussianMixture
from ..tempering import Ladder, LadderPlan, Rung

KIND = "ensemble ladder"
#: nats, and standard errors: where ln Z by weights and as summed along the ladder differ by more, wells were lost.
APART, ERRORS = 0.01, 4.0
DISTANT = 0.5  #: nats from the target beyond which a model has not learned it


class LearnOptions(Options):
    """Options of ``learn``."""

    changed_names: ClassVar = {
        "steps": "is of 'train_model', which learns from configurations and was called 'learn'"}

    model: Nested[Model] = Field(description="What learns: mixture for real coordinates, autoregressive for "
                                             "molecules; gaussian_vae is what was published.")
    objective: Literal["reverse_kl", "mixed"] = Field(
        "reverse_kl", description="reverse_kl: draws of the model and forces of the target. mixed: half of it the "
                                  "forward divergence at hot rungs, by reweighted draws of the model; less of that the "
                                  "nearer the target is.")
    ladder: Literal["adaptive"] | list[Annotated[float, Field(gt=0, le=1)]] = Field(
        "adaptive", description="Rungs from hot to cold, as shares of ln p: rising, and 1 at the end. adaptive: as far "
                                "apart as the divergence allows.")
    hottest: float = Field(
        LadderPlan.hottest, gt=0, le=1, description="First rung of an adaptive ladder: one at which barriers are no "
                                                    "more than kT.")
    width: float = Field(
        LadderPlan.width, gt=0, description="Half the width of the box in which the model begins, in the coordinates "
                                            "of the target. At hot rungs walls rise at four times that.")
    draws: int = Field(LadderPlan.draws, ge=2, description="Of each component in an iteration, whatever its weight.")
    iterations: int = Field(
        LadderPlan.iterations, ge=1, description="Of each rung; of the first one ten times as many.")
    last: int = Field(LadderPlan.last, ge=1, description="Iterations at the target.")
    learning_rate: float = Field(LadderPlan.learning_rate, gt=0, description="Of Adam; at the target it falls to a "
                                                                       "hundredth.")
    output: OutputPath = Field(Path("weights.safetensors"), description="The weights; beside them the ladder as a "
                                                                           "table (.csv) and a report (.html).")

    @field_validator("model")
    @classmethod
    def _with_draws(cls, model: Model) -> Model:
        if not isinstance(model, GaussianMixture | Autoregressive | GaussianVae):
            raise ValueError(f"draws of '{model.name}' do not move with its parameters: take mixture or "
                             "autoregressive, or the step 'train_model', which was called 'learn'")
        return model

    @model_validator(mode="after")
    def _consistent(self) -> LearnOptions:
        if self.objective == "mixed" and isinstance(self.model, GaussianVae):
            raise ValueError("the density of 'gaussian_vae' is not known without its latent variables: write "
                             "objective: reverse_kl")
        return self

    @field_validator("ladder")
    @classmethod
    def _rising(cls, ladder: str | list[float]) -> str | list[float]:
        if not isinstance(ladder, str) and (ladder != sorted(set(ladder)) or ladder[-1:] != [1.0]):
            raise ValueError("the ladder has to rise, and to end with 1, the target")
        return ladder


class Learn(Step):
    """Learns a density from its energy and forces, without a configuration of it: reverse Kullback-Leibler divergence
    along a ladder of temperatures.

    M. Schoeberl, N. Zabaras, P.-S. Koutsourelakis, arXiv 2002.10148 (2020), equations 16, 28 to 36, 43 to 53; with a
    discrete latent variable and as many draws of each of its values.
    """

    Options = LearnOptions
    needs = frozenset({"target"})
    gives = frozenset({"model"})
    beforehand = True

    def start(self, state: State) -> None:
        options, model = self.options, self.options.model
        torch.manual_seed(state.seed)
        model.prepare(state.given["target"])
        self._expect_forces(state.given["target"])
        path = state.output / options.output
        kept = path.with_suffix(".state.safetensors")
        ladder = self._ladder(model, state, lambda ladder: store.save(kept, KIND, *ladder.state()))
        if state.resume and kept.exists():
            ladder.restore(*store.load(kept, KIND))
            state.log(f"going on at {ladder.share:.3g} of ln p, iteration {ladder.done}")
        with state.working("learning") as bar:
            for rung in ladder.climb():
                bar.at(rung.share, f"{rung.share:.0%} of ln p, {rung.log_z - rung.bound:.4f} nats off")
        model.save(path, {"ladder": [rung.row() for rung in ladder.rungs]})
        write_ladder(ladder.rungs, path.with_suffix(".csv"))
        lines = said(ladder.rungs)
        if ladder.lost:
            lines.append(f"note: forces on {ladder.lost} draws were no numbers, and taught nothing")
        for line in lines:
            state.log(f"learn: {line}")
        title = state.title or state.given["target"].name or "learn"
        path.with_suffix(".html").write_bytes(ladder_page(ladder.rungs, lines, title, state.provenance()))
        state.given["model"] = model

    def _expect_forces(self, target: Target) -> None:
        """Raise BackmapError if the target has no forces, without which only the model's own density would be seen."""
        if not target.log_density(torch.ones(1, target.size, dtype=torch.float64, requires_grad=True)).requires_grad:
            raise BackmapError(f"the target '{target.name}' has no forces: its log_density is not differentiable",
                               where=self.where, hint="Write it in torch, or take the step 'train_model'.")

    def _ladder(self, model: Model, state: State,
                keep: Callable[[Ladder], None]) -> Ladder:
        options = self.options
        rungs = None if options.ladder == "adaptive" else options.ladder
        plan = LadderPlan(rungs, options.hottest, draws=options.draws, iterations=options.iterations,
                          last=options.last, learning_rate=options.learning_rate, width=options.width,
                          forward=0.5 if options.objective == "mixed" else 0.0)
        return Ladder(state.given["target"], model.network, plan, numpy_generator(state.seed, self.index, "learn"),
                      keep)


def said(rungs: list[Rung]) -> list[str]:
    """What a ladder shows, a line each."""
    last = rungs[-1]
    lines = [f"{len(rungs)} rungs from {rungs[0].share:.3g} to 1; ln Z {last.log_z:.4f} ± {last.log_z_error:.4f} by "
             f"weights, at least {last.bound:.4f} ± {last.bound_error:.4f}: {max(last.log_z - last.bound, 0.0):.2g} "
             f"nats from the target, as far as the model reaches; effective share {last.effective:.3g}, independent "
             f"proposals accepted {last.accepted:.3g}"]
    if not last.log_z - last.bound < DISTANT:
        return [*lines, "note: the model has not learned the target: take more components or iterations, or a width "
                        "and a learning rate that suit its coordinates"]
    if last.summed is None:
        return [*lines, "note: without hotter rungs nothing tells whether wells are missing: weights do not notice"]
    apart, seen = last.summed - last.log_z, max(APART, ERRORS * last.summed_error)
    if abs(apart) > seen:
        return [*lines, f"note: ln Z summed along the ladder is {apart:+.3f} nats off: wells were lost on the way. "
                        "Begin hotter, or take more draws, iterations or components"]
    return [*lines, f"summed along the ladder, ln Z is {apart:+.4f} off: no well of more than "
                    f"{seen:.1%} was lost on the way"]


def write_ladder(rungs: list[Rung], path: Path) -> None:
    """The ladder as a table."""
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rungs[0].row()))
        table.writeheader()
        table.writerows(rung.row() for rung in rungs)
    partial.replace(path)
