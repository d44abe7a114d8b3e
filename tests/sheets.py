"""A sheet of graphene that is bonded to its own image both ways, among the molecules of a liquid or alone."""
from __future__ import annotations

import numpy as np
from backmap_plugins.molecules.assemble import assemble

from backmap.api import AtomMolecule, AtomTopology
from backmap.model.system import System
from tests import builders

Array = np.ndarray
BOND = 0.142  #: nm


def graphene(across: int = 5, along: int = 8, height: float = 3.0) -> tuple[AtomMolecule, Array, Array]:
    """The molecule GRA of 4 * across * along carbons, where they are, (A, 3), and the box, (3, 3), nm."""
    width, depth = 3 * BOND, np.sqrt(3) * BOND
    cell = np.array([[0, 0, 0], [BOND, 0, 0], [1.5 * BOND, depth / 2, 0], [2.5 * BOND, depth / 2, 0]])
    positions = np.concatenate([cell + np.array([i * width, j * depth, 0.0]) for i, j in np.ndindex(across, along)])
    box = np.diag([across * width, along * depth, height])
    apart = positions[:, None] - positions
    apart -= np.round(apart / box.diagonal()) * box.diagonal()
    bonds = np.argwhere(np.triu(np.linalg.norm(apart, axis=2) < 1.1 * BOND, 1))
    n = len(positions)
    molecule = AtomMolecule(
        name="GRA", atom_names=[f"C{k + 1}" for k in range(n)], atom_types=["C"] * n, residue_names=["GRA"] * n,
        residues=np.ones(n, dtype=np.int64), element=np.full(n, 6), mass=np.full(n, 12.011), partial_charge=np.zeros(n),
        bonds=bonds, bond_length=np.full(len(bonds), BOND), constrained=np.zeros(len(bonds), dtype=bool))
    return molecule, positions, box


def system_of(sheet: AtomMolecule, molecules: int = 0) -> System:
    """The sheet, fixed, and molecules of butane on two beads each."""
    butane, _ = builders.atoms_of("CCCC", "BUT")
    beads = {"BUT": builders.beads_of(butane, {"E1": {"C1": 1, "C2": 1}, "E2": {"C3": 1, "C4": 1}})}
    blocks = [("GRA", 1), *([("BUT", molecules)] if molecules else [])]
    return assemble(AtomTopology({"GRA": sheet, "BUT": butane}, blocks, "top.top"), beads, given=["GRA"])
