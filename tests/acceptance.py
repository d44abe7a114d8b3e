"""Many small molecules without neighbours, with distributions known in closed form, and generators good and bad.

Every molecule is an independent chain of accepted moves. A fixed number of moves is made from the same start, so that
the molecules at the end are independent samples and plain chi-squared tests hold.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from backmap_plugins.generators.equivariant.density import Angles, Distances, LocalFrame, Torsions
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from backmap import testing
from backmap.api import DensityGenerator, Generator, Options
from backmap.engine.energy.site import SiteEnergy
from backmap.engine.geometry.measure import BondGram
from backmap.engine.metropolis.acceptance import Acceptance, Distribution
from backmap.engine.metropolis.blocks import BlockTable
from backmap.engine.metropolis.shells import Shells, reach
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment, View
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.engine.sites.schedule import batches_of, per_bead
from backmap.model.mapping import Mapping
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import BOLTZMANN, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System, Window

Array = NDArray[np.float64]

LENGTH = 0.15  #: of rigid bonds, nm
TEMPERATURE = 400.0
KT = BOLTZMANN * TEMPERATURE
APART = 4.0  #: of molecules, nm
VIEW = View(0.3, 4)


def chain(n: int, rows: list[tuple[list[int], list[float]]]) -> MoleculeType:
    """A chain of n equal atoms with rigid bonds; ``rows`` are atoms and weights of its beads."""
    kind = testing.molecule_type("TRI", [6] * n, [(k, k + 1) for k in range(n - 1)], [range(n)])
    mapping = Mapping.from_rows(rows, kind.graph, np.ones(n, dtype=bool))
    beads = len(rows)
    return replace(kind, bond_length=np.full(n - 1, LENGTH), mapping=mapping, bead_names=["B"] * beads,
                   bead_types=["B"] * beads, bead_residue_names=["TRI"] * beads, bead_residues=np.ones(beads, int),
                   bead_bonds=np.array([[b, b + 1] for b in range(beads - 1)], dtype=np.int64).reshape(-1, 2))


def angle_field(kind: MoleculeType, k: float = 0.0, t0: float = 2.0) -> ForceField:
    """A harmonic angle in every trimer, and nothing else."""
    angles = np.array([[a, a + 1, a + 2] for a in range(kind.n_atoms - 2)], dtype=np.int64).reshape(-1, 3)
    bonded = (Bonded("harmonic_angle", angles, np.tile([t0, k], (len(angles), 1))),) if k else ()
    pairs = np.argwhere(np.triu(np.ones((kind.n_atoms, kind.n_atoms)), 1))
    parameters = MoleculeParameters(kind.name, bonded, np.zeros(kind.n_atoms, dtype=np.int64), np.zeros(kind.n_atoms),
                                    pairs, np.empty((0, 2), dtype=np.int64), np.empty((0, 3)))
    return ForceField({kind.name: parameters}, ["X"], np.zeros((1, 1)), np.zeros((1, 1)), 0.4, "none", where="test")


class Tunable(DensityGenerator):
    """Angles from a broad Gaussian with a lump somewhere, torsions with one maximum, distances from a Gaussian."""

    class Options(Options):
        lump: float = 0.0
        where: float = 2.6
        twist: float = 0.0
        distance: tuple[float, float] = (0.12, 0.05)

    view = VIEW

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        uniform = rng.uniform(candidates, env.block.shape[1], 5)
        drawn = [self._place(env, uniform[:, k]) for k in range(candidates)]
        return Draw(*(torch.stack(parts, dim=1) for parts in zip(*drawn, strict=True)))

    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        own = torch.where(env.block[:, :, None], positions, env.given.double())
        total = torch.zeros(env.size, dtype=torch.float64)
        for f in range(env.block.shape[1]):
            frame, rigid, drawn = self._frame(env, own, f)
            coordinates = frame.coordinates(own[:, f])
            total += torch.where(drawn, self._value(env, rigid, *coordinates), 0.0)
        return total

    def _place(self, env: LocalEnvironment, uniform: Tensor) -> tuple[Tensor, Tensor]:
        own, total = env.given.double().clone(), torch.zeros(env.size, dtype=torch.float64)
        for f in range(env.block.shape[1]):
            frame, rigid, drawn = self._frame(env, own, f)
            distance = torch.where(rigid.isfinite(), rigid, self._distances(env).sample(uniform[:, f, 0]))
            angle = self._angles(env).sample(uniform[:, f, 1:3])
            torsion = self._torsions(env).sample(uniform[:, f, 3:])
            placed = frame.place(distance, angle, torsion)
            own[:, f] = torch.where(drawn[:, None], placed, own[:, f])
            total += torch.where(drawn, self._value(env, rigid, distance, angle, torsion), 0.0)
        return own, total

    def _frame(self, env: LocalEnvironment, own: Tensor, f: int) -> tuple[LocalFrame, Tensor, Tensor]:
        tables, row = env.fragments, env.row
        local = torch.cat([own, env.context.double(), env.beads.double()], dim=1)
        points = local[torch.arange(env.size)[:, None], tables.reference[row, f]]
        return (LocalFrame.of(points[:, 0], points[:, 1], points[:, 2]), tables.length[row, f].double(),
                env.block[:, f] & ~tables.pinned[row, f])

    def _value(self, env: LocalEnvironment, rigid: Tensor, distance: Tensor, angle: Tensor, torsion: Tensor) -> Tensor:
        value = self._angles(env).log_density(angle) + self._torsions(env).log_density(torsion)
        value = value + torch.where(rigid.isfinite(), 0.0, self._distances(env).log_density(distance))
        return value - torch.log(torch.where(rigid.isfinite(), rigid, distance)**2) - self.jacobian(angle)

    def jacobian(self, angle: Tensor) -> Tensor:
        return torch.log(angle.sin())

    def _angles(self, env: LocalEnvironment) -> Angles:
        rows = torch.ones(env.size, 1, dtype=torch.float64)
        lump = max(self.options.lump, 1e-12)
        return Angles(rows * torch.tensor([np.pi / 2, self.options.where]), rows * torch.tensor([0.75, 0.3]).log(),
                      rows * torch.tensor([1 - lump, lump]).log())

    def _torsions(self, env: LocalEnvironment) -> Torsions:
        nodes = torch.arange(12, dtype=torch.float64) * (2 * np.pi / 12) - np.pi
        return Torsions((self.options.twist * nodes.cos()).expand(env.size, -1))

    def _distances(self, env: LocalEnvironment) -> Distances:
        mean, sd = self.options.distance
        rows = torch.ones(env.size, dtype=torch.float64)
        return Distances(mean * rows, np.log(sd) * rows)


@dataclass(frozen=True, eq=False)
class World:
    """Molecules of one type, far apart, and what is to be sampled.

    Attributes:
        kind: Their type; start: positions of all of them at the start, (A, 3); beads: given, (B, 3).
        field: The force field; sigma: of the beads, nm; proposal_sigma: how closely generators meet them, nm.
    """

    kind: MoleculeType
    start: Array
    beads: Array
    field: ForceField
    sigma: float = 0.05
    proposal_sigma: float = 1.0

    def sample(self, generator: Generator, n: int, sweeps: int, candidates: int = 1, rigid: bool = True,
               block: str = "fragment", seed: int = 1) -> tuple[Array, float]:
        """Atoms (n, A, 3) after a number of Metropolis sweeps, relative to the first bead, and the share accepted."""
        states = list(self.states(generator, n, sweeps, candidates, rigid, block, seed))
        return states[-1][0], float(np.mean([share for _, share in states]))

    def states(self, generator: Generator, n: int, sweeps: int, candidates: int = 1, rigid: bool = True,
               block: str = "fragment", seed: int = 1) -> Iterator[tuple[Array, float]]:
        """The same after each of the sweeps."""
        system = System(((self.kind, n),))
        side = int(np.ceil(n ** (1 / 3)))
        grid = APART * np.stack(np.meshgrid(*[range(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)[:n]
        numbers, none = np.arange(1), np.zeros((1, 3, 3))
        window = Window(numbers, numbers * 1.0, none, (grid + self.beads).reshape(1, -1, 3))
        window = window.with_atoms((grid + self.start).reshape(1, -1, 3))
        tables = FragmentTable.build([self.kind], generator.view, [resting_order(self.kind)])
        scene = Scene.of(window, system, tables, generator.view)
        generator.scene = scene  # for the one that peeps
        reaches = per_bead(system, [reach(self.kind, self.sigma)])
        shells = Shells.of(window, scene, system, reaches, self.field.cutoff, generator.view.cutoff)
        table = BlockTable.of(tables)
        energy = SiteEnergy(system, self.field, tables, View(self.field.cutoff + 2 * float(reaches.max()), 4))
        grams = [BondGram(self.kind)] if rigid else None
        target = Distribution(system, energy, table, grams, torch.as_tensor(reaches), TEMPERATURE, self.sigma,
                        torch.full((system.n_beads,), self.proposal_sigma, dtype=torch.float64))
        acceptance = Acceptance(generator, target, candidates)
        blocks = table.blocks([block])[block]
        members = blocks.any(dim=1)[scene.layout.row].numpy()[None]
        batches = batches_of(shells.conflicts, members)
        for sweep in range(sweeps):
            outcomes = list(acceptance.sweep(scene, shells, batches, blocks, (seed, sweep), window.frames))
            atoms = scene.atoms.numpy().reshape(n, -1, 3) - grid - self.beads[0]
            yield atoms, float(np.concatenate([outcome.accepted for outcome in outcomes]).mean())


def angles(atoms: Array) -> Array:
    """The angle of each trimer, (n,)."""
    u, v = atoms[:, 0] - atoms[:, 1], atoms[:, 2] - atoms[:, 1]
    return np.arctan2(np.linalg.norm(np.cross(u, v), axis=1), np.einsum("nx,nx->n", u, v))


def p_value(values: Array, density: Callable[[Array], Array], low: float, high: float, bins: int = 10) -> float:
    """Probability of a chi-squared this large if ``values`` followed ``density``; bins of equal probability."""
    grid = np.linspace(low, high, 20_001)
    weight = density((grid[1:] + grid[:-1]) / 2)
    cumulative = np.concatenate([[0], np.cumsum(weight)]) / weight.sum()
    edges = np.interp(np.linspace(0, 1, bins + 1), cumulative, grid)
    counts = np.histogram(np.clip(values, low, high), edges)[0]
    return float(stats.chisquare(counts).pvalue)
