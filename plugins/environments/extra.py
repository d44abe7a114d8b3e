"""Packages that some assessors need beyond those of every run."""
from __future__ import annotations

from importlib import import_module
from types import ModuleType

from backmap.errors import BackmapError


def imported(package: str, *modules: str, who: str = "landscapes", extra: str = "landscape") -> list[ModuleType]:
    """Modules of an optional package.

    Args:
        package: Its name.
        modules: Of it; by default itself.
        who: What needs it.
        extra: Name under which it is installed with backmap.

    Raises:
        BackmapError: If the package is not installed.
    """
    try:
        return [import_module(name) for name in (modules or (package,))]
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != modules[0].split(".")[0] and (error.name or "") != package:
            raise
        raise BackmapError(f"{who} need the package '{package}'", where=extra,
                           hint=f"Install it: pip install 'backmap-engine[{extra}]'.") from None


def sklearn(*parts: str) -> list[ModuleType]:
    """Modules of scikit-learn."""
    return imported("scikit-learn", *(f"sklearn.{name}" for name in parts))
