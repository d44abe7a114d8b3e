"""Writing a GROMACS topology of what was written: the user's own, with the counts of the system."""
from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import pydantic

from backmap.api import InputPath, Options, OutputPath, Writer
from backmap.model.system import System, Window

from ...files.reading import reading
from ..writing import ending

SECTION = re.compile(r"^\s*\[\s*(\w+)\s*\]")
INCLUDE = re.compile(r'^(\s*#\s*include\s+)(["<])([^">]+)([">])')


class GromacsTopology(Writer):
    """GROMACS .top of the atoms that are written: a given one, with their counts under [ molecules ].

    What it includes from its own folder is named by absolute paths, so that it holds in the output folder.
    """

    class Options(Options):
        file: Annotated[OutputPath, ending(".top")] = pydantic.Field(
            description="A .top, relative to the output folder.")
        of: InputPath = pydantic.Field(description="The .top in which the molecule types stand.")

        @pydantic.model_validator(mode="after")
        def _writable(self) -> GromacsTopology.Options:
            number = conditional(Path(self.of).read_text(encoding="utf-8", errors="replace").splitlines())
            if number:
                raise ValueError(f"{self.of.name}:{number}: [ molecules ] stand under a condition, so that their "
                                 "counts cannot be written anew: take them out of #ifdef")
            return self

    options: Options

    def paths(self) -> Sequence[Path]:
        return [self.options.file]

    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        return [counted(Path(self.options.of), system).encode() if first else b""]


def counted(path: Path, system: System, apart: Collection[str] = ()) -> str:
    """The text of a topology with the counts of a system; included files of its folder but ``apart`` by absolute paths.

    Raises:
        BackmapError: If it cannot be read.
    """
    with reading(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    kept, section, place, titled = [], "", None, False
    for line in lines:
        header = SECTION.match(line)
        section = header[1].lower() if header else section
        titled |= section == "system"
        if section != "molecules" or line.lstrip().startswith("#"):
            kept.append(INCLUDE.sub(lambda match: _absolute(match, path.parent, apart), line))
        elif place is None:
            place = len(kept)
    if place is None:
        kept += [] if titled else ["", "[ system ]", "backmap", ""]
        place = len(kept)
    runs = groupby(system.blocks, key=lambda block: block[0].name)
    table = ["[ molecules ]", *(f"{name:15} {sum(count for _, count in run)}" for name, run in runs)]
    return "\n".join([*kept[:place], *table, *kept[place:]]) + "\n"


def conditional(lines: Sequence[str]) -> int:
    """Number of the line of [ molecules ] if these stand under a condition, else 0."""
    depth = 0
    for number, line in enumerate(lines, start=1):
        depth += nesting(line)
        if depth and (header := SECTION.match(line)) and header[1].lower() == "molecules":
            return number
    return 0


def nesting(line: str) -> int:
    """By how much deeper under conditions a line leads: 1, 0 or -1."""
    words = line.replace("#", "# ").split()
    return words[:1] == ["#"] and (words[1:2] in (["ifdef"], ["ifndef"])) - (words[1:2] == ["endif"])


def _absolute(match: re.Match[str], folder: Path, apart: Collection[str]) -> str:
    """An #include of a file in ``folder`` by its absolute path; others are those of GROMACS."""
    there = folder / match[3]
    if os.path.normpath(match[3]) in apart:
        return match[0]
    return f"{match[1]}{match[2]}{there.resolve() if there.is_file() else match[3]}{match[4]}"
