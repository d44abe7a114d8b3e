"""Trained weights that fit a system: looked for in folders, judged by the generators themselves."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import stock
from ..api import Generator, Learner
from ..errors import BackmapError
from ..model.system import System
from ..recipe import recipe
from ..recipe.registry import Registry, kind_of


@dataclass(frozen=True)
class Weights:
    """A file of weights.

    Attributes:
        generator: Whose they are.
        path: The file.
        temperature: At which they were trained, K; empty if the file does not say.
        system: The system with what they know of it.
        transferable: Whether they belong to no molecule type.
    """

    generator: str
    path: Path
    temperature: tuple[float, ...]
    system: System
    transferable: bool = False

    def off(self, temperature: float) -> float:
        """How far from a temperature they were trained, K."""
        return min((abs(own - temperature) for own in self.temperature), default=0.0)


@dataclass(frozen=True)
class Search:
    """What became of a search.

    Attributes:
        fitting: Weights that fit, those of these molecule types first, and of them those trained at the nearest
            temperature.
        others: Why each other file does not.
        n_shipped: How many come with backmap and are of other molecules, of which nothing else is said.
    """

    fitting: list[Weights]
    others: list[str]
    n_shipped: int


def search(places: Sequence[Path], system: System, temperature: float, registry: Registry) -> Search:
    """The weights in files and folders that fit a system."""
    fitting: list[Weights] = []
    others: dict[Path, list[str]] = {}
    for path in stock.files(places):
        for name, generator in _owners(path, registry):
            try:
                known = generator.prepare(system, "cpu")
            except BackmapError as error:
                others.setdefault(path, []).append(f"{path}: {error.problem}")
                continue
            unseen = generator.unseen(known)
            if unseen:
                names = ", ".join(f"'{kind.name}'" for kind in unseen)
                others.setdefault(path, []).append(f"{path}: the weights were not trained on {names}")
                continue
            trained = tuple(float(value) for value in generator.training.get("temperature", ()))
            fitting.append(Weights(name, path, trained, known, generator.transferable))
    named = {path for path in others if path in places or stock.shipped() not in path.parents or _of(path, system)}
    return Search(sorted(fitting, key=lambda found: (found.transferable, found.off(temperature))),
                  [reason for path in others if path in named for reason in others[path]], len(others) - len(named))


def _of(path: Path, system: System) -> bool:
    """Whether weights were trained on a molecule with name and size of one of a system: many are called Protein."""
    trained = {(kind["name"], len(kind["atom_names"])) for kind in (stock.header(path) or {}).get("types", ())}
    return not trained.isdisjoint((kind.name, len(kind.atom_names)) for kind in system.types)


def _owners(path: Path, registry: Registry) -> Iterator[tuple[str, Generator]]:
    """The generators that learn and whose weights are in a file, by name."""
    for name in registry.names(kind_of(Generator)):
        try:
            generator = recipe.built(Generator, {name: str(path.absolute())}, Path(), registry)
        except BackmapError:  # it has no weights, or these are another's
            continue
        if isinstance(generator, Learner):
            yield name, generator
