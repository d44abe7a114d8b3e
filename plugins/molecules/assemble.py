"""From topology and mapping to a system; and what atomistic frames tell about it."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal
from weakref import WeakKeyDictionary

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.api import AtomMolecule, AtomTopology, BeadModel, FrameSource, MappingReader
from backmap.errors import BackmapError
from backmap.model.mapping import Mapping as BeadMapping
from backmap.model.molecule import TOUCHING, Chemistry, MoleculeType, graph_of, implied_bead_bonds
from backmap.model.rigid import FixedDistances
from backmap.model.system import Group, System

from .. import handed
from ..chemistry.chemistry import perceive, with_signs
from ..chemistry.chirality import with_chirality
from ..chemistry.coarse import chemistry_of_beads
from .bodies import with_bodies
from .isomers import told_by_mapping

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Constraints = Literal["none", "h-bonds", "all-bonds", "reference"]

#: A bond whose length varies less than this over the frames is rigid, nm. Files round to 0.001 nm,
#: which alone makes 0.0004 nm.
RIGID = 0.001
#: Mean lengths of one bond type that differ by more than this are different lengths, nm.
_SAME_LENGTH = 0.0003
_HYDROGEN = 1
#: Molecule types by what a mapping and a topology say, as long as the former is in use: see ``molecule_type``.
_MADE: WeakKeyDictionary[BeadModel, dict[tuple[AtomMolecule, Constraints, str], MoleculeType]] = WeakKeyDictionary()
_CHEMISTRY: WeakKeyDictionary[BeadModel, dict[tuple[AtomMolecule, str], Chemistry]] = WeakKeyDictionary()
MOST_ATOMS = 2**31 - 1  #: of one molecule type
#: Molecule types and how many there are, in order; in a list a type may come several times.
Counts = Mapping[str, int] | Sequence[Mapping[str, int]]


def assemble(topology: AtomTopology, beads: Mapping[str, BeadModel], *, constraints: Constraints = "reference",
             molecules: Counts | None = None, owners: Mapping[str, Index] | None = None,
             given: Collection[str] = (), left_out: Collection[str] = (),
             untied: Collection[str] = ()) -> System:
    """The system that a topology and a mapping describe.

    Args:
        topology: Molecule types and, where the file has them, their counts.
        beads: Bead model of each molecule type.
        constraints: Which bonds are rigid. ``h-bonds`` and ``all-bonds`` take the topology's
            equilibrium lengths; ``none`` and ``reference`` leave the choice to later steps. Bonds
            that the topology itself constrains are rigid in every case, as in GROMACS.
        molecules: Counts in order, where the topology has none or others are wanted.
        owners: The bead that places each atom, (A,), by molecule type; otherwise the mapping's rule.
        given: Molecule types without a mapping: each of their atoms is a bead of its own (``own_beads``).
        left_out: Molecule types that are no part of the system.
        untied: Molecule types without a mapping that one bead each says where to begin (``one_bead``).

    Raises:
        BackmapError: For molecule types without count or beads, and rigid bonds without a length.
    """
    blocks = [block for block in blocks_of(topology, molecules) if block[0] not in left_out]
    expect_holdable(blocks, topology)
    kinds: dict[str, MoleculeType] = {}
    for name, model in beads.items():
        pairs = () if model.bead_bonds is None else model.bead_bonds.tolist()
        loop = next((i for i, j in pairs if i == j), None)
        if loop is not None:
            raise BackmapError(f"a bond joins bead '{model.bead_names[loop]}' of '{name}' to itself",
                               where=model.where[loop] if model.where else topology.where)
    for name in dict.fromkeys(name for name, _ in blocks):
        if name not in beads and name not in {*given, *untied}:
            raise BackmapError(f"molecule type '{name}' has no mapping", where=topology.where,
                               hint=f"Mapped are: {', '.join(beads) or 'none'}. Every molecule needs one, but those "
                                    "that topology names under 'exclude' or 'fixed'.")
        atoms = topology.types[name]
        model = own_beads(atoms) if name in given else one_bead(atoms) if name in untied else beads[name]
        kind = molecule_type(atoms, model, constraints=constraints, owner=(owners or {}).get(name),
                             where=topology.where)
        kinds[name] = replace(kind, untied=True) if name in untied else kind
    return System(tuple((kinds[name], count) for name, count in blocks))


def mapped_once(readers: Sequence[MappingReader], topology: AtomTopology, where: str) -> dict[str, BeadModel]:
    """Bead models of all molecule types that the readers map, by name.

    Raises:
        BackmapError: With ``where``, the step, if two map the same.
    """
    beads: dict[str, BeadModel] = {}
    for reader in readers:
        for name, model in handed.bead_models(reader, topology).items():
            if name in beads:
                raise BackmapError(f"molecule type '{name}' is mapped twice", where=where,
                                   hint="Take it out of one of the files under 'mapping'.")
            beads[name] = model
    return beads


def owned_by_one(beads: BeadModel, atoms: AtomMolecule) -> BeadModel:
    """The same beads, but all atoms belong to the one in the middle: a generator draws the molecule at once."""
    bonds = implied_bead_bonds(atoms.bonds, beads.mapping) if beads.bead_bonds is None else beads.bead_bonds
    n_beads = len(beads.bead_names)
    away = dict(nx.all_pairs_shortest_path_length(graph_of(n_beads, bonds)))
    middle = min(range(n_beads), key=lambda b: sum(away[b].get(other, n_beads) ** 2 for other in range(n_beads)))
    owner = np.full(len(atoms.atom_names), middle)
    return replace(beads, bead_bonds=bonds, mapping=replace(beads.mapping, owner=owner))


def molecule_type(atoms: AtomMolecule, beads: BeadModel, *, constraints: Constraints = "reference",
                  owner: Index | None = None, where: str = "") -> MoleculeType:
    """One molecule type; of its stereocentres only those signs are known that the mapping tells (see ``signed``).

    Args:
        atoms: What the topology says.
        beads: What the mapping says.
        constraints: Which bonds are rigid.
        owner: Bead that places each atom, (A,), or None for the bead in which the atom weighs most.
        where: Topology and mapping, for messages.

    Who asks for the same again, without owners, gets the same: check and run, the steps of a recipe.

    Raises:
        BackmapError: If owners do not fit the mapping, a rigid bond has no length, or a bead counts a virtual site.
    """
    if owner is not None:
        return _made(atoms, beads, constraints, owner, where)
    known, asked = _MADE.setdefault(beads, {}), (atoms, constraints, where)
    if asked not in known:
        known[asked] = _made(atoms, beads, constraints, None, where)
    return known[asked]


def _made(atoms: AtomMolecule, beads: BeadModel, constraints: Constraints, owner: Index | None,
          where: str) -> MoleculeType:
    """See ``molecule_type``."""
    mapping = beads.mapping if owner is None else replace(beads.mapping, owner=np.asarray(owner, dtype=np.int64))
    _check_owners(mapping.owner, len(atoms.atom_names), beads, where)
    bead_bonds = (implied_bead_bonds(np.array(atoms.joined.edges), mapping) if beads.bead_bonds is None
                  else beads.bead_bonds)
    kind = MoleculeType(
        name=atoms.name, atom_names=atoms.atom_names, atom_types=atoms.atom_types,
        residue_names=atoms.residue_names, residues=atoms.residues, mass=atoms.mass,
        partial_charge=atoms.partial_charge, bonds=atoms.bonds,
        chemistry=_chemistry(atoms, beads, f"{where}: {atoms.name}"),
        bead_names=beads.bead_names, bead_types=beads.bead_types, bead_residue_names=beads.bead_residue_names,
        bead_residues=beads.bead_residues, bead_bonds=bead_bonds, mapping=mapping,
        given=mapping.is_identity, bead_terms=beads.terms)
    if kind.given:  # its atoms do not move, so nothing has to hold them
        return replace(kind, dependents=atoms.dependents)
    kind = replace(kind, bond_length=_bond_lengths(atoms, constraints, where), held=_held(atoms, constraints),
                   dependents=atoms.dependents)
    _check_weights(kind, where)
    _check_masses(kind, where)
    return with_bodies(told_by_mapping(kind, beads), where)


def _check_masses(kind: MoleculeType, where: str) -> None:
    """Raise BackmapError for an atom without mass among others that have one, unless it is a virtual site."""
    light = np.flatnonzero(kind.free & ~(kind.mass > 0))
    if len(light) and (kind.mass > 0).any():
        raise BackmapError(f"{kind.atom_names[light[0]]} of '{kind.name}' has no mass, and is no virtual site",
                           where=where, hint="Give its mass, or say in [ virtual_sites ] where it is.")


def _check_weights(kind: MoleculeType, where: str) -> None:
    """Raise BackmapError for a virtual site that a bead counts, although it is no weighted mean of atoms."""
    bent = kind.dependents.atoms[~kind.dependents.linear]
    bead, atom, _ = kind.mapping.entries
    wrong = np.flatnonzero(np.isin(atom, bent))
    if len(wrong):
        raise BackmapError(f"bead {kind.bead_names[bead[wrong[0]]]} of '{kind.name}' gives weight to the virtual site "
                           f"{kind.atom_names[atom[wrong[0]]]}", where=where,
                           hint="Give it the weight 0: it has no mass.")


def _chemistry(atoms: AtomMolecule, beads: BeadModel, where: str) -> Chemistry:
    """What the topology and the mapping tell; it is made once, whatever bonds are rigid."""
    known, asked = _CHEMISTRY.setdefault(beads, {}), (atoms, where)
    if asked not in known:
        known[asked] = (chemistry_of_beads(len(atoms.element), atoms.bonds) if len(atoms.bonds)
                        and not atoms.element.any() else with_chirality(
                            perceive(atoms.element, atoms.bonds, atoms.mass, where=where), beads.stereocentres))
    return known[asked]


def own_beads(atoms: AtomMolecule) -> BeadModel:
    """Every atom a bead of its own, under its own name."""
    return BeadModel(bead_names=atoms.atom_names, bead_types=atoms.atom_types, bead_residue_names=atoms.residue_names,
                     bead_residues=atoms.residues, bead_bonds=atoms.bonds,
                     mapping=BeadMapping.identity(len(atoms.atom_names)))


def one_bead(atoms: AtomMolecule) -> BeadModel:
    """One bead at the centre of mass, which bears the name of the first residue."""
    name, n = atoms.residue_names[0], len(atoms.atom_names)
    weight = atoms.mass if atoms.mass.any() else np.ones(n)
    return BeadModel(bead_names=[name], bead_types=[name], bead_residue_names=[name], bead_residues=atoms.residues[:1],
                     bead_bonds=np.empty((0, 2), dtype=np.int64),
                     mapping=BeadMapping(n, 1, np.zeros(n, dtype=np.int64), np.arange(n), weight / weight.sum(),
                                         np.zeros(n, dtype=np.int64)))


def rigid_lengths(system: System, atoms: Array) -> System:
    """The system with the bonds rigid that do not vary in atomistic frames.

    Bonds of the same two atom types and the same mean length are judged together: they are rigid,
    at their common mean, if their standard deviation is below ``RIGID``. Other bonds keep what the
    topology says, and so do all of beads.

    Args:
        system: What is there.
        atoms: Whole molecules, (frames, A, 3), nm.
    """
    alike: dict[str, list[Array]] = defaultdict(list)  # types that differ in handedness alone have one name
    for group in system.groups:
        alike[group.type.name].append(_copies(group, atoms))
    return _with_types(system, lambda group: group.type if group.type.given or group.type.coarse else replace(
        group.type, bond_length=_measured_lengths(group.type, np.concatenate(alike[group.type.name]))))


def with_units(system: System, atoms: Array) -> System:
    """The system with the length units of molecule types of beads as whole beads (frames, A, 3) show them."""
    alike: dict[str, list[Array]] = defaultdict(list)
    for group in system.groups:
        i, j = group.type.bonds.T
        copies = _copies(group, atoms)
        alike[group.type.name].append(np.linalg.norm(copies[:, i] - copies[:, j], axis=-1).ravel())

    def measured(group: Group) -> MoleculeType:
        lengths = np.concatenate(alike[group.type.name])
        if group.type.given or not group.type.coarse or not lengths.size:
            return group.type
        return replace(group.type, length_unit=float(lengths.mean()) / TOUCHING)

    return _with_types(system, measured)


def with_units_of(system: System, source: FrameSource) -> System:
    """The same as the first frame of atoms shows them, where nothing said them before."""
    known = [kind for kind in system.types if not kind.coarse or kind.length_unit != 1 or kind.given]
    if len(known) == len(system.types) or not source.n_frames:
        return system
    frame = source.frame(0)
    return with_units(system, system.whole_atoms(frame.positions, frame.box)[None])


def signed(system: System, atoms: Array) -> System:
    """The system with the signs of its stereocentres as whole atoms (frames, A, 3) show them.

    A centre whose sign is not the same in all copies of the molecule, as in an atactic chain, gets
    sign 0; ``unsigned_centres`` counts them, and ``isomers.told_by_atoms`` knows better.
    """
    return _with_types(system, lambda group: group.type.with_signs(
        with_signs(group.type.chemistry, _copies(group, atoms))[0].sign))


def chirality_patterns(system: System) -> dict[str, int]:
    """How many patterns of handedness there are of each molecule type that has more than one, by name."""
    counts = Counter(kind.name for kind in system.types)
    return {name: count for name, count in counts.items() if count > 1}


def unsigned_centres(system: System) -> dict[str, int]:
    """Stereocentres without a known sign, by molecule type; types with none are left out."""
    counts = {kind.name: int((kind.chemistry.sign == 0).sum()) for kind in system.types if not kind.given}
    return {name: count for name, count in counts.items() if count}


def blocks_of(topology: AtomTopology, molecules: Counts | None) -> list[tuple[str, int]]:
    """Molecule types and their counts in order: the topology's, or those that are asked for.

    Raises:
        BackmapError: If neither says how many molecules there are, or an unknown molecule type or a count below 1
            is asked for.
    """
    if molecules is None:
        if not topology.blocks:
            raise BackmapError("does not say how many molecules there are", where=topology.where,
                               hint=f"Give their number as `molecules: {{{next(iter(topology.types))}: 1}}`.")
        return list(topology.blocks)
    blocks = listed_counts(molecules)
    for name, count in blocks:
        if name not in topology.types:
            raise BackmapError(f"'{name}' is no molecule type", where=topology.where,
                               hint=f"Known: {', '.join(topology.types)}.")
        if count < 1:
            raise BackmapError(f"{count} molecules of '{name}' were asked for", where=topology.where,
                               hint="Leave it out, or give a positive number.")
    return blocks


def listed_counts(molecules: Counts) -> list[tuple[str, int]]:
    """Molecule types and counts in order."""
    return [pair for part in ([molecules] if isinstance(molecules, Mapping) else molecules) for pair in part.items()]


def expect_holdable(blocks: Sequence[tuple[str, int]], topology: AtomTopology) -> None:
    """Raise BackmapError if there are more atoms than any machine holds."""
    for name, count in blocks:
        atoms = count * len(topology.types[name].atom_names) if name in topology.types else 0
        if atoms > MOST_ATOMS:
            raise BackmapError(f"{count} molecules of '{name}' are {atoms} atoms", where=topology.where,
                               hint=f"No more than {MOST_ATOMS} can be held: is the count right?")


def _check_owners(owner: Index, n_atoms: int, beads: BeadModel, where: str) -> None:
    if len(owner) != n_atoms:
        raise BackmapError(f"owners are given for {len(owner)} atoms of {n_atoms}", where=where)
    if len(owner) and not 0 <= owner.min() <= owner.max() < len(beads.bead_names):
        raise BackmapError(f"atom {int(owner.argmax()) + 1} is given to bead {int(owner.max()) + 1}, but the mapping "
                           f"has {len(beads.bead_names)}", where=where)


def _bond_lengths(atoms: AtomMolecule, constraints: Constraints, where: str) -> Array:
    """Rigid lengths, nm, NaN where flexible, (n_bonds,)."""
    rigid = atoms.constrained.copy()
    if constraints == "all-bonds":
        rigid[:] = True
    elif constraints == "h-bonds":
        rigid |= (atoms.element[atoms.bonds] == _HYDROGEN).any(axis=1)
    unknown = np.flatnonzero(rigid & np.isnan(atoms.bond_length))
    if unknown.size:
        i, j = atoms.bonds[unknown[0]]
        raise BackmapError(f"bond {atoms.atom_names[i]}-{atoms.atom_names[j]} of '{atoms.name}' should be rigid, but "
                           "its length is not given", where=where,
                           hint="Give a topology with [ bondtypes ], or `constraints: reference`.")
    return np.where(rigid, atoms.bond_length, np.nan)


def _held(atoms: AtomMolecule, constraints: Constraints) -> FixedDistances:
    """Distances of atoms that are not bonded; with ``none`` not those of the hydrogens of water that is flexible."""
    if constraints != "none":
        return atoms.held
    flexible = graph_of(len(atoms.atom_names), atoms.bonds[~atoms.constrained])
    kept = np.array([not (atoms.element[[i, j]] == _HYDROGEN).all() or not {*flexible[i]} & {*flexible[j]}
                     for i, j in atoms.held.pairs.tolist()], dtype=bool)
    return FixedDistances(atoms.held.pairs[kept], atoms.held.lengths[kept])


def _copies(group: Group, atoms: Array) -> Array:
    """All molecules of a group in all frames, (frames * m, A, 3)."""
    return atoms[:, group.atoms].reshape(-1, group.type.n_atoms, 3)


def _with_types(system: System, change: Callable[[Group], MoleculeType]) -> System:
    changed = {group.type: change(group) for group in system.groups}
    return replace(system, blocks=tuple((changed[kind], count) for kind, count in system.blocks))


def _measured_lengths(kind: MoleculeType, copies: Array) -> Array:
    lengths = kind.bond_length.copy()
    if not len(copies):
        return lengths
    i, j = kind.bonds.T
    measured = np.linalg.norm(copies[:, i] - copies[:, j], axis=-1)
    for rows in _alike(kind, measured):
        if measured[:, rows].std() < RIGID:
            lengths[rows] = measured[:, rows].mean()
    return lengths


def _alike(kind: MoleculeType, measured: Array) -> list[Index]:
    """Rows of bonds of the same atom types and the same mean length.

    A force field may give bonds of the same atom types different lengths, e.g. 0.109 and 0.110 nm.
    """
    types: dict[frozenset[str], list[int]] = defaultdict(list)
    for row, (i, j) in enumerate(kind.bonds):
        types[frozenset((kind.atom_types[i], kind.atom_types[j]))].append(row)
    # Means of few rounded lengths scatter and must not be taken for different ones.
    apart = max(_SAME_LENGTH, 4 * RIGID / 2 / np.sqrt(len(measured)))
    groups = []
    for rows in types.values():
        means = measured[:, rows].mean(axis=0)
        order = np.argsort(means, kind="stable")
        cuts = np.flatnonzero(np.diff(means[order]) > apart) + 1
        groups.extend(np.split(np.array(rows, dtype=np.int64)[order], cuts))
    return groups
