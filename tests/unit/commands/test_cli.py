"""The command line: exit codes, and errors in one line."""
from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import backmap
from backmap.commands import cli, shared

from ..conftest import TOY

Write = Callable[..., Path]
COMMAND = [sys.executable, "-m", "backmap"]


def call(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
    finally:
        signal.signal(signal.SIGTERM, before)
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version", capsys=capsys) == (0, f"backmap {backmap.__version__}\n", "")


def test_nobody_reads_on(write_recipe: Write) -> None:
    for arguments in (["plugins"], ["check", write_recipe(), "--plugin", TOY]):
        with subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as running:
            running.stdout.close()
            assert "unexpected" not in running.stderr.read()
        assert running.returncode == 1


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], []])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = ("import sys; from backmap.commands import cli\n"
            f"try: cli.main({arguments!r})\nexcept SystemExit as stop: assert not stop.code\n"
            "heavy = ('torch', 'numpy', 'scipy', 'rdkit', 'MDAnalysis', 'backmap_plugins')\n"
            "print([name for name in heavy if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: backmap" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_run(write_recipe: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write_recipe()
    code, out, err = call("run", path, "--plugin", TOY, "--frames", "0,2", "--seed", "3", "--output", tmp_path / "it's",
                          "--set", "steps.toy_place.wait=0", capsys=capsys)
    assert (code, out) == (0, "")
    assert re.search(r"2 frames in [\d.e+-]+ s.*, written to .*it's", err)
    assert (tmp_path / "it's" / "sums.txt").read_text().count("\n") == 3
    assert call("run", path, "--plugin", TOY, "--frames", "0,2", "--seed", "3", "--output", tmp_path / "it's",
                "--set", "steps.toy_place.wait=0", "--force", capsys=capsys)[0] == 0


def test_quiet_says_nothing_but_what_is_wrong(write_recipe: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recipe()
    assert call("run", path, "--plugin", TOY, "-q", capsys=capsys) == (0, "", "")
    code, _, err = call("run", path, "--plugin", TOY, "-q", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "a finished run is here" in err


def test_verbose_says_what_every_step_took(write_recipe: Write, capsys: pytest.CaptureFixture[str],
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    loggers = [logging.getLogger(name) for name in shared.LOGGERS]
    for logger in loggers:  # as they were, afterwards
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "level", logger.level)
    _, _, usual = call("run", write_recipe(), "--plugin", TOY, capsys=capsys)
    code, _, err = call("run", write_recipe(), "--plugin", TOY, "-v", "--force", capsys=capsys)
    assert code == 0
    more = [line for line in err.splitlines() if line not in usual]
    assert any(re.fullmatch(r"\d\d:\d\d:\d\d the step 'toy_place': \d frames in [\d.e+-]+ s", line) for line in more)


def test_short_flags(write_recipe: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    output = tmp_path / "short"
    short = ("run", write_recipe(), "--plugin", TOY, "-b", 1, "-e", 4, "-dt", 2, "-nt", 1, "-o", output)
    assert call(*short, capsys=capsys)[:2] == (0, "")
    lines = (output / "sums.txt").read_text().splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["1", "3"]
    assert json.loads((output / "run.json").read_text())["frames"] == "1,3"
    long = ("run", write_recipe(), "--plugin", TOY, "--begin", 1, "--end", 4, "--dt", 2, "--threads", 1, "--output",
            output, "--resume")
    assert "finished already" in call(*long, capsys=capsys)[2]


@pytest.mark.parametrize(("arguments", "message"), [
    (("-dt", "0"), "--dt 0: should be a time above 0 ps"),
    (("-b", "9"), "--begin 9: no frame is chosen: toy.xtc goes from 0 to 4 ps"),
    (("-b", "4", "-e", "2"), "--begin 4 --end 2: ends before it begins"),
    (("-nt", "0"), "Invalid value for '--threads' / '-nt'"),
    (("-b", "soon"), "Invalid value for '--begin' / '-b'"),
])
def test_mistakes_in_short_flags(arguments: tuple[str, ...], message: str, write_recipe: Write,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call("run", write_recipe(), "--plugin", TOY, *arguments, capsys=capsys)
    assert (code, out) == (2, "")
    assert message in err
    assert err.splitlines()[-1].startswith("backmap: ")


@pytest.mark.parametrize("command", ["", "run", "report", "plugins", "schema", "new"])
def test_h_is_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(*filter(None, [command]), "-h", capsys=capsys)
    assert code == 0
    assert f"Usage: backmap {command}".rstrip() in out


@pytest.mark.parametrize(("words", "expected"), [
    ("backmap re", "report"), ("backmap s", "schema"), ("backmap run --be", "--begin\n--beads"),
    ("backmap new mine --kind re", "regularizer\nrefiner\nreader"),
])
def test_completion_imports_nothing_heavy(words: str, expected: str) -> None:
    code = ("import sys, atexit; from backmap.commands import cli\n"
            "heavy = ('torch', 'numpy', 'scipy', 'rdkit', 'MDAnalysis', 'backmap_plugins')\n"
            "atexit.register(lambda: print([name for name in heavy if name in sys.modules], file=sys.stderr))\n"
            "cli.main([])")
    asked = {"_BACKMAP_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True,
                          check=False)
    assert sorted(done.stdout.split()) == sorted(expected.split())
    assert done.stderr.splitlines()[-1] == "[]"


def test_completion_is_installed(tmp_path: Path) -> None:
    place = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run([*COMMAND, "--install-completion", "bash"], env=os.environ | place, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".bash_completions" / "backmap.sh").is_file()


def test_schema_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.schema.json"
    code, out, _ = call("schema", "--plugin", TOY, "-o", path, capsys=capsys)
    assert (code, out.count("\n")) == (0, 1)
    assert "yaml-language-server: $schema=recipe.schema.json" in out
    written = json.loads(path.read_text())
    assert "step.toy_place" in written["$defs"]
    code, _, err = call("schema", "-o", path, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "exists already" in err
    code, out, _ = call("schema", "--plugin", TOY, capsys=capsys)
    assert json.loads(out) == written


def test_plugins_lists_kinds_names_and_options(capsys: pytest.CaptureFixture[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = call("plugins", "--plugin", TOY, capsys=capsys)
    assert code == 0
    row = next(line for line in out.splitlines() if "toy_place" in line)
    assert "Puts both atoms on their bead, slowly if wanted." in row
    assert "depth_first" in out
    _, out, _ = call("plugins", "toy_place", "--plugin", TOY, capsys=capsys)
    assert "wait: number; default 0.0" in out


def test_bugs_are_one_line_that_asks_for_debug(write_recipe: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recipe(("- toy_topology", '- toy_bug: "two\\nlines"\n  - toy_topology'))
    code, _, err = call("run", path, "--plugin", TOY, capsys=capsys)
    assert code == 1
    assert err == ("backmap: unexpected ValueError: two lines. This is a bug, of backmap or of a plugin; "
                   "run again with --debug to see where\n")
    code, _, err = call("run", path, "--plugin", TOY, "--debug", capsys=capsys)
    assert code == 1
    assert "Traceback" in err


def test_debug_shows_the_traceback_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call("run", "nowhere.yaml", "--debug", capsys=capsys)
    assert code == 2
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("backmap: nowhere.yaml: there is no such recipe")


def test_warnings_of_libraries_show_with_debug_alone(tmp_path: Path) -> None:
    """Plugin files are loaded before the recipe is looked for."""
    noisy = tmp_path / "noisy.py"
    noisy.write_text("import warnings\nfrom backmap import hookimpl\nwarnings.warn('noise')\n"
                     "@hookimpl\ndef backmap_steps(): return {}\n")
    command = [*COMMAND, "run", str(tmp_path / "nowhere.yaml"), "--plugin", str(noisy)]
    quiet, loud = (subprocess.run([*command, *more], capture_output=True, text=True, check=False).stderr
                   for more in ([], ["--debug"]))
    assert all("there is no such recipe" in said for said in (quiet, loud))
    assert "noise" not in quiet
    assert "noise" in loud


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_exits_with_130_and_one_line(write_recipe: Write, stop: signal.Signals) -> None:
    path = write_recipe(("- toy_place", "- toy_place: {wait: 0.5}"))
    process = subprocess.Popen([*COMMAND, "run", str(path), "--plugin", str(TOY)], stderr=subprocess.PIPE, text=True,
                               # Tests in the background of a shell ignore Ctrl-C, and so would what they start.
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    part, progress = path.parent / "out" / "sums.txt.part", path.parent / "out" / "progress.json"
    give_up = time.monotonic() + 60
    while not (progress.exists() and json.loads(progress.read_text())["n_frames"] == 2):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    process.send_signal(stop)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "backmap: stopped after 2 frames, which are whole; the same command with --resume goes on\n"
    assert part.read_text().count("\n") == 3


def test_typers_own_end_of_what_was_stopped_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.guarded(lambda: 130) == 130
    assert capsys.readouterr().err == "backmap: stopped\n"
