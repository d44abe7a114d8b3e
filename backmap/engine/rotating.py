"""Molecules of one bead or two, turned about their beads as rigid bodies: the way out of wrong orientations.

About its beads a small molecule can only turn: about one into any direction, about two round the axis through both.
Neighbours that hold each other, by hydrogen bonds above all, let no trajectory of a picosecond turn far. Here molecules
are turned one after the other. Some orientations are drawn, anew or about that in which the molecule is, and one of
them, or that one, is taken with the probability of its Boltzmann factor among neighbours at rest: drawn so that any of
them would have drawn the others alike (Tjelmeland, Using all Metropolis-Hastings proposals, 2004), that leaves the
Boltzmann distribution as it is. Frames are cooled while they turn. Bonds, angles and beads stay. Energies are in single
precision and end early, where networks of hydrogen bonds are looked for: a way to a start, from which moves sample.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from vesin import NeighborList

from ..model.molecule import MoleculeType
from ..model.system import System
from .compiling.compiled import borrowing, compiled, part
from .compiling.uniform import normal, uniform
from .energy.layout import FieldLayout
from .energy.pair import lennard_jones, sixth_of
from .hamiltonian.orientations import choose, draw_rotation
from .random import Stream

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

TRIED = 15  #: orientations that are drawn each time
SMALL, LARGE = 0.15, 0.5  #: radians, standard deviations of turns from the orientation in which a molecule is
NEAR = 0.5  #: nm; where energies end while networks are looked for
AXIS = 0.01  #: nm; beads, and atoms from their bead, that are nearer give no axis
NEAREST = 0.05  #: nm; atoms closer than this count as this far apart
NUMBERS = 8  #: random numbers that one orientation takes, at most
ANEW, SMALL_TURN, LARGE_TURN, ROUND = range(4)  #: how orientations are drawn: ROUND is about the molecule's own axis


class Bodies(NamedTuple):
    """What stands or turns as a whole: molecules that turn, and the atoms of each bead of all others.

    Attributes:
        atoms: System indices, body after body, (A,).
        start: Of each body in ``atoms``, (n + 1,).
        turns: About how many beads a body turns, 0 where it stands, (n,).
        heavy: Which of ``atoms`` are no hydrogens and no virtual sites, (A,).
    """

    atoms: Index
    start: Index
    turns: Index
    heavy: Mask


class Around(NamedTuple):
    """The bodies near each one that turns.

    Attributes:
        first: Of each in ``body``, (n + 1,).
        body: The others, (p,).
        shift: Lattice vectors to those images of them that are near, nm, (p, 3).
    """

    first: Index
    body: Index
    shift: Array


class Pivots(NamedTuple):
    """Where bodies turn.

    Attributes:
        point: That stays, nm, (n, 3).
        axis: Unit vector of the axis of those that turn about two beads, (n, 3).
    """

    point: Array
    axis: Array


class NearPairs(NamedTuple):
    """Energies of pairs: Lennard-Jones, and Coulomb with a reaction field, single precision.

    Attributes:
        kind: Lennard-Jones type of each atom, (A,).
        charge: e, (A,).
        c6: By pair of kinds, kJ/mol nm^6.
        c12: By pair of kinds, kJ/mol nm^12.
        factor: Coulomb's constant, kJ/mol nm/e^2.
        k: Of the reaction field, 1/nm^3.
        c: Of the reaction field, 1/nm.
        reach: nm, where energies end.
    """

    kind: Index
    charge: NDArray[np.float32]
    c6: NDArray[np.float32]
    c12: NDArray[np.float32]
    factor: np.float32
    k: np.float32
    c: np.float32
    reach: np.float32


def turnable(kind: MoleculeType) -> bool:
    """Whether molecules of a type turn about their beads as rigid bodies: those of one bead or two."""
    return not (kind.given or kind.untied or kind.coarse) and kind.n_beads <= 2 and kind.n_atoms > 1


class Rotating:
    """Turns the molecules of frames about their beads.

    Args:
        layout: The force field laid over the system.
    """

    def __init__(self, layout: FieldLayout) -> None:
        self.layout, self.system = layout, layout.system
        self.bodies, self.bead = _bodies(self.system)

    def turn(self, atoms: Array, box: Array | None, temperatures: Sequence[float], words: tuple[int | str, ...],
             only: Mask | None = None, near: bool = True) -> Array:
        """Turn molecules, once at each temperature.

        Args:
            atoms: Whole molecules next to their beads, (A, 3), nm.
            box: (3, 3), nm, or None.
            temperatures: kT of each sweep, kJ/mol.
            words: Of the random numbers.
            only: Beads of the molecules that may turn, (B,); None for all.
            near: Whether energies end at ``NEAR``, in place of the cut-off of the force field.

        Returns:
            The atoms after it, (A, 3), nm.
        """
        chosen = self.bodies.turns > 0
        if only is not None:
            chosen &= only[self.bead]
        made = np.array(atoms, dtype=np.float64, order="C")
        if not chosen.any():
            return made
        turning, pairs = np.flatnonzero(chosen), self._pairs(near)
        pivots = _pivots(self.bodies, self.bead, made, self.system.map(made))
        around = _around(self.bodies, pivots, made, turning, box, float(pairs.reach))
        for sweep, heat in enumerate(temperatures):
            keys = Stream.of(*words, sweep, torch.as_tensor(turning)).key.numpy()
            _turn(made, self.bodies, pivots, around, pairs, turning, keys, float(heat), sweep)
        return made

    def _pairs(self, near: bool) -> NearPairs:
        field, electrostatics = self.layout.tables.field, self.layout.electrostatics
        reach, k, c = field.cutoff, electrostatics.k, electrostatics.c
        if near and reach > NEAR:
            reach, k, c = NEAR, 0.5 / NEAR**3, 1.5 / NEAR
        return NearPairs(field.kind, field.charge.astype(np.float32), field.c6.astype(np.float32),
                         field.c12.astype(np.float32), *map(np.float32, (electrostatics.factor, k, c, reach)))


def _bodies(system: System) -> tuple[Bodies, Index]:
    """The bodies of a system, and the first bead of each, (n,)."""
    atoms, turns, beads, heavy = [], [], [], []
    for group in system.groups:
        kind = group.type
        whole = turnable(kind)
        parts = [np.arange(kind.n_atoms)] if whole else [
            np.flatnonzero(kind.mapping.owner == bead) for bead in range(kind.n_beads)]
        for first, bead in zip(group.atom_offset.tolist(), group.bead_offset.tolist()):
            atoms += [first + each for each in parts]
            heavy += [kind.chemistry.element[each] > 1 for each in parts]
            beads += range(bead, bead + len(parts))
        turns += [kind.n_beads * whole] * (len(parts) * len(group.atom_offset))
    start = np.cumsum([0, *map(len, atoms)])
    return (Bodies(np.concatenate(atoms), start, np.array(turns, dtype=np.int64), np.concatenate(heavy)),
            np.array(beads, dtype=np.int64))


def _pivots(bodies: Bodies, bead: Index, atoms: Array, mapped: Array) -> Pivots:
    """Where bodies are and turn; standing ones have the mean of their atoms, empty ones their bead."""
    number = np.repeat(np.arange(len(bodies.turns)), np.diff(bodies.start))
    count = np.bincount(number, minlength=len(bodies.turns))
    sums = np.stack([np.bincount(number, row, minlength=len(count)) for row in atoms[bodies.atoms].T], axis=1)
    pivot = np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], mapped[bead])
    axis = np.zeros_like(pivot)
    one, two = bodies.turns == 1, np.flatnonzero(bodies.turns == 2)
    pivot[one] = mapped[bead[one]]
    pivot[two] = (mapped[bead[two]] + mapped[bead[two] + 1]) / 2
    along = mapped[bead[two] + 1] - mapped[bead[two]]
    length = np.linalg.norm(along, axis=1)
    axis[two] = np.where(length[:, None] > AXIS, along / np.maximum(length, AXIS)[:, None], 0.0)
    return Pivots(pivot, axis)


def _around(bodies: Bodies, pivots: Pivots, atoms: Array, turning: Index, box: Array | None, reach: float) -> Around:
    """What is near the bodies ``turning``, wherever all of them turn."""
    number = np.repeat(np.arange(len(bodies.turns)), np.diff(bodies.start))
    away = np.linalg.norm(atoms[bodies.atoms] - pivots.point[number], axis=1)
    radius = np.zeros(len(bodies.turns))
    np.maximum.at(radius, number, away)
    lattice = np.zeros((3, 3)) if box is None else box
    i, j, distance, steps = NeighborList(cutoff=reach + 2 * radius.max(), full_list=True).compute(
        points=np.ascontiguousarray(pivots.point), box=lattice, periodic=box is not None, quantities="ijdS")
    row = np.full(len(radius), -1)
    row[turning] = np.arange(len(turning))
    i, j = i.astype(np.int64), j.astype(np.int64)
    near = (row[i] >= 0) & (i != j) & (distance < reach + radius[i] + radius[j])
    i, j, steps = row[i[near]], j[near], steps[near]
    order = np.lexsort((j, i))
    first = np.searchsorted(i[order], np.arange(len(turning) + 1))
    return Around(first, j[order], steps[order].astype(np.float64) @ lattice)


@compiled(nogil=True, error_model="numpy")
def _turn(atoms: Array, bodies: Bodies, pivots: Pivots, around: Around, pairs: NearPairs, turning: Index, keys: Index,
          heat: float, sweep: int) -> None:
    """Turn bodies one after the other, in place."""
    size, most = _largest(bodies, around, turning)
    x, energy = np.empty((TRIED + 2, size, 3)), np.empty(TRIED + 1)  # and one that is drawn on the way
    near, kinds = np.empty((4, most), np.float32), np.empty(most, np.int64)
    own, turned, axis = np.empty((2, size, most), np.float32), np.empty((3, 3)), np.empty(3)
    for t in range(len(turning)):
        body = turning[t]
        first, size = bodies.start[body], bodies.start[body + 1] - bodies.start[body]
        for i in range(size):
            for c in range(3):
                x[0, i, c] = atoms[bodies.atoms[first + i], c] - pivots.point[body, c]
        way = sweep % 4 if bodies.turns[body] == 1 else 3 - sweep % 3
        if not _axis_of(bodies, pivots, body, x[0], way, axis):
            continue
        _draw(bodies.turns[body] == 1, way, axis, keys[t], size, x, turned)
        count = _gather(atoms, bodies, pivots, around, pairs, t, body, near, kinds)
        energy[:] = 0.0
        for i in range(size):
            atom = bodies.atoms[first + i]
            charge = pairs.factor * pairs.charge[atom]
            for n in range(count):
                own[0, i, n] = pairs.c6[pairs.kind[atom], kinds[n]]
                own[1, i, n] = pairs.c12[pairs.kind[atom], kinds[n]]
            for k in range(TRIED + 1):
                energy[k] += _energy(x[k, i], charge, near, own[0, i], own[1, i], count, pairs)
        taken = choose(energy, heat, uniform(keys[t], 0))
        for i in range(size):
            for c in range(3):
                atoms[bodies.atoms[first + i], c] = x[taken, i, c] + pivots.point[body, c]


@part
def _largest(bodies: Bodies, around: Around, turning):
    """Atoms of the largest body that turns, and of what is near the one in the densest place."""
    size, most = 0, 0
    for t in range(len(turning)):
        size = max(size, bodies.start[turning[t] + 1] - bodies.start[turning[t]])
        count = 0
        for n in range(around.first[t], around.first[t + 1]):
            count += bodies.start[around.body[n] + 1] - bodies.start[around.body[n]]
        most = max(most, count)
    return size, most


@part
def _draw(free, way, axis, key, size, x, turned):
    """Orientations from that of ``x[0]``, to the next ones; about one between, drawn alike, where turns are small."""
    spread = SMALL if way == SMALL_TURN else LARGE if way == LARGE_TURN else 0.0
    _rotation(free, way, spread, axis, key, 1, turned)
    _rotate(turned, x[0], size, x[TRIED + 1], spread == 0.0)
    for k in range(1, TRIED + 1):
        _rotation(free, way, spread, axis, key, 1 + NUMBERS * k, turned)
        _rotate(turned, x[TRIED + 1], size, x[k], False)


@part
def _axis_of(bodies: Bodies, pivots: Pivots, body, x, way, axis):
    """The axis about which a body turns, or none where it has a new one each time; whether it can turn so."""
    if bodies.turns[body] == 2:
        for c in range(3):
            axis[c] = pivots.axis[body, c]
        return axis[0] != 0.0 or axis[1] != 0.0 or axis[2] != 0.0
    if way != ROUND:
        return True
    lever, far = -1, AXIS * AXIS  # through the heavy atom that is farthest from the bead, else through any
    for heavy in (True, False):
        for i in range(bodies.start[body + 1] - bodies.start[body]):
            squared = x[i, 0] * x[i, 0] + x[i, 1] * x[i, 1] + x[i, 2] * x[i, 2]
            if squared > far and (bodies.heavy[bodies.start[body] + i] or not heavy):
                lever, far = i, squared
        if lever >= 0:
            break
    for c in range(3):
        axis[c] = x[lever, c] / np.sqrt(far)
    return lever >= 0


@part
def _rotation(free, way, spread, axis, key, number, rotation):
    """A rotation of numbers from ``number`` on of a stream: even among all, or about an axis, of any angle or a small
    one."""
    if free and way == ANEW:
        draw_rotation(key, number, rotation)
        return
    a, b, d = axis[0], axis[1], axis[2]
    if free and way != ROUND:
        a, b, d = normal(key, number + 2), normal(key, number + 4), normal(key, number + 6)
        length = np.sqrt(a * a + b * b + d * d)
        a, b, d = a / length, b / length, d / length
    angle = spread * normal(key, number) if spread > 0.0 else 2.0 * np.pi * uniform(key, number)
    cosine, sine = np.cos(angle), np.sin(angle)
    u, v, w = a * (1.0 - cosine), b * (1.0 - cosine), d * (1.0 - cosine)
    rotation[0, 0], rotation[0, 1], rotation[0, 2] = cosine + a * u, a * v - d * sine, a * w + b * sine
    rotation[1, 0], rotation[1, 1], rotation[1, 2] = b * u + d * sine, cosine + b * v, b * w - a * sine
    rotation[2, 0], rotation[2, 1], rotation[2, 2] = d * u - b * sine, d * v + a * sine, cosine + d * w


@part
def _rotate(rotation, x, count, to, stays):
    """Positions of ``count`` atoms from a pivot, turned about it, or as they are if it ``stays``."""
    for i in range(count):
        for c in range(3):
            to[i, c] = x[i, c] if stays else (rotation[c, 0] * x[i, 0] + rotation[c, 1] * x[i, 1]
                                              + rotation[c, 2] * x[i, 2])


@part
def _gather(atoms, bodies: Bodies, pivots: Pivots, around: Around, pairs: NearPairs, t, body, near, kinds):
    """What is near one that turns: steps from its pivot and charges, and Lennard-Jones types; how many they are."""
    count = 0
    for n in range(around.first[t], around.first[t + 1]):
        other = around.body[n]
        for m in range(bodies.start[other], bodies.start[other + 1]):
            atom = bodies.atoms[m]
            for c in range(3):
                near[c, count] = atoms[atom, c] + around.shift[n, c] - pivots.point[body, c]
            near[3, count], kinds[count] = pairs.charge[atom], pairs.kind[atom]
            count += 1
    return count


@borrowing(fastmath=True, error_model="numpy")
def _energy(x, charge, near, c6, c12, count, pairs: NearPairs):
    """Energy of one atom with what is near, kJ/mol, in lanes of single precision."""
    a, b, d = np.float32(x[0]), np.float32(x[1]), np.float32(x[2])
    reach, least, total = pairs.reach * pairs.reach, np.float32(NEAREST * NEAREST), np.float32(0.0)
    for n in range(count):
        u, v, w = near[0, n] - a, near[1, n] - b, near[2, n] - d
        squared = max(u * u + v * v + w * w, least)
        sixth = sixth_of(squared)
        one = lennard_jones(sixth, c6[n], c12[n]) + charge * near[3, n] * (
            np.float32(1.0) / np.sqrt(squared) + pairs.k * squared - pairs.c)
        total += one if squared < reach else np.float32(0.0)
    return total
