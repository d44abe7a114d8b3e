"""The base of all plugins: a class with options."""
from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import pydantic

if TYPE_CHECKING:
    from ..model.assessment import VerdictRule


class Options(pydantic.BaseModel):
    """The options of a plugin: a frozen pydantic model with typed fields; unknown keys are refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    #: Former keys, and how the error about each goes on after its name: ``{"size": "is called 'width' now"}``. They are
    #: refused like any other unknown key.
    changed_names: ClassVar[Mapping[str, str]] = {}

    #: An option that holds a plugin, and the plugin that it holds where it is left out: what is written is then options
    #: of that plugin. With ``("morpher", "bottleneck")``, ``{sweeps: 3}`` is ``{morpher: {bottleneck: {sweeps: 3}}}``.
    implied: ClassVar[tuple[str, str] | tuple[()]] = ()


#: The class above, where a plugin's own ``Options`` hides it.
_Options: TypeAlias = Options


@dataclass(frozen=True)
class Changed:
    """A former name of a plugin, offered in place of the plugin so that the error says what to write now.

    Attributes:
        now: How the error goes on after the name: ``is called 'gibbs' now``.
    """

    now: str


class Plugin(ABC):
    """The base class of everything a recipe can name; a plugin is built from its options alone.

    A plugin with options of its own nests a class ``Options`` and annotates ``options: Options`` for type checkers.

    Attributes:
        options: The validated options.
        name: Its name in the recipe.
        unnamed: Whether the recipe leaves that name out, as it is implied (``Options.implied``).
    """

    Options: ClassVar[type[_Options]] = Options
    options: _Options
    #: The rules by which it adds findings to verdicts, for the docs.
    verdict_rules: ClassVar[Sequence[VerdictRule]] = ()
    #: Set by the recipe.
    name: str = ""
    #: Set by the recipe.
    unnamed: bool = False

    def __init__(self, options: _Options) -> None:
        self.options = options
