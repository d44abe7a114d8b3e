"""Conformers of fragments together with the beads around them: what a rigid start is made of."""
from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...model.molecule import MoleculeType
from ..random import Stream
from ..sites.contracts import LocalEnvironment
from ..sites.environment import Scene
from ..sites.fragments import FragmentTable

#: How much a bead counts when conformers are compared and fitted: the anchor, then the others by rank.
DECAY = 0.6
CHOICES = 4  #: a site takes one of its best-fitting conformers at random


@dataclass(frozen=True, eq=False)
class Conformers:
    """n conformers of every fragment of one molecule type (B beads), in the mirrored world.

    Attributes:
        atoms: Names of the type's atoms, to recognise it.
        own: Fragment atoms in topology order, relative to the anchor, nm, (B, n, F, 3) float32.
        beads: Beads near on the bead graph, the anchor first, (B, n, Q, 3) float32; NaN where unknown.
    """

    atoms: list[str]
    own: Tensor
    beads: Tensor


@dataclass(eq=False)
class Library:
    """Conformers by molecule type name."""

    types: dict[str, Conformers] = field(default_factory=dict)
    _tables: dict[FragmentTable, tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def fits(self, molecule: MoleculeType) -> bool:
        """There are conformers of this type, and its atoms bear the same names; what is given needs none."""
        if molecule.given:
            return True
        known = self.types.get(molecule.name)
        return known is not None and known.atoms == molecule.atom_names

    def place(self, env: LocalEnvironment, rng: Stream) -> Tensor:
        """Rigid fragments turned onto the beads of S sites, (S, F, 3), nm from the anchor, float64."""
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
        """Fragments, their beads, which beads are known (R, Q) and the shapes of these; made once."""
        if fragments not in self._tables:
            own, beads = self.tables(fragments)
            known = (fragments.beads >= 0) & torch.isfinite(beads[:, 0, :, 0])
            beads = beads.nan_to_num(0.0)
            self._tables[fragments] = own, beads, known, descriptor(beads, known[:, None].expand(beads.shape[:3]))
        return self._tables[fragments]

    def tables(self, fragments: FragmentTable) -> tuple[Tensor, Tensor]:
        """Conformers by fragment row, in drawing order: (R, n, F, 3) and (R, n, Q, 3), float64."""
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
    """Rank of each fragment atom (drawing order, -1 padding) among the fragment's atoms in topology order."""
    present = atoms[atoms >= 0]
    return torch.argsort(torch.argsort(present))


def collect(scene: Scene, conformers: int, seed: int) -> Library:
    """Conformers from the placed atoms of a scene: up to ``conformers`` of each fragment, drawn evenly.

    Args:
        scene: Frames whose atoms are all placed (training frames on the manifold).
        conformers: How many to keep of each fragment.
        seed: Of the choice.
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
    """The rows, repeated from the start where there are fewer than n."""
    return rows[torch.arange(n, device=rows.device) % len(rows)].float()


def bead_weights(present: Tensor) -> Tensor:
    """Weight of each bead in comparisons, (..., Q): those nearer on the graph count more."""
    rank = torch.arange(present.shape[-1], device=present.device)
    return present.double() * DECAY**rank


def descriptor(beads: Tensor, present: Tensor) -> Tensor:
    """Shape of a bead arrangement, the same for all rotations but not for mirror images, (..., d).

    Args:
        beads: (..., Q, 3), nm, the anchor first; present: (..., Q).
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
    """Rotations (S, 3, 3) that turn ``moving`` (S, Q, 3) onto ``target`` about the origin (Kabsch 1976).

    Where the points are collinear the rotation about their axis is free: ``spin``, uniform rotations
    (S, 3, 3), decides; where there is one point only, it is the rotation.
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
    """Rotations (S, 3, 3) by angles (S,) about unit axes (S, 3) (Rodrigues)."""
    x, y, z = axis.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    sin, cos = angle.sin()[:, None, None], angle.cos()[:, None, None]
    return torch.eye(3, dtype=axis.dtype, device=axis.device) + sin * cross + (1 - cos) * (cross @ cross)
