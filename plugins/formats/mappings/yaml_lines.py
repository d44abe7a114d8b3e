"""YAML files whose values know their lines."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from backmap.errors import BackmapError

from ...files.reading import read_text

#: Deeper files are no mappings, and would exhaust the stack.
_DEPTH = 20


class YamlFile:
    """A YAML file of mappings, lists and texts; ``NO`` and ``1`` are texts like any other.

    Attributes:
        path: The file.
        content: What it holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        loader = yaml.BaseLoader(read_text(path))
        try:
            self._root = loader.get_single_node()
            self._check(self._root, 0)
            self.content: Any = loader.construct_document(self._root) if self._root else None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise BackmapError(f"not valid YAML: {getattr(error, 'problem', None) or 'it cannot be read'}",
                               where=f"{path}:{mark.line + 1}" if mark else path) from None
        except RecursionError:
            raise BackmapError("is nested too deep", where=path) from None

    def _check(self, node: yaml.Node | None, depth: int) -> None:
        if depth > _DEPTH:
            raise BackmapError("is nested too deep", where=f"{self.path}:{node.start_mark.line + 1}")
        children = list(node.value) if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                    problem = f"'{key.value}' comes twice" if isinstance(key, yaml.ScalarNode) else "a key is no text"
                    raise BackmapError(problem, where=f"{self.path}:{key.start_mark.line + 1}")
                seen.add(key.value)
                children.append(value)
        for child in children:
            self._check(child, depth + 1)

    def where(self, *place: str | int) -> str:
        """File and line of what stands at a place, e.g. ``"OCT", "beads", "A1", "atoms", 2``; as far as it is there."""
        node = self._root
        line = node.start_mark.line if node else 0
        for part in place:
            found = self._child(node, part)
            if found is None:
                break
            line, node = found
        return f"{self.path}:{line + 1}"

    @staticmethod
    def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
        """Line of a key or an item, and the node."""
        if isinstance(node, yaml.MappingNode):
            return next(((key.start_mark.line, value) for key, value in node.value if key.value == part), None)
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            return node.value[part].start_mark.line, node.value[part]
        return None
