"""Bond-angle-torsion coordinates of one molecule: which there are, from positions, to positions, and their Jacobian.

Every atom has an atom it is bonded to, one that gives its angle and one that gives its torsion; where several atoms
hang on the same bond, the torsions of all but the first are counted from that of the first, as in
MDAnalysis.analysis.bat (Hikiri et al., J. Chem. Theory Comput. 12, 5990 (2016)). Rigid bonds are no coordinates.
"""
from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from backmap.engine.energy import bonded


@dataclass(frozen=True)
class _Placed:
    """How one atom is placed: on ``bond``, at an angle about ``angle``, a torsion about ``torsion``.

    ``first`` is the atom whose torsion this one's is counted from, -1 for none.
    """

    atom: int
    bond: int = -1
    angle: int = -1
    torsion: int = -1
    first: int = -1


class InternalCoordinates:
    """Coordinates x (n, D) of a molecule: nm and radians, backbone torsions first, hydrogens last.

    Attributes:
        kinds: bond, angle or torsion, of each of the D coordinates.
        atoms: The atoms each is between, by index.
        variables: real or angle (on a circle), as a target has them.
    """

    def __init__(self, graph: nx.Graph, heavy: np.ndarray, rigid: dict[tuple[int, int], float]) -> None:
        """Choose coordinates.

        Args:
            graph: Bonds of the molecule: connected, without rings, three atoms or more.
            heavy: Which atoms are not hydrogen, (A,) bool.
            rigid: Lengths of bonds that are no coordinates, nm, by atoms, smaller index first.
        """
        self.rigid = rigid
        self.steps = _tree(graph, heavy)
        slots = []
        for order, step in enumerate(self.steps):
            for kind, atoms in (("bond", (step.atom, step.bond)), ("angle", (step.atom, step.bond, step.angle)),
                                ("torsion", (step.atom, step.bond, step.angle, step.torsion))):
                if atoms[-1] < 0 or (kind == "bond" and tuple(sorted(atoms)) in rigid):
                    continue
                leading = kind == "torsion" and step.first < 0
                rank = 2 * (not heavy[step.atom]) + (not leading)
                slots.append((rank, order, kind, atoms))
        slots.sort(key=lambda slot: slot[:2])
        self.kinds = tuple(slot[2] for slot in slots)
        self.atoms = tuple(slot[3] for slot in slots)
        self.variables = tuple("angle" if kind == "torsion" else "real" for kind in self.kinds)
        self._column = {(kind, atoms[0]): d for d, (kind, atoms) in enumerate(zip(self.kinds, self.atoms))}
        self.leading = [d for d, (kind, atoms) in enumerate(zip(self.kinds, self.atoms)) if kind == "torsion"
                        and next(step for step in self.steps if step.atom == atoms[0]).first < 0]

    def of(self, positions: Tensor) -> Tensor:
        """x (n, D) of positions (n, A, 3)."""
        points = positions.double()
        corners = {step.atom: (step.atom, step.bond, step.angle, step.torsion) for step in self.steps[3:]}
        absolute = {atom: bonded.dihedral(*(points[:, a] for a in four)) for atom, four in corners.items()}
        first = {step.atom: step.first for step in self.steps}
        columns = []
        for kind, atoms in zip(self.kinds, self.atoms):
            if kind == "torsion":
                value = absolute[atoms[0]]
                if first[atoms[0]] >= 0:
                    value = _wrapped(value - absolute[first[atoms[0]]])
            else:
                value = (bonded.length if kind == "bond" else bonded.angle)(*(points[:, a] for a in atoms))
            columns.append(value)
        return torch.stack(columns, dim=1)

    def positions(self, x: Tensor) -> Tensor:
        """Positions (n, A, 3), the first atom at the origin."""
        x = x.double()
        points: dict[int, Tensor] = {}
        torsions: dict[int, Tensor] = {}
        zero = torch.zeros(len(x), dtype=torch.float64)
        for order, step in enumerate(self.steps):
            length = self._length(x, step)
            if order == 0:
                points[step.atom] = torch.stack([zero, zero, zero], dim=1)
            elif order == 1:
                points[step.atom] = torch.stack([length, zero, zero], dim=1)
            elif order == 2:
                angle = x[:, self._column["angle", step.atom]]
                aside = torch.stack([-length * angle.cos(), length * angle.sin(), zero], dim=1)
                points[step.atom] = points[step.bond] + aside
            else:
                torsion = x[:, self._column["torsion", step.atom]]
                if step.first >= 0:
                    torsion = torsion + torsions[step.first]
                torsions[step.atom] = torsion
                points[step.atom] = _put(points[step.bond], points[step.angle], points[step.torsion], length,
                                         x[:, self._column["angle", step.atom]], torsion)
        return torch.stack([points[a] for a in range(len(self.steps))], dim=1)

    def log_jacobian(self, x: Tensor) -> Tensor:
        """ln of prod r^2 sin(theta) over what is no constant, (n,); -inf where there are no such coordinates."""
        total = torch.zeros(len(x), dtype=torch.float64)
        for d, kind in enumerate(self.kinds):
            value = x[:, d].double()
            if kind == "bond":
                total = total + torch.where(value > 0, 2 * value.clamp_min(1e-9).log(), -torch.inf)
            elif kind == "angle":
                inside = (value > 0) & (value < torch.pi)
                total = total + torch.where(inside, value.sin().clamp_min(1e-12).log(), -torch.inf)
        return total

    def _length(self, x: Tensor, step: _Placed) -> Tensor | None:
        if step.bond < 0:
            return None
        pair = tuple(sorted((step.atom, step.bond)))
        if pair in self.rigid:
            return torch.full((len(x),), self.rigid[pair], dtype=torch.float64)
        return x[:, self._column["bond", step.atom]]


def _put(a: Tensor, b: Tensor, c: Tensor, length: Tensor, angle: Tensor, torsion: Tensor) -> Tensor:
    """The point at ``length`` from a, ``angle`` at a about b, ``torsion`` about a-b from c; (n, 3)."""
    along = torch.nn.functional.normalize(b - a, dim=1)
    normal = torch.nn.functional.normalize(torch.linalg.cross(along, c - b), dim=1)
    aside = torch.linalg.cross(normal, along)
    across = (length * angle.sin())[:, None]
    return (a + (length * angle.cos())[:, None] * along
            + across * (torsion.cos()[:, None] * aside - torsion.sin()[:, None] * normal))


def _wrapped(angle: Tensor) -> Tensor:
    return torch.remainder(angle + torch.pi, 2 * torch.pi) - torch.pi


def _tree(graph: nx.Graph, heavy: np.ndarray) -> list[_Placed]:
    """All atoms in an order in which each can be placed: heavy ones first, where they are three or more."""
    backbone = heavy if heavy.sum() > 2 else np.ones_like(heavy)
    root = min(a for a in graph if backbone[a] and sum(backbone[b] for b in graph[a]) == 1)
    order, parent = [root], {root: -1}
    for atom in order:  # breadth first; grows while it is read
        for other in sorted(graph[atom], key=lambda b: (not heavy[b], -sum(heavy[c] for c in graph[b]), b)):
            if other not in parent:
                parent[other] = atom
                order.append(other)
    order = sorted(order, key=lambda a: not backbone[a])
    placed, first = [], {}
    for k, atom in enumerate(order):
        if k < 3:
            placed.append(_Placed(atom, *([order[1], order[0]][2 - k:] if k else [])))
            continue
        bond = parent[atom]
        done = set(order[:k])
        angle = parent[bond] if parent[bond] >= 0 else order[1]
        torsion = parent[angle] if parent[angle] not in (-1, bond) else -1
        if torsion < 0:  # next to the root: another neighbour of the angle's atom, or of the bond's
            near = [b for b in graph[angle] if b in done - {bond}] + [b for b in graph[bond] if b in done - {angle}]
            torsion = near[0]
        key = bond, angle
        placed.append(_Placed(atom, bond, angle, torsion, first.get(key, -1)))
        if torsion not in graph[bond]:
            first.setdefault(key, atom)
    return placed
