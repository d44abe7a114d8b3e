"""Arrays that take long to make and follow from what they are named by, kept from one run to the next."""
from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from .kept import folder_of

Made = TypeVar("Made", bound="NDArray | None")


def kept_or_made(prefix: str, source: Path, key: str, fits: Callable[[NDArray], bool],
                 make: Callable[[], Made]) -> NDArray | Made:
    """An array, from an earlier run if it was kept, to the last bit as it was made.

    A file that is damaged, cannot be read or does not fit is made anew; what cannot be written is not kept.

    Args:
        prefix: What the name of its folder begins with.
        source: File or folder of the sources that it is made by: with others it is made anew.
        key: All else that it follows from, in characters of a file name.
        fits: Whether an array can be the one that is looked for.
        make: Makes it; None is not kept.
    """
    folder = folder_of(prefix, {source})
    file = folder and folder / f"{key}.safetensors"
    if file is not None:
        with contextlib.suppress(OSError, SafetensorError, KeyError):
            if fits(found := load_file(file)["array"]):
                return found
    made = make()
    if file is not None and made is not None:
        with contextlib.suppress(OSError):
            _write(file, made)
    return made


def _write(file: Path, array: NDArray) -> None:
    """To a temporary name, which is then changed: no other process sees half of it."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    os.close(handle)
    save_file({"array": np.ascontiguousarray(array)}, name)
    os.replace(name, file)
