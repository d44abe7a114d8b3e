"""``backmap demo``: what it lays out; that its recipe runs is tested with the recipe."""
from __future__ import annotations

from pathlib import Path

import pytest

from backmap.commands import demo
from backmap.errors import BackmapError
from tests import command


def test_the_recipe_finds_all_it_reads(tmp_path: Path) -> None:
    recipe = demo.laid_out(tmp_path / "here")
    assert "\noutput: results " in recipe.read_text()
    assert "recipes/" not in recipe.read_text()
    said = command.succeed("check", recipe)
    assert "no errors" in said


def test_it_overwrites_only_by_force(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    with pytest.raises(BackmapError, match="exists already"):
        demo.laid_out(tmp_path / "here")
    assert demo.laid_out(tmp_path / "here", force=True).is_file()


def test_it_says_so_if_it_was_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.stock, "shipped", lambda: tmp_path)
    with pytest.raises(BackmapError, match=r"the demo is not installed: run\.yaml"):
        demo.laid_out(tmp_path / "here")
    assert not (tmp_path / "here").exists()
