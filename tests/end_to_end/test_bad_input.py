"""Every way to break a run like the demo, and the one line that the command prints for it."""
from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

import backmap
from backmap.engine.checkpoints import store
from tests.breaking import (
    DEMO,
    Break,
    Row,
    columns,
    content,
    found,
    half,
    lines,
    nothing,
    one_line,
    remove,
    replace,
)

INPUTS = ("octane.top", "octane.xml", "cg.gro", "cg.xtc", "octane_350K.safetensors")
WEIGHTS = INPUTS[4]
#: The demo without its judgement.
RECIPE = """\
recipe: 1
title: Liquid octane at 350 K
seed: 7
output: runs/octane
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}}
  - read:
      beads: {gromacs: [cg.gro, cg.xtc]}
  - forward:
      generator: {equivariant: octane_350K.safetensors}
  - gibbs:
      sweeps: 4
      temperature: 350
      regularizer: steric
      repair: 5
  - write:
      atoms:
        - gromacs: [atoms.gro, atoms.xtc]
        - picture: octane.png
"""
#: Beads from the text file alone, which is easier to break than the compressed one.
GRO = ("--set", "steps.read.beads.gromacs=cg.gro")

#: Less work for a run that gets as far as the sweeps.
QUICK = ("--set", "steps.gibbs.sweeps=1", "--set", "steps.gibbs.repair=0")
NO_CHECKPOINT = (f"run.yaml: steps[2].forward.generator.equivariant: {WEIGHTS}: is not a checkpoint that backmap "
                 "wrote. safetensors says: ...")


def recipe(old: str, new: str) -> Break:
    return replace("run.yaml", old, new)


def fewer_weights(folder: Path) -> None:
    """The demo's weights without one of their tensors."""
    tensors, header = store.load(folder / WEIGHTS, "checkpoint")
    tensors.pop(next(name for name in tensors if name.startswith("weights.")))
    store.save(folder / WEIGHTS, "checkpoint", tensors, {key: header[key] for key in header if key != "kind"})


def nothing_held_out(folder: Path) -> None:
    """A training set of one frame, and a recipe that asks for the best weights."""
    with redirect_stderr(io.StringIO()):
        backmap.run({"recipe": 1, "output": str(folder), "steps": [
            {"topology": {"atoms": {"gromacs": str(DEMO / "octane.top")},
                          "mapping": {"votca": str(DEMO / "octane.xml")}}},
            {"prepare": {"frames": {"gromacs": str(DEMO / "aa.gro")}, "temperature": 350}}]})
    train = {"generator": "equivariant", "data": "training.safetensors", "steps": 2, "keep": "best"}
    (folder / "run.yaml").write_text(json.dumps({"recipe": 1, "output": "runs", "steps": [{"train": train}]}))


def xtc(n_points: int, *, edge: float = 3.0) -> Break:
    """A trajectory of other points or another box."""

    def change(folder: Path) -> None:
        with XTCFile(str(folder / "cg.xtc"), "w") as file:
            points = np.random.default_rng(0).random((n_points, 3), dtype=np.float32) * 3
            file.write(points, np.eye(3, dtype=np.float32) * edge, 0, 0.0, 1000.0)

    return change


def training_set(folder: Path) -> None:
    """A file of ours in place of the weights, but of another kind."""
    tensors, header = store.load(folder / WEIGHTS, "checkpoint")
    store.save(folder / WEIGHTS, "training set", tensors, {key: header[key] for key in ("types", "view")})


def renamed_molecule(folder: Path) -> None:
    """Topology and mapping agree on another molecule, which the weights do not know."""
    for name in ("octane.top", "octane.xml"):
        replace(name, "OCT", "ALK")(folder)


def renamed_atom(folder: Path) -> None:
    replace("octane.top", " C8 ", " C9 ")(folder)
    replace("octane.xml", ":C8 ", ":C9 ")(folder)


def doubled(text: list[str]) -> list[str]:
    """Lines of a .gro file with all lengths doubled."""
    rows = [line[:20] + "".join(f"{2 * float(line[k:k + 8]):8.3f}" for k in (20, 28, 36)) + "\n" for line in text[2:-1]]
    return [*text[:2], *rows, " ".join(str(2 * float(edge)) for edge in text[-1].split()) + "\n"]


NAN = lines("cg.gro", lambda text: [*text[:4], columns(text[4], 20, "nan"), *text[5:]])
LATE_NAN = lines("cg.gro", lambda text: [*text, *text[:4], columns(text[4], 20, "nan"), *text[5:]])
ONE_MORE_SWEEP = recipe("  - write:", "  - gibbs: {sweeps: 1}\n  - write:")
NO_READ = lines("run.yaml", lambda text: [line for line in text if "- read:" not in line and "beads: {gr" not in line])
NO_FRAMES = lines("run.yaml", lambda text: text[:6])  # to the topology
TRAIN = content("run.yaml", b"""\
recipe: 1
output: runs/weights
steps:
  - train: {generator: equivariant, steps: 10}
""")


TABLE: list[Row] = [
    # files of frames
    ("no such file", remove("cg.xtc"), (),
     "run.yaml: steps[1].read.beads.gromacs.files[1]: there is no file 'cg.xtc' (cg.xtc). Input paths are relative to "
     "the recipe's folder."),
    ("truncated gro", half("cg.gro"), (),
     "run.yaml: steps[1].read: cg.gro:131: atom 129 of 256 atoms is missing. The file is truncated."),
    ("empty gro", content("cg.gro", b""), (), "run.yaml: steps[1].read: cg.gro: is empty"),
    ("empty xtc", content("cg.xtc", b""), (),
     "run.yaml: steps[1].read: cg.xtc: cannot be read as .xtc (...). The file may be truncated."),
    ("truncated xtc", half("cg.xtc"), QUICK, "cg.xtc: frame 2 cannot be read (...). The file may be truncated."),
    ("xtc of another number of beads", xtc(255), (),
     "run.yaml: steps[1].read: cg.xtc: holds 255 atoms, but cg.gro holds 256. All files must hold the same atoms."),
    ("not a format of frames", nothing, ("--set", "steps.read.beads.gromacs=octane.xml"),
     "run.yaml: steps[1].read: octane.xml: '.xml' is not a format of GROMACS' frames. Give .gro, .xtc, .trr, .pdb "
     "or .tpr files."),
    ("xtc without a box", xtc(256, edge=0), (),
     "cg.gro, cg.xtc: frame 0: there is no box, but the system has 64 molecules. Give a trajectory with the periodic "
     "box; only a single molecule needs none."),
    ("gro without a box", lines("cg.gro", lambda text: text[:-1]), GRO,
     "run.yaml: steps[1].read: cg.gro:259: the box of 256 atoms is missing. The file is truncated."),
    ("gro with a zero box", lines("cg.gro", lambda text: [*text[:-1], "  0.0  0.0  0.0\n"]), GRO,
     "cg.gro: frame 0: there is no box, but the system has 64 molecules. ..."),
    ("gro with a flat box", lines("cg.gro", lambda text: [*text[:-1], "  3.0  3.0  0.0\n"]), GRO,
     "cg.gro: frame 0: the box has no volume: [3. 0. 0. 0. 3. 0. 0. 0. 0.] nm. Leave the frame out with --frames, or "
     "write the trajectory again."),
    ("beads twice as far apart as their atoms reach", lines("cg.gro", doubled), GRO,
     "run.yaml: steps[2].forward: rigid bonds keep 100% of the beads of frame 0 from being met by their atoms. Are the "
     "beads in nm, in the order of the mapping, and made by it? 'backmap check' compares them with free molecules; "
     "'max_infeasible: 1' at the top of the recipe goes on all the same."),
    ("position that is no number", NAN, GRO,
     "cg.gro:5: x of atom 3 is 'nan', not a number. The file is damaged, or the simulation that wrote it blew up."),
    ("position that is no number in the second frame", LATE_NAN, (*GRO, "--set", "window=1", *QUICK),
     "cg.gro:264: x of atom 3 is 'nan', not a number. The file is damaged, or the simulation that wrote it blew up."),
    ("writer of which nothing is said", nothing, ("--set", "steps.write.atoms={gromacs_ready: {}}"),
     "run.yaml: ...gromacs_ready: the options 'folder', 'of' and 'temperature' are missing. folder: The folder, in the "
     "output folder. of: The .top in which the molecule types stand. temperature: Of the runs, K."),
    # topology and mapping
    ("chains longer than the topology's", xtc(320), ("--set", "steps.read.beads.gromacs=cg.xtc"),
     "run.yaml: steps[1].read: cg.xtc: holds 320 beads, but the topology (64 OCT) has 256. Check the molecule counts "
     "and that every chain has the topology's length; beads that are not to be backmapped are declared in topology, "
     "under 'exclude' or 'ignore' (init: --ignore NAME)."),
    ("fewer molecules in the topology", replace("octane.top", "64\n", "63\n"), (),
     "run.yaml: steps[1].read: cg.gro, cg.xtc: holds 256 beads, but the topology (63 OCT) has 252: 64 B1, 64 B2, 64 "
     "B3, 64 "
     "B4. Check the molecule counts and that every chain has the topology's length; beads that are not to be "
     "backmapped are declared in topology, under 'exclude' or 'ignore' (init: --ignore NAME)."),
    ("truncated topology", half("octane.top"), (),
     "run.yaml: steps[0].topology: octane.top:70: '26 HC 1' is not a line of [ atoms ]"),
    ("residue number out of range", replace("octane.top", "1  OCT  C1 ", "99999999999999999999 OCT C1 ", 1), (),
     "run.yaml: steps[0].topology: octane.top:45: '1 CT 99999999999999999999 OCT C1 1 ...' is not a line of [ atoms ]"),
    ("charge that is no number", replace("octane.top", "-0.18   12.011", "nan   12.011", 1), (),
     "run.yaml: steps[0].topology: octane.top:45: '1 CT 1 OCT C1 1 nan 12.011' is not a line of [ atoms ]"),
    ("topology that includes nothing", replace("octane.top", "[ defaults ]", '#include "more.itp"\n[ defaults ]'), (),
     "run.yaml: steps[0].topology: octane.top:11: includes 'more.itp', which is not there. Give its folder in "
     "`include`."),
    ("mapping of an atom that does not exist", replace("octane.xml", ":C3 ", ":C33 "), (),
     "run.yaml: steps[0].topology: octane.xml:17: there is no atom '1:OCT:C33' in molecule type 'OCT'. Did you mean "
     "'1:OCT:C3'? Write RESID:RESNAME:ATOM, RESID from 1 in the molecule."),
    ("mapping of an unknown molecule", replace("octane.xml", "<ident>OCT", "<ident>OCTANE"), (),
     "run.yaml: steps[0].topology: octane.xml:4: <ident> is 'OCTANE', which is no molecule type of octane.top. Did you "
     "mean 'OCT'?"),
    ("mapping with too few weights", replace("octane.xml", "<weights>12.011 ", "<weights>", 1), (),
     "run.yaml: steps[0].topology: octane.xml:58: map 'end' has 6 weights, but bead 'B1' lists 7 atoms"),
    ("truncated mapping", half("octane.xml"), (),
     "run.yaml: steps[0].topology: octane.xml:28: is not XML (no element found)"),
    # recipe
    ("no such recipe", remove("run.yaml"), (), "run.yaml: there is no such recipe. Give the path of a run.yaml."),
    ("recipe that is not YAML", recipe("seed: 7", "seed: [7"), (), "run.yaml:4: not valid YAML: ..."),
    ("recipe that is a list", content("run.yaml", b"- a\n- list\n"), (),
     "run.yaml: is not a recipe. It is YAML that starts with 'recipe: 1'."),
    ("empty recipe", content("run.yaml", b""), (),
     "run.yaml: is not a recipe. It is YAML that starts with 'recipe: 1'."),
    ("beads of neither kind", nothing, ("--set", "beads=atoms"),
     "run.yaml: beads: should be 'mapped', 'model' or 'auto', not 'atoms'. What beads are: mapped from atoms ..."),
    ("no replicas", nothing, ("--set", "replicas=0"),
     "run.yaml: replicas: should be greater than or equal to 1, not 0. Independent draws of the atoms for each frame "
     "of beads."),
    ("a replica below the first", nothing, ("--set", "replica=-1"),
     "run.yaml: replica: should be greater than or equal to 0, not -1. Only this one of them, from 0."),
    ("replicas of no frames", NO_FRAMES, ("--set", "replicas=2"),
     "run.yaml: replicas: no step of the recipe reads frames"),
    ("file of a replica that is written by name", recipe("atoms.gro, atoms.xtc", "atoms.gro, atoms.replica1.gro"),
     ("--set", "replicas=2"),
     "run.yaml: steps[4].write: 'atoms.replica1.gro' is written twice. Give every file its own name."),
    ("unknown plugin", recipe("equivariant:", "equivarient:"), (),
     "run.yaml: steps[2].forward.generator: no generator is called 'equivarient'. Did you mean 'equivariant'? "
     "Known: ..."),
    ("unknown step", recipe("- gibbs:", "- gibs:"), (),
     "run.yaml: steps[3]: no step is called 'gibs'. Did you mean 'gibbs'? Known: ..."),
    ("unknown option", recipe("sweeps: 4", "sweps: 4"), (),
     "run.yaml: steps[3].gibbs: no option is called 'sweps'. Did you mean 'sweeps'? Known: ..."),
    ("option that is a step of its own now", recipe("sweeps: 4", "accept: boltzmann"), (),
     "run.yaml: steps[3].gibbs: 'accept' is a step of its own now: write metropolis: {...}"),
    ("option of the wrong type", recipe("sweeps: 4", "sweeps: many"), (),
     "run.yaml: steps[3].gibbs.sweeps: should be a valid integer, unable to parse string as an integer, not 'many'. "
     "Sweeps; each draws every fragment once."),
    ("option out of range", nothing, ("--set", "steps.gibbs.temperature=-3"),
     "run.yaml: steps[3].gibbs.temperature: should be greater than 0, not -3. K."),
    ("format that cannot be written", recipe("atoms.xtc", "atoms.pdb"), (),
     "run.yaml: steps[4].write.atoms[0].gromacs.files: 'atoms.pdb' should end in .gro, .xtc, .trr. ..."),
    ("step before what it needs", NO_READ, (),
     "run.yaml: steps[1].forward: step 'forward' needs beads, which no earlier step gives. Steps that give it: read"),
    ("gibbs without a generator", nothing, ("--set", "steps.forward.generator=template"),
     "run.yaml: steps[3].gibbs: step 'gibbs' needs generator, which no earlier step gives. Steps that give it: "
     "forward, gibbs, metropolis. Or say it here: generator: ..."),
    ("training without a training set", TRAIN, (),
     "run.yaml: steps[0].train: step 'train' needs training_set, which no earlier step gives. Steps that give it: "
     "prepare"),
    ("the best weights by nothing", nothing_held_out, (),
     "run.yaml: steps[0].train.keep: nothing is held out by which the best weights could be told. Prepare the training "
     "set with 'held_out', or give others under 'validation'."),
    ("a sweep by a generator that sees no atoms", nothing, ("--set", "steps.gibbs.generator=template"),
     "run.yaml: steps[3].gibbs: a sweep needs a generator that sees atoms. Write 'generator: {equivariant: "
     "weights.safetensors}'."),
    ("levels of another number", nothing, ("--set", "steps.gibbs.noise_schedule=[0.5, 0]"),
     "run.yaml: steps[3].gibbs: 'noise_schedule' has 2 entries for 4 sweeps"),
    ("level out of range", nothing, ("--set", "steps.gibbs.noise_schedule=[2]", "--frames", "0", *QUICK),
     "run.yaml: steps[3].gibbs.noise_schedule[0]: should be less than or equal to 1, not 2"),
    ("candidates of gibbs without a regularizer", recipe("regularizer: steric", "candidates: 4"), (),
     "run.yaml: steps[3].gibbs: 'candidates' and 'repair' need a regularizer to choose by, e.g. regularizer: steric"),
    ("candidates of forward without a regularizer", nothing,
     ("--set", "steps.forward.candidates=4", "--frames", "0", *QUICK),
     "run.yaml: steps[2].forward: 'candidates' need a regularizer to choose by, e.g. regularizer: steric"),
    # weights
    ("no weights", nothing, ("--set", "steps.forward.generator=equivariant"),
     "run.yaml: steps[2].forward: equivariant: the equivariant generator needs trained weights. Write 'equivariant: "
     "weights.safetensors', or use the template generator."),
    ("weights that are something else", content(WEIGHTS, b"weights\n"), (), NO_CHECKPOINT),
    ("empty weights", content(WEIGHTS, b""), (), NO_CHECKPOINT),
    ("weights of another version", fewer_weights, (),
     f"run.yaml: steps[2].forward.generator.equivariant: {WEIGHTS}: its weights do not fit the network of the "
     "equivariant generator. They are of another version, or the file was changed by hand: train anew."),
    ("truncated weights", half(WEIGHTS), (), NO_CHECKPOINT),
    ("training set given as weights", training_set, (),
     f"run.yaml: steps[2].forward.generator.equivariant: {WEIGHTS}: is a training set file, but a checkpoint file is "
     "needed here"),
    ("weights for another molecule", renamed_molecule, (),
     f"run.yaml: steps[2].forward: {WEIGHTS}: the weights know no molecule type 'ALK'. They know: OCT. Use the "
     "template generator, or train."),
    ("weights for other atoms", renamed_atom, (),
     f"run.yaml: steps[2].forward: {WEIGHTS}: molecule type 'OCT' has other atom names than the one the weights were "
     "trained on. Use weights for this topology, or train some."),
    # the output folder
    ("output below a file", nothing, ("--output", "octane.top/out"),
     "octane.top/out: cannot write to the output folder: Not a directory. Choose another with --output."),
    ("finished run there", found("run.json", '{"identity": "earlier"}'), (),
     "out: a finished run is here. Choose another folder with --output, or overwrite it with --force."),
    ("first file there", found("atoms.gro", "mine"), (),
     "run.yaml: steps[4].write: out/atoms.gro: exists already. Choose another folder with --output, or overwrite it "
     "with --force."),
    ("second file there", found("atoms.xtc", "mine"), (),
     "run.yaml: steps[4].write: out/atoms.xtc: exists already. Choose another folder with --output, or overwrite it "
     "with --force."),
    ("file of a replica there", found("atoms.replica1.xtc", "mine"), ("--set", "replicas=2"),
     "run.yaml: steps[4].write: out/atoms.replica1.xtc: exists already. Choose another folder with --output, or "
     "overwrite it with --force."),
    ("unfinished run there", found("progress.json", '{"identity": "earlier", "n_frames": 3}'), (),
     "out: an unfinished run is here, with 3 frames done. Go on with --resume, start again with --force, or choose "
     "another --output."),
    ("resume of another run", found("progress.json", '{"identity": "earlier", "n_frames": 3}'), ("--resume",),
     "out: the run here was begun with something else: it was begun by another version of backmap. Resume with what "
     "it began with, start again with --force, or choose another --output."),
    ("output over an input", nothing, ("--set", "steps.write.atoms={gromacs: cg.gro}", "--output", ".", "--force"),
     "run.yaml: steps[4].write: cg.gro: is read by this run and would be written over. Choose another folder with "
     "--output."),
    ("a part beyond the last", nothing, ("--part", "3/2"),
     "--part 3/2: is not a part. Write 2/8 for the second of eight, from 1."),
    ("damaged progress", found("progress.json", "{"), ("--resume",),
     "out/progress.json: is damaged. Remove it and start again."),
    # arguments
    ("frames out of range", nothing, ("--frames", "0,5"),
     "--frames 0,5: '5' is out of range: cg.gro, cg.xtc has 5 frames, 0 to 4"),
    ("negative frame", nothing, ("--frames", "-1"),
     "--frames -1: '-1' is out of range: cg.gro, cg.xtc has 5 frames, 0 to 4"),
    ("frames that are none", nothing, ("--frames", "one"),
     "--frames one: 'one' is not a frame or a range. Write 0,10,20 or start:stop:step, counted from 0."),
    ("no frames", nothing, ("--frames", "3:3"), "--frames 3:3: no frame is chosen"),
    ("a frame twice", nothing, ("--frames", "1,0:2"), "--frames 1,0:2: a frame is chosen twice"),
    ("ambiguous --set", ONE_MORE_SWEEP, ("--set", "steps.gibbs.sweeps=2"),
     "--set steps.gibbs.sweeps=2: the recipe has 2 steps 'gibbs'. Write steps.gibbs[0] or steps.gibbs[1]."),
    ("unknown step to set", nothing, ("--set", "steps.gibs.sweeps=2"),
     "--set steps.gibs.sweeps=2: the recipe has no step 'gibs'. It has: topology, read, forward, gibbs, write"),
    ("unknown option to set", nothing, ("--set", "steps.gibbs.sweps=2"),
     "run.yaml: steps[3].gibbs: no option is called 'sweps'. Did you mean 'sweeps'? Known: ..."),
    ("option to set that is a step of its own now", nothing, ("--set", "steps.gibbs.accept=boltzmann"),
     "run.yaml: steps[3].gibbs: 'accept' is a step of its own now: write metropolis: {...}"),
    ("nothing to set", nothing, ("--set", "steps.gibbs.sweeps"),
     "--set steps.gibbs.sweeps: is not an assignment. Write --set steps.gibbs.temperature=453."),
    ("seed that is no number", nothing, ("--seed", "x"), "Invalid value for '--seed': ... as an integer. Try --help."),
]

test_one_line = one_line(TABLE, INPUTS, RECIPE)
