"""What several commands have in common: options, and what they do with them."""
from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import BackmapError

if TYPE_CHECKING:
    from ..running.display import Display

PluginFiles = Annotated[list[Path] | None,
                        typer.Option("--plugin", metavar="FILE.py", help="A file with more plugins: code, which runs.")]
Libraries = Annotated[list[Path] | None, typer.Option(
    "--library", metavar="FOLDER", help="A folder of mapping files, before those of $BACKMAP_MAPPINGS and vermouth's.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and all warnings.")]
Frames = Annotated[str | None, typer.Option(metavar="0,10,20 | a:b:c", help="Frames, counted from 0.")]
Begin = Annotated[float | None, typer.Option("--begin", "-b", metavar="PS", help="First time, ps.")]
End = Annotated[float | None, typer.Option("--end", "-e", metavar="PS", help="Last time, ps.")]
Every = Annotated[float | None, typer.Option(
    "--dt", "-dt", metavar="PS", help="Only frames whose time is a multiple of this after the first one's, ps.")]
Processes = Annotated[int | None, typer.Option("--processes", "-np", min=1, metavar="N",
                                               help="Processes that share the frames; the result does not depend on "
                                                    "it.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite results that are there.")]

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more: what every step reads and how long it takes, "
                                                               "what is compiled, where things are kept.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what is wrong.")]

LOGGERS = "backmap", "backmap_plugins"  #: what the package and its plugins note, by ``logging``

#: What libraries read when they are loaded, to know how many threads they may start.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENMM_CPU_THREADS")


def limit_threads() -> None:
    """Let libraries that are not loaded yet start one thread, unless they are told otherwise; those that wait sleep."""
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def display(verbose: bool, quiet: bool) -> Display:
    """Where lines and progress of a run go: to standard error, and nowhere if it is to be quiet.

    With ``verbose`` the loggers of backmap and of its plugins say what they note, above the bar.
    """
    from ..running.display import Display

    made = Display()
    made.console.quiet = quiet
    if verbose:
        notes = Notes(made.log)
        notes.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        for name in LOGGERS:
            logging.getLogger(name).addHandler(notes)
            logging.getLogger(name).setLevel(logging.INFO)
    return made


class Notes(logging.Handler):
    """Lines of loggers, said as ``say`` says lines."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        self.say(self.format(record))


def replaced(path: Path, text: str, force: bool) -> None:
    """Write a file of text, at one stroke.

    Raises:
        BackmapError: If it is there and ``force`` is not.
    """
    if path.exists() and not force:
        raise BackmapError("exists already", where=path, hint="Choose another with --output, or use --force.")
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)
