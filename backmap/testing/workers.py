"""What generators, regularizers and traversals promise, and the options of all plugins."""
from __future__ import annotations

import contextlib
import inspect
from dataclasses import fields

import networkx as nx
import numpy as np
import pydantic
import torch
from torch import Tensor

from ..api import DensityGenerator, Generator, Learner, Options, Plugin, Proposer, Regularizer, Traversal
from ..engine.random import Stream
from ..engine.sites.contracts import Draw, LocalEnvironment, View
from ..errors import BackmapError
from ..model.system import System, Window
from .examples import SAME, Sites, example, example_forcefield, molecule_type, turned


def check_options(plugin: type[Plugin]) -> None:
    """Check that options are typed, described and frozen, unknown ones refused, and that the plugin has a docstring."""
    name, options = plugin.__name__, plugin.Options
    assert issubclass(options, Options), f"{name}.Options is not a backmap.api.Options"
    assert inspect.cleandoc(vars(plugin).get("__doc__") or ""), f"{name} has no docstring"
    for key, option in options.model_fields.items():
        assert option.description, f"option '{key}' of {name} has no description"
    assert options.model_config.get("frozen"), f"the options of {name} are not frozen"
    try:
        options.model_validate({"no_such_option": 1})
        refused = False
    except pydantic.ValidationError as invalid:
        refused = any(error["loc"][0] == "no_such_option" for error in invalid.errors())
    assert refused, f"{name} accepts options that it does not have"
    for key in options.changed_names:
        assert key not in options.model_fields, f"option '{key}' of {name} is said to have changed, and is there"


def check_generator(generator: Generator, system: System | None = None, window: Window | None = None) -> None:
    """Check that draws have their shape, depend on their own stream, and on nothing that is to be drawn.

    Args:
        generator: The generator; its ``prepare`` is called here. One that needs weights is checked without.
        system: The molecules to draw; by default those of ``example()``.
        window: The frames to draw in, all atoms placed; by default those of ``example()``.
    """
    if system is None or window is None:
        system, window = example()
    if "forcefield" in generator.needs:
        generator.use(example_forcefield(system))
    if isinstance(generator, Learner) and generator.network is None:
        generator.study(system)
    with contextlib.suppress(BackmapError):  # it wants weights; its promises do not depend on them
        system = generator.prepare(system, "cpu")
    sites = Sites(system, window, generator.view)
    _check_draw(generator, sites)
    _check_rows(generator, sites)
    _check_density(generator, sites)
    if generator.equivariant:
        _check_turning(generator, sites)
    if isinstance(generator, Learner):
        _check_loss(generator, sites)
        _check_lessons(generator, sites)
    _check_blindness(generator, sites)


def _check_draw(generator: Generator, sites: Sites) -> None:
    env = sites.environment()
    before = {f.name: getattr(env, f.name) for f in fields(env) if f.name != "fragments"}
    before = {name: tensor.clone() for name, tensor in before.items() if tensor is not None}
    draw, again = (generator.draw(env, sites.stream(), 3) for _ in range(2))
    expected = (env.size, 3, env.block.shape[1], 3)
    assert tuple(draw.positions.shape) == expected, f"positions are {tuple(draw.positions.shape)}, not {expected}"
    drawn = draw.positions[env.block[:, None].expand(-1, 3, -1)]
    assert bool(drawn.isfinite().all()), "drawn positions are not finite"
    assert torch.equal(draw.positions.nan_to_num(), again.positions.nan_to_num()), \
        "the same stream gives other positions: draw every random number from rng"
    for name, tensor in before.items():
        assert torch.equal(tensor, getattr(env, name)), f"draw changes env.{name}"


def _check_rows(generator: Generator, sites: Sites) -> None:
    every = sites.environment()
    chosen = torch.arange(every.size - 1, -1, -3)
    whole = generator.draw(every, sites.stream(), 2).positions[chosen]
    part = generator.draw(sites.environment(chosen), sites.stream(chosen), 2).positions
    assert _same(whole, part, every.block[chosen]), "a site's draw depends on the other sites of its batch"


def _check_density(generator: Generator, sites: Sites) -> None:
    env = sites.environment()
    draw = generator.draw(env, sites.stream(), 2)
    if draw.log_density is None:
        assert not isinstance(generator, Proposer), "draws come without the log-density by which they are accepted"
        return
    assert tuple(draw.log_density.shape) == (env.size, 2), "log_density is not (S, K)"
    if not isinstance(generator, DensityGenerator):
        assert isinstance(generator, Proposer), \
            "draws come with a log-density, but the generator is neither a DensityGenerator nor a Proposer"
        _check_proposals(generator, env, draw, sites.stream())
        return
    for k in range(2):
        value = generator.log_density(env, draw.positions[:, k])
        assert tuple(value.shape) == (env.size,), "log_density(env, positions) is not (S,)"
        worst = float((value - draw.log_density[:, k]).abs().max())
        scale = max(1.0, float(value.abs().max()))
        assert worst <= 1e-5 * scale, f"log_density of a draw is off by {worst:.1e} from what draw reported"


def _check_proposals(generator: Proposer, env: LocalEnvironment, draw: Draw, stream: Stream) -> None:
    """Latent variables make densities random: they follow from rng, and differ from one call to the next."""
    assert bool(draw.log_density.isfinite().all()), "the log-density of a draw is not finite"
    position = draw.positions[:, 0]
    first, again, other = (generator.log_proposal(env, position, stream.child(name)) for name in ("a", "a", "b"))
    assert tuple(first.shape) == (env.size,), "log_proposal(env, positions, rng) is not (S,)"
    assert bool(first.isfinite().all()), "log_proposal is not finite for what was drawn"
    assert torch.equal(first, again), "the same stream gives other values: draw every random number from rng"
    assert not torch.equal(first, other), "log_proposal does not draw its latent variables from rng"


def _check_turning(generator: Generator, sites: Sites) -> None:
    env, rotation = sites.environment(), Stream.of(1).rotation()[0]
    here = generator.draw(env, sites.stream(), 1)
    there = generator.draw(turned(env, rotation), sites.stream(), 1)
    assert _same(here.positions @ rotation.to(here.positions).T, there.positions, env.block), \
        "turning the surroundings does not turn the draw, but the generator says that it is equivariant"
    if here.log_density is not None:
        assert torch.allclose(here.log_density, there.log_density, atol=1e-3, rtol=1e-4), "turning changes the density"


def _check_loss(generator: Learner, sites: Sites) -> None:
    if type(generator).loss is Learner.loss:
        return
    env = sites.environment()
    loss = generator.loss(env, sites.present(), sites.stream())
    assert tuple(loss.shape) == (env.size,), f"the loss is {tuple(loss.shape)}, not (S,)"
    assert bool(loss.isfinite().all()), "the loss is not finite"
    assert loss.requires_grad, "the loss does not reach the parameters"


def _check_lessons(generator: Learner, sites: Sites) -> None:
    """Everybody who learns has a finite loss that reaches what is updated."""
    env, target = sites.environment(), sites.present()
    for objective in (*generator.objectives(0.0), *generator.objectives(1.0)):
        loss = objective.loss(env, target, sites.stream())
        assert loss.value.dim() == 0, f"the loss of the {objective.name} is no single number"
        assert bool(loss.value.isfinite()), f"the loss of the {objective.name} is not finite"
        gradients = torch.autograd.grad(loss.value, list(objective.module.parameters()), allow_unused=True)
        assert any(g is not None and bool((g != 0).any()) for g in gradients), \
            f"the loss of the {objective.name} does not reach its parameters"
    for name, value in generator.watch(env, target, sites.stream()).items():
        assert np.isfinite(value), f"the figure '{name}' is not finite"


def _check_blindness(generator: Generator, sites: Sites) -> None:
    env = sites.environment()
    before = generator.draw(env, sites.stream(), 1).positions
    sites.scramble()
    after = generator.draw(sites.environment(), sites.stream(), 1).positions
    assert _same(before, after, env.block), "a draw depends on where the drawn atoms are now"


def _same(a: Tensor, b: Tensor, block: Tensor) -> bool:
    """Positions (S, K, F, 3) agree where they are drawn."""
    return bool(((a - b).abs().amax(dim=3) <= SAME)[block[:, None].expand(a.shape[:3])].all())


def check_regularizer(regularizer: Regularizer) -> None:
    """Check shapes, gradients and terms of energies, and that these do not depend on the batch or the orientation."""
    system, window = example()
    if "forcefield" in regularizer.needs:
        regularizer.use(example_forcefield(system))
    sites = Sites(system, window, View())
    env, own = sites.environment(), sites.present()
    candidates = torch.stack([own, own * 0.8, own * 1.2], dim=1).double().requires_grad_()
    energy = regularizer.energy(env, candidates)
    assert tuple(energy.shape) == (env.size, 3), f"the energy is {tuple(energy.shape)}, not (S, K)"
    assert bool(energy.isfinite().all()), "the energy is not finite"
    (slope,) = torch.autograd.grad(energy.sum(), candidates)
    assert bool(slope.isfinite().all()), "the gradient of the energy is not finite"
    parts = sum(regularizer.terms(env, candidates).values())
    assert torch.allclose(parts, energy, rtol=1e-3, atol=1e-3), "the terms do not add up to the energy"
    half = torch.arange(0, env.size, 2)
    part = regularizer.energy(sites.environment(half), candidates[half].detach())
    assert torch.allclose(part, energy[half], rtol=1e-3, atol=1e-3), "a site's energy depends on the others"
    rotation = Stream.of(1).rotation()[0]
    there = regularizer.energy(turned(env, rotation), candidates.detach() @ rotation.T)
    assert torch.allclose(there, energy, rtol=1e-3, atol=1e-2), "the energy depends on the orientation"


def check_traversal(traversal: Traversal) -> None:
    """Check that ranks are contiguous from 0, every bead follows its parent, and the order depends on ``rng`` alone."""
    graphs = {"one bead": nx.empty_graph(1), "chain": nx.path_graph(6), "star": nx.star_graph(4),
              "ring": nx.cycle_graph(5), "two pieces": nx.disjoint_union(nx.path_graph(3), nx.path_graph(2))}
    for name, graph in graphs.items():
        bonds = [tuple(sorted(edge)) for edge in graph.edges]
        molecule = molecule_type(name, [6] * len(graph), bonds, [[b] for b in graph])
        order, again = (traversal.order(molecule, np.random.default_rng(3)) for _ in range(2))
        assert order.ranks.shape == order.parents.shape == (len(graph),), f"{name}: ranks and parents are not (B,)"
        assert set(order.ranks.tolist()) == set(range(order.ranks.max() + 1)), f"{name}: ranks are not 0, 1, 2, ..."
        for bead, parent in enumerate(order.parents):
            assert parent < 0 or order.ranks[parent] < order.ranks[bead], f"{name}: a bead comes before its parent"
        same = np.array_equal(order.ranks, again.ranks) and np.array_equal(order.parents, again.parents)
        assert same, f"{name}: the same rng gives another order"
