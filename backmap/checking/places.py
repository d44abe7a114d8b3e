"""Places in a recipe by line: ``steps[3].gibbs.temperature`` -> ``run.yaml:21``."""
from __future__ import annotations

import re
from pathlib import Path

import yaml

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_PLACE = re.compile(r"steps\[\d+\][^:\s]*")


class Places:
    """Knows on which line of a recipe a thing stands.

    Args:
        file: The recipe, for messages.
        text: What is in it; empty for recipes that are no file, which have no lines.
    """

    def __init__(self, file: Path | str, text: str) -> None:
        self.file = str(file)
        try:
            self._root = yaml.compose(text, yaml.SafeLoader) if text else None
        except (yaml.YAMLError, RecursionError):
            self._root = None

    @property
    def known(self) -> bool:
        """Whether there are lines."""
        return self._root is not None

    def line(self, place: str) -> int | None:
        """The line of a path, counted from 1: that of its deepest part that is written out."""
        node, line = self._root, None
        for key, number in _PART.findall(place):
            found = _child(node, int(number) if number else key)
            if found is None:
                continue  # a grammar of short forms leaves names out
            line, node = found
        return line

    def where(self, place: str) -> str:
        """File, line and path."""
        line = self.line(place)
        return f"{self.file}{f':{line}' if line else ''}: {place}" if place else self.file

    def lined(self, where: str) -> str:
        """The place of an error with the line of the recipe that it names, if it names one."""
        start = f"{self.file}: "
        if not where.startswith(start):
            return where
        found = _PLACE.match(where, len(start))
        place = found.group() if found else where[len(start):].partition(":")[0]
        line = self.line(place)
        return f"{self.file}:{line}: {where[len(start):]}" if line else where


def _child(node: yaml.Node | None, key: str | int) -> tuple[int, yaml.Node] | None:
    """Line of a key or an item, and what stands there."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode) and name.value == key:
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None
