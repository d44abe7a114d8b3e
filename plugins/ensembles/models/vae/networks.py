"""Parts that encoder and decoders share: features of coordinates, and a small residual network."""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Features(nn.Module):
    """What networks see of configurations: signs of binary variables, sine and cosine of angles, scaled reals.

    For a lattice, its mean is one feature more.
    """

    def __init__(self, variables: tuple[str, ...], grid: tuple[int, ...] = ()) -> None:
        super().__init__()
        for kind in ("binary", "angle", "real"):
            columns = [number for number, name in enumerate(variables) if name == kind]
            self.register_buffer(kind, torch.tensor(columns, dtype=torch.long), persistent=False)
        self.register_buffer("centre", torch.zeros(len(self.real), dtype=torch.float64))
        self.register_buffer("scale", torch.ones(len(self.real), dtype=torch.float64))
        self.mean = bool(grid)
        self.size = len(self.binary) + 2 * len(self.angle) + len(self.real) + self.mean

    def adapt(self, x: Tensor) -> None:
        """Take centre and scale of the reals from data (n, D)."""
        if len(self.real) and len(x) > 1:
            self.centre.copy_(x[:, self.real].mean(0))
            self.scale.copy_(x[:, self.real].std(0).clamp_min(1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, size), float32."""
        angle = x[:, self.angle]
        parts = [2 * x[:, self.binary] - 1, angle.cos(), angle.sin(), (x[:, self.real] - self.centre) / self.scale]
        if self.mean:
            parts.append(parts[0].mean(1, keepdim=True) * 3)
        return torch.cat(parts, dim=1).float()


class Residual(nn.Module):
    """A perceptron with a residual block and a linear path beside it; its last layer starts at zero."""

    def __init__(self, inputs: int, hidden: int, outputs: int, blocks: int = 1) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.blocks = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.last, self.beside = nn.Linear(hidden, outputs), nn.Linear(inputs, outputs, bias=False)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        nn.init.zeros_(self.beside.weight)

    def forward(self, x: Tensor, shift: Tensor | None = None) -> Tensor:
        """Outputs (..., outputs); ``shift`` is added to the first hidden layer, before it bends."""
        hidden = self.first(x)
        hidden = functional.silu(hidden if shift is None else hidden + shift)
        for block in self.blocks:
            hidden = hidden + functional.silu(block(hidden))
        return self.last(hidden) + self.beside(x)
