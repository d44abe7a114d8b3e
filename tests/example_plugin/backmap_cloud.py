"""A whole third-party generator: this file and an entry point, or this file and ``--plugin``."""
from __future__ import annotations

from pydantic import Field

from backmap import api

API_VERSION = 1  #: of backmap.api, which this was written for


@api.hookimpl
def backmap_generators():
    return {"cloud": Cloud}


class Cloud(api.Generator):
    """Atoms normally distributed about their bead."""

    parallel = True
    view = api.View()

    class Options(api.Options):
        width: float = Field(0.1, gt=0, description="Standard deviation, nm.")

    def draw(self, env, rng, candidates=1):
        return api.Draw(rng.normal(candidates, env.block.shape[1], 3) * self.options.width)
