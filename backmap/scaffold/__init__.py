"""Starts a plugin package: a module with a plugin that works, its test, and what pip must know."""
from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from .. import __version__
from ..errors import BackmapError
from ..recipe.registry import KINDS, Registry

#: How a new plugin is named in a recipe, by kind.
USAGE = {
    "generator": "- forward: {generator: $name}",
    "traversal": "- forward: {generator: template, traversal: $name}",
    "regularizer": "- gibbs: {regularizer: $name}",
    "refiner": "- refine: $name",
    "assessor": "- assess: [$name]",
    "reader": "- read: {beads: {$name: beads.npz}}",
    "writer": "- write: {atoms: $name}",
    "step": "- $name",
}

#: What the test imports, for kinds that the conformance kit does not test whole.
IMPORTS = {
    "reader": "import numpy as np\nimport pytest\nfrom backmap import testing\n"
              "from backmap.errors import BackmapError\n",
    "writer": "from dataclasses import replace\n\nimport numpy as np\nimport pytest\nfrom backmap import testing\n"
              "from backmap.errors import BackmapError\n",
    "step": "from backmap import api, testing\n",
}
IN_THE_KIT = "from backmap import testing\n"


@dataclass(frozen=True)
class Package:
    """A plugin package that is to be: what its files say."""

    name: str
    kind: str

    @property
    def module(self) -> str:
        return f"backmap_{self.name}"

    @property
    def words(self) -> dict[str, str]:
        """What the templates leave open."""
        kind = next(kind for kind in KINDS if kind.name == self.kind)
        class_name = "".join(part.capitalize() for part in self.name.split("_"))
        a_kind = f"{kind.a_name[0].upper()}{kind.a_name[1:]}"
        return {"name": self.name, "kind": self.kind, "module": self.module, "class_name": class_name,
                "contract": kind.contract.__name__, "a_kind": a_kind, "a_kind_lower": kind.a_name,
                "distribution": self.module.replace("_", "-"), "version": __version__,
                "docstring": f"The {self.kind} ``{self.name}``."}

    def files(self) -> dict[str, str]:
        """Text of every file, by its name."""
        words = self.words
        special = self.kind in IMPORTS
        words |= {"usage": Template(USAGE[self.kind]).substitute(words),
                  "imports": IMPORTS.get(self.kind, IN_THE_KIT),
                  "test": _filled(f"test_{self.kind}" if special else "test_kit", words).rstrip()}
        return {"pyproject.toml": _filled("pyproject", words), "README.md": _filled("readme", words),
                f"{self.module}.py": _filled(self.kind, words), f"test_{self.module}.py": _filled("test", words)}


def _filled(template: str, words: dict[str, str]) -> str:
    text = (resources.files(__name__) / "templates" / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)


def start(name: str, kind: str, folder: Path, registry: Registry) -> list[Path]:
    """Write a new plugin package.

    Args:
        name: What recipes will call the plugin, lower_snake_case.
        kind: A key of ``USAGE``.
        folder: Is made; must not be there.
        registry: The plugins there are, whose names are taken.

    Returns:
        The files.

    Raises:
        BackmapError: If the name is no name or taken, there is no such kind, or the folder is there.
    """
    if kind not in USAGE:
        raise BackmapError(f"no scaffold for the kind '{kind}'", where="--kind", hint=f"Known: {', '.join(USAGE)}.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise BackmapError(f"'{name}' cannot be the name of a plugin",
                           hint="Write it in lower_snake_case, e.g. my_generator.")
    if name in registry.names(next(each for each in KINDS if each.name == kind)):
        raise BackmapError(f"there is a {kind} called '{name}' already", hint="Choose another name.")
    if folder.exists():
        raise BackmapError("exists already", where=folder, hint="Choose another name, or another place with --output.")
    folder.mkdir(parents=True)
    written = []
    for file, text in Package(name, kind).files().items():
        (folder / file).write_text(text, encoding="utf-8")
        written.append(folder / file)
    return written
