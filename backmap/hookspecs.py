"""The menu: every way in which a plugin can take part.

An offer is a mapping ``{name: what}``. A name is lower_snake_case and is what the user writes in a
recipe. ``what`` is the class, or ``"package.module:Class"`` so that its imports are paid for only
when a recipe names it. Under a name that recipes no longer use it is ``api.Changed``, which says what to write now.
Hooks are asked once, before a recipe is checked.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from .contracts.plugin import Changed

NAME = "backmap"
hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)

Offer = Mapping[str, "type | str | Changed"]


@hookspec
def backmap_generators() -> Offer:
    """Offer generators: they draw the atoms of many fragments at once."""


@hookspec
def backmap_traversals() -> Offer:
    """Offer traversals: they give each bead of a molecule type a rank."""


@hookspec
def backmap_regularizers() -> Offer:
    """Offer regularizers: differentiable energies of a fragment in its environment."""


@hookspec
def backmap_refiners() -> Offer:
    """Offer refiners: they improve frames whose atoms are all placed."""


@hookspec
def backmap_assessors() -> Offer:
    """Offer assessors: they score windows and may flag beads."""


@hookspec
def backmap_forcefields() -> Offer:
    """Offer readers of force-field parameters."""


@hookspec
def backmap_readers() -> Offer:
    """Offer readers of trajectories."""


@hookspec
def backmap_topologies() -> Offer:
    """Offer readers of atomistic topologies."""


@hookspec
def backmap_mappings() -> Offer:
    """Offer readers of mapping files."""


@hookspec
def backmap_writers() -> Offer:
    """Offer writers."""


@hookspec
def backmap_checkers() -> Offer:
    """Offer checkers: they look recipes and their files over for ``backmap check``."""


@hookspec
def backmap_bridges() -> Offer:
    """Offer bridges: they carry frames to objects of other Python libraries, and back."""


@hookspec
def backmap_steps() -> Offer:
    """Offer recipe steps. ``read``, ``forward``, ``gibbs``, ``train`` are offered this way too."""


@hookspec
def backmap_targets() -> Offer:
    """Offer targets: densities that can be evaluated, for Monte Carlo."""


@hookspec
def backmap_models() -> Offer:
    """Offer models: latent-variable models of a target that propose moves."""


@hookspec
def backmap_samplers() -> Offer:
    """Offer samplers: Monte Carlo on a target."""


@hookspec
def backmap_ensemble_assessors() -> Offer:
    """Offer ensemble assessors: they judge what a sampler has visited."""
