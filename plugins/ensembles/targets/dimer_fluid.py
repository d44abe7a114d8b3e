"""The target ``dimer_fluid``: a dimer with two lengths, closed and open, among particles in a box in the plane.

The system of F. Noe et al., Science 365, eaaw1147 (2019), section "dimer", without attraction. Lengths and energies
have no units; energies divided by the temperature are in kT.
"""
from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Options, Target
from backmap.errors import BackmapError

from ..particle_front import Front
from . import dimer_fluid_kernel as kernel

#: Energy of a wall where the grid of a model ends, kT: particles are never found there.
BEYOND = 40.5
#: Coordinates of the dimer: distance, direction, centre.
DIMER = 4
#: By how much a slow switch lengthens or shortens the dimer: the distance of the two minima.
SWITCH = 1.12


class DimerFluidOptions(Options):
    """Options of ``dimer_fluid``."""

    solvent: int = Field(36, ge=0, le=400, description="Particles around the dimer.")
    temperature: float = Field(1.0, gt=0, description="In units of the energies below.")
    repulsion: float = Field(1.0, gt=0, description="Energy of two particles at the distance 'diameter'; it falls as "
                                                    "the twelfth power. The dimer's particles do not repel each "
                                                    "other.")
    diameter: float = Field(1.1, gt=0, description="The distance where that holds.")
    slope: float = Field(2.0, description="s of the dimer's energy s u - a u^2 + b u^4, u = 2 (d - middle).")
    quadratic: float = Field(25.0, description="a of it.")
    quartic: float = Field(10.0, gt=0, description="b of it.")
    middle: float = Field(1.5, gt=0, description="Distance that divides closed from open dimers.")
    hold: float = Field(20.0, ge=0, description="k of k ((x1 + x2)^2 + y1^2 + y2^2), which holds the dimer to the "
                                                "centre, along the first axis.")
    half: float = Field(3.0, gt=0, description="Half of the side of the box.")
    wall: float = Field(100.0, gt=0, description="k of 2 k (|c| - half)^2, of each coordinate c beyond the walls.")
    open_bias: float = Field(0.0, description="Added to ln p where the dimer is open, kT: with about the free energy "
                                              "of opening it both basins are equally likely. Free energy = this - "
                                              "ln(share open / share closed).")
    step: float = Field(0.15, gt=0, description="Largest displacement of a particle in a local move, along each axis.")


class DimerFluid(Target):
    """A dimer with a closed and an open state among repelling particles in a box in the plane, p ~ exp(-U/T).

    Basins: 0 closed, 1 open. Coordinates: distance d of the dimer's particles, angle of their connection with the first
    axis, their centre; then the positions of the solvent. The density of positions in these coordinates has a factor d,
    which is in ``log_density``. Identical particles are labelled by their positions along the first axis, from left to
    right: ``local`` labels anew after its moves, and ``canonical`` is the rule.

    F. Noe et al., Science 365, eaaw1147 (2019), without attraction.
    """

    Options = DimerFluidOptions

    def __init__(self, options: DimerFluidOptions) -> None:
        super().__init__(options)
        self.variables = ("real", "angle", "real", "real", *(("real",) * (2 * options.solvent)))
        beta = 1 / options.temperature
        constants = np.zeros(9)
        constants[kernel.REPULSION] = beta * options.repulsion * options.diameter**12
        constants[kernel.SLOPE] = beta * options.slope
        constants[kernel.QUADRATIC], constants[kernel.QUARTIC] = beta * options.quadratic, beta * options.quartic
        constants[kernel.MIDDLE], constants[kernel.HOLD] = options.middle, beta * options.hold
        constants[kernel.HALF], constants[kernel.WALL] = options.half, 2 * beta * options.wall
        constants[kernel.OPEN] = options.open_bias
        self._constants = constants

    @cached_property
    def front(self) -> Front:
        """What particles feel of those to their left, for models that place them in that order."""
        half, wall = self.options.half, self._constants[kernel.WALL]
        return Front(self.options.solvent, DIMER, self._constants[kernel.REPULSION], half, wall,
                     half + math.sqrt(BEYOND / wall))

    def obstacles(self, x: Tensor) -> np.ndarray:
        """Places (n, 2, 2) of the dimer's particles; reads the first four coordinates of x (n, D)."""
        d, angle, across, along = x[:, :DIMER].double().numpy().T
        reach = np.stack([d * np.cos(angle), d * np.sin(angle)], axis=1) / 2
        centre = np.stack([across, along], axis=1)
        return np.stack([centre - reach, centre + reach], axis=1)

    def places(self, x: Tensor) -> np.ndarray:
        """Positions (n, 2 N) of all particles, the dimer's first.

        Raises:
            BackmapError: If x has not the shape (n, D).
        """
        if x.dim() != 2 or x.shape[1] != self.size:
            raise BackmapError(f"has {self.size} coordinates, but was given {tuple(x.shape)}", where="dimer_fluid",
                               hint="Give rows of the dimer's four coordinates and the places of the solvent.")
        rows = x.detach().double()
        return np.concatenate([self.obstacles(rows).reshape(-1, 4), rows[:, DIMER:].numpy()], axis=1)

    def configurations(self, places: np.ndarray) -> Tensor:
        """Coordinates (n, D) of places (n, 2 N), labelled by the rule."""
        dimer, solvent = places[:, :4].reshape(-1, 2, 2), places[:, 4:].reshape(len(places), -1, 2)
        reach = dimer[:, 1] - dimer[:, 0]
        reach = np.where((reach[:, :1] < 0) | ((reach[:, :1] == 0) & (reach[:, 1:] < 0)), -reach, reach)
        order = np.argsort(solvent[:, :, 0], axis=1, kind="stable")
        solvent = np.take_along_axis(solvent, order[:, :, None], axis=1)
        return torch.from_numpy(np.concatenate([
            np.hypot(reach[:, :1], reach[:, 1:]), np.arctan2(reach[:, 1:], reach[:, :1]), dimer.mean(axis=1),
            solvent.reshape(len(places), -1)], axis=1))

    def log_density(self, x: Tensor) -> Tensor:
        d = x[:, 0].double()
        density = torch.from_numpy(-kernel.energies(self.places(x), self._constants)) + d.clamp_min(1e-300).log()
        return torch.where(d > 0, density, -torch.inf)

    def canonical(self, x: Tensor) -> Tensor:
        across = x[:, DIMER::2]
        return (across[:, 1:] >= across[:, :-1]).all(1) & (x[:, 1].abs() <= math.pi / 2)

    def start(self, n: int, rng: np.random.Generator) -> Tensor:
        """The solvent on a square lattice around dimers that are closed and open, in turn."""
        middle, solvent = self.options.middle, self.options.solvent
        side = 1 + math.isqrt(solvent + 12)
        along = np.linspace(-self.options.half, self.options.half, side)
        sites = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
        places = np.empty((n, 4 + 2 * solvent))
        for k in range(n):
            d = middle - SWITCH / 2 if k % 2 == 0 else middle + SWITCH / 2
            places[k, :4] = -d / 2, 0.0, d / 2, 0.0
            room = np.hypot(np.abs(sites[:, 0]) - d / 2, sites[:, 1]) - 0.2 * rng.random(len(sites))
            chosen = sites[np.argsort(-room)[:solvent]]
            places[k, 4:] = (chosen + 0.02 * rng.standard_normal(chosen.shape)).ravel()
        return self.configurations(places)

    def local(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> tuple[Tensor, float]:
        """Moves of single particles, those of the dimer by half as much; N in a sweep."""
        places = self.places(x).copy()
        accepted = kernel.walk(places, sweeps, self.options.step, self.options.step / 2, self._constants, rng)
        return self.configurations(places), accepted / max(1, sweeps * places.size / 2)

    def collective(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> Tensor:
        """Local moves, then as many sweeps in which the dimer is slowly opened or closed, which is accepted or not."""
        return self.switched(self.local(x, sweeps, rng)[0], 1 + sweeps, rng)[0]

    def switched(self, x: Tensor, stages: int, rng: np.random.Generator) -> tuple[Tensor, np.ndarray]:
        """Every dimer opened or closed slowly, accepted by its work: configurations (n, D), and the work (n,), kT."""
        places = self.places(x).copy()
        work = kernel.switch(places, SWITCH, stages, self.options.step, self._constants, rng)
        return self.configurations(places), work

    def augment(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Mirrored along each axis at random."""
        mirrored = torch.from_numpy(np.where(rng.random((len(x), 1, 2)) < 0.5, -1.0, 1.0))
        places = torch.from_numpy(self.places(x)).reshape(len(x), -1, 2) * mirrored
        return self.configurations(places.reshape(len(x), -1).numpy())

    def observables(self, x: Tensor) -> dict[str, np.ndarray]:
        energy = kernel.energies(self.places(x), self._constants)
        is_open = self.basins(x)
        return {"distance": x[:, 0].numpy(), "energy_kT": energy + self.options.open_bias * is_open, "open": is_open}

    def basins(self, x: Tensor) -> np.ndarray:
        return (x[:, 0] > self.options.middle).long().numpy()
