"""Blocks drawn atom after atom, on processors and without gradients: the quick twin of ``head``.

An atom takes three passes with linear layers between them: what it sees is gathered, its angle is drawn, its torsion is
drawn and it is placed. What tensors would do in a hundred operations, each over a few dozen atoms, is one loop in each.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numba import float32
from torch import Tensor
from torch.nn.functional import silu

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.sites.records import as_arrays

from .density import LocalFrame, Torsions
from .head import PAIRS, Head
from .kernels import (
    Circles,
    LocalAxes,
    SeenClasses,
    SlotLayer,
    SlotPlaces,
    local_frames,
    looped,
    pair_energy,
    pooled_slots,
    turned,
)
from .network import NODES, PAIR_REACH, Network

if TYPE_CHECKING:
    from .core import Sight

SQRT2, SQRT_2PI = math.sqrt(2), math.sqrt(2 * math.pi)
TINY = 1e-300
CLOSE = 1e-9  #: how near to -1 and 1 the cosine of an angle comes
NARROW = 1e-4  #: of angles; none is nearer to 0 or pi


class NextAtoms(NamedTuple):
    """Atoms to be drawn next, of T rows of positions.

    Attributes:
        atom: Their place in the fragment.
        row: Row of positions of each, (T,).
        site: Its site, (T,).
        fragment: Its fragment row, (T,).
    """

    atom: int
    row: Any
    site: Any
    fragment: Any


class Placing(NamedTuple):
    """Where each fragment atom is placed from, and what it looks at: tables of R fragment rows with F atoms.

    Attributes:
        reference: Local indices of its three predecessors, (R, F, 3).
        length: Of the bond to the first, nm, (R, F).
        closure: Local index of the atom to which a ring closes, -1 for none, (R, F).
        closure_length: Of that bond, nm, (R, F).
        index: See ``features.Slots``, as those below, (R, F, J).
        of: (R, F, J).
        residual: (R, F, 3, F + C).
        residual_bead: (R, F, 3).
        residual_scale: (R, F, 3).
        target: (R, F).
    """

    reference: Any
    length: Any
    closure: Any
    closure_length: Any
    index: Any
    of: Any
    residual: Any
    residual_bead: Any
    residual_scale: Any
    target: Any


class Seen(NamedTuple):
    """What the encoder tells of S sites, and what else the network is told.

    Attributes:
        scalar: Features that do not turn, (S, C).
        gate: What is made of them, (S, C).
        vector: (S, C / 2, 3).
        tensor: l = 2, (S, C / 2, 5).
        conditions: Noise level and temperature, (S, 3).
        spare: Directions for atoms whose predecessors leave some open, (S, 4, 3).
        target: Embedding of each class of fragment atoms, (V, n).
        couple: l = 2 from pairs of components of vectors, (9, 5).
    """

    scalar: Any
    gate: Any
    vector: Any
    tensor: Any
    conditions: Any
    spare: Any
    target: Any
    couple: Any


class AtomFrames(NamedTuple):
    """Local frames of T atoms, as ``density.LocalFrame`` has them."""

    origin: Any
    axes: Any
    reach: Any
    no_axis: Any
    no_plane: Any


@compiled(error_model="numpy", nogil=True)
def gathered(local, targets, placing, seen, layer):
    """What T atoms see: their frames, the sum over their slots (T, H), and what else enters the trunk (T, n)."""
    atom, rows, sites, fragments = targets.atom, targets.row, targets.site, targets.fragment
    reference, weights = placing.reference, placing.residual
    beads, scale = placing.residual_bead, placing.residual_scale
    count, n_slots, n_residual, n_placed = len(rows), placing.index.shape[2], beads.shape[2], weights.shape[3]
    points, spare = np.empty((count, 3, 3)), np.empty((count, seen.spare.shape[1], 3))
    index, of = np.empty((count, n_slots), np.int64), np.empty((count, n_slots), np.int64)
    residual = np.empty((count, n_residual, 3))
    for t in range(count):
        row, r = rows[t], fragments[t]
        for k in range(3):
            for x in range(3):
                points[t, k, x] = local[row, reference[r, atom, k], x]
        for k in range(spare.shape[1]):
            for x in range(3):
                spare[t, k, x] = seen.spare[sites[t], k, x]
        for j in range(n_slots):
            index[t, j], of[t, j] = placing.index[r, atom, j], placing.of[r, atom, j]
        for k in range(n_residual):
            bead = min(n_placed + beads[r, atom, k], local.shape[1] - 1)
            for x in range(3):
                left = local[row, bead, x]
                for p in range(n_placed):
                    left -= weights[r, atom, k, p] * local[row, p, x]
                residual[t, k, x] = left * scale[r, atom, k]
    axes, reach, no_axis, no_plane = local_frames(points, spare)
    origin, single = points[:, 0].copy(), axes.astype(np.float32)
    summed = pooled_slots(SlotPlaces(local, rows, index, residual, of), LocalAxes(origin, single), layer)
    return AtomFrames(origin, axes, reach, no_axis, no_plane), summed, _told(targets, placing, seen, single)


@part(error_model="numpy", nogil=True)
def _told(targets, placing, seen, axes):
    """What enters the trunk beside slots: the encoder's features in the local frames, target and conditions, (T, n)."""
    sites, fragments, count = targets.site, targets.fragment, len(targets.site)
    half, channels, width = seen.vector.shape[1], seen.scalar.shape[1], seen.target.shape[1]
    vector, tensor = np.empty((count, half, 3), np.float32), np.empty((count, half, 5), np.float32)
    for t in range(count):
        for c in range(half):
            for x in range(3):
                vector[t, c, x] = seen.vector[sites[t], c, x]
            for x in range(5):
                tensor[t, c, x] = seen.tensor[sites[t], c, x]
    turning = turned(vector, tensor, axes, seen.couple)
    found = np.empty((count, 2 * channels + 8 * half + width + 3), np.float32)
    for t in range(count):
        into, s, kind = found[t], sites[t], placing.target[fragments[t], targets.atom]
        for c in range(channels):
            into[c] = seen.scalar[s, c]
            into[channels + 8 * half + c] = seen.gate[s, c]
        for c in range(8 * half):
            into[channels + c] = turning[t, c]
        begin = 2 * channels + 8 * half
        for c in range(width):
            into[begin + c] = seen.target[kind, c]
        for c in range(3):
            into[begin + width + c] = seen.conditions[s, c]
    return found


@part(error_model="numpy", nogil=True)
def normal_below(p):
    """The number below which a normal one lies with probability p, 1e-300 to 1 - 1e-16.

    A rational guess of the tail (Abramowitz and Stegun, 26.2.23), led to the last digits by Halley's steps.
    """
    tail = min(p, 1.0 - p)
    t = math.sqrt(-2.0 * math.log(tail))
    x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))))
    for _ in range(2):
        off = (0.5 * math.erfc(-x / SQRT2) - tail) * SQRT_2PI * math.exp(0.5 * x * x)
        x -= off / (1.0 + 0.5 * x * off)
    return x if p < 0.5 else -x


@part(error_model="numpy", nogil=True)
def _angle_of(raw, one, two, weight):
    """An angle from numbers of the network: means, spreads and weights of Gaussians cut off at 0 and pi."""
    n = len(weight)
    most, total = raw[2 * n], 0.0
    for m in range(1, n):
        most = max(most, raw[2 * n + m])
    for m in range(n):
        total += math.exp(float(raw[2 * n + m]) - most)
        weight[m] = total
    pick = 0
    while pick < n - 1 and weight[pick] < one * total:
        pick += 1
    mean, sd = 1.3 + 0.5 * float(raw[pick]), math.exp(min(max(float(raw[n + pick]) - 2.5, -6.0), 1.0))
    sign = -1.0 if mean < 0 else 1.0  # so that what is between the ends is in the lower tail, which keeps its digits
    first, second = -mean * sign / sd, (math.pi - mean) * sign / sd
    low = 0.5 * math.erfc(-min(first, second) / SQRT2)
    high = 0.5 * math.erfc(-max(first, second) / SQRT2)
    inside = min(max(low + two * (high - low), TINY), 1 - 1e-15)
    return min(max(mean + sd * sign * normal_below(inside), NARROW), math.pi - NARROW)


@compiled(error_model="numpy", nogil=True)
def drawn_angles(raw, uniform, targets, placing, frames):
    """Distances (T,) and angles (T,) of T atoms from numbers of the network (T, 3 M) and uniform ones (T, 5)."""
    count, n = len(raw), raw.shape[1] // 3
    distance, angle, weight = np.empty(count), np.empty(count), np.empty(n)
    for t in range(count):
        r = targets.fragment[t]
        d = distance[t] = placing.length[r, targets.atom]
        if placing.closure[r, targets.atom] >= 0:
            other, reach = placing.closure_length[r, targets.atom], frames.reach[t]
            cosine = (reach * reach + d * d - other * other) / (2 * reach * d)
            angle[t] = math.acos(min(max(cosine, CLOSE - 1), 1 - CLOSE))
        elif frames.no_axis[t]:
            angle[t] = math.acos(1 - 2 * uniform[t, 1])
        else:
            angle[t] = _angle_of(raw[t], uniform[t, 1], uniform[t, 2], weight)
    return distance, angle


@part(error_model="numpy", nogil=True)
def _torsion_of(smooth, coarse, one, two, height, mass):
    """A torsion whose log-density is linear between nodes; ``coarse`` is added at every few of them, and between them.

    Args:
        height: Room for the log-density at the nodes, and again at the first, (K + 1,).
        mass: Room for what lies up to the end of each segment, (K,).
    """
    n, up = len(smooth), len(smooth) // len(coarse)
    most = -np.inf
    for k in range(n):
        c, step = k // up, float32(k % up) / float32(up)
        low, high = coarse[c], coarse[(c + 1) % len(coarse)]
        height[k] = smooth[k] + (low + step * (high - low))
        most = max(most, height[k])
    height[n] = height[0]
    total = 0.0
    for k in range(n):
        slope = height[k + 1] - height[k]
        size = abs(slope)
        share = -math.expm1(-size) / size if size > 1e-4 else 1.0 - 0.5 * size
        total += math.exp(max(height[k], height[k + 1]) - most) * share
        mass[k] = total
    segment = min(np.searchsorted(mass, one * total), n - 1)
    slope = height[segment + 1] - height[segment]
    size = max(abs(slope), 1e-9)
    from_top = -math.log1p(two * math.expm1(-size)) / size
    inside = 1 - from_top if slope > 0 else from_top
    if abs(slope) <= 1e-6:
        inside = two
    return (segment + inside) * (2 * math.pi / n) - math.pi


@compiled(error_model="numpy", nogil=True)
def place(local, smooth, uniform, targets, frames, sphere, placing, around, table):
    """Draw torsions of T atoms, and place these in ``local``; returns the torsions (T,), and pair terms (T, NODES).

    Args:
        smooth: Log-densities of the torsion at its nodes without those of pairs, (T, K).
        sphere: Distances (T,) and angles (T,).
        around: Atoms around the sites.
        table: Pair functions, as in ``kernels.pair_energy``.
    """
    distance, angle = sphere
    fragments = targets.fragment
    target = np.empty(len(fragments), np.int64)
    for t in range(len(fragments)):
        target[t] = placing.target[fragments[t], targets.atom]
    circles = Circles(targets.site, target, distance.astype(np.float32), angle.astype(np.float32))
    single = LocalAxes(frames.origin.astype(np.float32), frames.axes.astype(np.float32))
    coarse = pair_energy(circles, single, around, table, PAIR_REACH, PAIRS, NODES)
    height, mass, torsions = np.empty(smooth.shape[1] + 1), np.empty(smooth.shape[1]), np.empty(len(fragments))
    for t in range(len(fragments)):
        if frames.no_plane[t]:
            torsion = (2 * uniform[t, 3] - 1) * math.pi
        else:
            torsion = _torsion_of(smooth[t], coarse[t], uniform[t, 3], uniform[t, 4], height, mass)
        torsions[t] = torsion
        sine = math.sin(angle[t])
        x = distance[t] * math.cos(angle[t])
        y, z = distance[t] * sine * math.cos(torsion), distance[t] * sine * math.sin(torsion)
        for i in range(3):
            local[targets.row[t], targets.atom, i] = (frames.origin[t, i] + x * frames.axes[t, 0, i]
                                                      + y * frames.axes[t, 1, i] + z * frames.axes[t, 2, i])
    return torsions, coarse


class BlockDraws:
    """Blocks that are drawn for the rows of ``local``.

    Args:
        network: Draws.
        sight: What the sites see.
        local: Positions by local index, nm, (rows, n, 3); what is drawn is written there.
        site: Of each row, (rows,).
    """

    def __init__(self, network: Network, sight: Sight, local: Tensor, site: Tensor) -> None:
        env, slots, embedded, encoder = sight.env, sight.slots, sight.embedded, network.encoder
        tables, channels, half = env.fragments, encoder.channels, encoder.channels // 2
        scalar, vector, tensor = sight.features.split([channels, 3 * half, 5 * half], dim=1)
        scalar = silu(scalar)
        conditions = torch.stack([env.noise, (env.noise == 0).float(), 300 / env.temperature], dim=1)
        self.network, self.tables, self.local = network, tables, local.numpy()
        self.site, self.fragment = site.numpy(), env.row[site].numpy()
        self.placing = as_arrays(Placing(
            tables.reference, tables.length.double(), tables.closure, tables.closure_length.double(), slots.index,
            slots.of, slots.residual, slots.residual_bead, slots.residual_scale, slots.target))
        self.seen = as_arrays(Seen(
            scalar, encoder.gate(scalar), vector.reshape(-1, half, 3), tensor.reshape(-1, half, 5), conditions,
            sight.spare, embedded["target"], encoder.couple.reshape(9, 5)))
        layer = network.slot_geometry
        self.layer = as_arrays(SlotLayer(layer.weight.T, layer.bias, embedded["gain"], embedded["shift"]))
        self.around = as_arrays(SeenClasses(env.neighbours, env.neighbours_placed, sight.surrounding))
        self.table = embedded["pair"].numpy()

    @staticmethod
    def suit(network: Network, sight: Sight) -> bool:
        """Whether all that is to be drawn has rigid bonds, and is drawn without gradients on a processor."""
        env = sight.env
        drawn = env.block & ~env.fragments.pinned[env.row]
        return (looped(env.beads) and not network.training and sight.latents is None
                and bool(torch.isfinite(env.fragments.length[env.row])[drawn].all()))

    def draw(self, atom: int, rows: Tensor, uniform: Tensor) -> Callable[[], Tensor]:
        """Draw one fragment atom of some rows (T,) from uniform numbers (T, 5); returns what says their log-density."""
        rows, uniform = rows.numpy(), uniform.numpy()
        targets = NextAtoms(atom, rows, self.site[rows], self.fragment[rows])
        frames, pooled, told = gathered(self.local, targets, self.placing, self.seen, self.layer)
        hidden = self.network.trunked(torch.as_tensor(pooled), torch.as_tensor(told))
        sphere = drawn_angles(self.network.angle(hidden).numpy(), uniform, targets, self.placing, frames)
        smooth = self.network.around(hidden, torch.as_tensor(sphere[1]))
        torsions, pairs = place(self.local, smooth.numpy(), uniform, targets, frames, sphere, self.placing,
                                self.around, self.table)

        def density() -> Tensor:
            turning = Torsions(self.network.with_pairs(smooth, torch.as_tensor(pairs)))
            fragment = torch.as_tensor(targets.fragment)
            head = Head.drawn(self.network, self.tables, fragment, torch.full_like(fragment, atom),
                              LocalFrame(*map(torch.as_tensor, frames)), hidden, turning)
            return head.log_density(*map(torch.as_tensor, (*sphere, torsions)))

        return density
