"""docs/errors.md: every kind of bad input that the tests try, and the line that is printed for it."""
from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.end_to_end import (
    test_bad_arguments,
    test_bad_beads,
    test_bad_bottleneck,
    test_bad_boxes,
    test_bad_files,
    test_bad_forcefields,
    test_bad_frames,
    test_bad_input,
    test_bad_judging,
    test_bad_lammps,
    test_bad_learning,
    test_bad_levels,
    test_bad_mappings,
    test_bad_names,
    test_bad_plugins,
    test_bad_rigid,
    test_bad_run_parameters,
    test_bad_several,
    test_bad_tables,
    test_bad_tacticity,
    test_bad_trajectories,
    test_bad_tuning,
    test_bad_values,
    test_bad_weights,
    test_doubtful,
    test_judge,
)

HEAD = """\
<!-- Written by docs/generate.py from the tables in tests/end_to_end/test_bad_*.py; run `make docs` after a change. -->
# What can go wrong

*This page is generated from the tests: each line below is printed in one of them, word for word.* `...` stands for
what differs from case to case. All begin with `backmap:`, go to standard error, and end with exit code 2. Nothing of a
result is written: what an earlier window has written stays in files called `NAME.part`, from which `--resume` goes on.

A line says where (a file and its line, or a place in the recipe: `steps[3].gibbs` is the fourth step), what is wrong,
and what to do. `run.yaml`, `cg.gro`, `octane.top` and so on stand for your files. `backmap check run.yaml` finds most
of these without a run, and all that it finds at once; a run begins with the same look, so that it ends before any work
is done, and prints the [warnings](#warnings-what-can-be-run-but-is-hardly-meant) first, which stand in its report
(`--no-check` leaves that out). Questions rather than mistakes are in the [FAQ](faq.md).

{count} kinds of bad input are listed.
"""

#: Tables: the module and name, the heading above its groups, and what its cases without a group are about.
TABLES: tuple[tuple[ModuleType, str, str, str], ...] = (
    (test_bad_input, "TABLE", "Running a recipe", "Input"),
    (test_bad_files, "TABLE", "Mappings, other molecules, other formats", "Input"),
    (test_bad_values, "TABLE", "Numbers, texts and files that nobody means", "Input"),
    (test_bad_arguments, "TABLE", "Recipes, arguments and plugins that nobody means", "Input"),
    (test_bad_frames, "TABLE", "Frames", "Input"),
    (test_bad_trajectories, "TABLE", "Trajectories", "Input"),
    (test_bad_weights, "TABLE", "Weights", ""),
    (test_bad_forcefields, "TABLE", "Force fields of GROMACS", ""),
    (test_bad_rigid, "TABLE", "Rigid parts and virtual sites", ""),
    (test_bad_several, "TABLE", "Beads that are several molecules", ""),
    (test_bad_run_parameters, "TABLE", "Run parameters of GROMACS", ""),
    (test_bad_lammps, "TABLE", "Force fields of LAMMPS", ""),
    (test_bad_levels, "TABLE", "Recipes that change what there is", ""),
    (test_bad_judging, "TABLE", "Judging", "Judging"),
    (test_bad_judging, "REPORTS", "Comparing runs: `backmap report`", ""),
    (test_judge, "TABLE", "Judging models: `backmap judge`", ""),
    (test_bad_tables, "TABLE", "Coarse-grained forces", ""),
    (test_bad_bottleneck, "TABLE", "Bottlenecks: `backmap bottleneck`", ""),
    (test_bad_beads, "TABLE", "Beads in place of atoms", ""),
    (test_bad_tuning, "TABLE", "Settings that are left to the run", ""),
    (test_bad_learning, "TABLE", "Learning from a force field", ""),
    (test_bad_tacticity, "TABLE", "Chains of unknown tacticity", ""),
    (test_bad_plugins, "TABLE", "Plugins", ""),
    (test_bad_mappings, "TABLE", "Mapping files: what `backmap mappings test` calls an `error:`", ""),
    (test_bad_boxes, "TABLE", "Whole boxes: what `backmap init --from martini2 --gromacs-ready` says", ""),
    (test_bad_mappings, "COMMANDS", "Libraries of mappings", ""),
    (test_bad_files, "COMMANDS", "Other commands", ""),
    (test_bad_names, "TABLE", "Names that have changed", ""),
    (test_doubtful, "DOUBTS", "Warnings: what can be run but is hardly meant", ""),
)


def page() -> str:
    """The whole page."""
    count = sum(len(getattr(module, name)) for module, name, *_ in TABLES)
    return HEAD.format(count=count) + "".join(part(*table) for table in TABLES)


def part(module: ModuleType, name: str, heading: str, otherwise: str) -> str:
    """One table of cases, divided as in the source."""
    lines, group = [f"\n## {heading}\n"], None
    for case, found in grouped(module, name):
        if found != group or len(lines) == 1:
            title = found or otherwise
            lines.append((f"\n### {title[:1].upper()}{title[1:]}\n" if title else "")
                         + "\n| what is wrong | what is printed |\n|---|---|\n")
            group = found
        lines.append(f"| {escaped(case[0])} | {code(case[-1])} |\n")
    return "".join(lines)


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def code(text: str) -> str:
    """Text as code, which may hold single marks itself."""
    return f"`` {escaped(text)} ``" if "`" in text else f"`{escaped(text)}`"


def grouped(module: ModuleType, name: str) -> Iterator[tuple[Any, str]]:
    """Cases of a table, and the comment that stands above each and others."""
    comments = iter(headings(Path(module.__file__).read_text(encoding="utf-8"), name))
    group, following = "", next(comments, None)
    for case in getattr(module, name):
        if following is not None and following[1] == case[0]:
            group, following = following[0], next(comments, None)
        yield case, group


def headings(source: str, name: str) -> list[tuple[str, str]]:
    """Comments on lines of their own inside a table, each with the name of the case that follows."""
    found: list[tuple[str, str]] = []
    tokens = iter(tokenize.generate_tokens(io.StringIO(source).readline))
    for token in tokens:
        if token.type == tokenize.NAME and token.string == name and token.start[1] == 0:
            break
    comment = ""
    for token in tokens:
        if token.type == tokenize.NEWLINE:
            break
        if token.type == tokenize.COMMENT and not token.line[:token.start[1]].strip():
            comment = token.string.lstrip("# ")
        elif token.type == tokenize.STRING and comment:
            found.append((comment, token.string[1:-1]))
            comment = ""
    return found
