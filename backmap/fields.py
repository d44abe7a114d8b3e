"""Types for the fields of ``Options``: paths, and plugins inside plugins.

They read the ``Build`` that travels with pydantic's validation context. Options built by hand, as
in a test, need none: paths stay as they are, and a nested plugin is given as an instance.
"""
from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic_core import PydanticCustomError, core_schema

from . import stock
from .errors import BackmapError

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


#: Characters of a path in a message.
LONGEST = 300


@dataclass
class Build:
    """Validation context of a recipe's options.

    Attributes:
        folder: Folder of the recipe; relative input paths start here.
        plugin: Builds a plugin of a kind from a recipe entry.
        inputs: Every input file that was named, in order, for provenance.
        plugins: The class of every plugin that was built, in order.
        in_memory: Whether a plugin was given as an object, not by name.
    """

    folder: Path
    plugin: Callable[[type, Any, Build], Any]
    inputs: dict[Path, None] = field(default_factory=dict)
    plugins: dict[type, None] = field(default_factory=dict)
    in_memory: bool = False


def as_field_error(error: BackmapError) -> PydanticCustomError:
    """The error in a form that pydantic gives a place; ``mistakes.all_errors`` unpacks it."""
    return PydanticCustomError("backmap", "{message}", {"message": str(error), "error": error})


def expand(text: str) -> str:
    """Replace ``${NAME}`` and ``${NAME:-default}`` by values of environment variables.

    Raises:
        BackmapError: If a variable without a default is not set.
    """

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = os.environ.get(name) or default
        if found is None:
            raise BackmapError(f"the environment variable {name} is not set",
                               hint=f"Set it, or write ${{{name}:-default}}.")
        return found

    return _VARIABLE.sub(value, text)


def as_path(text: str) -> Path:
    """The path that a text stands for: variables replaced, and ``~`` by the folder of a user.

    Raises:
        BackmapError: If there is no such variable or user.
    """
    try:
        return Path(expand(text)).expanduser()
    except RuntimeError:
        raise BackmapError(f"nobody knows the home folder in '{text}'", hint="Write the whole path.") from None


def _shown(path: object) -> str:
    """A path for a message; what is too long to be one is cut."""
    text = str(path)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _input_path(value: Any, info: pydantic.ValidationInfo) -> Any:
    return _existing(value, info.context, "Input paths are relative to the recipe's folder.")


def _weights_path(value: Any, info: pydantic.ValidationInfo) -> Any:
    build, hint = info.context, "Paths of weights are relative to the recipe's folder."
    if isinstance(build, Build) and Path(str(value)).name == str(value) and not (build.folder / str(value)).exists():
        value = stock.find(str(value)) or value
        hint = (f"Weights that are named without a folder are looked for beside the recipe and in "
                f"{', '.join(map(str, stock.places()))}.")
    return _existing(value, build, hint)


def _existing(value: Any, build: Any, hint: str) -> Any:
    """A path that is there, from the recipe's folder; ``hint`` is what to say if it is not."""
    if not isinstance(value, str | Path) or not isinstance(build, Build):
        return value
    try:
        path = build.folder / as_path(str(value))
        if not path.exists():
            raise BackmapError(f"there is no file '{_shown(value)}'"
                               + (f" ({_shown(path)})" if str(path) != str(value) else ""), hint=hint)
    except BackmapError as error:
        raise as_field_error(error) from None
    if path.is_file():
        build.inputs[path] = None
    return path


def _output_path(path: Path) -> Path:
    try:
        path = Path(expand(str(path)))
    except BackmapError as error:
        raise as_field_error(error) from None
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise as_field_error(BackmapError(f"'{path}' is not inside the output folder",
                                          hint="Write a relative path without '..'; `output` says where it goes."))
    return path


#: A file to read: ``${NAME:-default}`` is expanded, relative paths start at the recipe's folder.
InputPath = Annotated[Path, pydantic.BeforeValidator(_input_path)]

#: Trained weights to read: as ``InputPath``; a name without a folder is also looked for among installed weights.
WeightsPath = Annotated[Path, pydantic.BeforeValidator(_weights_path)]

#: A file to write, relative to the output folder and inside it.
OutputPath = Annotated[Path, pydantic.AfterValidator(_output_path)]


#: Under this name the schema of a nested plugin knows what kind it is.
CONTRACT = "backmap_contract"


class _NestedPlugin:
    """Builds the plugin that a recipe entry names; the kind is the type it annotates."""

    def __get_pydantic_core_schema__(self, kind: type, _: pydantic.GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def build(value: Any, info: core_schema.ValidationInfo) -> Any:
            if isinstance(value, kind):
                if isinstance(info.context, Build):
                    info.context.in_memory = True
                return value
            if not isinstance(info.context, Build):
                raise PydanticCustomError("backmap", "should be a {kind}", {"kind": kind.__name__})
            try:
                return info.context.plugin(kind, value, info.context)
            except BackmapError as error:
                raise as_field_error(error) from None

        return core_schema.with_info_plain_validator_function(build, metadata={CONTRACT: kind})


PluginKind = TypeVar("PluginKind")

#: ``Nested[Generator]``: the recipe's ``name`` or ``name: {options}`` becomes a plugin before the
#: step sees it. Works inside ``| None``, ``list[...]`` and ``dict[str, ...]``.
Nested = Annotated[PluginKind, _NestedPlugin()]


def _as_list(value: Any) -> Any:
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]


#: ``Several[Writer]``: none, one or a list of plugins; always a list for the step.
Several = Annotated[list[Annotated[PluginKind, _NestedPlugin()]], pydantic.BeforeValidator(_as_list)]
