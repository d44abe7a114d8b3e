"""Bottlenecks of resolution: mass centres of successive beads as a mapping that needs no file."""
from __future__ import annotations

import numpy as np

from backmap.api import AtomMolecule, AtomTopology, BeadModel
from backmap.errors import at
from backmap.model.mapping import Mapping

from .groups import Remainder, group_bonds, groups


def bottleneck_of(topology: AtomTopology, size: int, remainder: Remainder, where: str) -> dict[str, BeadModel]:
    """Bead models of mass centres of ``size`` successive particles, of molecules with more than one.

    Args:
        topology: Of the particles.
        size: Particles of a group.
        remainder: What becomes of chains that do not divide by it.
        where: For messages.

    Raises:
        BackmapError: If particles are left over and ``remainder`` is ``error``.
    """
    found = {}
    for name, kind in topology.types.items():
        if len(kind.atom_names) > 1:
            with at(f"{where}: {name}"):
                found[name] = _model(kind, size, remainder)
    return found


def _model(kind: AtomMolecule, size: int, remainder: Remainder) -> BeadModel:
    n = len(kind.atom_names)
    members = groups(n, kind.bonds, kind.residues, size, remainder)
    graph = kind.joined
    mapping = Mapping.from_rows([(group.tolist(), kind.mass[group].tolist()) for group in members], graph,
                                np.ones(n, dtype=bool), where=kind.name)
    first = [int(group[0]) for group in members]
    return BeadModel(bead_names=[f"S{number}" for number in range(1, len(members) + 1)],
                     bead_types=["S" for _ in members], bead_residue_names=[kind.residue_names[bead] for bead in first],
                     bead_residues=kind.residues[first], bead_bonds=group_bonds(members, kind.bonds), mapping=mapping)
