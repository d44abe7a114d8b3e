"""Which atoms of a residue a mapping means, where force fields spell their names differently.

Force fields agree on heavy atoms but for a few, and number and call hydrogens in many ways: HN, H and H1; HB1 and HB2,
or HB2 and HB3; 1HB. Bonds of the topology tell to which heavy atom a hydrogen belongs, whatever it is called.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.api import AtomMolecule
from backmap.model.molecule import graph_of

from ...chemistry.elements import symbol_of
from ...chemistry.residues import residue_ordinals

#: Names of one heavy atom of an amino acid.
_SAME = (("O", "OT1", "OC1", "O1", "O'", "OT"), ("OXT", "OT2", "OC2", "O2", "O''"), ("CD", "CD1"))
#: Phosphate oxygens of nucleotides.
_SAME_ANYWHERE = (("O1P", "OP1"), ("O2P", "OP2"), ("O3P", "OP3"))
_ON_NITROGEN = {"H", "HN", *(f"{stem}{k}" for stem in ("H", "HN", "HT") for k in (1, 2, 3))}
_BACKBONE = {"N", "CA", "C"}

#: Residues that differ in protons or are called differently, and have the same beads.
FAMILIES = (("HIS", "HSD", "HSE", "HSP", "HID", "HIE", "HIP", "HISD", "HISE", "HISH", "HISA", "HISB", "HIS1", "HIS2"),
            ("CYS", "CYX", "CYS2", "CYM", "CYSH", "CYN"), ("ASP", "ASH", "ASPP", "ASPH"),
            ("GLU", "GLH", "GLUP", "GLUH"), ("LYS", "LYN", "LSN", "LYSH"), ("ARG", "ARGN"), ("ILE", "ILEU"),
            ("CHOL", "CHL1", "CHL"))
AMINO_ACIDS = {"ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE", "LEU", "LYS", "MET", "PHE", "PRO",
                "SER", "THR", "TRP", "TYR", "VAL", *(name for family in FAMILIES[:-1] for name in family)}
#: Residues that only end a peptide: models without beads of their own for them are usual.
CAPS = {"ACE", "FOR", "NAC", "NH2", "NHE", "NMA", "NME"}


def relatives(name: str) -> Iterator[str]:
    """Other names that a residue may have in a mapping, the nearest first; amber's NALA and CALA are chain ends."""
    stem = name[1:] if len(name) == 4 and name[0] in "NC" and name[1:] in AMINO_ACIDS else name
    if stem != name:
        yield stem
    yield from (other for family in FAMILIES if stem in family for other in family if other not in (name, stem))


@dataclass(frozen=True, eq=False)
class ResidueAtoms:
    """Atoms of one residue of a topology.

    Attributes:
        name: Of the residue.
        atoms: Index by name, -1 where two have the same.
        element: Atomic numbers of the whole molecule, (A,).
        graph: Bonds of the whole molecule.
    """

    name: str
    atoms: dict[str, int]
    element: NDArray[np.int64]
    graph: nx.Graph

    def hydrogen(self, atom: int) -> bool:
        return int(self.element[atom]) == 1


@dataclass(eq=False)
class Matched:
    """What the names of a mapping are in a residue.

    Attributes:
        found: Atom by name in the mapping; -1 for one that is the name of two.
        lacking: Hydrogens that the heavy atom, which is there, does not have.
        unknown: Other names that the residue does not have.
        spare: Atoms that no name means, by their own name.
    """

    found: dict[str, int] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    spare: dict[str, int] = field(default_factory=dict)

    def misfit(self, residue: ResidueAtoms, name: str) -> tuple[int, int, int]:
        """How badly the description of residue ``name`` fits: names without an atom, hydrogens that are not there, and,
        unless the residue has this very name, hydrogens that are not named.
        """
        extra = 0 if name == residue.name else sum(map(residue.hydrogen, self.spare.values()))
        return len(self.unknown), len(self.lacking), extra


def residues_of(molecule: AtomMolecule) -> list[ResidueAtoms]:
    """The residues of a molecule type, in order."""
    graph = graph_of(len(molecule.atom_names), molecule.bonds)
    found: list[ResidueAtoms] = []
    for atom, ordinal in enumerate(residue_ordinals(molecule.residues, molecule.residue_names).tolist()):
        if ordinal > len(found):
            found.append(ResidueAtoms(molecule.residue_names[atom], {}, molecule.element, graph))
        name, here = molecule.atom_names[atom], found[-1].atoms
        here[name] = -1 if name in here else atom
    return found


def match_exactly(names: Collection[str], residue: ResidueAtoms) -> Matched:
    """The atoms of a residue that have these very names."""
    return Matched({name: residue.atoms[name] for name in names if name in residue.atoms},
                   unknown=[name for name in names if name not in residue.atoms])


def match(names: Mapping[str, Collection[str]], residue: ResidueAtoms) -> Matched:
    """The atoms of a residue that names of a mapping mean: their own names first, then other spellings of them.

    Args:
        names: Names, and the beads of each: a hydrogen whose name speaks of an atom of other beads is not taken for
            one of that atom.
        residue: Of the topology.
    """
    numbered = _numbered(names, residue)
    if numbered:
        return Matched(numbered)
    matched = Matched({name: residue.atoms[name] for name in names if name in residue.atoms})
    matched.spare = {name: atom for name, atom in residue.atoms.items() if name not in matched.found and atom >= 0}
    amino = residue.atoms.keys() >= _BACKBONE
    spelled = Counter(_plain(name) for name in matched.spare)
    plain = {_plain(name): name for name in matched.spare if spelled[_plain(name)] == 1}
    rest = []
    for name in names:
        if name in matched.found:
            continue
        other = plain.get(_plain(name))
        if other is None and not is_hydrogen(name):
            other = _synonym(name, matched.spare, _SAME_ANYWHERE + (_SAME if amino else ()))
        if other in matched.spare:
            matched.found[name] = matched.spare.pop(other)
        else:
            rest.append(name)
    for name in rest:
        _by_carrier(name, names, residue, matched)
    return matched


def _numbered(names: Collection[str], residue: ResidueAtoms) -> dict[str, int]:
    """Atoms by their place, where names are symbol and place of every atom of the residue: C1, O2, H3."""
    atoms = sorted(residue.atoms.values())
    places = {f"{symbol_of(int(residue.element[atom]))}{k}".upper(): atom for k, atom in enumerate(atoms, start=1)}
    if atoms[0] < 0 or len(names) < len(atoms) or {name.upper() for name in names} != places.keys():
        return {}
    return {name: places[name.upper()] for name in names}


def _by_carrier(name: str, names: Mapping[str, Collection[str]], residue: ResidueAtoms, matched: Matched) -> None:
    """Find a hydrogen by the heavy atom that its name speaks of."""
    heavy = {other: atom for other, atom in matched.found.items() if atom >= 0 and not residue.hydrogen(atom)
             and {*names[other]}.intersection(names[name])}
    amino = residue.atoms.keys() >= _BACKBONE
    carriers = _carriers(name, heavy, amino) if is_hydrogen(name) else []
    free = {atom: other for other, atom in matched.spare.items() if residue.hydrogen(atom)}
    mine = next((atom for carrier in carriers for atom in free if residue.graph.has_edge(atom, heavy[carrier])), None)
    if mine is not None:
        matched.found[name] = matched.spare.pop(free[mine])
    elif carriers:
        matched.lacking.append(name)
    else:
        _by_line(name, names, residue, matched)


def _by_line(name: str, names: Mapping[str, Collection[str]], residue: ResidueAtoms, matched: Matched) -> None:
    """Find a hydrogen by the heavy atom that it is listed behind, whatever its name speaks of: C39 H92 C310 H102.

    One more than that atom has, behind all that it has, is lacking.
    """
    before = [*names][:[*names].index(name)]
    hydrogens = list(takewhile(is_hydrogen, reversed(before)))
    heavy = matched.found.get(before[-1 - len(hydrogens)], -1) if len(hydrogens) < len(before) else -1
    if not is_hydrogen(name) or heavy < 0 or not {*names[before[-1 - len(hydrogens)]]}.intersection(names[name]):
        matched.unknown.append(name)
        return
    bonded = {atom for atom in residue.graph[heavy] if residue.hydrogen(atom)}
    free = [other for other, atom in matched.spare.items() if atom in bonded]
    if free:
        matched.found[name] = matched.spare.pop(free[0])
    elif bonded and bonded == {matched.found.get(other) for other in hydrogens} - {None}:
        matched.lacking.append(name)
    else:
        matched.unknown.append(name)


def _carriers(name: str, heavy: Collection[str], amino: bool) -> list[str]:
    """Heavy atoms on which a hydrogen of this name may be: HB1 is on CB, HG11 on CG1, HN on N."""
    if amino and name in _ON_NITROGEN:
        return [other for other in heavy if other == "N"]
    rest = _plain(name)[1:]
    fits = {other: max(len(ending) for ending in (other, other[1:]) if rest.startswith(ending))
            for other in heavy if (other[1:] and rest.startswith(other[1:])) or rest.startswith(other)}
    longest = max(fits.values(), default=0)
    return [other for other, length in fits.items() if length == longest]


def _plain(name: str) -> str:
    """A name as most write it: 1HB is HB1, C1* is C1', and Br1 is BR1."""
    stem = name.lstrip("0123456789")
    return (stem + name[:len(name) - len(stem)]).replace("*", "'").upper()


def is_hydrogen(name: str) -> bool:
    """Whether a name is that of a hydrogen."""
    return _plain(name).startswith("H")


def _synonym(name: str, spare: Collection[str], groups: Sequence[Sequence[str]]) -> str | None:
    group = next((group for group in groups if name in group), ())
    return next((other for other in group if other in spare), None)
