"""How hard each bead is to fill with atoms: free energies of blocks, each given all else as it stands.

With K fresh candidates of a generator and their weights w = exp(-U/kT) sqrt(det G) N(M x; R', s^2) / q(x), as they are
for acceptance, the free energy of the block of a bead is

    F_I = -kT ln <w>,    <w> = 1/K sum of w_k:

an estimate of -kT ln of the integral of the target over all that the block could be. It is an importance-sampled
partition function: right for any generator as K grows, and too high on average by what few candidates miss. It does not
depend on where the block's own atoms are, but on its bead and on the rest.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import BackmapError
from ...model.parameters import BOLTZMANN, ForceField
from ...model.system import System, Window
from ..energy.site import SiteEnergy
from ..geometry.constraint import SystemProjector
from ..geometry.measure import BondGram
from ..sites.contracts import View
from ..sites.environment import Scene
from ..sites.fragments import FragmentTable, resting_order
from ..sites.schedule import Batch, drawn, per_bead
from .acceptance import Acceptance, Dense, Distribution
from .blocks import BlockTable
from .shells import Shells, reach

Array = NDArray[np.float64]

#: How much farther than they lie atoms may lie from their beads, nm, where they lie beyond their reach.
SPARE = 0.02


@dataclass(frozen=True)
class Fillings:
    """Free energies of the blocks of all beads in one frame.

    Attributes:
        free_energy: kJ/mol, (B,); +inf where no candidate was possible, NaN for beads that have no block.
        effective: How many of the K candidates count, (sum w)^2 / sum w^2, (B,); 0 where none was possible.
    """

    free_energy: Array
    effective: Array


class BeadFilling:
    """Fresh candidates for the block of every bead, and what they weigh.

    The block is the whole fragment where a draw meets all its rigid bonds, else its hydrogens.

    Attributes:
        filled: Beads that have a block all of whose rigid bonds a draw meets, (B,) bool.
    """

    def __init__(self, system: System, field: ForceField, generator: Dense, temperature: float, sigma: float,
                 proposal_sigma: float, candidates: int, device: str = "cpu") -> None:
        """See the class.

        Args:
            system: As the generator has prepared it.
            field: The atomistic force field.
            generator: One with a density.
            temperature: K.
            sigma: Standard deviation of beads about where they are given, nm and coordinate.
            proposal_sigma: How closely the generator meets the beads it is shown, nm.
            candidates: K.
            device: Where to compute.

        Raises:
            BackmapError: If no bead has a block that can be weighed.
        """
        self.system, self.field, self.generator, self.candidates = system, field, generator, candidates
        self.temperature, self.sigma, self.proposal_sigma, self.device = temperature, sigma, proposal_sigma, device
        orders = [resting_order(molecule) for molecule in system.types]
        self.tables = FragmentTable.build(system.types, generator.view, orders).to(device)
        self.table = BlockTable.of(self.tables)
        kinds = self.table.blocks(["fragment", "hydrogens"])
        self.blocks = torch.where(kinds["fragment"].any(dim=1, keepdim=True), kinds["fragment"], kinds["hydrogens"])
        self.projector = SystemProjector(system)
        self.reaches = per_bead(system, [reach(kind, sigma) for kind in system.types])
        self.acceptance = self._acceptance(self.reaches)
        row = np.concatenate([[0], np.cumsum([kind.n_beads for kind in system.types])])
        has = self.blocks.any(dim=1).cpu().numpy()
        self.filled = drawn(system) & per_bead(system, [has[row[k]:row[k + 1]] for k in range(len(system.types))])
        if not self.filled.any():
            raise BackmapError("no fragment has a block whose rigid bonds a draw can meet")

    def _acceptance(self, reaches: Array) -> Acceptance:
        cutoff = self.field.cutoff + 2 * float(reaches.max())
        energy = SiteEnergy(self.system, self.field, self.tables, View(max(cutoff, self.generator.view.cutoff)))
        near, sigmas = (torch.as_tensor(x, device=self.device)
                        for x in (reaches, np.full(self.system.n_beads, self.proposal_sigma)))
        target = Distribution(self.system, energy, self.table, [BondGram(kind) for kind in self.system.types], near,
                              self.temperature, self.sigma, sigmas)
        return Acceptance(self.generator, target, self.candidates)

    def of(self, window: Window, stream: Sequence[int | str]) -> Fillings:
        """Free energies of all blocks.

        Args:
            window: One frame with atoms; rigid bonds are mended about the beads that its atoms have, since lengths
                that a file has rounded would be no state of the target.
            stream: Names the random numbers, besides the frame's number and the bead.

        Raises:
            BackmapError: If the box is too narrow for the force field.
        """
        scene = Scene.of(window, self.system, self.tables, self.generator.view)
        atoms = scene.atoms.cpu().numpy()
        scene.atoms.copy_(torch.as_tensor(self.projector.project(atoms, self.system.map(atoms))[0]))
        reaches, acceptance = self._far(scene)
        target = acceptance.target
        shells = Shells.of(window, scene, self.system, reaches, target.energy.field.cutoff, self.generator.view.cutoff)
        target.energy.check(shells.seen(scene), window.boxes)
        bead = np.flatnonzero(self.filled)
        free, effective = np.full(len(self.filled), np.nan), np.zeros(len(self.filled))
        for found in acceptance.weights(scene, shells, Batch(np.zeros_like(bead), bead), self.blocks, tuple(stream),
                                        window.frames):
            total, here = torch.logsumexp(found.new, dim=1), found.bead.cpu().numpy()
            heat = BOLTZMANN * self.temperature
            free[here] = (-heat * (total - math.log(self.candidates))).cpu().numpy()
            counted = (2 * total - torch.logsumexp(2 * found.new, dim=1)).exp()
            effective[here] = counted.nan_to_num(nan=0.0).cpu().numpy()
        return Fillings(free, effective)

    def _far(self, scene: Scene) -> tuple[Array, Acceptance]:
        """How far atoms are looked for: farther than bonds reach in frames whose beads were not held."""
        owned = scene.layout.owned
        away = (scene.atoms[:, owned.clamp_min(0)] - scene.beads[:, :, None]).norm(dim=-1)
        farthest = torch.where(owned >= 0, away, 0.0).amax(dim=(0, 2)).cpu().numpy()
        beyond = farthest > self.reaches
        if not beyond.any():
            return self.reaches, self.acceptance
        reaches = np.where(beyond, farthest + SPARE, self.reaches)
        return reaches, self._acceptance(reaches)
