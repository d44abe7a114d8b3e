"""Chains with rigid bonds whose states are drawn exactly, one by one: angles, torsions and the measure of the bonds."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.engine.geometry.measure import BondGram
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import BOLTZMANN, Bonded, ForceField
from tests import chains

Array = NDArray[np.float64]

ANGLE = np.radians(112.0)


@dataclass(frozen=True, eq=False)
class ExactChain:
    """A chain of ``n`` equal atoms; angles are springs, torsions have three wells.

    Attributes:
        n: Atoms.
        beads: Weights of the atoms of each bead.
        stiffness: Of angles, kJ/mol/rad^2.
        barrier: Of torsions, kJ/mol.
        masses: u; none for equal ones. Light atoms between heavy ones make the measure of the bonds matter.
        temperature: K.
        measured: Whether states have the measure of constrained dynamics, or that of very stiff springs.
    """

    n: int
    beads: tuple[dict[int, float], ...]
    stiffness: float = 60.0
    barrier: float = 6.0
    masses: tuple[float, ...] = ()
    temperature: float = 300.0
    measured: bool = True

    @cached_property
    def kind(self) -> MoleculeType:
        return chains.chain(self.n, [dict(bead) for bead in self.beads], list(self.masses) or None)

    @cached_property
    def field(self) -> ForceField:
        angles = np.array([range(a, a + 3) for a in range(self.n - 2)])
        torsions = np.array([range(a, a + 4) for a in range(self.n - 3)], dtype=np.int64).reshape(-1, 4)
        return chains.field_of(
            self.kind, Bonded("harmonic_angle", angles, np.tile([ANGLE, self.stiffness], (len(angles), 1))),
            Bonded("periodic_proper", torsions, np.tile([0.0, self.barrier / 2, 3.0], (len(torsions), 1))))

    def states(self, count: int, seed: int = 0) -> Array:
        """Independent states, turned at random, (count, n, 3), nm."""
        rng, heat = np.random.default_rng(seed), BOLTZMANN * self.temperature
        found: list[Array] = []
        bound = BondGram(self.kind).coupling[BondGram(self.kind).rows == BondGram(self.kind).columns]
        theta, phi = np.linspace(0.01, np.pi - 0.01, 4000), np.linspace(-np.pi, np.pi, 4000)
        of_theta = np.sin(theta) * np.exp(-self.stiffness / 2 * (theta - ANGLE)**2 / heat)
        of_phi = np.exp(-self.barrier / 2 * (1 + np.cos(3 * phi)) / heat)
        while sum(map(len, found)) < count:
            made = _placed(_drawn(rng, theta, of_theta, (count, self.n - 2)),
                           _drawn(rng, phi, of_phi, (count, self.n - 3)), rng)
            share = np.exp(BondGram(self.kind).half_log_det(made) - 0.5 * np.log(bound).sum())
            found.append(made[rng.random(count) < share] if self.measured else made)
        return np.concatenate(found)[:count]

    def snapshot(self, states: Array, index: int = 0) -> Snapshot:
        """The states as molecules that do not see each other."""
        system, atoms = chains.far_apart(self.kind, states)
        return Snapshot(system, AtomIndex(system), index, index, None, atoms, system.map(atoms))


def _drawn(rng: np.random.Generator, x: Array, density: Array, shape: tuple[int, int]) -> Array:
    total = np.cumsum(density)
    return np.interp(rng.random(shape), total / total[-1], x)


def _placed(theta: Array, phi: Array, rng: np.random.Generator) -> Array:
    """Atoms from angles (count, n - 2) and torsions (count, n - 3), (count, n, 3)."""
    count = len(theta)
    axes = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0]
    along, up = axes[:, 0], axes[:, 1]
    places = [np.zeros((count, 3)), along]
    for k in range(theta.shape[1]):
        across = np.cross(along, up)
        turn = phi[:, k - 1] if k else np.zeros(count)
        out = np.cos(turn)[:, None] * up + np.sin(turn)[:, None] * across
        new = -np.cos(theta[:, k])[:, None] * along + np.sin(theta[:, k])[:, None] * out
        # cis is where the next bond leads back to the side the last one came from
        up = -along - (new * -along).sum(axis=1, keepdims=True) * new
        up /= np.linalg.norm(up, axis=1, keepdims=True)
        along = new
        places.append(places[-1] + new)
    return chains.LENGTH * np.stack(places, axis=1)
