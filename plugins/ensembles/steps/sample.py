"""The step ``monte_carlo``: chains on a density, and what they show."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from torch import Tensor

from backmap.api import (
    Assessment,
    Chain,
    EnsembleAssessor,
    Model,
    Nested,
    Options,
    OutputPath,
    Sampler,
    Several,
    State,
    Step,
    Target,
)
from backmap.engine.random import numpy_generator
from backmap.errors import BackmapError

from ... import handed
from ...report.verdict import verdict
from ..report import page
from ..results import picture, summary, table, without


class MonteCarloOptions(Options):
    """Options of ``monte_carlo``."""

    changed_names: ClassVar = {"beside": "is called 'compare_with' now",
                               "beside_steps": "is called 'compare_steps' now"}

    sampler: Nested[Sampler] = Field("latent", validate_default=True, description="How the chains move.")
    model: Nested[Model] | None = Field(None, description="What proposes; by default the one just trained.")
    chains: int = Field(64, ge=1, description="Chains side by side.")
    steps: int = Field(1000, ge=1, description="Steps of each.")
    discard: int = Field(0, ge=0, description="Steps at the beginning that observables leave out.")
    begin: Literal["target", "samples"] = Field("target", description="Where chains set out from: the target's own "
                                                                      "starts, or configurations of explore.")
    relax: int = Field(100, ge=0, description="Sweeps of local moves before the first step.")
    compare_with: Nested[Sampler] | None = Field("local", validate_default=True, description="A sampler to compare "
                                                                                         "with.")
    compare_steps: int | None = Field(None, ge=1, description="Its steps; by default as many.")
    assessors: Several[EnsembleAssessor] = Field(["mixing", "moves", "agreement"], validate_default=True,
                                                 description="What the chains are judged by.")
    output: OutputPath = Field(Path("monte_carlo"), description="Names of the files, without what follows the dot: a "
                                                                "table (.json, .md), a report with plots (.html), "
                                                                "states (.npz), traces (.png).")


class MonteCarlo(Step):
    """Runs Monte Carlo chains on the target; reports acceptance, autocorrelation times and averages with errors."""

    Options = MonteCarloOptions
    gives = frozenset({"chain"})
    beforehand = True

    def __init__(self, options: MonteCarloOptions) -> None:
        super().__init__(options)
        proposes = options.sampler.needs_model and options.model is None
        self.needs = frozenset(["target", *["model"] * proposes, *["samples"] * (options.begin == "samples")])

    def start(self, state: State) -> None:
        options, target = self.options, state.given["target"]
        if options.discard >= min(options.steps, options.compare_steps or options.steps):
            raise BackmapError(f"of {options.steps} steps, {options.discard} are discarded", where=self.where)
        model = options.model or state.given.get("model")
        if options.model is not None:
            model.prepare(target)
        rng = numpy_generator(state.seed, self.index, "chains")
        x = self._begin(target, state, rng)
        chains = {options.sampler.name or "sampler": self._run(options.sampler, state, model, x, options.steps, rng)}
        if options.compare_with is not None:
            name = options.compare_with.name or "beside"
            chains[name if name not in chains else f"{name}, beside"] = self._run(
                options.compare_with, state, model, x, options.compare_steps or options.steps, rng)
        state.given["chain"] = chains
        self._write(chains, target, state)

    def _begin(self, target: Target, state: State, rng: np.random.Generator) -> Tensor:
        options = self.options
        if options.begin == "samples":
            samples = state.given["samples"]
            x = samples[rng.integers(len(samples), size=options.chains)]
        else:
            x = target.start(options.chains, rng)
        return target.local(x, options.relax, rng)[0]

    def _run(self, sampler: Sampler, state: State, model: Model | None, x: Tensor, steps: int,
             rng: np.random.Generator) -> Chain:
        with state.working(sampler.name) as bar:
            return sampler.run(state.given["target"], model, x, steps, rng, bar.at)

    def _assessed(self, chains: dict[str, Chain], target: Target) -> dict[str, dict[str, Assessment]]:
        """What every assessor says of the chains of each sampler, beside those of the other."""
        kept = {name: without(chain, self.options.discard) for name, chain in chains.items()}
        found: dict[str, dict[str, Assessment]] = {}
        for name, chain in kept.items():
            beside = next((other for label, other in kept.items() if label != name), None)
            found[name] = {each.name: handed.assessment(each, each.assess(target, chain, beside))
                           for each in self.options.assessors}
        return found

    def _write(self, chains: dict[str, Chain], target: Target, state: State) -> None:
        results: dict[str, Any] = {name: summary(chain, target, self.options.discard) for name, chain in chains.items()}
        verdicts = {}
        for name, assessments in self._assessed(chains, target).items():
            verdicts[name] = verdict(name, assessments.values())
            results[name] |= {"verdict": verdicts[name].words, "assessments": {
                assessor: assessment.to_json() for assessor, assessment in assessments.items()}}
        path = state.output / self.options.output
        path.parent.mkdir(parents=True, exist_ok=True)
        title = state.title or target.name or "Monte Carlo"
        text = table(results, title, verdicts)
        path.with_suffix(".json").write_text(json.dumps(results, indent=1), encoding="utf-8")
        path.with_suffix(".md").write_text(text, encoding="utf-8")
        np.savez_compressed(path.with_suffix(".npz"), **{f"{name}/{key}": values for name, chain in chains.items()
                                                         for key, values in chain.rows.items()})
        path.with_suffix(".html").write_bytes(page(results, verdicts, chains, self.options.discard, title,
                                                 state.provenance()))
        picture(chains, path.with_suffix(".png"))
        state.log(text)
        state.log(f"report, table, states and traces -> {self.options.output}.html, .md, .json, .npz, .png")
