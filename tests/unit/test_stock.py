"""Weights at hand: which files are, and how a recipe finds them by name."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from backmap import api, stock
from backmap.errors import BackmapError
from backmap.fields import Build
from backmap.recipe import recipe
from backmap.recipe.registry import Registry

ROOT = Path(__file__).parents[2]
SHIPPED = "octane_350K.safetensors"


class Trained(api.Options):
    """Options of something with weights."""

    checkpoint: api.WeightsPath


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(stock.VARIABLE, raising=False)


def found(folder: Path, name: str) -> Path:
    """The file that a recipe in a folder means."""
    return recipe.validated(Trained, {"checkpoint": name}, Build(folder, recipe._Builder(Registry())), "o").checkpoint


def test_a_checkout_has_the_weights_beside_their_recipes() -> None:
    assert stock.places() == [ROOT / "recipes"]
    assert stock.find(SHIPPED) == ROOT / "recipes" / "octane" / SHIPPED
    assert stock.find("none.safetensors") is None


def test_files_are_those_in_folders_and_right_below_but_no_states(tmp_path: Path) -> None:
    for name in ("a", "sub/b", "sub/b.state", "sub/deep/c"):
        path = tmp_path / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    listed = [path.relative_to(tmp_path).as_posix() for path in stock.files([tmp_path, tmp_path / "a.safetensors"])]
    assert listed == ["a.safetensors", "sub/b.safetensors"]


def test_a_bare_name_is_looked_for_beside_the_recipe_then_in_the_variable_then_among_those_that_ship(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(tmp_path, SHIPPED) == ROOT / "recipes" / "octane" / SHIPPED
    named = tmp_path / "named"
    named.mkdir()
    (named / SHIPPED).touch()
    monkeypatch.setenv(stock.VARIABLE, os.pathsep.join(["", str(tmp_path / "gone"), str(named)]))
    assert found(tmp_path, SHIPPED) == named / SHIPPED
    (tmp_path / SHIPPED).touch()
    assert found(tmp_path, SHIPPED) == tmp_path / SHIPPED


def test_what_has_a_folder_is_there_or_not(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match=r"there is no file 'here/octane_350K.safetensors'.*Paths of weights are"):
        found(tmp_path, f"here/{SHIPPED}")


def test_a_name_that_is_nowhere_tells_where_it_was_looked_for(tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(stock.VARIABLE, "mine")
    with pytest.raises(BackmapError, match=rf"no file 'none'.* beside the recipe and in mine, {ROOT / 'recipes'}\."):
        found(tmp_path, "none")


def test_headers_are_read_without_tensors(tmp_path: Path) -> None:
    header = stock.header(stock.find(SHIPPED))
    assert (header["generator"], [kind["name"] for kind in header["types"]]) == ("equivariant", ["OCT"])
    for content in (b"", b"\xff" * 40, (2).to_bytes(8, "little") + b"[]"):
        (tmp_path / "broken.safetensors").write_bytes(content)
        assert stock.header(tmp_path / "broken.safetensors") is None
