"""Packages that landscapes need beyond those of every run."""
from __future__ import annotations

from importlib import import_module
from types import ModuleType

from backmap.errors import BackmapError


def imported(package: str, *modules: str) -> list[ModuleType]:
    """Modules of an optional package.

    Raises:
        BackmapError: If the package is not installed.
    """
    try:
        return [import_module(name) for name in (modules or (package,))]
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != modules[0].split(".")[0] and (error.name or "") != package:
            raise
        raise BackmapError(f"landscapes need the package '{package}'", where="landscape",
                           hint="Install it: pip install 'backmap-engine[landscape]'.") from None


def sklearn(*parts: str) -> list[ModuleType]:
    """Modules of scikit-learn."""
    return imported("scikit-learn", *(f"sklearn.{name}" for name in parts))
