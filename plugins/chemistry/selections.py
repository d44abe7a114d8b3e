"""Selections of atoms in MDAnalysis' language, on what the topology knows."""
from __future__ import annotations

from functools import cached_property

import MDAnalysis
import numpy as np
from MDAnalysis.exceptions import NoDataError, SelectionError
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.system import System

from .elements import symbol_of
from .residues import residue_ordinals


class Selections:
    """Selects atoms of a system by name, type, element, resname, resid, mass, bonds, ...: not by position.

    Args:
        system: What is there; ``segid`` and ``moltype`` are names of molecule types, ``molnum`` counts molecules
            from 0.
    """

    def __init__(self, system: System) -> None:
        self.system = system

    @cached_property
    def universe(self) -> MDAnalysis.Universe:
        """Without positions. A residue is a run of atoms of one residue number in one molecule."""
        system = self.system
        local = {kind: residue_ordinals(kind.residues, kind.residue_names) - 1 for kind in system.types}
        atom_residue, starts, segment = [], 0, []
        for number, (kind, count) in enumerate(system.blocks):
            own = local[kind]
            n_own = own[-1] + 1
            atom_residue.append((starts + own + n_own * np.arange(count)[:, None]).ravel())
            segment.append(np.full(count * n_own, number))
            starts += count * n_own
        universe = MDAnalysis.Universe.empty(system.n_atoms, n_residues=starts, n_segments=len(system.blocks),
                                             atom_resindex=np.concatenate(atom_residue),
                                             residue_segindex=np.concatenate(segment))
        self._name(universe, local)
        return universe

    def _name(self, universe: MDAnalysis.Universe, local: dict) -> None:
        system = self.system
        first = {kind: np.unique(rows, return_index=True)[1] for kind, rows in local.items()}

        def by_atom(of_kind) -> list:
            return [value for kind, count in system.blocks for value in list(of_kind(kind)) * count]

        def by_residue(of_kind) -> list:
            return [value for kind, count in system.blocks for value in [of_kind(kind)[a] for a in first[kind]] * count]

        universe.add_TopologyAttr("names", by_atom(lambda kind: kind.atom_names))
        universe.add_TopologyAttr("types", by_atom(lambda kind: kind.atom_types))
        universe.add_TopologyAttr("elements", by_atom(lambda kind: map(symbol_of, kind.chemistry.element.tolist())))
        universe.add_TopologyAttr("masses", by_atom(lambda kind: kind.mass))
        universe.add_TopologyAttr("charges", by_atom(lambda kind: kind.partial_charge))
        universe.add_TopologyAttr("resnames", by_residue(lambda kind: kind.residue_names))
        universe.add_TopologyAttr("resids", by_residue(lambda kind: kind.residues))
        universe.add_TopologyAttr("segids", [kind.name for kind, _ in system.blocks])
        sizes = [(kind, count, int(local[kind][-1]) + 1) for kind, count in system.blocks]
        molecule = np.repeat(np.arange(system.n_molecules), [n for _, count, n in sizes for _ in range(count)])
        universe.add_TopologyAttr("molnums", molecule)
        universe.add_TopologyAttr("moltypes", [kind.name for kind, count, n in sizes for _ in range(count * n)])
        bonds = [(group.atom_offset[:, None, None] + group.type.bonds).reshape(-1, 2) for group in system.groups]
        universe.add_TopologyAttr("bonds", list(map(tuple, np.concatenate(bonds).tolist())))

    def mask(self, text: str, where: str = "") -> NDArray[np.bool_]:
        """True for selected atoms, (A,).

        Raises:
            BackmapError: If MDAnalysis does not understand it, it asks for positions, or nothing is selected.
        """
        try:
            atoms = self.universe.select_atoms(text)
        except (SelectionError, ValueError, AttributeError, TypeError) as error:
            message = " ".join(str(error).split()).rstrip(".")
            if isinstance(error, NoDataError) or "position" in message or "dimensions" in message:
                raise BackmapError(f"the selection '{text}' asks for what a topology does not know", where=where,
                                   hint="Select by name, type, element, resname, resid or bonds.") from error
            raise BackmapError(f"'{text}' is no selection: {message}", where=where,
                               hint="Write it as in MDAnalysis, e.g. 'element C and resname PS1'.") from error
        if not len(atoms):
            kinds = ", ".join(sorted({name for kind in self.system.types for name in kind.atom_types})[:12])
            raise BackmapError(f"the selection '{text}' matches no atom", where=where, hint=f"Atom types are: {kinds}.")
        chosen = np.zeros(self.system.n_atoms, dtype=bool)
        chosen[atoms.indices] = True
        return chosen
