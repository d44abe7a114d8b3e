"""Models: latent-variable models of a target that propose moves."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_models() -> dict[str, str]:
    return {"vae": "backmap_plugins.models.vae.model:Vae"}
