"""What a plugin hands over is looked at once, where it arrives: what it is, its shape, and that it is made of numbers.

Each function asks the plugin and returns its answer. What does not fit is a BackmapError that names the plugin; whoever
runs the step adds where it stands in the recipe. It costs one look at the numbers of a batch.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from torch import Tensor

from ...errors import BackmapError
from ...model.molecule import MoleculeType
from ...model.system import System
from .contracts import Draw, Draws, LocalEnvironment, Order, Orders, View, Weighs

if TYPE_CHECKING:
    from ..random import Stream

T = TypeVar("T")
#: Says where a site is, for messages: ``frame 0, PS1 1 A2``.
Label = Callable[[int], str]


def named(kind: str, plugin: object) -> str:
    """What a plugin is called in messages: ``the generator 'cloud'``."""
    return f"the {kind} '{getattr(plugin, 'name', '') or type(plugin).__name__}'"


def fault(problem: str) -> BackmapError:
    """The error for something that does not fit."""
    return BackmapError(problem, hint="This is a fault of the plugin: its contract is in backmap/contracts.")


def a(kind: type) -> str:
    """What something of a type is, for messages."""
    name = kind.__name__
    if kind is type(None):
        return "nothing"
    return f"an {name}" if name[0] in "aeiouAEIO" or name == "ndarray" else f"a {name}"


def expect(thing: object, kind: type[T], who: str, verb: str = "gave") -> T:
    """The thing itself; BackmapError unless it is of a kind."""
    if not isinstance(thing, kind):
        raise fault(f"{who} {verb} {a(type(thing))}, expected {a(kind)}")
    return thing


def expect_shape(array: object, shape: tuple[int, ...], who: str, verb: str) -> None:
    """BackmapError unless an array has a shape."""
    found = getattr(array, "shape", None)
    if found is None or tuple(found) != shape:
        said = f"of shape {tuple(found)}" if found is not None else f"as {a(type(array))}"
        raise fault(f"{who} {verb} {said}, expected {shape}")


def prepared(generator: Draws, system: System, device: str) -> System:
    """The system as a generator knows it, once it has said how far it sees."""
    who = named("generator", generator)
    expect(generator.view, View, who, "has as its view")
    known = expect(generator.prepare(system, device), System, who, "prepared")
    if (known.n_atoms, known.n_beads) != (system.n_atoms, system.n_beads):
        raise fault(f"{who} prepared {known.n_atoms} atoms and {known.n_beads} beads, expected {system.n_atoms} and "
                    f"{system.n_beads}")
    return known


def draw(generator: Draws, env: LocalEnvironment, rng: Stream, candidates: int, label: Label) -> Draw:
    """Draws of all sites. Positions of atoms that are not drawn, padding among them, may be anything.

    Dependent atoms are where those that are drawn have them.
    """
    who = named("generator", generator)
    found = expect(generator.draw(env, rng, candidates), Draw, who, "drew")
    positions = expect(found.positions, Tensor, who, "drew positions as")
    expect_shape(positions, (env.size, candidates, env.block.shape[1], 3), who, "drew positions")
    if not bool(positions.sum().isfinite()):  # a sum is had in no time, and is not finite if one of its terms is not
        wrong = ~positions.isfinite().all(dim=3) & env.block[:, None]
        _expect_none(wrong.any(dim=2), f"{who} drew positions that are not numbers", label)
    if env.fragments.followers.rows:
        return Draw(env.fragments.followers.placed(env.row, positions), lambda: found.log_density)
    return found


def log_density(generator: Draws, found: Draw, label: Label) -> Tensor:
    """Log-densities of draws, (S, K) float64; -inf where a draw could not be made."""
    who, value = named("generator", generator), found.log_density
    if value is None:
        raise fault(f"{who} drew positions without their log-density")
    expect_shape(value, tuple(found.positions.shape[:2]), who, "drew log-densities")
    _expect_none(value.isnan(), f"{who} drew log-densities that are not numbers", label)
    return value.double()


def energy(regularizer: Weighs, env: LocalEnvironment, positions: Tensor, label: Label) -> Tensor:
    """Energies of candidates, (S, K); +inf for what can not be."""
    who = named("regularizer", regularizer)
    value = expect(regularizer.energy(env, positions), Tensor, who, "gave as energies")
    expect_shape(value, tuple(positions.shape[:2]), who, "gave energies")
    _expect_none(~(value > -np.inf), f"{who} gave energies that are not numbers", label)
    return value


def _expect_none(wrong: Tensor, problem: str, label: Label) -> None:
    """BackmapError where a candidate of a site, (S, K) bool, is wrong."""
    if bool(wrong.any()):
        sites = wrong.any(dim=1)
        raise BackmapError(f"{problem}, at {int(sites.sum())} of {len(sites)} sites "
                           f"(first: {label(int(sites.long().argmax()))})",
                           hint="The fault is in the plugin, in its weights, or in the beads there.")


def order(traversal: Orders, molecule: MoleculeType, rng: np.random.Generator) -> Order:
    """The order of a molecule type's beads."""
    who = named("traversal", traversal)
    found = expect(traversal.order(molecule, rng), Order, who, f"gave for {molecule.name}")
    ranks, parents = np.asarray(found.ranks), np.asarray(found.parents)
    for name, values in (("ranks", ranks), ("parents", parents)):
        expect_shape(values, (molecule.n_beads,), who, f"gave {name} of {molecule.name}")
        if values.dtype.kind not in "iu":
            raise fault(f"{who} gave {name} of {molecule.name} that are no whole numbers")
    if not np.array_equal(np.unique(ranks), np.arange(ranks.max(initial=-1) + 1)):
        raise fault(f"{who} gave ranks of {molecule.name} that are not 0, 1, 2, ...")
    child = np.flatnonzero(parents != -1)
    bad = child[(parents[child] < -1) | (parents[child] >= molecule.n_beads)]
    if not len(bad):
        bad = child[ranks[parents[child]] >= ranks[child]]
    if len(bad):
        raise fault(f"{who} gave bead {molecule.bead_names[bad[0]]} of {molecule.name} a parent that does not come "
                    "before it")
    return Order(ranks.astype(np.int64), parents.astype(np.int64))
