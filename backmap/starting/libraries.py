"""Libraries of mappings: folders in which mapping files are looked for, and what those describe.

None ships. A library is a folder of the variable, or comes with a package that is installed.
"""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from ..api import MappingEntry, MappingReader
from ..errors import BackmapError
from ..recipe import recipe
from ..recipe.registry import Registry
from . import formats

VARIABLE = "BACKMAP_MAPPINGS"  #: folders of mapping files, as in PATH
PACKAGES = {"vermouth": "data/mappings"}  #: installed packages with mappings, and where in them
DEPTHS = ("*", "*/*", "*/*/*")  #: folders are looked through so far
SUFFIXES = tuple(sorted({*formats.MAPPINGS} - {".yaml", ".yml", ".txt"}))  #: of files in a library


@dataclass(frozen=True)
class Described:
    """Something that a file of a library describes, and the plugin that reads the file."""

    library: str
    reader: str
    path: Path
    entry: MappingEntry


@dataclass
class Contained:
    """What libraries hold.

    Attributes:
        found: In the order of libraries and files.
        files: How many files each library has.
        errors: Of files that cannot be read, all of them.
    """

    found: list[Described] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    errors: list[BackmapError] = field(default_factory=list)


def places(named: Sequence[Path] = ()) -> dict[str, Path]:
    """Libraries by name: folders that a user names, those of $BACKMAP_MAPPINGS, and those of installed packages.

    Raises:
        BackmapError: If a folder is not there.
    """
    there = [Path(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    libraries: dict[str, Path] = {}
    for folder in (*named, *there):
        if not folder.is_dir():
            raise BackmapError("is no folder", where=folder, hint="It is named as a library of mappings, with "
                                                                  f"--library or ${VARIABLE}.")
        name, number = folder.resolve().name, 2
        while name in libraries and libraries[name].resolve() != folder.resolve():
            name, number = f"{folder.resolve().name}_{number}", number + 1
        libraries.setdefault(name, Path(os.path.abspath(folder)))
    for package, inside in PACKAGES.items():
        spec = find_spec(package)
        folder = Path(spec.origin).parent / inside if spec is not None and spec.origin else None
        if folder is not None and folder.is_dir() and folder.resolve() not in [
                other.resolve() for other in libraries.values()]:
            libraries.setdefault(package, folder)
    return libraries


def contents(libraries: dict[str, Path], registry: Registry) -> Contained:
    """All that libraries describe; a file that cannot be read does not hide the others."""
    held = Contained()
    for name, folder in libraries.items():
        paths = [path for path in sorted(path for inside in DEPTHS for path in folder.glob(inside))
                 if path.suffix.lower() in SUFFIXES and path.is_file()]
        for path in paths:
            try:
                reader = formats.detect(path, MappingReader)
            except BackmapError:
                continue  # some other file with such a suffix
            held.files[name] = held.files.get(name, 0) + 1
            try:
                for entry in entries(reader, path, registry):
                    held.found.append(Described(name, reader, path, entry))
            except BackmapError as error:
                held.errors += error.all
    return held


def entries(reader: str, path: Path, registry: Registry) -> Iterator[MappingEntry]:
    """What a file describes.

    Raises:
        BackmapError: If it cannot be read, with all that is wrong with it; what can be read comes before.
    """
    yield from recipe.built(MappingReader, {reader: str(path)}, Path(), registry).entries()
