"""Recipes of packages say what pyproject.toml says."""
from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import backmap

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / ".ci" / "packaging" / "conda" / "recipe.yaml"
#: What conda-forge calls otherwise.
NAMES = {"torch": "pytorch", "MDAnalysis": "mdanalysis", "OpenMM": "openmm", "PyYAML": "pyyaml",
         "matplotlib": "matplotlib-base"}


@pytest.mark.skipif(not RECIPE.is_file(), reason="it is not part of the source distribution")
def test_the_conda_recipe_asks_for_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    parts = [re.fullmatch(r"([\w.-]+)(\S*)", line).groups() for line in project["dependencies"]]
    expected = {f"{NAMES.get(name, name)} {version}" for name, version in parts}
    recipe = yaml.safe_load(RECIPE.read_text())
    assert {*recipe["requirements"]["run"]} == expected | {f"python {project['requires-python']}"}
    assert recipe["context"]["version"] == backmap.__version__
    assert recipe["build"]["python"]["entry_points"] == [f"backmap = {project['scripts']['backmap']}"]
    assert recipe["about"]["summary"] == project["description"]
