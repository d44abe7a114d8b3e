"""One run of the court: files of a liquid, a recipe by ``backmap init``, something done to them, and the verdict."""
from __future__ import annotations

import contextlib
import io
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray

import backmap
from backmap import session
from backmap.errors import BackmapError
from tests import command

Array = NDArray[np.float64]

#: ``sampling``: the atoms do not sample the force field that was given. ``beads``: the beads contradict it. ``force
#: field``: it is wrong itself, and everything consistent with it. ``right``: nothing is wrong.
Kind = Literal["sampling", "beads", "force field", "right"]
REFUSED = "refused"
#: What no case of the first two kinds may be called.
SAMPLES = "Samples the force field that was given; the force field itself was not examined"
GOOD = ("Good to use", SAMPLES)
#: What is said of runs that may be samples, where atoms are too few to tell it.
CAREFUL, FEW = "Usable with care", "cannot be told"


@dataclass
class Scene:
    """What a case may change before the run.

    Attributes:
        folder: With topol.top, mapping.yaml or .xml, cg.gro, cg.xtc, run.mdp, and aa.gro, aa.xtc of the true atoms.
        frames: True atoms, (F, A, 3), nm, whole molecules.
        beads: Of the same frames, (F, B, 3).
        boxes: (F, 3, 3).
        recipe: As ``init`` wrote it, changed after that.
    """

    folder: Path
    frames: Array
    beads: Array
    boxes: Array
    recipe: dict[str, Any] = field(default_factory=dict)

    def step(self, name: str) -> dict[str, Any]:
        """Options of the first step with this name."""
        return next(step[name] for step in self.recipe["steps"] if name in step)

    def drop(self, *names: str) -> None:
        """Take steps out of the recipe."""
        self.recipe["steps"] = [step for step in self.recipe["steps"] if not set(step) & set(names)]


Change = Callable[[Scene], None]


@dataclass(frozen=True)
class Case:
    """One run and what is wrong with it.

    Attributes:
        name: Of its folder.
        kind: See ``Kind``.
        liquid: Name of the folder of true atoms.
        what: What was done, in words.
        files: Done to the files before ``init``, or None.
        recipe: Done to the recipe after it, or None.
        frames: Of the liquid, evenly apart.
        beads_are: What ``init`` is told of the beads: ``mapped``, ``model`` or nothing.
    """

    name: str
    kind: Kind
    liquid: str
    what: str
    files: Change | None = None
    recipe: Change | None = None
    frames: int = 2
    beads_are: str = "mapped"


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        verdict: Its words, or ``refused``.
        topics: Of what stood out, the worst first.
        said: The sentences, or the error.
        seconds: Of the processor.
    """

    verdict: str
    topics: Sequence[str]
    said: Sequence[str]
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the run was called good."""
        return self.verdict.startswith(GOOD)

    def right(self, kind: Kind) -> bool:
        """Whether that is what a court should say."""
        if kind == "right":
            return self.verdict not in ("Not usable as it is", REFUSED)
        if kind == "force field":
            return self.verdict.startswith(SAMPLES) or (
                self.verdict == CAREFUL and all(FEW in sentence for sentence in self.said))
        return not self.good


def tried(case: Case, liquid: Path, folder: Path) -> Outcome:
    """Run a case in a folder of its own, which is made anew."""
    began = time.process_time()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    scene = _scene(liquid, folder, case.frames)
    try:
        if case.files is not None:
            case.files(scene)
        write_beads(scene)
        _start(scene, case.beads_are)
        if case.recipe is not None:
            case.recipe(scene)
        (folder / "recipe.yaml").write_text(yaml.safe_dump(scene.recipe, sort_keys=False))
        with contextlib.redirect_stderr(io.StringIO()):
            backmap.run(folder / "recipe.yaml")
    except BackmapError as error:
        return Outcome(REFUSED, [], [str(error).splitlines()[0].replace(f"{folder}/", "")], time.process_time() - began)
    report = json.loads((folder / "out" / "report.json").read_text())
    verdict = report["verdicts"][report["label"]]
    found = [finding for finding in verdict["findings"] if finding["level"] > 0]
    return Outcome(verdict["words"], list(dict.fromkeys(each["topic"] for each in found)),
                   [each["text"] for each in found], time.process_time() - began)


def _scene(liquid: Path, folder: Path, n_frames: int) -> Scene:
    """Frames of the liquid, evenly apart, and the files that do not change."""
    import MDAnalysis

    mapping = _mapping(liquid)
    for name in ("topol.top", mapping, "run.mdp", "aa.gro"):
        shutil.copyfile(liquid / name, folder / name)
    recipe = {"recipe": 1, "steps": [{"topology": {"atoms": {"gromacs": "topol.top"}, "mapping": {
        "votca" if mapping.endswith(".xml") else "yaml": mapping}}}]}
    (folder / "beads.yaml").write_text(yaml.safe_dump(recipe))
    system = system_of(folder / "beads.yaml")
    universe = MDAnalysis.Universe(str(liquid / "aa.gro"), str(liquid / "aa.xtc"))
    chosen = np.linspace(0, len(universe.trajectory) - 1, n_frames).round().astype(int)
    frames, boxes = [], []
    for number in chosen:
        frame = universe.trajectory[number]
        boxes.append(MDAnalysis.lib.mdamath.triclinic_vectors(frame.dimensions) / 10)
        frames.append(system.whole_atoms(frame.positions.astype(float) / 10, boxes[-1]))
    atoms = np.stack(frames)
    return Scene(folder, atoms, system.map(atoms), np.stack(boxes))


def _mapping(folder: Path) -> str:
    """The file of the mapping."""
    return next(name for name in ("mapping.yaml", "mapping.xml") if (folder / name).exists())


def system_of(recipe: Path) -> Any:
    """What there is in a recipe that begins with ``topology``."""
    from backmap.recipe.recipe import load
    from backmap.running.runner import system_of as there

    return there(load(recipe, session.registry_of(())))


def _start(scene: Scene, beads_are: str) -> None:
    """The recipe that ``backmap init`` writes for a new user, with a report to be read."""
    files = {"-p": "topol.top", "-m": _mapping(scene.folder), "-c": "cg.gro", "-f": "cg.xtc", "--mdp": "run.mdp",
             "-o": "recipe.yaml"}
    said = ["--beads-are", beads_are] * bool(beads_are)
    done = command.call("init", *said, *(word for option, name in files.items()
                                         for word in (option, scene.folder / name)))
    if not (scene.folder / "recipe.yaml").exists():
        said = (done.out + done.err).strip().splitlines()
        raise BackmapError(next((line for line in said if line.startswith("error: ")), said[-1]))
    scene.recipe = yaml.safe_load((scene.folder / "recipe.yaml").read_text())
    scene.recipe["output"] = "out"
    scene.step("write")["report"] = ["report.html", "report.json"]


def write_beads(scene: Scene, name: str = "cg") -> None:
    """cg.gro and cg.xtc."""
    write(scene.folder, name, scene.beads, scene.boxes)


def write(folder: Path, name: str, frames: Array, boxes: Array) -> None:
    """A .gro of the first frame, with names that say nothing, and an .xtc of all."""
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    lines = [name, str(frames.shape[1])]
    lines += [f"{1:5d}{'X':<5s}{'X':>5s}{number % 100000:5d}{x:8.3f}{y:8.3f}{z:8.3f}"
              for number, (x, y, z) in enumerate(frames[0], 1)]
    order = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    lines.append(" ".join(f"{boxes[0][at]:.5f}" for at in order))
    (folder / f"{name}.gro").write_text("\n".join(lines) + "\n")
    with XTCFile(str(folder / f"{name}.xtc"), "w") as file:
        for number, (positions, box) in enumerate(zip(frames, boxes, strict=True)):
            file.write(positions.astype(np.float32), box.astype(np.float32), number, 10.0 * number, 10000.0)
