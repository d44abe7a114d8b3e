"""Which plugin reads a file: told from its suffix, and where that does not do, from what stands in it."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..api import MappingReader, Reader, TopologyReader
from ..errors import BackmapError
from ..recipe.registry import Registry, kind_of

LOOKED_AT = 65536  #: bytes of a file that are looked at

#: Suffix -> (what stands in the file, plugin); the first pattern that is found counts, None fits all.
Table = Mapping[str, Sequence[tuple[str | None, str]]]

_START = r"(?s:\A(?:\s|<\?.*?\?>|<!--.*?-->)*)"  #: of an XML file, up to its root

TOPOLOGIES: Table = {
    ".top": [(r"%VERSION|%FLAG", "amber"), (None, "gromacs")], ".itp": [(None, "gromacs")],
    ".prmtop": [(None, "amber")], ".parm7": [(None, "amber")], ".psf": [(None, "charmm")],
    ".data": [(None, "lammps")], ".lmp": [(None, "lammps")], ".lammps": [(None, "lammps")],
    ".xml": [(rf"{_START}<topology", "votca")]}
MAPPINGS: Table = {
    ".xml": [(rf"{_START}<cg_molecule", "votca")],
    ".map": [(r"^\s*\[\s*map\s*\]", "dbm"), (r"^\s*\[\s*(from|to)\s*\]|^[^;\n]*\s!\w", "vermouth"),
             (r"^\s*\[\s*(molecule|atoms)\s*\]", "backward"), (r"^\s*\[\s*\w[^\]\n]*\]", "pycgtool")],
    ".mapping": [(r"^\s*\[\s*(from|to)\b", "vermouth"), (r"^\s*\[\s*atoms\s*\]", "backward"), (None, "vermouth")],
    ".ndx": [(None, "ndx")], ".cgs": [(None, "cgsmiles")], ".cgsmiles": [(None, "cgsmiles")],
    ".txt": [(r"^\s*\{\[", "cgsmiles")], ".yaml": [(None, "yaml")], ".yml": [(None, "yaml")]}
FRAMES: Table = {
    ".gro": [(None, "gromacs")], ".xtc": [(None, "gromacs")], ".trr": [(None, "gromacs")], ".tpr": [(None, "gromacs")],
    ".pdb": [(None, "gromacs")], ".xyz": [(None, "xyz")], ".dump": [(None, "lammps")],
    ".lammpstrj": [(None, "lammps")], ".data": [(None, "lammps")], ".lmp": [(None, "lammps")],
    ".prmtop": [(None, "amber")], ".parm7": [(None, "amber")], ".nc": [(None, "amber")], ".ncdf": [(None, "amber")],
    ".rst7": [(None, "amber")], ".inpcrd": [(None, "amber")], ".mdcrd": [(None, "amber")],
    ".psf": [(None, "charmm")], ".dcd": [(None, "charmm")], ".crd": [(None, "charmm")]}
TABLES = {TopologyReader: (TOPOLOGIES, "an atomistic topology"), MappingReader: (MAPPINGS, "a mapping"),
          Reader: (FRAMES, "a file of frames")}
LAMMPS = ("data", "dump")  #: what its users begin the names of files with, as in data.peptide


def split(text: str, contract: type, registry: Registry) -> tuple[str, Path]:
    """Plugin and path of what a user gives: ``file``, or ``plugin=file`` where the file does not tell.

    Raises:
        BackmapError: If there is no such file, or nothing says who reads it.
    """
    name, equals, rest = text.partition("=")
    if equals and not Path(text).exists():
        registry.get(kind_of(contract), name)
        return name, _existing(Path(rest))
    path = _existing(Path(text))
    return detect(path, contract), path


def cgsmiles(text: str) -> str | None:
    """The string in CGsmiles that a user gives in the place of a file, None if it is none."""
    found = re.fullmatch(r"\s*(?:cgsmiles=)?(\{\[.*)", text, re.DOTALL)
    return found[1].strip() if found else None


def suffix(path: Path) -> str:
    """What a name says of a format, with its dot: how it ends, or for files of LAMMPS how it begins."""
    end, start = path.suffix.lower(), path.name.split(".")[0].lower()
    known = end in {one for table, _ in TABLES.values() for one in table}
    return f".{start}" if end and not known and start in LAMMPS else end


def detect(path: Path, contract: type) -> str:
    """Return the name of the plugin of a kind that reads a file, from its suffix and content.

    Raises:
        BackmapError: If the format is not known, or is that of another kind of file.
    """
    table, what = TABLES[contract]
    for pattern, plugin in table.get(suffix(path), ()):
        if pattern is None or re.search(pattern, _beginning(path), re.MULTILINE | re.IGNORECASE):
            return plugin
    other = next((noun for tables, noun in TABLES.values() if noun != what
                  for pattern, _ in tables.get(suffix(path), ())
                  if pattern is None or re.search(pattern, _beginning(path), re.MULTILINE | re.IGNORECASE)), None)
    seen = f"looks like {other}, not like {what}" if other else f"is in no format that is known for {what}"
    raise BackmapError(seen, where=path, hint=f"Known: {', '.join(sorted(table))}. Otherwise name the reader, as in "
                                              f"READER={path.name} (backmap plugins lists them).")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BackmapError("there is no such file", where=path)
    return path


def _beginning(path: Path) -> str:
    with open(path, "rb") as file:
        return file.read(LOOKED_AT).decode("utf-8", "replace")
