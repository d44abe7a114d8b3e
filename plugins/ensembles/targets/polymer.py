"""The ``united_atom_chain`` target: one linear alkane of united atoms with rigid bonds, by its angles and torsions.

Energies are TraPPE-UA's (Martin and Siepmann, J. Phys. Chem. B 102, 2569 (1998)) unless options say otherwise. Bonds
are rigid in the stiff limit: configurations carry the measure prod sin(theta), without the factor of the mass metric.
"""
from __future__ import annotations

import math

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Options, Target
from backmap.errors import BackmapError

from . import chain_kernel as kernel

MOST_TURN = 0.5  #: part of the moves of a torsion that turn it anywhere
STEP = {"angle": 0.25, "torsion": 0.6}  #: largest local move of an angle, and of a torsion that stays near, radians


class ChainOptions(Options):
    """Options of the ``united_atom_chain`` target; energies are given as temperatures, as in the literature."""

    sites: int = Field(20, ge=4, le=200, description="United atoms: 20 for n-eicosane.")
    temperature: float = Field(300.0, gt=0, description="Of the ensemble, K.")
    bond: float = Field(0.154, gt=0, description="Rigid distance of neighbours, nm.")
    angle: float = Field(114.0, gt=0, lt=180, description="Angle of least energy, degrees.")
    angle_constant: float = Field(62500.0, gt=0, description="k of k/2 (theta - theta0)^2, K per radian squared.")
    torsion: tuple[float, float, float] = Field(
        (355.03, -68.19, 791.32), description="c1, c2, c3 of c1 (1 + cos) + c2 (1 - cos 2) + c3 (1 + cos 3), K.")
    end: tuple[float, float] = Field((98.0, 0.375), description="Lennard-Jones epsilon (K) and sigma (nm) of CH3.")
    middle: tuple[float, float] = Field((46.0, 0.395), description="The same of CH2.")


class UnitedAtomChain(Target):
    """A linear alkane of united atoms with rigid bonds in vacuum, by its angles and torsions (TraPPE-UA by default).

    Coordinates, radians, trans = pi: an angle for the third site, and an angle and a torsion for each later one. Sites
    four and more bonds apart interact by Lennard-Jones, without cut-off, with Lorentz-Berthelot mixing.
    """

    Options = ChainOptions

    def __init__(self, options: ChainOptions) -> None:
        super().__init__(options)
        n = options.sites
        self.variables = ("real", *(("real", "angle") * (n - 3)))
        ends = (np.arange(n) == 0) | (np.arange(n) == n - 1)
        epsilon = np.where(ends, options.end[0], options.middle[0]) / options.temperature
        sigma = np.where(ends, options.end[1], options.middle[1])
        pair = (sigma[:, None] + sigma) / 2
        far = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) >= 4
        self._c6 = np.where(far, 4 * np.sqrt(np.outer(epsilon, epsilon)) * pair**6, 0.0)
        self._c12 = self._c6 * pair**6
        self._bonded = np.array([options.bond, math.radians(options.angle),
                                 options.angle_constant / options.temperature,
                                 *(c / options.temperature for c in options.torsion)])

    def log_density(self, x: Tensor) -> Tensor:
        return torch.as_tensor(kernel.log_densities(self._checked(x), self._bonded, self._c6, self._c12)[0])

    def positions(self, x: Tensor) -> Tensor:
        """Positions (n, sites, 3), nm; the first site at the origin."""
        return torch.as_tensor(kernel.chains(self._checked(x), self._bonded[0]))

    def start(self, n: int, rng: np.random.Generator) -> Tensor:
        """Ideal chains: angles and torsions from the densities they would have each for itself."""
        x = np.empty((n, self.size))
        angles, torsions = self.ideal()
        for column, kind in enumerate(self.variables):
            grid, density = torsions if kind == "angle" else angles
            x[:, column] = np.interp(rng.random(n), np.concatenate([[0], density.cumsum()]), grid)
        return torch.as_tensor(x)

    def ideal(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Densities without Lennard-Jones of an angle and of a torsion: edges (k + 1,) and probabilities (k,) each."""
        angle, torsion = np.linspace(0, np.pi, 4001), np.linspace(-np.pi, np.pi, 4001)
        _, t0, k, c1, c2, c3 = self._bonded
        mid = (angle[1:] + angle[:-1]) / 2
        bend = np.sin(mid) * np.exp(-0.5 * k * (mid - t0)**2)
        mid = (torsion[1:] + torsion[:-1]) / 2
        turn = np.exp(-c1 * (1 + np.cos(mid)) - c2 * (1 - np.cos(2 * mid)) - c3 * (1 + np.cos(3 * mid)))
        return (angle, bend / bend.sum()), (torsion, turn / turn.sum())

    def local(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> tuple[Tensor, float]:
        """Single angles and torsions are changed, as many in a sweep as there are."""
        x, accepted = self._checked(x).copy(), 0
        circular = np.array([kind == "angle" for kind in self.variables])
        for _ in range(sweeps):
            column = rng.integers(self.size, size=(len(x), self.size))
            turned, step = circular[column], rng.uniform(-1, 1, column.shape)
            anywhere = turned & (rng.random(column.shape) < MOST_TURN)
            step *= np.where(turned, np.where(anywhere, np.pi, STEP["torsion"]), STEP["angle"])
            accepted += kernel.walk(x, column, step, np.log(rng.random(column.shape)), circular, self._bonded,
                                    self._c6, self._c12)
        return torch.as_tensor(x), accepted / max(1, sweeps * x.size)

    def augment(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Mirrored, and read from the other end, at random."""
        torsion = torch.tensor([kind == "angle" for kind in self.variables])
        mirrored = torch.where(torsion & torch.as_tensor(rng.random((len(x), 1)) < 0.5), -x, x)
        turned = mirrored.clone()
        for columns in (~torsion, torsion):
            turned[:, columns] = mirrored[:, columns].flip(1)
        return torch.where(torch.as_tensor(rng.random((len(x), 1)) < 0.5), turned, mirrored)

    @property
    def groups(self) -> tuple[int, ...]:
        """Which coordinates behave alike, seen from their surroundings: angles (0) and torsions (1), (D,)."""
        return tuple(int(kind == "angle") for kind in self.variables)

    def surroundings(self, x: Tensor, columns: range) -> Tensor:
        """What the coordinates before each of ``columns`` tell about it, (n, len(columns), F), float32.

        The sites placed before, in the frame of the last three of them; the energy that the site to come would feel
        at places around the last bond; how many sites are there. Coordinates from each column on are not looked at.
        """
        return torch.as_tensor(kernel.surroundings(self._checked(x), columns.start, columns.stop, self._bonded,
                                                   self._c6, self._c12))

    def observables(self, x: Tensor) -> dict[str, np.ndarray]:
        x = self._checked(x)
        atoms = kernel.chains(x, self._bonded[0])
        torsions = x[:, [kind == "angle" for kind in self.variables]]
        spread = atoms - atoms.mean(axis=1, keepdims=True)
        ends = np.linalg.norm(atoms[:, -1] - atoms[:, 0], axis=1)
        return {"radius_of_gyration": np.sqrt((spread**2).sum(axis=2).mean(axis=1)), "end_to_end": ends,
                "lennard_jones_kT": kernel.log_densities(x, self._bonded, self._c6, self._c12)[1],
                "trans": (np.abs(torsions) > 2 * np.pi / 3).mean(axis=1)}

    def _checked(self, x: Tensor) -> np.ndarray:
        values = np.ascontiguousarray(x.detach().cpu().numpy(), dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != self.size:
            raise BackmapError(f"has {self.size} coordinates, but was given {tuple(values.shape)}",
                               where="united_atom_chain", hint="Give rows of angles and torsions.")
        return values
