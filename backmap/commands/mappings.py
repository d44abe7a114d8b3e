"""``backmap mappings``: what mapping libraries hold, and whether mapping files are right."""
from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import session
from ..errors import BackmapError
from .shared import Debug, Libraries, PluginFiles

if TYPE_CHECKING:
    from ..recipe.registry import Registry
    from ..starting.libraries import Described

WIDTH = 80  #: of lines
app = typer.Typer(no_args_is_help=True, help="Look into libraries of mappings, and test mapping files.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def listing(
    library: Libraries = None,
    target: Annotated[str | None, typer.Option("--from", metavar="martini3|martini2|votca|NAME",
                                               help="Only those for this coarse-grained force field.")] = None,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
    debug: Debug = False,
) -> None:
    """List what libraries describe: by library, atomistic and coarse-grained force field.

    Libraries are the folders of --library and of $BACKMAP_MAPPINGS (separated as in $PATH; files in them and one folder
    below), and the mappings of the package vermouth, if it is installed. Files that cannot be read are named, each with
    its line.
    """
    from ..starting import libraries, picking

    registry = session.registry_of(plugin or ())
    held = libraries.contents(libraries.places(library or ()), registry)
    pairs = picking.MODELS.get(target or "")
    found = [one for one in held.found if target is None or target in one.entry.target
             or (pairs and any((one.reader, name) in pairs for name in one.entry.target or ("",)))]
    if as_json:
        _print_json({"libraries": {name: str(path) for name, path in libraries.places(library or ()).items()},
                     "files": held.files, "found": [_plain(one) for one in found],
                     "errors": [str(error) for error in held.errors]})
        return
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        key = one.library, one.reader, " ".join(one.entry.source) or "-", " ".join(one.entry.target) or "-"
        groups.setdefault(key, []).append(" ".join(one.entry.residues))
    for (name, reader, source, to), residues in groups.items():
        typer.echo("\n    ".join(_wrapped(f"{name} ({reader}): {source} to {to}, {len(residues)}".split(), "")))
        typer.echo("\n".join(_wrapped(dict.fromkeys(residues), "  ")))
    for one in found:
        for remark in one.entry.remarks:
            typer.echo(f"warning: {remark}")
    for error in held.errors:
        typer.echo(f"error: {error}")
    typer.echo(_summary(held.files, len(found), len(held.errors)))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A residue or molecule, e.g. POPC.", show_default=False)],
    library: Libraries = None,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
    debug: Debug = False,
) -> None:
    """Show what libraries say of a residue or molecule: the atoms of each bead, in brackets those without weight."""
    from difflib import get_close_matches

    from ..starting import libraries

    registry = session.registry_of(plugin or ())
    places = libraries.places(library or ())
    held = libraries.contents(places, registry)
    found = [one for one in held.found if name.upper() in map(str.upper, one.entry.residues)]
    if not found:
        known = sorted({residue for one in held.found for residue in one.entry.residues})
        close = get_close_matches(name.upper(), known, n=1)
        looked = ", ".join(map(str, places.values())) or "nowhere"
        raise BackmapError(f"no library describes '{name}'", where="libraries",
                           hint=f"Did you mean '{close[0]}'?" if close else f"Looked in: {looked}. --library and "
                           f"${libraries.VARIABLE} name more folders.")
    if as_json:
        _print_json([_plain(one) for one in found])
        return
    for one in found:
        told = (f"{' '.join(one.entry.residues)}: {one.library} ({one.reader}), "
                f"{' '.join(one.entry.source) or '-'} to {' '.join(one.entry.target) or '-'}")
        typer.echo("\n    ".join(_wrapped(told.split(), "")))
        typer.echo(f"  {one.entry.where}")
        widest = max(map(len, one.entry.beads), default=0)
        for bead, atoms in one.entry.beads.items():
            lines = _wrapped(atoms, " " * (widest + 4))
            typer.echo("\n".join([f"  {bead:<{widest}}  {lines[0].strip()}" if lines else f"  {bead}", *lines[1:]]))
        for remark in one.entry.remarks:
            typer.echo(f"  warning: {remark}")


@app.command("test")
def looked_over(
    file: Annotated[list[str], typer.Argument(metavar="FILE", help="Mapping files; READER=FILE says who reads one.",
                                              show_default=False)],
    topology: Annotated[list[str] | None, typer.Option(
        "--topology", "-p", "-s", metavar="FILE", help="The atomistic topology that they should fit.")] = None,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
    debug: Debug = False,
) -> None:
    """Test mapping files, alone or against a topology: all that is wrong, a line each.

    What is passed over or read in another way is a note. The exit code is 1 if something is wrong.
    """
    registry = session.registry_of(plugin or ())
    errors, notes, entries = _tested(file, topology or [], registry)
    if as_json:
        _print_json({"errors": [str(error) for error in errors], "notes": notes, "found": entries})
    else:
        for error in errors:
            typer.echo(f"error: {error}")
        for note in notes:
            typer.echo(f"note: {note}")
        typer.echo(f"{len(file)} file{'s' * (len(file) != 1)}, {len(entries)} described, "
                   f"{len(errors)} error{'s' * (len(errors) != 1)}, {len(notes)} note{'s' * (len(notes) != 1)}")
    raise typer.Exit(1 if errors else 0)


def _tested(texts: list[str], topology: list[str], registry: Registry) -> \
        tuple[list[BackmapError], list[str], list[Any]]:
    """What is wrong, what is to be said, and what is described."""
    from ..api import MappingReader
    from ..errors import Errors
    from ..recipe import recipe
    from ..starting import files, formats, libraries

    errors, notes, described = Errors(), [], []
    by_reader: dict[str, list[str]] = {}
    for text in texts:
        told = errors.attempt(formats.split, text, MappingReader, registry)
        if told is None:
            continue
        reader, path = told
        by_reader.setdefault(reader, []).append(str(path))
        try:
            for entry in libraries.entries(reader, path, registry):
                described.append(asdict(entry))
                notes += entry.remarks
        except BackmapError as error:
            errors.add(error)
    if topology and not errors.found:
        given = files.UserFiles(topology, texts, [])
        atoms, _ = errors.attempt(files.topology_of, files.UserFiles(topology, [], []), registry) or (None, None)
        entry = errors.attempt(files.mapping_entries, given, registry) if atoms else None
        for one in _as_list(entry["mapping"]) if entry else ():
            reader = recipe.built(MappingReader, one, Path(), registry)
            for error in reader.problems(atoms):
                errors.add(error)
            if not errors.found:
                notes += [remark for model in reader.read(atoms).values() for remark in model.remarks]
    return errors.found, list(dict.fromkeys(notes)), described


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(one: Described) -> dict[str, Any]:
    return {"library": one.library, "reader": one.reader, "file": str(one.path), **asdict(one.entry)}


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _summary(files: dict[str, int], found: int, errors: int) -> str:
    if not files:
        return ("no library is there: name folders with --library or $BACKMAP_MAPPINGS; martinize2's mappings come "
                "with pip install vermouth")
    listed = ", ".join(f"{count} files in {name}" for name, count in files.items())
    return f"{listed}; {found} described, {errors} error{'s' * (errors != 1)}"


def _wrapped(words: Iterable[str], indent: str) -> list[str]:
    """Words in lines of the width of a terminal."""
    lines: list[str] = []
    for word in words:
        if not lines or len(lines[-1]) + 1 + len(word) > WIDTH - 4:
            lines.append(indent + word)
        else:
            lines[-1] += f" {word}"
    return lines
