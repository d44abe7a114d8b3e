"""``backmap plugins``: what it lists, in how many columns, and without importing what it lists."""
from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import command


@pytest.fixture(autouse=True)
def _columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_line_each_in_80_columns() -> None:
    lines = command.succeed("plugins").splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  gibbs ") for line in lines)
    assert lines.index("steps") < lines.index("generators")


def test_the_list_imports_nothing_heavy() -> None:
    code = ("import sys; from backmap.commands import cli\n"
            "try: cli.main(['plugins'])\nexcept SystemExit as stop: assert not stop.code\n"
            "print([name for name in ('torch', 'scipy', 'rdkit', 'MDAnalysis', 'numba') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("word", ["force field", "force-fields", "force_field"])
def test_a_kind(word: str) -> None:
    said = command.succeed("plugins", word)
    assert ("force fields" in said) or word == "force_field"  # which is a generator's name, too


def test_a_name_tells_its_options() -> None:
    said = command.succeed("plugins", "steric")
    assert "scale: number, > 0; default 1.0" in said
    assert max(map(len, said.splitlines())) <= 80


def test_json() -> None:
    listed = json.loads(command.succeed("plugins", "--json"))
    assert {"kind", "name", "plugin", "about"} == set(listed[0])
    steric, = json.loads(command.succeed("plugins", "steric", "--json"))
    assert steric["options"]["scale"] == {"is": "number, > 0", "needed": False, "default": "1.0",
                                          "about": "Multiplies the contact radii."}


def test_a_slip_gets_a_hint() -> None:
    done = command.call("plugins", "gipps")
    assert done.code == 2
    assert "Did you mean 'gibbs'?" in done.err
