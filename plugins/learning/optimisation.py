"""What trainings share: the running average of weights, the learning rate, an optimiser's state as tensors."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

LAST = 0.01  #: learning rate at the end, of the highest one


class Average:
    """The running average of a network's weights, which is what is kept of a training.

    Attributes:
        decay: Of what was averaged before, in one step; less in the first ones.
        weights: The average by name, as in ``network.state_dict()``.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self.decay = network, decay
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the network after ``step`` steps; what is no real number, such as a table, is copied."""
        decay = min(self.decay, step / (step + 20))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """Context in which the network bears the average, and does not train."""
        own = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.weights)
        try:
            with resting(self.network):
                yield
        finally:
            self.network.load_state_dict(own)


@contextmanager
def resting(network: nn.Module) -> Iterator[None]:
    """Context in which a network draws as it does when training is over."""
    if not network.training:
        yield
        return
    network.eval()
    try:
        yield
    finally:
        network.train()


def pace(step: int, warm: int, progress: float) -> float:
    """Learning rate of a step, as a share of the highest: a ramp of ``warm`` steps times half a cosine.

    Args:
        step: Number of the step, counted from 0.
        warm: Number of steps of the ramp.
        progress: 0 to 1 along the cosine, which ends at ``LAST``.
    """
    cosine = 0.5 * (1 + np.cos(np.pi * progress))
    return min(1.0, (step + 1) / warm) * (LAST + (1 - LAST) * cosine)


def packed(optimiser: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """State of an optimiser as tensors by name, for a file."""
    return {f"{prefix}{number}.{name}": torch.as_tensor(value)
            for number, entry in optimiser.state_dict()["state"].items() for name, value in entry.items()}


def unpack(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], prefix: str) -> None:
    """Give an optimiser the state that ``packed`` made."""
    state = optimiser.state_dict()
    for key, value in under(tensors, prefix).items():
        number, name = key.split(".", 1)
        state["state"].setdefault(int(number), {})[name] = value
    optimiser.load_state_dict(state)


def under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
