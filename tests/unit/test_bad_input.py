"""What a user can get wrong, and the one line that each prints."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .commands.test_cli import call
from .conftest import TOY

Write = Callable[..., Path]

#: Replacement in the toy recipe, further arguments, the line printed after "backmap: ".
TABLE = {
    "unknown step": (("- toy_place", "- toy_plac"), [],
                     "run.yaml: steps[2]: no step is called 'toy_plac'. Did you mean 'toy_place'? Known: "),
    "unknown plugin": (("{toy: 5}", "{toi: 5}"), [],
                       "run.yaml: steps[1].read.beads: no reader is called 'toi'. Did you mean 'toy'? Known: "),
    "unknown option": (("- toy_place", "- toy_place: {wiat: 1}"), [],
                       "run.yaml: steps[2].toy_place: no option is called 'wiat'. Did you mean 'wait'? "
                       "Known: clashes, scatter, shift, wait"),
    "unknown option of a nested plugin": (("{toy: 5}", "{toy: {framse: 5}}"), [],
                                          "run.yaml: steps[1].read.beads.toy: no option is called 'framse'."),
    "option of the wrong type": (("- toy_place", "- toy_place: {wait: soon}"), [],
                                 "run.yaml: steps[2].toy_place.wait: should be a valid number, unable to parse string "
                                 "as a number, not 'soon'. Seconds for each window."),
    "option out of range": (("- toy_topology", "- toy_topology: 0"), [],
                            "run.yaml: steps[0].toy_topology.molecules: should be greater than or equal to 1, not 0."),
    "missing option": (("{toy: sums.txt}", "toy"), [],
                       "run.yaml: steps[3].write.atoms[0].toy: the option 'file' is missing. Where to."),
    "options of a plugin without": (("- toy_place", "- toy_idle: 3\n  - toy_place"), [],
                                    "run.yaml: steps[2].toy_idle: 'toy_idle' takes no options, but is given 3"),
    "options not indented": (("- toy_place", "- toy_place:\n    wait: 1"), [],
                             "run.yaml: steps[2]: a step has one name, but here are 2: toy_place, wait. "
                             "Indent the options of 'toy_place' further, or write one entry for each."),
    "an empty step": (("- toy_place", "-"), [], "run.yaml: steps[2]: expected a step, not nothing."),
    "step before what it needs": (("  - toy_topology\n", ""), [],
                                  "run.yaml: steps[0].read: step 'read' needs system, which no earlier step gives. "
                                  "Steps that give it: "),
    "step before all that it needs": (("  - toy_topology\n", "  - toy_place\n"), [],
                                      "run.yaml: steps[0].toy_place: step 'toy_place' needs beads and system, which "
                                      "no earlier step gives. Steps that give them: beads: "),
    "no steps": (("steps:", "define:"), [], "run.yaml: the entry 'steps' is missing. What is done, in order."),
    "unknown entry": (("seed: 7", "sede: 7"), [], "run.yaml: no entry is called 'sede'. Did you mean 'seed'?"),
    "another version": (("recipe: 1", "recipe: 2"), [], "run.yaml: recipe: should be 1, not 2. Version of the recipe"),
    "bad device": (("device: cpu", "device: gpu"), [], "run.yaml: device: should be 'auto', 'cpu' or 'cuda', not "),
    "not YAML": (("seed: 7", "seed: [7"), [], "run.yaml:4: not valid YAML: "),
    "a key twice": (("seed: 7", "seed: 7\nseed: 8"), [], "run.yaml:4: not valid YAML: the key 'seed' comes twice"),
    "not a recipe": (None, [], "run.yaml: is not a recipe. It is YAML that starts with 'recipe: 1'."),
    "path out of the output folder": (("sums.txt", "../sums.txt"), [],
                                      "run.yaml: steps[3].write.atoms[0].toy.file: '../sums.txt' is not inside the "
                                      "output folder."),
    "frames out of range": ((), ["--frames", "0,5"], "--frames 0,5: '5' is out of range: toy.xtc has 5 frames, 0 to 4"),
    "frames that are none": ((), ["--frames", "all"], "--frames all: 'all' is not a frame or a range."),
    "no such step to set": ((), ["--set", "steps.gibs.sweeps=2"], "--set steps.gibs.sweeps=2: the recipe has no step"),
    "bad seed": ((), ["--seed", "-1"], "run.yaml: seed: should be greater than or equal to 0, not -1."),
    "output is a file": ((), ["--output", "run.yaml/out"], "run.yaml/out: cannot write to the output folder: "
                                                          "Not a directory. Choose another with --output."),
    "no such plugin file": ((), ["--plugin", "mine.py"], "mine.py: there is no such plugin file"),
    "unknown flag": ((), ["--farmes", "0"], "No such option: --farmes"),
    "no box": (("{toy: 5}", "{toy: {edge: null}}"), [], "toy.xtc: frame 0: there is no box, but the system has 3 "),
    "positions that are no numbers": (("{toy: 5}", "{toy: {bad: 3}}"), [], "toy.xtc: frame 3: 1 of 3 positions are "),
    "no frames": (("{toy: 5}", "{toy: 0}"), [], "toy.xtc: holds no frames"),
    "wrong number of beads": (("{toy: 5}", "{toy: {points: 7}}"), [],
                              "run.yaml: steps[1].read: toy.xtc: holds 7 beads, but the topology (3 TOY) has 3."),
}


@pytest.mark.parametrize("case", TABLE)
def test_one_line(case: str, write_recipe: Write, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    replacement, arguments, expected = TABLE[case]
    text = {"text": "- just\n- a list\n"} if replacement is None else {}
    path = write_recipe(*filter(None, [replacement]), **text)
    monkeypatch.chdir(path.parent)
    code, out, err = call("run", "run.yaml", "--plugin", TOY, *arguments, capsys=capsys)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert re.sub(re.escape(f"{path.parent}/"), "", err).startswith(f"backmap: {expected}"), err


@pytest.mark.parametrize(("arguments", "expected"), [
    (["run", "nowhere.yaml"], "nowhere.yaml: there is no such recipe. Give the path of a run.yaml."),
    (["run", "."], ".: cannot be read: Is a directory"),
    (["run", "binary.yaml"], "binary.yaml: is not a text file. A recipe is YAML in UTF-8."),
    (["run"], "Missing argument 'RECIPE'. Try --help."),
    (["rum"], "No such command 'rum'."),
])
def test_without_a_recipe(arguments: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                          capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    code, _, err = call(*arguments, capsys=capsys)
    assert code == 2
    assert err.count("\n") == 1
    assert err.startswith(f"backmap: {expected}")
