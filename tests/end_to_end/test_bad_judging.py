"""Every way to break what is judged, and the one line that the command prints for it."""
from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.assessor import Landscape
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.tally import Tally
from tests import judging, scenes
from tests.breaking import Break, Row, check_one_line, content, half, lines, nothing, remove, replace

from .test_bad_input import recipe

#: The assessors of the recipe that is broken.
PLAIN = "[structure, energy, consistency]"


def frames(name: str, *, n_frames: int = 5, n_atoms: int = 1664) -> Break:
    """A trajectory of true atoms of another length, or of fewer molecules."""

    def change(folder: Path) -> None:
        infos = list(GromacsFrames([folder / "aa.xtc"]))
        chosen = [infos[k % len(infos)] for k in range(n_frames)]
        judging.write_xtc(folder / name, np.stack([info.positions[:n_atoms] for info in chosen]),
                          np.stack([info.box for info in chosen]))

    return change


def together(*changes: Break) -> Break:
    """One change after the other."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def without(line: str) -> Break:
    """The topology without the lines that begin with these words."""
    words = line.split()
    return lines("octane.top", lambda text: [other for other in text if other.split()[:len(words)] != words])


def selected(first: str, second: str = "element C") -> Break:
    """g(r) between other atoms."""
    return recipe(PLAIN, f"[{{structure: {{rdf: {{pair: ['{first}', '{second}']}}}}}}]")


def landscape(options: str) -> Break:
    """Another assessor, with these options."""

    def change(folder: Path) -> None:
        pytest.importorskip("featomic")
        pytest.importorskip("sklearn")
        recipe(PLAIN, f"[{{landscape: {options}}}]")(folder)

    return change


def other_map(folder: Path) -> None:
    """map.npz, whose landmarks see farther than by default."""
    system, window = scenes.octane_window(1)
    assessor = Landscape(Landscape.Options(radius=0.7, landmarks=5, restarts=1, clusters=1, save="map.npz"))
    assessor.begin(system, None)
    tally = Tally()
    for frame in Snapshot.all_of(window, system, AtomIndex(system), np.arange(1)):
        assessor.measure(frame, tally)
    assessor.conclude(tally, None)
    (written,) = assessor.files().values()
    (folder / "map.npz").write_bytes(written)


def beside(text: str) -> Break:
    return recipe(f"{{assessors: {PLAIN}}}", f"{{assessors: structure, compare_with: {text}}}")


def force_field(change: Break) -> Break:
    """A force field of its own, other.top, which is the topology with a change."""

    def changed(folder: Path) -> None:
        good = (folder / "octane.top").read_text()
        change(folder)
        (folder / "octane.top").rename(folder / "other.top")
        (folder / "octane.top").write_text(good)

    return together(changed, recipe("forcefield: {gromacs: octane.top}", "forcefield: {gromacs: other.top}"))


def renamed(folder: Path) -> None:
    text = (folder / "octane.top").read_text()
    (folder / "octane.top").write_text(text.replace("OCT", "ALK"))


def one_atom_less(folder: Path) -> None:
    """Without the last hydrogen and all that it takes part in."""
    text = (folder / "octane.top").read_text()
    (folder / "octane.top").write_text(re.sub(r"(?m)^ +(\d+ +)*26 .*\n", "", text))


NO_LOAD = recipe("  - read_atoms: {atoms: {gromacs: theirs.xtc}}\n", "")
NO_REFERENCE = recipe("      reference: {gromacs: [aa.gro, aa.xtc]}\n", "")
#: The second atom of the first molecule stands where the first should.
SWAPPED = lines("aa.gro", lambda text: [*text[:2], text[3], text[2], *text[4:]])
FORCE_FIELD, READ, LOAD, ASSESS = (f"run.yaml: steps[{number}].{name}" for number, name in (
    (1, "forcefield"), (2, "read"), (3, "read_atoms"), (4, "assess")))
OTHER_COUNT = "Check the molecule counts and that every chain has the topology's length."
BELONG = "Frame n must belong to frame n of the beads, or to the n-th chosen one."

TABLE: list[Row] = [
    # the reference
    ("reference of other atoms", together(frames("aa.xtc", n_atoms=1638), recipe("[aa.gro, aa.xtc]", "aa.xtc")), (),
     f"{READ}: aa.xtc: holds 1638 atoms, but the topology (64 OCT) has 1664. {OTHER_COUNT}"),
    ("reference of other atoms than its names", frames("aa.xtc", n_atoms=1638), (),
     f"{READ}: aa.xtc: holds 1638 atoms, but aa.gro holds 1664. All files must hold the same atoms."),
    ("beads for a reference", recipe("[aa.gro, aa.xtc]", "cg.xtc"), (),
     f"{READ}: cg.xtc: holds 256 atoms, but the topology (64 OCT) has 1664. {OTHER_COUNT}"),
    ("reference in another order", SWAPPED, (),
     f"{READ}: aa.gro, aa.xtc: the atoms are in another order: atom 1 is called H1A, but the topology has C1 there. "
     "Write the file in the order of the topology."),
    ("reference of another frame count", frames("aa.xtc", n_frames=4), (),
     f"{READ}: aa.gro, aa.xtc: holds 4 frames, but cg.gro, cg.xtc holds 5. Frame n of one must be frame n of the "
     "other."),
    ("reference that is empty", content("aa.xtc", b""), (),
     f"{READ}: aa.xtc: cannot be read as .xtc (...). The file may be truncated."),
    # what is judged
    ("no such trajectory", remove("theirs.xtc"), (),
     f"{LOAD}.atoms.gromacs.files[0]: there is no file 'theirs.xtc' (theirs.xtc). Input paths are relative to the "
     "recipe's folder."),
    ("empty trajectory", content("theirs.xtc", b""), (),
     f"{LOAD}: theirs.xtc: cannot be read as .xtc (...). The file may be truncated."),
    ("empty text file", together(content("theirs.gro", b""), recipe("theirs.xtc", "theirs.gro")), (),
     f"{LOAD}: theirs.gro: is empty"),
    ("trajectory that is something else", content("theirs.xtc", b"not frames at all\n"), (),
     f"{LOAD}: theirs.xtc: cannot be read as .xtc (...). The file may be truncated."),
    ("truncated trajectory", half("theirs.xtc"), (),
     f"{LOAD}: theirs.xtc: holds 3 frames, but cg.gro, cg.xtc holds 5. {BELONG}"),
    ("too many frames", frames("theirs.xtc", n_frames=7), (),
     f"{LOAD}: theirs.xtc: holds 7 frames, but cg.gro, cg.xtc holds 5. {BELONG}"),
    ("neither all frames nor the chosen ones", frames("theirs.xtc", n_frames=3), ("--frames", "0,1"),
     f"{LOAD}: theirs.xtc: holds 3 frames, but cg.gro, cg.xtc holds 5, of which 2 are chosen. {BELONG}"),
    ("trajectory of other atoms", frames("theirs.xtc", n_atoms=1638), (),
     f"{LOAD}: theirs.xtc: holds 1638 atoms, but the topology (64 OCT) has 1664. {OTHER_COUNT}"),
    ("trajectory in another order", together(
        SWAPPED, NO_REFERENCE, recipe("gromacs: theirs.xtc", "gromacs: [aa.gro, theirs.xtc]")), (),
     f"{LOAD}: aa.gro, theirs.xtc: the atoms are in another order: atom 1 is called H1A, but the topology has C1 "
     "there. Write the file in the order of the topology."),
    ("too few frames beside", together(
        frames("two.xtc", n_frames=2), beside("{two: {read_atoms: {atoms: {gromacs: two.xtc}}}}")), (),
     f"{ASSESS}.compare_with.two[0].read_atoms: two.xtc: holds 2 frames, but cg.gro, cg.xtc holds 5. {BELONG}"),
    # free energies of beads
    ("free energies by a generator without a density", recipe(PLAIN, "{block_free_energies: {generator: template}}"),
     (), f"{ASSESS}: block_free_energies: the generator has no density, so its draws cannot be weighed. Name one that "
     "has, e.g. generator: {equivariant: weights.safetensors}."),
    ("free energies without a generator", recipe(PLAIN, "block_free_energies"), (),
     f"{ASSESS}: step 'assess' needs generator, which no earlier step gives. Steps that give it: forward, gibbs, "
     "metropolis"),
    # the force field
    ("atom type without parameters", without("HC 1"), (),
     f"{FORCE_FIELD}: octane.top:23: no atom type has the bonded type 'HC'. Is it spelt as in [ atomtypes ]? (1 "
     "more: see backmap check)"),
    ("bond type without parameters", without("CT HC 1"), (),
     f"{FORCE_FIELD}: octane.top:73: no parameters in [ bondtypes ] for CT HC, function 1. Add them to the force field "
     "or to this line."),
    ("angle type without parameters", without("CT CT HC 1"), (),
     f"{FORCE_FIELD}: octane.top:167: no parameters in [ angletypes ] for CT CT HC, function 1. Add them to the force "
     "field or to this line. (1 more: see backmap check)"),
    ("dihedral type without parameters", without("HC CT CT HC 3"), (),
     f"{FORCE_FIELD}: octane.top:218: no parameters in [ dihedraltypes ] for HC CT CT HC, function 3. Add them to the "
     "force field or to this line."),
    ("bond that is no number", force_field(
        replace("octane.top", "CT  HC  1         0.1090", "CT  HC  1            nan")), (),
     f"{FORCE_FIELD}: other.top:24: 'nan 284512.0' are not the parameters of a harmonic bond. Is a macro not defined?"),
    ("infinite Lennard-Jones parameter", force_field(replace("octane.top", "0.350  0.276144", "0.350  inf")), (),
     f"{FORCE_FIELD}: other.top:18: 'CT 6 12.011 0.00 A 0.350 inf' is not a line of [ atomtypes ]"),
    ("charge that is no number", force_field(replace("octane.top", "-0.18   12.011", "nan   12.011", 1)), (),
     f"{FORCE_FIELD}: other.top:45: '1 CT 1 OCT C1 1 nan 12.011' is not a line of [ atoms ]"),
    ("molecules without a force field", lines("octane.top", lambda text: text[text.index("[ moleculetype ]\n"):]), (),
     f"{FORCE_FIELD}: octane.top: has no [ defaults ]. Give the .top that includes the force field, not an .itp "
     "alone. (2 more: see backmap check)"),
    ("force field of other molecules", force_field(renamed), (),
     f"{FORCE_FIELD}: other.top: has no parameters for molecule type 'OCT'. Known: ALK."),
    ("force field of smaller molecules", force_field(one_atom_less), (),
     f"{FORCE_FIELD}: other.top:40: has 25 atoms in 'OCT', but the topology has 26. Give the force field of the same "
     "molecules."),
    ("energy without a force field", recipe("  - forcefield: {gromacs: octane.top}\n", ""), (),
     "run.yaml: steps[3].assess: step 'assess' needs forcefield, which no earlier step gives. Steps that give it: "
     "forcefield"),
    # selections
    ("selection that matches nothing", selected("element N"), (),
     f"{ASSESS}: rdf.pair: the selection 'element N' matches no atom. Atom types are: CT, HC."),
    ("empty selection", recipe(PLAIN, '[{structure: {rdf: {pair: ["", name C1]}}}]'), (),
     f"{ASSESS}: rdf.pair: the selection '' matches no atom. Atom types are: CT, HC."),
    ("selection in another language", selected("elem = C"), (),
     f"{ASSESS}: rdf.pair: 'elem = C' is no selection: Unknown selection token: 'elem'. Write it as in MDAnalysis, "
     "e.g. 'element C and resname PS1'."),
    ("selection that is not closed", selected("(element C"), (),
     f"{ASSESS}: rdf.pair: '(element C' is no selection: ... Write it as in MDAnalysis, e.g. 'element C and resname "
     "PS1'."),
    ("selection by position", selected("around 0.3 name C1"), (),
     f"{ASSESS}: rdf.pair: the selection 'around 0.3 name C1' asks for what a topology does not know. Select by name, "
     "type, element, resname, resid or bonds."),
    # landscapes
    ("centres that match nothing", landscape("{centres: {OCT: [C9]}}"), (),
     f"{ASSESS}: landscape.centres: OCT has no atom 'C9'. Its atoms are called C1, ..."),
    ("centres of other molecules", landscape("{centres: {PS: [C1]}}"), (),
     f"{ASSESS}: landscape: there is no molecule type 'PS'. There are: OCT."),
    ("molecules that are not there", landscape("{molecules: [PS]}"), (),
     f"{ASSESS}: landscape: there is no molecule type 'PS'. There are: OCT."),
    ("map that is none", together(content("map.npz", b"no map"), landscape("{map: map.npz}")), (),
     f"{ASSESS}: map.npz: this is no map of a landscape (...). Give a file that landscape wrote: 'save: map.npz'."),
    ("map of another landscape", together(landscape("{map: map.npz}"), other_map), (),
     f"{ASSESS}: map.npz: this map is of other points: radius is 0.7 there and 0.6 here. Draw a new one, or write what "
     "it was made with."),
    ("no such map", landscape("{map: map.npz}"), (),
     f"{ASSESS}.assessors[0].landscape.map: there is no file 'map.npz' (map.npz). Input paths are relative to the "
     "recipe's folder."),
    ("map that is saved as text", landscape("{save: map.txt}"), (),
     f"{ASSESS}.assessors[0].landscape.save: should end in .npz. ..."),
    ("smoothing wider than the radius", landscape("{radius: 0.2, smoothing: 0.3}"), (),
     f"{ASSESS}.assessors[0].landscape: smoothing is wider than the radius"),
    # the recipe
    ("nothing to judge", together(NO_LOAD, NO_REFERENCE), (),
     "run.yaml: steps[3].assess: there is nothing to judge: no earlier step makes atoms, and there is no reference. "
     "Put it after a step that makes atoms, such as forward or read_atoms."),
    ("no steps beside", beside("{none: []}"), (),
     f"{ASSESS}.compare_with: 'none' names no step. ..."),
    ("steps beside that make no atoms", together(NO_LOAD, beside("{none: {assess: structure}}")), (),
     "run.yaml: steps[3].assess: compare_with.none: makes no atoms. Name a step that does."),
    ("unknown assessor", recipe("[structure,", "[structures,"), (),
     f"{ASSESS}.assessors[0]: no assessor is called 'structures'. Did you mean 'structure'? Known: "
     "along_beads, block_free_energies, calibration, coarse_structure, consistency, dynamics, energy, equipartition, "
     "force_residual, landscape, projected_forces, ranks, released_beads, stability, structure"),
    ("unknown option of an assessor", recipe(PLAIN, "[{structure: {bin: 2}}]"), (),
     f"{ASSESS}.assessors[0].structure: no option is called 'bin'. ... Known: ..."),
    # beads
    ("energy of beads", recipe(f"{{assessors: {PLAIN}}}", f"{{of: beads, assessors: {PLAIN}}}"), (),
     f"{ASSESS}.of: 'energy' needs a force field, which beads do not have. Write 'of: atoms', in a step of its own."),
    ("neither atoms nor beads", recipe(f"{{assessors: {PLAIN}}}", "{of: bead, assessors: coarse_structure}"), (),
     f"{ASSESS}.of: should be 'atoms' or 'beads', not 'bead'..."),
    ("other beads for a reference", together(NO_REFERENCE, frames("other.xtc", n_atoms=100), recipe(
        f"{{assessors: {PLAIN}}}", "{of: beads, assessors: coarse_structure, reference: {gromacs: other.xtc}}")), (),
     f"{ASSESS}: other.xtc: holds 100 beads, but the topology (64 OCT) has 256. ..."),
    ("the name of what beads were before", nothing, ("--set", "steps.assess.name=before"),
     f"{ASSESS}.name: the name 'before' is taken. What the run's own trajectory is called in reports."),
    ("bins without a width", recipe(PLAIN, "[{coarse_structure: {bond_bin: 0}}]"), (),
     f"{ASSESS}.assessors[0].coarse_structure.bond_bin: should be greater than 0, not 0..."),
    ("bonds that are too many", recipe(PLAIN, "[{coarse_structure: {apart: 9}}]"), (),
     f"{ASSESS}.assessors[0].coarse_structure.apart: should be less than or equal to 8, not 9..."),
    ("the reference's name", nothing, ("--set", "steps.assess.name=reference"),
     f"{ASSESS}.name: the name 'reference' is taken. What the run's own trajectory is called in reports."),
    ("report of an unknown format", recipe("report.md", "report.pdf"), (),
     "run.yaml: steps[5].write: a report cannot be written as 'report.pdf'. Give it one of the endings .html, .md, "
     ".json."),
    ("report on nothing", recipe(f"  - assess: {{assessors: {PLAIN}}}\n", ""), (),
     "run.yaml: steps[4].write: step 'write' needs judgement, which no earlier step gives. Steps that give it: assess"),
]


@pytest.mark.parametrize(("change", "arguments", "expected"), [
    pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(change: Break, arguments: tuple[str, ...], expected: str, tmp_path: Path,
                  monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    judging.octane(tmp_path, 5)
    change(tmp_path)
    monkeypatch.chdir(tmp_path)
    check_one_line(tmp_path, ["run", "run.yaml", "--output", "out", *arguments], expected, capsys)


def finished(name: str, chosen: str = "all") -> Break:
    """The folder of a finished run, whose atoms are theirs.xtc."""

    def change(folder: Path) -> None:
        (folder / name).mkdir()
        shutil.copyfile(folder / "theirs.xtc", folder / name / "atoms.xtc")
        record = {"recipe": str(folder / "run.yaml"), "text": (folder / "run.yaml").read_text(), "frames": chosen,
                  "overrides": [], "outputs": ["atoms.xtc"]}
        (folder / name / "run.json").write_text(json.dumps(record))

    return change


def emptied(name: str) -> Break:
    return lambda folder: (folder / name).mkdir()


TWO_RUNS = together(finished("ours", "0:2"), finished("other", "0,1"))
OURS = finished("ours")
#: What is wrong, how to make it so, what is compared, the printed line.
REPORTS: list[tuple[str, Break, tuple[str, ...], str]] = [
    ("nothing", nothing, (), "Missing argument 'RUN|FILE...'. Try --help."),
    ("no such run", OURS, ("ours", "oars"),
     "oars: there is no such run or file. Give the output folder of a run, or a trajectory of atoms."),
    ("folder without a run", emptied("empty"), ("empty",),
     "empty: holds no run.json. Give the output folder of a finished run."),
    ("damaged run", together(OURS, content("ours/run.json", b"{")), ("ours",),
     "ours/run.json: is not the record of a run"),
    ("run whose atoms are gone", together(OURS, remove("ours/atoms.xtc")), ("ours",),
     f"{LOAD}.atoms.gromacs.files[0]: there is no file 'ours/atoms.xtc'. Input paths are relative to the recipe's "
     "folder."),
    ("text that is no trajectory", together(OURS, content("notes.txt", b"notes\n")), ("ours", "notes.txt"),
     f"{ASSESS}.compare_with.notes[0].read_atoms: notes.txt: '.txt' is not a format of GROMACS' frames. Give .gro, "
     ".xtc, .trr, .pdb or .tpr files."),
    ("text that is called a trajectory", together(OURS, content("notes.xtc", b"notes\n")), ("ours", "notes.xtc"),
     f"{ASSESS}.compare_with.notes[0].read_atoms: notes.xtc: cannot be read as .xtc (...). The file may be truncated."),
    ("empty trajectory", together(OURS, content("none.xtc", b"")), ("ours", "none.xtc"),
     f"{ASSESS}.compare_with.none[0].read_atoms: none.xtc: cannot be read as .xtc (...). The file may be truncated."),
    ("beads for atoms", OURS, ("ours", "cg.xtc"),
     f"{ASSESS}.compare_with.cg[0].read_atoms: cg.xtc: holds 256 atoms, but the topology (64 OCT) has 1664. "
     f"{OTHER_COUNT}"),
    ("no recipe", nothing, ("theirs.xtc",),
     "theirs.xtc: nothing says what the system is. Name a finished run or a recipe first."),
    ("recipe alone", nothing, ("run.yaml",), "run.yaml: there is nothing to judge. Name a run or a trajectory."),
    ("recipe that reads nothing", content("bare.yaml", b"recipe: 1\nsteps: [topology]\n"), ("bare.yaml", "theirs.xtc"),
     "bare.yaml: has no step 'read'. A report needs a recipe that says what there is and reads beads."),
    ("run that changes what there is", together(recipe("  - assess", "  - coarsen: {votca: octane.xml}\n  - assess"),
                                                OURS), ("ours",),
     "run.yaml: its steps change what there is, so that nothing says which of it is judged. Judge in the recipe "
     "itself, by 'assess' and 'write: {report: ...}'."),
    ("runs of different frames", TWO_RUNS, ("ours", "other"),
     "the runs went through different frames (ours: 0:2, other: 0,1). Compare runs of the same frames."),
    ("frames out of range", OURS, ("ours", "--frames", "9"),
     "--frames 9: '9' is out of range: cg.gro, cg.xtc has 5 frames, 0 to 4"),
    ("one name twice", OURS, ("ours", "ours=theirs.xtc"),
     "two trajectories are called 'ours'. Name one: NAME=path."),
    ("no name", OURS, ("ours", "=theirs.xtc"), f"{ASSESS}.compare_with: a name is empty. ..."),
    ("the reference's name", OURS, ("reference=theirs.xtc", "ours"),
     f"{ASSESS}.name: the name 'reference' is taken. ..."),
    ("report there already", together(OURS, emptied("report"), content("report/report.md", b"mine")), ("ours",),
     "run.yaml: steps[5].write: report/report.md: exists already. Choose another folder with --output, or overwrite it "
     "with --force."),
]


@pytest.mark.parametrize(("change", "sources", "expected"), [
    pytest.param(*case, id=name) for name, *case in REPORTS])
def test_one_line_of_a_report(change: Break, sources: tuple[str, ...], expected: str, tmp_path: Path,
                              monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    judging.octane(tmp_path, 5)
    change(tmp_path)
    monkeypatch.chdir(tmp_path)
    check_one_line(tmp_path, ["report", *sources], expected, capsys)
    assert not (tmp_path / "report" / "progress.json").exists()
