"""The command ``backmap``. What a user gets wrong is one line and exit code 2, never a traceback.

Nothing heavy is imported here: ``backmap --help`` must not wait for torch.
"""
from __future__ import annotations

import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from .errors import BackmapError, Interrupted

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False,
                  help="Puts the atoms back into coarse-grained molecular simulations.")

PluginFiles = Annotated[list[Path] | None,
                        typer.Option("--plugin", metavar="FILE.py", help="A file with more plugins.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        typer.echo(f"backmap {__version__}")
        raise typer.Exit


@app.callback()
def _common(version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True,
                                                  help="Print the version.")] = False) -> None:
    pass


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, e.g. run.yaml.", show_default=False)],
    frames: Annotated[str | None, typer.Option(metavar="0,10,20 | a:b:c", help="Frames, counted from 0.")] = None,
    output: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where results go.")] = None,
    seed: Annotated[int | None, typer.Option(help="Every random draw of the run follows from it.")] = None,
    overrides: Annotated[list[str] | None, typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the recipe, e.g. steps.gibbs.temperature=453.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite results that are there.")] = False,
    plugin: PluginFiles = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and all warnings.")] = False,
) -> None:
    """Run a recipe."""
    from . import recipe as recipes
    from . import runner

    changes = list(overrides or [])
    if seed is not None:
        changes.append(f"seed={seed}")
    if output is not None:
        changes.append(f"output={_quoted(output.absolute())}")
    checked = recipes.load(recipe, _registry(plugin), changes)
    runner.run(checked, chosen=frames, resume=resume, force=force)


@app.command()
def report(
    sources: Annotated[list[str], typer.Argument(
        metavar="RUN|FILE...", help="Folders of finished runs, trajectories of atoms (NAME=file.xtc names one), and "
                                    "at most one recipe, which says what the system is.", show_default=False)],
    frames: Annotated[str | None, typer.Option(metavar="0,10,20 | a:b:c", help="Frames, counted from 0.")] = None,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the report goes.")] = Path("report"),
    overrides: Annotated[list[str] | None, typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the recipe of the report, e.g. steps.assess.processes=2.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a report that is there.")] = False,
    plugin: PluginFiles = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and all warnings.")] = False,
) -> None:
    """Judge runs and other trajectories side by side."""
    from . import comparison, runner

    changes = [*(overrides or []), f"output={_quoted(output.absolute())}"]
    compared = comparison.compare(sources, _registry(plugin), frames, changes)
    runner.run(compared.recipe, chosen=compared.frames, force=force)


@app.command()
def plugins(plugin: PluginFiles = None,
            debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and all warnings.")] = False) -> None:
    """List the plugins: what a recipe can name, and the options of each."""
    from rich.console import Console

    from .listing import problems, table

    registry = _registry(plugin)
    Console(highlight=False).print(table(registry))
    for line in problems(registry):
        typer.echo(line, err=True)


def _registry(files: Sequence[Path] | None):
    from .registry import Registry

    registry = Registry().discover()
    for file in files or ():
        registry.load_file(file)
    return registry


def _quoted(path: Path) -> str:
    """A path as a YAML string, whatever characters it has."""
    return "'" + str(path).replace("'", "''") + "'"


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run a command and turn every failure into one line and an exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    if not debug:
        warnings.simplefilter("ignore")  # those of libraries; ours are lines of the run
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a queue's polite end is a Ctrl-C
    sys.exit(guarded(lambda: app(arguments, prog_name="backmap", standalone_mode=False), debug))


def guarded(call: Callable[[], object], debug: bool = False) -> int:
    """Exit code of ``call``: 0 done, 2 a mistake the user can mend, 130 stopped, 1 a bug."""
    try:
        code = call()
    except KeyboardInterrupt:
        return _say("stopped", 130)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _explain(error)
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
        return _say(f"{error.format_message().rstrip('.')}. Try --help.", 2)
    if isinstance(error, OSError) and error.strerror:
        return _say(f"{error.filename or 'a file'}: {error.strerror}", 2)
    return _say(f"unexpected {type(error).__name__}: {error}. This is a bug, of backmap or of a plugin; "
                "run again with --debug to see where", 1)


def _say(line: str, code: int) -> int:
    typer.echo("backmap: " + " ".join(line.split()), err=True)
    return code


if __name__ == "__main__":
    main()
