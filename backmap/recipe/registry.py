"""Finds plugins: through the entry points of installed distributions and in files the user names.

``BACKMAP_BLOCK=name,name`` leaves plugins out; ``BACKMAP_TRACE=1`` prints every look-up.
"""
from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pluggy

from .. import api, hookspecs
from ..errors import BackmapError


@dataclass(frozen=True)
class Kind:
    """One kind of plugin: what users call it, its contract, and the hook that offers it."""

    name: str
    contract: type[api.Plugin]
    hook: str

    @property
    def a_name(self) -> str:
        """The name with its indefinite article."""
        return f"an {self.name}" if self.name[0] in "aeiou" else f"a {self.name}"


KINDS = (
    Kind("step", api.Step, "backmap_steps"),
    Kind("generator", api.Generator, "backmap_generators"),
    Kind("traversal", api.Traversal, "backmap_traversals"),
    Kind("regularizer", api.Regularizer, "backmap_regularizers"),
    Kind("refiner", api.Refiner, "backmap_refiners"),
    Kind("morpher", api.Morpher, "backmap_morphers"),
    Kind("assessor", api.Assessor, "backmap_assessors"),
    Kind("force field", api.ForceFieldReader, "backmap_forcefields"),
    Kind("reader", api.Reader, "backmap_readers"),
    Kind("topology reader", api.TopologyReader, "backmap_topologies"),
    Kind("mapping reader", api.MappingReader, "backmap_mappings"),
    Kind("writer", api.Writer, "backmap_writers"),
    Kind("checker", api.Checker, "backmap_checkers"),
    Kind("bridge", api.Bridge, "backmap_bridges"),
    Kind("target", api.Target, "backmap_targets"),
    Kind("model", api.Model, "backmap_models"),
    Kind("sampler", api.Sampler, "backmap_samplers"),
    Kind("ensemble assessor", api.EnsembleAssessor, "backmap_ensemble_assessors"),
)

_NAME = re.compile(r"[a-z][a-z0-9_]*")

#: Packages whose name in pip is not the name one imports.
_PIP_NAMES = {"yaml": "PyYAML", "openmm": "OpenMM", "simtk": "OpenMM", "sklearn": "scikit-learn", "Bio": "biopython"}


def kind_of(contract: type) -> Kind:
    """The kind whose plugins are instances of ``contract``."""
    return next(kind for kind in KINDS if issubclass(contract, kind.contract))


@dataclass(frozen=True)
class Offered:
    """What a plugin offers under one name, and which plugin it is."""

    what: type | str
    plugin: str


class Registry:
    """The plugins at hand, looked up by kind and name.

    Attributes:
        broken: Plugins that could not be loaded, and why. They stop no run that does without them.
        files: Files of the user that were loaded.
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.NAME)
        self.manager.add_hookspecs(hookspecs)
        self.broken: dict[str, str] = {}
        self.files: list[Path] = []
        self._tables: dict[Kind, dict[str, Offered]] = {}
        self._changed: dict[Kind, dict[str, str]] = {}
        self._classes: dict[tuple[Kind, str], type[api.Plugin]] = {}
        self._trace = self.manager.trace.root.get("backmap")
        if os.environ.get("BACKMAP_TRACE", "0") not in ("", "0"):
            self.manager.trace.root.setwriter(lambda line: print(line, end="", file=sys.stderr))
        for name in filter(None, re.split(r"[,\s]+", os.environ.get("BACKMAP_BLOCK", ""))):
            self.manager.set_blocked(name)

    # Filling it

    def discover(self) -> Registry:
        """Register the plugins of installed distributions (entry point group ``backmap``)."""
        for entry in metadata.entry_points(group=hookspecs.NAME):
            distribution = entry.dist.name if entry.dist else "?"
            name = entry.name if self.manager.get_plugin(entry.name) is None else f"{distribution}:{entry.name}"
            if self.manager.is_blocked(name):
                self._trace("blocked", name)
                continue
            try:
                module = entry.load()
            except (Exception, SystemExit) as error:
                self.broken[name] = f"{type(error).__name__}: {error}".splitlines()[0]
                self._trace("cannot load", name, self.broken[name])
                continue
            try:
                self.register(module, name, source=f"{entry.value} of {distribution}")
            except BackmapError as error:
                self.broken[name] = str(error)
        return self

    def load_file(self, path: Path | str) -> Registry:
        """Register the hooks of a Python file (``--plugin file.py``).

        Raises:
            BackmapError: If there is no such file, it cannot be imported, or it offers nothing.
        """
        path = Path(path)
        if not path.is_file():
            raise BackmapError("there is no such plugin file", where=path)
        try:
            module = _module_from(path)
        except ModuleNotFoundError as error:
            raise _missing(error, "this plugin file", path) from error
        except (Exception, SystemExit) as error:
            line = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
            raise BackmapError(f"the plugin file cannot be loaded: {line}{type(error).__name__}: {error}",
                               where=path) from error
        if not any(self.manager.parse_hookimpl_opts(module, name) for name in dir(module)):
            raise BackmapError("the plugin file offers nothing", where=path,
                               hint="Write a function such as backmap_generators under @backmap.hookimpl.")
        self.files.append(path.absolute())
        return self.register(module, path.stem, source=str(path))

    def register(self, plugin: object, name: str, source: str = "") -> Registry:
        """Register an object with hooks.

        Raises:
            BackmapError: If it was written for another version of ``backmap.api``, or a hook has a wrong name.
        """
        if self.manager.is_blocked(name):
            return self
        wanted = getattr(plugin, "API_VERSION", api.API_VERSION)
        if wanted != api.API_VERSION:
            raise BackmapError(f"plugin '{name}' was written for version {wanted} of backmap.api, which is version "
                               f"{api.API_VERSION} here", where=source,
                               hint="Install the backmap that it was written for, or a newer version of the plugin.")
        try:
            self.manager.register(plugin, name)
            self.manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if isinstance(error, pluggy.PluginValidationError):  # or it would be in the way of all that come after it
                self.manager.unregister(name=name)
            raise BackmapError(f"plugin '{name}' does not fit: {str(error).splitlines()[0]}", where=source,
                               hint=f"Correct it, or leave it out with BACKMAP_BLOCK={name}.") from error
        self._trace("plugin", name, "from", source)
        self._tables.clear()
        self._classes.clear()
        return self

    # Asking it

    def names(self, kind: Kind) -> list[str]:
        """The names on offer, sorted."""
        return sorted(self._table(kind))

    def offered(self, kind: Kind, name: str) -> Offered:
        """What is offered under a name on offer, which may be yet to be imported."""
        return self._table(kind)[name]

    def changed(self, kind: Kind) -> dict[str, str]:
        """Names that recipes no longer use, and how the line about each goes on after it."""
        offered = self._table(kind)
        return {name: now for name, now in self._changed[kind].items() if name not in offered}

    def get(self, kind: Kind, name: str) -> type[api.Plugin]:
        """The class that is offered under ``name``.

        Raises:
            BackmapError: If there is none, if it needs a package that is not installed, or if it is
                of another kind.
        """
        key = (kind, name)
        if key not in self._classes:
            table = self._table(kind)
            if name not in table:
                self._trace(kind.name, name, "-> not found")
                if now := self.changed(kind).get(name):
                    raise BackmapError(f"'{name}' {now}")
                raise BackmapError(f"no {kind.name} is called '{name}'", hint=self._advice(name, list(table)))
            self._classes[key] = self._load(kind, name, table[name])
        return self._classes[key]

    def _load(self, kind: Kind, name: str, offered: Offered) -> type[api.Plugin]:
        found = offered.what
        self._trace(kind.name, name, "->", found, "of", offered.plugin)
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            try:
                found = getattr(importlib.import_module(module), attribute)
            except ModuleNotFoundError as error:
                raise _missing(error, f"{kind.name} '{name}'", offered.plugin, own=module) from error
            except ImportError as error:
                raise BackmapError(f"{kind.name} '{name}' cannot be imported: {error}",
                                   where=f"plugin '{offered.plugin}'") from error
            except SystemExit as error:
                raise BackmapError(f"{kind.name} '{name}' ends the program as it is imported",
                                   where=f"plugin '{offered.plugin}'") from error
            except AttributeError as error:
                raise BackmapError(f"{kind.name} '{name}' should be {offered.what}, which does not exist",
                                   where=f"plugin '{offered.plugin}'") from error
        if not (isinstance(found, type) and issubclass(found, kind.contract)):
            raise BackmapError(f"'{name}' is offered as {kind.a_name} but is not a {kind.contract.__name__}",
                               where=f"plugin '{offered.plugin}'", hint="See backmap/contracts.")
        return found

    def _table(self, kind: Kind) -> dict[str, Offered]:
        if kind not in self._tables:
            table: dict[str, Offered] = {}
            changed = self._changed[kind] = {}
            for hook in getattr(self.manager.hook, kind.hook).get_hookimpls():
                for name, what in _offers(hook.function, kind, hook.plugin_name).items():
                    if isinstance(what, api.Changed):
                        changed[name] = what.now
                        continue
                    _check_name(name, kind, hook.plugin_name, table)
                    table[name] = Offered(what, hook.plugin_name)
            self._tables[kind] = table
        return self._tables[kind]

    def _advice(self, name: str, known: list[str]) -> str:
        hint = did_you_mean(name, known)
        for plugin, reason in self.broken.items():
            hint += f" (plugin '{plugin}' could not be loaded: {reason})"
        return hint


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'? Known: x, y`` for a name that is not known."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, 1)
    return (f"Did you mean '{near[0]}'? " if near else "") + "Known: " + (", ".join(known) or "none")


def _offers(hook: Callable[[], object], kind: Kind, plugin: str) -> dict[str, type | str | api.Changed]:
    """What a hook returns, which is a mapping of names; ``None`` offers nothing."""
    try:
        offers = hook()
    except Exception as error:
        raise BackmapError(f"{kind.hook} failed: {type(error).__name__}: {error}", where=f"plugin '{plugin}'",
                           hint=f"Correct it, or leave it out with BACKMAP_BLOCK={plugin}.") from error
    if offers is not None and not isinstance(offers, Mapping):
        raise BackmapError(f"{kind.hook} returned a {type(offers).__name__}, expected {{name: class}}",
                           where=f"plugin '{plugin}'", hint=f"Correct it, or leave it out with BACKMAP_BLOCK={plugin}.")
    return dict(offers or {})


def _check_name(name: str, kind: Kind, plugin: str, table: dict[str, Offered]) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BackmapError(f"the {kind.name} name '{name}' is not lower_snake_case", where=f"plugin '{plugin}'")
    if name in table:
        raise BackmapError(f"plugins '{table[name].plugin}' and '{plugin}' both offer {kind.a_name} '{name}'",
                           hint=f"Leave one out: BACKMAP_BLOCK={plugin}.")


def _module_from(path: Path) -> ModuleType:
    """Import a file. It stays in ``sys.modules``, where pydantic looks for the names in annotations."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"backmap_plugin_{re.sub(r'[^0-9a-zA-Z]', '_', path.stem)}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is not a Python file (.py)")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _missing(error: ModuleNotFoundError, what: str, where: object, own: str = "") -> BackmapError:
    """The error for a module that is not there: a package to install, or a slip in the plugin."""
    package = (error.name or "?").partition(".")[0]
    if own and package == own.partition(".")[0]:
        return BackmapError(f"{what} names the module {error.name}, which does not exist", where=f"plugin '{where}'")
    pip_name = _PIP_NAMES.get(package, package)
    return BackmapError(f"{what} needs the package {package}", hint=f"pip install {pip_name}",
                        where=where if isinstance(where, Path) else "")
