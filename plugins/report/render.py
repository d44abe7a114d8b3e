"""The report in the format that its file name asks for."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backmap.errors import BackmapError
from backmap.model.assessment import Judgement
from backmap.model.sampling import Sampling
from backmap.model.system import System

from . import html, machine, markdown
from .content import Content, collect
from .verdict import judge

FORMATS: dict[str, Callable[[Content], bytes]] = {
    ".html": html.render, ".md": markdown.render, ".json": machine.render}


def check(path: Path) -> None:
    """Check that there is a format for this file name.

    Raises:
        BackmapError: If its ending is none of ``FORMATS``.
    """
    if path.suffix not in FORMATS:
        raise BackmapError(f"a report cannot be written as '{path.name}'",
                           hint=f"Give it one of the endings {', '.join(FORMATS)}.")


def report(path: Path, judgement: Judgement, provenance: dict[str, Any], system: System | None = None,
           sampling: Sequence[Sampling] = ()) -> bytes:
    """The bytes of a report.

    Args:
        path: Its ending says what is written: .html, .md or .json.
        judgement: What was found.
        provenance: What was run, as in run.json; may be empty.
        system: What is there; without it the page has no view of a frame.
        sampling: What became of the proposals of steps that accept or reject.

    Raises:
        BackmapError: If the ending is none of these.
    """
    check(path)
    return FORMATS[path.suffix](collect(judgement, provenance, system, sampling))


def told(judgement: Judgement, provenance: dict[str, Any], system: System | None = None,
         sampling: Sequence[Sampling] = ()) -> list[str]:
    """What a terminal shows of the same: the verdict on each trajectory that the report judges, and what stands out."""
    content = collect(judgement, provenance, system, sampling)
    return [judge(content, label).line for label in content.judged]
