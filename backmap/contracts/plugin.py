"""What every plugin is: a class with options."""
from __future__ import annotations

from abc import ABC
from typing import ClassVar

import pydantic


class Options(pydantic.BaseModel):
    """Options of one plugin: typed, with defaults, frozen; an unknown key is refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Plugin(ABC):  # noqa: B024 (the kinds below have the abstract methods)
    """A thing that a recipe names. Its options are all that it is built from."""

    Options: ClassVar[type[Options]] = Options
    #: What the recipe calls it; set by the recipe.
    name: str = ""

    def __init__(self, options: Options) -> None:
        self.options = options
