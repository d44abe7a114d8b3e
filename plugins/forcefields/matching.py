"""Which molecule of a force-field file is which molecule type of the system."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System

from ..chemistry.elements import symbol_of
from ..files.foreign import read_by
from ..openmm_bridge.molecule import OpenMMMolecule

if TYPE_CHECKING:
    from openmm import app

Result = TypeVar("Result")
Index = NDArray[np.int64]


def check_elements(kind: MoleculeType, element: Sequence[int], where: object) -> None:
    """Check that a molecule has the atoms of ``kind`` in its order.

    Args:
        kind: The molecule type of the topology.
        element: Atomic numbers of the force field's molecule; 0 matches any.
        where: File, for messages.

    Raises:
        BackmapError: If their number or one of their elements differs.
    """
    if len(element) != kind.n_atoms:
        raise BackmapError(f"has {len(element)} atoms in '{kind.name}', but the topology has {kind.n_atoms}",
                           where=where, hint="Give the force field of the same molecules.")
    for number, (found, wanted) in enumerate(zip(element, kind.chemistry.element.tolist(), strict=True), 1):
        if found and wanted and found != wanted:
            raise BackmapError(f"atom {number} of '{kind.name}' is {symbol_of(found)}, but {symbol_of(wanted)} in the "
                               f"topology ({kind.atom_names[number - 1]})", where=where,
                               hint="Atoms must be in the same order.")


def molecules_of(topology: app.Topology, system: System, where: object) -> dict[str, OpenMMMolecule]:
    """The first molecule of each of ``system.types`` in a topology that knows bonds but not molecule types.

    A molecule is of a type if it has the same elements in the same order; where several differ in their
    bonds, it is the one with the bonds of the type.

    Raises:
        BackmapError: If a type is not there; it lists what is.
    """
    element = np.array([atom.element.atomic_number if atom.element is not None else 0 for atom in topology.atoms()])
    return molecules_in(element, [(bond[0].index, bond[1].index) for bond in topology.bonds()], system, where)


def molecules_in(element: Index, bonds: Iterable[Sequence[int]], system: System,
                 where: object) -> dict[str, OpenMMMolecule]:
    """The same in a list of atoms with these atomic numbers (n,), 0 where they are not known, and bonds."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(element)))
    graph.add_edges_from(tuple(map(int, bond)) for bond in bonds)
    parts = sorted(sorted(part) for part in nx.connected_components(graph))
    by_elements: dict[tuple[int, ...], list[list[int]]] = {}
    for part in parts:
        by_elements.setdefault(tuple(element[part].tolist()), []).append(part)
    found = {}
    for kind in system.types:
        alike = [_molecule(graph, group[0]) for elements, group in by_elements.items() if _fits(kind, elements)
                 for group in ([part] for part in _distinct(graph, group))]
        if not alike:
            listed = Counter(_formula(element[part].tolist()) for part in parts)
            raise BackmapError(f"has no molecule with the atoms of '{kind.name}' "
                               f"({_formula(kind.chemistry.element.tolist())}) in their order", where=where,
                               hint="It holds: " + ", ".join(f"{n} {name}" for name, n in listed.most_common(5)) + ".")
        same = [molecule for molecule in alike if _same_bonds(kind, molecule)]
        found[kind.name] = (same or alike)[0]
    return found


def alike_in(element: Index, bonds: Index, atoms: Index) -> Iterator[Index]:
    """Other molecules of a list of atoms that have the elements and bonds of that with these ``atoms``, in order."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(element)))
    graph.add_edges_from(map(tuple, bonds.tolist()))
    wanted = _molecule(graph, atoms.tolist()).bonds.tolist()
    for part in nx.connected_components(graph):
        if len(part) == len(atoms) and int(atoms[0]) not in part:
            other = sorted(part)
            if (element[other] == element[atoms]).all() and _molecule(graph, other).bonds.tolist() == wanted:
                yield np.array(other, dtype=np.int64)


def _fits(kind: MoleculeType, elements: Sequence[int]) -> bool:
    wanted = kind.chemistry.element.tolist()
    return len(elements) == len(wanted) and all(a == b or not (a and b) for a, b in zip(elements, wanted))


def _distinct(graph: nx.Graph, parts: list[list[int]]) -> list[list[int]]:
    """One of those whose bonds are the same."""
    seen: dict[tuple, list[int]] = {}
    for part in parts:
        seen.setdefault(tuple(map(tuple, _molecule(graph, part).bonds.tolist())), part)
    return list(seen.values())


def _molecule(graph: nx.Graph, part: list[int]) -> OpenMMMolecule:
    local = {atom: k for k, atom in enumerate(part)}
    bonds = sorted(tuple(sorted((local[i], local[j]))) for i, j in graph.subgraph(part).edges)
    return OpenMMMolecule(np.array(part, dtype=np.int64), np.array(bonds, dtype=np.int64).reshape(-1, 2))


def _same_bonds(kind: MoleculeType, molecule: OpenMMMolecule) -> bool:
    return {tuple(pair) for pair in kind.bonds.tolist()} == {tuple(pair) for pair in molecule.bonds.tolist()}


def _formula(elements: Sequence[int]) -> str:
    counts = Counter(symbol_of(z) for z in elements)
    return "".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in sorted(counts.items()))


def read_by_openmm(reader: Callable[[], Result], where: Path | str) -> Result:
    """What a reader of OpenMM makes of a file; whatever it raises is one line with the file."""
    return read_by("OpenMM", reader, where)
