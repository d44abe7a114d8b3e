"""Plugins that hand over what does not fit, and the one line that the command prints for each."""
from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import indent

import pytest

from tests.breaking import DEMO, check_one_line, run

INPUTS = ("octane.top", "octane.xml", "cg.gro")
RECIPE = """\
recipe: 1
seed: 7
output: out
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}}
  - read: {beads: {gromacs: cg.gro}}
  - forward: {generator: template}
  - write: {atoms: {gromacs: atoms.gro}}
"""
PLUGIN = """\
import sys
from pathlib import Path
import numpy as np
import torch
from backmap import api, hookimpl
from backmap.engine.sites.contracts import Draw, Order, View
from backmap.model.assessment import Assessment

@hookimpl
def backmap_{hook}():
    return {{"mine": Mine}}

class Mine(api.{kind}):
    '''Wrong.'''
{body}
"""


def plugin(hook: str, kind: str, body: str, old: str, new: str) -> tuple[str, str]:
    """A plugin file, and the recipe that asks for it."""
    assert old in RECIPE
    return PLUGIN.format(hook=hook, kind=kind, body=indent(body, "    ")), RECIPE.replace(old, new)


def generator(body: str, new: str = "mine", view: str = "View()") -> tuple[str, str]:
    """One that draws ``positions``, a cloud, with a change."""
    draw = ("def draw(self, env, rng, candidates=1):\n"
            "    positions = 0.1 * rng.normal(candidates, env.block.shape[1], 3)\n")
    return plugin("generators", "Generator",
                  f"parallel, view = True, {view}\n{draw}{indent(body, '    ')}\n    return Draw(positions)",
                  "generator: template", f"generator: {new}")


def regularizer(energy: str) -> tuple[str, str]:
    """One with this energy of ``squares``, (S, K)."""
    body = ("def energy(self, env, positions):\n    squares = positions.square().nan_to_num().sum((2, 3))\n"
            f"    return {energy}")
    return plugin("regularizers", "Regularizer", body, "generator: template",
                  "generator: template, regularizer: mine, candidates: 2")


def traversal(ranks: str, parents: str = "[-1, 0, 1, 2]") -> tuple[str, str]:
    body = f"def order(self, molecule, rng):\n    return Order(np.array({ranks}), np.array({parents}))"
    return plugin("traversals", "Traversal", body, "generator: template", "generator: template, traversal: mine")


def refiner(body: str) -> tuple[str, str]:
    return plugin("refiners", "Refiner", f"def refine(self, window, system, rng, only):\n{indent(body, '    ')}",
                  "  - write", "  - refine: mine\n  - write")


def morpher(body: str) -> tuple[str, str]:
    """One with these lines, in which ``beads``, (B, 3), are those of the frame."""
    body = f"beads = window.beads[0].copy()\n{body}"
    return plugin("morphers", "Morpher", f"def morph(self, window, seed):\n{indent(body, '    ')}",
                  "  - forward", "  - morph: {morpher: mine}\n  - forward")


def assessor(flags: str, conclusion: str = "Assessment()") -> tuple[str, str]:
    body = ("def measure(self, frame, tally):\n    tally.row('x', frame.index, [1.0])\n"
            f"    return {flags}\ndef conclude(self, tally, reference):\n    return {conclusion}")
    return plugin("assessors", "Assessor", body, "  - write", "  - assess: mine\n  - write")


def surface(values: str, edges: str = "np.arange(3), np.arange(4)", **others: str) -> str:
    """Of 2 × 3 bins, or what else is asked for."""
    more = "".join(f", {name}={value}" for name, value in others.items())
    return f"Assessment(surfaces=[api.Surface('maps', 'map', ('x', 'y'), ('', ''), ({edges}), {values}{more})])"


def reader(n_frames: str, frame: str) -> tuple[str, str]:
    body = (f"n_frames, n_points, where = {n_frames}, 256, 'mine.xyz'\n"
            "def open(self):\n    return self\n"
            f"def frame(self, number):\n    points = np.zeros((256, 3))\n    return {frame}")
    return plugin("readers", "Reader", body, "beads: {gromacs: cg.gro}", "beads: mine")


def writer(pieces: str) -> tuple[str, str]:
    body = ("def paths(self):\n    return [Path('a.txt'), Path('b.txt')]\n"
            f"def encode(self, window, system, first):\n    return {pieces}")
    return plugin("writers", "Writer", body, "gromacs: atoms.gro", "mine: {}")


def step(body: str) -> tuple[str, str]:
    return plugin("steps", "Step", f"def frames(self, window, state):\n{indent(body, '    ')}",
                  "  - write", "  - mine\n  - write")


def file(source: str) -> tuple[str, str]:
    """A plugin file of one's own."""
    return f"import sys\nfrom backmap import hookimpl\n{source}", RECIPE.replace("template", "mine")


FORWARD = "run.yaml: steps[2].forward: "
MORPH = "run.yaml: steps[2].morph.morpher.mine"
ASSESS = "run.yaml: steps[3].assess: the assessor 'mine' "
FAULT = ". This is a fault of the plugin: its contract is in backmap/contracts."

NUMBERS = ". The fault is in the plugin, in its weights, or in the beads there."

#: What is wrong, plugin file and recipe, the printed line after "backmap: "; "..." is anything.
TABLE: list[tuple[str, tuple[str, str], str]] = [
    # generators
    ("draws of another shape", generator("positions = positions[..., :2]"),
     f"{FORWARD}the generator 'mine' drew positions of shape (256, 1, 7, 2), expected (256, 1, 7, 3){FAULT}"),
    ("draws that are not numbers", generator("positions[2, 0, 0, 1] = torch.nan"),
     f"{FORWARD}the generator 'mine' drew positions that are not numbers, at 1 of 256 sites (first: frame 0, OCT 1 "
     f"B3){NUMBERS}"),
    ("draws that are infinite", generator("positions[200:] = torch.inf"),
     f"{FORWARD}the generator 'mine' drew positions that are not numbers, at 56 of 256 sites (first: frame 0, OCT 51 "
     f"B1){NUMBERS}"),
    ("positions in place of a draw", generator("return positions"),
     f"{FORWARD}the generator 'mine' drew a Tensor, expected a Draw{FAULT}"),
    ("arrays in place of tensors", generator("positions = positions.numpy()"),
     f"{FORWARD}the generator 'mine' drew positions as an ndarray, expected a Tensor{FAULT}"),
    ("a view that is a number", generator("", view="0.8"),
     f"{FORWARD}the generator 'mine' has as its view a float, expected a View{FAULT}"),
    ("a generator that forgets the system", plugin(
        "generators", "Generator", "parallel, view = True, View()\ndef prepare(self, system, device):\n    pass\n"
        "def draw(self, env, rng, candidates=1):\n    pass", "generator: template", "generator: mine"),
     f"{FORWARD}the generator 'mine' prepared nothing, expected a System{FAULT}"),
    # regularizers and traversals
    ("energies of another shape", regularizer("squares.sum(1)"),
     f"{FORWARD}the regularizer 'mine' gave energies of shape (256,), expected (256, 2){FAULT}"),
    ("energies that are not numbers", regularizer("torch.where(squares < squares[0, 0], torch.nan, squares)"),
     f"{FORWARD}the regularizer 'mine' gave energies that are not numbers, at ... of 256 sites (first: frame 0, OCT "
     f"...{NUMBERS}"),
    ("ranks of some of the beads", traversal("[0, 1, 2]"),
     f"{FORWARD}the traversal 'mine' gave ranks of OCT of shape (3,), expected (4,){FAULT}"),
    ("ranks with a gap", traversal("[0, 1, 2, 4]"),
     f"{FORWARD}the traversal 'mine' gave ranks of OCT that are not 0, 1, 2, ...{FAULT}"),
    ("a parent that is drawn later", traversal("[0, 1, 2, 3]", "[-1, 2, 1, 2]"),
     f"{FORWARD}the traversal 'mine' gave bead B2 of OCT a parent that does not come before it{FAULT}"),
    # morphers
    ("morphed beads of another number", morpher("return api.Morphed(beads[:5])"),
     f"{MORPH}: the morpher 'mine' gave beads of shape (5, 3), expected (256, 3){FAULT}"),
    ("morphed beads that are not numbers", morpher("beads[3:6, 1] = np.nan\nreturn api.Morphed(beads)"),
     f"{MORPH}: the morpher 'mine' moved beads to positions that are not numbers: 3 beads (first: frame 0, OCT 1 B4)."
     " The fault is in the morpher, in its weights, or in the beads there."),
    ("a morpher that returns beads alone", morpher("return beads"),
     f"{MORPH}: the morpher 'mine' gave an ndarray, expected a Morphed{FAULT}"),
    ("a morpher that raises", morpher("raise api.BackmapError('chains of 4 beads are too short', hint='Take longer "
                                      "ones.')"),
     f"{MORPH}: chains of 4 beads are too short. Take longer ones."),
    ("a morpher that leaves what is not there", plugin(
        "morphers", "Morpher", "left = ['W']\ndef morph(self, window, seed):\n    pass",
        "  - forward", "  - morph: {morpher: mine}\n  - forward"),
     f"{MORPH}: the morpher 'mine' leaves 'W' as it is, which is no molecule type{FAULT}"),
    ("moves that a morpher does not have", morpher("return api.Morphed(beads, {('jump', 'B'): np.ones((2, 2), int)})"),
     f"{MORPH}: the morpher 'mine' gave moves 'jump', which are not among its own{FAULT}"),
    ("moves of another shape", morpher("self.moves = ['jump']\n"
                                       "return api.Morphed(beads, {('jump', 'B'): np.ones(2, int)})"),
     f"{MORPH}: the morpher 'mine' gave as moves 'jump' of B counts of shape (2,), expected (2, 2){FAULT}"),
    # refiners and assessors
    ("refined atoms that are not numbers", refiner("atoms = window.atoms.copy()\natoms[0, 30] = np.nan\n"
                                                   "return window.with_atoms(atoms)"),
     "run.yaml: steps[3].refine: the refiner 'mine' moved atoms to positions that are not numbers: 1 atom (first: "
     "frame 0, OCT 2 B1). Leave the frame out with --frames, or change the steps before."),
    ("refined atoms of another number", refiner("return window.with_atoms(window.atoms[:, :5])"),
     f"run.yaml: steps[3].refine: the refiner 'mine' gave atoms of shape (1, 5, 3), expected (1, 1664, 3){FAULT}"),
    ("a refiner that returns nothing", refiner("pass"),
     f"run.yaml: steps[3].refine: the refiner 'mine' gave nothing, expected a Window{FAULT}"),
    ("flags of atoms instead of beads", assessor("{'bad': np.zeros(1664, dtype=bool)}"),
     f"run.yaml: steps[3].assess: the assessor 'mine' gave flags 'bad' of shape (1664,), expected (256,){FAULT}"),
    ("flags that are counts", assessor("{'bad': np.zeros(256)}"),
     f"run.yaml: steps[3].assess: the assessor 'mine' gave flags 'bad' of float64, expected bool{FAULT}"),
    ("a surface of another shape", assessor("None", surface("np.ones((3, 2))")),
     f"{ASSESS}concluded map density with values of shape (3, 2), expected (2, 3){FAULT}"),
    ("a surface that is infinite", assessor("None", surface("np.full((2, 3), np.inf)")),
     f"{ASSESS}concluded map density with values that are neither numbers nor NaN{FAULT}"),
    ("a surface whose edges fall", assessor("None", surface("np.ones((2, 3))", "np.arange(3), -np.arange(4)")),
     f"{ASSESS}concluded map density with y edges that do not increase{FAULT}"),
    ("a surface with one axis", assessor("None", surface("np.ones((2, 3))", "np.arange(3),")),
     f"{ASSESS}concluded map density with 1 edges, expected 2{FAULT}"),
    ("errors of a surface of another shape", assessor("None", surface("np.ones((2, 3))", errors="np.ones(6)")),
     f"{ASSESS}concluded map density with errors of shape (6,), expected (2, 3){FAULT}"),
    ("points of a surface in space", assessor("None", surface("np.ones((2, 3))", points="np.ones((4, 3))")),
     f"{ASSESS}concluded map density with points of shape (4, 3), expected (4, 2){FAULT}"),
    ("texts for other points", assessor("None", surface("np.ones((2, 3))", points="np.ones((4, 2))", hover="['a']")),
     f"{ASSESS}concluded map density with 1 texts for 4 points{FAULT}"),
    # readers, writers and steps
    ("a force field with a charge that is no number", plugin(
        "forcefields", "ForceFieldReader", "def read(self, system):\n"
        "    from backmap.testing.examples import example_forcefield\n    field = example_forcefield(system)\n"
        "    field.molecules['OCT'].charge[3] = np.nan\n    return field",
        "  - read", "  - forcefield: mine\n  - read"),
     "run.yaml: steps[1].forcefield: ...1 of the charges of OCT are not numbers. Mend the file that they come from."),
    ("frames that nobody counted", reader("None", "None"),
     f"run.yaml: steps[1].read: the reader 'mine' gave frames whose n_frames is None, expected a whole number{FAULT}"),
    ("positions without frames", reader("1", "points"),
     f"mine.xyz: frame 0: the reader 'mine' gave an ndarray, expected a FrameInfo{FAULT}"),
    ("positions in a plane", reader("1", "api.FrameInfo(points[:, :2], np.eye(3), 0.0)"),
     f"mine.xyz: frame 0: the reader 'mine' gave positions of shape (256, 2), expected (256, 3){FAULT}"),
    ("no time", reader("1", "api.FrameInfo(points, np.eye(3), None)"),
     f"mine.xyz: frame 0: the reader 'mine' gave None as the time, expected ps{FAULT}"),
    ("fewer pieces than files", writer("[b'one']"),
     f"run.yaml: steps[3].write: the writer 'mine' encoded fewer pieces than its 2 files{FAULT}"),
    ("more pieces than files", writer("[b'one', b'two', b'three']"),
     f"run.yaml: steps[3].write: the writer 'mine' encoded more pieces than its 2 files{FAULT}"),
    ("text instead of bytes", writer("['one', 'two']"),
     f"run.yaml: steps[3].write: the writer 'mine' encoded for a.txt a str, expected a bytes{FAULT}"),
    ("a step that returns nothing", step("pass"),
     f"run.yaml: steps[3].mine: the step 'mine' handed on nothing, expected a Window{FAULT}"),
    ("atoms that are not numbers at the end", step("window.atoms[0, 60:70, 2] = np.inf\nreturn window"),
     "run.yaml: steps[4].write: atoms have positions that are not numbers: 10 atoms (first: frame 0, OCT 3 B2). "
     "Leave the frame out with --frames, or change the steps before."),
    # plugin files
    ("a hook that returns a list", file("@hookimpl\ndef backmap_generators():\n    return ['mine']\n"),
     "run.yaml: steps[2].forward: plugin 'wrong': backmap_generators returned a list, expected {name: "
     "class}. Correct it, or leave it out with BACKMAP_BLOCK=wrong."),
    ("a plugin file that ends the program", file("sys.exit(0)\n"),
     "wrong.py: the plugin file cannot be loaded: SystemExit: 0"),
]


def prepared(case: tuple[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A folder with a recipe and a plugin; the arguments that run it."""
    for name in INPUTS:
        shutil.copyfile(DEMO / name, folder / name)
    for name, text in zip(("wrong.py", "run.yaml"), case):
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return ["run", "run.yaml", "--plugin", "wrong.py"]


@pytest.mark.parametrize(("case", "expected"), [pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(case: tuple[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    check_one_line(tmp_path, prepared(case, tmp_path, monkeypatch), expected, capsys)


def test_atoms_that_are_not_drawn_may_be_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    case = generator("positions[~env.block[:, None].expand(positions.shape[:3])] = torch.nan")
    code, _, err = run(tmp_path, *prepared(case, tmp_path, monkeypatch), capsys=capsys)
    assert code == 0, err
    assert "nan" not in (tmp_path / "out" / "atoms.gro").read_text()


def test_an_assessor_that_concludes_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(tmp_path, *prepared(assessor("None", "3.0"), tmp_path, monkeypatch), capsys=capsys)
    assert code == 2
    assert err.splitlines()[-1] == ("backmap: run.yaml: steps[3].assess: the assessor 'mine' concluded a float, "
                                    f"expected an Assessment{FAULT}")


def test_a_plugin_cannot_end_a_run_as_a_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    words = prepared(step("sys.exit(0)"), tmp_path, monkeypatch)
    code, _, err = run(tmp_path, *words, capsys=capsys)
    assert code == 1
    assert err.splitlines()[-1] == ("backmap: unexpected RuntimeError: the program was to end amid its work, with exit "
                                    "code 0. This is a bug, of backmap or of a plugin; run again with --debug to see "
                                    "where")
    assert not (tmp_path / "out" / "run.json").exists()
