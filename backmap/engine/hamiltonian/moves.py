"""Hamiltonian moves on the frames of a system: which blocks a sweep moves, and what came of it."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from ...model.molecule import is_body
from ...model.parameters import BOLTZMANN, ForceField
from ...model.system import System
from ..energy.layout import FieldLayout
from ..random import Stream
from ..sites.schedule import per_bead
from .colours import Colours
from .cover import cover
from .descent import descend
from .lists import Lists
from .move import Frame, Moved, Turns, changing
from .nearby import AtomTables, bundles, cores, grid, moved_to, sorted_anew
from .outcomes import SweepOutcome, Tempering
from .sharing import Workplaces
from .tables import build
from .together import Together, within
from .trajectory import BlockPlaces, Room, Rules

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Powers of sqrt(det G) of the molecule and sqrt(det G_C) of the block in the weight of a state: of constrained
#: dynamics, and with the Fixman potential.
CONSTRAINED, STIFF = (1.0, -1.0), (0.0, -1.0)
STRAYED = 0.1  #: nm; as far as untied molecules stray from their beads before these follow
#: Rigid bodies that are free take time steps as many times as long where others have bonds that are springs: theirs are
#: the fastest vibrations, and nearly all moves of water are accepted with them.
LONGER = 2.5
WIDE = 3.0  #: sigma that atoms may be farther from soft beads before they no longer move at once with others


class HamiltonianMoves:
    """Moves blocks of molecules by short constrained trajectories, each accepted or rejected.

    Attributes:
        blocks: Blocks of every molecule type, in the order of ``system.types``.
        places: Places of the I blocks of all molecules in the system.
        centre: System index of the central bead of each, (I,).
        sigma: Of soft beads, nm, (B,); None where beads are exact.
        beads: System indices of the beads whose fragments each moves, -1 padding, (I, K).
        untied: Beads that follow their molecules, (B,) bool.
    """

    def __init__(self, system: System, field: ForceField, temperature: float, steps: int = 10, timestep: float = 1.0,
                 size: int = 8, sigma: float | Array | None = None, fixman_potential: bool = False,
                 powers: tuple[float, float] | None = None, hydrogen_mass: float = 0.0,
                 friction: float = np.inf) -> None:
        """Build the blocks of a system.

        Args:
            system: The molecules.
            field: Their force field.
            temperature: K.
            steps: Mean number of time steps of a trajectory.
            timestep: fs.
            size: Number of beads in a block.
            sigma: Standard deviation of soft beads per coordinate, nm, one or (B,); None for exact beads.
            fixman_potential: Whether rigid bonds are sampled as very stiff springs, not as by constrained dynamics.
            powers: Powers that replace those that follow from ``fixman_potential``, for tests.
            hydrogen_mass: Mass of hydrogens while they move, u, if that is more than their own.
            friction: At which whole molecules forget their velocities, 1/ps; inf where every move draws them anew.

        Raises:
            BackmapError: If the force field does not fit the system, or nothing can move.
        """
        self.system, self.layout = system, FieldLayout(system, field, solvents=True)
        def screened(some: System, held: float | Array | None) -> HamiltonianMoves:
            return HamiltonianMoves(some, field.for_starts(), temperature, steps, timestep, size, held,
                                    fixman_potential, powers, hydrogen_mass, friction)

        self.sigma: Array | None = None
        self.untied = per_bead(system, [np.full(kind.n_beads, kind.untied) for kind in system.types])
        self._uncharged = cache(lambda: screened(system, sigma))
        self._tied = cache(lambda: screened(
            System(tuple((kind, count) for kind, count in system.blocks if not kind.untied)),
            None if self.sigma is None else self.sigma[~self.untied]))
        turning = [any(each.term == "proper" for each in molecule.bonded) for molecule in self.layout.molecules]
        self._plain = self.untied & per_bead(system, [np.full(kind.n_beads, not turns)
                                                      for kind, turns in zip(system.types, turning, strict=True)])
        free = [kind.untied and not turns and is_body(kind) for kind, turns in zip(system.types, turning, strict=True)]
        self._bodies = per_bead(system, [np.full(kind.n_beads, one and self._springy)
                                         for kind, one in zip(system.types, free, strict=True)])
        if not any(len(kind.rigid) for kind in system.types) and sigma is not None:
            powers = powers or (0.0, 0.0)
        self.blocks, self.tables = build(system, self.layout, size, sigma is None, hydrogen_mass)
        heat = BOLTZMANN * temperature
        self.rules = Rules(timestep * 1e-3, steps, heat, sigma is None,
                           *(powers or (STIFF if fixman_potential else CONSTRAINED)), friction=friction)
        self._lay_out()
        field_ = self.layout.tables.field
        if not self.layout.charge.any():
            field_ = field_._replace(coulomb=field_.coulomb._replace(factor=0.0))
        owner = self.layout.where.owner
        order = np.argsort(owner, kind="stable")
        start = np.searchsorted(owner[order], np.arange(system.n_beads + 1)).astype(np.int64)
        self.surroundings = AtomTables(field_, start, order, owner, bundles(len(field_.c6)),
                                       cores(field_.c6, field_.c12, None))
        self._workplaces = Workplaces(self.tables, len(field_.c6), max(kind.n_atoms for kind in system.types))
        self._settle()
        if sigma is not None:
            self.soften(sigma)

    def _settle(self) -> None:
        """What depends on where blocks are and on how softly their beads are met."""
        self._together = Together(self.tables, self.surroundings, self.places)
        strayed = np.where(self.untied, 2.0 * STRAYED, 0.0 if self.sigma is None else WIDE * self.sigma)
        self._colours = Colours(self.system, self.tables, self.places, [len(listed) for listed in self.blocks],
                                strayed, self.surroundings.field.cutoff)

    @property
    def room(self) -> Room:
        """Room for trajectories of one thread."""
        return self._workplaces.places[0][0]

    @property
    def _lists(self) -> Lists:
        """Room for their lists."""
        return self._workplaces.places[0][1]

    @property
    def _springy(self) -> bool:
        """Whether any molecule that moves has bonds that are springs."""
        return any(not np.isfinite(kind.bond_length).all() for kind in self.system.types if not kind.given)

    @property
    def uncharged(self) -> HamiltonianMoves:
        """Moves by which a start is made: without charges where molecules are untied, else these.

        Nothing would keep opposite charges of untied molecules apart as long as repulsion is capped; and no solvent
        screens those of what is solved before it has found its orientations, so that they would bend that.
        """
        if not (self.untied.any() and self.layout.charge.any()):
            return self
        made = self._uncharged()
        known, made.rules, made.places, made.sigma = made.sigma, self.rules, self.places, self.sigma
        if known is not self.sigma:  # it reaches as far
            made._settle()
        return made

    @property
    def tied(self) -> HamiltonianMoves:
        """Moves of what is tied to its beads by itself, without charges; these if nothing is untied.

        Solvent that stands where it was put is a mould that molecules cannot change their shapes in.
        """
        if not self.untied.any():
            return self
        made = self._tied()
        made.rules = self.rules
        if self.sigma is not None:
            made.soften(self.sigma[~self.untied])
        return made

    def pace(self, timestep: float, steps: int) -> None:
        """Change the time step, fs, and the mean number of time steps of trajectories from now on."""
        self.rules = self.rules._replace(timestep=timestep * 1e-3, steps=steps)

    def keep_flat(self, cosine: float) -> None:
        """From now on planar bonds that are as flat stay so, for starts; 0 where only their side counts."""
        self.rules = self.rules._replace(flat=cosine)

    def slow_down(self, share: Array) -> None:
        """Give each block the shortest time step of its beads from now on, as shares of the present one, (B,)."""
        of_bead = np.append(share, np.inf)
        self.places = self.places._replace(pace=np.minimum(of_bead[self.beads].min(axis=1), 1.0))

    def soften(self, sigma: float | Array) -> None:
        """Change how softly beads are met, nm, one or (B,), of moves that were made for soft beads."""
        self.sigma = np.broadcast_to(np.asarray(sigma, dtype=np.float64), (self.system.n_beads,)).copy()
        self.places = self.places._replace(stiffness=self.rules.heat / self.sigma**2)
        self._settle()

    def _lay_out(self) -> None:
        """Every block of every molecule, those of one molecule together."""
        rows, beads, whole, first = [], [], [], 0
        size = max((len(block.beads) for listed in self.blocks for block in listed), default=1)
        for group, listed in zip(self.system.groups, self.blocks):
            for atom, bead in zip(group.atom_offset, group.bead_offset):
                for number, block in enumerate(listed):
                    rows.append((first + number, atom, bead, group.type.n_atoms, bead + block.centre))
                    beads.append([bead + b for b in block.beads] + [-1] * (size - len(block.beads)))
                    whole.append(len(block.beads) == group.type.n_beads)
            first += len(listed)
        block, first_atom, first_bead, n_atoms, self.centre = np.array(rows, dtype=np.int64).T.copy()
        self.places = BlockPlaces(block, self.tables.copies.make[block], first_atom, first_bead, n_atoms,
                                  np.zeros(self.system.n_beads), np.ones(len(block)), np.array(whole))
        self.beads = np.array(beads, dtype=np.int64)

    def frame(self, atoms: Array, beads: Array, box: Array | None, velocity: Array | None = None) -> Frame:
        """A frame to be moved.

        Args:
            atoms: Whole molecules next to their beads, on the rigid bonds, (A, 3), nm.
            beads: Whole molecules, (B, 3), nm.
            box: (3, 3), nm, or None.
            velocity: With which molecules were left, (A, 3), nm/ps; None or NaN where nothing is known.
        """
        atoms = np.array(atoms, dtype=np.float64)
        self.layout.expect_isolated(atoms, box)
        beads = np.ascontiguousarray(beads, dtype=np.float64)
        beads = self.followed(beads, atoms)
        residual = self.system.map(atoms) - beads
        velocity = np.full_like(atoms, np.nan) if velocity is None else np.array(velocity, dtype=np.float64)
        cells = grid(beads, atoms, self.layout.where.owner, box)
        return Frame(atoms, residual, cells, velocity, self._colours.cubes(cells))

    def put(self, frame: Frame, atoms: Array, box: Array | None) -> None:
        """Put whole atoms (A, 3), nm, into a frame, in place."""
        made = self.frame(atoms, frame.grid.beads, box)
        for old, new in ((frame.atoms, made.atoms), (frame.residual, made.residual),
                         (frame.grid.reach, made.grid.reach), (frame.grid.largest, made.grid.largest)):
            old[:] = new

    def followed(self, beads: Array, atoms: Array) -> Array:
        """Beads (B, 3), nm, those that are untied where their molecules of whole atoms (A, 3) are."""
        return np.where(self.untied[:, None], self.system.map(atoms), beads) if self.untied.any() else beads

    def follow(self, frame: Frame, strayed: float = STRAYED) -> None:
        """Let untied beads follow their molecules, in place, if any of these is farther away than ``strayed``, nm."""
        if not (self.untied.any() and frame.grid.periodic):
            return
        beads = self.followed(frame.grid.beads, frame.atoms)
        if np.linalg.norm(beads - frame.grid.beads, axis=1).max() > strayed:
            moved_to(frame.grid, beads, frame.atoms, self.layout.where.owner)
            frame.residual[self.untied] = 0.0

    def recall(self, frame: Frame) -> None:
        """Sort beads into cells after they were put where they had been, in place."""
        if self.untied.any() and frame.grid.periodic:
            sorted_anew(frame.grid)

    def take_over(self, frame: Frame, other: Frame) -> None:
        """Bring a frame to where its copy is."""
        there = changing(other)
        for name, array in changing(frame).items():
            array[:] = there[name]
        self.recall(frame)

    def choose(self, name: Sequence[int | str], only: Mask | None = None) -> Index:
        """The blocks of a sweep, (n,): with them every bead (of ``only``) takes part, few more than once.

        Which ones is drawn by ``name``, and does not depend on atoms.
        """
        wanted = np.ones(self.system.n_beads, dtype=bool) if only is None else only
        stream = Stream.of(*name, "blocks", torch.as_tensor(self.centre))
        return cover(self.beads, self.places.first_bead, wanted, stream.uniform(1)[:, 0].numpy())

    def sweep(self, frame: Frame, name: Sequence[int | str], only: Mask | None = None,
              cap: float | None = None, temperature: float | None = None, together: bool = False,
              directions: int = 0, tempering: Tempering | None = None, length: float = 1.0,
              free: bool = False) -> SweepOutcome:
        """Move the blocks of one sweep, in place.

        Args:
            name: Of the random numbers: seed, step, number of the frame in the input, sweep.
            only: Beads in whose neighbourhood atoms may move, (B,); None means all.
            cap: Repulsion of a pair from which on it no longer steepens, kJ/mol: for atoms that overlap, to part.
                Energies are those of the capped force field then, of ``uncharged``. None is the force field itself.
            temperature: K, in place of that of the moves; velocities are drawn anew, and forgotten.
            together: Molecules of one bead follow their dynamics all at once, whatever comes; the outcome is others'.
            directions: That are tried of each of them before, one molecule after the other (``orientations``).
            tempering: Of all trajectories of the sweep; none without. Untied molecules without torsions have no
                barriers of their own to cross, and take no part.
            length: Of trajectories, in multiples of what it is otherwise; those of ``together`` stay as they are.
            free: As ``together``, but of untied molecules alone, and without directions.
        """
        if cap is not None and self.uncharged is not self:
            return self.uncharged.sweep(frame, name, only, cap, temperature, together, directions, tempering, length,
                                        free)
        around, rules, chosen = self._capped(cap), self.rules, self.choose(name, only)
        if temperature is not None:
            rules = rules._replace(heat=BOLTZMANN * temperature, friction=np.inf)
            frame.velocity[:] = np.nan
        if tempering is not None:
            rules = self._tempered(rules, tempering)
            chosen = chosen[~self._plain[self.centre[chosen]]]
        self.follow(frame)
        if together or free:
            single = self._together.single[chosen] & (together | self._plain[self.centre[chosen]])
            key = Stream.of(*name, "move", torch.as_tensor(self.centre[chosen[single]])).key.numpy()
            longer = free and bool(self._bodies[self.centre[chosen[single]]].all())
            self._together.move(within(around, self.layout.field), self._longer(rules) if longer else rules, self.room,
                                frame, chosen[single], key, directions)
            frame.residual[:] = self.system.map(frame.atoms) - frame.grid.beads
            chosen = chosen[~single]
        rules = rules._replace(steps=max(1, round(length * rules.steps)))
        centre = torch.as_tensor(self.centre[chosen])
        return self._move(frame, chosen, Stream.of(*name, "move", centre).key.numpy(), around, rules,
                          drawn=Stream.of(*name, "colours", centre).uniform(1)[:, 0].numpy())

    def descend(self, frame: Frame, name: Sequence[int | str], only: Mask, steps: int, cap: float | None = None,
                push: Array | None = None) -> Array:
        """Lead the blocks of a sweep downhill, in place: no move, but a way to where moves can begin.

        Args:
            name: Of the random numbers that choose blocks.
            only: Beads in whose neighbourhood atoms may move, (B,).
            steps: Of each block, at most.
            cap: As in ``sweep``.
            push: Forces from outside on every atom, (A, 3), kJ/mol/nm.

        Returns:
            By how much the energy of each block fell, kJ/mol, (n,); NaN where it could not be moved.
        """
        if self.uncharged is not self:
            return self.uncharged.descend(frame, name, only, steps, cap, push)
        around = self._capped(cap)
        chosen = self.choose(name, only)
        self.follow(frame)
        gained = np.zeros(len(chosen))
        push = np.zeros_like(frame.atoms) if push is None else push
        self._workplaces.places[0] = self.room, descend(self.tables, around, self.places, self.rules, self.room,
                                                        self._lists, frame, chosen, push, steps, gained)
        return gained

    def _capped(self, cap: float | None) -> AtomTables:
        """What every frame shares, with repulsion capped."""
        if cap is None:
            return self.surroundings
        return self.surroundings._replace(core=cores(self.surroundings.field.c6, self.surroundings.field.c12, cap))

    def repeat(self, frame: Frame, block: int, count: int, between: int, name: Sequence[int | str],
               tempering: Tempering | None = None) -> Iterator[SweepOutcome]:
        """Move one block, in place, with all else at rest: a reversible chain of its conditional.

        Args:
            block: Number of the block in ``centre`` and ``beads``.
            count: Of outcomes that are handed out, after ``between`` moves each.
            name: Of the random numbers.
            tempering: Of one more move in the middle of the others, half of which, rounded up, come before it and as
                many after it: the same backwards. None without.
        """
        half = -(-between // 2)
        parts = [(between, self.rules)] if tempering is None else [
            (half, self.rules), (1, self._tempered(self.rules, tempering)), (half, self.rules)]
        ends = np.cumsum([moves for moves, _ in parts])
        keys = Stream.of(*name, "move", torch.arange(count * int(ends[-1]))).key.numpy()
        for own in keys.reshape(count, int(ends[-1])):
            outcomes = [self._move(frame, np.full(moves, block), part, self.surroundings, rules)
                        for (moves, rules), part in zip(parts, np.split(own, ends[:-1]), strict=True)]
            yield SweepOutcome(*(np.concatenate([getattr(each, column.name) for each in outcomes])
                                 for column in fields(SweepOutcome)))

    def turn(self, frame: Frame, blocks: Index, keys: Index, turns: Turns, rules: Rules) -> SweepOutcome:
        """Move blocks (n,) by trajectories on which stereocentres are turned over, in place; see ``Flips``."""
        self.follow(frame)
        return self._move(frame, blocks, keys, self.surroundings, rules, turns)

    def _longer(self, rules: Rules) -> Rules:
        """Rules of free rigid bodies."""
        return rules._replace(timestep=LONGER * rules.timestep, steps=max(1, round(rules.steps / LONGER)))

    @staticmethod
    def _tempered(rules: Rules, tempering: Tempering) -> Rules:
        """Rules of tempered trajectories."""
        return rules._replace(peak=tempering.peak, steps=max(1, round(tempering.time * 1e-3 / rules.timestep)))

    def _move(self, frame: Frame, chosen: Index, keys: Index, around: AtomTables, rules: Rules,
              turns: Turns | None = None, drawn: Array | None = None) -> SweepOutcome:
        """Move blocks one after the other, or, where ``drawn`` (n,) is given, those of one colour at once."""
        turns = turns or Turns(np.full((len(chosen), 5), -1), np.zeros(len(chosen)))
        moved = Moved(np.zeros(len(chosen), dtype=bool), *np.zeros((3, len(chosen))))
        bodies = self._bodies[self.centre[chosen]]
        longer = self._longer(rules)
        steps = np.where(bodies, longer.steps, rules.steps)
        course = self._colours.alone(len(chosen)) if drawn is None else self._colours.course(
            frame.grid, frame.half, chosen, keys, steps, drawn)
        self._workplaces.sweep(course, around, self.places, (rules, longer), bodies, frame, chosen, keys, turns, moved)
        return SweepOutcome(self.centre[chosen], self.beads[chosen], *moved)
