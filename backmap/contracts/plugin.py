"""The base of all plugins: a class with options."""
from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, get_args

import pydantic

if TYPE_CHECKING:
    from ..model.assessment import VerdictRule


#: Smallest and largest number but 0 that an option may be, whatever it stands for; and of temperatures, K.
SIZES, TEMPERATURES = (1e-12, 1e12), (1e-3, 1e6)


class Options(pydantic.BaseModel):
    """The options of a plugin: a frozen pydantic model with typed fields; unknown keys are refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)

    #: Former keys, and how the error about each goes on after its name: ``{"size": "is called 'width' now"}``. They are
    #: refused like any other unknown key.
    changed_names: ClassVar[Mapping[str, str]] = {}

    #: An option that holds a plugin, and the plugin that it holds where it is left out: what is written is then options
    #: of that plugin. With ``("morpher", "bottleneck")``, ``{sweeps: 3}`` is ``{morpher: {bottleneck: {sweeps: 3}}}``.
    implied: ClassVar[tuple[str, str] | tuple[()]] = ()

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        """Refuse ``true`` where a number is meant: pydantic takes it for 1."""
        if isinstance(value, bool) and _is_number(cls.model_fields[info.field_name].annotation):
            raise ValueError(f"should be a number, not {str(value).lower()}")
        return value

    @pydantic.field_validator("*", mode="after")
    @classmethod
    def _of_some_size(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        """Refuse numbers of no size that a length, an energy or a count can have: arithmetic breaks down there."""
        low, high = TEMPERATURES if info.field_name in ("temperature", "hottest") else SIZES
        for number in _numbers(value):
            if not (number == 0 or low <= abs(number) <= high):
                raise ValueError(f"{number:g} is {'below' if abs(number) < low else 'beyond'} all sense: should be "
                                 f"between {low:g} and {high:g}")
        return value


def _is_number(annotation: Any) -> bool:
    """Whether a field of this type holds a number and nothing that ``true`` could stand for."""
    kinds = {annotation, *get_args(annotation)}
    return bool(kinds & {int, float}) and bool not in kinds


def _numbers(value: Any) -> Iterator[int | float]:
    """The numbers in the value of an option."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, dict):
        yield from _numbers(list(value.values()))


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
