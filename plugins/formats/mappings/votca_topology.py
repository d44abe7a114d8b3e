"""Molecule types from VOTCA's topology XML."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pydantic

from backmap.api import AtomMolecule, AtomTopology, InputPath, Options, TopologyReader
from backmap.errors import BackmapError

from ...chemistry.elements import element_of
from .xml_tree import XmlNode, parse


class Votca(TopologyReader):
    """VOTCA topology XML, in which each <bead> of a <molecule> is an atom, and bonds are those in <bonded>."""

    class Options(Options):
        file: InputPath = pydantic.Field(description="A topology XML with <molecules> and <bonded>.")

    options: Options

    def read(self) -> AtomTopology:
        return _TopologyFile(Path(self.options.file)).topology()


class _TopologyFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = parse(path)
        if self._root.tag != "topology":
            raise self._error(f"<{self._root.tag}> stands where <topology> should be", self._root)
        if "base" in self._root.attributes:
            raise self._error("takes its atoms from another file (base=...), which tells neither masses nor bonds",
                              self._root, "List the atoms in <molecule>, or give a GROMACS topology.")
        for node in self._root.all("molecules"):
            for child in node.children:
                if child.tag != "molecule":
                    raise self._error(f"<{child.tag}> is not read", child, "List the atoms in <molecule>.")

    def topology(self) -> AtomTopology:
        """The molecule types and their counts.

        Raises:
            BackmapError: If the file has no molecules, one of them twice, or bonds of another.
        """
        nodes = self._root.all("molecules", "molecule")
        if not nodes:
            raise self._error("has no <molecule>", self._root)
        types: dict[str, AtomMolecule] = {}
        blocks: list[tuple[str, int]] = []
        bonds = self._bonds()
        for node in nodes:
            name = self._word(node, "name")
            if name in types:
                raise self._error(f"molecule '{name}' is there twice", node)
            types[name] = self._molecule(name, node, bonds.pop(name, []))
            blocks.append((name, self._count(node, "nmols")))
        if bonds:
            name, rows = next(iter(bonds.items()))
            raise self._error(f"there is no molecule '{name}'", rows[0][2])
        return AtomTopology(types, blocks, str(self._path))

    def _molecule(self, name: str, node: XmlNode, bonds: list[tuple[str, str, XmlNode]]) -> AtomMolecule:
        beads = node.all("bead")
        if len(beads) != self._count(node, "nbeads"):
            raise self._error(f"molecule '{name}' has {len(beads)} <bead>s, but nbeads is {node.attributes['nbeads']}",
                              node)
        names = [self._word(bead, "name") for bead in beads]
        place = {atom: k for k, atom in enumerate(names)}
        if len(place) != len(names):
            raise self._error(f"two atoms of molecule '{name}' have the same name", node)
        if not bonds and len(beads) > 1:
            raise self._error(f"molecule '{name}' has no bonds", node,
                              f"Add <bonded><bond><name>bond</name><beads>{name}:{names[0]} {name}:{names[1]} ..."
                              "</beads></bond></bonded>, or give a topology of another format that has them.")
        pairs = set()
        for first, second, where in bonds:
            unknown = [atom for atom in (first, second) if atom not in place]
            if unknown or first == second:
                raise self._error(f"there is no atom '{unknown[0]}' in molecule '{name}'" if unknown else
                                  f"'{name}:{first}' is bonded to itself", where)
            pairs.add((min(place[first], place[second]), max(place[first], place[second])))
        mass = np.array([self._number(bead, "mass") for bead in beads])
        return AtomMolecule(
            name=name, atom_names=names, atom_types=[self._word(bead, "type") for bead in beads],
            residue_names=[name] * len(beads),
            residues=np.array([int(self._number(bead, "resid", 1)) for bead in beads], dtype=np.int64),
            element=np.array([element_of(None, m, atom, name) for m, atom in zip(mass.tolist(), names, strict=True)]),
            mass=mass, partial_charge=np.array([self._number(bead, "q", 0.0) for bead in beads]),
            bonds=np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2),
            bond_length=np.full(len(pairs), np.nan), constrained=np.zeros(len(pairs), dtype=bool))

    def _bonds(self) -> dict[str, list[tuple[str, str, XmlNode]]]:
        """Names of bonded atoms, and the place that says so, by molecule."""
        found: dict[str, list[tuple[str, str, XmlNode]]] = {}
        for node in self._root.all("bonded", "bond", "beads"):
            words = node.text.split()
            if len(words) % 2:
                raise self._error(f"<beads> of a bond has {len(words)} names, which are no pairs", node)
            for one, other in zip(words[::2], words[1::2], strict=True):
                (molecule, first), (same, second) = self._split(one, node), self._split(other, node)
                if molecule != same:
                    raise self._error(f"'{one}' and '{other}' are in different molecules", node)
                found.setdefault(molecule, []).append((first, second, node))
        return found

    def _split(self, word: str, node: XmlNode) -> tuple[str, str]:
        molecule, colon, atom = word.partition(":")
        if not colon:
            raise self._error(f"'{word}' is no atom", node, "Write it as MOLECULE:ATOM.")
        return molecule, atom

    def _word(self, node: XmlNode, attribute: str) -> str:
        if not node.attributes.get(attribute):
            raise self._error(f"<{node.tag}> has no {attribute}", node)
        return node.attributes[attribute]

    def _count(self, node: XmlNode, attribute: str) -> int:
        word = self._word(node, attribute)
        if not word.isdecimal() or not int(word):
            raise self._error(f"{attribute} is '{word}', which is no number of them", node)
        return int(word)

    def _number(self, node: XmlNode, attribute: str, default: float | None = None) -> float:
        word = node.attributes.get(attribute) if default is not None else self._word(node, attribute)
        try:
            return default if word is None else float(word)
        except ValueError:
            raise self._error(f"{attribute} is '{word}', not a number", node) from None

    def _error(self, problem: str, node: XmlNode, hint: str = "") -> BackmapError:
        return BackmapError(problem, where=f"{self._path}:{node.line}", hint=hint)
