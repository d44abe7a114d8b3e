"""The checker ``parameters``: lengths, masses, bonds and exclusions that are possible, but not those of atoms."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from backmap.api import Checker
from backmap.model.listing import counted, listed
from backmap.model.molecule import MoleculeType, graph_of, merged
from backmap.model.parameters import ForceField, MoleculeParameters
from backmap.model.survey import Finding, Survey
from backmap.model.system import System

from ..chemistry.bond_lengths import impossible, springs
from ..chemistry.elements import mass_of, symbol_of

SIGMAS = (0.04, 0.8)  #: nm; of a hydrogen on oxygen, where it has one, to large ions
NEUTRAL = 0.01  #: e; a smaller net charge is one of rounding
ANGSTROM = 0.1  #: nm
LONG = 1.35  #: times the sum of covalent radii; bonds of any order are shorter
REACH = 3  #: bonds; how far exclusions of force fields of atoms reach
SPARE = 4.5  #: u; united atoms bear their hydrogens' mass, and hydrogens that of their neighbours


class ParameterChecker(Checker):
    """Checks parameters: sigma and bond lengths in nm, masses of elements, bonds that come twice or are missing, and
    exclusions."""

    def check(self, survey: Survey) -> Iterator[Finding]:
        if survey.system is None:
            return
        where = survey.topology.where if survey.topology is not None else survey.place_of("system")
        kinds = [kind for kind in merged(survey.system.types) if not (kind.given or kind.coarse)]
        for kind in kinds:
            yield from _masses(kind, where)
            yield from _pieces(kind, where)
        field = survey.forcefield
        if field is None:
            return
        yield from _charge(survey.system, where)
        for kind in kinds:
            if kind.name in field.molecules:
                yield from _bonds(kind, field.molecules[kind.name], field.where or where)
                yield from _distances(kind, field.molecules[kind.name], field.where or where)
                yield from _exclusions(kind, field.molecules[kind.name], field.where or where)
                yield from _sigmas(kind, field, field.where or where)


def _charge(system: System, where: str) -> Iterator[Finding]:
    """A box with ions that do not make it neutral, as happens where beads have other charges than their atoms."""
    each = {kind: round(float(kind.partial_charge.sum()), 3) for kind in system.types}
    total = sum(count * each[kind] for kind, count in system.blocks)
    if abs(total) > NEUTRAL and any(len(kind.atom_names) == 1 and charge for kind, charge in each.items()):
        told = [f"{count} {kind.name} of {each[kind]:+g} e" for kind, count in system.blocks if each[kind]]
        yield Finding("warning", where, f"the box has a net charge of {total:+.3g} e: {listed(told)}",
                      "Molecules of beads can have other charges than their atoms. Take out or add beads of ions; "
                      "GROMACS goes on with PME if 'grompp' is given '-maxwarn 1'.")


def _masses(kind: MoleculeType, where: str) -> Iterator[Finding]:
    """Masses far from those of the elements."""
    known = np.array([mass_of(int(element)) for element in kind.chemistry.element])
    room = np.where(kind.chemistry.heavy, np.maximum(SPARE, 0.3 * known), SPARE)
    odd = np.flatnonzero((known > 0) & (kind.mass > 0) & (np.abs(kind.mass - known) > room))
    if odd.size:
        atom = odd[0]
        yield Finding("warning", where, f"{counted(len(odd), 'atom')} of {kind.name} with masses of other elements: "
                      f"{kind.atom_names[atom]} is {symbol_of(int(kind.chemistry.element[atom]))} and weighs "
                      f"{kind.mass[atom]:g} u", "Mend the masses, or the atomic numbers of the atom types.")


def _pieces(kind: MoleculeType, where: str) -> Iterator[Finding]:
    """A molecule that falls into pieces."""
    pieces = sorted(nx.connected_components(kind.joined), key=min)
    if len(pieces) > 1:
        names = listed([kind.atom_names[min(piece)] for piece in pieces])
        yield Finding("warning", where, f"{kind.name} is in {len(pieces)} pieces that no bond joins, which begin at "
                      f"{names}", "Is a bond missing in the topology?")


def _bonds(kind: MoleculeType, known: MoleculeParameters, where: str) -> Iterator[Finding]:
    """Springs of bonds that come twice, or are as long as no bond."""
    twice = [pair for pair, count in Counter(pair for pair, _ in springs(known)).items() if count > 1]
    if twice:
        yield Finding("warning", where, f"{counted(len(twice), 'bond')} of {kind.name} twice: "
                      f"{listed([_named(kind, pair) for pair in twice])}", "Each counts, as in GROMACS. Leave one out.")
    odd = impossible(kind, known)
    if odd:
        pair, length = next(iter(odd.items()))
        yield Finding("warning", where, f"{counted(len(odd), 'bond')} of {kind.name} of a length that no bond has: "
                      f"{_named(kind, pair)} of {length:g} nm", "Lengths are in nm.")


def _distances(kind: MoleculeType, known: MoleculeParameters, where: str) -> Iterator[Finding]:
    """Bonds across an angle, too long for their elements: they hold a shape, and chemistry takes them for bonds."""
    table, element = Chem.GetPeriodicTable(), kind.chemistry.element.tolist()
    lengths = dict(springs(known)) | {pair: length for pair, length in zip(
        map(tuple, kind.bonds.tolist()), kind.bond_length.tolist(), strict=True) if np.isfinite(length)}
    usual = {pair: (table.GetRcovalent(element[pair[0]]) + table.GetRcovalent(element[pair[1]])) * ANGSTROM
             for pair in map(tuple, kind.bonds.tolist()) if element[pair[0]] and element[pair[1]]}
    near = graph_of(kind.n_atoms, [pair for pair in usual if lengths.get(pair, 0.0) < LONG * usual[pair]])
    far = [pair for pair in usual if not near.has_edge(*pair) and set(near[pair[0]]) & set(kind.graph[pair[1]])]
    if far:
        yield Finding("warning", where, f"{counted(len(far), 'bond')} of {kind.name} across an angle, too long for "
                      f"their elements: {_named(kind, far[0])} of {lengths[far[0]]:.3g} nm", "What is only to hold a "
                      "shape are [ constraints ] with function 2; bonds join what is bonded.")


def _exclusions(kind: MoleculeType, known: MoleculeParameters, where: str) -> Iterator[Finding]:
    """Exclusions that leave bonded neighbours to each other, count pairs twice, or reach too far."""
    apart: dict[int, list[tuple[int, int]]] = {1: [], 2: [], REACH + 1: []}
    for atom in kind.graph:
        for other, bonds in nx.single_source_shortest_path_length(kind.graph, atom, REACH + 1).items():
            if atom < other and bonds in apart:
                apart[bonds].append((atom, other))
    excluded = {(min(pair), max(pair)) for pair in known.excluded.tolist()}
    hint = f"Exclusions reach {REACH} bonds in force fields of atoms: nrexcl in [ moleculetype ] of GROMACS."
    near = [pair for bonds in (1, 2) for pair in apart[bonds] if pair not in excluded]
    if near:
        yield Finding("warning", where, f"{counted(len(near), 'pair')} of atoms of {kind.name} repel and attract each "
                      f"other though they are one or two bonds apart: {listed([_named(kind, pair) for pair in near])}",
                      hint)
        return
    acting = known.pair_parameters.any(axis=1)
    twice = [pair for pair in ((min(pair), max(pair)) for pair in known.pairs[acting].tolist()) if pair not in excluded]
    if twice:
        yield Finding("warning", where, f"{counted(len(twice), 'pair')} of [ pairs ] of {kind.name} not excluded, "
                      f"so that they count twice, as in GROMACS: {listed([_named(kind, pair) for pair in twice])}",
                      hint)
    far = apart[REACH + 1]
    if far and excluded.issuperset(far):
        yield Finding("note", where, f"atoms of {kind.name} that are {REACH + 1} bonds apart do not see each other, as "
                      f"{_named(kind, far[0])}", hint)


def _named(kind: MoleculeType, pair: tuple[int, int]) -> str:
    return "-".join(kind.atom_names[atom] for atom in pair)


def _sigmas(kind: MoleculeType, field: ForceField, where: str) -> Iterator[Finding]:
    """Sizes of atoms that no atom has; hydrogens of hydroxyl groups are nearly points in many force fields."""
    sigma = _sigma(field)
    hydrogen = (kind.chemistry.element == 1).tolist()
    types = [row for row, light in dict.fromkeys(zip(field.molecules[kind.name].kind.tolist(), hydrogen, strict=True))
             if sigma[row] > 0 and not (0 if light else SIGMAS[0]) <= sigma[row] <= SIGMAS[1]]
    if types:
        yield Finding("warning", where, f"sigma of {field.kinds[types[0]]} is {sigma[types[0]]:.4g} nm, which is the "
                      "size of no atom", "Lengths are in nm; is the combination rule that of the numbers?")


def _sigma(field: ForceField) -> NDArray[np.float64]:
    """Sigma of each Lennard-Jones type, nm, (T,); 0 where there is no attraction or no repulsion."""
    c6, c12 = np.diag(field.c6), np.diag(field.c12)
    whole = (c6 > 0) & (c12 > 0)
    return np.where(whole, (np.where(whole, c12, 1.0) / np.where(whole, c6, 1.0)) ** (1 / 6), 0.0)
