"""YAML files whose values know their lines."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import BaseConstructor
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from backmap.errors import BackmapError

from ...files.reading import read_text

try:
    from yaml.cyaml import CParser
except ImportError:
    CParser = None

#: Deeper files are no mappings, and would exhaust the stack.
_DEPTH = 20


class _Loader(Composer, *((CParser,) if CParser else (Reader, Scanner, Parser)), BaseConstructor, BaseResolver):
    """Keeps all scalars as texts; libyaml reads where it is there, but nodes are made here.

    libyaml's own would exhaust the stack of the process on a file that is nested too deep.
    """

    def __init__(self, text: str) -> None:
        if CParser:
            CParser.__init__(self, text)
        else:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)
        Composer.__init__(self)
        BaseConstructor.__init__(self)
        BaseResolver.__init__(self)


class YamlFile:
    """A YAML file of mappings, lists and texts; ``NO`` and ``1`` are texts like any other.

    Attributes:
        path: The file.
        content: What it holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: dict[int, dict[str, tuple[int, yaml.Node]]] = {}
        try:
            loader = _Loader(read_text(path))
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
            self._keys[id(node)] = seen = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                    problem = f"'{key.value}' comes twice" if isinstance(key, yaml.ScalarNode) else "a key is no text"
                    raise BackmapError(problem, where=f"{self.path}:{key.start_mark.line + 1}")
                seen[key.value] = key.start_mark.line, value
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

    def _child(self, node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
        """Line of a key or an item, and the node."""
        if isinstance(node, yaml.MappingNode):
            return self._keys[id(node)].get(part)
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            return node.value[part].start_mark.line, node.value[part]
        return None
