"""Weights of whole structures: what a sequential draw, without projection, is worth in the target.

With q the product of the densities of all fragments, in the order in which they are drawn,

    log w = -U/kT + 1/2 log det G + log N(M r; R, sigma^2) - log q,        Z(R) = <w>.

log w is extensive: this is for small systems, in which the effective number of draws, (sum w)^2 / sum w^2, stays well
above one. ``docs/theory``, "Weights of whole structures".
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..errors import BackmapError
from ..model.parameters import BOLTZMANN, ForceField
from ..model.system import System, Window
from .acceptance import IMPOSSIBLE, Dense
from .blocks import TOLERANCE
from .contracts import Order, View
from .energy.frame import Energy
from .environment import Scene
from .fragments import FragmentTable
from .measure import BondGram
from .random import Stream
from .schedule import forward_schedule

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Weights:
    """Draws of one frame and what they are worth.

    Attributes:
        atoms: (n, A, 3), nm.
        log_weight: -inf for a draw outside of the target: a rigid bond that does not hold, (n,).
    """

    atoms: Array
    log_weight: Array

    @property
    def log_z(self) -> float:
        """log Z(R): the integral of exp(-U/kT) sqrt(det G) delta(b - b0) N(M r; R, sigma^2) dr, in nm and u."""
        return float(logsumexp(self.log_weight) - math.log(len(self.log_weight)))

    @property
    def error(self) -> float:
        """Standard error of ``log_z``; below what it is where ``effective`` is small."""
        share = np.exp(self.log_weight - self.log_z)
        return float(share.std() / math.sqrt(len(share)))

    @property
    def effective(self) -> float:
        """(sum w)^2 / sum w^2: how many draws from the target these are worth."""
        return float(np.exp(2 * logsumexp(self.log_weight) - logsumexp(2 * self.log_weight)))


def weigh(generator: Dense, view: View, system: System, forcefield: ForceField, window: Window,
          orders: Sequence[Order], *, temperature: float, sigma: float, draws: int, seed: int,
          rigid: bool = True) -> Weights:
    """Draw a frame many times, fragment after fragment, and weigh what comes out.

    Args:
        generator: With a density.
        view: How far it sees.
        system, forcefield: What there is.
        window: One frame; its atoms are not looked at.
        orders: Of the fragments, one per molecule type.
        temperature: K; sigma: of the beads, nm per coordinate. A bead that is an atom is met exactly.
        draws: How many.
        seed: Names the random numbers.
        rigid: With sqrt(det G), as constrained dynamics has it; else as stiff springs.

    Raises:
        BackmapError: If no draw lies in the target, e.g. since a fragment closes between two others.
    """
    tables = FragmentTable.build(system.types, view, orders, sequential=True)
    many = replace(window.take(np.zeros(draws, dtype=np.int64)), atoms=None, placed=None, flags={})
    scene = Scene.of(many, system, tables, view)
    total = np.zeros(draws)
    for stage in forward_schedule(scene.surroundings, system, orders):
        for batch in stage:
            frame, bead = (torch.as_tensor(x) for x in (batch.frame, batch.bead))
            env = scene.gather(frame, bead, 0.0, temperature)
            draw = generator.draw(env, Stream.of(seed, "weights", frame, bead), 1)
            if draw.log_density is None:
                raise BackmapError("this generator has no density, so its draws cannot be weighed",
                                   hint="Use one that has, e.g. force_field.")
            scene.scatter(frame, bead, env.block, draw.positions[:, 0])
            np.add.at(total, batch.frame, draw.log_density[:, 0].double().numpy())
    atoms = scene.atoms.numpy()
    value = -_energies(system, forcefield, many, atoms) / (BOLTZMANN * temperature) - total
    value += _log_beads(system, tables, scene, sigma)
    if rigid:
        for group in system.groups:
            shape = (draws, len(group.atom_offset))
            gram = BondGram(group.type).half_log_det(atoms[:, group.atoms].reshape(-1, group.type.n_atoms, 3))
            value += gram.reshape(shape).sum(axis=1)
    possible = _bonds_hold(system, atoms) & (total > IMPOSSIBLE) & np.isfinite(value)
    if not possible.any():
        raise BackmapError("no draw lies in the target: rigid bonds between fragments are not met by drawing them",
                           hint="Choose another order, larger fragments, or accepted sweeps.")
    return Weights(atoms, np.where(possible, value, -np.inf))


def _energies(system: System, forcefield: ForceField, window: Window, atoms: Array) -> Array:
    energy = Energy(system, forcefield)
    return np.array([float(energy.of(atoms[w], window.box(w)).total) for w in range(window.size)])


def _log_beads(system: System, tables: FragmentTable, scene: Scene, sigma: float) -> Array:
    """log N(M r; R, sigma^2) of all beads that are no atoms, (n,)."""
    soft = ~tables.pinned.any(dim=1)[scene.layout.row].numpy()
    off = (system.map(scene.atoms.numpy()) - scene.beads.numpy())[:, soft]
    return (-0.5 * (off / sigma)**2 - math.log(sigma * math.sqrt(2 * math.pi))).sum(axis=(1, 2))


def _bonds_hold(system: System, atoms: Array) -> NDArray[np.bool_]:
    """Draws all of whose rigid bonds have their lengths, (n,)."""
    found = np.ones(len(atoms), dtype=bool)
    for group in system.groups:
        ends, length = group.type.bonds, group.type.bond_length
        molecules = atoms[:, group.atoms]
        off = np.abs(np.linalg.norm(molecules[:, :, ends[:, 0]] - molecules[:, :, ends[:, 1]], axis=3) - length)
        found &= (np.nan_to_num(off) < TOLERANCE).all(axis=(1, 2))
    return found
