"""A recipe as plain lists and mappings: read from YAML, then changed by ``--set``."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import yaml

from ..errors import BackmapError

#: Entries of a document with all its aliases written out; recipes have some hundred.
LARGEST = 100_000
#: Steps that say what there is from then on.
CHANGING = ("topology", "coarsen")

_PART = re.compile(r"(?:^|\.)([^.\[\]=]+)|\[(\d+)\]")


class _Loader(yaml.SafeLoader):
    """YAML in which a key that comes twice is an error; YAML itself keeps the last, silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                problem = f"the key '{key.value}' comes twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep)


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a recipe and what it holds.

    Raises:
        BackmapError: With the line, if it cannot be read or is not a YAML mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BackmapError("there is no such recipe", where=path, hint="Give the path of a run.yaml.") from None
    except UnicodeDecodeError:
        raise BackmapError("is not a text file", where=path, hint="A recipe is YAML in UTF-8.") from None
    except OSError as error:
        raise BackmapError(f"cannot be read: {error.strerror}", where=path) from None
    document = parse(text, path)
    if not isinstance(document, dict):
        raise BackmapError("is not a recipe", where=path, hint="It is YAML that starts with 'recipe: 1'.")
    return text, document


def given(content: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A recipe that is a mapping already, and its text, for the record."""
    text = yaml.safe_dump(_plain(content, text=True), sort_keys=False, allow_unicode=True)
    return text, _plain(content)


def _plain(node: Any, text: bool = False) -> Any:
    """Mappings and lists of Python's own kinds, paths as text; and with ``text`` everything else as text."""
    if isinstance(node, Mapping):
        return {key: _plain(value, text) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value, text) for value in node]
    if isinstance(node, Path):
        return str(node)
    return node if not text or node is None or isinstance(node, str | int | float | bool) else str(node)


def parse(text: str, where: object) -> Any:
    """Parse a YAML document. Aliases become copies, so that a change applies to one place only.

    Raises:
        BackmapError: If ``text`` is not valid YAML; with ``where`` and the line.
    """
    try:
        return _copy(yaml.load(text, _Loader), count(LARGEST, -1))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}" if mark else where
        problem = " ".join((error.problem or "cannot be read").split())
        raise BackmapError(f"not valid YAML: {problem}", where=place) from None
    except (yaml.YAMLError, ValueError, TypeError) as error:  # a key may be a list
        raise BackmapError(f"not valid YAML: {' '.join(str(error).split())}", where=where) from None
    except RecursionError:
        raise BackmapError("not valid YAML here: nested without end", where=where) from None


def _copy(node: Any, left: Iterator[int]) -> Any:
    """The same, without aliases; ``left`` counts down the entries that it may still have."""
    if not next(left):
        raise ValueError(f"more than {LARGEST} entries once its aliases are written out")
    if isinstance(node, dict):
        return {key: _copy(value, left) for key, value in node.items()}
    return [_copy(value, left) for value in node] if isinstance(node, list) else node


def override(document: dict[str, Any], assignment: str, changed: Mapping[str, str] | None = None) -> None:
    """Change one value, in place: ``steps.gibbs.temperature=453``, ``steps.gibbs[1].sweeps=2``.

    Args:
        document: The recipe.
        assignment: As ``--set`` takes it.
        changed: Names that steps no longer have, and how the line about each goes on after it.

    Raises:
        BackmapError: If the path is ambiguous or leads nowhere, or the value is not YAML.
    """
    where = f"--set {assignment}"
    path, equals, text = assignment.partition("=")
    parts = _parts(path.strip())
    if not equals or not parts:
        raise BackmapError("is not an assignment", where=where, hint="Write --set steps.gibbs.temperature=453.")
    if parts[0] == "steps" and len(parts) > 1:
        parts = _find_step(document.get("steps"), parts, where, changed or {})
    _assign(document, parts, parse(text, where), where)


def _parts(path: str) -> list[str | int]:
    """``a.b[1]`` as ``["a", "b", 1]``; empty if it is not a path."""
    matches = list(_PART.finditer(path))
    if "".join(match.group() for match in matches) != path:
        return []
    return [match.group(1) or int(match.group(2)) for match in matches]


def _find_step(steps: Any, parts: list[str | int], where: str, changed: Mapping[str, str]) -> list[str | int]:
    """The path with the step's place in the list and its name: ``steps, 4, gibbs, temperature``."""
    names = [step_name(entry) for entry in steps] if isinstance(steps, list) else []
    _, key, *rest = parts
    if isinstance(key, int):
        if key >= len(names):
            raise BackmapError(f"there are {len(names)} steps, counted from 0", where=where)
        return ["steps", key, names[key], *(rest[1:] if rest[:1] == [names[key]] else rest)]
    found = [number for number, name in enumerate(names) if name == key]
    if not found and key in changed:
        raise BackmapError(f"'{key}' {changed[key]}", where=where)
    if not found:
        raise BackmapError(f"the recipe has no step '{key}'", where=where, hint="It has: " + ", ".join(map(str, names)))
    if rest and isinstance(rest[0], int):
        choice, *rest = rest
        if choice >= len(found):
            raise BackmapError(f"the recipe has {len(found)} steps '{key}', counted from 0", where=where)
        return ["steps", found[choice], key, *rest]
    if len(found) > 1:
        choices = " or ".join(f"steps.{key}[{number}]" for number in range(len(found)))
        raise BackmapError(f"the recipe has {len(found)} steps '{key}'", where=where, hint=f"Write {choices}.")
    return ["steps", found[0], key, *rest]


def step_name(entry: Any) -> str:
    """The name in a recipe entry ``name`` or ``name: {options}``."""
    return str(next(iter(entry), "")) if isinstance(entry, dict) else str(entry)


def _assign(node: Any, parts: list[str | int], value: Any, where: str) -> None:
    for key, following in pairwise(parts):
        child = _child(node, key, where)
        if child is None or (isinstance(child, str) and child == following):
            child = node[key] = {} if child is None else {child: None}
        if not isinstance(child, list if isinstance(following, int) else dict):
            raise BackmapError(f"'{key}' holds {child!r}, which has no '{following}'", where=where,
                               hint="Set it as a whole, or write it with its options in the recipe.")
        node = child
    _child(node, parts[-1], where)
    node[parts[-1]] = value


def _child(node: Any, key: str | int, where: str) -> Any:
    if isinstance(node, list):
        if not isinstance(key, int) or key >= len(node):
            raise BackmapError(f"a list of {len(node)}, counted from 0, has no '{key}'", where=where)
        return node[key]
    return node.get(key)


def expect_one_system(content: dict[str, Any], where: object) -> None:
    """Raise BackmapError if steps of a recipe change what there is, so that its frames are not all of one system."""
    steps = content.get("steps")
    names = [step_name(entry) for entry in (steps if isinstance(steps, list) else ())]
    if sum(name in CHANGING for name in names) > 1:
        raise BackmapError("its steps change what there is, so that nothing says which of it is judged", where=where,
                           hint="Judge in the recipe itself, by 'assess' and 'write: {report: ...}'.")
