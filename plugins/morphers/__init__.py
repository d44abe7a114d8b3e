"""Morphers: from beads of a model that is wrong close up to beads of one that is right."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_morphers() -> dict[str, str]:
    return {"bottleneck": "backmap_plugins.morphers.bottleneck:BottleneckMorpher",
            "tabulated": "backmap_plugins.morphers.tabulated:TabulatedMorpher"}
