"""The checker ``bead_bonds``: bonds between beads that a mapping gives, against those that its atoms imply."""
from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import numpy as np

from backmap.api import BeadModel, Checker
from backmap.model.listing import counted, listed
from backmap.model.molecule import graph_of, implied_bead_bonds
from backmap.model.survey import Finding, Survey

Pairs = set[tuple[int, int]]


class BeadBondChecker(Checker):
    """Checks bonds between beads: those that the topology does not imply, missing ones, and molecules in pieces."""

    def check(self, survey: Survey) -> Iterator[Finding]:
        for name, model in survey.models.items():
            implied = implied_bead_bonds(survey.topology.types[name].bonds, model.mapping)
            where = model.where[0] if model.where else survey.place_of("system", "mapping")
            if model.bead_bonds is not None:
                near = _near(model, survey.topology.types[name].bonds)
                yield from _compared(name, model, {*map(tuple, implied.tolist())}, near, where)
            bonds = implied if model.bead_bonds is None else model.bead_bonds
            pieces = nx.number_connected_components(graph_of(len(model.bead_names), bonds))
            if pieces > 1:
                yield Finding("warning", where, f"the beads of {name} are in {pieces} pieces that no bond joins",
                              "Across the boundary of a box they cannot be joined; add the bonds, or map the atoms "
                              "between them.")


def _compared(name: str, model: BeadModel, implied: Pairs, near: Pairs, where: str) -> Iterator[Finding]:
    given = {tuple(pair) for pair in model.bead_bonds.tolist()}
    if strange := sorted(given - implied - near):
        yield Finding("warning", _line(model, strange, where),
                      f"{counted(len(strange), 'bond')} between beads of {name} that no bond of the topology stands "
                      f"for: {_told(model, strange)}", "Is it an elastic network, or are bead names mixed up?")
    if lacking := sorted(implied - given):
        yield Finding("note", _line(model, lacking, where),
                      f"{counted(len(lacking), 'bond')} between beads of {name} that the topology implies, but the "
                      f"mapping does not give: {_told(model, lacking)}",
                      "The mapping counts. Add them, or leave all bonds out to have them implied.")


def _near(model: BeadModel, bonds: np.ndarray) -> Pairs:
    """Beads with atoms that are the same, bonded, or bonded to one and the same atom."""
    of_atom: list[list[int]] = [[] for _ in range(model.mapping.n_atoms)]
    for bead, atom in zip(model.mapping.bead.tolist(), model.mapping.atom.tolist(), strict=True):
        of_atom[atom].append(bead)
    graph = graph_of(model.mapping.n_atoms, bonds)
    around = {a: [b for n in (a, *graph[a]) for b in of_atom[n]] for a in graph}  # beads at most one bond away
    return {(min(one, other), max(one, other)) for beads in around.values() for one in beads for other in beads}


def _line(model: BeadModel, pairs: list[tuple[int, int]], where: str) -> str:
    return model.where[pairs[0][0]] if model.where else where


def _told(model: BeadModel, pairs: list[tuple[int, int]]) -> str:
    return listed([f"{model.bead_names[i]}-{model.bead_names[j]}" for i, j in pairs])
