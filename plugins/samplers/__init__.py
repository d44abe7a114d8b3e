"""Samplers: Monte Carlo on a target."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_samplers() -> dict[str, str]:
    here = "backmap_plugins.samplers"
    return {"latent": f"{here}.latent:Latent", "local": f"{here}.local:Local"}
