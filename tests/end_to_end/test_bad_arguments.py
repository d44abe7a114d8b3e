"""Recipes, arguments, output folders and plugins that nobody means, and the one line that is printed for each."""
from __future__ import annotations

import os
from pathlib import Path

from tests.breaking import (
    Break,
    Row,
    bytes_of,
    content,
    folder_at,
    found,
    link,
    nothing,
    one_line,
    put,
    recoded,
    replace,
)

from .test_bad_values import INPUTS, RECIPE


def pipe(name: str) -> Break:
    """A named pipe, which nobody writes to, in the place of a file."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change




def plugin(text: str) -> tuple[Break, tuple[str, ...]]:
    """A file of plugins."""
    return content("mine.py", text.encode()), ("--plugin", "mine.py")


HOOK = "from backmap import api, hookimpl\n@hookimpl\ndef backmap_steps():\n    "

TABLE: list[Row] = [
    # the recipe
    ("folder for a recipe", folder_at("run.yaml"), (),
     "run.yaml: cannot be read: Is a directory"),
    ("recipe of random bytes", content("run.yaml", bytes(range(256)) * 4), (),
     "run.yaml: is not a text file. A recipe is YAML in UTF-8."),
    ("recipe in UTF-16", recoded("run.yaml", "utf-16"), (),
     "run.yaml: is not a text file. A recipe is YAML in UTF-8."),
    ("recipe with a byte 0", bytes_of("run.yaml", lambda data: b"title: a\0b\n" + data), (),
     'run.yaml: not valid YAML: unacceptable character #x0000: special characters are not allowed in "<unicode '
     'string>", position 8'),
    ("recipe nested without end", content("run.yaml", b"recipe: 1\nsteps: " + b"[" * 3000 + b"]" * 3000), (),
     "run.yaml: not valid YAML here: nested without end"),
    ("recipe that contains itself", content("run.yaml", b"recipe: 1\nsteps: &a [*a]\n"), (),
     "run.yaml: not valid YAML here: nested without end"),
    ("recipe with a program in it", content(
        "run.yaml", b"recipe: 1\nsteps: !!python/object/apply:os.system ['true']\n"), (),
     "run.yaml:2: not valid YAML: could not determine a constructor for the tag "
     "'tag:yaml.org,2002:python/object/apply:os.system'"),
    ("two recipes in a file", bytes_of("run.yaml", lambda data: data + b"---\nrecipe: 1\n"), (),
     "run.yaml:9: not valid YAML: but found another document"),
    ("key twice in a recipe", replace("run.yaml", "seed: 7", "seed: 7\nseed: 8"), (),
     "run.yaml:3: not valid YAML: the key 'seed' comes twice"),
    ("key that is a list", replace("run.yaml", "seed: 7", "[1, 2]: seed"), (),
     "run.yaml: not valid YAML: unhashable type: 'list'"),
    ("step that is a number", replace("run.yaml", "  - read", "  - 7\n  - read"), (),
     "run.yaml: steps[2]: expected a step, not 7. Write it as 'name' or 'name: {options}'."),
    ("step that is nothing", replace("run.yaml", "  - read", "  - null\n  - read"), (),
     "run.yaml: steps[2]: expected a step, not nothing. Write it as 'name' or 'name: {options}'."),
    ("no steps", nothing, ("--set", "steps=[]"),
     "run.yaml: steps: list should have at least 1 item after validation, not 0, not []. What is done, in order."),
    ("version of recipes that there is not", nothing, ("--set", "recipe=2"),
     "run.yaml: recipe: should be 1, not 2. Version of the recipe format: 1."),
    ("negative seed", nothing, ("--seed", "-1"),
     "run.yaml: seed: should be greater than or equal to 0, not -1. Every random draw of the run follows from it."),
    ("seed beyond all", nothing, ("--seed", "99999999999999999999999"),
     "run.yaml: seed: should be less than 9223372036854775808, not 99999999999999999999999. Every random draw of "
     "the run follows from it."),
    ("windows beyond all", nothing, ("--set", "window=1000000000000"),
     "run.yaml: window: should be less than or equal to 1000000, not 1000000000000. Frames that are read and written "
     "together; what comes out is the same."),
    ("replicas beyond all", nothing, ("--set", "replicas=1000000000000"),
     "run.yaml: replicas: should be less than or equal to 1000000, not 1000000000000. Independent draws of the "
     "atoms for each frame of beads."),
    ("device that there is not", nothing, ("--set", "device=tpu"),
     "run.yaml: device: should be 'auto', 'cpu' or 'cuda', not 'tpu'. Where torch computes."),
    ("negative number of warnings", nothing, ("--set", "max_warnings={clash: -1}"),
     "run.yaml: max_warnings.clash: should be greater than or equal to 0, not -1"),
    ("file to write outside of the output folder", nothing, put("write.beads={gromacs: ../beads.gro}"),
     "run.yaml: steps[3].write.beads[0].gromacs.files[0]: '../beads.gro' is not inside the output folder. Write a "
     "relative path without '..'; `output` says where it goes."),
    ("file to write with an absolute path", nothing, put("write.beads={gromacs: /tmp/beads.gro}"),
     "run.yaml: steps[3].write.beads[0].gromacs.files[0]: '/tmp/beads.gro' is not inside the output folder. Write "
     "a relative path without '..'; `output` says where it goes."),
    ("file to write without a name", nothing, put("write.beads={gromacs: ''}"),
     "run.yaml: steps[3].write.beads[0].gromacs.files[0]: '.' is not inside the output folder. Write a relative "
     "path without '..'; `output` says where it goes."),
    ("file to write without an ending", nothing, put("write.beads={gromacs: beads}"),
     "run.yaml: steps[3].write.beads[0].gromacs.files: 'beads' should end in .gro, .xtc, .trr. Files to write, "
     ".gro, .xtc or .trr, relative to the output folder. A .trr holds forces, where a step such as forces has "
     "computed them."),
    ("environment variable that is not set", nothing, put("topology.atoms={gromacs: '${NOT_SET_AT_ALL}'}"),
     "run.yaml: steps[0].topology.atoms.gromacs.file: the environment variable NOT_SET_AT_ALL is not set. Set it, "
     "or write ${NOT_SET_AT_ALL:-default}."),
    ("user that there is not", nothing, put("topology.atoms={gromacs: '~nobody-at-all/octane.top'}"),
     "run.yaml: steps[0].topology.atoms.gromacs.file: nobody knows the home folder in '~nobody-at-all/octane.top'."
     " Write the whole path."),
    ("molecules of another name", nothing, put("topology.molecules={XYZ: 64}"),
     "run.yaml: steps[0].topology: octane.top: 'XYZ' is no molecule type. Known: OCT."),
    ("negative molecules in a recipe", nothing, put("topology.molecules={OCT: -64}"),
     "run.yaml: steps[0].topology: octane.top: -64 molecules of 'OCT' were asked for. Leave it out, or give a "
     "positive number."),
    ("whole molecules that there are not", nothing, put("topology.whole=[XYZ]"),
     "run.yaml: steps[0].topology: 'XYZ' under 'whole' is no molecule type of octane.top. Known: OCT."),
    ("everything excluded", nothing, put("topology.exclude=[OCT]"),
     "run.yaml: steps[0].topology: no molecule is left to be backmapped. Take those out of 'exclude' that have a "
     "mapping."),
    ("everything ignored", nothing, put("topology.ignore=['*']"),
     "run.yaml: steps[2].read: cg.gro: holds 0 beads (without 256 sites without atoms), but the topology (64 OCT) "
     "has 256. Check the molecule counts and that every chain has the topology's length; beads that are not to be "
     "backmapped are declared in topology, under 'exclude' or 'ignore' (init: --ignore NAME)."),
    # arguments
    ("more threads than any machine has", nothing, ("-nt", "100000"),
     "--threads 100000: should be a number of threads. 1 to 512; no more than the machine has cores are of use."),
    ("no threads", nothing, ("-nt", "0"),
     "Invalid value for '--threads' / '-nt': Input should be greater than or equal to 1. Try --help."),
    ("no processes", nothing, ("-np", "0"),
     "Invalid value for '--processes' / '-np': Input should be greater than or equal to 1. Try --help."),
    ("more processes than any machine has", nothing, ("-np", "100000"),
     "run.yaml: processes: should be less than or equal to 1024, not 100000. Processes that share the frames. What"
     " comes out does not depend on it."),
    ("processes that are a word", nothing, ("-np", "all"),
     "Invalid value for '--processes' / '-np': Input should be a valid integer, unable to parse string as an "
     "integer. Try --help."),
    ("range of frames with a step of 0", nothing, ("--frames", "0::0"),
     "--frames 0::0: '0::0' is out of range: cg.gro has 1 frame, 0 to 0"),
    ("range of frames backwards", nothing, ("--frames", "0:1:-1"),
     "--frames 0:1:-1: '0:1:-1' is out of range: cg.gro has 1 frame, 0 to 0"),
    ("range of frames with a hyphen", nothing, ("--frames", "0-3"),
     "--frames 0-3: '0-3' is not a frame or a range. Write 0,10,20 or start:stop:step, counted from 0."),
    ("frames by nothing", nothing, ("--frames", ""),
     "--frames : '' is not a frame or a range. Write 0,10,20 or start:stop:step, counted from 0."),
    ("frame between frames", nothing, ("--frames", "0.5"),
     "--frames 0.5: '0.5' is not a frame or a range. Write 0,10,20 or start:stop:step, counted from 0."),
    ("frame beyond all", nothing, ("--frames", "99999999999999999999"),
     "--frames 99999999999999999999: '99999999999999999999' is out of range: cg.gro has 1 frame, 0 to 0"),
    ("times that end before they begin", nothing, ("-b", "5", "-e", "1"),
     "--begin 5 --end 1: ends before it begins"),
    ("time that is no number", nothing, ("-b", "nan"),
     "--begin nan: no frame is chosen: cg.gro goes from 460 to 460 ps"),
    ("no time between frames", nothing, ("-dt", "0"),
     "--dt 0: should be a time above 0 ps"),
    ("time between frames that is no number", nothing, ("-dt", "nan"),
     "--dt nan: should be a time above 0 ps"),
    ("time that is a word", nothing, ("-b", "soon"),
     "Invalid value for '--begin' / '-b': Input should be a valid number, unable to parse string as a number. Try "
     "--help."),
    ("part of no parts", nothing, ("--part", "1/0"),
     "--part 1/0: is not a part. Write 2/8 for the second of eight, from 1."),
    ("part that is no fraction", nothing, ("--part", "1"),
     "--part 1: is not a part. Write 2/8 for the second of eight, from 1."),
    ("part of words", nothing, ("--part", "a/b"),
     "--part a/b: is not a part. Write 2/8 for the second of eight, from 1."),
    ("step to set by a number that there is not", nothing, ("--set", "steps[99].cutoff=1"),
     "--set steps[99].cutoff=1: there are 4 steps, counted from 0"),
    ("nothing before what to set", nothing, ("--set", "=1"),
     "--set =1: is not an assignment. Write --set steps.gibbs.temperature=453."),
    ("value to set that is not YAML", nothing, ("--set", "steps.forcefield.cutoff=[1"),
     "--set steps.forcefield.cutoff=[1:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
    ("option to set within a number", nothing, ("--set", "steps.forcefield.cutoff.x=1"),
     "run.yaml: steps[1].forcefield.cutoff: should be a valid number, not {'x': 1}. Cut-off of Lennard-Jones and "
     "Coulomb, nm (rvdw and rcoulomb of an .mdp). An .mdp beside the topology gives this and all that follows."),
    ("beads that are not there", nothing, ("-f", "nowhere.gro"),
     "run.yaml: steps[2].read.beads.gromacs.files[0]: there is no file 'nowhere.gro'. Input paths are relative to "
     "the recipe's folder."),
    ("beads that are a topology", nothing, ("-f", "octane.top"),
     "run.yaml: steps[2].read: octane.top: '.top' is not a format of GROMACS' frames. Give .gro, .xtc, .trr, .pdb "
     "or .tpr files."),
    # the output folder
    ("output folder that is a file", content("out", b"mine"), (),
     "out: cannot write to the output folder: File exists. Choose another with --output."),
    ("output folder that is a link to nowhere", link("out", "nowhere/at/all"), (),
     "out: cannot write to the output folder: File exists. Choose another with --output."),
    ("output folder that is a link to itself", link("out", "out"), (),
     "out: cannot write to the output folder: File exists. Choose another with --output."),
    ("folder in the place of a file", folder_at("out/beads.gro"), (),
     "run.yaml: steps[3].write: out/beads.gro: exists already. Choose another folder with --output, or overwrite "
     "it with --force."),
    ("folder in the place of a file that grows", folder_at("out/beads.gro.part"), (),
     "run.yaml: steps[3].write: out/beads.gro.part: cannot be written: Is a directory. Remove it, or choose "
     "another --output."),
    ("progress that is a list", found("progress.json", "[]"), ("--resume",),
     "out/progress.json: is damaged. Remove it and start again."),
    ("progress without frames", found("progress.json", '{"identity": {}}'), (),
     "out/progress.json: is damaged. Remove it and start again."),
    ("progress of a negative number of frames", found("progress.json", '{"identity": {}, "n_frames": -3}'),
     ("--resume",),
     "out/progress.json: is damaged. Remove it and start again."),
    ("report of a run that is empty", found("run.json", ""), ("--resume",),
     "out/run.json: is damaged. Remove it and start again."),
    # files of plugins
    ("file of plugins that is not there", nothing, ("--plugin", "nowhere.py"),
     "nowhere.py: there is no such plugin file"),
    ("file of plugins that is no Python", *plugin("def ("),
     "mine.py: the plugin file cannot be loaded: line 1: SyntaxError: invalid syntax (mine.py, line 1)"),
    ("file of plugins that fails", *plugin("raise RuntimeError('not today')"),
     "mine.py: the plugin file cannot be loaded: RuntimeError: not today"),
    ("file of plugins that leaves", *plugin("import sys\nsys.exit(3)"),
     "mine.py: the plugin file cannot be loaded: SystemExit: 3"),
    ("file of plugins that imports what is not there", *plugin("import nowhere_at_all\n"),
     "mine.py: this plugin file needs the package nowhere_at_all. pip install nowhere_at_all"),
    ("file without plugins", *plugin("x = 1\n"),
     "mine.py: the plugin file offers nothing. Write a function such as backmap_generators under "
     "@backmap.hookimpl."),
    ("hook that gives a list", *plugin(f"{HOOK}return [1]\n"),
     "plugin 'mine': backmap_steps returned a list, expected {name: class}. Correct it, or leave it out with "
     "BACKMAP_BLOCK=mine."),
    ("hook that fails", *plugin(f"{HOOK}raise ValueError('not today')\n"),
     "plugin 'mine': backmap_steps failed: ValueError: not today. Correct it, or leave it out with "
     "BACKMAP_BLOCK=mine."),
    ("plugin under a name that is taken", *plugin(f"{HOOK}return {{'read': api.Step}}\n"),
     "plugins 'steps' and 'mine' both offer a step 'read'. Leave one out: BACKMAP_BLOCK=mine."),
]

test_one_line = one_line(TABLE, INPUTS, RECIPE)
