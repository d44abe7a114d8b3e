"""Regularizers: differentiable energies of fragments in their surroundings."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_regularizers() -> dict[str, str]:
    return {"energy": "backmap_plugins.regularizers.energy:ForceFieldEnergy",
            "flat_bottom": "backmap_plugins.regularizers.limits:FlatBottom",
            "steric": "backmap_plugins.regularizers.steric:Steric"}
