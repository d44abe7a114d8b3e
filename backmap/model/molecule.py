"""Molecule types: graphs of atoms and beads, with their chemistry in plain arrays."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from . import box as periodic
from .isomers import IsomerTerms, PlanarSides
from .mapping import Mapping
from .pairs import FAR, AtomPairs, AtomRows, bonds_apart
from .rigid import Dependents, FixedDistances

Index = NDArray[np.int64]
Array = NDArray[np.float64]

TOUCHING = 0.3  #: nm; distance of atoms that touch, as beads do that are bonded
FARTHEST = 8  #: bonds that are counted between two atoms


@dataclass(frozen=True, eq=False)
class Chemistry:
    """Chemistry of the A atoms and of the bonds of a molecule type, as plain arrays.

    Attributes:
        element: Atomic numbers, (A,).
        aromatic: Whether each atom is aromatic, (A,) bool.
        ring: Size of the smallest ring each atom is in, 0 outside rings, (A,).
        charge: Formal charges, e, (A,).
        bond_order: 1, 1.5 (aromatic), 2 or 3 for each of ``MoleculeType.bonds``, (n_bonds,).
        centres: Atoms of the C stereocentres, (C, 4): the centre and three of its neighbours, heavy ones first and
            then by index.
        sign: Sign of the triple product of the three neighbour vectors of each centre, (C,):
            +1, -1, or 0 where it is not known.
    """

    element: Index
    aromatic: NDArray[np.bool_]
    ring: Index
    charge: Array
    bond_order: Array
    centres: Index
    sign: Index

    @property
    def heavy(self) -> NDArray[np.bool_]:
        """True for atoms that are not hydrogen, (A,)."""
        return self.element != 1


@dataclass(frozen=True, eq=False)
class BeadTerm:
    """Beads that one bonded interaction of a coarse-grained force field acts on, as a mapping file names it.

    Attributes:
        name: Of the interaction.
        beads: Of every member, by index in the molecule, (n, 2 to 4): of bonds, angles, dihedrals.
    """

    name: str
    beads: Index


@dataclass(frozen=True, eq=False)
class MoleculeType:
    """A molecule type of A atoms and B beads; molecules are rows of arrays that refer to it.

    Attributes:
        name: Name as in the topology.
        atom_names: (A,).
        atom_types: Atom types of the force field, (A,).
        residue_names: Name of each atom's residue, (A,).
        residues: Residue number of each atom, as in the topology, (A,).
        mass: u, (A,).
        partial_charge: e, (A,).
        bonds: Pairs of bonded atoms, smaller index first, (n_bonds, 2).
        chemistry: Elements, rings, stereocentres and the like, from RDKit or a checkpoint.
        bead_names: (B,).
        bead_types: (B,).
        bead_residue_names: Name of each bead's residue, (B,).
        bead_residues: Residue number of each bead, (B,).
        bead_bonds: Pairs of bonded beads, (m, 2).
        mapping: Weights and owners.
        bond_length: Rigid length of each bond, nm, NaN where the bond is flexible, (n_bonds,).
        held: Atoms that are not bonded, but held at fixed distances, as the hydrogens of rigid water.
        dependents: Atoms whose position follows from others: virtual sites, which have no mass, and atoms of rigid
            bodies.
        given: Whether every atom is a bead of its own, so that positions are read and nothing is drawn or moved.
        bead_terms: Bonded interactions of the beads that the mapping file names; empty where it names none.
        length_unit: How many nm are to its beads what one is to atoms: 1 for atoms, and where beads stand in place of
            atoms the mean length of their bonds in training frames over ``TOUCHING``.
        limits: What hardly any bead of training frames goes beyond, by types: rows of ``bonds`` (two types, shortest
            and longest, nm), ``angles`` (three types, smallest and largest, radians) and ``contacts`` of beads that
            are three bonds apart or more (two types, nearest, nm). Empty for atoms.
        planar: Bonds about which nothing turns, and on which side their neighbours are.
        isomer_sources: What said which isomer it is, a line each, for the user.
        untied: Whether its beads only say where it begins, and follow it from then on, as those of solvent of which
            one bead of the given model is several molecules.
    """

    name: str
    atom_names: list[str]
    atom_types: list[str]
    residue_names: list[str]
    residues: Index
    mass: Array
    partial_charge: Array
    bonds: Index
    chemistry: Chemistry
    bead_names: list[str]
    bead_types: list[str]
    bead_residue_names: list[str]
    bead_residues: Index
    bead_bonds: Index
    mapping: Mapping
    bond_length: Array = field(default_factory=lambda: np.empty(0))
    held: FixedDistances = field(default_factory=FixedDistances.of)
    dependents: Dependents = field(default_factory=Dependents.of)
    given: bool = False
    bead_terms: tuple[BeadTerm, ...] = ()
    length_unit: float = 1.0
    limits: dict[str, list[list[str | float]]] = field(default_factory=dict)
    planar: PlanarSides = field(default_factory=PlanarSides.of)
    isomer_sources: tuple[str, ...] = ()
    untied: bool = False

    def __post_init__(self) -> None:
        if len(self.bond_length) != len(self.bonds):
            object.__setattr__(self, "bond_length", np.full(len(self.bonds), np.nan))

    @property
    def n_atoms(self) -> int:
        """Number of atoms A."""
        return len(self.atom_names)

    @property
    def n_beads(self) -> int:
        """Number of beads B."""
        return len(self.bead_names)

    @cached_property
    def coarse(self) -> bool:
        """Whether its atoms are beads: points with masses and bonds, but without elements."""
        return not self.chemistry.element.any()

    @property
    def standing(self) -> bool:
        """Whether it is atoms that are given and not drawn: they stand still, and may be bonded across the box."""
        return self.given and not self.coarse

    def with_signs(self, sign: Index, side: Index | None = None,
                   sources: tuple[str, ...] | None = None) -> MoleculeType:
        """Return the same molecule type with other signs of its stereocentres, (C,), and sides of its planar bonds,
        (P,), and what said them, None for those it has; cached graphs are kept."""
        planar = self.planar if side is None else replace(self.planar, side=np.asarray(side, dtype=np.int64))
        other = replace(self, chemistry=replace(self.chemistry, sign=np.asarray(sign, dtype=np.int64)), planar=planar,
                        isomer_sources=self.isomer_sources if sources is None else sources)
        for name in ("graph", "joined", "bead_graph", "rigid", "rigid_rows", "bond_rows", "near", "distance",
                     "atom_edges", "bead_edges"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    @cached_property
    def isomer_terms(self) -> IsomerTerms:
        """What must have a sign for it to be the right isomer."""
        return IsomerTerms.of(self.chemistry.centres, self.chemistry.sign, self.planar, self.graph)

    @cached_property
    def as_beads(self) -> MoleculeType:
        """Its beads and nothing finer: the molecule type of which each atom is one of them, and a bead of its own.

        Masses and charges of atoms add up (``Mapping.sums``). A bead that is one atom keeps its element; others have
        none, and there are no orders of bonds, rings or stereocentres.
        """
        n, mapping = self.n_beads, self.mapping
        if self.given and np.array_equal(mapping.pinned, np.arange(n)):
            return self
        nothing, bonds = np.zeros(n, dtype=np.int64), np.sort(self.bead_bonds.reshape(-1, 2), axis=1)
        element = np.where(mapping.pinned >= 0, self.chemistry.element[mapping.pinned], 0)
        chemistry = Chemistry(element, nothing.astype(bool), nothing, mapping.sums(self.chemistry.charge),
                              np.ones(len(bonds)), np.empty((0, 4), dtype=np.int64), np.empty(0, dtype=np.int64))
        return MoleculeType(
            name=self.name, atom_names=self.bead_names, atom_types=self.bead_types,
            residue_names=self.bead_residue_names, residues=self.bead_residues, mass=mapping.sums(self.mass),
            partial_charge=mapping.sums(self.partial_charge), bonds=bonds, chemistry=chemistry,
            bead_names=self.bead_names, bead_types=self.bead_types, bead_residue_names=self.bead_residue_names,
            bead_residues=self.bead_residues, bead_bonds=bonds, mapping=Mapping.identity(n), given=True,
            bead_terms=self.bead_terms)

    @cached_property
    def graph(self) -> nx.Graph:
        """Graph of the atoms; edges have the attribute ``bond``, their row in ``bonds``."""
        return graph_of(self.n_atoms, self.bonds)

    @cached_property
    def joined(self) -> nx.Graph:
        """The graph of the atoms, with edges also to those that no bond joins, but a distance or a dependence."""
        alone = not len(self.held.pairs) and not len(self.dependents)
        return self.graph if alone else joined_graph(self.n_atoms, self.bonds, self.held, self.dependents)

    @cached_property
    def rigid(self) -> FixedDistances:
        """All fixed distances of atoms that are not dependent, of bonds and others."""
        fixed = np.isfinite(self.bond_length)
        every = FixedDistances(np.concatenate([self.bonds[fixed].reshape(-1, 2), self.held.pairs]).astype(np.int64),
                               np.concatenate([self.bond_length[fixed], self.held.lengths]))
        return every.without(self.dependents.atoms) if len(self.dependents) else every

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Atoms that are not dependent, (A,) bool."""
        free = np.ones(self.n_atoms, dtype=bool)
        free[self.dependents.atoms] = False
        return free

    @cached_property
    def virtual(self) -> NDArray[np.bool_]:
        """Virtual sites: dependent atoms without mass, (A,) bool."""
        return ~self.free & (self.mass == 0)

    @cached_property
    def free_mapping(self) -> Mapping:
        """The mapping on free atoms alone; what dependent atoms weigh is with their parents."""
        return self.dependents.folded(self.mapping)

    @cached_property
    def bead_graph(self) -> nx.Graph:
        """Graph of the beads, with bonds given by the mapping file or implied by the atoms."""
        return graph_of(self.n_beads, self.bead_bonds)

    @cached_property
    def bond_rows(self) -> AtomRows:
        """Rows of ``bonds`` by atom."""
        return AtomRows.of(self.n_atoms, np.asarray(self.bonds, dtype=np.int64).reshape(-1, 2))

    @cached_property
    def rigid_rows(self) -> AtomRows:
        """Rows of ``rigid`` by atom."""
        return AtomRows.of(self.n_atoms, self.rigid.pairs)

    @cached_property
    def near(self) -> AtomPairs:
        """Numbers of bonds between atoms that are at most ``FARTHEST`` apart, each atom 0 from itself."""
        return bonds_apart(self.n_atoms, np.array(self.joined.edges, dtype=np.int64).reshape(-1, 2), FARTHEST)

    @cached_property
    def distance(self) -> NDArray[np.int16]:
        """``near`` as a table (A, A), ``FAR`` elsewhere: for molecules that are small."""
        return self.near.dense(FAR)

    @cached_property
    def atom_edges(self) -> Index:
        """Edges (parent, child) of a spanning forest of the atom graph, (n, 2), for making molecules whole."""
        return periodic.spanning_edges(self.joined)

    @cached_property
    def bead_edges(self) -> Index:
        """Edges (parent, child) of a spanning forest of the bead graph, (n, 2), for making beads whole."""
        return periodic.spanning_edges(self.bead_graph)


def graph_of(n: int, bonds: Index) -> nx.Graph:
    """Build an undirected graph with nodes 0..n-1 and edges ``bonds`` (m, 2); their attribute ``bond`` is the row."""
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((i, j, {"bond": k}) for k, (i, j) in enumerate(np.asarray(bonds).tolist()))
    return graph


def joined_graph(n: int, bonds: Index, held: FixedDistances, dependents: Dependents) -> nx.Graph:
    """``graph_of`` the bonds; dependent atoms are tied to their first parents, held atoms where no path joins them."""
    graph = graph_of(n, bonds)
    graph.add_edges_from(zip(dependents.atoms.tolist(), dependents.first.tolist(), strict=True))
    graph.add_edges_from(pair for pair in held.pairs.tolist() if not nx.has_path(graph, *pair))
    return graph


def implied_bead_bonds(bonds: Index, mapping: Mapping) -> Index:
    """Return pairs of beads that own atoms bonded to each other, (m, 2)."""
    pairs = np.sort(mapping.owner[np.asarray(bonds, dtype=np.int64).reshape(-1, 2)], axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0).astype(np.int64).reshape(-1, 2)


def merged(types: Sequence[MoleculeType]) -> list[MoleculeType]:
    """Return one molecule type of each name; centres and planar bonds whose sign differs among those
    of a name get sign 0."""
    alike: dict[str, list[MoleculeType]] = defaultdict(list)
    for kind in types:
        alike[kind.name].append(kind)
    single = []
    for first, *others in alike.values():
        sign, side = (np.where(np.all([row == rows[0] for row in rows], axis=0), rows[0], 0) for rows in (
            [kind.chemistry.sign for kind in [first, *others]], [kind.planar.side for kind in [first, *others]]))
        single.append(first.with_signs(sign, side) if others else first)
    return single


def chain_names(residues: Index, names: Sequence[str]) -> list[str]:
    """The chain of each atom or bead of a molecule, `chain A ` and so on, where several count their residues anew.

    That is seen by a number and a name that come twice; "" for all where none does.

    Args:
        residues: Residue number of each, (n,).
        names: Name of each.
    """
    anew = np.diff(residues, prepend=residues[:1]) < 0
    if not anew.any() or len({*zip(residues.tolist(), names)}) == len(names):
        return [""] * len(names)
    chains = np.cumsum(anew).tolist()
    return [f"chain {chr(ord('A') + chain) if chain < 26 else chain + 1} " for chain in chains]


def is_body(kind: MoleculeType) -> bool:
    """Whether the fixed distances of a molecule leave it no freedom but to turn and to move, as those of water do."""
    return 3 * (kind.n_atoms - len(kind.dependents)) - len(kind.rigid) <= 6
