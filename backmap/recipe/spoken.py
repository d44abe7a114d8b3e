"""Options of plugins in words: what they are, their limits, their defaults."""
from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
import pydantic
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ..api import InputPath, OutputPath, Plugin, WeightsPath
from .registry import Kind, kind_of

#: Types of paths in words.
PATHS = ((InputPath, "file to read"), (WeightsPath, "weights to read"), (OutputPath, "file to write"))


def default(option: FieldInfo) -> str | None:
    """The default of an option as recipes write it, nothing for none; None if it must be given."""
    if option.is_required():
        return None
    value = option.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, dict | list | tuple | set | str) and not value:
        return "empty"
    if isinstance(value, tuple):
        value = list(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name(kind: Kind) -> str:
    return kind.name


def spoken(option: FieldInfo, plugin: Callable[[Kind], str] = _name) -> str:
    """The type of an option in words, with its limits; ``plugin`` says what a kind of plugin is called."""
    limits = [said for limit in option.metadata if (said := _limited(limit)) and option.annotation is not str]
    return ", ".join([_words(option.annotation, plugin, option.metadata), *limits])


def _limited(limit: Any) -> str:
    signs = {annotated_types.Ge: ("ge", "≥"), annotated_types.Gt: ("gt", ">"), annotated_types.Le: ("le", "≤"),
             annotated_types.Lt: ("lt", "<")}
    for kind, (attribute, sign) in signs.items():
        if isinstance(limit, kind):
            return f"{sign} {getattr(limit, attribute):g}"
    return "at least one" if isinstance(limit, annotated_types.MinLen) else ""


def _words(kind: Any, plugin: Callable[[Kind], str], notes: tuple | list = ()) -> str:
    """A type in words; ``notes`` is what ``Annotated`` says about it."""
    origin, inner = get_origin(kind), get_args(kind)
    if hasattr(kind, "__metadata__"):
        limits = [said for limit in kind.__metadata__ if (said := _limited(limit))]
        return ", ".join([_words(inner[0], plugin, kind.__metadata__), *limits])
    if isinstance(kind, type) and issubclass(kind, Plugin):
        return plugin(kind_of(kind))
    if kind is Path:
        return next(said for path, said in PATHS if path.__metadata__[0] in notes)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(part, plugin) for part in inner if part is not type(None))
    if origin is list:
        one = any(isinstance(note, pydantic.BeforeValidator) for note in notes)
        return f"{_words(inner[0], plugin)}, or a list of them" if one else f"list: {_words(inner[0], plugin)}"
    if origin is tuple:
        return f"list of {len(inner)}: {_words(inner[0], plugin)}"
    if origin is dict:
        return f"mapping from {_words(inner[0], plugin)} to {_words(inner[1], plugin)}"
    if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        listed = (f"`{name}` ({option.description})" for name, option in kind.model_fields.items())
        return f"mapping with {', '.join(listed)}"
    words = {int: "whole number", float: "number", str: "text", bool: "`true` or `false`", Any: "anything"}
    return words[kind]
