"""Mapping libraries of others: how many of their files are read, and that a protein needs no edit."""
from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from backmap.api import MappingReader, TopologyReader
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.starting import libraries
from tests import command

HAS_VERMOUTH = find_spec("vermouth") is not None or "vermouth" in os.environ.get(libraries.VARIABLE, "")


@pytest.fixture(scope="module")
def data(reference_data: Path) -> Path:
    return reference_data / "martini"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry().discover()


def test_backward(registry: Registry, data: Path) -> None:
    """All 107; its own reader prints an error for DOPS, TOG, DOPE, DOPG and POPG, of which a warning is given here."""
    held = libraries.contents({"backward": data / "backward_maps"}, registry)
    assert (held.files, held.errors, len({one.path for one in held.found})) == ({"backward": 107}, [], 107)
    warned = {one.path.name.partition(".")[0] for one in held.found if one.entry.remarks}
    assert warned == {"dope", "dopg", "dops", "tog", "popg", "popc", "pope", "reyp"}
    beads = {bead for one in held.found if one.path.name == "dops.charmm36.map" for bead in one.entry.beads}
    assert {"CN0", "PO4"} < beads
    assert not {"CNO", "NC3"} & beads


def test_small_molecules(registry: Registry, data: Path) -> None:
    """All 90 in both formats fit the topologies that come with them, and have as many beads as the model has."""
    files = sorted((data / "small_molecules" / "mapping").iterdir())
    assert len(files) == 180
    for file in files:
        name = file.name.split("_")[0]
        atoms = {"gromacs": str(data / "small_molecules" / "aa" / f"{name}_LigParGen.itp")}
        topology = recipe.built(TopologyReader, atoms, Path(), registry).read()
        entry = {"ndx" if file.suffix == ".ndx" else "vermouth": str(file)}
        reader = recipe.built(MappingReader, entry, Path(), registry)
        model, = reader.read(topology).values()
        rows = (data / "small_molecules" / "gro" / f"{name}.gro").read_text().splitlines()
        assert len(model.bead_names) == int(rows[1]), file.name


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gmx") is None, reason="gmx is not installed")
@pytest.mark.skipif(not HAS_VERMOUTH, reason="vermouth is not installed, nor named in BACKMAP_MAPPINGS")
@pytest.mark.parametrize("force_field", ["amber99sb-ildn", "charmm27"])
def test_ubiquitin_needs_no_edit(force_field: str, data: Path, tmp_path: Path,
                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """pdb2gmx's topology, the beads of a Martini 3 run, and martinize2's mappings: no error and no warning."""
    protein = [line for line in (data / "ubiquitin" / "1ubq.pdb").read_text().splitlines() if "HOH" not in line]
    (tmp_path / "protein.pdb").write_text("\n".join(protein) + "\n")
    subprocess.run(["gmx", "pdb2gmx", "-f", "protein.pdb", "-ff", force_field, "-water", "tip3p", "-ignh"],
                   cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    said = command.succeed("init", "--from", "martini3", "-p", "topol.top", "-c",
                           data / "ubiquitin" / "system_equi2.gro", "-t", 300)
    assert "recipe.yaml: no errors, no warnings" in said
    topology = yaml.safe_load((tmp_path / "recipe.yaml").read_text())["steps"][0]["topology"]
    assert list(topology["mapping"]) == ["vermouth"]
    assert topology["several"] == {"W": {"molecules": "SOL", "count": 4}}
    assert topology["exclude"] == {"NA": ["ION:NA"], "CL": ["ION:CL"]}
    assert {name: topology["molecules"][name] for name in ("SOL", "NA", "CL")} == {"SOL": 35276, "NA": 97, "CL": 97}
