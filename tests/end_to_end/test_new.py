"""``backmap new`` as its user would go on: the package is installed, found, run, and passes its own test."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def python(*arguments: str, cwd: Path, path: Path | None = None) -> str:
    environment = os.environ | {"COLUMNS": "200", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(path or "")}
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=cwd, env=environment, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The package, and the folder it is installed into; pip needs no network for it."""
    folder = tmp_path_factory.mktemp("new")
    said = python("backmap", "new", "haze", "--kind", "generator", cwd=folder)
    assert said.splitlines() == [f"backmap-haze/{name}" for name in (
        "pyproject.toml", "README.md", "backmap_haze.py", "test_backmap_haze.py")]
    python("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target",
           str(folder / "installed"), "./backmap-haze", cwd=folder)
    return folder / "backmap-haze", folder / "installed"


@pytest.mark.slow
def test_it_is_found_once_installed(made: tuple[Path, Path]) -> None:
    package, installed = made
    row = next(line for line in python("backmap", "plugins", cwd=package.parent, path=installed).splitlines()
               if " haze " in line)
    assert "Atoms normally distributed about their bead." in row
    assert "width: number, > 0; default 0.1" in python("backmap", "plugins", "haze", cwd=package.parent, path=installed)


def test_it_passes_its_own_test(made: tuple[Path, Path]) -> None:
    package, installed = made
    assert "2 passed" in python("pytest", "-q", "-p", "no:cacheprovider", cwd=package, path=installed)


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "backmap", "new", "Haze", "--kind", "generator"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("backmap: 'Haze' cannot be the name of a plugin. Write it in lower_snake_case, "
                           "e.g. my_generator.\n")
    assert list(tmp_path.iterdir()) == []
