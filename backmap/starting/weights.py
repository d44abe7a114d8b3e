"""Trained weights that fit a system: looked for in folders, judged by the generators themselves."""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import recipe
from ..api import Generator
from ..errors import BackmapError
from ..model.system import System
from ..registry import Registry, kind_of

SUFFIX = ".safetensors"
VARIABLE = "BACKMAP_WEIGHTS"  #: folders of weights, as in PATH


@dataclass(frozen=True)
class Weights:
    """A file of weights.

    Attributes:
        generator: Whose they are.
        path: The file.
        temperature: At which they were trained, K; empty if the file does not say.
        system: The system with what they know of it.
    """

    generator: str
    path: Path
    temperature: tuple[float, ...]
    system: System

    def off(self, temperature: float) -> float:
        """How far from a temperature they were trained, K."""
        return min((abs(own - temperature) for own in self.temperature), default=0.0)


@dataclass(frozen=True)
class Search:
    """What became of a search.

    Attributes:
        fitting: Weights that fit, those trained at the nearest temperature first.
        others: Why each other file does not.
    """

    fitting: list[Weights]
    others: list[str]


def shipped() -> list[Path]:
    """Where weights are looked for unless a user says: the folders of $BACKMAP_WEIGHTS, and the project's recipes."""
    named = [Path(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    return [*named, Path(__file__).resolve().parents[2] / "recipes"]


def search(places: Sequence[Path], system: System, temperature: float, registry: Registry) -> Search:
    """The weights in files and folders that fit a system."""
    fitting, others = [], []
    for path in files(places):
        for name, generator in _owners(path, registry):
            try:
                known = generator.prepare(system, "cpu")
            except BackmapError as error:
                others.append(f"{path}: {error.problem}")
                continue
            trained = tuple(float(value) for value in generator.training.get("temperature", ()))
            fitting.append(Weights(name, path, trained, known))
    return Search(sorted(fitting, key=lambda found: found.off(temperature)), others)


def _owners(path: Path, registry: Registry) -> Iterator[tuple[str, Generator]]:
    """The generators that learn and whose weights are in a file, by name."""
    for name in registry.names(kind_of(Generator)):
        try:
            generator = recipe.built(Generator, {name: str(path.absolute())}, Path(), registry)
        except BackmapError:  # it has no weights, or these are another's
            continue
        if generator.network is not None:
            yield name, generator


def files(places: Sequence[Path]) -> Iterator[Path]:
    """Files of weights, each once; folders are looked through with those right in them."""
    seen = set()
    for place in places:
        inside = sorted([*place.glob(f"*{SUFFIX}"), *place.glob(f"*/*{SUFFIX}")]) if place.is_dir() else [place]
        for path in inside:
            if path.is_file() and path.resolve() not in seen and not path.name.endswith(f".state{SUFFIX}"):
                seen.add(path.resolve())
                yield path
