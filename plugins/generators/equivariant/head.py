"""Densities of single atoms in internal coordinates, conditioned by the network."""
from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from backmap.engine.sites.records import as_arrays

from .circles import PAIRS, Circles, SeenClasses, pair_energy
from .density import Angles, Distances, LocalFrame, Torsions, closing_angle
from .kernels import LocalAxes, SlotLayer, SlotPlaces, looped, pooled_slots
from .network import Network
from .sums import gathered

if TYPE_CHECKING:
    from backmap.engine.sites.fragments import FragmentTable

    from .core import Sight


class Head:
    """Densities of T targets: atom ``atom`` of site ``site``, with positions from row ``row`` of ``local``."""

    def __init__(self, network: Network, sight: Sight, site: Tensor, row: Tensor, atom: Tensor,
                 local: Tensor) -> None:
        self.network, self.sight, self.site, self.atom = network, sight, site, atom
        tables = sight.env.fragments
        self.fragment = fragment = sight.env.row[site]
        reference = tables.reference[fragment, atom]
        points = local[row[:, None], reference]
        self.frame = LocalFrame.of(points[:, 0], points[:, 1], points[:, 2], sight.spare[site])
        self._bound(tables, fragment, atom)
        self.target = sight.slots.target[fragment, atom]
        self.hidden = self._hidden(atom, row, local)

    @classmethod
    def drawn(cls, network: Network, tables: FragmentTable, fragment: Tensor, atom: Tensor, frame: LocalFrame,
              hidden: Tensor, torsions: Torsions) -> Head:
        """What tells the log-densities of atoms that were drawn: their frames, what was known, and how they turn."""
        head = cls.__new__(cls)
        head.network, head.frame, head.hidden, head._torsion_density = network, frame, hidden, torsions
        head._bound(tables, fragment, atom)
        return head

    def _bound(self, tables: FragmentTable, fragment: Tensor, atom: Tensor) -> None:
        """The bonds that the atoms are drawn on."""
        self.length = tables.length[fragment, atom].double()
        self.closure_length = tables.closure_length[fragment, atom].double()
        self.closes = tables.closure[fragment, atom] >= 0
        self.rigid = torch.isfinite(self.length)

    def _hidden(self, atom: Tensor, row: Tensor, local: Tensor) -> Tensor:
        env, embedded = self.sight.env, self.sight.embedded
        self.axes = self.frame.axes.float()
        environment = self.network.encoder.in_frame(self.sight.features[self.site], self.axes)
        noise, temperature = env.noise[self.site], env.temperature[self.site]
        conditions = torch.stack([noise, (noise == 0).float(), 300 / temperature], dim=1)
        if self.sight.latents is not None:
            conditions = torch.cat([conditions, self.sight.latents[row]], dim=1)
        return self.network.hidden(self._pooled(atom, row, local), environment, embedded["target"][self.target],
                                   conditions)

    def _pooled(self, atom: Tensor, row: Tensor, local: Tensor) -> Tensor:
        """What the slots add up to, (T, slot_width)."""
        slots, embedded = self.sight.slots, self.sight.embedded
        index, of = slots.index[self.fragment, atom], slots.of[self.fragment, atom]
        residuals = self._residual_points(atom, row, local)
        if looped(local):
            layer = self.network.slot_geometry
            records = (SlotPlaces(local, row, index, residuals, of), LocalAxes(self.frame.origin, self.axes),
                       SlotLayer(layer.weight.T, layer.bias, embedded["gain"], embedded["shift"]))
            return torch.as_tensor(pooled_slots(*map(as_arrays, records)))
        points = local[row[:, None], index.clamp_min(0)]
        points = torch.cat([points[:, :-residuals.shape[1]], residuals], dim=1)
        relative = (points - self.frame.origin[:, None]).float() @ self.axes.transpose(1, 2)
        return self.network.pooled(relative, of, index >= 0, embedded)

    def _residual_points(self, atom: Tensor, row: Tensor, local: Tensor) -> Tensor:
        """Where the mass not placed yet must lie, for the first beads of the site, (T, 3, 3)."""
        slots = self.sight.slots
        weights = slots.residual[self.fragment, atom].double()
        n_placed = weights.shape[2]
        # Small molecules have fewer beads; their weights and scales are zero there.
        bead = n_placed + slots.residual_bead[self.fragment, atom]
        beads = local[row[:, None], bead.clamp_max(local.shape[1] - 1)]
        self.missing = beads - torch.bmm(weights, local[row, :n_placed])
        return self.missing * slots.residual_scale[self.fragment, atom].double()[:, :, None]

    def draw(self, uniform: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        """Positions (T, 3) from uniform numbers (T, 5), and what says their log-density (T,)."""
        distance = torch.where(self.rigid, self.length, 0.0)
        if not bool(self.rigid.all()):
            distance = torch.where(self.rigid, distance, self._distances().sample(uniform[:, 0]))
        angle = self._angles(distance).sample(uniform[:, 1:3])
        if bool(self.frame.no_axis.any()):
            angle = torch.where(self.frame.no_axis, torch.acos(1 - 2 * uniform[:, 1]), angle)
        if bool(self.closes.any()):
            angle = torch.where(self.closes, self._closing(distance)[0], angle)
        torsion = self._torsions(distance, angle).sample(uniform[:, 3:])
        torsion = torch.where(self.frame.no_plane, (2 * uniform[:, 3] - 1) * torch.pi, torsion)
        return self.frame.place(distance, angle, torsion), partial(self.log_density, distance, angle, torsion)

    def log_density(self, distance: Tensor, angle: Tensor, torsion: Tensor) -> Tensor:
        """Log-density (T,) in Cartesian measure on rigid bonds; -inf where a ring cannot close."""
        distance = torch.where(self.rigid, self.length, distance)
        closing, feasible = self._closing(distance)
        angle = torch.where(self.closes, closing, angle).clamp(1e-4, torch.pi - 1e-4)
        value = self._torsions(distance, angle).log_density(torsion)
        value = torch.where(self.frame.no_plane, -math.log(2 * math.pi), value)
        turned = torch.where(self.frame.no_axis, torch.log(angle.sin() / 2), self._angles(distance).log_density(angle))
        free = turned - torch.log(distance**2 * angle.sin())
        closed = torch.log(self.frame.reach / (distance * self.closure_length.nan_to_num(1.0)))
        value = value + torch.where(self.closes, torch.where(feasible, closed, closed - 1e3), free)
        if not bool(self.rigid.all()):
            value = value + torch.where(self.rigid, 0.0, self._distances().log_density(distance))
        return value

    def _closing(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        other = self.closure_length.nan_to_num(1.0)
        return closing_angle(self.frame.reach, distance, other)

    def _angles(self, distance: Tensor) -> Angles:
        if not hasattr(self, "_angle_density"):
            self._angle_density = self.network.angles(self.hidden)
        return self._angle_density

    def _distances(self) -> Distances:
        return self.network.distances(self.hidden)

    def _torsions(self, distance: Tensor, angle: Tensor) -> Torsions:
        if not hasattr(self, "_torsion_density"):
            pair = self._pair_energy(distance.float(), angle.float())
            self._torsion_density = Torsions(self.network.torsion_logits(self.hidden, angle, pair))
        return self._torsion_density

    def _pair_energy(self, distance: Tensor, angle: Tensor) -> Tensor:
        """Pair terms with the nearest neighbours of the circle on which the atom will lie, (T, NODES)."""
        env, embedded = self.sight.env, self.sight.embedded
        origin = self.frame.origin.float()
        if looped(origin):
            circles = Circles(self.site, self.target, distance, angle)
            seen = SeenClasses(env.neighbours, env.neighbours_placed, self.sight.surrounding)
            records = map(as_arrays, (circles, LocalAxes(origin, self.axes), seen))
            return torch.as_tensor(pair_energy(*records, embedded["pair"].detach().numpy()))
        centre = origin + (distance * angle.cos())[:, None] * self.axes[:, 0]
        vector = env.neighbours[self.site] - centre[:, None]
        square = (vector**2).sum(2) + torch.where(env.neighbours_placed[self.site], 0.0, 1e6)
        near = torch.topk(square, min(PAIRS, square.shape[1]), dim=1, largest=False)
        index = near.indices
        picked = env.neighbours[self.site[:, None], index] - origin[:, None]
        local = picked @ self.axes.transpose(1, 2)
        classes = embedded["target"], embedded["surrounding"]
        row = self.target[:, None] * len(classes[1]) + self.sight.surrounding[self.site[:, None], index]
        if "pair" in embedded:
            table = embedded["pair"]
        else:
            rows, row = gathered(row, len(classes[0]) * len(classes[1]))
            table = self.network.pairs.chosen(*classes, rows)
        return self.network.pairs(local, (near.values < 1e5).float(), row, distance, angle, table)
