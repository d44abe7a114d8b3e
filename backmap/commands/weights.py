"""``backmap weights``: trained weights that are at hand."""
from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from .. import stock
from .shared import Debug


def weights(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list in JSON.")] = False,
    debug: Debug = False,
) -> None:
    """List the trained weights: which there are, what each was trained on, where it was looked."""
    told = [_told(path) for path in stock.files(stock.places())]
    if as_json:
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    for entry in told:
        typer.echo(f"{entry['name']}\n  {_line(entry)}\n  in {entry['folder']}")
    typer.echo("looked in: " + "; ".join(map(str, stock.places()))
               + f"\nrecipes find weights by their bare name; ${stock.VARIABLE} names more folders")


def _told(path: Any) -> dict[str, Any]:
    """What a file of weights says of itself."""
    entry = {"name": path.name, "folder": str(path.parent), "bytes": path.stat().st_size}
    header = stock.header(path)
    if header is None:
        return entry | {"kind": None}
    training = header.get("training") or {}
    types = [kind["name"] for kind in header.get("types", ())]
    return entry | {"kind": header.get("kind"), "generator": header.get("generator"), "molecules": types,
                    "temperature": training.get("temperature"), "frames": training.get("frames"),
                    "from": training.get("from", "frames"),
                    "steps": training.get("steps"), "variables": len(header.get("variables", ())) or None}


def _line(entry: dict[str, Any]) -> str:
    """The same in words."""
    size = f"{entry['bytes'] / 1e6:.1f} MB"
    if entry["kind"] is None:
        return f"not written by backmap; {size}"
    if entry["kind"] != "checkpoint":
        what = f"model of an ensemble with {entry['variables']} variables, for Monte Carlo"
        return f"{what}; {entry['steps']} steps of training; {size}"
    heat = " and ".join(f"{value:g} K" for value in entry["temperature"] or ())
    source = "learned from the force field in " if entry["from"] == "forcefield" else ""
    learned = ", ".join([*([heat] if heat else []), f"{source}{entry['frames']} frames", f"{entry['steps']} steps"])
    molecules = ", ".join(entry["molecules"]) or "molecules like those of its training"
    return f"generator {entry['generator']} for {molecules}: {learned}; {size}"
