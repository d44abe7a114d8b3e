"""What sites look like on the grid: beads, atoms of the frame before, atoms of this one, a channel for each."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType

from ..equivariant.density import LocalFrame, spare_directions
from ..voxel_gan.grid import Grid


@dataclass(frozen=True)
class Fragments:
    """The fragments that a network knows.

    Attributes:
        names: ``type bead`` of each.
        atoms: Largest number of atoms of one.
        beads: Largest number of beads that one sees.
    """

    names: tuple[str, ...]
    atoms: int
    beads: int

    @classmethod
    def of(cls, types: list[MoleculeType], tables: FragmentTable) -> Fragments:
        """Those of molecule types whose beads own atoms."""
        owning = (tables.atoms >= 0).any(dim=1).tolist()
        names = [name for name, owns in zip(_names(tables), owning) if owns]
        return cls(tuple(dict.fromkeys(names)), tables.atoms.shape[1], tables.beads.shape[1])

    def tables(self, tables: FragmentTable, where: object) -> tuple[Tensor, Tensor]:
        """Number of each fragment row among the names, (R,), and channel of each of its atoms, (R, F), -1 for none.

        Channels are in the order of the topology, whatever the order in which fragments are drawn.

        Raises:
            BackmapError: If there is a fragment that it does not know.
        """
        owning = (tables.atoms >= 0).any(dim=1)
        names, known = _names(tables), {name: k for k, name in enumerate(self.names)}
        unknown = [name for name, owns in zip(names, owning.tolist()) if owns and name not in known]
        if unknown:
            raise BackmapError(f"the weights know no bead '{unknown[0]}' with atoms of its own", where=where,
                               hint=f"They know: {', '.join(self.names)}. Write 'whole' in topology as in training.")
        atoms = tables.atoms
        order = torch.argsort(torch.argsort(torch.where(atoms >= 0, atoms, atoms.max() + 1), dim=1), dim=1)
        kind = torch.tensor([known.get(name, 0) for name in names], device=atoms.device)
        return kind, torch.where(atoms >= 0, order, -1)


def _names(tables: FragmentTable) -> list[str]:
    return [f"{tables.types[kind].name} {tables.types[kind].bead_names[bead]}"
            for kind, bead in zip(tables.type.tolist(), tables.bead.tolist())]


@dataclass(frozen=True, eq=False)
class VoxelSight:
    """Sites in frames of their own, which beads give: the middle of these, and axes along them.

    Attributes:
        env: In the mirrored world, so that one mirror image only is met.
        grid: The voxels.
        kind: Number of each site's fragment, (S,).
        channel: Of each of its atoms, (S, F), -1 for padding.
        middle: Of the beads, nm from the anchor, (S, 1, 3).
        axes: Rows of the frames, (S, 3, 3).
    """

    env: LocalEnvironment
    grid: Grid
    kind: Tensor
    channel: Tensor
    middle: Tensor
    axes: Tensor

    @classmethod
    def of(cls, env: LocalEnvironment, grid: Grid, kind: Tensor, channel: Tensor, turn: Tensor | None) -> VoxelSight:
        """Look at sites.

        Args:
            env: Of S sites.
            grid: The voxels.
            kind, channel: As ``Fragments.tables`` gives them, by fragment row.
            turn: Rotations of the frames, (S, 3, 3), or None.
        """
        env = env.mirrored()
        there = env.beads_present[:, :, None].float()
        middle = (env.beads * there).sum(1, keepdim=True) / there.sum(1, keepdim=True)
        beads = torch.nn.functional.pad(env.beads, (0, 0, 0, max(0, 3 - env.beads.shape[1]))).double()
        axes = LocalFrame.of(beads[:, 0], beads[:, 1], beads[:, 2], spare_directions(env)).axes
        axes = axes.float() if turn is None else (turn.to(axes) @ axes).float()
        return cls(env, grid, kind[env.row], channel[env.row], middle.float(), axes)

    def local(self, positions: Tensor) -> Tensor:
        """Positions (S, n, 3), nm from the anchors in the mirrored world, in the frames."""
        return (positions.float() - self.middle) @ self.axes.transpose(1, 2)

    def world(self, local: Tensor) -> Tensor:
        """Positions (S, n, 3) of the frames as the user's world has them, nm from the anchors."""
        return (local @ self.axes + self.middle) * self.env.sign[:, None, None]

    def by_channel(self, positions: Tensor, channels: int) -> Tensor:
        """Atoms (S, F, 3) by their channels, (S, A, 3); empty ones are far away, where no voxel sees them."""
        away = positions.new_full((len(positions), channels + 1, 3), 1e3)
        at = torch.where(self.channel >= 0, self.channel, channels)
        return away.scatter(1, at[:, :, None].expand(-1, -1, 3), positions)[:, :channels]

    def by_atom(self, positions: Tensor) -> Tensor:
        """The reverse: (S, F, 3) of (S, A, 3)."""
        return positions.gather(1, self.channel.clamp_min(0)[:, :, None].expand(-1, -1, 3))

    def densities(self, positions: Tensor) -> Tensor:
        """Every point of (S, n, 3) in a channel of its own, (S, n, G)."""
        spread = self.grid.spread(positions)
        there = (positions.abs().amax(dim=2) < 100)[:, :, None, None]
        return (there * spread.edge[:, :, :, None] * spread.face[:, :, None]).flatten(2)

    def beads(self) -> Tensor:
        """Channels of beads, (S, B, G)."""
        return self.densities(self.local(self.env.beads)) * self.env.beads_present[:, :, None]
