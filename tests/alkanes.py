"""United-atom alkanes in vacuum on soft beads, many at once: for our samplers, and for OpenMM's constrained dynamics.

Constants are of TraPPE's size (Martin and Siepmann, J. Phys. Chem. B 102, 2569 (1998)), written down here in a form of
our own. No molecule sees another, so they are independent data, however correlated the states of each are.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import chi2, f, ncx2, norm

from backmap.api import Generator
from backmap.engine.geometry.measure import BondGram
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import Bonded, ForceField
from backmap.model.system import System
from tests import chains
from tests.acceptance import KT, TEMPERATURE, World

Array = NDArray[np.float64]

END, MIDDLE = 15.0, 14.0  #: masses of CH3 and CH2
ANGLE = np.radians(114.0)
STIFF, SOFT = 520.0, 90.0  #: kJ/mol/rad^2; soft angles feel sines and determinants six times as much
#: k (1 + cos(n p - p0)): trans, gauche 3 kJ/mol higher, and barriers that 400 K cross every few picoseconds.
TORSION = [(0.0, 1.5, 1), (np.pi, 0.6, 2), (0.0, 4.0, 3)]
#: Lennard-Jones of CH3 and CH2: sigma (nm), epsilon (kJ/mol).
PAIRS = [(0.375, 0.815), (0.395, 0.382)]
STEP, FRICTION = 0.004, 5.0  #: ps and 1/ps, of the reference runs


@dataclass(frozen=True, eq=False)
class Alkane:
    """An alkane and its beads.

    Attributes:
        n: Atoms; beads: {atom: share of its mass} of each; k: of angles; twist: torsions of the shape whose
            beads are given, rad; sigma: of the beads, nm.
    """

    n: int
    beads: tuple[dict[int, float], ...]
    k: float = STIFF
    twist: tuple[float, ...] = ()
    sigma: float = 0.02

    @cached_property
    def kind(self) -> MoleculeType:
        masses = [END] + [MIDDLE] * (self.n - 2) + [END]
        shares = [{atom: share * masses[atom] for atom, share in bead.items()} for bead in self.beads]
        return chains.chain(self.n, shares, masses)

    @cached_property
    def bonded(self) -> tuple[Bonded, Bonded]:
        angles = np.array([range(a, a + 3) for a in range(self.n - 2)])
        torsions = np.array([range(a, a + 4) for a in range(self.n - 3) for _ in TORSION])
        return (Bonded("harmonic_angle", angles, np.tile([ANGLE, self.k], (len(angles), 1))),
                Bonded("periodic_proper", torsions, np.tile(TORSION, (self.n - 3, 1)).astype(float)))

    @cached_property
    def field(self) -> ForceField:
        """Angles, torsions, and Lennard-Jones from the fifth atom on."""
        plain = chains.field_of(self.kind, *self.bonded)
        molecule = replace(plain.molecules[self.kind.name], kind=np.array([0] + [1] * (self.n - 2) + [0]),
                           excluded=np.argwhere(np.triu(self.kind.distance <= 3, 1)))
        c6, c12 = self.lennard_jones
        return replace(plain, molecules={self.kind.name: molecule}, kinds=["CH3", "CH2"], c6=c6, c12=c12, cutoff=0.9)

    @property
    def lennard_jones(self) -> tuple[Array, Array]:
        """c6 and c12 of both kinds of atoms, (2, 2)."""
        sigma, epsilon = np.array(PAIRS).T
        sigma, epsilon = (sigma[:, None] + sigma) / 2, np.sqrt(epsilon[:, None] * epsilon)
        return 4 * epsilon * sigma**6, 4 * epsilon * sigma**12

    @cached_property
    def shape(self) -> Array:
        """The conformation whose beads are given, (n, 3), the first bead at the origin."""
        found = [np.zeros(3), np.array([1.0, 0, 0]), np.array([1 - np.cos(ANGLE), np.sin(ANGLE), 0])]
        for twist in self.twist:
            a, b, c = found[-3:]
            axis = c - b
            across = np.cross(b - a, axis) / np.linalg.norm(np.cross(b - a, axis))
            up = np.cross(across, axis)
            found.append(c - np.cos(ANGLE) * axis + np.sin(ANGLE) * (np.cos(twist) * up + np.sin(twist) * across))
        atoms = chains.LENGTH * np.array(found)
        return atoms - self.kind.mapping.apply(atoms)[0]

    def starts(self, count: int) -> Array:
        """Where molecules start, (count, n, 3): in ``shape``, every other one mirrored in a plane of the beads."""
        normal = np.linalg.svd(self.world.beads)[2][-1]
        mirrored = self.shape - 2 * np.outer(self.shape @ normal, normal)
        return np.stack([self.shape, mirrored])[np.arange(count) % 2]

    @cached_property
    def world(self) -> World:
        return World(self.kind, self.shape, self.kind.mapping.apply(self.shape), self.field, self.sigma)

    def energy(self, atoms: Array) -> Array:
        """Potential energy without beads, from formulas of its own, kJ/mol, (...), of atoms (..., n, 3)."""
        total = sum(self.k / 2 * (chains.angle_of(atoms, a, a + 1, a + 2) - ANGLE)**2 for a in range(self.n - 2))
        for a in range(self.n - 3):
            total = total + sum(k * (1 + np.cos(n * torsion_of(atoms, a) - p)) for p, k, n in TORSION)
        c6, c12 = self.lennard_jones
        for i in range(self.n):
            for j in range(i + 4, self.n):
                inner = int(i > 0), int(j < self.n - 1)
                squared = ((atoms[..., i, :] - atoms[..., j, :])**2).sum(-1)
                total = total + c12[inner] / squared**6 - c6[inner] / squared**3
        return total

    def residual(self, atoms: Array) -> Array:
        """|M r - R|^2 summed over beads, nm^2, (...)."""
        off = np.einsum("ba,...ax->...bx", self.kind.mapping.matrix, atoms) - self.world.beads
        return (off**2).sum(axis=(-1, -2))

    def log_gram(self, atoms: Array) -> Array:
        """1/2 log det G, (...)."""
        return BondGram(self.kind).half_log_det(atoms.reshape(-1, self.n, 3)).reshape(atoms.shape[:-2])


def torsion_of(atoms: Array, first: int) -> Array:
    """Torsion of four atoms in a row, IUPAC, (...), of atoms (..., A, 3)."""
    a, b, c = (atoms[..., first + k + 1, :] - atoms[..., first + k, :] for k in range(3))
    m, n = np.cross(a, b), np.cross(b, c)
    return np.arctan2(np.linalg.norm(b, axis=-1) * (n * a).sum(-1), (n * m).sum(-1))


def by_openmm(alkane: Alkane, count: int, equilibration: float, production: float, every: int = 25,
              seed: int = 3) -> Array:
    """States (s, count, n, 3) of a run of OpenMM at constant temperature with all bonds constrained.

    Args:
        count: Molecules in one system, which do not interact.
        equilibration, production: ps.
        every: Steps between states.
    """
    import openmm

    mechanics = openmm.System()
    angles, torsions = openmm.HarmonicAngleForce(), openmm.PeriodicTorsionForce()
    pairs = openmm.CustomBondForce("c12 / r^12 - c6 / r^6")
    beads = openmm.CustomCentroidBondForce(1, "k * ((x1 - x)^2 + (y1 - y)^2 + (z1 - z)^2) / 2")
    for force, names in ((pairs, ["c6", "c12"]), (beads, ["k", "x", "y", "z"])):
        for name in names:
            force.addPerBondParameter(name)
    kind, (c6, c12) = alkane.kind, alkane.lennard_jones
    for molecule in range(count):
        first = molecule * alkane.n
        for mass in kind.mass.tolist():
            mechanics.addParticle(mass)
        for i, j in kind.bonds.tolist():
            mechanics.addConstraint(first + i, first + j, chains.LENGTH)
        for a in range(alkane.n - 2):
            angles.addAngle(first + a, first + a + 1, first + a + 2, ANGLE, alkane.k)
        for a in range(alkane.n - 3):
            for phase, k, n in TORSION:
                torsions.addTorsion(*range(first + a, first + a + 4), n, phase, k)
        for i in range(alkane.n):
            for j in range(i + 4, alkane.n):
                inner = int(i > 0), int(j < alkane.n - 1)
                pairs.addBond(first + i, first + j, [c6[inner], c12[inner]])
        for row, at in zip(kind.mapping.matrix, alkane.world.beads, strict=True):
            atoms = np.flatnonzero(row)
            group = beads.addGroup((first + atoms).tolist(), row[atoms].tolist())
            beads.addBond([group], [KT / alkane.sigma**2, *at.tolist()])
    for force in (angles, torsions, pairs, beads):
        mechanics.addForce(force)
    integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE, FRICTION, STEP)
    integrator.setRandomNumberSeed(seed)
    integrator.setConstraintTolerance(1e-7)
    context = openmm.Context(mechanics, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(alkane.starts(count).reshape(-1, 3))
    context.setVelocitiesToTemperature(TEMPERATURE, seed)
    integrator.step(round(equilibration / STEP))
    states = []
    for _ in range(round(production / STEP / every)):
        integrator.step(every)
        found = context.getState(getPositions=True).getPositions(asNumpy=True)
        states.append(np.asarray(found._value).reshape(count, alkane.n, 3))
    return np.stack(states)


def by_moves(alkane: Alkane, count: int, burn: int, sweeps: int, size: int, timestep: float, steps: int = 10,
             **options: object) -> tuple[Array, float]:
    """States (s, count, n, 3) of Hamiltonian moves of blocks of ``size`` beads, and the share accepted."""
    system, atoms = chains.far_apart(alkane.kind, alkane.starts(count))
    moves = HamiltonianMoves(system, alkane.field, TEMPERATURE, steps, timestep, size, alkane.sigma, **options)
    frame = moves.frame(atoms, system.map(atoms), None)
    corner = (atoms.reshape(count, -1, 3) - alkane.starts(count))[:, :1]
    states, accepted = [], []
    for sweep in range(burn + sweeps):
        accepted.append(moves.sweep(frame, (1, 2, 0, sweep)).accepted.mean())
        if sweep >= burn:
            states.append(frame.atoms.reshape(count, -1, 3) - corner)
    return np.stack(states), float(np.mean(accepted))


def by_sweeps(alkane: Alkane, generator: Generator, count: int, burn: int, sweeps: int,
              candidates: int = 1) -> tuple[Array, float]:
    """States (s, count, n, 3) of Metropolis sweeps, and the share accepted."""
    world = replace(alkane.world, start=alkane.starts(count))
    made = list(world.states(generator, count, burn + sweeps, candidates))[burn:]
    return np.stack([atoms for atoms, _ in made]), float(np.mean([share for _, share in made]))


def by_both(alkane: Alkane, generator: Generator, count: int, burn: int, sweeps: int, size: int,
            timestep: float, steps: int = 10) -> Array:
    """States (s, count, n, 3) of Metropolis sweeps and Hamiltonian moves in turn."""
    system = System(((alkane.kind, count),))
    moves = HamiltonianMoves(system, alkane.field, TEMPERATURE, steps, timestep, size, alkane.sigma)
    states = []
    world = replace(alkane.world, start=alkane.starts(count))
    for sweep, (atoms, _) in enumerate(world.states(generator, count, burn + sweeps)):
        scene = generator.scene
        frame = moves.frame(scene.atoms[0].numpy(), scene.beads[0].numpy(), None)
        corner = (frame.atoms.reshape(atoms.shape) - atoms)[:, :1]
        moves.sweep(frame, (1, 2, 0, sweep))
        scene.atoms[0] = torch.as_tensor(frame.atoms)
        if sweep >= burn:
            states.append(frame.atoms.reshape(atoms.shape) - corner)
    return np.stack(states)


#: Bins of torsions: trans in two halves, gauche and what lies between on either side; the last one follows.
BINS = np.radians([-180.0, -120.0, -90.0, -40.0, 40.0, 90.0, 120.0, 180.0])


def features(alkane: Alkane, states: Array) -> Array:
    """What is compared, as functions of a state, (s, m, p): torsion bins; angles, energy, their squares; residual."""
    found = []
    for a in range(alkane.n - 3):
        torsion = torsion_of(states, a)
        found += [(torsion >= low) & (torsion < high) for low, high in pairwise(BINS[:-1])]
    for a in range(alkane.n - 2):
        bend = chains.angle_of(states, a, a + 1, a + 2) - ANGLE
        found += [bend, bend**2]
    energy = alkane.energy(states) / KT - alkane.n
    return np.stack([*found, energy, energy**2, alkane.residual(states) / alkane.sigma**2], axis=-1).astype(float)


#: Errors to be found: logarithm of what a density would be multiplied by, of states (..., n, 3).
ERRORS: dict[str, Callable[[Alkane, Array], Array]] = {
    "no sines": lambda alkane, states: -sum(np.log(np.sin(chains.angle_of(states, a, a + 1, a + 2)))
                                            for a in range(alkane.n - 2)),
    "no Fixman term": lambda alkane, states: -alkane.log_gram(states),
    "5 % hotter": lambda alkane, states: 0.05 * alkane.energy(states) / KT,
    "beads 5 % wider": lambda alkane, states: (1 - 1.05**-2) * alkane.residual(states) / 2 / alkane.sigma**2}


@dataclass(frozen=True, eq=False)
class Sample:
    """States of m independent molecules, (s, m, n, 3).

    Molecules are the independent data: their means over their own states, however correlated those are.
    """

    alkane: Alkane
    states: Array

    @cached_property
    def features(self) -> Array:
        """(s, m, p)."""
        return features(self.alkane, self.states)

    @cached_property
    def scores(self) -> Array:
        """What ``ERRORS`` would show most clearly in, (s, m, e)."""
        return np.stack([error(self.alkane, self.states) for error in ERRORS.values()], axis=-1)

    def p_value(self, other: Sample) -> float:
        """Of a difference this large by chance: of all features (Hotelling's test), and of the score of each error."""
        square, p, m = self._distance(other)
        values = [float(f.sf(square * (m - p) / (p * (m - 1)), p, m - p))]
        off, spread = self._off(other)
        return min(1.0, min([*values, *2 * norm.sf(np.abs(off) / spread)]) * (1 + len(ERRORS)))

    def powers(self, other: Sample, level: float) -> dict[str, float]:
        """Probability that ``p_value`` is below ``level`` if the other sample followed this density with an error."""
        level /= 1 + len(ERRORS)
        found = {}
        for e, name in enumerate(ERRORS):
            weight = np.exp(self.scores[..., e] - self.scores[..., e].max())
            weight /= weight.sum()
            shift = (weight * self.scores[..., e]).sum() - self.scores[..., e].mean()
            beyond = norm.isf(level / 2) - np.abs(shift) / self._off(other)[1][e]
            move = np.einsum("sm,smp->p", weight, self.features) - self.features.mean(axis=(0, 1))
            size, p, _ = self._distance(other, move)
            found[name] = max(float(norm.sf(beyond)), float(ncx2.sf(chi2.isf(level, p), p, size)))
        return found

    def _distance(self, other: Sample, off: Array | None = None) -> tuple[float, int, int]:
        """Hotelling's square of a difference of mean features, by default that of both; features, and molecules."""
        (mean, spread), (there, spread_there) = _moments(self.features), _moments(other.features)
        off = mean - there if off is None else off
        return (float(off @ np.linalg.solve(spread + spread_there, off)), len(mean),
                min(self.states.shape[1], other.states.shape[1]))

    def _off(self, other: Sample) -> tuple[Array, Array]:
        """Difference of mean scores and its standard error, (e,)."""
        (mean, spread), (there, spread_there) = _moments(self.scores), _moments(other.scores)
        return mean - there, np.sqrt(np.diag(spread + spread_there))


def _moments(values: Array) -> tuple[Array, Array]:
    """Mean (p,) of values (s, m, p), and its covariance, (p, p)."""
    means = values.mean(axis=0)
    return means.mean(axis=0), np.cov(means.T) / len(means)
