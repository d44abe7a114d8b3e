"""The ``force_field`` generator: atoms one by one from the topology's own terms, without training."""
from __future__ import annotations

import math

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backmap.api import DensityGenerator, Generator, Options
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment, View
from backmap.engine.sites.fragments import FragmentTable
from backmap.engine.sites.records import SeenAtoms, as_arrays
from backmap.errors import BackmapError
from backmap.model.parameters import BOLTZMANN, ForceField
from backmap.model.system import System

from ..equivariant.density import LocalFrame, Torsions, closing_angle, spare_directions
from ..equivariant.kernels import LocalAxes
from ..template.generator import Template, TemplateOptions
from . import kernels
from .density import Angles, Lengths, interpolated, sine_logits
from .tables import LOOSE, FragmentTables

FINE = 360  #: nodes of an angle's own energy
COARSE = 36  #: torsions over which the others are summed for an angle
WINDOW = 4.0  #: half of the range of angles for which they are, in standard deviations
ROOM = 192  #: neighbours of an atom that count at most


class ForceFieldOptions(Options):
    """Options of the ``force_field`` generator."""

    bead_width: float | None = Field(
        0.01, gt=0, description="How near the heavy atoms of a fragment aim at their beads, nm; hydrogens are counted "
                                "at the atoms that carry them. null leaves beads out.")
    lennard_jones: bool = Field(True, description="Lennard-Jones with neighbours nearer than 0.5 nm counts, and "
                                                  "explicit pairs (1-4) with their charges.")
    cap: float = Field(20.0, gt=0, description="Largest energy of a pair of atoms, kJ/mol.")
    nodes: int = Field(72, ge=48, le=360, description="Nodes of a torsion's density.")
    angle_nodes: int = Field(12, ge=2, le=64, description="Angles at which the terms of the torsion are summed up.")
    cutoff: float = Field(0.8, gt=0.2, le=1.5, description="How far it sees, nm.")
    conformers: int = Field(16, ge=1, description="Idealised conformers per molecule type, for the parallel start.")


class FromForceField(DensityGenerator):
    """Configurational-bias growth: angles and torsions drawn from the force field's terms; exact density, no training.

    Every atom gets an angle and a torsion about its predecessors by exp(-U / kT) of the terms that it completes with
    placed atoms; rings close by trilateration, stereocentres keep their hands and planar bonds their sides. Guides
    towards beads and towards placed atoms farther on are part of the density (``docs/theory``).
    """

    Options = ForceFieldOptions
    options: ForceFieldOptions
    equivariant = True
    needs = frozenset({"forcefield"})

    def __init__(self, options: ForceFieldOptions) -> None:
        super().__init__(options)
        self.field: ForceField | None = None
        self._tables: dict[FragmentTable, tuple[FragmentTable, FragmentTables]] = {}

    @property
    def view(self) -> View:
        return View(self.options.cutoff)

    def use(self, forcefield: ForceField) -> None:
        self.field = forcefield
        self._tables.clear()

    def prepare(self, system: System, device: str) -> System:
        if self.field is None:
            raise BackmapError("the force_field generator needs a force field", where="force_field",
                               hint="Read one in an earlier step, e.g. 'forcefield: {gromacs: topol.top}'.")
        self.field.of(system)
        return system

    def starter(self) -> Generator | None:
        return Template(TemplateOptions(conformers=self.options.conformers))

    def tables_of(self, fragments: FragmentTable) -> tuple[FragmentTable, FragmentTables]:
        """The fragments on the processor, and their terms; made once."""
        if fragments not in self._tables:
            here = fragments.to("cpu")
            self._tables[fragments] = here, FragmentTables.of(here, self.field, self.options.bead_width,
                                                      self.options.lennard_jones)
        return self._tables[fragments]

    @torch.no_grad()
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        sight = _Sight(self, env)
        size, world = env.size * candidates, sight.parity
        site_of = torch.arange(env.size).repeat_interleave(candidates)
        local = sight.local(sight.given).repeat_interleave(candidates, 0)
        n_own = env.block.shape[1]
        uniform = rng.uniform(candidates, n_own, 5).cpu().reshape(size, n_own, 5)
        total = torch.zeros(size, dtype=torch.float64)
        for f in range(n_own):
            row = torch.nonzero(sight.drawn[site_of, f])[:, 0]
            if len(row):  # pinned atoms stay at the anchor, which is zero
                targets = _Targets(sight, site_of[row], row, torch.full_like(row, f), local)
                local[row, f], value = targets.draw(uniform[row, f])
                total.index_add_(0, row, value)
        own = local[:, :n_own] * world.repeat_interleave(candidates)[:, None, None]
        device = env.row.device
        return Draw(own.reshape(env.size, candidates, -1, 3).to(device), total.reshape(env.size, candidates).to(device))

    @torch.no_grad()
    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        sight = _Sight(self, env)
        own = torch.where(sight.block[:, :, None], positions.cpu().double() * sight.parity[:, None, None], sight.given)
        site, atom = torch.nonzero(sight.drawn, as_tuple=True)
        targets = _Targets(sight, site, site, atom, sight.local(own))
        value = targets.log_density(*targets.frame.coordinates(own[site, atom]))
        return torch.zeros(env.size, dtype=torch.float64).index_add_(0, site, value).to(env.row.device)


class _Sight:
    """What the atoms of S sites share, on the processor, in a world where stereocentres have their own chirality."""

    def __init__(self, generator: FromForceField, env: LocalEnvironment) -> None:
        self.options = generator.options
        self.fragments, self.tables = generator.tables_of(env.fragments)
        self.row = env.row.cpu()
        # A site of the other mirror image than its molecule's lies in a mirrored world.
        self.parity = (env.sign.cpu() * self.fragments.sign[self.row]).double()
        turn = self.parity[:, None, None]
        self.block = env.block.cpu()
        self.drawn = self.block & ~self.fragments.pinned[self.row]
        self.given = env.given.cpu().double() * turn
        self.around = torch.cat([env.context.cpu().double(), env.beads.cpu().double()], dim=1) * turn
        self.standing = torch.cat([env.context_placed, env.beads_present], dim=1).cpu().numpy()
        pinned_or_given = (self.fragments.atoms[self.row] >= 0) & ~self.drawn & ~self.fragments.dependent[self.row]
        self.stays = pinned_or_given.numpy()
        self.spare = spare_directions(env).cpu() * turn
        seen = SeenAtoms(*(x.cpu() for x in SeenAtoms.of(env)))
        self.seen = as_arrays(seen._replace(positions=seen.positions.double() * turn))
        self.beta = 1 / (BOLTZMANN * env.temperature.cpu().double())

    def local(self, own: Tensor) -> Tensor:
        """Positions by local index: fragment (S, F, 3), context, beads."""
        return torch.cat([own, self.around], dim=1)


class _Targets:
    """Densities of T atoms: atom ``atom`` of site ``site``, with positions from row ``row`` of ``local``."""

    def __init__(self, sight: _Sight, site: Tensor, row: Tensor, atom: Tensor, local: Tensor) -> None:
        self.sight, self.site, self.atom = sight, site, atom
        fragments, tables = sight.fragments, sight.tables
        self.fragment = sight.row[site]
        points = local[row[:, None], fragments.reference[self.fragment, atom]]
        self.frame = LocalFrame.of(points[:, 0], points[:, 1], points[:, 2], sight.spare[site])
        self.targets = as_arrays(kernels.Targets(self.fragment, atom, site, row, sight.beta[site]))
        self.standing = kernels.Standing(local.numpy(), sight.stays, sight.standing)
        self.axes = as_arrays(LocalAxes(self.frame.origin, self.frame.axes))
        self.length = fragments.length[self.fragment, atom].double()
        self.rigid = self.length.isfinite()
        self.closes = fragments.closure[self.fragment, atom] >= 0
        self.closure_length = fragments.closure_length[self.fragment, atom].double().nan_to_num(1.0)
        minimum, stiffness = torch.as_tensor(tables.bond[self.fragment.numpy(), atom.numpy()]).unbind(1)
        variance = 1 / (sight.beta[site] * stiffness)
        loose = stiffness == 0
        # r^2 exp(-U / kT) has its maximum a little beyond that of exp(-U / kT).
        self.lengths = Lengths(torch.where(loose, minimum, minimum + 2 * variance / minimum),
                               torch.where(loose, LOOSE, torch.where(self.rigid, 1.0, variance.sqrt())))

    def draw(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Positions (T, 3) and their log-density (T,), from uniform numbers (T, 5)."""
        distance = torch.where(self.rigid, self.length, self.lengths.sample(uniform[:, 0]))
        angles = self._angles(distance)
        angle = torch.where(self.closes, self._closing(distance)[0], angles.sample(uniform[:, 1:3]))
        torsions = self._torsions(distance, angle)
        torsion = torsions.sample(uniform[:, 3:])
        value = self._value(distance, angle, torsion, angles, torsions)
        return self.frame.place(distance, angle, torsion), value

    def log_density(self, distance: Tensor, angle: Tensor, torsion: Tensor) -> Tensor:
        """Log-density (T,) in Cartesian measure on rigid bonds; lowered by 1000 where a ring cannot close."""
        distance = torch.where(self.rigid, self.length, distance)
        angle = torch.where(self.closes, self._closing(distance)[0], angle).clamp(1e-4, math.pi - 1e-4)
        return self._value(distance, angle, torsion, self._angles(distance), self._torsions(distance, angle))

    def _value(self, distance: Tensor, angle: Tensor, torsion: Tensor, angles: Angles, torsions: Torsions) -> Tensor:
        free = angles.log_density(angle) - torch.log(distance**2 * angle.sin())
        closed = torch.log(self.frame.reach / (distance * self.closure_length))
        closed = torch.where(self._closing(distance)[1], closed, closed - 1e3)
        stretched = torch.where(self.rigid, 0.0, self.lengths.log_density(distance))
        # Where no torsion gives the right isomer, one of the wrong isomer is drawn, and pays as a torn ring does.
        hopeless = torsions.logits.amax(dim=1) < 100 - kernels.FORBIDDEN
        value = torsions.log_density(torsion) + torch.where(self.closes, closed, free) + stretched
        return torch.where(hopeless, value - kernels.FORBIDDEN, value)

    def _closing(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        return closing_angle(self.frame.reach, distance, self.closure_length)

    def _torsions(self, distance: Tensor, angle: Tensor) -> Torsions:
        return Torsions(-self._energy(distance, angle[:, None], self.sight.options.nodes)[:, 0])

    def _angles(self, distance: Tensor) -> Angles:
        """The angle's own term, times what the torsions leave to each angle."""
        fine = torch.linspace(0, math.pi, FINE + 1, dtype=torch.float64)
        own = sine_logits(self._energy(distance, fine.expand(len(distance), -1), 1, primary=True)[:, :, 0])
        weight = torch.softmax(own, dim=1)
        mean = weight @ fine[:-1]
        spread = (weight @ fine[:-1]**2 - mean**2).clamp_min(1e-6).sqrt()
        ends = [(mean + side * WINDOW * spread).clamp(0.05, math.pi - 0.05) for side in (-1, 1)]
        steps = torch.linspace(0, 1, self.sight.options.angle_nodes, dtype=torch.float64)
        places = ends[0][:, None] + (ends[1] - ends[0])[:, None] * steps
        left = torch.logsumexp(-self._energy(distance, places, COARSE), dim=2)
        return Angles(own + interpolated(fine[:-1], places, left))

    def _energy(self, distance: Tensor, angle: Tensor, n_torsions: int, primary: bool = False) -> Tensor:
        """Reduced energies at angles (T, J) and all torsions, (T, J, n_torsions)."""
        tables, sight = self.sight.tables, self.sight
        torsion = np.arange(n_torsions) * (2 * math.pi / n_torsions) - math.pi
        near = self._near(distance) if sight.options.lennard_jones and not primary else self._nothing()
        trials = kernels.TrialPlaces(distance.numpy(), angle.contiguous().numpy(), torsion)
        return torch.as_tensor(kernels.grid(self.targets, self.standing, self.axes, trials, primary, tables.terms,
                                            tables.guides, near, sight.options.cap))

    def _near(self, distance: Tensor) -> kernels.Near:
        """Neighbours that Lennard-Jones can reach, and their parameters."""
        sight, own = self.sight, self.sight.fragments.atoms[self.fragment].numpy()
        return kernels.neighbours(self.targets, self.standing, sight.seen, self.axes, distance.numpy(), own,
                                  sight.tables.pairs, ROOM)

    def _nothing(self) -> kernels.Near:
        """No neighbours."""
        return kernels.Near(np.empty((len(self.atom), 6, 1)), np.zeros(len(self.atom), dtype=np.int64))
