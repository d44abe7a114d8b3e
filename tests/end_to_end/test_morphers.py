"""Morphers by name: what a recipe implies and what it says are the same, and errors are where they are written."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import backmap
from backmap import api, testing
from backmap.errors import BackmapError
from backmap.recipe.registry import Registry, kind_of
from backmap.testing.runs import quiet
from tests import melts
from tests.breaking import run
from tests.end_to_end import test_morph

from ..test_docs import ROOT, blocks

IMPLIED = ("morph: {bottleneck: 2, generator: {splitting: learned/weights.safetensors}, scheme: A, sweeps: 1}", "morph")
NAMED = (IMPLIED[0].replace("morph: ", "morph: {morpher: {bottleneck: ") + "}}", "morph.morpher.bottleneck")


def recipe(folder: Path, line: str) -> Path:
    """The recipe of ``test_morph`` with another line for the step."""
    text = test_morph.MORPH.format(chains=5, scheme="A", sweeps=1)
    assert IMPLIED[0] in text
    (folder / "morph.yaml").write_text(text.replace(IMPLIED[0], line))
    return folder / "morph.yaml"


@pytest.fixture(scope="module")
def melt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two small melts, and weights that have seen nearly nothing."""
    folder = tmp_path_factory.mktemp("morphers")
    test_morph.written(folder, 5, 8, 3)
    test_morph.trained(folder, 5, 4, 16)
    return folder


def test_both_forms_give_the_same_bytes(melt: Path) -> None:
    made = []
    for line, _ in (IMPLIED, NAMED):
        backmap.run(recipe(melt, line), display=quiet(), force=True)
        made.append((melt / "morphed/morphed.trr").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(("line", "place"), [IMPLIED, NAMED])
@pytest.mark.parametrize(("old", "new", "inside", "problem"), [
    ("scheme: A", "scheme: C", ".scheme", "should be 'A' or 'B', not 'C'"),
    ("scheme: A", "shceme: A", "", "no option is called 'shceme'. Did you mean 'scheme'?"),
    ("bottleneck: 2, ", "", "", "the option 'bottleneck' is missing"),
    ("learned/weights", "lost", ".generator.splitting.checkpoint", "there is no file 'lost.safetensors'"),
    ("scheme: A, sweeps: 1", "scheme: B, sweeps: 0", "", "scheme B without sweeps changes nothing"),
    ("splitting: learned/weights.safetensors", "template: {}", ".generator", "the draws of this generator cannot be"),
    ("bottleneck: 2,", "bottleneck: 3, remainder: error,", ": KG", "8 beads do not make groups of 3"),
])
def test_errors_are_where_they_are_written(melt: Path, line: str, place: str, old: str, new: str, inside: str,
                                           problem: str) -> None:
    assert old in line
    place = f"{melt / 'morph.yaml'}: steps[2].{place}{inside}: "
    with pytest.raises(BackmapError, match=f"^{re.escape(place)}{re.escape(problem)}"):
        backmap.run(recipe(melt, line.replace(old, new)), display=quiet(), force=True)


def test_the_morpher_of_the_page(melt: Path) -> None:
    """Displacements are N(0, 0.02^2) in every component: 360 numbers, their standard deviation within 4 errors."""
    plugin = melt / "widen.py"
    code, = (code for code in blocks(ROOT / "docs" / "morphing.md", "python") if "backmap_morphers" in code)
    plugin.write_text(code)
    widen = Registry().load_file(plugin).get(kind_of(api.Morpher), "widen")
    testing.check_morpher(widen(widen.Options()))
    backmap.run(recipe(melt, "morph: {morpher: widen}"), display=quiet(), force=True, plugins=[plugin])
    before, after = (test_morph.positions(path, 5) for path in (melt / "x.gro", melt / "morphed/morphed.trr"))
    moved = after - before
    moved -= melts.BOX * np.round(moved / melts.BOX)
    assert moved.std() == pytest.approx(0.02, abs=4 * 0.02 / np.sqrt(2 * moved.size))


@pytest.mark.parametrize("line", [IMPLIED[0], NAMED[0]])
def test_the_check_knows_how_far_the_generator_of_a_morpher_sees(melt: Path, line: str,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    narrow = "".join(f"{0.7:10.5f}" * 3 + "\n" if text.split() == [f"{melts.BOX:.5f}"] * 3 else text
                     for text in (melt / "x.gro").read_text().splitlines(keepends=True))
    (melt / "narrow.gro").write_text(narrow)
    path = recipe(melt, line)
    path.write_text(path.read_text().replace("x.gro", "narrow.gro"))
    _, out, err = run(melt, "check", str(path), capsys=capsys)
    assert "0.7 nm wide, less than twice the cut-off" in out + err
