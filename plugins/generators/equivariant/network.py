"""The network: an equivariant encoder per site, a small head per atom that reads it in a local frame.

The encoder is one equivariant convolution over everything within view (depthwise tensor products of spherical
harmonics of e3nn with scalar node features), computed once per site and shared by its atoms and candidates.
The head sees the slots of its atom (``features.Slots``) in the local frame, the encoder's features
turned into that frame, the noise level and the temperature. All inputs are float32; T targets.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .circles import NODES, PAIR_BINS, PAIR_REACH, PAIR_ROW
from .density import Angles, Distances
from .features import PLAIN, Description, Ranges, Slots
from .kernels import looped, turned
from .seeing import SUMMED
from .sums import SPREAD, NeighbourSums, PairTermSums, SlotSums, compiled_here, gathered

MIXTURE = 3  #: Gaussians per bond angle
UP = 3  #: torsion nodes for each at which pairs are evaluated: interpolation between these
RADIAL = 12


class Network(nn.Module):
    """All learned parameters.

    Args:
        channels: Number of channels of the encoder.
        slot_width: Hidden size of the slot layers.
        width: Hidden size of the trunk.
        torsion_width: Hidden size of the torsion layers.
        harmonics: Highest Fourier order of the torsion density.
        dropout: Share of hidden values that is left out in training, 0 to 1.
        latents: Number of conditions beside noise level and temperature.
        description: What it is told of atoms.
    """

    def __init__(self, channels: int = 32, slot_width: int = 96, width: int = 192, torsion_width: int = 128,
                 harmonics: int = 16, dropout: float = 0.0, latents: int = 0,
                 description: Description = PLAIN) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.encoder = Convolution(channels, description)
        self.embed_slot = _mlp(description.widths["features"], 96, 2 * slot_width)
        self.embed_target = _mlp(description.widths["target_features"], 48, 48)
        self.slot_geometry = nn.Linear(7, slot_width)
        self.slot_out = nn.Linear(slot_width, width)
        self.trunk_in = nn.Linear(self.encoder.outputs + 48 + 3 + latents, width)
        self.trunk = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.angle = nn.Linear(width, 3 * MIXTURE)
        self.distance = nn.Linear(width, 2)
        self.torsion_in = nn.Linear(width + 4, torsion_width)
        self.torsion_hidden = nn.Linear(torsion_width, torsion_width)
        self.torsion_out = nn.Linear(torsion_width, 2 * harmonics)
        self.pairs = PairTerm(channels)
        self.met = Met(description) if description.bond_orders else None
        nodes = torch.arange(NODES * UP) * (2 * math.pi / (NODES * UP)) - math.pi
        orders = torch.arange(1, harmonics + 1)[:, None] * nodes
        self.register_buffer("fourier", torch.cat([orders.cos(), orders.sin()]), persistent=False)
        with torch.no_grad():
            self.torsion_out.weight *= 0.3

    def embed(self, slots: Slots) -> dict[str, Tensor]:
        """Embeddings of all classes, once a step; in training not of slots and pairs, of which a step needs few."""
        target = self.embed_target(slots.target_features)
        surrounding = self.encoder.embed_atom(slots.surrounding_features)
        found = {"target": target, "surrounding": surrounding, "bead": self.encoder.embed_bead(slots.bead_features)}
        if self.training and torch.is_grad_enabled():
            return found | {"features": slots.features}
        return found | self._of_slots(slots.features) | {"pair": self.pairs.table(target, surrounding)}

    def _of_slots(self, features: Tensor) -> dict[str, Tensor]:
        gain, shift = self.embed_slot(features).chunk(2, dim=1)
        return {"gain": 1 + gain, "shift": shift.contiguous()}

    def pooled(self, points: Tensor, slot_class: Tensor, present: Tensor, embedded: dict[str, Tensor]) -> Tensor:
        """What the slots of T atoms add up to, (T, slot_width).

        Args:
            points: Slots in the local frame, (T, J, 3); slot_class, present: (T, J).
        """
        if "features" in embedded:
            chosen, slot_class = gathered(slot_class, len(embedded["features"]))
            embedded = self._of_slots(embedded["features"][chosen])
        if compiled_here(points):
            layer = self.slot_geometry
            return SlotSums.apply(points, slot_class, present, layer.weight, layer.bias, embedded["gain"],
                                  embedded["shift"])
        distance = points.norm(dim=2, keepdim=True).clamp_min(1e-4)
        slots = self.slot_geometry(torch.cat([points * 4, points / distance, distance * 4], dim=2))
        slots = torch.addcmul(functional.embedding(slot_class, embedded["shift"]), slots,
                              functional.embedding(slot_class, embedded["gain"]))
        return torch.einsum("tjh,tj->th", functional.silu(slots), present.float())

    def hidden(self, pooled: Tensor, environment: Tensor, target: Tensor, conditions: Tensor) -> Tensor:
        """What the head knows before it draws, (T, width).

        Args:
            pooled: Sum over the slots, (T, slot_width).
            environment: The encoder's features in the local frame, (T, outputs).
            target: Embedding of the target, (T, 48).
            conditions: (T, 3), or more where there are latents.
        """
        return self.trunked(pooled, torch.cat([self.dropout(environment), target, conditions], dim=1))

    def trunked(self, pooled: Tensor, told: Tensor) -> Tensor:
        """The same from the sum over the slots and all else together, (T, n)."""
        h = self.slot_out(self.dropout(pooled)) + self.trunk_in(told)
        for layer in self.trunk:
            h = h + layer(self.dropout(functional.silu(h)))
        return functional.silu(h)

    def angles(self, hidden: Tensor) -> Angles:
        """Density of the bond angle."""
        mean, log_sd, weight = self.angle(hidden).double().chunk(3, dim=1)
        return Angles(1.3 + 0.5 * mean, (log_sd - 2.5).clamp(-6, 1), torch.log_softmax(weight, dim=1))

    def distances(self, hidden: Tensor) -> Distances:
        """Density of a distance that is not rigid."""
        mean, log_sd = self.distance(hidden).double().unbind(1)
        return Distances(0.15 + 0.1 * mean, (log_sd - 4.0).clamp(-8, 0))

    def torsion_logits(self, hidden: Tensor, angle: Tensor, pair_energy: Tensor) -> Tensor:
        """Log-density of the torsion at its nodes, (T, NODES * UP), given the angle.

        Args:
            pair_energy: Sum of pair terms at the coarse nodes, (T, NODES).
        """
        return self.with_pairs(self.around(hidden, angle), pair_energy)

    def with_pairs(self, smooth: Tensor, pair_energy: Tensor) -> Tensor:
        """The same from what does not know of pairs, (T, NODES * UP)."""
        following = torch.roll(pair_energy, -1, dims=1)
        fine = torch.stack([torch.lerp(pair_energy, following, k / UP) for k in range(UP)], dim=2)
        return (smooth + fine.flatten(1)).double()

    def around(self, hidden: Tensor, angle: Tensor) -> Tensor:
        """The same without pairs."""
        a = angle.float()[:, None]
        h = functional.silu(self.torsion_in(torch.cat([hidden, a, a.cos(), a.sin(), (2 * a).cos()], dim=1)))
        h = h + functional.silu(self.torsion_hidden(self.dropout(h)))
        return self.torsion_out(h) @ self.fourier


class Met(nn.Module):
    """Between which numbers descriptions were in training, by name, (2, n); weights of no molecule type keep them."""

    def __init__(self, description: Description) -> None:
        super().__init__()
        for name, width in description.widths.items():
            self.register_buffer(name, torch.zeros(2, width))

    def learn(self, ranges: Ranges) -> None:
        """Take ranges from what is learned from."""
        for name, values in ranges.items():
            getattr(self, name).copy_(values)

    @property
    def ranges(self) -> Ranges:
        """What was taken."""
        return dict(self.named_buffers())


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Nodes around S sites: positions (S, n, 3), if they are there (S, n), classes (S, n) of ``embedded`` (X, C)."""

    positions: Tensor
    there: Tensor
    classes: Tensor
    embedded: Tensor


def coupling() -> Tensor:
    """What couples two vectors to l = 2, and turns a rotation into its l = 2 representation, (3, 3, 5).

    Wigner's 3j symbols of 1, 1, 2 times sqrt(5), in the order of e3nn's harmonics: xz, xy, yy, yz, zz - xx.
    """
    x, y, z = torch.eye(3)

    def both(a: Tensor, b: Tensor) -> Tensor:
        return (torch.outer(a, b) + torch.outer(b, a)) * math.sqrt(0.5)

    along = [torch.outer(a, a) for a in (x, y, z)]
    return torch.stack([both(x, z), both(x, y), (2 * along[1] - along[0] - along[2]) * math.sqrt(1 / 6), both(y, z),
                        (along[2] - along[0]) * math.sqrt(0.5)], dim=2)


class Mix(nn.Module):
    """Mixes C channels of l = 0, 1, 2 to C, C / 2 and C / 2: e3nn's ``o3.Linear``, with its names of parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels, self.outputs = channels, (channels, channels // 2, channels // 2)
        self.weight = nn.Parameter(torch.randn(channels * sum(self.outputs)))
        self.register_buffer("bias", torch.zeros(0))
        components = sum(n * (2 * order + 1) for order, n in enumerate(self.outputs))
        self.register_buffer("output_mask", torch.ones(components))

    def matrices(self) -> list[Tensor]:
        """Of each l, (C, outputs)."""
        parts = self.weight.split([self.channels * n for n in self.outputs])
        return [part.reshape(self.channels, -1) / math.sqrt(self.channels) for part in parts]

    def forward(self, features: Tensor) -> Tensor:
        """Features (S, 9 C) of scalars, vectors and l = 2, channel by channel, mixed, (S, outputs)."""
        parts = features.split([self.channels * (2 * order + 1) for order in range(3)], dim=1)
        mixed = [torch.einsum("scm,cd->sdm", part.reshape(len(part), self.channels, -1), matrix).flatten(1)
                 for part, matrix in zip(parts, self.matrices(), strict=True)]
        return torch.cat(mixed, dim=1)


class Convolution(nn.Module):
    """One convolution from neighbours to the anchor of each site, l = 0, 1, 2."""

    def __init__(self, channels: int, description: Description) -> None:
        super().__init__()
        self.channels = channels
        self.embed_atom = _mlp(description.widths["surrounding_features"], 48, channels)
        self.embed_bead = _mlp(description.widths["bead_features"], 48, channels)
        self.radial = nn.Linear(RADIAL, channels)
        self.mix = Mix(channels)
        self.outputs = channels + channels // 2 * 8 + channels
        self.gate = nn.Linear(channels, channels)
        self.register_buffer("centres", torch.linspace(0.1, 0.8, RADIAL), persistent=False)
        # Couples two vectors to l = 2; turns a rotation into its l = 2 representation.
        self.register_buffer("couple", coupling(), persistent=False)

    def forward(self, neighbours: list[Neighbours], cutoff: float) -> Tensor:
        """Features of S sites, (S, outputs before they are turned): scalars, vectors, l = 2, channel-major."""
        c, summed = self.channels, self._convolve(neighbours, cutoff).transpose(1, 2) * SUMMED
        return self.mix(torch.cat([summed[:, :, 0], summed[:, :, 1:4].reshape(-1, 3 * c),
                                   summed[:, :, 4:].reshape(-1, 5 * c)], dim=1))

    def radial_weights(self, distance: Tensor) -> Tensor:
        """Radial weight of each channel, (..., C), at distances (...)."""
        return self.radial(torch.exp(-(((distance[..., None] - self.centres) / SPREAD) ** 2)))

    def _convolve(self, neighbours: list[Neighbours], cutoff: float) -> Tensor:
        """Sum of messages times spherical harmonics, (S, HARMONICS, C)."""
        if all(compiled_here(n.positions) for n in neighbours):
            return sum(NeighbourSums.apply(n.positions, n.there, n.classes, self.centres, cutoff, self.radial.weight,
                                           self.radial.bias, n.embedded) for n in neighbours)
        from e3nn import o3  # brings torch._dynamo with it, for which those who only draw need not wait

        positions = torch.cat([n.positions for n in neighbours], dim=1)
        nodes = torch.cat([n.embedded[n.classes] for n in neighbours], dim=1)
        there = torch.cat([n.there for n in neighbours], dim=1).float()
        distance = positions.norm(dim=2)
        harmonics = o3.spherical_harmonics([0, 1, 2], positions, normalize=True, normalization="component")
        fade = there * (0.5 * torch.cos(distance.clamp_max(cutoff) * (math.pi / cutoff)) + 0.5)
        return torch.einsum("snm,snc->smc", harmonics, self.radial_weights(distance) * nodes * fade[:, :, None])

    def in_frame(self, features: Tensor, axes: Tensor) -> Tensor:
        """Features of T targets turned into their local frames, (T, outputs).

        Args:
            features: Features of each target's site, (T, n).
            axes: Rows of each local frame, (T, 3, 3).
        """
        c, half = self.channels, self.channels // 2
        scalar = features[:, :c]
        vector = features[:, c:c + 3 * half].reshape(-1, half, 3)
        tensor = features[:, c + 3 * half:].reshape(-1, half, 5)
        couple = self.couple.reshape(9, 5)
        if looped(features):
            arrays = (vector, tensor, torch.arange(len(vector)), axes, couple)
            there = [torch.as_tensor(turned(*(x.contiguous().numpy() for x in arrays)))]
        else:
            both = (axes[:, :, None, :, None] * axes[:, None, :, None, :]).reshape(-1, 9, 9)
            turn = couple.T @ both @ couple
            there = [torch.einsum("tia,tca->tci", axes, vector).flatten(1),
                     torch.einsum("tmn,tcn->tcm", turn, tensor).flatten(1)]
        scalar = functional.silu(scalar)
        return torch.cat([scalar, *there, self.gate(scalar)], dim=1)


class PairTerm(nn.Module):
    """A learned pair potential in the logits: excluded volume, evaluated at candidate torsions.

    For every class of target and neighbour a function of distance, linear between PAIR_BINS nodes on
    [0, PAIR_REACH] and zero beyond.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.target = nn.Linear(48, 32)
        self.neighbour = nn.Linear(channels, 32)
        self.out = nn.Linear(32, PAIR_BINS)
        nodes = torch.arange(NODES) * (2 * math.pi / NODES) - math.pi
        self.register_buffer("circle", torch.stack([nodes.cos(), nodes.sin()]), persistent=False)
        with torch.no_grad():
            self.out.weight *= 0.1
            self.out.bias.zero_()

    def table(self, target: Tensor, surrounding: Tensor) -> Tensor:
        """Energies of all classes at the nodes, zero at the last and behind, (V, X, PAIR_ROW)."""
        return self._energies(self.target(target)[:, None] + self.neighbour(surrounding)[None])

    def chosen(self, target: Tensor, surrounding: Tensor, rows: Tensor) -> Tensor:
        """Some rows of the table whose first two axes are one, (len(rows), PAIR_ROW)."""
        own, other = self.target(target), self.neighbour(surrounding)
        return self._energies(own[rows // len(other)] + other[rows % len(other)])

    def _energies(self, joint: Tensor) -> Tensor:
        return functional.pad(self.out(functional.silu(joint)), (0, PAIR_ROW - PAIR_BINS))

    def forward(self, local: Tensor, present: Tensor, row: Tensor, distance: Tensor, angle: Tensor,
                table: Tensor) -> Tensor:
        """Sum over neighbours at each torsion node, (T, NODES).

        Args:
            local: Neighbours in the local frame, nm, (T, P, 3).
            present: 1 where there is a neighbour, else 0, (T, P).
            row: Row of each pair in ``table``, flattened to (V * X, PAIR_ROW), (T, P).
            distance: From the first predecessor to the atom to be placed, nm, (T,).
            angle: At the first predecessor, radians, (T,).
            table: Energies of all classes at the nodes, (V, X, PAIR_ROW), or of those that ``row`` names.
        """
        if compiled_here(local, distance, angle):
            return PairTermSums.apply(local, present > 0, row, distance, angle, table.reshape(-1, PAIR_ROW))
        x, r = distance * angle.cos(), distance * angle.sin()
        fixed = (local**2).sum(2) + (distance**2)[:, None] - 2 * local[:, :, 0] * x[:, None]
        # |p - x(phi)|^2 = fixed - 2 r (p_y cos phi + p_z sin phi)
        square = torch.baddbmm(fixed[:, :, None].expand(-1, -1, NODES), local[:, :, 1:] * (-2 * r)[:, None, None],
                               self.circle.expand(len(local), -1, -1))
        place = (square.clamp_min(1e-8).sqrt() * (PAIR_BINS / PAIR_REACH)).clamp_max(PAIR_BINS - 1e-4)
        cell = place.floor()
        flat = table.reshape(-1)
        index = cell.long() + (row * PAIR_ROW)[:, :, None]
        low, high = flat[index], flat[index + 1]
        return torch.einsum("tpk,tp->tk", torch.lerp(low, high, place - cell), present)


def _mlp(n_in: int, hidden: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, hidden), nn.SiLU(), nn.Linear(hidden, n_out))
