"""Tables of potentials as recipes name them: VOTCA's .pot files, each called by its interaction, or folders of them."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from backmap.api import also_read
from backmap.engine.tabulated.forces import named
from backmap.errors import BackmapError
from backmap.model.tabulated import Interaction, Potential

from .votca import read_votca


def read_tables(paths: Sequence[Path], interactions: Mapping[str, Interaction]) -> dict[str, Potential]:
    """Tables by name of the interaction, which is that of the file.

    Raises:
        BackmapError: If there is no such interaction, two tables are of one, a folder has none, or a file is no table.
    """
    found: dict[str, Potential] = {}
    for path in _listed(paths):
        if path.stem in found:
            raise BackmapError(f"is a second table of '{path.stem}'", where=path, hint="Leave one of them out.")
        found[path.stem] = read_votca(path, named(interactions, path.stem, path).kind)
    return found


def _listed(paths: Sequence[Path]) -> Iterator[Path]:
    """Files, and all tables of folders."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(path.glob("*.pot"))
        if not inside:
            raise BackmapError("this folder has no table (*.pot)", where=path,
                               hint="Tables are called by their interactions, e.g. E-M.pot.")
        for one in inside:
            also_read(one)
            yield one
