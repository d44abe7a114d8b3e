"""XML files whose elements know their line; the standard library's own tree does not keep it."""
from __future__ import annotations

import xml.parsers.expat
from dataclasses import dataclass, field
from pathlib import Path

from backmap.errors import BackmapError

from ...files.reading import reading


@dataclass
class XmlNode:
    """An XML element that knows its line."""

    tag: str
    line: int
    children: list[XmlNode] = field(default_factory=list)
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    def all(self, *path: str) -> list[XmlNode]:
        """The elements at the end of a path of tags."""
        nodes = [self]
        for tag in path:
            nodes = [child for node in nodes for child in node.children if child.tag == tag]
        return nodes

    def child(self, tag: str) -> XmlNode | None:
        """The first child of this tag."""
        return next(iter(self.all(tag)), None)


def parse(path: Path) -> XmlNode:
    """The root of an XML file.

    Raises:
        BackmapError: With file and line.
    """
    document = XmlNode("", 0)
    stack = [document]
    parser = xml.parsers.expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        node = XmlNode(tag, parser.CurrentLineNumber, attributes=attributes)
        stack[-1].children.append(node)
        stack.append(node)

    def text(data: str) -> None:
        stack[-1].text += data

    parser.StartElementHandler, parser.CharacterDataHandler = start, text
    parser.EndElementHandler = lambda _: stack.pop()
    with reading(path):
        content = Path(path).read_bytes()
    try:
        parser.Parse(content, True)
    except xml.parsers.expat.ExpatError as error:
        raise BackmapError(f"is not XML ({xml.parsers.expat.ErrorString(error.code)})",
                           where=f"{path}:{error.lineno}") from None
    return document.children[0]
