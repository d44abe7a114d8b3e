"""``backmap bottleneck``: from files of several formats to a verdict and a mapping."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca

from backmap.session import run
from tests import command, melts

#: Groups of two are alike in both models, single beads are not.
WIDTHS = {"x": 0.15, "y": 0.35}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    for name, width in WIDTHS.items():
        positions = melts.paired(rng, 12, 16, 8, width)
        melts.gro(tmp_path / f"{name}.gro", positions)
        melts.pdb(tmp_path / f"{name}.pdb", positions)
        melts.dump(tmp_path / f"{name}.dump", positions, 0.75)
    melts.topology(tmp_path / "kg.itp", 16)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*arguments: str) -> dict:
    done = command.call("bottleneck", *arguments, "-p", "kg.itp", "--sizes", "1,2", "--json", "--force")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_smallest_size_that_matches_is_written(folder: Path) -> None:
    shown = command.succeed("bottleneck", "x.gro", "-p", "kg.itp", "--like", "y.gro", "--sizes", "1,2", "-o", "s2.xml")
    assert "s = 2 is the smallest size that matches" in shown
    assert "differs" in shown
    model = Votca(Votca.Options(files=folder / "s2.xml")).read(Gromacs(Gromacs.Options(file=folder / "kg.itp")).read())
    assert model["KG"].mapping.n_beads == 8
    np.testing.assert_allclose(model["KG"].mapping.weight, 0.5)


def test_files_of_other_formats_give_the_same(folder: Path) -> None:
    first = found("x.gro", "--like", "y.gro")
    for again in (found("x.pdb", "--like", "y.pdb"),
                  found("x.dump", "--like", "y.gro", "--units", "lj", "--sigma", "0.75")):
        assert again["recommended"] == first["recommended"] == 2
        for one, other in zip(first["sizes"], again["sizes"], strict=True):
            values = [[each["value"] for each in size["distances"] if each["kind"] != "g(r)"] for size in (one, other)]
            np.testing.assert_allclose(*values, atol=0.005)


def test_the_same_seed_gives_the_same_numbers(folder: Path) -> None:
    first, again = (found("x.gro", "--like", "y.gro") for _ in range(2))
    assert first == again


def test_a_size_that_is_asked_for_needs_no_frames(folder: Path) -> None:
    assert "groups of 3: 16 beads of KG to 6" in command.succeed("bottleneck", "-p", "kg.itp", "--size", "3")
    assert (folder / "bottleneck.xml").read_text().count("<cg_bead>") == 6


def test_the_exit_code_says_that_none_matches(folder: Path) -> None:
    done = command.call("bottleneck", "x.gro", "-p", "kg.itp", "--like", "y.gro", "--sizes", "1")
    assert done.code == 1
    assert "bottleneck.xml: not written, as no size matches" in done.err
    assert not (folder / "bottleneck.xml").exists()


def test_the_step_of_a_recipe_does_the_same(folder: Path) -> None:
    (folder / "run.yaml").write_text("""\
recipe: 1
output: out
steps:
  - bottleneck:
      topology: {gromacs: kg.itp}
      beads: {gromacs: x.gro}
      like: {gromacs: y.gro}
      sizes: [1, 2]
      output: s2.xml
""")
    run(folder / "run.yaml")
    assert (folder / "out" / "s2.xml").read_text().count("<cg_bead>") == 8
