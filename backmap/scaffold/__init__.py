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

#: How a recipe names a new plugin, by kind; kinds that recipes do not name are in ``ELSEWHERE``.
IN_RECIPES = {
    "step": "- $name",
    "generator": "- forward: {generator: $name}",
    "traversal": "- forward: {generator: template, traversal: $name}",
    "regularizer": "- gibbs: {regularizer: $name}",
    "refiner": "- refine: $name",
    "morpher": "- morph: {morpher: $name}",
    "assessor": "- assess: [$name]",
    "force field": "- forcefield: {parameters: $name}",
    "reader": "- read: {beads: {$name: beads.npz}}",
    "topology reader": "- topology: {atoms: {$name: molecules.json}, mapping: {yaml: mapping.yaml}}",
    "mapping reader": "- topology: {atoms: {gromacs: topol.top}, mapping: {$name: beads.txt}}",
    "writer": "- write: {atoms: $name}",
    "target": "- target: $name",
    "model": "- train_model: {model: $name}",
    "sampler": "- monte_carlo: {sampler: $name}",
    "ensemble assessor": "- monte_carlo: {assessors: [mixing, $name]}",
}


@dataclass(frozen=True)
class Use:
    """How a new plugin is used, for its README: what is said of it, and what is shown."""

    said: str
    language: str
    shown: str
    command: str = "backmap run run.yaml --plugin $module.py"


ELSEWHERE = {
    "checker": Use("`backmap check` asks every checker", "bash", "backmap check run.yaml",
                   "backmap check run.yaml --plugin $module.py"),
    "bridge": Use("`backmap.run` takes the objects that it knows, and gives them back", "python",
                  'result = backmap.run("run.yaml", beads=trajectory)\nresult.to("$name")',
                  "pytest test_$module.py"),
}
#: The same for every kind, in the order in which kinds are listed.
USES = {kind.name: ELSEWHERE.get(kind.name) or Use("In recipes", "yaml", IN_RECIPES[kind.name]) for kind in KINDS}

IN_THE_KIT = "from backmap import testing\n"
#: What the test imports, for kinds that the conformance kit does not test whole.
IMPORTS = {
    "reader": "import numpy as np\nimport pytest\nfrom backmap import api, testing\n",
    "writer": "from dataclasses import replace\n\nimport pytest\nfrom backmap import api, testing\n",
    "step": "from backmap import api, testing\n",
    "bridge": "import numpy as np\nfrom backmap import testing\n",
    "checker": "from backmap import api, testing\n",
    "mapping reader": "import numpy as np\nimport pytest\nfrom backmap import api, testing\n",
    "topology reader": "import pytest\nfrom backmap import api, testing\n",
}
#: What it imports of the plugin's module beside the plugin.
MORE = {"bridge": ", Trajectory"}
#: The check of the kit, where it is not called as the kind is.
CHECKS = {"force field": "forcefield"}


@dataclass(frozen=True)
class Package:
    """A plugin package that is to be: what its files say."""

    name: str
    kind: str

    @property
    def module(self) -> str:
        """Name of its Python module."""
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
        words, use, template = self.words, USES[self.kind], self.kind.replace(" ", "_")
        words |= {"usage": Template(use.shown).substitute(words), "use": use.said, "language": use.language,
                  "command": Template(use.command).substitute(words)}
        words |= {"imports": IMPORTS.get(self.kind, IN_THE_KIT), "more": MORE.get(self.kind, ""),
                  "check": CHECKS.get(self.kind, template)}
        words["test"] = _filled(f"test_{template}" if self.kind in IMPORTS else "test_kit", words).rstrip()
        return {"pyproject.toml": _filled("pyproject", words), "README.md": _filled("readme", words),
                f"{self.module}.py": _filled(template, words), f"test_{self.module}.py": _filled("test", words)}


def _filled(template: str, words: dict[str, str]) -> str:
    text = (resources.files(__name__) / "templates" / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)


def start(name: str, kind: str, folder: Path, registry: Registry) -> list[Path]:
    """Write a new plugin package.

    Args:
        name: What recipes will call the plugin, lower_snake_case.
        kind: A key of ``USES``; underscores will do for spaces.
        folder: Is made; must not be there.
        registry: The plugins there are, whose names are taken.

    Returns:
        The files.

    Raises:
        BackmapError: If the name is no name or taken, there is no such kind, or the folder is there.
    """
    kind = kind.replace("_", " ")
    if kind not in USES:
        raise BackmapError(f"there is no kind of plugin called '{kind}'", where="--kind",
                           hint=f"Known: {', '.join(USES).replace(' ', '_').replace(',_', ', ')}.")
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
