"""The steps ``target`` (a density) and ``explore`` (configurations of it, to learn from)."""
from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backmap.api import InputPath, Nested, Options, OutputPath, State, Step, Target
from backmap.engine.checkpoints import store
from backmap.engine.random import numpy_generator
from backmap.errors import BackmapError

KIND = "ensemble samples"


class TargetOptions(Options):
    """Options of ``target``."""

    target: Nested[Target] = Field(description="The density.")


class GiveTarget(Step):
    """Sets the target density of the steps that follow."""

    Options = TargetOptions
    gives = frozenset({"target"})

    def start(self, state: State) -> None:
        state.given["target"] = self.options.target
        state.log(f"{self.options.target.name or 'target'}: {self.options.target.size} coordinates")


class ExploreOptions(Options):
    """Options of ``explore``."""

    changed_names: ClassVar = {"burn": "is called 'burn_in' now"}

    data: InputPath | None = Field(None, description="Configurations made elsewhere (.npy, one a row, or a file that "
                                                     "this step wrote) instead of new ones.")
    samples: int = Field(10_000, ge=1, description="How many to keep.")
    chains: int = Field(64, ge=1, description="Chains side by side, started all over the place.")
    sweeps: int = Field(10, ge=1, description="Sweeps between two that are kept.")
    burn_in: int = Field(200, ge=0, description="Sweeps before the first.")
    collective: bool = Field(True, description="Use the target's own collective moves, where it has some, so that "
                                               "chains cross its barriers.")
    only: dict[str, tuple[float, float]] = Field({}, description="Keep only those of which these observables lie "
                                                                 "between two values.")
    output: OutputPath = Field(Path("samples.safetensors"), description="The configurations: one file of tensors.")


class Explore(Step):
    """Makes configurations to train a model on, by the target's own moves in several chains."""

    Options = ExploreOptions
    needs = frozenset({"target"})
    gives = frozenset({"samples"})
    beforehand = True

    def start(self, state: State) -> None:
        target, path = state.given["target"], state.output / self.options.output
        if self.options.data is not None:
            x = read_samples(self.options.data, target)
            x = x[self._wanted(target, x)][:self.options.samples]
        elif state.resume and path.exists():
            x = read_samples(path, target)
        else:
            x = self._made(target, numpy_generator(state.seed, self.index, "explore"), state)
        if not len(x):
            raise BackmapError(f"no configuration has {self._range()}", where=self.where)
        dtype = torch.uint8 if set(target.variables) == {"binary"} else torch.float64
        store.save(path, KIND, {"x": x.to(dtype)}, {})
        state.given["samples"] = x
        state.log(f"{len(x)} configurations -> {self.options.output}")

    def _made(self, target: Target, rng: np.random.Generator, state: State) -> Tensor:
        options = self.options
        x, kept, count, idle = target.start(options.chains, rng), [], 0, 0
        x = self._moved(target, x, options.burn_in, rng)
        with state.working("exploring", options.samples, "") as bar:
            while count < options.samples:
                x = self._moved(target, x, options.sweeps, rng)
                kept.append(x[self._wanted(target, x)])
                count, idle = count + len(kept[-1]), 0 if len(kept[-1]) else idle + 1
                bar.at(min(count, options.samples))
                if idle == 1000:
                    raise BackmapError(f"in 1000 rounds no chain came by where it has {self._range()}",
                                       where=self.where)
        return torch.cat(kept)[:options.samples]

    def _moved(self, target: Target, x: Tensor, sweeps: int, rng: np.random.Generator) -> Tensor:
        return target.collective(x, sweeps, rng) if self.options.collective else target.local(x, sweeps, rng)[0]

    def _wanted(self, target: Target, x: Tensor) -> Tensor:
        wanted = torch.ones(len(x), dtype=torch.bool)
        found = target.observables(x) if self.options.only else {}
        for name, (low, high) in self.options.only.items():
            if name not in found:
                raise BackmapError(f"the target has no observable '{name}'", where=f"{self.where}.only",
                                   hint=f"It has: {', '.join(found) or 'none'}.")
            wanted &= torch.from_numpy((found[name] >= low) & (found[name] <= high))
        return wanted

    def _range(self) -> str:
        return " and ".join(f"{low:g} <= {name} <= {high:g}" for name, (low, high) in self.options.only.items())


def read_samples(path: Path, target: Target) -> Tensor:
    """Configurations (n, D) of a file, float64.

    Raises:
        BackmapError: If it holds no configurations of this target.
    """
    if path.suffix == ".npy":
        try:
            array = np.load(path, allow_pickle=False)
            x = torch.from_numpy(array.astype(np.float64))
        except (ValueError, OSError, EOFError) as error:
            raise BackmapError("is no file of numbers that numpy wrote", where=path, hint=str(error)) from None
    else:
        x = store.load(path, KIND)[0]["x"].double()
    if x.dim() != 2 or x.shape[1] != target.size:
        raise BackmapError(f"holds an array of {' x '.join(map(str, x.shape))}, but configurations of this target are "
                           f"rows of {target.size} numbers", where=path)
    impossible = ~torch.isfinite(target.log_density(x))
    if bool(impossible.any()):
        raise BackmapError(f"{int(impossible.sum())} of {len(x)} configurations are impossible in this target",
                           where=path, hint=f"The first is row {int(impossible.nonzero()[0])}, counted from 0.")
    return x
