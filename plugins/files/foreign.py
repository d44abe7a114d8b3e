"""Files that another library reads: whatever it raises or warns of is one line with the file."""
from __future__ import annotations

import gc
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from backmap.errors import BackmapError

Result = TypeVar("Result")

_LONGEST = 300  #: characters of a foreign message


def read_by(library: str, reader: Callable[[], Result], where: Path | str, hint: str = "") -> Result:
    """What ``reader``, which calls ``library``, makes of a file.

    Raises:
        BackmapError: If it raises anything.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reader()
    except BackmapError:
        raise
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        _dispose(error)
        raise BackmapError(f"{library} cannot read it: {told[:_LONGEST].rstrip('.')}", where=where,
                           hint=hint) from None


def _dispose(error: BaseException | None) -> None:
    """Let go of what was half open, now: what its destructors complain of says nothing more to the user."""
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while error is not None:
                traceback.clear_frames(error.__traceback__)
                error = error.__context__
            gc.collect()
    finally:
        sys.unraisablehook = hook
