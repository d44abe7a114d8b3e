"""The two networks: residual convolutions on the grid, conditioned by what is to be placed.

After Stieffenhofer, Wand and Bereau (2020), figure 2, in a size that a processor can train: an encoder with one
pooling, noise and atom type joined to its features, a decoder with one upsampling; the critic ends in a number.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .grid import Grid

SLOPE = 0.2  #: of the leaky ReLU


class ResidualBlock(nn.Module):
    """Two convolutions around which the features are carried over; layer norm before each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(1, channels) for _ in range(2))
        self.convolutions = nn.ModuleList(nn.Conv3d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Features (T, channels, n, n, n) of features of the same shape."""
        h = x
        for norm, convolution in zip(self.norms, self.convolutions):
            h = convolution(functional.leaky_relu(norm(h), SLOPE))
        return x + h


class Encoder(nn.Module):
    """A condition (T, channels, n, n, n) and what belongs to its target (T, extra) to features (T, C, n/2, ...)."""

    def __init__(self, inputs: int, extra: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.pool = nn.Conv3d(inputs, channels, 4, stride=2, padding=1)
        self.join = nn.Linear(extra, channels)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))

    def forward(self, condition: Tensor, extra: Tensor) -> Tensor:
        """Features (T, C, n/2, n/2, n/2) of a condition and of what belongs to its target (T, extra)."""
        return self.blocks(self.pool(condition) + self.join(extra)[:, :, None, None, None])


def halved(module: nn.Module, x: Tensor) -> torch.autocast:
    """Context in which convolutions run in bfloat16, at least twice as fast: in training, where gradients are noisy."""
    return torch.autocast(x.device.type, torch.bfloat16, enabled=module.training)


class Placer(nn.Module):
    """The generator's network: a density on the grid, collapsed to its mean."""

    def __init__(self, grid: Grid, inputs: int, description: int, noise: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.grid, self.noise = grid, noise
        self.encoder = Encoder(inputs, description + noise, channels, blocks)
        self.norm = nn.GroupNorm(1, channels)
        self.up = nn.ConvTranspose3d(channels, channels // 2, 4, stride=2, padding=1)
        self.out = nn.Conv3d(channels // 2, 1, 3, padding=1)
        self.register_buffer("points", grid.points(torch.device("cpu")), persistent=False)

    def forward(self, condition: Tensor, description: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Density (T, G), which sums to one, and position (T, 3), nm in the local frame."""
        with halved(self, condition):
            h = self.encoder(condition, torch.cat([description, noise], dim=1))
            h = self.up(functional.leaky_relu(self.norm(h), SLOPE))
        density = torch.softmax(self.out(functional.leaky_relu(h.float(), SLOPE)).flatten(1), dim=1)
        return density, density @ self.points


class Critic(nn.Module):
    """How real an atom (T, 1, n, n, n) looks in its condition, (T,)."""

    def __init__(self, grid: Grid, inputs: int, description: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.encoder = Encoder(inputs + 1, description, channels, blocks)
        self.out = nn.Linear(channels * (grid.n // 2) ** 3, 1)

    def forward(self, condition: Tensor, atom: Tensor, description: Tensor) -> Tensor:
        """Scores (T,): high for true atoms, low for drawn ones."""
        with halved(self, condition):
            h = self.encoder(torch.cat([condition, atom], dim=1), description)
        return self.out(functional.leaky_relu(h.float(), SLOPE).flatten(1))[:, 0]
