"""Refiners: what is commonly done to backmapped structures, energy minimisation and short restrained dynamics."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_refiners() -> dict[str, str]:
    here = "backmap_plugins.refiners"
    return {"minimize": f"{here}.minimize:Minimize", "equilibrate": f"{here}.equilibrate:Equilibrate"}
