"""GROMACS' preprocessor: includes, conditionals and macros, with the place of every line kept.

OpenMM's reader of the same files defines FLEXIBLE by itself, refuses function types that only a
force field needs to know, and does not say in which line an error stands; hence this one.
"""
from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from backmap.api import also_read
from backmap.errors import BackmapError

from .reading import reading

_SYSTEM_FOLDERS = ("/usr/share/gromacs/top", "/usr/local/gromacs/share/gromacs/top", "/usr/local/share/gromacs/top")
_MAX_DEPTH = 64
#: A section without lines of its own: those after it are between molecules. Its header counts as a line.
BETWEEN = "intermolecular_interactions"


class TopologyLine(NamedTuple):
    """One line of data: the section it stands in, its blank-separated fields, its file and its number there."""

    section: str
    fields: tuple[str, ...]
    file: str
    number: int

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.file}:{self.number}"


def system_folders() -> list[Path]:
    """Folders in which an installed GROMACS keeps its force fields."""
    named = [os.environ[name] for name in ("GMXLIB",) if name in os.environ]
    if "GMXDATA" in os.environ:
        named.append(os.path.join(os.environ["GMXDATA"], "top"))
    return [Path(folder) for folder in (*named, *_SYSTEM_FOLDERS) if Path(folder).is_dir()]


class Preprocessor:
    """Reads a .top or .itp file and all that it includes.

    Args:
        folders: For #include, after the including file's own.
        define: Macros, as -DNAME=value in an .mdp file.

    Attributes:
        seen: The files that were opened or looked for so far, and the SHA-256 of what they hold; None for those that
            are not there. As long as all of it is the same, so are the lines.
        included: Those that others include, in order.
    """

    def __init__(self, folders: Sequence[Path], define: Mapping[str, str]) -> None:
        self.seen: dict[Path, bytes | None] = {}
        self.included: list[Path] = []
        self._folders, self._macros = folders, dict(define)
        self._conditions: list[bool] = []
        self._otherwise: list[str] = []  # where the #else of each stands
        self._section = ""
        self._depth = 0

    def lines(self, path: Path, included_from: str = "") -> Iterator[TopologyLine]:
        """The lines of data of a file and of all that it includes, in order.

        Raises:
            BackmapError: With file and line, for a file that is missing or conditionals that do not match.
        """
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise BackmapError("includes itself", where=included_from)
        open_before = len(self._conditions)
        name, number = str(path), 0
        for number, text in _joined(self._text(path)):
            if text.startswith("#"):
                yield from self._directive(text, path, f"{name}:{number}")
            elif all(self._conditions) and (line := self._data(text, name, number)) is not None:
                yield line
        if len(self._conditions) != open_before:
            raise BackmapError("an #ifdef is not closed by the end of this file",
                               where=f"{name}:{number}" if number else included_from or path,
                               hint="Add the missing #endif.")
        self._depth -= 1

    def _text(self, path: Path) -> str:
        with reading(path):
            content = path.read_bytes()
        self.seen[path] = hashlib.sha256(content).digest()
        return content.decode("utf-8", errors="replace")

    def _data(self, text: str, file: str, number: int) -> TopologyLine | None:
        """A line of data; None for headers of sections, but for that of ``BETWEEN``."""
        if text.startswith("["):
            match = re.fullmatch(r"\[\s*(/?\s*\w+)\s*\]", text)
            if not match:
                raise BackmapError(f"'{text}' is not a section", where=f"{file}:{number}",
                                   hint="Write e.g. [ atoms ].")
            # DBM closes its sections, [/atoms]; what follows belongs to none.
            self._section = "" if match[1].startswith("/") else match[1].lower()
            return TopologyLine(BETWEEN, (), file, number) if self._section == BETWEEN else None
        words = text.split()
        if not self._macros.keys().isdisjoint(words):
            words = self._expanded(words, f"{file}:{number}")
        return TopologyLine(self._section, tuple(map(sys.intern, words)), file, number)  # they come again and again

    def _expanded(self, words: list[str], where: str) -> list[str]:
        for _ in range(_MAX_DEPTH):
            if not any(word in self._macros for word in words):
                return words
            words = [new for word in words for new in (
                self._macros[word].split() if word in self._macros else [word])]
        raise BackmapError("a macro expands to itself", where=where)

    def _directive(self, text: str, path: Path, where: str) -> Iterator[TopologyLine]:
        command, _, rest = text[1:].strip().partition(" ")
        rest = rest.strip()
        active = all(self._conditions)
        if command in ("ifdef", "ifndef"):
            self._conditions.append((_name(rest, command, where) in self._macros) == (command == "ifdef"))
            self._otherwise.append("")
        elif command in ("else", "endif"):
            if not self._conditions:
                raise BackmapError(f"#{command} without an #ifdef", where=where)
            if command == "else" and self._otherwise[-1]:
                raise BackmapError(f"a second #else of one condition, after that in {self._otherwise[-1]}", where=where)
            last, _ = self._conditions.pop(), self._otherwise.pop()
            if command == "else":
                self._conditions.append(not last)
                self._otherwise.append(where)
        elif not active:
            return
        elif command == "include":
            yield from self.lines(self._find(rest, path, where), where)
        elif command == "define":
            name = _name(rest, command, where)
            self._macros[name] = rest[len(name):].strip()
        elif command == "undef":
            self._macros.pop(_name(rest, command, where), None)
        elif command == "error":
            raise BackmapError(f"stops with #error {rest}", where=where, hint="The file itself says so.")
        else:
            raise BackmapError(f"'#{command}' is not understood", where=where,
                               hint="Known: #include, #define, #undef, #ifdef, #ifndef, #else, #endif.")

    def _find(self, text: str, path: Path, where: str) -> Path:
        name = text.strip(' "<>')
        for folder in (path.parent, *self._folders):
            if (folder / name).is_file():
                also_read(folder / name)
                self.included.append(folder / name)
                return folder / name
            self.seen[folder / name] = None
        raise BackmapError(f"includes '{name}', which is not there", where=where,
                           hint="Give its folder in `include`.")


def _name(rest: str, command: str, where: str) -> str:
    if not rest:
        raise BackmapError(f"#{command} without a name", where=where)
    return rest.split()[0]


def content_of(path: Path) -> bytes | None:
    """SHA-256 of a file; None if it is not there or cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Numbers and texts of the lines that hold more than a comment; ``\\`` joins a line to the next."""
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        line = (line.split(";", 1)[0] if ";" in line else line).replace("\t", " ").rstrip()
        start = start if pending else number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        line = (pending + line).strip()
        pending = ""
        if line and not line.startswith("*"):
            yield start, line
