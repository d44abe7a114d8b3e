"""File formats: topologies, mappings, frames, and writers of frames."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_topologies() -> dict[str, str]:
    return {"gromacs": "backmap_plugins.formats.gromacs_topology:Gromacs"}


@hookimpl
def backmap_mappings() -> dict[str, str]:
    return {"votca": "backmap_plugins.formats.votca:Votca", "dbm": "backmap_plugins.formats.dbm:Dbm"}


@hookimpl
def backmap_readers() -> dict[str, str]:
    return {"gromacs": "backmap_plugins.formats.gromacs_frames:Gromacs"}


@hookimpl
def backmap_writers() -> dict[str, str]:
    return {"gromacs": "backmap_plugins.formats.gromacs_writers:Gromacs",
            "picture": "backmap_plugins.formats.picture:Picture",
            "index": "backmap_plugins.formats.index:Index"}
