"""The command ``backmap``. What a user gets wrong is one line and exit code 2, never a traceback.

Nothing heavy is imported here: ``backmap --help`` must not wait for torch.
"""
from __future__ import annotations

import functools
import gc
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from ..errors import BackmapError, Interrupted, stoppable
from . import mappings
from .bottleneck import bottleneck
from .check import check
from .demo import demo
from .init import init
from .judge import judge
from .merge import merge
from .new import new
from .plugins import plugins
from .report import report
from .run import run
from .schema import schema
from .weights import weights

#: Objects that are made before those that are no longer used are looked for: libraries make many that stay, and looking
#: through these again and again takes a tenth of the time until a run begins.
SELDOM = 50_000

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False,
                  context_settings={"help_option_names": ["-h", "--help"]},
                  help="Puts the atoms back into coarse-grained molecular simulations.")


def _print_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"backmap {__version__}")
        raise typer.Exit


@app.callback()
def _common(version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True,
                                                  help="Print the version.")] = False) -> None:
    pass


def _returning(command: Callable[..., object]) -> Callable[..., object]:
    """The command, which ends by returning alone: a plugin that leaves must not end a run as if it were done."""

    @functools.wraps(command)
    def returning(*arguments: object, **options: object) -> object:
        try:
            return command(*arguments, **options)
        except SystemExit as leaving:
            if isinstance(leaving.__context__, BrokenPipeError):  # nobody reads on: typer ends quietly
                raise leaving.__context__ from None
            raise RuntimeError(f"the program was to end amid its work, with exit code {leaving.code}") from leaving

    return returning


for _command in (run, merge, check, init, report, judge, bottleneck, plugins, weights, schema, new, demo):
    app.command()(_returning(_command))
app.add_typer(mappings.app, name="mappings")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run a command and turn every failure into one line and an exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    if not debug:
        warnings.simplefilter("ignore")  # those of libraries; ours are lines of the run
    gc.set_threshold(SELDOM)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a queue's polite end is a Ctrl-C
    sys.exit(guarded(lambda: app(arguments, prog_name="backmap", standalone_mode=False), debug))


def guarded(call: Callable[[], object], debug: bool = False) -> int:
    """Exit code of ``call``: 0 done, 2 a mistake the user can mend, 130 stopped, 1 a bug."""
    try:
        with stoppable():
            code = call()
    except KeyboardInterrupt:
        return _say("stopped", 130)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _explain(error)
    if code == 130:  # typer's own end of what was stopped, without a word
        return _say("stopped", 130)
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    """One line for an error, and the exit code that goes with it."""
    if isinstance(error, BackmapError):
        return _say(str(error), 2)
    if isinstance(error, Interrupted | typer.Abort):
        return _say(str(error) or "stopped", 130)
    if hasattr(error, "format_message"):  # typer's errors of usage
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.format_message())
            return 0
        message = error.format_message().rstrip(".")
        return _say(f"{message}{'' if message.endswith('?') else '.'} Try --help.", 2)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):  # numpy's words, and torch's
        return _say("there is not enough memory. Take fewer frames at once (window: 1), fewer processes, or fewer "
                    "candidates", 2)
    if isinstance(error, OSError) and error.strerror:
        return _say(f"{error.filename or 'a file'}: {error.strerror}", 2)
    return _say(f"unexpected {type(error).__name__}: {error}. This is a bug, of backmap or of a plugin; "
                "run again with --debug to see where", 1)


def _say(line: str, code: int) -> int:
    typer.echo("backmap: " + " ".join(line.split()), err=True)
    return code
