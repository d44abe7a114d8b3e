"""A stranger's plugin: installed as a distribution, or given as a file."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backmap import testing
from backmap.api import Generator
from backmap.recipe.registry import Registry, kind_of

EXAMPLE = Path(__file__).parent / "example_plugin"


def listed(*arguments: str, path: str = "") -> str:
    """What ``backmap plugins`` prints."""
    environment = os.environ | {"COLUMNS": "200", "PYTHONPATH": path}
    command = [sys.executable, "-m", "backmap", "plugins", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built and installed into a folder of its own; pip needs no network for it."""
    source, target = tmp_path_factory.mktemp("source") / "example", tmp_path_factory.mktemp("target")
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
                    "--no-index", "--target", str(target), str(source)], check=True, capture_output=True)
    return target


def test_an_installed_plugin_is_found(installed: Path) -> None:
    assert "cloud" not in listed()
    row = next(line for line in listed(path=str(installed)).splitlines() if " cloud " in line)
    assert "Atoms normally distributed about their bead." in row
    assert "width=0.1" in row


def test_a_plugin_file_is_found() -> None:
    assert " cloud " in listed("--plugin", str(EXAMPLE / "backmap_cloud.py"))


def test_it_keeps_its_promises() -> None:
    plugin = Registry().load_file(EXAMPLE / "backmap_cloud.py").get(kind_of(Generator), "cloud")
    testing.check_options(plugin)
    testing.check_generator(plugin(plugin.Options()))
