"""What minimisation and dynamics share: a system for OpenMM with its forces in stages, and the loop over frames.

Everything runs in a context of its own for every frame, so that a frame's result follows from the seed and the frame
alone.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import openmm
from numpy.typing import NDArray

from backmap.engine.flags import owners
from backmap.engine.sites.schedule import drawn
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window

from ..openmm_bridge import system as openmm_system
from ..openmm_bridge.chirality import chirality_restraint, side_restraint
from ..openmm_bridge.contexts import cell
from ..openmm_bridge.sites import carried
from .forces import SHORT, bead_restraint, soft_pairs, soft_repulsion, springs

Array = NDArray[np.float64]

#: Force groups: what holds molecules together, torsions, repulsion with a finite height, everything else, and
#: what turns stereocentres and planar bonds of the wrong isomer.
BONDED, TORSIONS, SOFT, NON_BONDED, CHIRALITY = range(5)
#: Terms of the force field by their group; other terms are non-bonded.
_GROUP = {"bond": BONDED, "angle": BONDED, "improper": BONDED, "proper": TORSIONS}


class RefinementFailure(Exception):
    """A frame could not be refined; it stays as it was."""


@dataclass(frozen=True, eq=False)
class Mechanics:
    """Force field of a system for OpenMM.

    Attributes:
        field: Its parameters.
        system: What is there.
        rigid: Bonds with a rigid length are constraints. Otherwise they are springs: those of the force
            field, or stiff ones where it has none.
        hold: Without ``rigid``: every bond with a rigid length is a stiff spring, whatever the force field says.
        restraint: b of b (M(r) - R)^2 for every bead, kJ/mol/nm^2; 0 for none.
    """

    field: ForceField
    system: System
    rigid: bool
    hold: bool
    restraint: float

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """The bead that places each atom, (A,)."""
        return owners(self.system)

    @cached_property
    def mass(self) -> Array:
        """Mass of each atom, (A,); dependent atoms have none."""
        mass = np.empty(self.system.n_atoms)
        for group in self.system.groups:
            mass[group.atoms] = carried(group.type)
        return mass

    def prepared(self, box: Array | None, beads: Array, frozen: NDArray[np.bool_], heavy: float) -> openmm.System:
        """The system for one frame.

        Args:
            box: As OpenMM wants it (``cell``), (3, 3), nm, or None.
            beads: Where the restraint holds them, (B, 3), nm.
            frozen: Atoms that do not move, (A,) bool.
            heavy: Mass that they get: 0, or a huge one where they share constraints with others.
        """
        made, restraint = self._made(box)
        if box is not None:
            made.setDefaultPeriodicBoxVectors(*box.tolist())
        for atom, mass in enumerate(np.where(frozen & (self.mass > 0), heavy, self.mass).tolist()):
            made.setParticleMass(atom, mass)
        if restraint is not None:
            for bead, place in enumerate(beads.tolist()):
                restraint.setBondParameters(bead, [bead], place)
        return made

    @cached_property
    def _systems(self) -> dict[bool, tuple[openmm.System, openmm.Force | None]]:
        """What was made so far, with a box and without."""
        return {}

    def _made(self, box: Array | None) -> tuple[openmm.System, openmm.Force | None]:
        """The system with all forces in their groups, and the force that holds the beads; made once."""
        in_box = box is not None
        if in_box not in self._systems:
            made = openmm_system.build(self.field, self.system, box, rigid=self.rigid)
            self._systems[in_box] = made, self._grouped(made, in_box)
        return self._systems[in_box]

    def _grouped(self, made: openmm.System, in_box: bool) -> openmm.Force | None:
        """Put forces into their groups and add those that the force field has not; returns the bead restraint."""
        for force in made.getForces():
            force.setForceGroup(_GROUP.get(force.getName(), NON_BONDED))
        extra = [(SOFT, soft_repulsion(self.field, self.system)), (SOFT, soft_pairs(self.field, self.system)),
                 (CHIRALITY, chirality_restraint(self.system)), (CHIRALITY, side_restraint(self.system))]
        if not self.rigid:
            extra.append((BONDED, springs(self.field, self.system, self.hold)))
        restraint = bead_restraint(self.system, self.restraint) if self.restraint else None
        if restraint is not None:
            extra.append((BONDED, restraint))
        for group, force in extra:
            if isinstance(force, openmm.CustomNonbondedForce):
                force.setNonbondedMethod(force.CutoffPeriodic if in_box else force.CutoffNonPeriodic)
                force.setCutoffDistance(min(SHORT, self.field.cutoff))
            else:
                force.setUsesPeriodicBoundaryConditions(in_box)
            force.setForceGroup(group)
            made.addForce(force)
        return restraint


#: What is done to one frame: system for OpenMM, positions (A, 3) nm, integer seed -> positions.
Work = Callable[[openmm.System, Array, int], Array]


def refined(mechanics: Mechanics, window: Window, seeds: list[int], only: NDArray[np.bool_] | None, heavy: float,
            work: Work, progress: Callable[[float], None]) -> tuple[Array, NDArray[np.bool_]]:
    """All frames of a window, one after the other.

    Args:
        mechanics: Of the system.
        window: Atoms all placed; stays as it is.
        seeds: One per frame.
        only: Beads whose atoms may move, (W, B); None means all.
        heavy: See ``Mechanics.prepared``.
        work: What to do; a frame for which it fails keeps its atoms.
        progress: Told the fraction that is done.

    Returns:
        Atoms (W, A, 3), whole and next to their beads; and beads of frames that failed, (W, B) bool.
    """
    atoms = np.array(window.atoms, dtype=np.float64)
    failed = np.zeros(window.beads.shape[:2], dtype=bool)
    for w in range(window.size):
        free = drawn(mechanics.system) if only is None else only[w] & drawn(mechanics.system)
        if free.any():
            moved = _one(mechanics, window, w, free, heavy, lambda made, at, seed=seeds[w]: work(made, at, seed))
            if moved is None:
                failed[w] = free
            else:
                atoms[w] = moved
        progress((w + 1) / window.size)
    return atoms, failed


def _one(mechanics: Mechanics, window: Window, w: int, free: NDArray[np.bool_], heavy: float,
         work: Callable[[openmm.System, Array], Array]) -> Array | None:
    """One frame refined, (A, 3), or None if that failed."""
    box, turn = None, np.eye(3)
    if window.box(w) is not None:
        box, turn = cell(window.box(w))
        _expect_room(box, mechanics.field.cutoff, int(window.frames[w]))
    before, frozen = window.atoms[w], ~free[mechanics.owner]
    try:
        made = mechanics.prepared(box, window.beads[w] @ turn, frozen, heavy)
        after = work(made, before @ turn) @ turn.T
    except (openmm.OpenMMException, RefinementFailure):
        return None
    if not np.isfinite(after).all():
        return None
    after = mechanics.system.atoms_near_beads(after, window.beads[w], window.box(w))
    after[frozen] = before[frozen]
    return after


def _expect_room(box: Array, cutoff: float, frame: int) -> None:
    room = 0.5 * float(np.diag(box).min())
    if cutoff > room:
        raise BackmapError(f"the cut-off of the force field, {cutoff:g} nm, is more than half of the box",
                           where=f"frame {frame}", hint=f"Write 'cutoff: {room:.3g}' or less in the "
                                                        "step forcefield.")
