"""Blocks drawn atom after atom in one compiled pass: the quick twin of ``head``, without gradients.

Some atoms at a time go all the way: what they see is gathered, layers are gone through, angles and torsions are
drawn, and they are placed. Nothing of an atom depends on which others are drawn with it.
"""
from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import float32

from backmap.engine.compiling.compiled import compiled, part

from .circles import NODES, Circles, pair_energy
from .coordinates import angle_of, torsion_of
from .dense import dense
from .kernels import LocalAxes, SlotPlaces, local_frames, pooled_slots, silu, turned

CLOSE = 1e-9  #: how near to -1 and 1 the cosine of an angle comes
TOGETHER = 32  #: atoms that go through the layers at once, so that what is between these stays at hand


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
    """What the network is told of S sites.

    Attributes:
        vector: Features of the encoder, (S, C / 2, 3).
        tensor: l = 2, (S, C / 2, 5).
        standing: What enters the trunk that is the same in all local frames, (S, width).
        spare: Directions for atoms whose predecessors leave some open, (S, 4, 3).
    """

    vector: Any
    tensor: Any
    standing: Any
    spare: Any


class Layers(NamedTuple):
    """The network's layers, as ``dense`` has them, and what is made of classes of atoms.

    Attributes:
        slots: ``kernels.SlotLayer``.
        couple: l = 2 from pairs of components of vectors, (9, 5).
        target: What enters the trunk of each class of fragment atoms, (V, width).
        entry: From slots and turned features to the trunk.
        first: Of the trunk.
        second: Of the trunk.
        coordinates: From the trunk to torsions (L), and behind these to numbers of the angle (3 M).
        numbers: How many are those of the angle.
        angle: From an angle, its cosine, its sine and that of twice it to torsions, (4, L).
        torsion: Between torsions.
        out: To Fourier coefficients.
        fourier: To the logarithm of the density at nodes.
        nodes: How many of these there are.
        pairs: Pair functions, as in ``circles.pair_energy``.
    """

    slots: Any
    couple: Any
    target: Any
    entry: Any
    first: Any
    second: Any
    coordinates: Any
    numbers: Any
    angle: Any
    torsion: Any
    out: Any
    fourier: Any
    nodes: Any
    pairs: Any


class Drawn(NamedTuple):
    """What is known of T atoms once they are drawn, for their log-densities.

    Attributes:
        hidden: What the head knows, (T, width).
        smooth: Logarithm of the torsion's density at its nodes without pairs, (T, K).
        pairs: Pair terms, (T, NODES).
        frames: Their local frames.
        sphere: Distance, angle and torsion, (3, T).
    """

    hidden: Any
    smooth: Any
    pairs: Any
    frames: Any
    sphere: Any


class AtomFrames(NamedTuple):
    """Local frames of T atoms, as ``density.LocalFrame`` has them."""

    origin: Any
    axes: Any
    reach: Any
    no_axis: Any
    no_plane: Any


@part(error_model="numpy", nogil=True)
def _gathered(local, targets, placing, seen, layers, frames, begin, entry):
    """What T atoms see: their frames into ``frames`` from ``begin`` on, and into rows of ``entry`` the sum over their
    slots and the encoder's features in their frames."""
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
            left0, left1, left2 = local[row, bead, 0], local[row, bead, 1], local[row, bead, 2]
            for p in range(n_placed):
                weight = weights[r, atom, k, p]
                left0 -= weight * local[row, p, 0]
                left1 -= weight * local[row, p, 1]
                left2 -= weight * local[row, p, 2]
            by = scale[r, atom, k]
            residual[t, k, 0], residual[t, k, 1], residual[t, k, 2] = left0 * by, left1 * by, left2 * by
    axes, reach, no_axis, no_plane = local_frames(points, spare)
    origin, single = points[:, 0].copy(), axes.astype(np.float32)
    summed = pooled_slots(SlotPlaces(local, rows, index, residual, of), LocalAxes(origin, single), layers.slots)
    turning = turned(seen.vector, seen.tensor, sites, single, layers.couple)
    width = summed.shape[1]
    for t in range(count):
        for c in range(width):
            entry[t, c] = summed[t, c]
        for c in range(turning.shape[1]):
            entry[t, width + c] = turning[t, c]
        at = begin + t
        frames.reach[at], frames.no_axis[at], frames.no_plane[at] = reach[t], no_axis[t], no_plane[t]
        for i in range(3):
            frames.origin[at, i] = origin[t, i]
            for x in range(3):
                frames.axes[at, i, x] = axes[t, i, x]


@part(fastmath={"contract", "nsz"}, error_model="numpy", nogil=True)
def _added(h, more, active):
    """Rows h plus ``more`` into h, and what a layer sees of them, x / (1 + exp(-x)), into ``active``; both longer."""
    for t in range(len(h)):
        here, add, into = h[t], more[t], active[t]
        for c in range(h.shape[1]):
            total = here[c] + add[c]
            here[c] = total
            into[c] = silu(total)


@part(error_model="numpy", nogil=True)
def _trunk(targets, placing, seen, layers, entry, room):
    """From what T atoms see to what the head knows of them, rows of the last of ``room``."""
    count, (h, more, active) = len(targets.site), room
    dense(entry, layers.entry, count, more)
    for t in range(count):
        here, standing = h[t], seen.standing[targets.site[t]]
        target = layers.target[placing.target[targets.fragment[t], targets.atom]]
        for c in range(len(here)):
            here[c] = standing[c] + target[c]
    _added(h[:count], more, active)
    dense(active, layers.first, count, more)
    _added(h[:count], more, active)
    dense(active, layers.second, count, more)
    _added(h[:count], more, active)


@part(error_model="numpy", nogil=True)
def _angles(raw, uniform, targets, placing, frames, begin, sphere):
    """Distances and angles of T atoms, from numbers of the network (T, 3 M), into ``sphere`` from ``begin`` on."""
    n = raw.shape[1] // 3
    weight = np.empty(n)
    for t in range(len(targets.fragment)):
        r, row, at = targets.fragment[t], targets.row[t], begin + t
        d = sphere[0, at] = placing.length[r, targets.atom]
        if placing.closure[r, targets.atom] >= 0:
            other, reach = placing.closure_length[r, targets.atom], frames.reach[at]
            cosine = (reach * reach + d * d - other * other) / (2 * reach * d)
            sphere[1, at] = math.acos(min(max(cosine, CLOSE - 1), 1 - CLOSE))
        elif frames.no_axis[at]:
            sphere[1, at] = math.acos(1 - 2 * uniform[row, targets.atom, 1])
        else:
            sphere[1, at] = angle_of(raw[t], uniform[row, targets.atom, 1], uniform[row, targets.atom, 2], weight)


@part(fastmath={"contract", "nsz"}, error_model="numpy", nogil=True)
def _turning(coordinates, sphere, begin, by, into):
    """What torsions see of what the head knows and of angles, T rows of ``into``."""
    for t in range(len(into)):
        angle, here, row = sphere[1, begin + t], coordinates[t], into[t]
        one, two, three = float32(angle), float32(math.cos(angle)), float32(math.sin(angle))
        four = float32(math.cos(2 * angle))
        a, b, c, d = by[0], by[1], by[2], by[3]
        for x in range(len(row)):
            row[x] = silu(here[x] + one * a[x] + two * b[x] + three * c[x] + four * d[x])


@part(fastmath={"contract", "nsz"}, error_model="numpy", nogil=True)
def _silu_added(h, more):
    """Rows h plus ``more / (1 + exp(-more))``, in place; ``more`` may be longer."""
    for t in range(len(h)):
        here, add = h[t], more[t]
        for c in range(h.shape[1]):
            here[c] += silu(add[c])


@part(error_model="numpy", nogil=True)
def _place(local, smooth, uniform, targets, placing, around, layers, begin, drawn):
    """Draw torsions of T atoms, and place these in ``local``; ``drawn`` has what is known of them from ``begin`` on.

    Args:
        smooth: Log-densities of the torsion at its nodes without those of pairs, (T, K).
        around: Atoms around the sites.
    """
    count, fragments, frames = len(targets.fragment), targets.fragment, drawn.frames
    origin, axes = frames.origin[begin:begin + count], frames.axes[begin:begin + count]
    distance, angle = drawn.sphere[0, begin:begin + count], drawn.sphere[1, begin:begin + count]
    target = np.empty(count, np.int64)
    for t in range(count):
        target[t] = placing.target[fragments[t], targets.atom]
    circles = Circles(targets.site, target, distance.astype(np.float32), angle.astype(np.float32))
    coarse = pair_energy(circles, LocalAxes(origin.astype(np.float32), axes.astype(np.float32)), around, layers.pairs)
    height, room, mass = (np.empty(smooth.shape[1] + 1), np.empty(smooth.shape[1] + 1), np.empty(smooth.shape[1]))
    for t in range(count):
        number = uniform[targets.row[t], targets.atom]
        if frames.no_plane[begin + t]:
            torsion = (2 * number[3] - 1) * math.pi
        else:
            torsion = torsion_of(smooth[t], coarse[t], number[3], number[4], height, room, mass)
        drawn.sphere[2, begin + t] = torsion
        sine = math.sin(angle[t])
        x = distance[t] * math.cos(angle[t])
        y, z = distance[t] * sine * math.cos(torsion), distance[t] * sine * math.sin(torsion)
        for i in range(3):
            local[targets.row[t], targets.atom, i] = (origin[t, i] + x * axes[t, 0, i] + y * axes[t, 1, i]
                                                      + z * axes[t, 2, i])
        for k in range(NODES):
            drawn.pairs[begin + t, k] = coarse[t, k]


@part(nogil=True)
def _room(width):
    """For numbers of the atoms that are drawn together."""
    return np.zeros((TOGETHER, width), np.float32)


@compiled(error_model="numpy", nogil=True)
def drawn_blocks(local, order, site, fragment, uniform, placing, seen, around, layers):
    """Draw atoms of rows of ``local``, in place, those of each place in the fragment before those of the next.

    Args:
        local: Positions by local index, nm, (rows, n, 3).
        order: Rows that have an atom at each place in the fragment, and where those of each place begin.
        site: Of each row, (rows,).
        fragment: Of each row, (rows,).
        uniform: Numbers of each row and place, (rows, F, 5).
        placing: Where atoms are placed from.
        seen: Of the sites.
        around: Atoms around the sites.
        layers: Of the network.

    Returns:
        What is known of the atoms, in their order.
    """
    rows, start = order
    total, width, n_turning, n_nodes = len(rows), layers.target.shape[1], layers.angle.shape[1], layers.nodes
    drawn = Drawn(np.empty((total, width), np.float32), np.empty((total, n_nodes), np.float32),
                  np.empty((total, NODES), np.float32),
                  AtomFrames(np.empty((total, 3)), np.empty((total, 3, 3)), np.empty(total), np.empty(total, np.bool_),
                             np.empty(total, np.bool_)), np.empty((3, total)))
    entry, turning = _room(layers.entry.weight.shape[1]), _room(n_turning)
    h, more, active = _room(width), _room(len(layers.first.bias)), _room(width)
    wide, again = _room(len(layers.coordinates.bias)), _room(len(layers.torsion.bias))
    waves, nodes = _room(len(layers.out.bias)), _room(len(layers.fourier.bias))
    for atom in range(len(start) - 1):
        for begin in range(start[atom], start[atom + 1], TOGETHER):
            chosen = rows[begin:min(begin + TOGETHER, start[atom + 1])]
            count = len(chosen)
            targets = NextAtoms(atom, chosen, site[chosen], fragment[chosen])
            _gathered(local, targets, placing, seen, layers, drawn.frames, begin, entry)
            _trunk(targets, placing, seen, layers, entry, (h, more, active))
            dense(active, layers.coordinates, count, wide)
            _angles(wide[:count, n_turning:n_turning + layers.numbers], uniform, targets, placing, drawn.frames, begin,
                    drawn.sphere)
            _turning(wide, drawn.sphere, begin, layers.angle, turning[:count])
            dense(turning, layers.torsion, count, again)
            _silu_added(turning[:count], again)
            dense(turning, layers.out, count, waves)
            dense(waves, layers.fourier, count, nodes)
            for t in range(count):
                for c in range(width):
                    drawn.hidden[begin + t, c] = active[t, c]
                for c in range(n_nodes):
                    drawn.smooth[begin + t, c] = nodes[t, c]
            _place(local, drawn.smooth[begin:begin + count], uniform, targets, placing, around, layers, begin, drawn)
    return drawn
