"""A stranger's plugin: installed as a distribution, or given as a file."""
from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backmap import testing
from backmap.api import Generator
from backmap.recipe.registry import Registry, kind_of
from tests import command

EXAMPLE = Path(__file__).parent / "example_plugin"


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """What ``backmap plugins`` prints; the example is as unknown before as afterwards."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delitem(sys.modules, "backmap_cloud", raising=False)
    yield lambda *arguments: command.succeed("plugins", *arguments)
    sys.modules.pop("backmap_cloud", None)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built and installed into a folder of its own; pip needs no network for it."""
    source, target = tmp_path_factory.mktemp("source") / "example", tmp_path_factory.mktemp("target")
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
                    "--no-index", "--target", str(target), str(source)], check=True, capture_output=True)
    return target


def test_an_installed_plugin_is_found(installed: Path, listed: Callable[..., str],
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python looks for distributions; ``test_new.py`` does the same in a process of its own."""
    assert "cloud" not in listed()
    monkeypatch.syspath_prepend(installed)
    row = next(line for line in listed().splitlines() if " cloud " in line)
    assert "Atoms normally distributed about their bead." in row
    assert "width: number, > 0; default 0.1" in listed("cloud")


def test_a_plugin_file_is_found(listed: Callable[..., str]) -> None:
    assert " cloud " in listed("--plugin", str(EXAMPLE / "backmap_cloud.py"))


def test_it_keeps_its_promises() -> None:
    plugin = Registry().load_file(EXAMPLE / "backmap_cloud.py").get(kind_of(Generator), "cloud")
    testing.check_options(plugin)
    testing.check_generator(plugin(plugin.Options()))
