"""What sites see, in one compiled pass: the quick twin of the encoder and of what ``core`` finds about neighbours.

Harmonics of a neighbour are multiplied with what its class says in registers, sixteen channels at a time.
"""
from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import float32, int32, types
from numba.extending import intrinsic

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.compiling.lanes import INDEX, WIDTH, Lanes

from .dense import ROWS, Layer, dense

HARMONICS = 9  #: spherical harmonics up to l = 2
SQRT3, SQRT5, SQRT15 = math.sqrt(3), math.sqrt(5), math.sqrt(15)
SPARE = 2  #: nearest neighbours of a kind that complete local frames
SUMMED = 0.15  #: what sums over neighbours are multiplied by


class Sites(NamedTuple):
    """Neighbours of S sites.

    Attributes:
        row: Fragment row of each site, (S,).
        atoms: Positions of neighbour atoms, nm, (S, N, 3).
        placed: Whether they are there, (S, N) bool.
        atom: Atom row of each, (S, N).
        same: Whether it is of the site's own molecule, (S, N) bool.
        beads: Positions of neighbour beads, nm, (S, P, 3).
        present: Whether they are there, (S, P) bool.
        bead: Fragment row of each, (S, P).
    """

    row: Any
    atoms: Any
    placed: Any
    atom: Any
    same: Any
    beads: Any
    present: Any
    bead: Any


class Classes(NamedTuple):
    """Classes of neighbours, by what they are and how many bonds away.

    Attributes:
        start: Where the atoms near each fragment row begin in those below, and their end, (R + 1,).
        near: Atom rows near each fragment, ascending, (n,).
        bonds: How many bonds away, (n,).
        atom: Class of each atom row at each number of bonds, 0 for far, (n, FAR).
        own: Fragment rows of beads near on the bead graph, -1 padding, (R, Q).
        bead: Class of each fragment row as a bead of another molecule and of the own, (R, 2).
    """

    start: Any
    near: Any
    bonds: Any
    atom: Any
    own: Any
    bead: Any


class Encoder(NamedTuple):
    """The encoder's weights; channels are filled up to whole lanes.

    Attributes:
        atom: Of each class of atoms, (X, C).
        bead: Of each class of beads, (Y, C).
        radial: Weights at even distances from 0 to the cut-off, (R, C).
        scalar: Layer of l = 0.
        vector: Of l = 1.
        tensor: Of l = 2.
        channels: How many are none that fill up.
        cutoff: nm.
    """

    atom: Any
    bead: Any
    radial: Any
    scalar: Layer
    vector: Layer
    tensor: Layer
    channels: int
    cutoff: float


@intrinsic
def _convolved(typing, count, harmonics, inside, fade, cell, row, radial, embedded, width, channel, summed):
    """Add ``count`` neighbours' messages times harmonics to ``WIDTH`` channels of ``summed`` (flat, HARMONICS, width).

    Args:
        harmonics: Of each neighbour, flat.
        inside: Share of the interval between radial weights.
        fade: Weight by distance.
        cell: Where the row of radial weights begins, flat.
        row: Where the row of its class begins in ``embedded``, flat.
    """
    def generate(context, builder, signature, arguments):
        lanes = Lanes(context, builder, signature.args)
        start = lanes.index(0)
        harmonics, inside, fade, cell, row = (lanes.pointer(arguments, k, start) for k in range(1, 6))
        width, channel = arguments[8:10]
        radial, embedded, summed = (lanes.pointer(arguments, k, channel) for k in (6, 7, 10))
        rows = [lanes.entry(summed, builder.mul(width, lanes.index(m))) for m in range(HARMONICS)]

        def scalar(pointer, at):
            return builder.load(lanes.entry(pointer, at))

        def body(n, sums):
            low = lanes.entry(radial, builder.sext(scalar(cell, n), INDEX))
            first, second = lanes.load(low), lanes.load(lanes.entry(low, width))
            weight = lanes.plus(lanes.everywhere(scalar(inside, n)), builder.fsub(second, first), first)
            of = lanes.load(lanes.entry(embedded, builder.sext(scalar(row, n), INDEX)))
            message = builder.fmul(builder.fmul(weight, of), lanes.everywhere(scalar(fade, n)))
            own = lanes.entry(harmonics, builder.mul(n, lanes.index(HARMONICS)))
            return [lanes.plus(lanes.everywhere(scalar(own, m)), message, sums[m]) for m in range(HARMONICS)]

        for into, total in zip(rows, lanes.loop(arguments[0], [lanes.load(into) for into in rows], body), strict=True):
            lanes.store(total, into)
        return context.get_dummy_value()

    whole = types.intp
    return types.none(whole, harmonics, inside, fade, cell, row, radial, embedded, whole, whole, summed), generate


@part(error_model="numpy", nogil=True)
def _add(points, there, kind, embedded, encoder, room, summed):
    """Add what points of these classes say about a site to ``summed``, (HARMONICS, C)."""
    harmonics, inside, fade, cell, row = room
    width, steps, found = embedded.shape[1], len(encoder.radial) - 1, 0
    cutoff = float32(encoder.cutoff)
    for n in range(len(points)):
        if not there[n]:
            continue
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        d = np.sqrt(x * x + y * y + z * z)
        if d >= cutoff or d < float32(1e-6):
            continue
        x, y, z = x / d, y / d, z / d
        place = d / cutoff * float32(steps)
        whole = min(int32(place), int32(steps - 1))
        inside[found], cell[found], row[found] = place - float32(whole), whole * width, kind[n] * width
        fade[found] = float32(0.5 * math.cos(math.pi * d / cutoff) + 0.5)
        at = found * HARMONICS
        harmonics[at] = float32(1.0)
        harmonics[at + 1], harmonics[at + 2], harmonics[at + 3] = SQRT3 * x, SQRT3 * y, SQRT3 * z
        harmonics[at + 4], harmonics[at + 5] = SQRT15 * x * z, SQRT15 * x * y
        harmonics[at + 6] = SQRT5 * (y * y - 0.5 * (x * x + z * z))
        harmonics[at + 7], harmonics[at + 8] = SQRT15 * y * z, 0.5 * SQRT15 * (z * z - x * x)
        found += 1
    flat, weights, of = summed.ravel(), encoder.radial.ravel(), embedded.ravel()
    for channel in range(0, width, WIDTH):
        _convolved(found, harmonics, inside, fade, cell, row, weights, of, width, channel, flat)


@part(error_model="numpy", nogil=True)
def _outward(points, there, into):
    """Directions to the ``SPARE`` nearest points, zero where there are fewer, into (SPARE, 3)."""
    first, second = -1, -1
    least, next_ = np.inf, np.inf
    for n in range(len(points)):
        if not there[n]:
            continue
        d = 0.0
        for x in range(3):
            d += float(points[n, x]) * float(points[n, x])
        if d < least:
            first, second, least, next_ = n, first, d, least
        elif d < next_:
            second, next_ = n, d
    for k in range(SPARE):
        n, d = (first, least) if k == 0 else (second, next_)
        length = math.sqrt(d)
        for x in range(3):
            into[k, x] = float(points[n, x]) / length if n >= 0 and length > 1e-6 else 0.0


@part(nogil=True)
def _bonds_to(classes, row, atom):
    """Bonds between an atom row and a fragment, 0 for far."""
    low, high = classes.start[row], classes.start[row + 1]
    end = high
    while low < high:
        middle = (low + high) >> 1
        if classes.near[middle] < atom:
            low = middle + 1
        else:
            high = middle
    return classes.bonds[low] if low < end and classes.near[low] == atom else 0


@part(error_model="numpy", nogil=True)
def _mixed(order, summed, layer, outputs, features, begin):
    """One order of the sums over neighbours through its layer, into features from ``begin`` on, channel by channel."""
    count, size = len(summed), 2 * order + 1
    width = summed.shape[2]
    room = (count * size + ROWS - 1) // ROWS * ROWS
    x, y = np.zeros((room, width), np.float32), np.empty((room, len(layer.bias)), np.float32)
    for s in range(count):
        for m in range(size):
            into, of = x[s * size + m], summed[s, order * order + m]
            for c in range(width):
                into[c] = of[c] * float32(SUMMED)
    dense(x, layer, count * size, y)
    for s in range(count):
        for m in range(size):
            for c in range(outputs):
                features[s, begin + c * size + m] = y[s * size + m, c]


@compiled(error_model="numpy", nogil=True)
def looked(sites: Sites, classes: Classes, encoder: Encoder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What S sites see.

    Returns:
        Features as the encoder gives them, before they are turned, (S, n) float32; classes of neighbour atoms, (S, N);
        and directions to the nearest beads and atoms, (S, 2 SPARE, 3).
    """
    count, n_atoms, n_beads = len(sites.row), sites.atoms.shape[1], sites.beads.shape[1]
    channels, width = encoder.channels, encoder.atom.shape[1]
    half, most = channels // 2, max(n_atoms, n_beads)
    surrounding, of_beads = np.empty((count, n_atoms), np.int64), np.empty(n_beads, np.int64)
    summed, spare = np.zeros((count, HARMONICS, width), np.float32), np.empty((count, 2 * SPARE, 3))
    room = (np.empty(most * HARMONICS, np.float32), np.empty(most, np.float32), np.empty(most, np.float32),
            np.empty(most, np.int32), np.empty(most, np.int32))
    for s in range(count):
        row, kinds = sites.row[s], surrounding[s]
        for n in range(n_atoms):
            atom = sites.atom[s, n]
            kinds[n] = classes.atom[atom, _bonds_to(classes, row, atom) if sites.same[s, n] else 0]
        for p in range(n_beads):
            bead, own = max(sites.bead[s, p], 0), 0
            for q in range(classes.own.shape[1]):
                if sites.present[s, p] and classes.own[row, q] == sites.bead[s, p]:
                    own = 1
            of_beads[p] = classes.bead[bead, own]
        _add(sites.atoms[s], sites.placed[s], kinds, encoder.atom, encoder, room, summed[s])
        _add(sites.beads[s], sites.present[s], of_beads, encoder.bead, encoder, room, summed[s])
        _outward(sites.beads[s], sites.present[s], spare[s, :SPARE])
        _outward(sites.atoms[s], sites.placed[s], spare[s, SPARE:])
    features = np.empty((count, channels + 8 * half), np.float32)
    _mixed(0, summed, encoder.scalar, channels, features, 0)
    _mixed(1, summed, encoder.vector, half, features, channels)
    _mixed(2, summed, encoder.tensor, half, features, channels + 3 * half)
    return features, surrounding, spare
