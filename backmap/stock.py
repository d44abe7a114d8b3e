"""Trained weights that are at hand: the folders in which they lie, and how a bare name finds them."""
from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SUFFIX = ".safetensors"
LONGEST = 100_000_000  #: bytes of a header, by the format's own rule
VARIABLE = "BACKMAP_WEIGHTS"  #: folders of weights, as in PATH


def shipped() -> Path:
    """The weights that come with backmap, in a folder for each recipe that trained them.

    The build makes ``backmap/weights`` of what may be passed on in ``recipes``; a checkout has the latter alone.
    """
    here = Path(__file__).resolve().parent
    installed = here / "weights"
    return installed if installed.is_dir() else here.parent / "recipes"


def places() -> list[Path]:
    """Where weights are looked for unless a user says: the folders of $BACKMAP_WEIGHTS, and those that ship."""
    named = [Path(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    return [*named, shipped()]


def files(among: Sequence[Path]) -> Iterator[Path]:
    """Files of weights, each once; folders are looked through with those right in them."""
    seen = set()
    for place in among:
        inside = sorted([*place.glob(f"*{SUFFIX}"), *place.glob(f"*/*{SUFFIX}")]) if place.is_dir() else [place]
        for path in inside:
            if path.is_file() and path.resolve() not in seen and not path.name.endswith(f".state{SUFFIX}"):
                seen.add(path.resolve())
                yield path


def find(name: str) -> Path | None:
    """The first file of a name among the weights at hand."""
    return next((path for path in files(places()) if path.name == name), None)


def header(path: Path) -> dict[str, Any] | None:
    """What a file of weights says of itself, read without its tensors; None if backmap did not write it.

    The format: eight bytes with the length of the JSON that follows (https://github.com/huggingface/safetensors).
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LONGEST:
                return None
            found = json.loads(json.loads(file.read(length))["__metadata__"]["backmap"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
