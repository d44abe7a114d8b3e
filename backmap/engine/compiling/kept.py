"""Where compiled functions, and what else takes long, are kept from one run to the next.

Numba keeps a compiled function by the file that it stands in, and does not see that another one has changed which it
calls, or a constant that comes from elsewhere. Here the name of the folder follows from all sources that could matter.
"""
from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

#: Days after which functions of sources that are no longer used are removed.
KEPT = 30
#: What the name of a folder of compiled functions begins with.
COMPILED = "compiled-"


_LOGGER = logging.getLogger(__name__)


class _Locator(_CacheLocator):
    """Says where a function is kept."""

    def __init__(self, function: Callable, folder: Path) -> None:
        self._function, self._folder = function, folder / function.__module__

    @classmethod
    def from_function(cls, function: Callable, file: str) -> _Locator | None:
        if not os.path.exists(file):
            return None
        package = sys.modules.get(function.__module__.partition(".")[0])
        folder = _folder(tuple(getattr(package, "__path__", ())) or (file,))
        return folder and cls(function, folder)

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._folder.parent.name

    def get_disambiguator(self) -> str:
        return str(self._function.__code__.co_firstlineno)


class _Keeper(CompileResultCacheImpl):
    _locator_classes = [_Locator]


class Cache(FunctionCache):
    """A function that cannot be read is compiled, one that cannot be written is not kept."""

    _impl_class = _Keeper

    def load_overload(self, *arguments: Any) -> Any:
        try:
            return super().load_overload(*arguments)
        except Exception:  # a damaged file may raise anything
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, *arguments: Any) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(*arguments)


@functools.cache
def _folder(sources: tuple[str, ...]) -> Path | None:
    """Where the functions of a package are kept, if anywhere; they may lean on this package, too."""
    return folder_of(COMPILED, {*map(Path, sources), Path(__file__).parents[2]})


def folder_of(prefix: str, sources: set[Path]) -> Path | None:
    """A folder for what follows from files or folders of sources, if anything can be kept anywhere."""
    base = _base()
    return base and prepared(base, prefix, fingerprint(sources))


@functools.cache
def _base() -> Path | None:
    folder = next(filter(None, bases(os.environ)), None)
    _LOGGER.info("compiled functions are kept in %s", folder or "no folder, as none can be written to")
    return folder


def bases(environ: Mapping[str, str]) -> Iterator[Path]:
    """Folders that compiled functions can be kept in, the best one first; they are made if need be."""
    for name, below in (("BACKMAP_CACHE", "."), ("NUMBA_CACHE_DIR", "."), ("XDG_CACHE_HOME", "backmap"),
                        ("HOME", ".cache/backmap")):
        if environ.get(name):
            folder = Path(environ[name], below).absolute()
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
                yield folder
    with contextlib.suppress(OSError):
        folder = Path(tempfile.gettempdir(), f"backmap-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        # Others may write to the temporary directory, and what is loaded is run.
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            yield folder


def fingerprint(sources: set[Path]) -> str:
    """Of all that compiled functions follow from: files or folders of sources, numba, the processor."""
    digest = hashlib.sha256(repr((numba.__version__, llvm.get_host_cpu_name(),
                                  llvm.get_host_cpu_features().flatten())).encode())
    for source in sorted(sources, key=lambda path: path.name):
        for path in sorted(source.rglob("*.py")) or [source]:
            content = path.read_bytes()
            digest.update(repr((str(path.relative_to(source.parent)), len(content))).encode() + content)
    return digest.hexdigest()[:16]


def prepared(base: Path, prefix: str, name: str) -> Path:
    """A folder for what has this fingerprint; when it is new, those that have long been unused are removed."""
    folder = base / (prefix + name)
    with contextlib.suppress(OSError):
        if folder.exists():
            os.utime(folder)
        else:
            folder.mkdir()
            for other in base.glob(prefix + "*"):
                if other.stat().st_mtime < time.time() - KEPT * 86400:
                    shutil.rmtree(other, ignore_errors=True)
    return folder
