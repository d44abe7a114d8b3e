"""Molecules to learn from: which are listed, and how they are cut into beads."""
from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import networkx as nx
import numpy as np
import pytest

RECIPE = Path(__file__).parents[3] / "recipes" / "small_liquids"


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script of the recipe, which imports others beside it."""
    monkeypatch.syspath_prepend(str(RECIPE))
    for one in ("molecules", "mappings", "systems"):
        monkeypatch.delitem(sys.modules, one, raising=False)
    return importlib.import_module(name)


@pytest.mark.parametrize("whole_rings", [False, True])
def test_pieces_are_connected_and_have_each_atom_once(whole_rings: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rings that share a bond, a third one, chains between and behind."""
    graph = nx.cycle_graph(6)
    nx.add_path(graph, [0, 6, 7, 8, 9, 1])
    nx.add_path(graph, [8, 10, 11, 12, 13, 14, 12])
    nx.add_path(graph, [14, 15, 16])
    rings = [{*range(10)}, {12, 13, 14}]
    mappings = script("mappings", monkeypatch)
    for seed in range(10):
        pieces = mappings.pieces_of(graph, 3, np.random.default_rng(seed), whole_rings)
        assert sorted(atom for piece in pieces for atom in piece) == sorted(graph)
        assert all(nx.is_connected(graph.subgraph(piece)) for piece in pieces)
        if whole_rings:
            assert all(any(ring <= {*piece} for piece in pieces) for ring in rings)
        assert max(map(len, pieces)) < (12 if whole_rings else 6)


@pytest.mark.parametrize(("name", "size"), [("ethylbenzene", 3), ("isooctane", 2)])
def test_mappings_here_are_what_the_script_writes(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RECIPE / name
    assert script("mappings", monkeypatch).written(folder / "topol.top", size) == (folder / f"{size}.xml").read_text()


def test_ends_and_links_are_put_together_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rdkit")
    molecules = script("molecules", monkeypatch)
    assert molecules.joined("CC", "C(=O)O", "CC") == "CCOC(=O)CC"
    assert molecules.joined("c1ccc(Cl)cc1", "COC", "C") == "CCOCc1ccc(Cl)cc1"
    assert molecules.joined("OCC", "C", "OCC") is None, "an acetal"
    assert molecules.joined("CC", "O", "OCC") is None, "a peroxide"
    assert molecules.joined("C", "", "CC") is None, "too small"
    hands = molecules.handed("CC(c1ccccc1)CC(C)c1ccccc1")
    assert len(hands) == 3
    assert all("@" in one for one in hands), "two racemic and one meso"
