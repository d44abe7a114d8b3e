"""Mappings as VOTCA's csg tools read them: one XML file per molecule type."""
from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic

from backmap.api import AtomMolecule, AtomTopology, BeadModel, InputPath, MappingEntry, MappingReader, Options
from backmap.errors import BackmapError
from backmap.model.mapping import Mapping
from backmap.model.molecule import BeadTerm

from ...chemistry.residues import residue_ordinals
from ...files.reading import as_list
from .bead_model import known
from .xml_tree import XmlNode, parse


def _separated(value: Any) -> Any:
    """``a.xml;b.xml``, as csg_map takes it, as a list."""
    return [part.strip() for part in value.split(";") if part.strip()] if isinstance(value, str) else as_list(value)


class Votca(MappingReader):
    """VOTCA mapping XML, one file for each molecule type, which its <ident> names."""

    class Options(Options):
        files: Annotated[list[InputPath], pydantic.BeforeValidator(_separated), pydantic.Field(
            min_length=1, description="Mapping XML files, one per molecule type; as a list, or separated by `;`.")]

    options: Options

    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        models: dict[str, BeadModel] = {}
        for path in self.options.files:
            file = _MappingFile(path)
            if file.ident in models:
                raise file.error(f"molecule type '{file.ident}' is mapped twice", file.root.child("ident"))
            models[file.ident] = file.model(topology)
        return models

    def problems(self, topology: AtomTopology) -> Iterator[BackmapError]:
        idents: set[str] = set()
        for path in self.options.files:
            try:
                file = _MappingFile(path)
            except BackmapError as error:
                yield error
                continue
            if file.ident in idents:
                yield file.error(f"molecule type '{file.ident}' is mapped twice", file.root.child("ident"))
            idents.add(file.ident)
            yield from file.problems(topology)

    def entries(self) -> Iterator[MappingEntry]:
        for path in self.options.files:
            file = _MappingFile(path)
            yield MappingEntry((file.ident,), file.members(), str(path))


#: Beads of one member of each kind of <cg_bonded>.
_MEMBERS = {"bond": 2, "angle": 3, "dihedral": 4}
_TUPLES = {2: "pairs", 3: "threes", 4: "fours"}


class _MappingFile:
    """One mapping file and the checks that VOTCA makes of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.root = parse(path)
        if self.root.tag != "cg_molecule":
            raise self.error(f"<{self.root.tag}> stands where <cg_molecule> should be", self.root)
        self.ident = self._word(self.root, "ident")
        self._name = self._word(self.root, "name")
        self._maps = self._unique(self.root.all("maps", "map"), "map")
        self._beads = self._unique(self.root.all("topology", "cg_beads", "cg_bead"), "bead")

    def error(self, problem: str, node: XmlNode | None, hint: str = "") -> BackmapError:
        """An error with the file and, with a node, its line, to be raised by the caller."""
        return BackmapError(problem, where=f"{self._path}:{node.line}" if node else self._path, hint=hint)

    def model(self, topology: AtomTopology) -> BeadModel:
        """The beads of the molecule type that <ident> names."""
        molecule = self._molecule(topology)
        names = _atom_names(molecule)
        rows = [self._row(bead, names) for bead in self._beads.values()]
        first = np.array([atoms[0] for atoms, _ in rows])
        mapping = Mapping.from_rows(rows, molecule.joined, molecule.element != 1, where=str(self._path),
                                    force_rows=self._force_rows())
        return BeadModel(
            bead_names=list(self._beads), bead_types=[self._word(bead, "type") for bead in self._beads.values()],
            bead_residue_names=[self._name] * len(rows), bead_residues=molecule.residues[first],
            bead_bonds=self._bead_bonds(), mapping=mapping, terms=tuple(self._terms()),
            where=tuple(f"{self._path}:{bead.line}" for bead in self._beads.values()))

    def problems(self, topology: AtomTopology) -> Iterator[BackmapError]:
        """All that is wrong with its beads and bonds, each thing once."""
        seen: set[str] = set()
        try:
            names = _atom_names(self._molecule(topology))
        except BackmapError as error:
            yield error
            return
        for attempt in [self._bead_bonds, *(partial(self._row, bead, names) for bead in self._beads.values())]:
            try:
                attempt()
            except BackmapError as error:
                if str(error) not in seen:
                    yield error
                seen.add(str(error))

    def members(self) -> dict[str, tuple[str, ...]]:
        """What each bead lists."""
        return {name: tuple(listed.text.split()) if (listed := bead.child("beads")) else ()
                for name, bead in self._beads.items()}

    def _molecule(self, topology: AtomTopology) -> AtomMolecule:
        molecule = topology.types.get(self.ident)
        if molecule is None:
            raise self.error(f"<ident> is '{self.ident}', which is no molecule type of {topology.where}",
                             self.root.child("ident"), known(self.ident, list(topology.types)))
        if not self._beads:
            raise self.error("has no <cg_bead>", self.root)
        return molecule

    def _row(self, bead: XmlNode, names: dict[str, int]) -> tuple[list[int], list[float]]:
        """Atoms and weights of one bead."""
        listed, label = bead.child("beads"), self._word(bead, "name")
        atoms = [self._atom(text, names, listed) for text in (listed.text.split() if listed else ())]
        if not atoms:
            raise self.error(f"bead '{label}' has no atoms", bead)
        twice = next((k for k, atom in enumerate(atoms) if atom in atoms[:k]), None)
        if twice is not None:
            raise self.error(f"bead '{label}' lists '{listed.text.split()[twice]}' twice", listed)
        name = self._word(bead, "mapping")
        if name not in self._maps:
            raise self.error(f"bead '{label}' uses map '{name}', which is not there", bead.child("mapping"),
                             known(name, list(self._maps)))
        return atoms, self._weights(self._maps[name], len(atoms), label)

    def _atom(self, text: str, names: dict[str, int], node: XmlNode) -> int:
        atom = names.get(text)
        if atom is None:
            raise self.error(f"there is no atom '{text}' in molecule type '{self.ident}'", node,
                             known(text, list(names)) + " Write RESID:RESNAME:ATOM, RESID from 1 in the molecule.")
        if atom < 0:
            raise self.error(f"'{text}' is the name of two atoms of molecule type '{self.ident}'", node,
                             "Give them different names in the topology.")
        return atom

    def _weights(self, node: XmlNode, n_atoms: int, bead: str) -> list[float]:
        weights, name = self._numbers(node, "weights"), self._word(node, "name")
        if len(weights) != n_atoms:
            raise self.error(f"map '{name}' has {len(weights)} weights, but bead '{bead}' lists {n_atoms} atoms", node)
        if node.child("d"):
            force_weights = self._numbers(node, "d")
            if len(force_weights) != n_atoms:
                raise self.error(f"map '{name}' has {len(force_weights)} numbers in <d>, but bead '{bead}' lists "
                                 f"{n_atoms} atoms", node.child("d"))
            if any(d and not w for d, w in zip(force_weights, weights, strict=True)):
                raise self.error(f"<d> of map '{name}' is not zero where the weight is zero", node.child("d"))
        return weights

    def _force_rows(self) -> list[list[float]] | None:
        """<d> of every bead, that of a map without one being its weights; None if no map has one."""
        maps = [self._maps[self._word(bead, "mapping")] for bead in self._beads.values()]
        if not any(node.child("d") for node in maps):
            return None
        return [self._numbers(node, "d" if node.child("d") else "weights") for node in maps]

    def _numbers(self, node: XmlNode, tag: str) -> list[float]:
        inner = node.child(tag)
        if inner is None:
            raise self.error(f"<{node.tag}> has no <{tag}>", node)
        try:
            return [float(text) for text in inner.text.split()]
        except ValueError:
            raise self.error(f"<{tag}> holds something that is not a number", inner) from None

    def _bead_bonds(self) -> np.ndarray | None:
        """Pairs of beads, (n, 2), or None if the file gives none."""
        bonds = {tuple(sorted(pair)) for node in self.root.all("topology", "cg_bonded", "bond", "beads")
                 for pair in self._members(node, "bond").tolist()}
        return np.array(sorted(bonds), dtype=np.int64).reshape(-1, 2) if bonds else None

    def _terms(self) -> Iterator[BeadTerm]:
        """Bonds, angles and dihedrals by their names; without bonds, the others count for nothing."""
        if self._bead_bonds() is not None:
            for tag in _MEMBERS:
                for node in self.root.all("topology", "cg_bonded", tag):
                    listed = node.child("beads")
                    if listed is not None and listed.text.split():
                        yield BeadTerm(self._word(node, "name"), self._members(listed, tag))

    def _members(self, node: XmlNode, tag: str) -> np.ndarray:
        """Beads of a bond, angle or dihedral, (n, 2 to 4)."""
        index, words, each = {name: k for k, name in enumerate(self._beads)}, node.text.split(), _MEMBERS[tag]
        article = "an" if tag == "angle" else "a"
        for word in words:
            if word not in index:
                raise self.error(f"{article} {tag} names bead '{word}', which is not there", node,
                                 known(word, list(index)))
        if len(words) % each:
            raise self.error(f"{article} <{tag}> lists {len(words)} beads, which do not make {_TUPLES[each]}", node)
        return np.array([index[word] for word in words], dtype=np.int64).reshape(-1, each)

    def _unique(self, nodes: list[XmlNode], what: str) -> dict[str, XmlNode]:
        found: dict[str, XmlNode] = {}
        for node in nodes:
            name = self._word(node, "name")
            if name in found:
                raise self.error(f"{what} '{name}' is defined twice", node)
            found[name] = node
        return found

    def _word(self, node: XmlNode, tag: str) -> str:
        inner = node.child(tag)
        if inner is None or not inner.text.strip():
            raise self.error(f"<{node.tag}> has no <{tag}>", node)
        return inner.text.strip()


def _atom_names(molecule: AtomMolecule) -> dict[str, int]:
    """``RESID:RESNAME:ATOM`` -> atom; -1 where two atoms have the name."""
    names: dict[str, int] = {}
    for atom, residue in enumerate(residue_ordinals(molecule.residues, molecule.residue_names).tolist()):
        name = f"{residue}:{molecule.residue_names[atom]}:{molecule.atom_names[atom]}"
        names[name] = -1 if name in names else atom
    return names
