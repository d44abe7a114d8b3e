"""Names that recipes no longer use: each is refused in one line, which says what to write now."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
from pydantic import Field

from backmap import api, testing
from backmap.checking import reading
from backmap.errors import BackmapError
from backmap.hookspecs import hookimpl
from backmap.recipe import recipe
from backmap.recipe.registry import Registry, kind_of
from backmap.recipe.schema import schema

STEP = kind_of(api.Step)
NOW = "is called 'grow' now"


class Inner(api.Options):
    """A model inside options."""

    changed_names = {"deep": "is called 'depth' now"}
    depth: int = Field(1, description="How deep.")


class Grow(api.Step):
    """Does nothing."""

    class Options(api.Options):
        changed_names = {"siez": "is called 'size' now", "reeder": "was of no use: leave it out"}
        reader: api.Nested[api.Reader] | None = Field(None, description="A plugin first.")
        size: int = Field(description="A number.")
        inner: Inner | None = Field(None, description="A model.")
        some: list[Inner] = Field([], description="Models.")


def offering(**offers: object) -> SimpleNamespace:
    """A plugin that offers steps."""
    return SimpleNamespace(backmap_steps=hookimpl(lambda: offers))


@pytest.fixture
def known(registry: Registry) -> Registry:
    """Toys, and a step that was called otherwise."""
    return registry.register(offering(grow=Grow, swell=api.Changed(NOW)), "mine")


@pytest.mark.parametrize(("entry", "path", "line"), [
    ("swell", "", "'swell' is called 'grow' now"),
    ({"swell": {"size": 3}}, "", "'swell' is called 'grow' now"),
    ({"grow": {"siez": 3}}, "grow", "'siez' is called 'size' now"),  # and not that 'size' is missing
    ({"grow": {"reder": {}, "siez": 3}}, "grow", "'siez' is called 'size' now (1 more: see backmap check)"),
    ({"grow": {"other": 3, "siez": 3}}, "grow",
     "'siez' is called 'size' now (1 more: see backmap check)"),  # rather than the unknown one
    ({"grow": {"reeder": "toy", "size": 3}}, "grow", "'reeder' was of no use: leave it out"),
    ({"grow": {"size": 3, "inner": {"deep": 2}}}, "grow.inner", "'deep' is called 'depth' now"),
    ({"grow": {"size": 3, "some": [{}, {"deep": 2}]}}, "grow.some[1]", "'deep' is called 'depth' now"),
    ({"grow": {"size": 3, "siez": {"deep": 2}}}, "grow", "'siez' is called 'size' now"),
    ({"grow": {"size": 3, "deep": 2}}, "grow", "no option is called 'deep'. Known: inner, reader, size, some"),
])
def test_one_line_says_what_to_write(known: Registry, tmp_path: Path, entry: object, path: str, line: str) -> None:
    with pytest.raises(BackmapError) as error:
        recipe.built(api.Step, entry, tmp_path, known)
    assert (str(error.value), getattr(error.value, "path", "")) == (line, path)


def test_recipes_and_what_changes_them(known: Registry, write_recipe: Callable[..., Path],
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe.Recipe, "changed_names", {"sead": "is called 'seed' now"})
    top = write_recipe(("seed: 7", "sead: 7"))
    new = write_recipe(("  - toy_place\n", "  - toy_place\n  - grow: {size: 3}\n"), name="new.yaml")
    old = write_recipe(("  - toy_place\n", "  - toy_place\n  - swell: {size: 3}\n"), name="old.yaml")
    for file, overrides, line in (
            (top, [], f"{top}: 'sead' is called 'seed' now"),
            (new, ["sead=3"], f"{new}: 'sead' is called 'seed' now"),
            (new, ["steps.grow.siez=4"], f"{new}: steps[3].grow: 'siez' is called 'size' now"),
            (new, ["steps.swell.size=4"], "--set steps.swell.size=4: 'swell' is called 'grow' now"),
            (old, [], f"{old}: steps[3]: 'swell' is called 'grow' now"),
            (old, ["steps.swell.size=4"], f"{old}: steps[3]: 'swell' is called 'grow' now")):
        with pytest.raises(BackmapError, match=re.escape(line) + "$"):
            recipe.load(file, known, overrides)
        found = reading.read_file(file, known, overrides).findings
        assert [each.problem for each in found] == [line.rpartition(": ")[2]]
    assert recipe.load(new, known, ["steps.grow.size=4"]).steps[3].options.size == 4


def test_what_is_there_goes_before_what_was(known: Registry) -> None:
    """Another package may offer what is called so today."""
    assert known.names(STEP).count("swell") == 0
    assert known.changed(STEP).get("swell") == NOW
    known.register(offering(swell=Grow), "another")
    assert known.get(STEP, "swell") is Grow
    assert "swell" not in known.changed(STEP)


def test_the_schema_knows_them_no_more(known: Registry, write_recipe: Callable[..., Path]) -> None:
    validator = jsonschema.Draft202012Validator(schema(known))
    entries = {"grow: {size: 3, inner: {depth: 1}}": True, "grow: {siez: 3}": False, "swell: {size: 3}": False,
               "grow: {size: 3, inner: {deep: 1}}": False, "grow: {size: 3, siez: 3}": False}
    for entry, valid in entries.items():
        _, content = recipe.document.read(write_recipe(("  - toy_place\n", f"  - toy_place\n  - {entry}\n")))
        assert validator.is_valid(content) is valid, entry


def test_the_conformance_kit_sees_what_changed_and_is_there_still() -> None:
    class Both(api.Step):
        """Has the old and the new."""

        class Options(api.Options):
            changed_names = {"size": "is called 'width' now"}
            size: int = Field(1, description="A number.")

    testing.check_options(Grow)
    with pytest.raises(AssertionError, match="option 'size' of Both is said to have changed, and is there"):
        testing.check_options(Both)
