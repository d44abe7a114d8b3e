"""Mappings as CGsmiles strings, which name no atoms: the topology's are found by their bonds."""
from __future__ import annotations

import contextlib
import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import networkx as nx
import numpy as np
import pydantic
from numpy.typing import NDArray

from backmap.api import AtomMolecule, AtomTopology, BeadModel, InputPath, MappingReader, Options
from backmap.errors import BackmapError
from backmap.model.inputs import CGSMILES, ToldSide
from backmap.model.isomers import CIS, TRANS

from ...chemistry.cip import stereocentres_of
from ...chemistry.elements import element_of
from ...chemistry.graph_match import refined
from ...chemistry.skeleton import Skeleton
from ...files.reading import as_list, read_text
from .bead_model import Bead, Weights, bead_model, known, weighted

#: No molecule has more repeat units; a slip in a number would fill the memory.
_MOST = 100_000


def _string_or_file(value: Any, handler: Callable[[Any], Any]) -> Any:
    return value if isinstance(value, str) and value.lstrip().startswith("{") else handler(value)


Source = Annotated[InputPath, pydantic.WrapValidator(_string_or_file)]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, dict) else as_list(value)


class Cgsmiles(MappingReader):
    """CGsmiles strings, read by the cgsmiles package.

    Beads are those of the last resolution above the atoms, in the order of the string, and are named by their type and
    number: A1, A2, B3. Atoms are matched to those of the topology by elements, hydrogens and bonds. Labels R and S
    (`[C;x=R]`) tell the handedness of stereocentres.

    Grünewald et al., J. Chem. Inf. Model. 2025, doi 10.1021/acs.jcim.5c00064.
    """

    class Options(Options):
        molecules: Annotated[dict[str, Source] | list[Source], pydantic.BeforeValidator(_as_list), pydantic.Field(
            min_length=1, description="Molecule type: its CGsmiles string, or a file that holds it. Without names, "
                                      "each string is for the one molecule type that it fits.")]
        weights: Weights = pydantic.Field(
            "geometry", description="geometry: the weights of the string (`[C;0.5]`, by default 1); mass: these times "
                                    "the atoms' masses.")

    options: Options

    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        given = self.options.molecules
        named = given.items() if isinstance(given, dict) else [(None, source) for source in given]
        models: dict[str, BeadModel] = {}
        for name, source in named:
            string = _String.read(source)
            molecule = string.chosen(name, topology)
            if molecule.name in models:
                raise BackmapError(f"molecule type '{molecule.name}' is mapped twice", where=string.where)
            models[molecule.name] = string.model(molecule, self.options.weights)
        return models


@dataclass(frozen=True)
class _String:
    """One string and what it says.

    Attributes:
        where: The file, or the string itself.
        beads: Their graph; nodes carry ``fragname``.
        atoms: Graph of all atoms.
        shares: Weight of each atom by bead.
    """

    where: str
    beads: nx.Graph
    atoms: nx.Graph
    shares: dict[int, dict[int, float]]

    @classmethod
    def read(cls, source: Any) -> _String:
        """A string, or a file that holds one.

        Raises:
            BackmapError: If the cgsmiles package cannot read it.
        """
        literal = isinstance(source, str)
        text = "".join((source if literal else read_text(source)).split())
        where = f"'{text[:37]}...'" if literal and len(text) > 40 else f"'{text}'" if literal else str(source)
        if _repeats(text) > _MOST:
            raise BackmapError(f"has more than {_MOST} repeat units", where=where,
                               hint="Look at the numbers after `|`.")
        from cgsmiles import MoleculeResolver  # a fifth of a second

        try:
            with contextlib.redirect_stdout(io.StringIO()):
                resolver = MoleculeResolver.from_string(text)
                beads, atoms = resolver.resolve_all()
        except Exception as error:  # the package raises whatever comes
            reason = str(error).splitlines()[0] if str(error) and isinstance(error, SyntaxError) else ""
            raise BackmapError("is no CGsmiles string with atoms" + (f" ({reason})" if reason else ""), where=where,
                               hint="Write beads, then their atoms: {[#A][#B]}.{#A=[$]CC,#B=[$]CO}.") from None
        fragments = resolver.fragment_dicts[-1]
        return cls(where, beads, atoms, {node: _shares(atoms, node, fragments) for node in atoms})

    @property
    def skeleton(self) -> Skeleton:
        """The atoms of the string without hydrogens."""
        element = {node: element_of(None, None, symbol or "") for node, symbol in self.atoms.nodes(data="element")}
        return Skeleton.of(self.atoms, element, {})

    def chosen(self, name: str | None, topology: AtomTopology) -> AtomMolecule:
        """The molecule type that the string is for: the one of this name, or the only one with the same skeleton.

        Raises:
            BackmapError: If there is no such molecule type, or there are several.
        """
        if name is not None:
            if name not in topology.types:
                raise BackmapError(f"'{name}' is no molecule type of {topology.where}", where=self.where,
                                   hint=known(name, topology.types))
            return topology.types[name]
        ours = self.skeleton
        fitting = [molecule for molecule in topology.types.values() if ours.found_in(_skeleton(molecule)) is not None]
        if len(fitting) != 1:
            listed = ", ".join(molecule.name for molecule in fitting)
            raise BackmapError(f"fits several molecule types of {topology.where}: {listed}" if fitting else
                               f"is {ours.formula}, which fits no molecule type of {topology.where}", where=self.where,
                               hint="Write `molecules: {NAME: string}`." if fitting else "They are: " + ", ".join(
                                   f"{molecule.name} {_skeleton(molecule).formula}"
                                   for molecule in topology.types.values()) + ".")
        return fitting[0]

    def model(self, molecule: AtomMolecule, weights: Weights) -> BeadModel:
        """The beads of a molecule type.

        Raises:
            BackmapError: If its atoms and bonds are not those of the string, or leave open which atom is which.
        """
        ours, theirs = self.skeleton, _skeleton(molecule)
        found = ours.located_in(theirs)
        if found is None:
            raise BackmapError(ours.unlike(theirs, molecule.name), where=self.where,
                               hint="Write all atoms; hydrogens follow from valences.")
        self._expect_clear(ours, theirs, found, molecule)
        beads = []
        for number, bead in enumerate(sorted(self.beads)):
            kind = str(self.beads.nodes[bead]["fragname"])
            atoms = {found[node]: share[bead] for node, share in sorted(self.shares.items())
                     if bead in share and node in found}
            beads.append(Bead(f"{kind}{number + 1}", kind, list(atoms),
                              weighted(molecule, list(atoms), list(atoms.values()), weights), self.where))
        place = {bead: number for number, bead in enumerate(sorted(self.beads))}
        bonds = [(place[i], place[j]) for i, j, order in self.beads.edges(data="order", default=1) if order]
        stereocentres, remarks = self._stereocentres(molecule, found)
        return bead_model(molecule, beads, bonds=bonds, stereocentres=stereocentres, remarks=remarks,
                          sides=self._sides(found), isomers_by=CGSMILES)

    def _sides(self, found: dict[int, int]) -> list[ToldSide]:
        """Sides of double bonds that the string writes with slashes; hydrogens that it does not write count, too."""
        meaning = {"cis": CIS, "trans": TRANS}
        told = [(tuple(found[node] for node in quad), word) for _, listed in self.atoms.nodes(data="ez_isomer")
                for *quad, word in listed or () if all(node in found for node in quad)]
        return [ToldSide(atoms, meaning[word], self.where) for atoms, word in told]

    def _expect_clear(self, ours: Skeleton, theirs: Skeleton, found: dict[int, int], molecule: AtomMolecule) -> None:
        """Atoms that only the topology's types tell apart must not go to different kinds of beads."""
        alike, = refined([theirs.graph], [theirs.labels])
        typed, = refined([theirs.graph], [{atom: (label, molecule.atom_types[atom])
                                           for atom, label in theirs.labels.items()}])
        back = {atom: node for node, atom in found.items()}
        first: dict[int, int] = {}
        apart = [(first.setdefault(alike[atom], atom), atom) for atom in theirs.graph]
        apart = [(one, other) for one, other in apart if typed[one] != typed[other]
                 and self._bead_kinds(back[one]) != self._bead_kinds(back[other])]
        if apart:
            kinds = molecule.atom_types
            one, other = next(((i, j) for i, j in apart if kinds[i] != kinds[j]), apart[0])
            raise BackmapError(f"fits molecule type '{molecule.name}' in several ways: {molecule.atom_names[one]} and "
                               f"{molecule.atom_names[other]} have the same bonds, but are of different types or have "
                               "such neighbours", where=self.where,
                               hint="Write the mapping in YAML, which names atoms.")

    def _bead_kinds(self, node: int) -> list[tuple[str, float]]:
        return sorted((str(self.beads.nodes[bead]["fragname"]), share) for bead, share in self.shares[node].items())

    def _stereocentres(self, molecule: AtomMolecule,
                       found: dict[int, int]) -> tuple[NDArray[np.int64] | None, list[str]]:
        """Stereocentres that are labelled, and what of the string is not used."""
        labels = {found[node]: str(label) for node, label in self.atoms.nodes(data="chiral") if label}
        stereocentres = [[centre, *arms] for centre, arms in stereocentres_of(molecule, labels)] if labels else []
        remarks = []
        if len(stereocentres) < len(labels):
            remarks.append(f"{molecule.name}: {len(labels) - len(stereocentres)} of {len(labels)} labels R or S of "
                           f"{self.where} are not used: they are of no stereocentres with four neighbours")
        return np.array(stereocentres, dtype=np.int64).reshape(-1, 4) if stereocentres else None, remarks


def _repeats(text: str) -> int:
    """The most units that the repeats of a string (``[#A]|100``) may come to, over all its resolutions."""
    levels = ([int(number) for number in re.findall(r"\|(\d+)", level)] for level in text.split("}"))
    return math.prod(max(1, math.prod(numbers) if ")|" in text else sum(numbers)) for numbers in levels)


def _skeleton(molecule: AtomMolecule) -> Skeleton:
    return Skeleton.of_topology(molecule.element, molecule.mass, molecule.bonds)


def _shares(atoms: nx.Graph, node: int, fragments: dict[str, nx.Graph]) -> dict[int, float]:
    """Weights of an atom in its beads; hydrogens that the string does not write have those of their neighbour."""
    attributes = atoms.nodes[node]
    if "mapping" not in attributes:
        neighbour = next(iter(atoms[node]), None)
        if neighbour is not None and "mapping" in atoms.nodes[neighbour]:
            return _shares(atoms, neighbour, fragments)
        return dict.fromkeys(attributes["fragid"], float(attributes.get("weight", 1)))
    return {bead: float(fragments[name].nodes[inner].get("weight", 1))
            for bead, (name, inner) in zip(attributes["fragid"], attributes["mapping"], strict=True)}
