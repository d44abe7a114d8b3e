"""docs/commands.md: every command and its options."""
from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

from backmap.commands import cli

#: What an option takes that has no word for it.
NUMBER = "N"

HEAD = """\
<!-- Written by docs/generate.py from the commands; change them, then run `make docs`. -->
# Command reference

*This page is generated from the commands.* `backmap COMMAND --help` says the same in the terminal.

| | |
|---|---|
"""

TAIL = """
## Exit codes

| | |
|---|---|
| 0 | done |
| 1 | a bug, of backmap or of a plugin; `--debug` shows where. From `backmap check` and `backmap init`: warnings; from \
`backmap bottleneck`: no size matches; from `backmap mappings test`: errors |
| 2 | something that you can mend: one line says where, what is wrong, what to do ([all of them](errors.md)). From \
`backmap check` and `backmap init`: errors |
| 130 | stopped by Ctrl-C or by a queue's SIGTERM; go on with `--resume` |

## Completion in the shell

`backmap --install-completion` sets it up for the shell in which it is called (bash, zsh, fish); `backmap \
--show-completion` prints what it would install.

## Environment

| variable | |
|---|---|
| `BACKMAP_BLOCK` | names of plugins, separated by commas, that are left out, as if they were not installed |
| `BACKMAP_CACHE` | folder in which compiled functions are kept, by default `~/.cache/backmap` |
| `BACKMAP_MAPPINGS` | folders of mapping files, separated by `:`, in which `backmap mappings` and `init --from` look \
before the package vermouth |
| `BACKMAP_WEIGHTS` | folders of trained weights, separated by `:`, in which `init` and recipes look before those \
that ship |
| `BACKMAP_THREADS` | how many threads share frames in a run, of all processes together, by default as many as there \
are cores (`--threads`) |
| `BACKMAP_TRACE` | `1` prints every look-up of a plugin to standard error |
| `COLUMNS` | columns to which `backmap plugins` and help are laid out where there is no terminal, by default 80 |
| `OMP_NUM_THREADS` and its like | not asked: libraries compute with one thread, but for training (`--threads`); \
see `BACKMAP_THREADS` |
| `${NAME}` | in paths of a recipe: any variable, `${NAME:-default}` with a default |
"""


def page() -> str:
    """The whole page."""
    commands = all_commands()
    listed = "".join(f"| [`backmap {name}`](#backmap-{name.replace(' ', '-')}) | {sentences(command)[0]} |\n"
                     for name, command in commands.items())
    return HEAD + listed + "".join(entry(name, command) for name, command in commands.items()) + TAIL


def all_commands() -> dict[str, Any]:
    """Commands by name; those of a group with its name before theirs."""
    found = {}
    for name, command in typer.main.get_command(cli.app).commands.items():
        inner = getattr(command, "commands", None)
        found |= {name: command} if inner is None else {f"{name} {part}": one for part, one in inner.items()}
    return found


def sentences(command: Any) -> list[str]:
    """Paragraphs of a command's help, the first without its full stop."""
    first, *rest = inspect.cleandoc(command.help).split("\n\n")
    return [" ".join(first.split()).removesuffix("."),
            *(re.sub("^(# .*)$", r"\n    \1", text, flags=re.M) for text in rest)]  # not a heading


def entry(name: str, command: Any) -> str:
    """What is said about one command."""
    first, *rest = sentences(command)
    arguments = [option for option in command.params if option.param_type_name == "argument"]
    words = " ".join([f"backmap {name}", *(option.metavar for option in arguments), "[OPTIONS]"])
    lines = [f"\n## `backmap {name}`\n\n```text\n{words}\n```\n\n{first}.\n", *(f"\n{text}\n" for text in rest),
             "\n| | | |\n|---|---|---|\n", *rows(command.params)]
    return "".join(lines)


def rows(options: list[Any]) -> Iterator[str]:
    """Rows of arguments and options; those of help and debugging last."""
    for option in options:
        said = option.help or ""
        if option.param_type_name == "argument":
            names, value = f"`{option.metavar}`", ""
        else:
            names = ", ".join(f"`{name}`" for name in option.opts)
            value = "" if option.is_flag else f"`{option.metavar or NUMBER}`"
            if option.multiple:
                said += " May be given several times."
            if option.default not in (None, False, [], ()) and not option.is_flag and not callable(option.default):
                said += f" By default `{option.default}`."
            if option.required:
                said += " **Needed.**"
        yield "| " + " | ".join(re.sub(r"\|", r"\\|", cell) for cell in (names, value, said)) + " |\n"

