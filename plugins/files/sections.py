"""Text files of ``[ sections ]`` with ``;`` comments, line by line."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backmap.errors import BackmapError

from .reading import read_text


@dataclass(frozen=True)
class SectionLine:
    """A line of data, or the header of a section, which has no words.

    Attributes:
        section: Name in the header, with single blanks; "" before the first.
        words: Of the line without its comment; empty for a header.
        where: File and line.
    """

    section: str
    words: list[str]
    where: str

    @property
    def text(self) -> str:
        """The words, separated by one blank each."""
        return " ".join(self.words)

    def error(self, problem: str, hint: str = "") -> BackmapError:
        """An error with the file and number of this line, to be raised by the caller."""
        return BackmapError(problem, where=self.where, hint=hint)


def section_lines(path: Path, lower: bool = True) -> Iterator[SectionLine]:
    """Headers and lines of data of a file, in order; names of sections in lower case unless ``lower`` is False.

    Raises:
        BackmapError: If it cannot be read, or for a header without its bracket.
    """
    section = ""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        where = f"{path}:{number}"
        line = line.split(";", 1)[0].strip()
        if line.startswith("["):
            if not line.endswith("]"):
                raise BackmapError(f"'{line}' is no header of a section", where=where, hint="Write it as [ name ].")
            section = " ".join(line.strip("[]").split())
            section = section.lower() if lower else section
            yield SectionLine(section, [], where)
        elif line:
            yield SectionLine(section, line.split(), where)
