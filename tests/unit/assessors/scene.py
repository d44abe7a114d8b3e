"""Molecules from SMILES in a system of their own, and frames of them, for tests of assessors."""
from __future__ import annotations

from functools import cache

import numpy as np
from backmap_plugins.molecules.assemble import molecule_type, signed
from numpy.typing import NDArray

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import builders

Array = NDArray[np.float64]


@cache
def molecule(smiles: str, name: str = "MOL") -> tuple[MoleculeType, Array]:
    """A molecule in one bead, signs of stereocentres known, and positions, (A, 3), nm; heavy atoms come first."""
    atoms, positions = builders.atoms_of(smiles, name)
    bead = {"M1": {atom: float(mass) for atom, mass in zip(atoms.atom_names, atoms.mass)}}
    kind = molecule_type(atoms, builders.beads_of(atoms, bead))
    return signed(System(((kind, 1),)), positions[None]).types[0], positions


def snapshot(system: System, atoms: Array, box: Array | None = None, reference: Array | None = None,
             index: int = 0, beads: Array | None = None) -> Snapshot:
    """One frame of whole molecules (A, 3)."""
    where = AtomIndex(system)
    given = system.map(atoms) if beads is None else beads
    true = None if reference is None else Snapshot(system, where, index, index, box, reference, given)
    return Snapshot(system, where, index, index, box, atoms, given, true)


def measured(assessor, *frames: Snapshot) -> tuple[Tally, dict]:
    """The tally of some frames, and the flags of the last."""
    tally, flags = Tally(), {}
    for frame in frames:
        flags = assessor.measure(frame, tally)
    return tally, flags


def values(assessment) -> dict[tuple[str, str, str], float]:
    """Figures by section, name and quantity."""
    return {figure.key: figure.value for figure in assessment.figures}
