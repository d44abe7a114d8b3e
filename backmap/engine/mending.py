"""What stands wrong in a frame, and how it is led out of it: downhill on bonds and beads, then moves, in rounds.

A trajectory climbs no walls. Where atoms lie on each other, where a bond goes through a ring, or where a molecule is
bent as heat never bends it, every move breaks off or is rejected, for ever. So blocks about such places go downhill,
first with a repulsion that lets atoms pass through one another, then in the force field itself; bonds are pushed out of
the rings that they go through; and a few moves follow, which go on from there. What stays folded gets the shape of a
sound fragment of its kind. None of it samples anything: it is a way to a start, after which every frame gets the same
number of sweeps.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ..model.system import System
from .energy.frame import FrameEnergy
from .energy.repelling import Repulsion
from .energy.rest import resting
from .flags import FLATTEST, twisted, with_neighbours
from .grafts import AromaticRings, Grafts
from .hamiltonian.blocks import carriers
from .hamiltonian.move import Frame
from .hamiltonian.moves import HamiltonianMoves
from .rings import SmallRings, Threads

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Troubles, by name: atoms that repel each other as heat cannot make them, bonds through rings, angles and torsions
#: bent and planar bonds twisted beyond what heat does, aromatic rings that are folded up, and beads that soft springs
#: do not reach.
OVERLAPPING, THREADED, STRAINED, FOLDED, MISSED = "overlapping", "threaded", "strained", "folded", "off their beads"
TROUBLES = (OVERLAPPING, THREADED, STRAINED, FOLDED, MISSED)
#: Of the pairs of an atom, half of each, beyond what its charge is held by, where it overlaps: kJ/mol, and kT.
PAIR, HOT = 30.0, 12.0
#: Of the bonded terms of an atom, shared by their atoms, less what torsions have at rest, from which on it is strained,
#: kT, and kJ/mol: in a glass beads hold molecules as they were when they were warm.
STRAIN, BENT = 15.0, 35.0
ENOUGH = 20  #: atoms of a kind from which on it is known how strained they usually are
FAR = 6.0  #: sigma by which a soft bead may be missed
CAPS = (10.0, 100.0, 1000.0, None)  #: kJ/mol, at which repulsion is capped, one after the other
PASSING = 1.0  #: kJ/mol, the same while bonds are pushed out of rings: next to nothing
PUSH = 1500.0  #: kJ/mol/nm, on each atom of a bond that goes through a ring
PUSHES = 4  #: times that it is pushed before it is looked at again; the last ones clear the ring's rim
STEPS = 40  #: downhill, of a block
MOVES = 2  #: sweeps of moves at the end of a round
STUBBORN = 2  #: rounds after which what is still strained or folded gets another shape, and again after as many


@dataclass(eq=False)
class Mended:
    """What became of a frame.

    Attributes:
        beads: Those whose atoms were led about, (B,) bool.
        rounds: How many it took.
        before, left: Beads in each trouble, before and after, (B,) bool, by name.
    """

    beads: Mask
    rounds: int = 0
    before: dict[str, Mask] = field(default_factory=dict)
    left: dict[str, Mask] = field(default_factory=dict)


class Mending:
    """Leads frames out of what moves do not leave.

    Attributes:
        rounds: At most.
    """

    def __init__(self, moves: HamiltonianMoves, energy: FrameEnergy, rounds: int) -> None:
        self.moves, self.energy, self.rounds, self.system = moves, energy, rounds, moves.system
        self.owner = energy.layout.where.owner
        self.aromatic, self.repulsion = AromaticRings(moves.system), Repulsion(energy)
        self.fixed = _given(moves.system)
        self._last: tuple[list[Array], Threads, dict[str, Mask]] | None = None

    @cached_property
    def rings(self) -> SmallRings:
        """What bonds may go through; looked for when the first frame is there."""
        return SmallRings(self.system)

    @cached_property
    def resting(self) -> Array:
        """What torsions of each atom have where nothing strains them, kJ/mol, (A,)."""
        found = np.zeros(self.system.n_atoms)
        for group, known in zip(self.system.groups, self.energy.layout.molecules, strict=True):
            found[group.atoms] = resting(group.type, known)
        return found

    @cached_property
    def alike(self) -> NDArray[np.int64]:
        """Numbers of kinds of atoms, (A,): those of one kind are of one type, up to their neighbours' neighbours."""
        kinds: dict[str, int] = {}
        found = np.zeros(self.system.n_atoms, dtype=np.int64)
        for group in self.system.groups:
            graph = group.type.graph.copy()
            nx.set_node_attributes(graph, {atom: str(group.type.atom_types[atom]) for atom in graph}, "type")
            hashes = nx.weisfeiler_lehman_subgraph_hashes(graph, node_attr="type", iterations=2)
            found[group.atoms] = [kinds.setdefault(hashes[atom][-1], len(kinds)) for atom in range(group.type.n_atoms)]
        return found

    @cached_property
    def carrier(self) -> NDArray[np.int64]:
        """The heavy atom that each hydrogen rides on, and every other atom itself, (A,)."""
        found = np.arange(self.system.n_atoms)
        for group in self.system.groups:
            found[group.atoms] = group.atom_offset[:, None] + carriers(group.type)
        return found

    def troubles(self, frame: Frame, box: Array | None) -> dict[str, Mask]:
        """Beads in each trouble, (B,) bool, by name.

        What most atoms of a kind have of strain is not in the way: in crowded chains, as that of poly(methyl
        methacrylate), angles are never at rest. While a frame is mended it counts, as all may be bent then.
        """
        found = self._looked(frame, box)[1]
        if found[STRAINED].any():
            strain = self._strain(frame.atoms)
            found = {**found, STRAINED: self._strained(frame.atoms, strain - self._usual(strain)) & ~self.fixed}
        return found

    def _looked(self, frame: Frame, box: Array | None) -> tuple[Threads, dict[str, Mask]]:
        """Bonds through rings and beads in each trouble; what stands as it did is not looked at again."""
        state = [frame.atoms, frame.residual, np.zeros(0) if box is None else box]
        if self._last is None or not all(map(np.array_equal, self._last[0], state)):
            threads = self.rings.threads(frame.atoms, box)
            self._last = [each.copy() for each in state], threads, self._troubles(frame, box, threads)
        return self._last[1], self._last[2]

    def mend(self, frame: Frame, box: Array | None, name: Sequence[int | str],
             progress: Callable[[float], None] = lambda share: None) -> Mended:
        """Mend a frame in place, in rounds, until nothing is wrong or no rounds are left.

        Args:
            frame: As ``HamiltonianMoves.frame`` makes it.
            box: (3, 3), nm, or None.
            name: Of the random numbers: seed, step, number of the frame in the input.
            progress: Told the share of the rounds that is done, 0 to 1.
        """
        done = Mended(np.zeros(self.system.n_beads, dtype=bool))
        for number in range(self.rounds + 1):
            threads, done.left = self._looked(frame, box)
            done.before = done.before or done.left
            bad = np.any([*done.left.values()], axis=0) & ~self.fixed
            if not bad.any() or number == self.rounds:
                break
            progress(number / self.rounds)
            around = with_neighbours(bad[None], self.system)[0] & ~self.fixed
            done.beads |= around
            done.rounds = number + 1
            if number % STUBBORN == STUBBORN - 1:
                self._graft(frame, box, done.left)
            self._round(frame, box, threads, around, (*name, "mend", number))
        return done

    @cached_property
    def grafts(self) -> Grafts:
        """Sound fragments for folded ones; made when a frame needs them."""
        return Grafts(self.system)

    def _graft(self, frame: Frame, box: Array | None, left: Mapping[str, Mask]) -> None:
        """Give what is strained or folded the shape of sound fragments, in place."""
        folded = left[STRAINED] | left[FOLDED]
        if not folded.any():
            return
        beads, sound = frame.grid.beads, ~np.any([*left.values()], axis=0) & ~self.fixed
        whole = self.grafts.graft(frame.atoms, beads + frame.residual, box, folded, sound)
        self.moves.put(frame, whole, box)

    def _round(self, frame: Frame, box: Array | None, threads: Threads, around: Mask,
               name: Sequence[int | str]) -> None:
        if len(threads):
            self._unthread(frame, box, threads, name)
        for turn, cap in enumerate(CAPS):
            self.moves.descend(frame, (*name, "down", turn), around, STEPS, cap)
        for turn in range(MOVES):
            self.moves.uncharged.sweep(frame, (*name, "move", turn), around)

    def _unthread(self, frame: Frame, box: Array | None, threads: Threads, name: Sequence[int | str]) -> None:
        """Push bonds and rings apart, sideways, while atoms hardly repel each other."""
        atoms = self.rings.atoms_of(threads)
        around = np.zeros(self.system.n_beads, dtype=bool)
        around[self.owner[atoms]] = True
        around = with_neighbours(around[None], self.system)[0] & ~self.fixed
        first = self._apart(frame.atoms, threads)
        for turn in range(PUSHES):
            push = np.zeros_like(frame.atoms)
            aside = first + self._apart(frame.atoms, threads)
            aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
            for end in self.rings.bonds[threads.bond].T:
                np.add.at(push, end, PUSH * aside)
            for ring, size, way in zip(self.rings.rings[threads.ring], self.rings.sizes[threads.ring], aside):
                push[ring[:size]] -= 2 * PUSH / size * way
            self.moves.descend(frame, (*name, "push", turn), around, STEPS, PASSING, push)

    def _apart(self, atoms: Array, threads: Threads) -> Array:
        """The way in the plane of each ring from its centre to where the bond goes through, of length 1, (n, 3)."""
        centres, ways = self.rings.centres(atoms)[threads.ring], []
        for row, (ring, bond) in enumerate(zip(threads.ring, threads.bond)):
            corners = atoms[self.rings.rings[ring, :self.rings.sizes[ring]]] - centres[row]
            normal = np.linalg.svd(corners, full_matrices=False)[2][2]
            along = atoms[self.rings.bonds[bond, 1]] - atoms[self.rings.bonds[bond, 0]]
            slope = along @ normal
            at = threads.vector[row]
            if abs(slope) > 1e-6:
                at = at - np.clip((at @ normal) / slope, -0.5, 0.5) * along
            at = at - (at @ normal) * normal
            if np.linalg.norm(at) < 1e-3:  # right in the middle: over the middle of a side, which is nearest
                at = corners[0] + corners[1]
            ways.append(at / np.linalg.norm(at))
        return np.array(ways)

    def _troubles(self, frame: Frame, box: Array | None, threads: Threads) -> dict[str, Mask]:
        found = {OVERLAPPING: self._overlapping(frame.atoms, box, max(PAIR, HOT * self.moves.rules.heat)),
                 STRAINED: self._strained(frame.atoms, self._strain(frame.atoms)),
                 THREADED: np.zeros(self.system.n_beads, dtype=bool), MISSED: self._missed(frame)}
        found[THREADED][self.owner[self.rings.atoms_of(threads)]] = True
        found[FOLDED] = np.zeros(self.system.n_beads, dtype=bool)
        found[FOLDED][self.owner[self.aromatic.folded(frame.atoms)]] = True
        return {name: found[name] & ~self.fixed for name in TROUBLES}

    def _strain(self, atoms: Array) -> Array:
        """Bonded energies by atom, less what torsions have at rest, kJ/mol, (A,)."""
        return bonded_of_atom(self.energy, atoms) - self.resting

    def _usual(self, strain: Array) -> Array:
        """Of it, what half of the atoms of each kind have, 0 where these are few, no more than the limit, (A,)."""
        usual = np.zeros(self.alike.max(initial=-1) + 1)
        for kind, count in enumerate(np.bincount(self.alike)):
            if count >= ENOUGH:
                usual[kind] = np.median(strain[self.alike == kind])
        return np.clip(usual, 0.0, self._limit)[self.alike]

    @property
    def _limit(self) -> float:
        """From which strain on an atom is strained, kJ/mol."""
        return max(BENT, STRAIN * self.moves.rules.heat)

    def _strained(self, atoms: Array, strain: Array) -> Mask:
        """Beads with an atom of more ``strain`` (A,) than heat makes, or a planar bond that is twisted, (B,)."""
        return self._beads(~(strain < self._limit)) | twisted(self.system, atoms, FLATTEST)

    def _overlapping(self, atoms: Array, box: Array | None, limit: float) -> Mask:
        """Beads with an atom whose pairs, half of each, have more than ``limit``, kJ/mol, (B,)."""
        if self.repulsion.below(atoms, box, limit):
            return np.zeros(self.system.n_beads, dtype=bool)
        energies = self.energy.of(atoms, box)
        # Ions sit deep in the shells of others. Excluded pairs and an atom itself cancel in the reaction field, as
        # charges of molecules do: without the one, the others would look like a repulsion.
        # Of an ammonium among anions nitrogen itself is repelled, and its hydrogens are drawn.
        charged = energies.coulomb_of_atom + self.energy.layout.self_energies
        together = np.bincount(self.carrier, charged, len(charged))[self.carrier]
        held = np.minimum(np.minimum(charged, together), 0)
        return self._beads(~(energies.lj_of_atom + held < limit))

    def _beads(self, atoms: Mask) -> Mask:
        found = np.zeros(self.system.n_beads, dtype=bool)
        found[self.owner[atoms]] = True
        return found

    def _missed(self, frame: Frame) -> Mask:
        """Soft beads that are farther off than heat takes them."""
        if self.moves.sigma is None:
            return np.zeros(self.system.n_beads, dtype=bool)
        return np.linalg.norm(frame.residual, axis=1) > FAR * self.moves.sigma


def bonded_of_atom(energy: FrameEnergy, atoms: Array) -> Array:
    """Bonded energies of whole molecules (A, 3), nm, by atom, kJ/mol, (A,): each term is shared evenly by its atoms."""
    total, values = np.zeros(len(atoms)), iter(energy.bonded(atoms))
    for group, molecule in zip(energy.system.groups, energy.layout.molecules):
        for each, (_, found) in zip(molecule.bonded, values):
            for corner in each.atoms.T:
                total += np.bincount(group.atoms[:, corner].ravel(), found.ravel() / each.atoms.shape[1], len(total))
    return total


def _given(system: System) -> Mask:
    """Beads whose atoms are not made, (B,)."""
    found = np.zeros(system.n_beads, dtype=bool)
    for group in system.groups:
        found[group.beads] |= group.type.given
    return found
