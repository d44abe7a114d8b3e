"""Conformers of fragments with the beads around them, for starts from rigid fragments."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ...errors import BackmapError
from ...model.molecule import MoleculeType
from ..random import Stream
from ..sites.contracts import LocalEnvironment
from ..sites.environment import Scene
from ..sites.fragments import FragmentTable
from .soundness import HINT

#: Factor by which the weight of a bead falls with its rank, the anchor first, when conformers are compared and fitted.
DECAY = 0.6
CHOICES = 4  #: a site takes one of its best-fitting conformers at random


@dataclass(frozen=True, eq=False)
class Conformers:
    """n conformers of every fragment of one molecule type (B beads), all mirrored to handedness +1.

    Attributes:
        atoms: Names of the atoms of the type, by which it is recognised.
        own: Fragment atoms in topology order, from the anchor, nm, (B, n, F, 3) float32.
        beads: Nearest beads on the bead graph, the anchor first, from the anchor, nm, (B, n, Q, 3) float32; NaN where
            unknown.
    """

    atoms: list[str]
    own: Tensor
    beads: Tensor

    def expect(self, molecule: MoleculeType, path: object) -> None:
        """Raise BackmapError unless there is a conformer of every fragment, whose coordinates are numbers."""
        sizes = np.bincount(molecule.mapping.owner, minlength=molecule.n_beads)
        rows = (molecule.n_beads, self.own.shape[1] if self.own.dim() == 4 else 0)
        if (self.own.dim() != 4 or self.beads.dim() != 4 or not rows[1] or self.own.shape[2] < sizes.max(initial=0)
                or any(part.shape[:2] != rows or part.shape[3] != 3 for part in (self.own, self.beads))):
            raise BackmapError(f"conformers of '{molecule.name}' are of shapes {tuple(self.own.shape)} and "
                               f"{tuple(self.beads.shape)}", where=path, hint=HINT)
        if not torch.isfinite(self.own).all() or torch.isinf(self.beads).any():
            raise BackmapError(f"conformers of '{molecule.name}' have coordinates that are not numbers", where=path,
                               hint=HINT)


@dataclass(eq=False)
class Library:
    """Conformers of the fragments of several molecule types.

    Attributes:
        types: Conformers by name of the molecule type.
    """

    types: dict[str, Conformers] = field(default_factory=dict)
    _tables: dict[FragmentTable, tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def fits(self, molecule: MoleculeType) -> bool:
        """Tell whether there are conformers of this type with the same atom names; a given type needs none."""
        if molecule.given:
            return True
        known = self.types.get(molecule.name)
        return known is not None and known.atoms == molecule.atom_names

    def place(self, env: LocalEnvironment, rng: Stream) -> Tensor:
        """Fit a conformer to the beads of each of S sites; return (S, F, 3) float64, nm from the anchor."""
        own, beads, known, shapes = self._placing(env.fragments)
        world = env.mirrored()
        present = env.beads_present & known[env.row]
        here = descriptor(world.beads.double(), present)
        differ = (shapes[env.row] - here[:, None]).square().sum(2)
        best = torch.topk(differ, min(CHOICES, own.shape[1]), dim=1, largest=False).indices
        choice = (rng.uniform(1) * best.shape[1]).long()
        entry = best.gather(1, choice)[:, 0]
        turn = fit(beads[env.row, entry], world.beads.double(), bead_weights(present), rng.rotation())
        return torch.einsum("sij,sfj->sfi", turn, own[env.row, entry]) * env.sign[:, None, None]

    def _placing(self, fragments: FragmentTable) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return conformers, their beads, which beads are known (R, Q), and descriptors of these; cached."""
        if fragments not in self._tables:
            own, beads = self.tables(fragments)
            known = (fragments.beads >= 0) & torch.isfinite(beads[:, 0, :, 0])
            beads = beads.nan_to_num(0.0)
            self._tables[fragments] = own, beads, known, descriptor(beads, known[:, None].expand(beads.shape[:3]))
        return self._tables[fragments]

    def tables(self, fragments: FragmentTable) -> tuple[Tensor, Tensor]:
        """Return atoms (R, n, F, 3), in drawing order, and beads (R, n, Q, 3) by fragment row, float64, nm."""
        n = min((len(self.types[t.name].own[0]) for t in fragments.types if not t.given), default=1)
        rows, size_f, size_q = len(fragments.atoms), fragments.atoms.shape[1], fragments.beads.shape[1]
        own, beads = torch.zeros(rows, n, size_f, 3), torch.zeros(rows, n, size_q, 3)
        atoms = fragments.atoms.cpu()
        for row in range(rows):
            kind, bead = int(fragments.type[row]), int(fragments.bead[row])
            if fragments.types[kind].given:  # atoms at their beads
                continue
            known = self.types[fragments.types[kind].name]
            order = _topology_rank(atoms[row])
            own[row, :, :len(order)] = known.own[bead, :n][:, order]
            width = min(size_q, known.beads.shape[2])
            beads[row, :, :width] = known.beads[bead, :n, :width]
        device = fragments.atoms.device
        return own.double().to(device), beads.double().to(device)


def _topology_rank(atoms: Tensor) -> Tensor:
    """Return the rank of each fragment atom (drawing order, -1 padding) among the atoms in topology order."""
    present = atoms[atoms >= 0]
    return torch.argsort(torch.argsort(present))


def collect(scene: Scene, conformers: int, seed: int) -> Library:
    """Collect conformers of each fragment at random from the atoms of a scene.

    Args:
        scene: Frames whose atoms are all placed (projected training frames).
        conformers: Number of conformers of each fragment; repeated where there are fewer.
        seed: Seed of the choice.
    """
    tables, rows = scene.fragments, scene.layout.row
    chooser = torch.Generator().manual_seed(seed)
    library = Library()
    frames = scene.atoms.shape[0]
    for kind, molecule in enumerate(tables.types):
        if molecule.name in library.types:
            continue
        # Types of one name differ in handedness alone, which the mirrored world takes out.
        alike = torch.as_tensor([int(base) for base, other in zip(tables.row_base, tables.types)
                                 if other.name == molecule.name])
        own, beads = [], []
        for bead in range(molecule.n_beads):
            row = int(tables.row_base[kind]) + bead
            here = torch.nonzero(torch.isin(rows.cpu(), alike + bead))[:, 0]
            sites = torch.cartesian_prod(torch.arange(frames), here)
            picked = sites[torch.randperm(len(sites), generator=chooser)[:conformers]].to(rows.device)
            env = scene.gather(picked[:, 0], picked[:, 1])
            sign = env.sign[:, None, None]
            positions = scene.own(picked[:, 0], picked[:, 1]) * sign
            order = torch.argsort(_topology_rank(tables.atoms[row]))
            flat = torch.zeros_like(positions)
            flat[:, :len(order)] = positions[:, order]
            own.append(_repeated(flat, conformers))
            beads.append(_repeated(env.beads * sign, conformers))
        library.types[molecule.name] = Conformers(molecule.atom_names, torch.stack(own).cpu(), torch.stack(beads).cpu())
    return library


def _repeated(rows: Tensor, n: int) -> Tensor:
    """Return n rows, repeated from the start where there are fewer."""
    return rows[torch.arange(n, device=rows.device) % len(rows)].float()


def bead_weights(present: Tensor) -> Tensor:
    """Return the weight of each bead in comparisons, (..., Q), which falls with its rank."""
    rank = torch.arange(present.shape[-1], device=present.device)
    return present.double() * DECAY**rank


def descriptor(beads: Tensor, present: Tensor) -> Tensor:
    """Compute a descriptor of bead arrangements that is invariant to rotation, but not to reflection.

    Args:
        beads: Positions, the anchor first, (..., Q, 3), nm.
        present: Which of them are there, (..., Q) bool.

    Returns:
        (..., d): weighted distances and, of four beads or more, a signed volume.
    """
    weight = bead_weights(present)
    i, j = torch.triu_indices(beads.shape[-2], beads.shape[-2], 1, device=beads.device)
    pair = (weight[..., i] * weight[..., j]).sqrt()
    distance = (beads[..., i, :] - beads[..., j, :]).norm(dim=-1) * pair
    if beads.shape[-2] < 4:
        return distance
    arms = beads[..., 1:4, :] - beads[..., :1, :]
    volume = torch.linalg.det(arms)[..., None] * 20 * (present[..., 3:4] > 0)
    return torch.cat([distance, volume], dim=-1)


def fit(moving: Tensor, target: Tensor, weight: Tensor, spin: Tensor) -> Tensor:
    """Return rotations (S, 3, 3) that turn ``moving`` (S, Q, 3) onto ``target`` about the origin (Kabsch 1976).

    Points count by ``weight`` (S, Q). Where they are collinear, the rotation about their axis is taken from ``spin``,
    uniform random rotations (S, 3, 3); where there is only one point, ``spin`` is the result.
    """
    moving = torch.einsum("sij,sqj->sqi", spin, moving)
    covariance = torch.einsum("sqi,sqj,sq->sij", target, moving, weight)
    u, values, vt = torch.linalg.svd(covariance)
    flip = torch.sign(torch.linalg.det(u @ vt))
    middle = torch.diag_embed(torch.stack([torch.ones_like(flip), torch.ones_like(flip), flip], dim=1))
    rotation = u @ middle @ vt
    axis = u[:, :, 0]
    angle = torch.atan2(spin[:, 0, 1], spin[:, 0, 0])
    turn = about(axis, angle) @ rotation
    lonely, straight = values[:, 0] < 1e-10, values[:, 1] < 1e-4 * values[:, 0]
    eye = torch.eye(3, dtype=spin.dtype, device=spin.device).expand_as(rotation)
    chosen = torch.where(straight[:, None, None], turn, rotation)
    return torch.where(lonely[:, None, None], eye, chosen) @ spin


def about(axis: Tensor, angle: Tensor) -> Tensor:
    """Return the rotations (S, 3, 3) by angles (S,), radians, about unit axes (S, 3) (Rodrigues)."""
    x, y, z = axis.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    sin, cos = angle.sin()[:, None, None], angle.cos()[:, None, None]
    return torch.eye(3, dtype=axis.dtype, device=axis.device) + sin * cross + (1 - cos) * (cross @ cross)
