"""Pages are followed from top to bottom, in a folder that holds what they say they need, and do what they say.

Runs are shortened: one frame, a sweep, two steps of training. The slow tests shorten the training alone.
"""
from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import MDAnalysis
import pytest
import yaml

import backmap
from backmap import stock
from backmap.commands import demo
from tests import scenes
from tests.end_to_end.test_init import call
from tests.test_docs import ROOT, blocks

FENCED = re.compile(r"^```(bash|python|yaml|text)\n(.*?)^```", re.M | re.S)
SAVED = re.compile(r"[Ss]ave [^`]*`([\w./]+)`[^`]*:\s*\Z")  #: what stands before a file
NUMBER = re.compile(r"\d+(?:\.\d+)?")
#: What makes an environment, or calls other programs.
ELSEWHERE = ("python3 -m venv", ".venv/bin/pip", "source .venv/bin/activate", "pip ", "gmx ")

#: Options of steps that shorten a run, and those that shorten a training.
SHORT = {
    "gibbs": {"sweeps": 1, "repair": 0},
    "hamiltonian": {"soft_core_sweeps": 0, "sweeps": 1, "steps": 2, "timestep": 0.5, "second_start": 0},
    "assess": {"assessors": ["structure"], "compare_with": {}},
}
SHORT_TRAINING = {
    "train": {"steps": 2, "sites": 8, "conformers": 4, "validate_every": 1,
              "generator": {"equivariant": {"channels": 4, "width": 16}}},
}

OCTANE = {name: f"octane/{name}" for name in ("octane.top", "octane.xml", "cg.gro", "cg.xtc")}
TRAINING = {name: f"octane/{name}" for name in ("aa.gro", "train.xtc")}
CHECKOUT = {"recipes/octane": "octane", "recipes/polystyrene": "polystyrene"}
BEADS = {"cg.gro": "octane/cg.gro", "cg.xtc": "octane/cg.xtc"}
#: The mapping of octane as Backward has it, but for its atoms.
MAP = """\
[ molecule ]
OCT
[ martini ]
B1 B2 B3 B4
[ atoms ]
"""


@dataclass(frozen=True)
class Page:
    """A page that is followed.

    Attributes:
        name: Of its file.
        given: What has to be there: names on the page, and where the files are in ``recipes``.
        failing: Words of commands that are meant to fail.
        unknown: No weights that ship know the molecule.
        printing: Its blocks of text are what the commands and the code before them print.
        later: Frames are 100 ps apart instead of 10, from 800 ps on.
    """

    name: str
    given: Mapping[str, str]
    failing: tuple[str, ...] = ()
    unknown: bool = False
    printing: bool = False
    later: bool = False


#: Run parameters of a simulation.
MDP = """integrator = sd
constraints = h-bonds
coulombtype = reaction-field
epsilon-rf = 0
rcoulomb = 0.9
rvdw = 0.9
tc-grps = System
tau-t = 1.0
ref-t = 350
"""

PAGES = [
    Page("README.md", {**CHECKOUT, **OCTANE, **TRAINING, "topol.top": "octane/octane.top",
                       "map.xml": "octane/octane.xml"}),
    Page("docs/tutorial.md", CHECKOUT, ("steps.gibbs.temprature=300",), printing=True),
    Page("docs/first-run.md", OCTANE, printing=True),
    Page("docs/python.md", CHECKOUT),
    Page("docs/write-a-generator.md", CHECKOUT),
    Page("docs/write-an-assessor.md", CHECKOUT),
    Page("docs/write-a-step.md", CHECKOUT),
    Page("docs/write-a-reader.md", CHECKOUT),
    Page("docs/my-own-molecule.md", {"topol.top": "octane/octane.top", "mapping.xml": "octane/octane.xml",
                                     "aa.gro": "octane/aa.gro", "aa.xtc": "octane/test_aa.xtc", **BEADS},
         unknown=True),
    Page("docs/from-votca.md", {"topol.top": "octane/octane.top", "mapping.xml": "octane/octane.xml", **BEADS}),
    Page("docs/from-gromacs.md", {"topol.top": "octane/octane.top", **BEADS}, later=True),
]


@dataclass
class Walk:
    """A page being followed.

    Attributes:
        page: Which; shortened: whether runs are; capsys: what is printed.
        names: Of the Python code so far.
        printed: By all commands and code so far.
    """

    page: Page
    shortened: bool
    capsys: pytest.CaptureFixture[str]
    names: dict[str, Any] = field(default_factory=dict)
    printed: str = ""

    def follow(self) -> None:
        text, end = (ROOT / self.page.name).read_text(encoding="utf-8"), 0
        for block in FENCED.finditer(text):
            language, content = block.groups()
            saved = SAVED.search(text[end:block.start()])
            end = block.end()
            if saved:
                Path(saved[1]).write_text(content)
            elif language == "bash":
                for line in content.replace("\\\n", " ").splitlines():
                    self.line(line)
            elif language == "python":
                exec(compile(content, self.page.name, "exec"), self.names)
                self.printed += self.capsys.readouterr().out
            elif language == "text" and self.page.printing:
                self.compare(content)

    def line(self, line: str) -> None:
        """A line of the shell."""
        words = shlex.split(line, comments=True)
        if words == ["make", "demo"]:
            (line,) = re.findall(r"^demo:.*\n\t\$\(BIN\)/(.*)", (ROOT / "Makefile").read_text(), re.M)
            words = shlex.split(line)
        if not words or line.startswith(ELSEWHERE):
            return
        if words[0] == "cd":
            os.chdir(words[1])
        elif words[0] == "backmap":
            self.command(words[1:])
        else:
            subprocess.run(["bash", "-ec", line], check=True)

    def command(self, words: list[str]) -> None:
        fails = any(word in self.page.failing for word in words)
        if words == ["demo"]:  # as the command does, but that its run is shortened
            words = ["run", str(demo.laid_out(Path("backmap-demo")))]
        if words[0] == "run" and not fails:
            content = yaml.safe_load(Path(words[1]).read_text())
            sets = [f"{name}={yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}"
                    for name, value in self.settings(content).items()]
            frames = ["--frames", "0"] * (self.shortened and "-b" not in words and "read" in steps(content))
            words = ["run", words[1], *(word for one in sets for word in ("--set", one)), *frames, *words[2:]]
        code, out, err = call(*words, capsys=self.capsys)
        self.printed += out + err
        assert code in ((2,) if fails else (0, 1) if words[0] in ("check", "init") else (0,)), (words, out, err)

    def settings(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """What shortens a run of a recipe."""
        short = {**SHORT, **SHORT_TRAINING} if self.shortened else SHORT_TRAINING
        return {f"steps.{step}.{option}": value for step, options in steps(content).items()
                for option, value in short.get(step, {}).items()
                if isinstance(options, dict) and (option in options or step != "assess")}

    def compare(self, text: str) -> None:
        """Every line was printed; with the same numbers, more or less, if nothing is shortened."""
        for line in text.splitlines():
            parts = [re.escape(part).replace(r"\.\.\.", ".*") for part in NUMBER.split(line)]
            found = re.search("^" + f"({NUMBER.pattern})".join(parts) + "$", self.printed, re.M)
            assert found, f"{line!r} is not in\n{self.printed}"
            if not self.shortened:
                expected = [float(number) for number in NUMBER.findall(line)]
                assert [float(number) for number in found.groups()] == pytest.approx(expected, rel=0.05), line


def steps(content: Mapping[str, Any]) -> dict[str, Any]:
    """The steps of a recipe and their options."""
    return {name: options for entry in content["steps"] if isinstance(entry, dict) for name, options in entry.items()}


def prepare(page: Page, folder: Path) -> None:
    """A folder with what a page needs."""
    for name, source in page.given.items():
        path = scenes.RECIPE.parent / source
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(path, folder / name)
    mapping, = (text for text in blocks(ROOT / "docs" / "my-own-molecule.md", "yaml") if text.startswith("OCT:"))
    (folder / "mapping.yaml").write_text(mapping)
    atoms = [(bead, atom) for bead, entry in yaml.safe_load(mapping)["OCT"]["beads"].items() for atom in entry["atoms"]]
    (folder / "lipids.map").write_text(MAP + "".join(f"{k} {atom} {bead}\n" for k, (bead, atom) in enumerate(atoms, 1)))
    (folder / "run.mdp").write_text(MDP)
    if page.later:
        universe = MDAnalysis.Universe(str(folder / "cg.gro"), str(folder / "cg.xtc"))
        universe.transfer_to_memory()
        with MDAnalysis.Writer(str(folder / "cg.xtc"), universe.atoms.n_atoms) as writer:
            for step in universe.trajectory:
                step.time = 800 + 100 * step.frame
                writer.write(universe.atoms)


@pytest.mark.parametrize("shortened", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["shortened", "whole"])
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_can_be_followed(page: Page, shortened: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                capsys: pytest.CaptureFixture[str]) -> None:
    prepare(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(stock.VARIABLE, raising=False)
    if page.unknown:
        monkeypatch.setattr(stock, "shipped", lambda: tmp_path / "none")
    walk, run = Walk(page, shortened, capsys), backmap.run

    def shorter(recipe: Any, *, set: Mapping[str, Any] = {}, **options: Any) -> Any:
        content = recipe if isinstance(recipe, dict) else yaml.safe_load(Path(recipe).read_text())
        return run(recipe, set={**walk.settings(content), **set}, **options)

    monkeypatch.setattr(backmap, "run", shorter)
    walk.follow()
