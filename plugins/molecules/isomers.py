"""Which isomer each molecule is: what tells it, in order, and one line about it for the user.

A source fills in only what those before it leave open: the mapping, a structure with all atoms, a CGsmiles string,
what is natural by the names of residues.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backmap.api import BeadModel
from backmap.errors import BackmapError
from backmap.model.inputs import CGSMILES
from backmap.model.isomers import CIS, EITHER, TRANS, PlanarSides, handedness, sides
from backmap.model.molecule import MoleculeType, chain_names
from backmap.model.system import System

from ..chemistry.amino_acids import natural_centres
from ..chemistry.chirality import relative_sign
from ..chemistry.lipids import natural_lipids
from ..chemistry.nucleotides import natural_sugars
from ..chemistry.planar_bonds import natural_bonds
from ..chemistry.residues import residue_ordinals
from ..chemistry.sides import with_told
from ..chemistry.sugars import natural_pyranoses

Array = NDArray[np.float64]
Index = NDArray[np.int64]
First = Literal["mapping", "stereo"]

#: nm; bonded atoms of a structure that are farther apart belong to another molecule, or to another order of atoms.
TORN = 0.35
LISTED = 3  #: stereocentres that are named, at most
SURE = 3  #: stereocentres of a residue that a mapping tells as natural, and one other than that is a slip
SLIP = "of these as is natural, while the mapping tells the opposite and the others as natural: "
_NATURE = "the names of residues"
_SIDE = {CIS: "cis", TRANS: "trans"}


def told_by_mapping(kind: MoleculeType, beads: BeadModel) -> MoleculeType:
    """The molecule type with its planar bonds, and what the mapping tells of them; signs of centres are there already.

    Raises:
        BackmapError: If the mapping contradicts itself.
    """
    if kind.coarse:
        return kind
    bonds = [row for bonds in natural_bonds(kind) for row in bonds.atoms.tolist()]
    planar = with_told(PlanarSides.of(bonds, [EITHER] * len(bonds)), beads.sides, kind.graph)
    blank = replace(kind, planar=replace(planar, side=np.full(len(bonds), EITHER)),
                    chemistry=replace(kind.chemistry, sign=np.zeros_like(kind.chemistry.sign)))
    return filled(blank, kind.chemistry.sign, planar.side, beads.isomers_by)


def without_slips(system: System) -> System:
    """The system in which a mapping's only centre of a residue that is not as in nature, of many, is as in nature."""
    mended = {kind: kind if kind.given or kind.coarse else _mended(kind, _natural_signs(kind)) for kind in system.types}
    return replace(system, blocks=tuple((mended[kind], count) for kind, count in system.blocks))


def told_by_atoms(system: System, atoms: Array, where: str, first: First | None = None) -> tuple[System, list[str]]:
    """The system with what whole atoms (A, 3), nm, show of every single molecule, and lines for the user.

    Copies that differ, as in an atactic chain or a racemate, become molecule types of the same name, one for
    each pattern of signs; the order of molecules stays.

    Args:
        system: What is there, and what the mapping tells.
        atoms: Of every molecule.
        where: The file, for messages.
        first: What counts where mapping and atoms contradict each other.

    Raises:
        BackmapError: If they are atoms of other molecules, or contradict the mapping and nothing says what counts.
    """
    return _told(system, {group.type: ShownIsomers(shown_by(group.type, atoms[group.atoms], where), where)
                          for group in system.groups}, first)


def told_by_types(system: System, shown: Mapping[str, ShownIsomers],
                  first: First | None = None) -> tuple[System, list[str]]:
    """As ``told_by_atoms``, with what holds of all molecules of a type: ``shown`` has one row by their names."""
    return _told(system, {group.type: replace(one, rows=np.repeat(one.rows, len(group.atoms), axis=0))
                          for group in system.groups if (one := shown.get(group.type.name)) is not None}, first)


@dataclass(frozen=True)
class ShownIsomers:
    """What something shows of molecules of a type.

    Attributes:
        rows: Signs of their stereocentres, then sides of their planar bonds, 0 for what it does not show, (m, C + P).
        where: What shows it, for messages: a file, or SMILES.
    """

    rows: Index
    where: str


def shown_by(kind: MoleculeType, molecules: Array, where: str) -> Index:
    """What atoms of molecules of a type (m, A, 3), nm, show: rows of ``ShownIsomers``.

    Raises:
        BackmapError: If they are atoms of other molecules.
    """
    _expect_bonded(kind, molecules, where)
    return np.hstack([handedness(molecules, kind.chemistry.centres), sides(molecules, kind.planar.atoms)])


def _told(system: System, given: Mapping[MoleculeType, ShownIsomers], first: First | None) -> tuple[System, list[str]]:
    """The system with what is shown of molecules of some types, and lines for the user."""
    lines: dict[str, str] = {}
    of_copy: dict[MoleculeType, list[MoleculeType]] = {}
    for kind, shown in given.items():
        own = kind if CGSMILES not in _sources(kind) and first != "stereo" else kind.with_signs(
            np.zeros_like(kind.chemistry.sign), np.zeros_like(kind.planar.side), ())
        rows = [tuple(row) for row in shown.rows.tolist()]
        patterns = {row: _patterned(kind, own, row, f"stereo ({shown.where})") for row in dict.fromkeys(rows)}
        of_copy[kind] = [patterns[row] for row in rows]
        told = np.concatenate([own.chemistry.sign, own.planar.side])
        wrong = (shown.rows != told) & (told != 0) & (shown.rows != 0)
        if wrong.any():
            count, ends = int(wrong.sum()), np.concatenate([kind.chemistry.centres[:, 0], kind.planar.atoms[:, 1]])
            lines.setdefault(kind.name, f"{kind.name}: {shown.where} shows the opposite of the mapping in {count} "
                             f"place{'s' * (count > 1)} ({_named(kind, ends[wrong.any(axis=0)].tolist())}); "
                             "the mapping is followed")
    if lines and first is None:
        raise BackmapError(next(iter(lines.values())).partition(";")[0], where="stereo", hint="Which of them is your "
                           "molecule? Write 'isomers: stereo' beside 'stereo' to follow it, or 'isomers: mapping'.")
    return _with_copies(system, of_copy), list(lines.values())


def _patterned(kind: MoleculeType, own: MoleculeType, row: tuple[int, ...], source: str) -> MoleculeType:
    """The molecule type with what a row of ``ShownIsomers`` tells, where ``own``, which comes first, does not."""
    seen = filled(own, *np.split(np.array(row, dtype=np.int64), [len(kind.chemistry.sign)]), source)
    return seen if own is kind else filled(
        seen, kind.chemistry.sign, kind.planar.side,
        kind.isomer_sources[0].rpartition(" by ")[2] if kind.isomer_sources else CGSMILES)


def _with_copies(system: System, of_copy: Mapping[MoleculeType, Sequence[MoleculeType]]) -> System:
    """The system with each molecule of some types as what it turned out to be."""
    blocks: list[tuple[MoleculeType, int]] = []
    taken = dict.fromkeys(system.types, 0)
    for kind, count in system.blocks:
        copies = of_copy[kind][taken[kind]:taken[kind] + count] if kind in of_copy else [kind] * count
        taken[kind] += count
        blocks += [(one, len(list(run))) for one, run in groupby(copies)]
    return replace(system, blocks=tuple(blocks))


def told_by_nature(system: System, cis_peptides: Mapping[str, Sequence[int]], where: str) -> System:
    """The system with what is usual of residues: L-amino acids, D-sugars, lipids, trans peptides and esters.

    What is told already stays; where it is the opposite, the molecule type says so.

    Args:
        system: What is there.
        cis_peptides: By molecule type, numbers of the residues behind cis peptide bonds; they count more than all else.
        where: The option, for messages.

    Raises:
        BackmapError: For molecule types and residues that there are not.
    """
    unknown = next((name for name in cis_peptides if name not in {kind.name for kind in system.types}), None)
    if unknown is not None:
        raise BackmapError(f"'{unknown}' is no molecule type", where=where,
                           hint=f"Known: {', '.join(dict.fromkeys(kind.name for kind in system.types))}.")
    known = {kind: _natural(kind, cis_peptides.get(kind.name, ()), where) for kind in system.types}
    return replace(system, blocks=tuple((known[kind], count) for kind, count in system.blocks))


def isomer_lines(system: System) -> Iterator[str]:
    """One line for each molecule type that could be another isomer: what tells which it is, and what nothing tells."""
    for name, kinds in groupby(sorted(system.types, key=lambda kind: kind.name), key=lambda kind: kind.name):
        told = [line for line in dict.fromkeys(isomers_of(kind) for kind in kinds) if line]
        if told:
            yield f"{name}: {told[0]}" + (f"; {len(told) - 1} other patterns" if len(told) > 1 else "")


def isomers_of(kind: MoleculeType) -> str:
    """What tells which isomer a molecule is, and what nothing tells; "" if there is no other."""
    if kind.given or kind.coarse:
        return ""
    sign, side = kind.chemistry.sign, kind.planar.side
    sorts = _sorts(kind)
    doubles = sum(sorts[tuple(row)] == "double bond" for row in kind.planar.atoms[side == EITHER].tolist())
    if not kind.isomer_sources and not doubles:  # stereocentres alone: steps and checks say so where it matters
        return ""
    nothing = _counted(int((sign == 0).sum()), [("double bond", "", doubles)])
    parts = [*kind.isomer_sources, *([f"nothing tells {nothing}"] if nothing else [])]
    return f"isomer: {'; '.join(parts)}" if parts else ""


def _natural(kind: MoleculeType, cis: Sequence[int], where: str) -> MoleculeType:
    if kind.given or kind.coarse:
        return kind
    sign = _natural_signs(kind)
    usual = {tuple(row): side for bonds in natural_bonds(kind, proline=TRANS)
             for row, side in zip(bonds.atoms.tolist(), bonds.expected.tolist(), strict=True)}
    side = np.array([usual.get(tuple(row), EITHER) for row in kind.planar.atoms.tolist()], dtype=np.int64)
    peptides = {tuple(row): int(kind.residues[row[2]]) for bonds in natural_bonds(kind) if bonds.sort == "peptide bond"
                for row in bonds.atoms.tolist()}
    after = np.array([peptides.get(tuple(row), -1) for row in kind.planar.atoms.tolist()], dtype=np.int64)
    missing = next((number for number in cis if number not in after), None)
    if missing is not None:
        raise BackmapError(f"no peptide bond of '{kind.name}' leads to residue {missing}", where=where,
                           hint="Name the residue behind each cis peptide bond by its number in the topology.")
    if len(cis):
        chosen = np.isin(after, cis)
        kind = filled(kind.with_signs(kind.chemistry.sign, np.where(chosen, EITHER, kind.planar.side)),
                       np.zeros_like(sign), np.where(chosen, CIS, EITHER), "cis_peptides")
    return filled(_with_opposites(kind, sign), sign, side, _NATURE)


def _natural_signs(kind: MoleculeType) -> Index:
    """Signs of the stereocentres as the names of residues tell them, 0 where they do not, (C,)."""
    told = {row[0]: row[1:] for row in np.concatenate([natural_centres(kind), natural_sugars(kind),
                                                       natural_lipids(kind), natural_pyranoses(kind)]).tolist()}
    return np.array([relative_sign(told[centre], arms) if centre in told else 0
                     for centre, *arms in kind.chemistry.centres.tolist()], dtype=np.int64)


def _mended(kind: MoleculeType, sign: Index) -> MoleculeType:
    """The molecule type with the natural ``sign`` (C,) where a mapping tells most centres of a residue as natural.

    One of eight that is not, as C20 of cholesterol in Backward's files, is a slip: no such epimer is natural.
    """
    told, centre = kind.chemistry.sign, kind.chemistry.centres[:, 0]
    residue = residue_ordinals(kind.residues, kind.residue_names)[centre]
    known, opposite = (np.bincount(residue, told * sign * way > 0) for way in (1, -1))
    slips = (told * sign < 0) & ((known >= SURE) & (opposite == 1))[residue]
    if not slips.any():
        return kind
    note = f"{SLIP}{_named(kind, centre[slips].tolist())}"
    return kind.with_signs(np.where(slips, sign, told), kind.planar.side, (*kind.isomer_sources, note))


def _with_opposites(kind: MoleculeType, sign: Index) -> MoleculeType:
    """The molecule type with a note of stereocentres that are said to be the opposite of the natural ``sign`` (C,)."""
    opposite = kind.chemistry.centres[kind.chemistry.sign * sign < 0, 0].tolist()
    if not opposite:
        return kind
    note = f"of these the opposite of what is natural: {_named(kind, opposite)}"
    return kind.with_signs(kind.chemistry.sign, kind.planar.side, (*kind.isomer_sources, note))


def _named(kind: MoleculeType, atoms: Sequence[int]) -> str:
    chains = chain_names(kind.residues, kind.atom_names)
    named = [f"{chains[atom]}{kind.residue_names[atom]} {kind.residues[atom]} {kind.atom_names[atom]}"
             for atom in atoms[:LISTED]]
    return ", ".join(named) + (f" and {len(atoms) - LISTED} more" if len(atoms) > LISTED else "")


def filled(kind: MoleculeType, sign: Index, side: Index, source: str) -> MoleculeType:
    """The molecule type with signs (C,) and sides (P,) where it has none, and a note of what ``source`` told."""
    centres, bonds = kind.chemistry.sign == 0, kind.planar.side == EITHER
    told = int((centres & (sign != 0)).sum())
    new = np.where(bonds, side, EITHER)
    sorts, fixed = _sorts(kind), new != EITHER
    listed = Counter((sorts[tuple(row)], _SIDE[one]) for row, one in zip(
        kind.planar.atoms[fixed].tolist(), new[fixed].tolist(), strict=True))
    if not told and not listed:
        return kind
    what = _counted(told, [(sort, f" {word}", count) for (sort, word), count in listed.items()])
    return kind.with_signs(np.where(centres, sign, kind.chemistry.sign), np.where(bonds, side, kind.planar.side),
                           (*kind.isomer_sources, f"{what} by {source}"))


def _sorts(kind: MoleculeType) -> dict[tuple[int, ...], str]:
    """What sort of bond each planar one is."""
    return {tuple(row): bonds.sort for bonds in natural_bonds(kind) for row in bonds.atoms.tolist()}


def _counted(centres: int, bonds: Sequence[tuple[str, str, int]]) -> str:
    """Numbers of stereocentres and of bonds, in words; "" for none."""
    parts = [("stereocentre", "", centres), *bonds]
    return ", ".join(f"{count} {what}{'s' if count > 1 else ''}{word}" for what, word, count in parts if count)


def _sources(kind: MoleculeType) -> list[str]:
    """What has told something so far."""
    return [line.rpartition(" by ")[2] for line in kind.isomer_sources]


def _expect_bonded(kind: MoleculeType, molecules: Array, where: str) -> None:
    """Raise BackmapError if atoms (m, A, 3), nm, are not of molecules of this type."""
    if not len(kind.bonds) or kind.given or kind.coarse:
        return
    i, j = kind.bonds.T
    length = np.linalg.norm(molecules[:, i] - molecules[:, j], axis=2)
    molecule, bond = np.unravel_index(int(np.argmax(np.nan_to_num(length, nan=np.inf))), length.shape)
    if not length[molecule, bond] < TORN:
        names = [kind.atom_names[int(end[bond])] for end in (i, j)]
        raise BackmapError(f"{' and '.join(names)} of '{kind.name}' are bonded, and {length[molecule, bond]:.3g} nm "
                           "apart here", where=where, hint="Is it a structure of other molecules, or in another order?")
