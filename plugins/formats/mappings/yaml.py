"""Mappings in plain YAML, for those who have none in another format."""
from __future__ import annotations

import fnmatch
from weakref import WeakKeyDictionary

import pydantic

from backmap.api import AtomMolecule, AtomTopology, BeadModel, MappingReader, Options
from backmap.errors import BackmapError
from backmap.model.isomers import CIS, TRANS

from ...chemistry.residues import residue_ordinals
from ...files.reading import Files, read_text
from .bead_model import Weights, known
from .composition import compose
from .units import Member, SideOfBond, Stereocentre, Unit, UnitBead
from .yaml_lines import YamlFile
from .yaml_schema import BeadEntry, MoleculeEntry, Residue, entries_of

#: What files with these texts say of a topology, as long as that is in use: a recipe is looked over before it runs.
_READ: WeakKeyDictionary[AtomTopology, dict[tuple[str, ...], dict[str, BeadModel]]] = WeakKeyDictionary()


class YamlMapping(MappingReader):
    """YAML mapping: the beads of molecule types, or of patterns of their names, and the atoms of each bead.

        OCT:
          beads:
            A1: {type: A, atoms: [C1, C2, H1, H2]}
            B1: {type: B, atoms: {C2: 6, C3: 12}}  # atoms with their weights
          weights: mass                            # or geometry; of beads that give none
          bonds: [[A1, B1]]                        # by default: beads whose atoms are bonded
          chiral: [[H4, C2, N1, C1]]               # H4 is on the side of (N1 - C2) x (C1 - C2), as Backward has it
          cis: [[C8, C9, C10, C11]]                # sides of double bonds, esters and amides; or trans
        "PS*":
          residues:                                # repeat units, each described once
            STY:
              beads:
                A: {atoms: [CA, CB, -CB]}          # -CB: of the residue before, +CB: of the next
                B: {atoms: [CG, CD1, CD2]}
              bonds: [[A, B], [A, +A]]
              first: {beads: {A: {atoms: [CA, CB]}, B: {atoms: [CG, CD1, CD2]}}}  # and last, if it differs

    Atoms have the names of the topology; ``2:C1`` is C1 of the second residue, and ``2:STY:C1`` the same.
    """

    class Options(Options):
        files: Files = pydantic.Field(min_length=1, description="YAML files.")

    options: Options

    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        texts = tuple(text for path in self.options.files for text in (str(path), read_text(path)))
        known = _READ.setdefault(topology, {})
        if texts not in known:
            known[texts] = self._read(topology)
        return dict(known[texts])

    def _read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        models: dict[str, BeadModel] = {}
        for path in self.options.files:
            file = _MappingFile(YamlFile(path))
            for key in file.entries:
                for name in file.names(key, topology):
                    if name in models:
                        raise BackmapError(f"molecule type '{name}' is mapped twice", where=file.source.where(key))
                    models[name] = file.model(key, topology.types[name])
        return models


class _MappingFile:
    """One file, whose entries are checked."""

    def __init__(self, source: YamlFile) -> None:
        self.source = source
        self.entries = entries_of(source)

    def names(self, key: str, topology: AtomTopology) -> list[str]:
        """Names of the molecule types that an entry is for.

        Raises:
            BackmapError: If there are none.
        """
        found = [key] if key in topology.types else fnmatch.filter(topology.types, key)
        if not found:
            raise BackmapError(f"'{key}' is no molecule type of {topology.where}", where=self.source.where(key),
                               hint=known(key, topology.types))
        return found

    def model(self, key: str, molecule: AtomMolecule) -> BeadModel:
        """The beads of a molecule type by the entry ``key``.

        Raises:
            BackmapError: If the entry does not fit it.
        """
        entry = self.entries[key]
        if isinstance(entry, MoleculeEntry):
            unit = self._unit((key,), entry, _whole_names(molecule), "mass", _WholeNames(molecule))
            return compose(molecule, {unit.residues: unit}, str(self.source.path), strict=True)
        units = {tuple(name.split()): self._residue((key, "residues", name), name, residue, entry.weights or "mass")
                 for name, residue in entry.residues.items()}
        return compose(molecule, units, self.source.where(key), strict=True)

    def _residue(self, place: tuple[str, ...], name: str, residue: Residue, weights: Weights) -> Unit:
        def variant(part: str, given: MoleculeEntry | None) -> Unit | None:
            if given is None:
                return None
            whole = given.model_copy(update={field: getattr(residue, field) for field in (
                "weights", "bonds", "chiral", "cis", "trans") if getattr(given, field) is None})
            return self._unit((*place, part), whole, names, weights, _RelativeNames())

        names = tuple(name.split())
        main = self._unit(place, residue, names, weights, _RelativeNames())
        return Unit(main.residues, main.beads, main.where, main.stereocentres, main.sides, main.bonds,
                    first=variant("first", residue.first), last=variant("last", residue.last))

    def _unit(self, place: tuple[str, ...], part: MoleculeEntry, residues: tuple[str, ...], weights: Weights,
              names: _RelativeNames) -> Unit:
        where = self.source.where
        beads = [self._bead((*place, "beads", name), name, bead, part.weights or weights, names)
                 for name, bead in part.beads.items()]
        stereocentres = tuple(Stereocentre(tuple(names.find(name, where(*place, "chiral", k)) for name in atoms),
                           where(*place, "chiral", k)) for k, atoms in enumerate(part.chiral or ()))
        sides = tuple(SideOfBond(tuple(names.find(name, where(*place, what, k)) for name in atoms), side,
                                 where(*place, what, k)) for what, side in (("cis", CIS), ("trans", TRANS))
                      for k, atoms in enumerate(getattr(part, what) or ()))
        bonds = None if part.bonds is None else tuple(
            (self._end(one, part, (*place, "bonds", k)), self._end(other, part, (*place, "bonds", k)))
            for k, (one, other) in enumerate(part.bonds))
        return Unit(residues, tuple(beads), where(*place), stereocentres, sides, bonds)

    def _bead(self, place: tuple[str, ...], name: str, bead: BeadEntry, weights: Weights,
              names: _RelativeNames) -> UnitBead:
        atoms = list(bead.atoms)
        if isinstance(bead.atoms, dict):
            shares, weights = list(bead.atoms.values()), "geometry"
        elif isinstance(bead.weights, list):
            shares, weights = bead.weights, "geometry"
        else:
            shares, weights = [1.0] * len(atoms), bead.weights or weights
        members = []
        for k, (atom, share) in enumerate(zip(atoms, shares, strict=True)):
            where = self.source.where(*place, "atoms", k if isinstance(bead.atoms, list) else atom)
            step, found = names.find(atom, where)
            members.append(Member(found, share, where, step))
        return UnitBead(name, bead.type or name, tuple(members), weights, self.source.where(*place))

    def _end(self, text: str, part: MoleculeEntry, place: tuple[str | int, ...]) -> tuple[int, str]:
        step, name = _RelativeNames().find(text, "") if text not in part.beads else (0, text)
        if name not in part.beads:
            raise BackmapError(f"a bond names bead '{name}', which is not there", where=self.source.where(*place),
                               hint=known(name, part.beads))
        return step, name


class _RelativeNames:
    """Atoms of a repeat unit: ``C1``, ``-C1`` of the residue before, ``+C1`` of the next."""

    def find(self, text: str, where: str) -> tuple[int, str]:
        """Residue, counted from that of the unit, and name of an atom; ``where`` is for messages."""
        step = {"+": 1, "-": -1}.get(text[:1], 0)
        return step, text[1:] if step else text


class _WholeNames(_RelativeNames):
    """Atoms of a whole molecule: ``C1``, ``2:C1`` or ``2:STY:C1``."""

    def __init__(self, molecule: AtomMolecule) -> None:
        self._name = molecule.name
        self._places: dict[str, list[tuple[int, str]]] = {}
        ordinals = residue_ordinals(molecule.residues, molecule.residue_names).tolist()
        for ordinal, residue, atom in zip(ordinals, molecule.residue_names, molecule.atom_names, strict=True):
            for text in (atom, f"{ordinal}:{atom}", f"{ordinal}:{residue}:{atom}"):
                self._places.setdefault(text, []).append((ordinal - 1, atom))

    def find(self, text: str, where: str) -> tuple[int, str]:
        """Residue, counted from 0, and name of an atom.

        Raises:
            BackmapError: If there is none of this name, or there are several.
        """
        places = self._places.get(text, [])
        if not places:
            raise BackmapError(f"there is no atom '{text}' in molecule type '{self._name}'", where=where,
                               hint=known(text, [place for place in self._places if ":" not in place]))
        if len(set(places)) > 1:
            raise BackmapError(f"'{text}' is in several residues of molecule type '{self._name}'", where=where,
                               hint=f"Write {places[0][0] + 1}:{text}, or describe the residues under `residues`.")
        return places[0]


def _whole_names(molecule: AtomMolecule) -> tuple[str, ...]:
    """Names of the residues of a molecule, in order."""
    ordinals = residue_ordinals(molecule.residues, molecule.residue_names).tolist()
    return tuple(dict(zip(ordinals, molecule.residue_names, strict=True)).values())
