"""What the bytes of a run follow from: recipe, seed, frames, the content of all files it reads, plugins and versions.

It is taken before anything runs. A run that is resumed, or merged from parts, must have the one it began with.
"""
from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from ..errors import BackmapError

#: Files above this size, bytes, are not hashed whole: their size, their time and evenly spaced pieces are.
LARGE = 256 * 2**20
PIECES, PIECE = 64, 2**20

#: Entries of a recipe that say where results go and how the work is shared out, not what comes of it.
IDLE = ("define", "output", "title", "processes", "window")

#: Distributions that the numbers depend on.
DISTRIBUTIONS = ("torch", "numpy", "scipy", "numba", "networkx", "e3nn", "vesin", "zuko", "OpenMM",
                 "MDAnalysis", "rdkit")

#: What of an identity is written down.
NAMES = ("options", "seed", "chosen", "device", "inputs", "plugins", "versions", "tuned")


@dataclass
class Identity:
    """What a run is.

    Attributes:
        options: The recipe with its overrides, without what is ``IDLE``.
        seed: Of every random draw.
        chosen: Frames, as on the command line; ``all`` by default.
        device: On which torch computes, ``cpu`` or ``cuda``.
        inputs: Files that are read, relative to the recipe's folder, and their signatures.
        plugins: Packages and files that the recipe's plugins come from, and the SHA-256 of their sources.
        versions: Of Python and of what the numbers depend on.
        tuned: What the pilot has chosen for options that are ``auto``, by the place of the step.
        folder: Of the recipe; it may be moved with all that it names.
    """

    options: dict[str, Any]
    seed: int
    chosen: str
    device: str
    inputs: dict[str, str] = field(default_factory=dict)
    plugins: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    tuned: dict[str, Any] = field(default_factory=dict)
    folder: Path = field(default=Path(), compare=False)

    def to_json(self) -> dict[str, Any]:
        """Plain data, the same whether or not it has been through a file."""
        return json.loads(json.dumps({name: getattr(self, name) for name in NAMES}, default=str))

    @classmethod
    def of_json(cls, record: Any) -> Identity | None:
        """The identity in the record of a run; None if it holds none."""
        try:
            return cls(**{name: record[name] for name in NAMES})
        except (KeyError, TypeError):
            return None

    def expect(self, before: Identity | None, where: object) -> None:
        """Refuse to go on with a run that was begun as something else.

        Files that only its steps came to read, such as those that others include, are looked at as well.

        Raises:
            BackmapError: With what differs.
        """
        if before is None:
            differences = ["it was begun by another version of backmap"]
        else:
            found = (self.folder / name for name in before.inputs if name not in self.inputs)
            included = signatures((path for path in found if path.is_file()), self.folder)
            differences = list(before.differences(replace(self, inputs=included | self.inputs)))
        if differences:
            more = f", and {len(differences) - 1} other things" if len(differences) > 2 else \
                f", and {differences[1]}" if len(differences) > 1 else ""
            raise BackmapError(f"the run here was begun with something else: {differences[0]}{more}", where=where,
                               hint="Resume with what it began with, start again with --force, or choose another "
                                    "--output.")

    def expect_unchanged(self, since: float) -> None:
        """Look again at the files that were touched after a moment, in seconds of ``time.time``.

        Raises:
            BackmapError: If one has changed: nobody knows which frames are of which content.
        """
        for name, known in self.inputs.items():
            path = self.folder / name
            status = path.stat() if path.exists() else None
            if status is None or (max(status.st_mtime, status.st_ctime) >= since and signature(path) != known):
                raise BackmapError("has changed while this run was reading it", where=path,
                                   hint="Start again with --force.")

    def include(self, paths: Iterable[Path]) -> dict[str, str]:
        """Add files that only a step that has started can know of; returns their signatures."""
        found = signatures(paths, self.folder)
        self.inputs |= found
        return found

    def differences(self, now: Identity) -> Iterator[str]:
        """What has changed since the run with this identity began, a clause each."""
        yield from _changed(self.to_json()["options"], now.to_json()["options"], "")
        for name, words in (("seed", "the seed"), ("chosen", "the choice of frames"), ("device", "the device")):
            before, after = getattr(self, name), getattr(now, name)
            if before != after:
                yield f"{words} was {before} and is {after}"
        for kind, before, after in (("file", self.inputs, now.inputs), ("plugin", self.plugins, now.plugins)):
            for name in {**before, **after}:
                if name not in after:
                    yield f"the {kind} {name} was read then"
                elif name not in before:
                    yield f"the {kind} {name} was not read then"
                elif before[name] != after[name]:
                    yield f"the {kind} {name} has changed"
        for change in _changed(self.to_json()["tuned"], now.to_json()["tuned"], ""):
            yield f"tuned.yaml: {change}"
        for name in {**self.versions, **now.versions}:
            before, after = (versions.get(name, "none") for versions in (self.versions, now.versions))
            if before != after:
                yield f"{name} was {before} and is {after}"


def _changed(before: Any, after: Any, path: str) -> Iterator[str]:
    """Places of a recipe where two documents differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from _changed(before.get(key), after.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after)):
            yield from _changed(one, other, f"{path}[{number}]")
    elif before != after:
        yield f"{path} was {_short(before)} and is {_short(after)}"


def _short(value: Any) -> str:
    text = "not there" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


# Signatures of files and sources

def signature(path: Path) -> str:
    """The SHA-256 of a file; of a large one, of its size, its time and pieces of it: ``sampled:...``.

    Raises:
        BackmapError: If it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size <= LARGE:
                return hashlib.file_digest(file, "sha256").hexdigest()
            found = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}".encode())
            for number in range(PIECES):
                file.seek((status.st_size - PIECE) * number // (PIECES - 1))
                found.update(file.read(PIECE))
            return f"sampled:{found.hexdigest()}"
    except OSError as error:
        raise BackmapError(f"cannot be read: {error.strerror}", where=path) from None


def signatures(paths: Iterable[Path], folder: Path) -> dict[str, str]:
    """Signatures of files, by their paths relative to ``folder``."""
    return {os.path.relpath(path, folder): signature(path) for path in paths}


def sources(plugins: Iterable[type]) -> dict[str, str]:
    """SHA-256 of the Python sources that plugins come from: of a package all, else of the one file."""
    found: dict[str, str] = {}
    for plugin in plugins:
        module = sys.modules.get(plugin.__module__)
        top = sys.modules.get(plugin.__module__.partition(".")[0])
        folder = next(iter(getattr(top, "__path__", ())), None)
        if folder is not None:
            if top.__name__ not in found:  # most plugins come from one package, which is read once
                found[top.__name__] = _hash_of(sorted(Path(folder).rglob("*.py")))
        elif getattr(module, "__file__", None):
            found.setdefault(Path(module.__file__).name, _hash_of([Path(module.__file__)]))
    return found


def _hash_of(files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes())
    return found.hexdigest()


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on; nothing of it is imported. Of backmap itself the sources count."""
    from .. import __version__

    own = _hash_of(sorted(Path(__file__).parents[1].rglob("*.py")))
    found = {"backmap": f"{__version__} ({own[:12]})", "python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
