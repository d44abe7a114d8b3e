"""What transferable weights were trained on: surroundings of atoms along bonds, by which other molecules are judged.

An *environment* is an atom with its neighbours: each as its element, ``*`` if it is aromatic, and how many bonds it
has, the atom with ``@`` if it is a stereocentre, e.g. ``C3(C4 O1 O2)`` of an ester. Two bonds around an atom that is
no hydrogen reaches its *neighbourhood*, kept as a digest: its environment with those of its neighbours.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import networkx as nx
import numpy as np
import torch

from backmap.engine.sites.contracts import View
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.model.molecule import MoleculeType

from ...chemistry.elements import symbol_of
from .features import Description, Ranges, Slots

LISTED = 4  #: environments that a line names


@dataclass(frozen=True)
class Experience:
    """Environments that training met.

    Attributes:
        environments: All of them.
        rigid: Whether every bond was rigid.
        neighbourhoods: All of them; none in weights that did not keep them.
    """

    environments: frozenset[str]
    rigid: bool
    neighbourhoods: frozenset[str] = frozenset()

    @classmethod
    def of(cls, types: Sequence[MoleculeType]) -> Experience:
        """What is to be met in molecule types."""
        return cls(frozenset(one for kind in types for one in environments(kind)),
                   all(np.isfinite(kind.bond_length).all() for kind in types),
                   frozenset(one for kind in types for one in neighbourhoods(kind).values()))

    def told(self) -> dict[str, Any]:
        """The same for a checkpoint."""
        return {"environments": sorted(self.environments), "rigid": self.rigid,
                "neighbourhoods": sorted(self.neighbourhoods)}

    @classmethod
    def read(cls, told: dict[str, Any]) -> Experience:
        """What ``told`` gave."""
        return cls(frozenset(map(str, told["environments"])), bool(told["rigid"]),
                   frozenset(map(str, told.get("neighbourhoods", ()))))

    def unmet(self, kind: MoleculeType) -> dict[str, list[int]]:
        """Atoms whose environment was not met, by environment."""
        found: dict[str, list[int]] = {}
        for atom, environment in enumerate(environments(kind)):
            if environment not in self.environments:
                found.setdefault(environment, []).append(atom)
        return found

    def doubt(self, kind: MoleculeType) -> str | None:
        """A sentence on atoms whose environment was not met; None if there are none."""
        unmet = self.unmet(kind)
        if not unmet:
            return None
        named = [f"{one} as of {kind.atom_names[atoms[0]]}" for one, atoms in unmet.items()]
        more = f" and {len(named) - LISTED} more kinds" if len(named) > LISTED else ""
        count = sum(map(len, unmet.values()))
        return (f"{count} of {kind.n_atoms} atoms of {kind.name} are bonded as no atom was where the weights were "
                f"trained: {', '.join(named[:LISTED])}{more}.")

    def distance(self, kind: MoleculeType) -> str | None:
        """A sentence on atoms whose neighbourhood was not met; None if there are none, or nothing is known of it."""
        if not self.neighbourhoods:
            return None
        found = neighbourhoods(kind)
        unmet = [atom for atom, one in found.items() if one not in self.neighbourhoods]
        if not unmet:
            return None
        named = ", ".join(kind.atom_names[a] for a in unmet[:LISTED]) + " and others" * (len(unmet) > LISTED)
        return (f"{len(unmet)} of {len(found)} heavy atoms of {kind.name} have surroundings, two bonds around, that no "
                f"atom had where the weights were trained: {named}.")

    def missing(self, kind: MoleculeType) -> str | None:
        """The name of an atom of an element that was not met, or aromatic as it never was; None if there is none."""
        known = {_element(one) for one in self.environments}
        found = (name for name, one in zip(kind.atom_names, environments(kind), strict=True)
                 if _element(one) not in known)
        return next(found, None)


def environments(kind: MoleculeType) -> list[str]:
    """Of every atom."""
    chemistry = kind.chemistry
    labels = [f"{symbol_of(z)}{'*' * bool(aromatic)}{kind.graph.degree(atom)}" for atom, (z, aromatic) in enumerate(
        zip(chemistry.element.tolist(), chemistry.aromatic.tolist(), strict=True))]
    centres = {int(row[0]) for row in chemistry.centres}
    return [f"{label}{'@' * (atom in centres)}({' '.join(sorted(labels[n] for n in nx.neighbors(kind.graph, atom)))})"
            for atom, label in enumerate(labels)]


def neighbourhoods(kind: MoleculeType) -> dict[int, str]:
    """Of every atom that is no hydrogen."""
    near = environments(kind)
    told = {atom: [near[atom], *sorted(near[n] for n in kind.graph[atom])]
            for atom, z in enumerate(kind.chemistry.element.tolist()) if z != 1}
    return {atom: blake2b(" ".join(words).encode(), digest_size=4).hexdigest() for atom, words in told.items()}


def _element(environment: str) -> str:
    return environment.split("(")[0].rstrip("@").rstrip("0123456789")


def ranges_of(types: Sequence[MoleculeType], view: View, description: Description) -> Ranges:
    """Between which numbers the descriptions of molecule types are, those of one molecule in several mappings, too."""
    found = [Slots.of_tables(FragmentTable.build([kind], view, [resting_order(kind)]), description).ranges()
             for kind in types]
    return {name: torch.stack([torch.stack([one[name][0] for one in found]).amin(0),
                               torch.stack([one[name][1] for one in found]).amax(0)]) for name in found[0]}
