"""Files that are there whole or not at all."""
from __future__ import annotations

import os
from pathlib import Path

from backmap.errors import BackmapError


def replaced(path: Path | str, text: str) -> None:
    """Write a file under a temporary name, and give it its own once it is complete.

    Raises:
        BackmapError: If the system refuses.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise BackmapError(f"cannot be written ({error.strerror})", where=path) from None
