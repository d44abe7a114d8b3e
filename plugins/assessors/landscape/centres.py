"""Centres of local environments: points of each molecule around which its neighbours are described."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.engine.sites.snapshot import Snapshot
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.pairs import FAR
from backmap.model.system import Group, System

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Centres as recipes say them: every bead's position, names of atoms by molecule type, or None for the rule below.
Said = str | Mapping[str, Sequence[str]] | None


@dataclass(frozen=True, eq=False)
class Centres:
    """The centres of all molecules that are compared, M molecules of N centres each.

    Attributes:
        names: Of the centres of one molecule, (N,); those of the first type.
        molecules: What each molecule is called, such as ``PS1 3``, (M,).
        points: System indices of atoms, or of beads, (M, N).
        beads: Whether they are beads.
    """

    names: tuple[str, ...]
    molecules: tuple[str, ...]
    points: Index
    beads: bool

    def every(self, stride: int) -> Centres:
        """Those of every n-th molecule alone."""
        return Centres(self.names, self.molecules[::stride], self.points[::stride], self.beads)

    def positions(self, frame: Snapshot) -> Array:
        """Where they are, nm, (M N, 3)."""
        return (frame.beads if self.beads else frame.atoms)[self.points.reshape(-1)]


def centres_of(system: System, said: Said, chosen: Sequence[str] | None) -> Centres:
    """Find the centres.

    Args:
        system: What is there.
        said: As in recipes.
        chosen: Molecule types to be compared; None for all that are backmapped, or all where there are beads alone.

    Raises:
        BackmapError: If a type or an atom is not there, if there is nothing to compare, or if molecules have different
            numbers of centres.
    """
    groups = _groups(system, said, chosen)
    names = [_names(group.type, said) for group in groups]
    longest = {len(each): group.type.name for each, group in zip(names, groups)}
    if len(longest) > 1:
        listed = " and ".join(f"{count} in {name}" for count, name in sorted(longest.items()))
        raise BackmapError(f"molecules have different numbers of centres: {listed}", where="landscape",
                           hint="Kernels compare molecules of one length: name one type, 'molecules: [...]'.")
    points = []
    for group, local in zip(groups, names):
        first = group.bead_offset if said == "beads" else group.atom_offset
        points.append(first[:, None] + np.array(list(local.values()), dtype=np.int64))
    called = [f"{group.type.name} {k + 1}" for group in groups for k in range(len(group.atom_offset))]
    return Centres(tuple(names[0]), tuple(called), np.concatenate(points), said == "beads")


def _groups(system: System, said: Said, chosen: Sequence[str] | None) -> list[Group]:
    known = {kind.name: kind for kind in system.types}
    for name in [*(chosen or ()), *(said if isinstance(said, Mapping) else ())]:
        if name not in known:
            raise BackmapError(f"there is no molecule type '{name}'", where="landscape",
                               hint=f"There are: {', '.join(known)}.")
    beads_alone = system.only_beads
    groups = [group for group in system.groups
              if (group.type.name in chosen if chosen else beads_alone or not group.type.given)]
    if isinstance(said, Mapping) and chosen is None:
        groups = [group for group in groups if group.type.name in said]
    if isinstance(said, Mapping) and (bare := [group.type.name for group in groups if group.type.name not in said]):
        raise BackmapError(f"no centres are named for {', '.join(bare)}", where="landscape.centres")
    if not groups:
        raise BackmapError("there are no molecules to compare", where="landscape")
    return groups


def _names(kind: MoleculeType, said: Said) -> dict[str, int]:
    """Centres of one molecule by name: indices of its atoms, or of its beads."""
    if said == "beads":
        return {f"{name} {k + 1}": k for k, name in enumerate(kind.bead_names)}
    if not isinstance(said, Mapping):
        return {kind.atom_names[atom]: atom for atom in central_atoms(kind)}
    found = {}
    for name in said[kind.name]:
        matching = [k for k, known in enumerate(kind.atom_names) if known == name]
        if not matching:
            raise BackmapError(f"{kind.name} has no atom '{name}'", where="landscape.centres",
                               hint=f"Its atoms are called {', '.join(kind.atom_names[:6])}, ...")
        found |= {f"{name} {k}" if len(matching) > 1 else name: k for k in matching}
    if not found:
        raise BackmapError(f"no centres are named for {kind.name}", where="landscape.centres")
    return found


def central_atoms(kind: MoleculeType) -> list[int]:
    """One atom for each bead that owns any but hydrogen: the one in its middle.

    It has the fewest bonds to the others of its bead, all together; among several, the most bonds to atoms other than
    hydrogen; then the largest mass; then it is the first.

    Raises:
        BackmapError: If the molecule has no atom but hydrogen.
    """
    heavy, near = kind.chemistry.heavy, kind.near
    bonded = near.value == 1
    degree = np.bincount(near.first[bonded], heavy[near.other[bonded]], minlength=kind.n_atoms)
    found = []
    for fragment in kind.mapping.fragments():
        own = fragment[heavy[fragment]]
        if len(own):
            total = near.look_up(own[:, None], own, FAR).sum(axis=1)
            found.append(int(own[np.lexsort((own, -kind.mass[own], -degree[own], total))[0]]))
    if not found:
        raise BackmapError(f"{kind.name} has no atom but hydrogen", where="landscape.centres",
                           hint="Write 'centres: beads'.")
    return found
