"""Gather the environments of S sites; scatter what was drawn.

Beads do not move in a sweep, so neighbours are searched once a window (``Surroundings``); a batch
then costs a few array look-ups.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from ...model.system import System, Window
from ..geometry.dependents import placed
from .conflict import bead_pairs, conflict_graph
from .contracts import LocalEnvironment, View
from .fragments import FragmentTable
from .gathering import Nearby, Rows, Stand, gathered
from .records import as_arrays

Index = NDArray[np.int64]

#: Beads whose neighbour atoms are looked up at once.
AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Layout:
    """The correspondence between the rows of a ``FragmentTable`` and the B beads of a system.

    Attributes:
        row: Fragment row of each bead, (B,).
        molecule: Molecule of each bead, (B,).
        atom_shift: System index minus atom row, for the atoms of each bead's molecule, (B,).
        bead_shift: System index minus fragment row, for the beads of each bead's molecule, (B,).
        atom_row: Atom row of each atom of the system, (A,).
        owned: System indices of each bead's atoms, -1 padding, (B, F).
        owner: The bead that places each atom, (A,).
        related: Pairs of beads of one molecule that see each other by bonds, two (n,) arrays.
    """

    row: Tensor
    molecule: Tensor
    atom_shift: Tensor
    bead_shift: Tensor
    atom_row: Tensor
    owned: Tensor
    owner: Tensor
    related: tuple[Index, Index]

    @classmethod
    def of(cls, system: System, fragments: FragmentTable) -> Layout:
        """Build the layout of a system."""
        n_beads, n_atoms = system.n_beads, system.n_atoms
        row, molecule, atom_shift, bead_shift = (np.empty(n_beads, dtype=np.int64) for _ in range(4))
        atom_row = np.empty(n_atoms, dtype=np.int64)
        bases, firsts = fragments.atom_base.cpu().numpy(), fragments.row_base.cpu().numpy()
        related, first_molecule = [], 0
        for group, base, first in zip(system.groups, bases, firsts):
            row[group.beads] = first + np.arange(group.type.n_beads)
            molecule[group.beads] = first_molecule + np.arange(len(group.beads))[:, None]
            atom_shift[group.beads] = (group.atom_offset - base)[:, None]
            bead_shift[group.beads] = (group.bead_offset - first)[:, None]
            atom_row[group.atoms] = base + np.arange(group.type.n_atoms)
            first_molecule += len(group.beads)
            pairs = _related(group.type.mapping.owner, fragments, base, first, group.type.n_beads)
            related.append((group.bead_offset[:, None, None] + pairs).reshape(-1, 2))
        both = np.concatenate(related)
        device = fragments.atoms.device
        tensors = [torch.as_tensor(x, device=device) for x in (row, molecule, atom_shift, bead_shift, atom_row)]
        own = fragments.atoms[tensors[0]]
        owned = torch.where(own >= 0, own + tensors[2][:, None], -1)
        owner = np.empty(n_atoms, dtype=np.int64)
        for group in system.groups:
            owner[group.atoms] = group.beads[:, group.type.mapping.owner]
        return cls(*tensors, owned, torch.as_tensor(owner, device=device), (both[:, 0], both[:, 1]))


def _related(owner: Index, fragments: FragmentTable, base: int, first: int, n_beads: int) -> Index:
    """Pairs (bead, owner of one of its context atoms) of one molecule type, (n, 2)."""
    context = fragments.context[first:first + n_beads].cpu().numpy()
    bead, slot = np.nonzero(context >= 0)
    pairs = np.column_stack([bead, owner[context[bead, slot] - base]])
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Neighbours of all beads of a window: W frames, B beads, at most P neighbour beads and N neighbour atoms.

    Attributes:
        conflicts: One conflict graph per frame.
        beads: Neighbour beads of each bead, -1 padding, (W, B, P).
        vectors: From the bead to the image of each neighbour bead, nm, (W, B, P, 3).
        atoms: System index of atoms of neighbour beads, -1 padding, (W, B, N) int32.
        slot: Which neighbour bead each of these atoms belongs to, (W, B, N) int32.
    """

    conflicts: list[csr_array]
    beads: Tensor
    vectors: Tensor
    atoms: Tensor
    slot: Tensor

    def take(self, frames: Index) -> Surroundings:
        """Return those of some of the frames, by their place in the window."""
        return Surroundings([self.conflicts[w] for w in frames], *(
            array[frames] for array in (self.beads, self.vectors, self.atoms, self.slot)))

    @property
    def n_frames(self) -> int:
        """Number of frames W."""
        return self.beads.shape[0]

    @property
    def n_beads(self) -> int:
        """Number of beads B."""
        return self.beads.shape[1]

    @classmethod
    def of(cls, window: Window, layout: Layout, view: View) -> Surroundings:
        """Search the neighbours of every bead of every frame."""
        device = layout.row.device
        owned = layout.owned.cpu().numpy()
        found = [bead_pairs(window.beads[w], window.box(w), view.cutoff) for w in range(window.size)]
        n_beads = window.beads.shape[1]
        conflicts = [conflict_graph(n_beads, i, j, layout.related) for i, j, _ in found]
        width = max(1, *(np.bincount(i, minlength=1).max() if len(i) else 1 for i, _, _ in found))
        beads = np.full((window.size, n_beads, width), -1, dtype=np.int64)
        vectors = np.zeros((window.size, n_beads, width, 3))
        for w, (i, j, vector) in enumerate(found):
            slot = _rank_in_group(i)
            beads[w, i, slot], vectors[w, i, slot] = j, vector
        atoms, slots = _neighbour_atoms(beads, owned)
        return cls(conflicts, *(torch.as_tensor(x, device=device) for x in (beads, vectors, atoms, slots)))


def _rank_in_group(sorted_keys: Index) -> Index:
    """Position of each element within its run of equal keys, (n,)."""
    start = np.concatenate([[0], np.flatnonzero(np.diff(sorted_keys)) + 1]) if len(sorted_keys) else np.empty(0, int)
    lengths = np.diff(np.append(start, len(sorted_keys)))
    return np.arange(len(sorted_keys)) - np.repeat(start, lengths)


def _neighbour_atoms(beads: Index, owned: Index) -> tuple[Index, Index]:
    """Atoms of the neighbour beads, packed to the left, and the neighbour each belongs to; some beads at a time."""
    n_frames, n_beads, n_near = beads.shape
    size = np.append((owned >= 0).sum(axis=1), 0)  # of no bead, -1, as well
    slots = np.repeat(np.arange(n_near, dtype=np.int32), owned.shape[1])
    width = max(1, int(max(size[beads[:, k:k + AT_ONCE]].sum(axis=2).max() for k in range(0, n_beads, AT_ONCE))))
    found, slot = (np.empty((n_frames, n_beads, width), dtype=np.int32) for _ in range(2))
    for k in range(0, n_beads, AT_ONCE):
        some = beads[:, k:k + AT_ONCE]
        atoms = np.where(some[..., None] >= 0, owned[some], -1).reshape(*some.shape[:2], -1)
        order = np.argsort(atoms < 0, axis=2, kind="stable")[:, :, :width]
        found[:, k:k + AT_ONCE], slot[:, k:k + AT_ONCE] = np.take_along_axis(atoms, order, axis=2), slots[order]
    return found, slot


@dataclass(eq=False)
class Scene:
    """Positions of a window as tensors on the device, with the tables from which environments are gathered.

    Attributes:
        fragments: Static tables of all fragments.
        layout: Their rows for the beads of the system.
        surroundings: Neighbours of all beads.
        atoms: Positions of atoms, (W, A, 3) float64, nm.
        placed: Which atoms are placed, (W, A) bool.
        beads: Positions of beads, (W, B, 3) float64, nm.
        system: The molecules.
        frames: Numbers of the window's frames in the input, (W,), for messages.
        before: Atoms of the frame before, molecules superposed on these beads, (W, A, 3) float64, nm; None without.
    """

    fragments: FragmentTable
    layout: Layout
    surroundings: Surroundings
    atoms: Tensor
    placed: Tensor
    beads: Tensor
    system: System
    frames: Index
    before: Tensor | None = None

    @classmethod
    def of(cls, window: Window, system: System, fragments: FragmentTable, view: View) -> Scene:
        """Build the scene of a window; where it has no atoms yet, none is placed."""
        layout = Layout.of(system, fragments)
        device = layout.row.device
        beads = torch.as_tensor(window.beads, device=device)
        if window.atoms is None:
            atoms = torch.zeros((window.size, system.n_atoms, 3), dtype=torch.float64, device=device)
            placed = torch.zeros((window.size, system.n_atoms), dtype=torch.bool, device=device)
        else:
            atoms = torch.as_tensor(window.atoms, device=device).clone()
            placed = torch.as_tensor(window.placed, device=device).clone()
        for group in system.groups:
            if group.type.given:  # its atoms are its beads, and they stand from the start
                atoms[:, group.atoms] = beads[:, group.beads[:, group.type.mapping.owner]]
                placed[:, group.atoms] = True
        surroundings = Surroundings.of(window, layout, view)
        return cls(fragments, layout, surroundings, atoms, placed, beads, system, window.frames)

    def take(self, frames: Index) -> Scene:
        """Return a scene of some of the frames, by their place in the window, with copies of all positions."""
        return replace(self, surroundings=self.surroundings.take(frames), frames=self.frames[frames],
                       atoms=self.atoms[frames], placed=self.placed[frames], beads=self.beads[frames],
                       before=None if self.before is None else self.before[frames])

    def labels(self, frame: Tensor | Index, bead: Tensor | Index) -> Callable[[int], str]:
        """Return a function that names a site in messages: its frame in the input, and its bead."""
        return lambda site: f"frame {self.frames[int(frame[site])]}, {self.system.bead_label(int(bead[site]))}"

    def gather(self, frame: Tensor, bead: Tensor, noise: float | Tensor = 0.0, temperature: float = 300.0,
               block: Tensor | None = None, turns: Tensor | None = None) -> LocalEnvironment:
        """Gather the local environments of S sites.

        Args:
            frame: Frame of each site in the window, (S,).
            bead: System index of each site's bead, (S,).
            noise: Noise level of the context, one number or (S,).
            temperature: K.
            block: Fragment atoms to draw, (S, F) bool; None means all of them. Dependent atoms are not drawn.
            turns: When each bead's atoms were drawn, (W, B): a site sees those that came before it, and no others.
                None means that it sees all that are placed.
        """
        row, tables = self.layout.row[bead], self.fragments
        fragment = tables.atoms[row]
        drawable = (fragment >= 0) & ~tables.dependent[row]
        given = torch.zeros((*fragment.shape, 3), device=row.device)
        if block is not None:
            rest, block = drawable & ~block, block & drawable
            given = torch.where(rest[:, :, None], self.own(frame, bead), 0.0)
        levels = torch.as_tensor(noise, dtype=torch.float32, device=row.device).expand(len(row))
        around = self._around_quickly(frame, bead) if turns is None and row.device.type == "cpu" else (
            self._around(frame, bead, turns))
        return LocalEnvironment(
            fragments=tables, row=row, block=drawable if block is None else block, given=given, sign=tables.sign[row],
            noise=levels, temperature=torch.full((len(row),), temperature, device=row.device),
            before=None if self.before is None else self._before(frame, bead), **around)

    def _around_quickly(self, frame: Tensor, bead: Tensor) -> dict[str, Tensor]:
        """What ``_around`` finds where sites see all that is placed, compiled."""
        near, layout, tables = self.surroundings, self.layout, self.fragments
        stand = Stand(self.atoms, self.placed, self.beads)
        nearby = Nearby(near.beads, near.vectors, near.atoms, near.slot)
        places = Rows(layout.row, layout.molecule, layout.atom_shift, layout.bead_shift, layout.atom_row,
                        tables.context, tables.beads)
        found = gathered(frame.numpy(), bead.numpy(), *map(as_arrays, (stand, nearby, places)))
        return {name: torch.as_tensor(value) for name, value in found._asdict().items()}

    def _around(self, frame: Tensor, bead: Tensor, turns: Tensor | None) -> dict[str, Tensor]:
        """Positions around the sites: fields of ``LocalEnvironment`` by name."""
        row, anchor = self.layout.row[bead], self.beads[frame, bead][:, None]
        tables = self.fragments
        context, context_placed = self._atoms_at(frame, bead, tables.context[row], anchor)
        near = tables.beads[row]
        beads = self.beads[frame[:, None], (near + self.layout.bead_shift[bead][:, None]).clamp_min(0)] - anchor
        neighbour = self.surroundings.atoms[frame, bead].long()
        index = neighbour.clamp_min(0)
        seen = (neighbour >= 0) & self.placed[frame[:, None], index]
        if turns is not None:
            seen &= self._earlier(turns, frame, bead, index)
            inside = tables.context[row] + self.layout.atom_shift[bead][:, None]
            context_placed &= self._earlier(turns, frame, bead, inside)
        other = self.surroundings.beads[frame, bead]
        vectors = self.surroundings.vectors[frame, bead]
        # The image of a neighbour bead fixes the image of its atoms: they are stored next to it.
        shift = vectors - (self.beads[frame[:, None], other.clamp_min(0)] - anchor)
        slot = self.surroundings.slot[frame, bead].long()
        there = neighbour >= 0
        image = shift.gather(1, slot[:, :, None].expand(-1, -1, 3))
        neighbours = torch.where(there[:, :, None], self.atoms[frame[:, None], index] - anchor + image, 0.0)
        other_row = torch.where(other >= 0, self.layout.row[other.clamp_min(0)], -1)
        same = self.layout.molecule[other.clamp_min(0)] == self.layout.molecule[bead][:, None]
        return {
            "context": torch.where(context_placed[:, :, None], context, 0.0), "context_placed": context_placed,
            "beads": (beads * (near >= 0)[:, :, None]).float(), "beads_present": near >= 0,
            "neighbours": neighbours.float(), "neighbours_placed": seen,
            "neighbour_atom": torch.where(there, self.layout.atom_row[index], 0),
            "neighbour_same": same.gather(1, slot) & there, "neighbour_beads": vectors.float(),
            "neighbour_beads_present": other >= 0, "neighbour_bead_row": other_row}

    def _atoms_at(self, frame: Tensor, bead: Tensor, rows: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
        """Positions (S, n, 3) relative to the anchor of atom rows of the site's molecule, and if placed."""
        index = (rows + self.layout.atom_shift[bead][:, None]).clamp_min(0)
        positions = (self.atoms[frame[:, None], index] - anchor).float()
        return positions, (rows >= 0) & self.placed[frame[:, None], index]

    def _earlier(self, turns: Tensor, frame: Tensor, bead: Tensor, atoms: Tensor) -> Tensor:
        """Which of the atoms (S, n) came before the sites, (S, n) bool."""
        owner = self.layout.owner[atoms.clamp_min(0)]
        return turns[frame[:, None], owner] < turns[frame, bead][:, None]

    def own(self, frame: Tensor, bead: Tensor) -> Tensor:
        """Return present positions of the sites' fragments, (S, F, 3), nm from the anchors; never in an environment."""
        return self._atoms_at(frame, bead, self.fragments.atoms[self.layout.row[bead]],
                              self.beads[frame, bead][:, None])[0]

    def _before(self, frame: Tensor, bead: Tensor) -> Tensor:
        """Where fragments and contexts were in the frame before, (S, F + C, 3), nm from the anchors; 0 for padding."""
        near = self.fragments.context[self.layout.row[bead]]
        context = torch.where(near >= 0, near + self.layout.atom_shift[bead][:, None], -1)
        atoms = torch.cat([self.layout.owned[bead], context], dim=1)
        there = self.before[frame[:, None], atoms.clamp_min(0)] - self.beads[frame, bead][:, None]
        return torch.where(atoms[:, :, None] >= 0, there, 0.0).float()

    def scatter(self, frame: Tensor, bead: Tensor, block: Tensor, positions: Tensor) -> None:
        """Store drawn positions (S, F, 3), nm from the anchors, of the atoms in ``block`` (S, F) bool."""
        atoms = self.layout.owned[bead]
        site, slot = torch.nonzero(block & (atoms >= 0), as_tuple=True)
        target = (frame[site], atoms[site, slot])
        self.atoms[target] = positions[site, slot].double() + self.beads[frame[site], bead[site]]
        self.placed[target] = True
        self._follow(frame, bead)

    def _follow(self, frame: Tensor, bead: Tensor) -> None:
        """Put the dependent atoms of the sites' molecules where their parents have them, as far as these are placed."""
        molecule, first = self.layout.molecule[bead], 0
        for group in self.system.groups:
            dependents, count = group.type.dependents, len(group.atoms)
            here = (molecule >= first) & (molecule < first + count)
            if len(dependents) and not group.type.given and bool(here.any()):
                both = torch.unique(torch.stack([frame[here], molecule[here] - first], dim=1), dim=0)
                rows = torch.as_tensor(group.atoms, device=frame.device)[both[:, 1]]
                found = placed(dependents, self.atoms[both[:, :1], rows].cpu().numpy())[:, dependents.atoms]
                target = both[:, :1], rows[:, dependents.atoms]
                self.atoms[target] = torch.as_tensor(found, device=frame.device)
                parents = self.placed[both[:, :1], rows[:, dependents.parent]].cpu().numpy()
                self.placed[target] = torch.as_tensor(np.logical_and.reduceat(parents, dependents.start[:-1], axis=1),
                                                      device=frame.device)
            first += count
