"""Random numbers for tensors, drawn from numpy's generators so that a run follows from its seed."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def normal(rng: np.random.Generator, *shape: int) -> Tensor:
    """Standard normal numbers, float64."""
    return torch.from_numpy(rng.standard_normal(shape))


def uniform(rng: np.random.Generator, *shape: int) -> Tensor:
    """Numbers between 0 and 1, float64."""
    return torch.from_numpy(rng.random(shape))
