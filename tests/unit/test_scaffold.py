"""New plugin packages: each keeps the promises of its kind from the start, and is found under its name."""
from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from backmap import scaffold
from backmap.commands import new
from backmap.errors import BackmapError
from backmap.recipe.registry import KINDS, Registry

RULES = "E,F,W,I,UP,B,SIM,RUF,NPY,PT,C4"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry().discover()


def test_every_kind_has_one() -> None:
    assert [kind.name for kind in KINDS] == list(scaffold.USES)
    assert [kind.replace("_", " ") for kind in new.KINDS] == list(scaffold.USES)


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", scaffold.USES)
def test_it_passes_its_own_test(kind: str, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"try_{kind.replace(' ', '_')}"
    files = scaffold.start(name, kind, tmp_path / "new", registry)
    assert [file.name for file in files] == ["pyproject.toml", "README.md", f"backmap_{name}.py",
                                             f"test_backmap_{name}.py"]
    assert not [line for file in files for line in file.read_text().splitlines() if "$" in line or len(line) > 120]
    monkeypatch.syspath_prepend(tmp_path / "new")
    tests = {key: call for key, call in vars(load(files[-1])).items() if key.startswith("test_")}
    assert len(tests) >= 2
    for number, call in enumerate(tests.values()):
        (tmp_path / str(number)).mkdir()
        call(**{argument: tmp_path / str(number) for argument in inspect.signature(call).parameters})
    sys.modules.pop(f"backmap_{name}")


@pytest.mark.parametrize("kind", scaffold.USES)
def test_it_is_found(kind: str, registry: Registry, tmp_path: Path) -> None:
    pyproject, _, module, _ = scaffold.start("mine", kind, tmp_path / "new", registry)
    assert tomllib.loads(pyproject.read_text())["project"]["entry-points"]["backmap"] == {"mine": "backmap_mine"}
    found = Registry().load_file(module)
    assert found.names(next(each for each in KINDS if each.name == kind)) == ["mine"]


def test_it_is_tidy(registry: Registry, tmp_path: Path) -> None:
    for kind in scaffold.USES:
        scaffold.start("mine", kind, tmp_path / kind, registry)
        command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=120", f"--select={RULES}", "."]
        done = subprocess.run(command, cwd=tmp_path / kind, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("name", "kind", "message"), [
    ("My", "step", "'My' cannot be the name of a plugin. Write it in lower_snake_case"),
    ("class", "step", "'class' cannot be the name of a plugin"),
    ("../up", "step", "'../up' cannot be the name of a plugin"),
    ("template", "generator", "there is a generator called 'template' already"),
    ("mine", "gener", "--kind: there is no kind of plugin called 'gener'. Known: step, generator, traversal"),
    ("taken", "step", "taken: exists already. Choose another name, or another place with --output."),
])
def test_mistakes(name: str, kind: str, message: str, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(BackmapError, match=re.escape(message)):
        scaffold.start(name, kind, tmp_path / "taken" if name == "taken" else tmp_path / "new", registry)
    assert not (tmp_path / "new").exists()
