"""Options of a plugin that is implied, in the place of those of the one that holds it."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import Field

from backmap import api
from backmap.errors import BackmapError
from backmap.hookspecs import hookimpl
from backmap.recipe import recipe
from backmap.recipe.registry import Registry


class Walk(api.Traversal):
    """Takes options."""

    class Options(api.Options):
        length: int = Field(description="How far.")
        inner: api.Nested[api.Traversal] | None = Field(None, description="Another.")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.length > 9:
            raise BackmapError("is too far")

    def order(self, molecule: object, rng: object) -> None: ...


class Stand(api.Traversal):
    """Takes none."""

    def order(self, molecule: object, rng: object) -> None: ...


class Go(api.Step):
    """Goes."""

    class Options(api.Options):
        implied = ("how", "walk")
        how: api.Nested[api.Traversal] = Field(description="What is implied.")
        pace: float = Field(1.0, description="A number.")

    options: Options


@pytest.fixture
def going() -> Registry:
    plugin = SimpleNamespace(backmap_steps=hookimpl(lambda: {"go": Go}),
                             backmap_traversals=hookimpl(lambda: {"walk": Walk, "stand": Stand}))
    return Registry().register(plugin, "mine")


def made(going: Registry, options: object) -> Go:
    return recipe.compose("", {"recipe": 1, "steps": [{"go": options}]}, Path("run.yaml"), going).steps[0]


@pytest.mark.parametrize("options", [{"length": 3}, 3])
def test_what_is_written_is_that_of_the_implied_plugin(going: Registry, options: object) -> None:
    step = made(going, options)
    assert isinstance(step.options.how, Walk)
    assert step.options.how.options.length == 3
    assert step.options.how.unnamed


@pytest.mark.parametrize(("options", "kind"), [("stand", Stand), ({"how": "stand"}, Stand),
                                               ({"how": {"walk": 3}, "pace": 2}, Walk)])
def test_who_names_it_names_it(going: Registry, options: object, kind: type) -> None:
    step = made(going, options)
    assert type(step.options.how) is kind
    assert not step.options.how.unnamed


@pytest.mark.parametrize(("options", "message"), [
    (None, "run.yaml: steps[0].go: the option 'length' is missing. How far."),
    ({"length": "far"}, "run.yaml: steps[0].go.length: should be a valid integer, unable to parse string as an "
                        "integer, not 'far'. How far."),
    ({"how": {"walk": "far"}}, "run.yaml: steps[0].go.how.walk.length: should be a valid integer, unable to parse "
                               "string as an integer, not 'far'. How far."),
    ({"lenght": 3}, "run.yaml: steps[0].go: no option is called 'lenght'. Did you mean 'length'? Known: inner, length"),
    ({"length": 3, "inner": {"walk": "far"}}, "run.yaml: steps[0].go.inner.walk.length: should be a valid integer, "
                                              "unable to parse string as an integer, not 'far'. How far."),
    ({"length": 10}, "run.yaml: steps[0].go: is too far"),
    ({"how": {"walk": 10}}, "run.yaml: steps[0].go.how.walk: is too far"),
    ({"how": "stand", "length": 3}, "run.yaml: steps[0].go: no option is called 'length'. Known: how, pace"),
    ({"length": 3, "inner": "wolk"}, "run.yaml: steps[0].go.inner: no traversal is called 'wolk'. Did you mean 'walk'? "
                                     "Known: stand, walk"),
])
def test_errors_are_where_they_are_written(going: Registry, options: object, message: str) -> None:
    with pytest.raises(BackmapError) as error:
        made(going, options)
    assert str(error.value).startswith(message)
