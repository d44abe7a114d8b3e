"""The ``molecule`` target: one molecule with a force field of OpenMM's, in bond-angle-torsion coordinates."""
from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field
from torch import Tensor

from backmap.api import InputPath, Options, Target
from backmap.engine.compiling.compiled import plain
from backmap.engine.energy import bonded, born, pair
from backmap.errors import BackmapError
from backmap.model.parameters import BOLTZMANN, COULOMB

from .internal_coordinates import InternalCoordinates
from .molecule_dynamics import Dynamics
from .molecule_file import MoleculeFile, read_molecule

SWEEP = 0.12  #: ps of dynamics in a sweep of collective moves: in vacuum, bonds and angles have forgotten much by then
CHUNK = 500  #: configurations whose energies are computed at a time: their intermediate values fit a processor's cache
HOT = 1.0  #: kT for each degree of freedom above the least energy: more than twice the average, which no ensemble has
TRIES = 64  #: starts drawn for one that is kept, the most probable


class MoleculeOptions(Options):
    """Options of the ``molecule`` target."""

    changed_names: ClassVar = {"measure": "is called 'fixman_potential' now: false for rigid, true for stiff"}

    pdb: InputPath = Field(description="A PDB file of the molecule, hydrogens included; local moves set out from it.")
    forcefield: Annotated[list[str], BeforeValidator(lambda v: [v] if isinstance(v, str) else v)] = Field(
        ["amber99sb.xml"], description="Force-field XML files: names of those that OpenMM ships, or paths. One "
                                       "of an implicit solvent beside them (amber96_obc.xml, implicit/obc2.xml) takes "
                                       "the molecule out of the vacuum.")
    temperature: float = Field(300.0, gt=0, description="Of the ensemble, K.")
    rigid: Literal["h-bonds", "none"] = Field("h-bonds", description="Rigid bonds: those to hydrogen, or none.")
    fixman_potential: bool = Field(False, description="Add the Fixman potential kT/2 ln det G of rigid bonds, so that "
                                                      "they are sampled as very stiff springs are. Without it the "
                                                      "distribution is that of constrained dynamics.")
    torsions: dict[str, tuple[int, int, int, int]] = Field(
        {}, description="Torsions to be measured, by name: four numbers of atoms, counted from 1 as they stand in the "
                        "file.")
    basin: tuple[str, float, float] | None = Field(
        None, description="Basin 1 is where this torsion lies between these degrees; all else is basin 0.")


class Molecule(Target):
    """One molecule with a force field of OpenMM, in bond, angle and torsion coordinates, without cut-off.

    In vacuum, or in an implicit solvent (generalised Born) where a file of the force field brings one.

    The density is p ~ exp(-beta U) prod r^2 sin(theta) sqrt(det G) in the lengths r of bonds that are not rigid, the
    angles theta and the torsions, where G = (grad b) m^-1 (grad b)^T over the rigid bonds b; with the Fixman potential
    the factor sqrt(det G) is left out (Fixman, PNAS 71, 3050 (1974)). Stereocentres keep the handedness of the file as
    long as no move is wide enough to invert them.
    """

    Options = MoleculeOptions

    def __init__(self, options: MoleculeOptions) -> None:
        super().__init__(options)
        self._beta = 1 / (BOLTZMANN * options.temperature)
        if options.basin is not None and options.basin[0] not in options.torsions:
            raise BackmapError(f"the basin's torsion '{options.basin[0]}' is not among the torsions", where="molecule",
                               hint=f"Known: {', '.join(options.torsions) or 'none'}.")

    @cached_property
    def _file(self) -> MoleculeFile:
        """What the file says, opened when it is first asked for: a recipe is checked without its files."""
        options = self.options
        found = read_molecule(options.pdb, options.forcefield, options.rigid == "h-bonds")
        for name, numbers in options.torsions.items():
            if not all(1 <= a <= len(found.positions) for a in numbers):
                raise BackmapError(f"torsion '{name}' names an atom that {options.pdb} does not have", where="molecule",
                                   hint=f"Atoms are counted from 1 to {len(found.positions)}.")
        return found

    @property
    def internal(self) -> InternalCoordinates:
        """The coordinates, and what they are between."""
        return self._file.internal

    @property
    def variables(self) -> tuple[str, ...]:
        """Kind of each coordinate, ``real`` or ``angle``."""
        return self.internal.variables

    def coordinates(self, positions: Tensor) -> Tensor:
        """Coordinates (n, D) of positions (n, A, 3), nm, whatever the lengths of their rigid bonds."""
        return self.internal.of(positions)

    def positions(self, x: Tensor) -> Tensor:
        """Positions (n, A, 3), nm; the first heavy atom at the origin."""
        return self.internal.positions(x)

    def energy(self, positions: Tensor) -> Tensor:
        """Potential energy (n,) of positions (n, A, 3), kJ/mol; rigid bonds have their terms, too."""
        return torch.cat([self._energy(part) for part in positions.split(CHUNK)])

    def _energy(self, positions: Tensor) -> Tensor:
        total = torch.zeros(len(positions), dtype=torch.float64)
        for each in self._file.parameters.bonded:
            corners = positions[:, torch.as_tensor(each.atoms)]
            total = total + bonded.energies(each.function, corners, torch.as_tensor(each.parameters)).sum(dim=1)
        first, second, c6, c12, charges = self._file.pairs
        squared = ((positions[:, second] - positions[:, first])**2).sum(dim=2).clamp_min(1e-6)
        apart = plain(pair.lennard_jones)(1 / squared**3, c6, c12) + COULOMB * charges * squared.rsqrt()
        total = total + apart.sum(dim=1)
        return total if self._file.born is None else total + born.energies(self._file.born, positions).sum(1)

    def log_density(self, x: Tensor) -> Tensor:
        energy, measure = self.parts(x)
        density = measure - energy
        return torch.where(density.isnan(), -torch.inf, density)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(map(torch.cat, zip(*(self._parts(part) for part in x.split(CHUNK)))))

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        positions, measure = self.positions(x), self.internal.log_jacobian(x)
        first, second = self._file.rigid_atoms.T
        if not self.options.fixman_potential and len(first):
            vector = positions[:, first] - positions[:, second]
            unit_vector = torch.nn.functional.normalize(vector, dim=2)
            measure = measure + 0.5 * torch.logdet(unit_vector @ unit_vector.transpose(1, 2) * self._file.coupling)
        return self._beta * self._energy(positions), measure

    def start(self, n: int, rng: np.random.Generator) -> Tensor:
        """The molecule of the file, n times, with the torsions that are measured turned anywhere.

        Every other one is put into basin 1, where there is one. Hydrogens of methyl groups are labelled as in training.
        Starts are strained: dynamics begins at the minima of the energy next to them.
        """
        given, turned = self._labelled(self._file.positions[None]), self._turned()
        if not turned:
            return given.repeat(n, 1)
        x = given.repeat(n * TRIES, 1)
        for column in turned:
            x[:, column] = torch.as_tensor(rng.uniform(-math.pi, math.pi, len(x)))
        worth = self.log_density(x).reshape(n, TRIES)
        if self.options.basin is not None:
            meant = np.arange(n)[:, None] % 2
            worth = worth - 1e9 * torch.as_tensor(self.basins(x).reshape(n, TRIES) != meant)
        return x.reshape(n, TRIES, -1)[torch.arange(n), worth.argmax(dim=1)]

    def local(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> tuple[Tensor, float]:
        """Single coordinates are changed by about their widths, as many in a sweep as there are."""
        x, rows = x.clone(), torch.arange(len(x))
        circular = torch.tensor([kind == "angle" for kind in self.variables])
        now, accepted = self.log_density(x), 0
        for _ in range(sweeps * self.size):
            column = rng.integers(self.size, size=len(x))
            value = x[rows, column] + self._step[column] * torch.as_tensor(rng.standard_normal(len(x)))
            turned = torch.remainder(value + math.pi, 2 * math.pi) - math.pi
            made = x.clone()
            made[rows, column] = torch.where(circular[column], turned, value)
            then = self.log_density(made)
            passed = torch.as_tensor(np.log(rng.random(len(x)))) < then - now
            x, now = torch.where(passed[:, None], made, x), torch.where(passed, then, now)
            accepted += int(passed.sum())
        return x, accepted / max(1, sweeps * x.numel())

    def collective(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> Tensor:
        """Langevin dynamics by OpenMM, exact up to the length of its steps; it crosses low barriers.

        Local moves instead where the measure is not that of dynamics. What is hotter than any ensemble (a start, say)
        goes to the nearest minimum of the energy first.
        """
        if self.options.fixman_potential and self.internal.rigid:
            return self.local(x, sweeps, rng)[0]
        positions = self.positions(x)
        hot = self.energy(positions) > self._least + HOT * 3 * positions.shape[1] / self._beta
        positions[hot] = self._dynamics.relax(positions[hot])
        return self.coordinates(self._dynamics.run(positions, sweeps * SWEEP, rng))

    @cached_property
    def _dynamics(self) -> Dynamics:
        return Dynamics(self._file.system, self.options.temperature)

    @cached_property
    def _least(self) -> float:
        """Energy of the minimum next to the file's molecule, kJ/mol."""
        return float(self.energy(self._dynamics.relax(self._file.positions[None]))[0])

    def augment(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """The three hydrogens of methyl groups (and the like) exchanged in cycles, at random.

        Labels that run the other way round, which no move reaches, are turned first: models know one way alone.
        """
        return self._labelled(self.positions(x), rng)

    def _labelled(self, positions: Tensor, rng: np.random.Generator | None = None) -> Tensor:
        """Coordinates (n, D) of positions (n, A, 3), methyl hydrogens labelled one way round, and turned if ``rng``."""
        n = len(positions)
        order = np.tile(np.arange(positions.shape[1]), (n, 1))
        for atom, *three in self._file.rotors:
            arms = positions[:, three] - positions[:, atom, None]
            mirrored = (torch.linalg.det(arms) < 0).numpy()
            cycle = np.arange(3) + (0 if rng is None else rng.integers(3, size=(n, 1)))
            order[:, three] = np.where(mirrored[:, None], np.array(three)[[0, 2, 1]][cycle % 3],
                                       np.array(three)[cycle % 3])
        return self.coordinates(positions[torch.arange(n)[:, None], torch.as_tensor(order)])

    def turning(self, name: str) -> int:
        """The coordinate that turns what a measured torsion measures.

        Raises:
            BackmapError: If there is no such torsion, or none of the coordinates turns just it.
        """
        if name not in self.options.torsions:
            raise BackmapError(f"the target measures no torsion '{name}'", where="molecule",
                               hint=f"It measures: {', '.join(self.options.torsions) or 'none'}.")
        middle = {each - 1 for each in self.options.torsions[name][1:3]}
        found = [d for d in self.internal.leading if set(self.internal.atoms[d][1:3]) == middle]
        if not found:
            raise BackmapError(f"nothing turns about the middle bond of torsion '{name}'", where="molecule")
        return found[0]

    def methyls(self) -> list[int]:
        """Coordinates that turn three hydrogens which are alike."""
        groups = {int(rotor[0]): set(rotor[1:].tolist()) for rotor in self._file.rotors}
        return [d for d in self.internal.leading
                if self.internal.atoms[d][0] in groups.get(self.internal.atoms[d][1], ())]

    def stiffness(self) -> tuple[Tensor, Tensor]:
        """The least energy next to the molecule of the file, and how wide the density is there, (D,) each."""
        least = self._labelled(self._dynamics.relax(self._file.positions[None]))
        return least[0], self._widths(least)

    def _turned(self) -> list[int]:
        """The coordinates that turn all that hangs on the middle bonds of the torsions that are measured."""
        middles = [{b - 1, c - 1} for _, b, c, _ in self.options.torsions.values()]
        return [d for d in self.internal.leading if set(self.internal.atoms[d][1:3]) in middles]

    def observables(self, x: Tensor) -> dict[str, np.ndarray]:
        positions = self.positions(x)
        found = {"energy": self.energy(positions).numpy()}
        for name, numbers in self.options.torsions.items():
            found[name] = np.degrees(bonded.dihedral(*(positions[:, a - 1] for a in numbers)).numpy())
        return found

    def basins(self, x: Tensor) -> np.ndarray:
        if self.options.basin is None:
            return super().basins(x)
        name, low, high = self.options.basin
        positions = self.positions(x)
        torsion = bonded.dihedral(*(positions[:, a - 1] for a in self.options.torsions[name]))
        return ((np.degrees(torsion.numpy()) - low) % 360 < (high - low) % 360).astype(np.int64)

    @cached_property
    def _step(self) -> Tensor:
        """Steps of single coordinates: twice the width that the density has where the file's molecule stands."""
        return 2 * self._widths(self._labelled(self._file.positions[None]))

    def _widths(self, x: Tensor) -> Tensor:
        """How wide the density is along each coordinate about a configuration (1, D), by its curvature, (D,)."""
        small = 1e-3
        shift = small * torch.eye(self.size, dtype=torch.float64)
        here = self.log_density(x)
        bend = (2 * here - self.log_density(x + shift) - self.log_density(x - shift)) / small**2
        return bend.clamp_min(20.0).rsqrt()
