"""What is fuzzed: a function of bytes for each kind of input, and seeds to start from.

A target returns if the input can be read or is refused in one line; anything else that it raises is a bug.
"""
from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs as GromacsTopology
from backmap_plugins.formats.mappings.dbm import Dbm
from backmap_plugins.formats.mappings.votca import Votca

from backmap.api import AtomTopology
from backmap.errors import BackmapError
from backmap.recipe import recipe
from backmap.recipe.registry import Registry

RECIPES = Path(__file__).parents[2] / "recipes"
OCTANE = RECIPES / "octane"
#: A line for the user is no longer than this.
LONGEST = 2000

DBM = """\
[map]
1 C 1 A
2 C 1 A
3 C 2 B
[/map]
[align]
1 2
[/align]
"""


@contextmanager
def refused_in_one_line():
    """The one way in which bad input may end."""
    try:
        yield
    except BackmapError as error:
        text = str(error)
        assert text.strip(), "an empty message"
        assert "Traceback" not in text, text
        assert len(" ".join(text.split())) < LONGEST, text


@contextmanager
def file(data: bytes, name: str):
    """The bytes as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        yield path


@cache
def octane() -> AtomTopology:
    return GromacsTopology(GromacsTopology.Options(file=OCTANE / "octane.top")).read()


@cache
def registry() -> Registry:
    return Registry().discover()


def frames(data: bytes) -> None:
    """A .gro of any kind."""
    with file(data, "cg.gro") as path, refused_in_one_line():
        for frame in GromacsFrames([path]):
            frame.checked("cg.gro")


def trajectory(data: bytes) -> None:
    """An .xtc that is cut; the library that decodes it does not survive all turned bytes."""
    with file(data, "cg.xtc") as path, refused_in_one_line():
        for frame in GromacsFrames([OCTANE / "cg.gro", path]):
            frame.checked("cg.xtc")


def votca(data: bytes) -> None:
    """VOTCA's mapping XML, for octane."""
    with file(data, "octane.xml") as path, refused_in_one_line():
        Votca(Votca.Options(files=[path])).read(octane())


def dbm(data: bytes) -> None:
    """A deepbackmap .map, for octane."""
    with file(data, "OCT.map") as path, refused_in_one_line():
        Dbm(Dbm.Options(files={"OCT": path})).read(octane())


def topology(data: bytes) -> None:
    """A GROMACS topology."""
    with file(data, "octane.top") as path, refused_in_one_line():
        GromacsTopology(GromacsTopology.Options(file=path)).read()


def recipes(data: bytes) -> None:
    """A recipe, as far as it is checked before it runs."""
    with file(data, "run.yaml") as path, refused_in_one_line():
        recipe.load(path, registry())


#: Name: target, and files or texts like those it reads.
TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "frames": (frames, ((OCTANE / "cg.gro").read_bytes()[:1200], b"t= 1.0\n2\n    1A      A    1   0.1   0.2   0.3\n")),
    "votca": (votca, ((OCTANE / "octane.xml").read_bytes(),)),
    "dbm": (dbm, (DBM.encode(),)),
    "topology": (topology, ((OCTANE / "octane.top").read_bytes(),)),
    "recipes": (recipes, tuple(path.read_bytes() for path in sorted(RECIPES.glob("*/*.yaml")))),
}
