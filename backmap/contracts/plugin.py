"""What every plugin is: a class with options."""
from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import pydantic


class Options(pydantic.BaseModel):
    """Options of one plugin: typed, with defaults, frozen; an unknown key is refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    #: Keys that recipes no longer write, and how the line about each goes on after it: ``{"size": "is called 'width'
    #: now"}``. They are refused like any other unknown key.
    changed_names: ClassVar[Mapping[str, str]] = {}


#: The class above, where a plugin's own ``Options`` hides it.
_Options: TypeAlias = Options


@dataclass(frozen=True)
class Changed:
    """Offered in place of a plugin under a name that recipes no longer use.

    Attributes:
        now: How the line about the name goes on after it: ``is called 'gibbs' now``.
    """

    now: str


class Plugin(ABC):
    """A thing that a recipe names. Its options are all that it is built from.

    A plugin with options of its own nests a class ``Options`` and says so to type checkers: ``options: Options``.
    """

    Options: ClassVar[type[_Options]] = Options
    options: _Options
    #: What the recipe calls it; set by the recipe.
    name: str = ""

    def __init__(self, options: _Options) -> None:
        self.options = options
