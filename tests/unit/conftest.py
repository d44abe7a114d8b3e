"""A registry with the shipped steps and the toy plugins, and recipes made of them."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backmap.recipe.registry import Registry

TOY = Path(__file__).parents[1] / "toy_plugin.py"

RECIPE = """\
recipe: 1
title: A toy
seed: 7
device: cpu
output: out
window: 2
steps:
  - toy_topology
  - read: {beads: {toy: 5}}
  - toy_place
  - write: {atoms: {toy: sums.txt}}
"""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The shipped steps and the toys, whatever else is installed."""
    import backmap_plugins.steps

    monkeypatch.delenv("BACKMAP_BLOCK", raising=False)
    return Registry().register(backmap_plugins.steps, "steps").load_file(TOY)


@pytest.fixture
def write_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Writes the toy recipe, with text replaced."""

    def write(*replacements: tuple[str, str], text: str = RECIPE, name: str = "run.yaml") -> Path:
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text)
        return path

    return write
