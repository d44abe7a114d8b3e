"""What every plugin is: a class with options."""
from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pydantic


class Options(pydantic.BaseModel):
    """Options of one plugin: typed, with defaults, frozen; an unknown key is refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    #: Keys that recipes no longer write, and how the line about each goes on after it: ``{"size": "is called 'width'
    #: now"}``. They are refused like any other unknown key.
    changed_names: ClassVar[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Changed:
    """Offered in place of a plugin under a name that recipes no longer use.

    Attributes:
        now: How the line about the name goes on after it: ``is called 'gibbs' now``.
    """

    now: str


class Plugin(ABC):  # noqa: B024 (the kinds below have the abstract methods)
    """A thing that a recipe names. Its options are all that it is built from."""

    Options: ClassVar[type[Options]] = Options
    #: What the recipe calls it; set by the recipe.
    name: str = ""

    def __init__(self, options: Options) -> None:
        self.options = options
