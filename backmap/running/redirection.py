"""Recipes that read other frames than those they were written for: ``-f``, and objects in Python."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..api import Bridge, FrameSource, Reader, Step
from ..errors import BackmapError
from ..recipe import recipe
from ..recipe.document import step_name
from ..recipe.registry import Registry, kind_of

READ = "read"  #: the step that reads frames
LOOKED_AT = 256  #: frames in memory that are looked at to tell them from others


class GivenFrames(Reader):
    """Frames that another library holds."""

    def __init__(self, source: FrameSource) -> None:
        super().__init__(self.Options())
        self.source, self.name = source, "given"

    def open(self) -> FrameSource:
        return self.source

    def __str__(self) -> str:
        """Tells these frames from others, for runs that are resumed: by all of them, or by some of very many."""
        found, n_frames = hashlib.sha256(), self.source.n_frames
        some = {n_frames * k // LOOKED_AT for k in range(LOOKED_AT)} | {n_frames - 1}
        for number in sorted(some) if n_frames else ():
            found.update(self.source.frame(number).positions.tobytes())
        return f"{self.source.where}, {n_frames} frames, {found.hexdigest()[:16]}"


def redirect(content: dict[str, Any], registry: Registry, beads: Any, reference: Any, where: object,
             log: Callable[[str], None]) -> list[str]:
    """Let a recipe read other frames, in place.

    Args:
        content: What the recipe's file holds.
        registry: Where readers and bridges are found.
        beads: Files for the reader that the recipe names, a recipe entry, or an object that a bridge knows;
            None leaves everything as it is, but for ``reference``.
        reference: True atoms, in the same ways; with other beads, those of the recipe are left out.
        where: The recipe, for messages.
        log: Told what is left out.

    Returns:
        The ``--set`` assignment that says the same, for the record; empty if nothing is changed.

    Raises:
        BackmapError: If the recipe does not read frames in exactly one step, or an object is of no known library.
    """
    if beads is None and reference is None:
        return []
    steps = content.get("steps")
    places = [k for k, entry in enumerate(steps if isinstance(steps, list) else ()) if step_name(entry) == READ]
    if len(places) != 1:
        raise BackmapError(f"there are {len(places)} steps '{READ}', so that no beads can be given", where=where,
                           hint="Write exactly one.")
    options = dict(recipe.spelled_out(Step, steps[places[0]], registry)[1])
    if beads is not None:
        options["beads"] = _entry(beads, options.get("beads"), registry, "beads")
        if options.pop("reference", None) is not None and reference is None:
            log("the reference of the recipe belongs to its own beads and is left out")
    if reference is not None:
        options["reference"] = _entry(reference, options.get("reference") or options.get("beads"), registry,
                                      "reference")
    steps[places[0]] = {READ: options}
    return [f"steps.{READ}={json.dumps(options, default=str, ensure_ascii=False)}"]


def files_entry(files: Sequence[str | Path], written: Any, registry: Registry) -> Any:
    """What stands in a recipe for files that the reader of ``written`` is to read."""
    return _of_files([str(Path(file).absolute()) for file in files], written, registry)


def _entry(frames: Any, written: Any, registry: Registry, name: str) -> Any:
    """What stands in the recipe for ``frames``; ``written`` stood there, or stands beside."""
    if isinstance(frames, str | Path | list | tuple):
        return files_entry([frames] if isinstance(frames, str | Path) else frames, written, registry)
    if isinstance(frames, Mapping | Reader):
        return frames
    for bridge in _bridges(registry):
        if bridge.knows(frames):
            return GivenFrames(bridge.frames(frames))
    known = ", ".join(registry.names(kind_of(Bridge))) or "none"
    raise BackmapError(f"cannot read frames from {type(frames).__name__}", where=name,
                       hint=f"Give files, a recipe entry, or an object of a known library: {known}.")


def _of_files(files: list[str], written: Any, registry: Registry) -> dict[str, Any]:
    """The reader that is written, with other files in its first option."""
    if written is None or isinstance(written, Reader):
        raise BackmapError("the recipe names no reader", hint="Give an entry such as {gromacs: cg.gro}.")
    name, options = recipe.spelled_out(Reader, written, registry)
    first = next(iter(registry.get(kind_of(Reader), name).Options.model_fields))
    return {name: {**options, first: files}}


def _bridges(registry: Registry) -> Iterator[Bridge]:
    kind = kind_of(Bridge)
    for name in registry.names(kind):
        bridge = registry.get(kind, name)
        yield bridge(bridge.Options())
