"""Files that recipes name, and their text: what the system refuses is one line with the file."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pydantic

from backmap.api import InputPath
from backmap.errors import BackmapError


def as_list(value: Any) -> Any:
    """A single file as a list of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


#: One file or a list of them.
Files = Annotated[list[InputPath], pydantic.BeforeValidator(as_list)]


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Context in which a file is opened and read.

    Raises:
        BackmapError: If the system refuses.
    """
    try:
        yield
    except OSError as error:
        raise BackmapError(f"cannot be read ({error.strerror})", where=path) from None


def read_text(path: Path | str) -> str:
    """A text file; bytes that are no UTF-8 are replaced."""
    with reading(path):
        return Path(path).read_text(encoding="utf-8", errors="replace")
