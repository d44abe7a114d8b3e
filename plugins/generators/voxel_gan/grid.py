"""Surroundings as densities on a grid: every atom is a Gaussian, every channel a sum of them.

Shapes: S sites, T atoms to be placed (targets), N neighbours, F atoms of the largest fragment, G = n^3 voxels.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.model.pairs import FAR

from ..equivariant.density import LocalFrame, spare_directions
from ..units import Lengthscale
from .channels import RELATIONS, ChannelTables, Vocabulary

NEAREST = 96  #: neighbour atoms that enter a grid, the nearest ones to its centre
FARTHEST = 50.0  #: squared distance, in units of sigma^2, beyond which tails are flat: subnormal numbers are slow
TOUCHING = 2e-3  #: nm
HIDDEN = 5  #: bonds up to which hydrogens of the same molecule are hidden from heavy atoms: current and adjacent beads


@dataclass(frozen=True)
class Grid:
    """A cube of n^3 voxels.

    Attributes:
        n: Number of voxels along an edge.
        edge: Length of an edge, nm.
        sigma: Standard deviation of an atom's Gaussian, nm.
    """

    n: int
    edge: float
    sigma: float

    def axis(self, device: torch.device) -> Tensor:
        """Centres of the voxels along an edge, nm, (n,)."""
        step = self.edge / self.n
        return (torch.arange(self.n, device=device) - 0.5 * (self.n - 1)) * step

    def points(self, device: torch.device) -> Tensor:
        """Centres of all voxels, nm, (G, 3)."""
        axis = self.axis(device)
        return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)

    def spread(self, positions: Tensor) -> Gaussians:
        """exp(-(x - r)^2 / (2 sigma^2)) of positions (S, N, 3)."""
        square = ((positions[..., None] - self.axis(positions.device)) / self.sigma) ** 2
        x, y, z = torch.exp(-0.5 * square.clamp_max(FARTHEST)).unbind(-2)
        return Gaussians(x, (y[..., :, None] * z[..., None, :]).flatten(-2))


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Densities of atoms as products of an edge and a face, which take an eighth of the memory of the cube.

    Attributes:
        edge: Factor along the first axis, (S, N, n).
        face: Factor in the plane of the other two, (S, N, n^2).
    """

    edge: Tensor
    face: Tensor

    def at(self, site: Tensor) -> Gaussians:
        """Those of some of the sites."""
        return Gaussians(self.edge[site], self.face[site])

    def summed(self, channels: Tensor) -> Tensor:
        """Sums with weights ``channels`` (S, C, N), (S, C, G)."""
        weighted = channels[:, :, None] * self.edge.transpose(1, 2)[:, None]
        return torch.bmm(weighted.flatten(1, 2), self.face).reshape(len(channels), channels.shape[1], -1)


@dataclass(frozen=True, eq=False)
class Sight:
    """What the atoms of a batch of sites have in common, in the local frames of the sites.

    Attributes:
        env: In the mirrored world, so that one mirror image only is met.
        tables: Channels of atoms and beads.
        grid: The voxels.
        axes: Rows of each local frame, (S, 3, 3).
        around: Densities of the N nearest neighbours of each site.
        rows: Atom rows of these neighbours, (S, N).
        there: Whether each of them is placed, (S, N) bool.
        same: Whether each of them is in the site's own molecule, as in the environment, (S, N).
        beads: Channels of beads, (S, n_beads, G).
        given: Fragment atoms in the local frame where they are not drawn, nm, (S, F, 3).
        scale: Unit of all these lengths, nm for atoms.
    """

    env: LocalEnvironment
    tables: ChannelTables
    grid: Grid
    axes: Tensor
    around: Gaussians
    rows: Tensor
    there: Tensor
    same: Tensor
    beads: Tensor
    given: Tensor
    scale: Lengthscale

    @classmethod
    def of(cls, env: LocalEnvironment, tables: ChannelTables, vocabulary: Vocabulary, grid: Grid,
           turn: Tensor | None, scale: Lengthscale) -> Sight:
        """Look around every site.

        Args:
            turn: Angles about the axis of the local frame, radians, (S,): for augmentation and for candidates; None
                leaves the frame as the beads give it.
        """
        env = scale.seen(env.mirrored())
        axes = _axes(env, turn)
        square = (env.neighbours**2).sum(2) + torch.where(env.neighbours_placed, 0.0, 1e6)
        near = torch.topk(square, min(NEAREST, square.shape[1]), dim=1, largest=False).indices
        positions = env.neighbours.gather(1, near[:, :, None].expand(-1, -1, 3)) @ axes.transpose(1, 2)
        return cls(env, tables, grid, axes, grid.spread(positions), env.neighbour_atom.gather(1, near),
                   env.neighbours_placed.gather(1, near), env.neighbour_same.gather(1, near),
                   _beads(env, tables, vocabulary, grid, axes), env.given.float() @ axes.transpose(1, 2),
                   scale)

    def local(self, positions: Tensor) -> Tensor:
        """Positions (S, F, 3), as the user's world has them, in the local frames."""
        return (self.scale.inside(positions) * self.env.sign[:, None, None]).float() @ self.axes.transpose(1, 2)

    def world(self, local: Tensor) -> Tensor:
        """Back again."""
        return self.scale.outside(local @ self.axes) * self.env.sign[:, None, None]

    def condition(self, site: Tensor, atom: Tensor, own: Tensor, hide: bool) -> Tensor:
        """What T targets see, (T, channels, n, n, n): atoms before them in drawing order, given ones, neighbours.

        Args:
            site: Site of each target, (T,).
            atom: Fragment atom of that site that is to be placed, (T,).
            own: Fragment atoms in the local frame, nm, (T, F, 3); those of later atoms are not looked at.
            hide: Leave hydrogens of this and adjacent beads out where a heavy atom is placed.
        """
        fragments, n = self.env.fragments, self.grid.n
        row = self.env.row[site]
        own_rows = fragments.atoms[row]
        order = torch.arange(own_rows.shape[1], device=site.device)
        before = (order < atom[:, None]) | ~self.env.block[site]
        there = torch.cat([self.there[site], before & (own_rows >= 0) & (order != atom[:, None])], dim=1)
        rows = torch.cat([self.rows[site], own_rows.clamp_min(0)], dim=1)
        same = torch.cat([self.same[site], own_rows >= 0], dim=1)
        target = own_rows.gather(1, atom[:, None])
        bonds = _bonds(fragments, target, rows, same)
        if hide:
            hidden = self.tables.hydrogen[rows] & (bonds <= HIDDEN) & ~self.tables.hydrogen[target]
            there = there & ~hidden
        relation = torch.stack([*(bonds == number for number in range(1, RELATIONS)), bonds >= RELATIONS], dim=1)
        channels = torch.cat([self.tables.atom[rows].transpose(1, 2), relation.float()], dim=1) * there[:, None]
        n_near = self.rows.shape[1]
        summed = (self.around.at(site).summed(channels[:, :, :n_near])
                  + self.grid.spread(own).summed(channels[:, :, n_near:]))
        return torch.cat([summed, self.beads[site]], dim=1).reshape(len(site), -1, n, n, n)

    def description(self, site: Tensor, atom: Tensor) -> Tensor:
        """Numbers that describe T targets, (T, description)."""
        rows = self.env.fragments.atoms[self.env.row[site], atom]
        return torch.cat([self.tables.description[rows], self.env.noise[site, None]], dim=1)

    def on_rigid_bond(self, site: Tensor, atom: Tensor, positions: Tensor, own: Tensor) -> Tensor:
        """Positions (T, 3) moved along their bond until its length is the rigid one, where there is one."""
        fragments, row = self.env.fragments, self.env.row[site]
        n_own, n_context = own.shape[1], self.env.context.shape[1]
        index, length = fragments.reference[row, atom, 0], fragments.length[row, atom]
        inside, outside = index < n_own, (index >= n_own) & (index < n_own + n_context)
        context = self.env.context[site, (index - n_own).clamp(0, n_context - 1)]
        turned = torch.einsum("tij,tj->ti", self.axes[site], context)
        centre = torch.where(inside[:, None], own[torch.arange(len(site)), index.clamp_max(n_own - 1)], turned)
        way = positions - centre
        # Where a position falls on the atom before, it has no direction: it takes that of the frame's axis.
        near = way.norm(dim=1, keepdim=True) < TOUCHING
        way = torch.where(near, way + way.new_tensor([2 * TOUCHING, 0.0, 0.0]), way)
        distance = way.norm(dim=1, keepdim=True)
        placed = centre + way * (length.nan_to_num(0.1)[:, None] / distance)
        rigid = (inside | outside) & torch.isfinite(length) & fragments.bonded[row, atom]
        return torch.where(rigid[:, None], placed, positions)


def _axes(env: LocalEnvironment, turn: Tensor | None) -> Tensor:
    """Local frames of the sites, rows: the axis to the predecessor bead, and two across, (S, 3, 3)."""
    beads = torch.nn.functional.pad(env.beads, (0, 0, 0, max(0, 3 - env.beads.shape[1]))).double()
    axes = LocalFrame.of(beads[:, 0], beads[:, 1], beads[:, 2], spare_directions(env)).axes.float()
    if turn is None:
        return axes
    cos, sin = turn.float().cos()[:, None], turn.float().sin()[:, None]
    return torch.stack([axes[:, 0], cos * axes[:, 1] + sin * axes[:, 2], cos * axes[:, 2] - sin * axes[:, 1]], dim=1)


def _beads(env: LocalEnvironment, tables: ChannelTables, vocabulary: Vocabulary, grid: Grid, axes: Tensor) -> Tensor:
    """Channels of neighbouring beads and of the site's own, (S, n_beads, G)."""
    if not vocabulary.n_beads:
        return axes.new_zeros(len(axes), 0, grid.n**3)
    positions = torch.cat([torch.zeros_like(env.neighbour_beads[:, :1]), env.neighbour_beads], dim=1)
    rows = torch.cat([env.row[:, None], env.neighbour_bead_row], dim=1)
    kinds = tables.bead[rows.clamp_min(0)] * (rows >= 0)[:, :, None]
    return grid.spread(positions @ axes.transpose(1, 2)).summed(kinds.transpose(1, 2))


def _bonds(fragments: FragmentTable, target: Tensor, rows: Tensor, same: Tensor) -> Tensor:
    """Bonds between targets (T, 1) and other atom rows (T, n), 99 for other molecules."""
    return torch.where(same, fragments.bonds_between(target, torch.where(same, rows, target)), FAR)
