"""The ``flat_bottom`` regularizer: nothing within the limits of training frames, harmonic beyond them."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Options, Regularizer
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.fragments import FragmentTable
from backmap.errors import BackmapError

from ..molecules.limits import sorted_types, triples

Rows = list[list[tuple[list[int], float, float]]]


class FlatBottomOptions(Options):
    """Options of the ``flat_bottom`` regularizer."""

    bond: float = Field(2000.0, ge=0, description="Force of bonds beyond their limits, kJ/mol/nm^2.")
    angle: float = Field(200.0, ge=0, description="Force of angles beyond their limits, kJ/mol/rad^2.")
    contact: float = Field(200.0, ge=0, description="Force of contacts nearer than their limit, kJ/mol.")


@dataclass(frozen=True, eq=False)
class Bounds:
    """Limits laid over fragment tables, R rows.

    Attributes:
        bonds: Local indices of fragment and context beads, -1 padding, (R, n, 2).
        bond_range: Limits, nm, (R, n, 2).
        angles: The same of angles, (R, m, 3).
        angle_range: Limits, radians, (R, m, 2).
        kind: Type of every atom row, (n,).
        nearest: Limit of contacts by types, nm, (T, T); 0 where there is none.
    """

    bonds: Tensor
    bond_range: Tensor
    angles: Tensor
    angle_range: Tensor
    kind: Tensor
    nearest: Tensor

    @classmethod
    def of(cls, tables: FragmentTable) -> Bounds:
        """Limits of the molecule types of the tables.

        Raises:
            BackmapError: If there are none.
        """
        if not any(kind.limits for kind in tables.types):
            raise BackmapError(f"no limits are known of '{tables.types[0].name}'", where="flat_bottom",
                               hint="'prepare' finds those of beads, and weights keep them; for atoms write 'energy: "
                                    "{form: flat_bottom}'.")
        device, bonds, angles = tables.atoms.device, _terms(tables, "bonds"), _terms(tables, "angles")
        names = sorted({name for kind in tables.types for name in kind.atom_types})
        rows = [names.index(name) for kind in tables.types for name in kind.atom_types]
        nearest = torch.zeros(len(names), len(names))
        for kind in tables.types:
            for a, b, least in kind.limits.get("contacts", []):
                if a in names and b in names:
                    i, j = names.index(a), names.index(b)
                    nearest[i, j] = nearest[j, i] = least
        return cls(*(part.to(device) for part in (*bonds, *angles, torch.tensor(rows), nearest)))


class FlatBottom(Regularizer):
    """Beads within the limits of training frames cost nothing; beyond them bonds, angles and contacts do.

    E = a (x - limit)^2 of bond lengths and angles x beyond their limits, a (1 - d/d0)^2 of beads three bonds apart or
    more that are nearer than d0. Limits are quantiles .001 and .999, by types of beads. A term counts if at least one
    of its beads is drawn and all others are drawn or placed.

    Stieffenhofer, Multiscale modelling by generative machine learning (Mainz, 2022), equations 7.2 and 7.3, which have
    extreme values for quantiles.
    """

    Options = FlatBottomOptions
    options: FlatBottomOptions

    def __init__(self, options: FlatBottomOptions) -> None:
        super().__init__(options)
        self._known: dict[FragmentTable, Bounds] = {}

    def energy(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return sum(self.terms(env, positions).values())

    def terms(self, env: LocalEnvironment, positions: Tensor) -> dict[str, Tensor]:
        if env.fragments not in self._known:
            self._known[env.fragments] = Bounds.of(env.fragments)
        bounds, drawn = self._known[env.fragments], positions.double()
        context = env.context.double()[:, None].expand(-1, drawn.shape[1], -1, -1)
        local = torch.cat([drawn, context], dim=2)
        there = torch.cat([env.atoms >= 0, env.context_placed], dim=1)
        return {"bond": self.options.bond * _bonds(local, there, bounds, env.row),
                "angle": self.options.angle * _angles(local, there, bounds, env.row),
                "contact": self.options.contact * (_contacts(env, drawn, bounds))}


def _terms(tables: FragmentTable, what: str) -> tuple[Tensor, Tensor]:
    """Local indices (R, n, 2 or 3) and limits (R, n, 2) of the terms with a bead of each fragment."""
    size, base, rows = (2 if what == "bonds" else 3), tables.atom_base.tolist(), []
    n_own = tables.atoms.shape[1]
    of_type = []
    for kind in tables.types:
        limits = {tuple(row[:size]): (row[size], row[size + 1]) for row in kind.limits.get(what, [])}
        chosen = kind.bonds.tolist() if what == "bonds" else triples(kind)
        named = [(beads, limits.get(sorted_types(kind, beads))) for beads in chosen]
        of_type.append([(beads, limit) for beads, limit in named if limit is not None])
    for row, number in enumerate(tables.type.tolist()):
        own = {atom - base[number]: k for k, atom in enumerate(tables.atoms[row].tolist()) if atom >= 0}
        local = {atom - base[number]: n_own + k for k, atom in enumerate(tables.context[row].tolist()) if atom >= 0}
        local |= own
        rows.append([([local[bead] for bead in beads], *limit) for beads, limit in of_type[number]
                     if any(bead in own for bead in beads) and all(bead in local for bead in beads)])
    return _padded(rows, size)


def _padded(rows: Rows, size: int) -> tuple[Tensor, Tensor]:
    width = max(1, *(len(row) for row in rows))
    index, limit = np.full((len(rows), width, size), -1), np.zeros((len(rows), width, 2))
    for r, row in enumerate(rows):
        for n, (beads, low, high) in enumerate(row):
            index[r, n], limit[r, n] = beads, (low, high)
    return torch.as_tensor(index), torch.as_tensor(limit)


def _points(local: Tensor, there: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Positions (S, K, n, size, 3) by local index (S, n, size), and whether all of a term are there, (S, 1, n)."""
    s, n, size = index.shape
    flat = index.clamp_min(0).flatten(1)
    points = local.gather(2, flat[:, None, :, None].expand(-1, local.shape[1], -1, 3))
    counts = (there.gather(1, flat).reshape(s, n, size) & (index >= 0)).all(dim=2)
    return points.reshape(s, local.shape[1], n, size, 3), counts[:, None]


def _beyond(value: Tensor, limit: Tensor, counts: Tensor) -> Tensor:
    """Sum (S, K) of squared excess of values (S, K, n) over limits (S, n, 2)."""
    low, high = limit[:, None].unbind(-1)
    excess = (low - value).clamp_min(0.0) + (value - high).clamp_min(0.0)
    return (torch.where(counts, excess, 0.0)**2).sum(dim=2)


def _bonds(local: Tensor, there: Tensor, bounds: Bounds, row: Tensor) -> Tensor:
    points, counts = _points(local, there, bounds.bonds[row])
    length = ((points[..., 0, :] - points[..., 1, :]).square().sum(-1) + 1e-18).sqrt()
    return _beyond(length, bounds.bond_range[row], counts)


def _angles(local: Tensor, there: Tensor, bounds: Bounds, row: Tensor) -> Tensor:
    points, counts = _points(local, there, bounds.angles[row])
    one, other = points[..., 0, :] - points[..., 1, :], points[..., 2, :] - points[..., 1, :]
    across = (torch.linalg.cross(one, other).square().sum(-1) + 1e-18).sqrt()
    return _beyond(torch.atan2(across, (one * other).sum(-1)), bounds.angle_range[row], counts)


def _contacts(env: LocalEnvironment, drawn: Tensor, bounds: Bounds) -> Tensor:
    """Sum (S, K) of squared overlaps, each a share of its limit: with neighbours, and within the fragment."""
    own = env.atoms
    around = _overlaps(env, drawn, env.neighbours.double()[:, None].expand(-1, drawn.shape[1], -1, -1),
                       env.neighbour_atom, env.neighbours_placed, env.neighbour_same, bounds)
    return around + 0.5 * _overlaps(env, drawn, drawn, own, own >= 0, own >= 0, bounds)


def _overlaps(env: LocalEnvironment, drawn: Tensor, others: Tensor, rows: Tensor, there: Tensor, same: Tensor,
              bounds: Bounds) -> Tensor:
    tables, own = env.fragments, env.atoms.clamp_min(0)
    least = bounds.nearest.to(drawn)[bounds.kind[own][:, :, None], bounds.kind[rows.clamp_min(0)][:, None]]
    inside = torch.where(same, rows, own[:, :1])[:, None]
    bonds = tables.bonds_between(own[:, :, None], inside)
    far = (~same[:, None] | (bonds > 2)) & there[:, None] & (env.atoms >= 0)[:, :, None] & (least > 0)
    away = ((drawn[:, :, :, None] - others[:, :, None]).square().sum(-1) + 1e-18).sqrt()
    share = (1 - away / least.clamp_min(1e-6)[:, None]).clamp_min(0.0)
    return (torch.where(far[:, None], share, 0.0)**2).sum(dim=(2, 3))
