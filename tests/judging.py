"""Recipes that judge a trajectory that is there already, and longer trajectories of octane to be judged."""
from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from numpy.typing import NDArray

from tests import scenes

Array = NDArray[np.float64]

#: Atoms of theirs.xtc against those of aa.xtc, which belong to the beads of cg.xtc.
RECIPE = """\
recipe: 1
title: Liquid octane, judged
output: out
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}}
  - forcefield: {gromacs: octane.top}
  - read:
      beads: {gromacs: [cg.gro, cg.xtc]}
      reference: {gromacs: [aa.gro, aa.xtc]}
  - read_atoms: {atoms: {gromacs: theirs.xtc}}
  - assess: {assessors: [structure, energy, consistency]}
  - write: {report: [report.html, report.md, report.json]}
"""
TOPOLOGY = ("octane.top", "octane.xml", "aa.gro", "cg.gro")


def write_xtc(path: Path, frames: Array, boxes: Array) -> None:
    """Frames (W, n, 3) in boxes (W, 3, 3), nm."""
    with XTCFile(str(path), "w") as file:
        for number, (positions, box) in enumerate(zip(frames, boxes, strict=True)):
            file.write(positions.astype(np.float32), box.astype(np.float32), number, 10.0 * number, 1000.0)


def octane(folder: Path, n_frames: int, noise: float = 0.003) -> Path:
    """A folder with ``RECIPE`` and what it reads; returns the recipe.

    Args:
        folder: Made here.
        n_frames: Those of the simulation that the weights were trained on, again and again.
        noise: What theirs.xtc is off by in each coordinate, nm; differs from frame to frame.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOPOLOGY:
        shutil.copyfile(scenes.RECIPE / name, folder / name)
    source, system = GromacsFrames([scenes.RECIPE / "train.xtc"]), scenes.octane_system()
    rng, number = np.random.default_rng(5), np.arange(n_frames) % source.n_frames
    infos = [source.frame(k) for k in range(min(n_frames, source.n_frames))]
    boxes = np.stack([infos[k].box for k in number])
    atoms = np.stack([system.whole_atoms(info.positions, info.box) for info in infos])
    beads = system.map(atoms)
    write_xtc(folder / "aa.xtc", atoms[number], boxes)
    write_xtc(folder / "cg.xtc", beads[number], boxes)
    write_xtc(folder / "theirs.xtc", atoms[number] + rng.normal(0, noise, (n_frames, *atoms.shape[1:])), boxes)
    (folder / "run.yaml").write_text(RECIPE)
    return folder / "run.yaml"


def found(folder: Path) -> dict[str, Any]:
    """What report.json in a folder says, but for what depends on when and where it was made."""
    report = json.loads((folder / "report.json").read_text())
    return {key: value for key, value in report.items() if key not in ("provenance", "seconds")}
