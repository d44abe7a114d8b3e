"""The two networks: densities to latent variables, and latent variables with beads and the frame before to densities.

After Stieffenhofer, PhD thesis (Mainz, 2022), chapter 8, in a size that a processor can train.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..voxel_gan.grid import Grid
from ..voxel_gan.network import SLOPE, ResidualBlock, halved
from .mixture import MixtureLaw

CORNERS = 2  #: voxels along an edge of the cube that latent variables are laid out in
EMPTY = -6.0  #: logit of the density that the decoder begins with: most voxels are empty


class _Row(nn.Module):
    """A convolution of the grid with what belongs to the kind of fragment added to its features."""

    def __init__(self, inputs: int, kinds: int, width: int, size: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(inputs, width, size, stride=stride, padding=(size - 1) // 2)
        self.kind = nn.Embedding(kinds, width)

    def forward(self, x: Tensor, kind: Tensor) -> Tensor:
        """Features (S, width, ...) of channels (S, inputs, n, n, n)."""
        return self.convolution(x) + self.kind(kind)[:, :, None, None, None]


class VoxelVaeNetwork(nn.Module):
    """All that is learned of B channels of beads and A channels of atoms.

    Args:
        grid: The voxels.
        beads, atoms: Numbers of channels.
        kinds: Number of kinds of fragments.
        latents: Number d of latent variables, a multiple of 8.
        width: Channels of the convolutions.
        blocks: Residual blocks of each part.
        components: Gaussians of the law of latent variables.
    """

    def __init__(self, grid: Grid, beads: int, atoms: int, kinds: int, latents: int, width: int, blocks: int,
                 components: int) -> None:
        super().__init__()
        self.grid, self.atoms, self.latents = grid, atoms, latents
        self.enter = _Row(beads + 2 * atoms, kinds, width, 4, 2)
        self.encode = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)),
                                    nn.Conv3d(width, width, 4, stride=2, padding=1), ResidualBlock(width))
        self.moments = nn.Linear(width * (grid.n // 4)**3, 2 * latents)
        self.condition = _Row(beads + atoms, kinds, width, 3, 1)
        self.told = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.latent = nn.Conv3d(latents // CORNERS**3, width // 2, 5, padding=2)
        self.join = nn.Conv3d(width + width // 2, width, 3, padding=1)
        self.decode = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.out = nn.Conv3d(width, atoms, 1)
        nn.init.constant_(self.out.bias, EMPTY)
        self.law = MixtureLaw(components, latents)
        self.register_buffer("points", grid.points(torch.device("cpu")), persistent=False)

    def encoded(self, densities: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and ln of the standard deviation of q(z | r), (S, d), of beads, the frame before and this one.

        Args:
            densities: (S, B + 2 A, n, n, n).
            kind: Of each site's fragment, (S,).
        """
        with halved(self, densities):
            h = self.encode(self.enter(densities, kind))
        mean, log_sd = self.moments(functional.leaky_relu(h.float(), SLOPE).flatten(1)).chunk(2, dim=1)
        return mean, log_sd.clamp(-7, 2)

    def seen(self, densities: Tensor, kind: Tensor) -> Tensor:
        """Features of beads and the frame before, (S, width, n, n, n), of densities (S, B + A, n, n, n)."""
        with halved(self, densities):
            return self.told(self.condition(densities, kind))

    def decoded(self, seen: Tensor, z: Tensor) -> Tensor:
        """Densities of atoms (S, A, G), 0 to 1, of features and latent variables (S, d)."""
        n = self.grid.n
        with halved(self, seen):
            corners = z.reshape(len(z), -1, CORNERS, CORNERS, CORNERS)
            laid = self.latent(functional.interpolate(corners, size=(n, n, n)))
            h = self.out(self.decode(self.join(torch.cat([seen, laid.to(seen)], dim=1))))
        return torch.sigmoid(h.float()).flatten(2)

    def placed(self, density: Tensor) -> Tensor:
        """Where atoms are, nm, (S, A, 3): the means of their densities (S, A, G)."""
        return (density @ self.points) / density.sum(dim=2, keepdim=True)
