"""Every way to break coarse-grained forces, and the one line that the command prints for it."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.tables import write_votca

from backmap.engine.tabulated.spline import with_forces
from backmap.model.tabulated import even_grid
from tests.breaking import Break, Row, check_one_line, content, replace

from . import test_coarse_forces as octane
from .test_bad_input import recipe

STEP = "assess: {assessors: [{force_residual: {tables: tables, temperature: 350}}]}"
MATCHING = recipe(STEP, octane.MATCH)
INVERTING = recipe(STEP, "invert: {temperature: 350, iterations: 1}")
ASSESS, MATCH = "run.yaml: steps[3].assess", "run.yaml: steps[3].match_forces"
RESIDUAL = f"{ASSESS}.assessors[0].force_residual"
KNOWN = "Interactions are: end-middle, middle-middle, bend, twist, E-E, E-M, M-M."


def tables(folder: Path) -> None:
    """Bonds of beads as springs, from 0.15 to 0.35 nm, and angles."""
    (folder / "tables").mkdir()
    for name in ("end-middle", "middle-middle"):
        grid = even_grid("bond", 0.15, 0.35, 41)
        write_votca(folder / "tables" / f"{name}.pot", with_forces("bond", grid, 10_000 * (grid - 0.25)**2))
    grid = even_grid("angle", 0, 0, 41)
    write_votca(folder / "tables" / "bend.pot", with_forces("angle", grid, 20 * (grid - np.pi)**2))


def together(*changes: Break) -> Break:
    """One change after the other."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def cut(folder: Path) -> None:
    """A table that ends at 0.25 nm."""
    path = folder / "tables" / "end-middle.pot"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:21]))


def third(text: str) -> Break:
    """Another third line of a table."""

    def change(folder: Path) -> None:
        path = folder / "tables" / "bend.pot"
        rows = path.read_text().splitlines()
        path.write_text("\n".join([*rows[:2], text, *rows[3:]]) + "\n")

    return change


def renamed(folder: Path) -> None:
    (folder / "tables" / "bend.pot").rename(folder / "tables" / "angle.pot")


def emptied(folder: Path) -> None:
    for path in (folder / "tables").iterdir():
        path.unlink()


def degrees(folder: Path) -> None:
    (folder / "tables" / "bend.pot").write_text("".join(f"{x} 0 i\n" for x in range(0, 181, 5)))


def unweighted(folder: Path) -> None:
    text = (folder / "octane.xml").read_text()
    (folder / "octane.xml").write_text(re.sub(r"<weights>.*</weights>", "", text, count=1))


NO_FIELD = recipe("  - forcefield: {gromacs: octane.top, epsilon_rf: 1.9}\n", "")
NO_REFERENCE = recipe("{reference: {gromacs: [aa.gro, train.xtc]}}", "{beads: {gromacs: cg.gro}}")

TABLE: list[Row] = [
    # tables
    ("no such table", recipe("tables: tables", "tables: tables/E-E.pot"), (),
     f"{RESIDUAL}.tables[0]: there is no file 'tables/E-E.pot' (...). Input paths are relative to the recipe's "
     "folder."),
    ("folder without tables", emptied, (),
     f"{ASSESS}: ...tables: this folder has no table (*.pot). Tables are called by their interactions, e.g. E-M.pot."),
    ("table of an unknown interaction", renamed, (),
     f"{ASSESS}: ...tables/angle.pot: 'angle' is no interaction of these beads. {KNOWN}"),
    ("line that is no point of a table", third("0.157 twelve i"), (),
     f"{ASSESS}: ...tables/bend.pot:3: '0.157 twelve i' is no point of a table. Lines are: x, U and a flag (i, o or "
     "u)."),
    ("point that is undefined inside a table", third("0.157 12 u"), (),
     f"{ASSESS}: ...tables/bend.pot:3: the table is undefined (u) here, between points that are defined. Interpolate "
     "it, e.g. with csg_resample."),
    ("steps that are not even", third("0.17 12 i"), (),
     f"{ASSESS}: ...tables/bend.pot: the steps of a table are not even: 0.0785398 is followed by 0.17, but most steps "
     "are 0.0785398. Write it on an even, rising grid."),
    ("table of an angle in degrees", degrees, (),
     f"{ASSESS}: ...tables/bend.pot: a table of an angle goes from 0 to 180. Angles are 0 to 3.14159 radians."),
    ("empty table", content("tables/bend.pot", b""), (),
     f"{ASSESS}: ...tables/bend.pot: holds no points of a table. Lines are: x, U and a flag (i, o or u)."),
    ("table that does not reach what is met", cut, (),
     f"{ASSESS}: frame 0: ...tables/end-middle.pot: the table of 'end-middle' goes from 0.15 to 0.25 nm, but 0.2... is "
     "met (OCT ...). Extend the table, e.g. with csg_resample or csg_call table extrapolate."),
    # forces
    ("residual without a force field", NO_FIELD, (),
     "run.yaml: steps[2].assess: step 'assess' needs forcefield, which no earlier step gives. Steps that give it: "
     "forcefield"),
    ("matching without a force field", together(MATCHING, NO_FIELD), (),
     "run.yaml: steps[2].match_forces: step 'match_forces' needs forcefield, which no earlier step gives. Steps that "
     "give it: forcefield"),
    ("matching forces that files do not hold", together(MATCHING, recipe("temperature: 350,", "forces: file,")), (),
     f"{MATCH}: frame 0 holds no forces. Give frames with forces, such as a .trr that was written with nstfout, or "
     "leave 'forces: file' out."),
    ("matching rounded frames", together(
        MATCHING, recipe("all-bonds", "h-bonds"), recipe("[aa.gro, train.xtc]", "aa.gro")), (),
     f"{MATCH}: frame 0: positions are rounded to 0.001 nm, which makes noise of ... Give frames of full precision, "
     "such as a .trr, or make these bonds rigid: 'constraints: all-bonds' in topology."),
    ("matching beads alone", together(MATCHING, NO_REFERENCE), (),
     f"{MATCH}: there are no forces to match: no earlier step makes atoms, and read has no reference. Put it after a "
     "step that makes atoms, or give read a reference."),
    ("two references to match", together(MATCHING, recipe(
        "temperature: 350,", "reference: {gromacs: [aa.gro, train.xtc]},")), (),
     f"{MATCH}.reference: there are two references: this one, and that of read. Leave one of them out."),
    ("weights that leave nothing to match", together(MATCHING, recipe("temperature: 350,", "reference_weight: 0,")),
     ("--frames", "0"),
     f"{MATCH}: there are no frames with forces to match, or all have the weight 0. Give frames, a reference, or other "
     "weights."),
    # inverting
    ("inverting before there are beads", together(INVERTING, recipe(
        "  - read: {reference: {gromacs: [aa.gro, train.xtc]}}\n", "")), (),
     "run.yaml: steps[2].invert: step 'invert' needs beads, which no earlier step gives. Steps that give it: read"),
    ("inverting into the same folder twice", together(INVERTING, recipe(
        "iterations: 1}", "iterations: 1}\n  - invert: {iterations: 0}")), (),
     "run.yaml: steps[4].invert: 'tables/end-middle.pot' is written twice. Give every file its own name."),
    ("no temperature to invert at", together(INVERTING, recipe("350", "0")), (),
     "run.yaml: steps[3].invert.temperature: should be greater than 0, not 0. Of the frames, K."),
    ("inverting with a table of three points", together(INVERTING, recipe("iterations: 1", "points: 3")), (),
     "run.yaml: steps[3].invert.points: should be greater than or equal to 10, not 3. Of each table."),
    ("inverting where nothing is often met", together(INVERTING, recipe("iterations: 1", "points: 2000, cutoff: 0.01")),
     ("--frames", "0"), "run.yaml: steps[3].invert: no interaction is met often enough. Give more frames."),
    # the basis
    ("matching an unknown interaction", together(MATCHING, recipe("folds: 4", "fit: [twists]")), (),
     f"{MATCH}: 'twists' is no interaction of these beads. {KNOWN}"),
    ("range of an unknown interaction", together(MATCHING, recipe("folds: 4", "ranges: {E-X: [0.3, 1]}")), (),
     f"{MATCH}: 'E-X' is no interaction of these beads. {KNOWN}"),
    ("range that falls", together(MATCHING, recipe("folds: 4", "ranges: {E-E: [1, 0.3]}")), (),
     f"{MATCH}.ranges: the range of 'E-E' is not rising from 0 or above. ..."),
    ("cut-off below all distances", together(MATCHING, recipe("folds: 4", "fit: [E-E], cutoff: 0.05")), (),
     f"{MATCH}: none of the interactions is met in the frames. Give a larger cutoff."),
    # the mapping
    ("bead without weights", unweighted, (),
     "run.yaml: steps[0].topology: octane.xml:...: <map> has no <weights>"),
    ("angle of two beads", replace("octane.xml", "B1 B2 B3\n", "B1 B2\n"), (),
     "run.yaml: steps[0].topology: octane.xml:...: an <angle> lists 5 beads, which do not make threes"),
    ("dihedral of an unknown bead", replace("octane.xml", "B1 B2 B3 B4", "B1 B2 B3 B5"), (),
     "run.yaml: steps[0].topology: octane.xml:...: a dihedral names bead 'B5', which is not there. ..."),
    ("one name for a bond and an angle", replace("octane.xml", "<name>bend</name>", "<name>end-middle</name>"), (),
     f"{ASSESS}: 'end-middle' is the name of a bond and of another kind, angle. Give each its own name in the "
     "mapping."),
    ("beads of another count", together(MATCHING, recipe(
        "{reference: {gromacs: [aa.gro, train.xtc]}}", "{beads: {gromacs: aa.gro}}")), (),
     "run.yaml: steps[2].read: aa.gro: holds 1664 beads, but the topology (64 OCT) has 256. It holds as many as "
     "there are atoms: ..."),
]


@pytest.mark.parametrize(("change", "arguments", "expected"), [
    pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(change: Break, arguments: tuple[str, ...], expected: str, tmp_path: Path,
                  monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    octane.prepared(tmp_path, STEP)
    tables(tmp_path)
    (tmp_path / "cg.gro").write_bytes((octane.scenes.RECIPE / "cg.gro").read_bytes())
    change(tmp_path)
    monkeypatch.chdir(tmp_path)
    check_one_line(tmp_path, ["run", "run.yaml", "--output", "out", *arguments], expected, capsys)
