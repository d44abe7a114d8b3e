"""The hooks by which packages offer plugins, one for each kind.

A hook returns a mapping from names to plugins. A name is lower_snake_case and is what the user writes in a recipe. A
plugin is given as its class, or as ``"package.module:Class"``, so that it is imported only when a recipe names it; for
a former name it is ``api.Changed``, which says what to write now. Hooks are called once, before a recipe is checked.
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
    """Offer generators, which draw the atoms of many fragments at once."""


@hookspec
def backmap_traversals() -> Offer:
    """Offer traversals, which give each bead of a molecule type a rank."""


@hookspec
def backmap_regularizers() -> Offer:
    """Offer regularizers, differentiable energies of a fragment in its environment."""


@hookspec
def backmap_refiners() -> Offer:
    """Offer refiners, which improve frames whose atoms are all placed."""


@hookspec
def backmap_morphers() -> Offer:
    """Offer morphers, which turn beads of one model into beads of another."""


@hookspec
def backmap_assessors() -> Offer:
    """Offer assessors, which measure frames and may flag beads."""


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
    """Offer writers of output files."""


@hookspec
def backmap_checkers() -> Offer:
    """Offer checkers, which test recipes and their files for ``backmap check``."""


@hookspec
def backmap_bridges() -> Offer:
    """Offer bridges, which convert between frames and objects of other Python libraries."""


@hookspec
def backmap_steps() -> Offer:
    """Offer recipe steps, such as ``read``, ``forward``, ``gibbs`` and ``train``."""


@hookspec
def backmap_targets() -> Offer:
    """Offer targets, densities that can be evaluated, for Monte Carlo."""


@hookspec
def backmap_models() -> Offer:
    """Offer models, latent-variable models of a target that propose moves."""


@hookspec
def backmap_samplers() -> Offer:
    """Offer samplers, which run Monte Carlo chains on a target."""


@hookspec
def backmap_ensemble_assessors() -> Offer:
    """Offer ensemble assessors, which assess the chains of a sampler."""
