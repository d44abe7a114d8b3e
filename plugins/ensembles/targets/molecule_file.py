"""What a PDB file and a force field of OpenMM's say of one molecule: what is rigid, what interacts, what is alike."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import openmm
import torch
from openmm import app, unit
from torch import Tensor

from backmap.errors import BackmapError
from backmap.model.parameters import ForceField, MoleculeParameters
from backmap.model.solvent import ImplicitSolvent

from ...files.foreign import read_by
from ...openmm_bridge.implicit import taken
from ...openmm_bridge.molecule import OpenMMMolecule as Part
from ...openmm_bridge.parameters import translate
from .internal_coordinates import InternalCoordinates


@dataclass(frozen=True, eq=False)
class MoleculeFile:
    """One molecule of A atoms.

    Attributes:
        internal: Its coordinates.
        parameters: Its bonded terms.
        born: Its implicit solvent, None in vacuum.
        pairs: Atoms, c6, c12 and products of charges of all pairs that interact, (p,) each.
        rigid_atoms: The two atoms of each rigid bond, (r, 2).
        coupling: What the masses make of each two rigid bonds, (r, r), 1/Da; 0 where they share no atom.
        rotors: The atom that bears them and three hydrogens that are alike, (4,) each.
        positions: As they stand in the file, (A, 3), nm.
        system: For dynamics by OpenMM, rigid bonds as constraints.
    """

    internal: InternalCoordinates
    parameters: MoleculeParameters
    born: ImplicitSolvent | None
    pairs: tuple[Tensor, ...]
    rigid_atoms: Tensor
    coupling: Tensor
    rotors: list[np.ndarray]
    positions: Tensor
    system: openmm.System


def read_molecule(path: Path, forcefield: list[str], rigid_hydrogens: bool) -> MoleculeFile:
    """Read the molecule of a PDB file.

    Raises:
        BackmapError: If it cannot be read, holds no or several molecules, or rings, or the force field lacks it.
    """
    pdb = read_by("OpenMM", lambda: app.PDBFile(str(path)), path)
    topology = pdb.topology
    bonds = sorted(tuple(sorted((b[0].index, b[1].index))) for b in topology.bonds())
    graph, atoms = nx.Graph(bonds), list(topology.atoms())
    _check(graph, len(atoms), path)
    positions = np.array(pdb.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    field, born, rigid, system = _field(topology, positions, np.array(bonds), forcefield, rigid_hydrogens, path)
    parameters = next(iter(field.molecules.values()))
    mass = np.array([a.element.mass.value_in_unit(unit.dalton) for a in atoms])
    heavy = np.array([a.element.atomic_number > 1 for a in atoms])
    hydrogens = {a: sorted(b for b in graph[a] if not heavy[b]) for a in sorted(graph)}
    ends = np.zeros((len(rigid), len(atoms)))
    for row, (i, j) in enumerate(rigid):
        ends[row, i], ends[row, j] = 1, -1
    return MoleculeFile(
        InternalCoordinates(graph, heavy, rigid), parameters, born, _pairs(field, parameters),
        torch.tensor(list(rigid), dtype=torch.long).reshape(-1, 2), torch.as_tensor((ends / mass) @ ends.T),
        [np.array([atom, *three]) for atom, three in hydrogens.items() if len(three) == 3],
        torch.as_tensor(positions), system)


def _field(topology: app.Topology, positions: np.ndarray, bonds: np.ndarray, forcefield: list[str],
           rigid_hydrogens: bool, path: Path) -> tuple[
               ForceField, ImplicitSolvent | None, dict[tuple[int, int], float], openmm.System]:
    """Parameters of the molecule, its solvent, lengths of its rigid bonds, and a system with those as constraints."""
    where = ", ".join(forcefield)
    field = read_by("OpenMM", lambda: app.ForceField(*forcefield), where)

    def made(constraints: Any) -> openmm.System:
        return read_by("OpenMM", lambda: field.createSystem(
            topology, nonbondedMethod=app.NoCutoff, constraints=constraints, rigidWater=False), path)

    rigid, held = {}, made(app.HBonds if rigid_hydrogens else None)
    for number in range(held.getNumConstraints()):
        i, j, length = held.getConstraintParameters(number)
        rigid[min(i, j), max(i, j)] = length.value_in_unit(unit.nanometer)
    atoms = np.arange(topology.getNumAtoms())
    free = made(None)
    born = taken(free, positions, where)
    return translate(free, {Path(path).stem: Part(atoms, bonds)}, where), born, rigid, held


def _check(graph: nx.Graph, n_atoms: int, path: Path) -> None:
    if graph.number_of_nodes() != n_atoms or not nx.is_connected(graph):
        raise BackmapError("does not hold one molecule, or lacks bonds", where=path,
                           hint="Leave one molecule in it; unusual residues need CONECT records.")
    if n_atoms < 3:
        raise BackmapError("has less than three atoms, and no angle to sample", where=path)
    if graph.number_of_edges() >= n_atoms:
        rings = graph.number_of_edges() - n_atoms + 1
        raise BackmapError(f"has {rings} ring{'s' * (rings > 1)}, which have no independent coordinates here",
                           where=path, hint="The molecule target knows molecules without rings.")


def _pairs(field: ForceField, parameters: MoleculeParameters) -> tuple[Tensor, ...]:
    """Atoms, c6, c12 and products of charges of all pairs that interact, explicit ones included, (p,) each."""
    first, second = np.nonzero(np.triu(~parameters.excluded_table))
    kind, charge = parameters.kind, parameters.charge
    plain = np.column_stack([field.c6[kind[first], kind[second]], field.c12[kind[first], kind[second]],
                             charge[first] * charge[second]])
    atoms = np.concatenate([np.column_stack([first, second]), parameters.pairs])
    return (*torch.as_tensor(atoms.T.copy()), *torch.as_tensor(np.concatenate([plain, parameters.pair_parameters]).T))
