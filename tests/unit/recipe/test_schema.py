"""The JSON schema says what the grammar of recipes allows: for every toy and every short form, as the loader does."""
from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from pydantic import Field

from backmap import api
from backmap.errors import BackmapError
from backmap.hookspecs import hookimpl
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.recipe.schema import schema


class Nothing(api.Step):
    """Does nothing."""


class Inner(api.Options):
    """A model inside options."""

    depth: int = Field(1, ge=1, description="How deep.")


class Everything(api.Step):
    """Has options of all kinds."""

    class Options(api.Options):
        route: api.Nested[api.Traversal] = Field(description="A plugin first.")
        several: api.Several[api.Traversal] = Field([], description="Some.")
        maybe: api.Nested[api.Traversal] | None = Field(None, description="One or none.")
        named: dict[str, api.Several[api.Traversal]] = Field({}, description="By name.")
        inner: Inner = Field(Inner(), description="A model.")
        number: float = Field(1.0, gt=0, description="A number.")
        other: str = Field("a", alias="class", description="An alias.")


class Walk(api.Traversal):
    """Takes options."""

    class Options(api.Options):
        root: str = Field("first", description="Where from.")
        pieces: list[int] = Field([], description="Which.")

    def order(self, molecule: Any, rng: Any) -> Any: ...


class Strict(Walk):
    """Wants one."""

    class Options(api.Options):
        length: int = Field(description="How far.")


class Implying(api.Step):
    """Walks strictly where nothing else is said."""

    class Options(api.Options):
        implied = ("how", "strict")
        how: api.Nested[api.Traversal] = Field(description="What is implied.")
        number: float = Field(1.0, gt=0, description="A number.")


class Plugin:
    @hookimpl
    def backmap_steps(self) -> dict[str, type]:
        return {"nothing": Nothing, "everything": Everything, "implying": Implying}

    @hookimpl
    def backmap_traversals(self) -> dict[str, type]:
        return {"walk": Walk, "strict": Strict, "broken": "backmap.nowhere:Broken"}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry().register(Plugin(), "mine")


@pytest.fixture(scope="module")
def validator(registry: Registry) -> jsonschema.Draft202012Validator:
    made = schema(registry)
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def of(options: Any) -> dict[str, Any]:
    return {"recipe": 1, "steps": [{"everything": options}]}


def implying(options: Any) -> dict[str, Any]:
    return {"recipe": 1, "steps": [{"implying": options}]}


GOOD = [
    {"recipe": 1, "steps": ["nothing"]}, {"recipe": 1, "steps": [{"nothing": None}, {"nothing": {}}]},
    {"recipe": 1, "title": "x", "seed": 3, "device": "cpu", "define": {"a": [1]}, "max_warnings": {"clash": 3},
     "window": None, "steps": ["nothing"]},
    of("walk"), of({"walk": None}), of({"walk": "C1"}), of({"walk": {"root": "C1", "pieces": [1]}}), of({"strict": 3}),
    of({"route": "walk"}), of({"route": {"walk": {"root": "C1"}}, "number": 3}),
    of({"walk": {"root": "C1"}, "number": 3}), of({"strict": 3, "number": 0.5}),
    of({"route": {"strict": {"length": 2}}, "several": "walk", "maybe": "walk"}),
    of({"route": "walk", "several": ["walk", {"strict": 1}], "maybe": None}),
    of({"route": "walk", "several": {"walk": "C2"}, "named": {"x": "walk", "y": ["walk", {"strict": 3}]}}),
    of({"route": "walk", "inner": {"depth": 2}, "class": "b"}),
    implying({"length": 3}), implying(3), implying({"how": "walk", "number": 2}), implying("walk"),
    implying({"how": {"strict": 3}}),
]

BAD = [
    {"steps": ["nothing"]}, {"recipe": 2, "steps": ["nothing"]}, {"recipe": 1}, {"recipe": 1, "steps": []},
    {"recipe": 1, "steps": ["nothing"], "tilte": "x"}, {"recipe": 1, "steps": ["nothing"], "device": "gpu"},
    {"recipe": 1, "steps": ["nowhere"]}, {"recipe": 1, "steps": ["walk"]}, {"recipe": 1, "steps": [3]},
    {"recipe": 1, "steps": [{"nothing": 3}]}, {"recipe": 1, "steps": [{"nothing": {"a": 1}}]},
    {"recipe": 1, "steps": [{"nothing": None, "everything": "walk"}]}, {"recipe": 1, "steps": ["everything"]},
    of(None), of("wolk"), of("strict"), of({"strict": None}), of({"strict": "far"}), of({"number": 3}),
    of({"route": "walk", "number": 0}), of({"route": "walk", "number": "many"}), of({"route": "walk", "numbr": 1}),
    of({"route": {"walk": {"rot": "C1"}}}), of({"walk": {"rot": "C1"}}),
    of({"route": "walk", "strict": 3}), of({"route": "walk", "several": ["wolk"]}),
    of({"route": "walk", "inner": {"depth": 0}}), of({"route": "walk", "inner": {"deep": 1}}),
    of({"route": "walk", "other": "b"}), of({"route": "walk", "named": {"x": "wolk"}}), of({"broken": None}),
    implying(None), implying({"pieces": [1]}), implying({"length": 3, "number": 2}), implying({"walk": None}),
    implying({"how": "walk", "length": 3}), implying({"number": 2}), implying("wolk"),
]


def loads(content: dict[str, Any], registry: Registry, tmp_path: Any) -> bool:
    try:
        recipe.compose("", content, tmp_path / "run.yaml", registry)
    except BackmapError:
        return False
    return True


@pytest.mark.parametrize("content", GOOD, ids=str)
def test_what_is_right(content: dict[str, Any], validator: Any, registry: Registry, tmp_path: Any) -> None:
    assert loads(content, registry, tmp_path)
    assert list(validator.iter_errors(content)) == []


@pytest.mark.parametrize("content", BAD, ids=str)
def test_what_is_wrong(content: dict[str, Any], validator: Any, registry: Registry, tmp_path: Any) -> None:
    assert not loads(content, registry, tmp_path)
    assert not validator.is_valid(content)


def test_editors_are_told_what_things_are(registry: Registry) -> None:
    made = schema(registry)
    everything = made["$defs"]["step"]["anyOf"][1]["properties"]["everything"]
    assert everything == {"$ref": "#/$defs/step.everything", "description": "Has options of all kinds."}
    options = made["$defs"]["step.everything"]["anyOf"][0]["properties"]
    assert options["number"] == {"type": "number", "exclusiveMinimum": 0, "default": 1.0, "description": "A number."}
    assert made["properties"]["seed"]["description"]
