"""What all decoders P(x|z) do."""
from __future__ import annotations

from abc import abstractmethod

import numpy as np
from torch import Tensor, nn


class Decoder(nn.Module):
    """P(x|z) of configurations x (n, D) given z (n, L), float64; networks inside compute in float32."""

    @abstractmethod
    def draw(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """x from P(x|z), and ln P(x|z) (n,). Gradients are off."""

    @abstractmethod
    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        """ln P(x|z) (n,), differentiable."""

    def adapt(self, x: Tensor) -> None:
        """See training data once, before the first step."""

    def kept(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Its weights by name as a file keeps them: those that nothing follows from may be left out."""
        return tensors

    def taken(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """All of its weights by name, from those that a file keeps."""
        return tensors
