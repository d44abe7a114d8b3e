"""Where a recipe comes from."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Source:
    """The origin of a recipe.

    Attributes:
        path: The file.
        text: Content of the file.
        overrides: Changes made by ``--set``.
        document: The recipe as it was built: the file with the overrides.
        inputs: Input files that its options name.
        plugins: Classes of all plugins that it names.
        plugin_files: Files of the user that offer some of them.
        in_memory: Whether it reads frames that are Python objects, not files.
    """

    path: Path
    text: str
    overrides: tuple[str, ...]
    document: dict[str, Any]
    inputs: tuple[Path, ...] = ()
    plugins: tuple[type, ...] = ()
    plugin_files: tuple[Path, ...] = ()
    in_memory: bool = False
