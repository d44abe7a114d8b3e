"""The house has floors: an import goes down, never up, and core names no plugin."""
from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import networkx as nx
import pytest

from docs.reference import rooms

ROOT = rooms.ROOT

#: From the ground up. A room imports from its own floor and from those below.
FLOORS = {
    "backmap": ("errors", "stock", "fields", "model", "engine", "contracts", "hookspecs", "api", "recipe", "running",
                "checking", "starting", "session", "scaffold", "commands", "__main__"),
    "backmap.engine": ("random", "relaxation", "flags", "compiling", "rings", "geometry", "sites", "checkpoints",
                       "energy", "forces", "tabulated", "metropolis", "hamiltonian", "grafts", "mending", "refolding",
                       "relieving", "rotating", "carrying", "identities"),
    "backmap_plugins": ("chemistry", "files", "handed", "molecules", "environments", "bottleneck",
                        "openmm_bridge", "fit", "learning", "report", "KINDS"),
}
#: Rooms that stand beside the stairs, and what they may lean on.
BESIDE = {"testing": {"errors", "model", "engine", "api", "running", "session"}}
#: Kinds of plugins, next to each other on the top floor of plugins.
KINDS = {"assessors", "checkers", "ensembles", "forcefields", "formats", "generators", "morphers", "refiners",
         "regularizers", "steps", "traversals"}

COMPUTING = {"torch", "vesin", "scipy"}
NEVER_IN_CORE = {"rdkit", "MDAnalysis", "e3nn", "openmm", "backmap_plugins", "plugins"}
DEVICES = ROOT / "backmap" / "running" / "pipeline.py"  #: asks which device there is, and how many threads
FOR_PLUGINS = {"api", "engine", "model", "errors", "hookspecs"}

CORE = sorted((ROOT / "backmap").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("package", FLOORS)
def test_imports_go_down(package: str) -> None:
    floors = FLOORS[package]
    height = {room: floors.index("KINDS" if room in KINDS else room) for room in rooms.children(package)
              if room not in BESIDE}
    for here, there in rooms.graph(package).edges:
        if here in BESIDE:
            assert there in BESIDE[here], f"{package}.{here} does not lean on {there}"
        else:
            assert there not in BESIDE, f"{package}.{here} imports from {there}, which stands beside"
            assert height[here] > height[there], f"{package}.{here} imports from {there}, which is upstairs"


@pytest.mark.parametrize("package", rooms.packages())
def test_no_imports_go_in_circles(package: str) -> None:
    """Type annotations may: a contract names what stands above it."""
    assert not list(nx.simple_cycles(rooms.graph(package)))


@pytest.mark.parametrize("path", CORE, ids=label)
def test_core_computes_in_the_engine_and_knows_no_format(path: Path) -> None:
    room = path.relative_to(ROOT).parts[1]
    for name, typing in rooms.imports(path):
        top = name.split(".")[0]
        assert top not in NEVER_IN_CORE, f"core must not import {name}"
        if top in COMPUTING and not typing:
            assert room in {"engine", "testing"} or path == DEVICES, f"{name} in the engine"


@pytest.mark.parametrize("path", PLUGINS, ids=label)
def test_plugins_lean_on_what_is_meant_for_them(path: Path) -> None:
    for name, _ in rooms.imports(path):
        top, *rest = name.split(".")
        if top == "backmap":
            assert rest[0] in FOR_PLUGINS, f"{name} is not a plugin's business"


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=label)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


#: What is called alike because it is alike: plugins of a program or a method, and their options; parts of networks.
ALIKE = {"Amber", "Charmm", "Gromacs", "Lammps", "Pdb", "Votca", "Vae", "VaeOptions", "EnergyOptions", "Angles",
         "Encoder", "Prior", "Sight", "SoftBeads"}


def test_no_class_name_means_two_things() -> None:
    named = Counter(node.name for path in CORE + PLUGINS for node in ast.parse(path.read_text()).body
                    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))
    assert {name for name, count in named.items() if count > 1} == ALIKE
