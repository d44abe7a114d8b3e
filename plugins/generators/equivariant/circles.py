"""Fast twin, for processors, of the network's pair term: what neighbours add to the logits of torsions around a circle.

For each of 32 neighbours a function of distance is looked up at 36 torsions: most of the time of a draw, if each
value comes from memory. A function has 25 of them, which stay in registers while all torsions are looked up.
"""
from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import float32, int32, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.compiling.lanes import INDEX, WHOLES, WIDTH, Lanes

from .kernels import LocalAxes

NODES = 36  #: torsions at which pairs are evaluated
PAIRS = 32  #: neighbours that count, the nearest ones to the circle's centre
PAIR_BINS, PAIR_REACH = 24, 0.6  #: intervals of a pair function, and where it ends, nm
PAIR_ROW = 2 * WIDTH  #: room for one
VECTORS = -(-NODES // WIDTH)  #: that the torsions fill
LEAST = 1e-8  #: nm^2
NOWHERE = 1e6  #: nm^2, where a neighbour is not placed


class Circles(NamedTuple):
    """Circles on which T atoms will lie.

    Attributes:
        site: (T,).
        target: Class of each atom, (T,).
        distance: From the origin of the local frame, nm, (T,).
        angle: From its axis, (T,).
    """

    site: Any
    target: Any
    distance: Any
    angle: Any


class SeenClasses(NamedTuple):
    """Neighbours of S sites.

    Attributes:
        points: Positions, nm, (S, N, 3).
        placed: Whether they are there, (S, N) bool.
        kind: Class of each, (S, N).
    """

    points: Any
    placed: Any
    kind: Any


@part(error_model="numpy", nogil=True)
def _squares(points, placed, x, y, z, square):
    """Squared distances of all points from (x, y, z) into ``square``; returns how many are there."""
    there = int32(0)
    for n in range(len(points)):
        dx, dy, dz = points[n, 0] - x, points[n, 1] - y, points[n, 2] - z
        d = dx * dx + dy * dy + dz * dz
        square[n] = d if placed[n] else float32(NOWHERE)
        there += int32(placed[n])
    return there


@part(error_model="numpy", nogil=True)
def nearest(square, there, index):
    """Indices, ascending, of the ``PAIRS`` least of ``square``, or of all that are there, into ``index``; how many.

    Args:
        square: Squared distances, ``NOWHERE`` of what is not there, float32, (N,).
        there: How many are there.
        index: Room for one more than ``PAIRS``.
    """
    wanted = min(there, PAIRS)
    low, high = float32(0.0), float32(NOWHERE)
    if there > PAIRS:  # a limit below which there are as many as are wanted, between two that have fewer and more
        high = float32(0.0)
        for n in range(len(square)):
            if square[n] < NOWHERE:
                high = max(high, square[n])
        high = np.nextafter(high, float32(NOWHERE))
        while True:
            limit = float32(0.5) * (low + high)
            if not low < limit < high:
                break
            below = int32(0)
            for n in range(len(square)):
                below += int32(square[n] < limit)
            if below == wanted:
                low = high = limit
                break
            if below < wanted:
                low = limit
            else:
                high = limit
    else:
        low = high
    found = 0
    for n in range(len(square)):
        if square[n] < low:
            index[found] = n
            found += 1
    for n in range(len(square)):  # as near as each other: the first ones
        if found == wanted:
            break
        if low <= square[n] < high:
            index[found] = n
            found += 1
    return found


@intrinsic
def around(typing, count, fixed, wy, wz, first, table, cosines, sines, scale, energy, at):
    """Write pair terms of ``count`` neighbours at all torsions, to ``energy`` from ``at`` on.

    A neighbour is at sqrt(fixed - wy cos - wz sin); its function begins at ``first`` of the flat ``table``.
    """
    def generate(context, builder, signature, arguments):
        lanes = Lanes(context, builder, signature.args)
        start = lanes.index(0)
        fixed, wy, wz, first, table, cosines, sines = (lanes.pointer(arguments, k, start) for k in range(1, 8))
        energy, scale = lanes.pointer(arguments, 9, arguments[10]), lanes.everywhere(arguments[8])
        cos, sin = ([lanes.load(row, v * WIDTH) for v in range(VECTORS)] for row in (cosines, sines))
        least, most = lanes.everywhere(LEAST), lanes.everywhere(PAIR_BINS - 1e-4)

        def body(p, sums):
            here, along, across = (lanes.everywhere(builder.load(lanes.entry(row, p))) for row in (fixed, wy, wz))
            row = lanes.entry(table, builder.sext(builder.load(lanes.entry(first, p)), INDEX))
            low, high = lanes.load(row), lanes.load(row, WIDTH)
            slope = [builder.fsub(lanes.following(low, high), low), builder.fsub(lanes.following(high, high), high)]
            found = []
            for v in range(VECTORS):
                square = builder.fsub(builder.fsub(here, builder.fmul(along, cos[v])), builder.fmul(across, sin[v]))
                place = lanes.least(builder.fmul(lanes.root(lanes.most(square, least)), scale), most)
                cell = builder.fptosi(place, WHOLES)
                inside = builder.fsub(place, builder.sitofp(cell, place.type))
                value = lanes.plus(inside, lanes.chosen(*slope, cell), lanes.chosen(low, high, cell))
                found.append(builder.fadd(sums[v], value))
            return found

        for v, total in enumerate(lanes.loop(arguments[0], [lanes.everywhere(0.0)] * VECTORS, body)):
            lanes.store(total, energy, v * WIDTH)
        return context.get_dummy_value()

    return types.none(count, fixed, wy, wz, first, table, cosines, sines, scale, energy, at), generate


@compiled(error_model="numpy", nogil=True)
def pair_energy(circles: Circles, frames: LocalAxes, seen: SeenClasses,
                table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of pair terms of T atoms at each torsion node, (T, NODES) float32.

    Args:
        table: Pair functions, (V, X, PAIR_ROW), linear between nodes on [0, PAIR_REACH], zero at the last and behind.
    """
    site, target, distance, angle = circles.site, circles.target, circles.distance, circles.angle
    points, placed, surrounding, origin, axes = seen.points, seen.placed, seen.kind, frames.origin, frames.axes
    flat, scale = table.ravel(), float32(PAIR_BINS / PAIR_REACH)
    cosines, sines = np.zeros(VECTORS * WIDTH, np.float32), np.zeros(VECTORS * WIDTH, np.float32)
    for k in range(NODES):
        cosines[k], sines[k] = math.cos(2 * math.pi * k / NODES - math.pi), math.sin(2 * math.pi * k / NODES - math.pi)
    energy, filled = np.empty((len(site), NODES), np.float32), np.empty(VECTORS * WIDTH, np.float32)
    index, square = np.empty(PAIRS + 1, np.int64), np.empty(points.shape[1], np.float32)
    fixed, wy, wz = np.empty(PAIRS, np.float32), np.empty(PAIRS, np.float32), np.empty(PAIRS, np.float32)
    first = np.empty(PAIRS, np.int32)
    for t in range(len(site)):
        s = site[t]
        along, across = float32(distance[t] * math.cos(angle[t])), float32(distance[t] * math.sin(angle[t]))
        there = _squares(points[s], placed[s], origin[t, 0] + along * axes[t, 0, 0],
                         origin[t, 1] + along * axes[t, 0, 1], origin[t, 2] + along * axes[t, 0, 2], square)
        found = nearest(square, there, index)
        for p in range(found):
            n = index[p]
            dx, dy, dz = points[s, n, 0] - origin[t, 0], points[s, n, 1] - origin[t, 1], points[s, n, 2] - origin[t, 2]
            x = dx * axes[t, 0, 0] + dy * axes[t, 0, 1] + dz * axes[t, 0, 2] - along
            y = dx * axes[t, 1, 0] + dy * axes[t, 1, 1] + dz * axes[t, 1, 2]
            z = dx * axes[t, 2, 0] + dy * axes[t, 2, 1] + dz * axes[t, 2, 2]
            fixed[p] = x * x + y * y + z * z + across * across
            wy[p], wz[p] = float32(2.0) * across * y, float32(2.0) * across * z
            first[p] = (target[t] * table.shape[1] + surrounding[s, n]) * PAIR_ROW
        around(found, fixed, wy, wz, first, flat, cosines, sines, scale, filled, 0)
        for k in range(NODES):
            energy[t, k] = filled[k]
    return energy
