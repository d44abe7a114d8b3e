"""Conformance kit for plugin authors: each function tests what one kind of plugin promises.

    from backmap import testing

    def test_my_generator():
        testing.check_options(MyGenerator)
        testing.check_generator(MyGenerator(MyGenerator.Options()))

A broken promise is an ``AssertionError`` that says which.
"""
from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import fields, replace

import networkx as nx
import numpy as np
import pydantic
import torch
from torch import Tensor

from .api import Assessor, Generator, Options, Plugin, Refiner, Regularizer, Traversal
from .engine.contracts import LocalEnvironment, View
from .engine.environment import Scene
from .engine.fragments import FragmentTable, resting_order
from .engine.random import Stream
from .engine.schedule import gibbs_schedule
from .engine.snapshot import AtomIndex, Snapshot
from .errors import BackmapError
from .model.assessment import Assessment
from .model.mapping import Mapping
from .model.molecule import Chemistry, MoleculeType, graph_of, handedness
from .model.parameters import Bonded, ForceField, MoleculeParameters
from .model.system import System, Window
from .model.tally import Tally

#: Two batches of different size may round differently; nm.
SAME = 1e-4

# Examples


def molecule_type(name: str, element: Sequence[int], bonds: Sequence[tuple[int, int]],
                  beads: Sequence[Sequence[int]], positions: np.ndarray | None = None,
                  centres: Sequence[Sequence[int]] = ()) -> MoleculeType:
    """A molecule type without rings or charges, whose beads are centres of mass.

    Args:
        name: Of the type and its residue.
        element: Atomic numbers, (A,).
        bonds: Pairs of atoms, smaller index first.
        beads: Atoms of each bead; every atom in one bead.
        positions: Of one molecule, (A, 3), nm: they say the handedness of ``centres``.
        centres: A stereocentre and three of its neighbours each.
    """
    numbers, pairs = np.asarray(element), np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
    quads = np.asarray(centres, dtype=np.int64).reshape(-1, 4)
    none = np.zeros(len(numbers), dtype=np.int64)
    mass = np.where(numbers == 1, 1.008, 2.0 * numbers)
    graph = graph_of(len(numbers), pairs)
    mapping = Mapping.from_rows([(list(atoms), [mass[a] for a in atoms]) for atoms in beads], graph, numbers != 1)
    owner = mapping.owner
    between = sorted({tuple(sorted((int(owner[i]), int(owner[j])))) for i, j in pairs if owner[i] != owner[j]})
    sign = handedness(positions, quads) if positions is not None else np.zeros(len(quads), dtype=np.int64)
    n_beads, hydrogen = len(beads), (numbers[pairs] == 1).any(axis=1)
    return MoleculeType(
        name=name, atom_names=[f"X{a + 1}" for a in range(len(numbers))], atom_types=[f"X{z}" for z in numbers],
        residue_names=[name] * len(numbers), residues=none + 1, mass=mass, partial_charge=none.astype(float),
        bonds=pairs, chemistry=Chemistry(numbers, none.astype(bool), none, none.astype(float), np.ones(len(pairs)),
                                         quads, sign),
        bead_names=[f"B{b + 1}" for b in range(n_beads)], bead_types=["B"] * n_beads,
        bead_residue_names=[name] * n_beads, bead_residues=np.ones(n_beads, dtype=np.int64),
        bead_bonds=np.array(between, dtype=np.int64).reshape(-1, 2), mapping=mapping,
        bond_length=np.where(hydrogen, 0.109, np.nan))


def fluorohexane() -> tuple[MoleculeType, np.ndarray]:
    """2-fluorohexane in three beads of two carbons, with a stereocentre and rigid C-H bonds.

    Returns:
        The type, and stretched positions of its 20 atoms, (20, 3), nm.
    """
    carbon = np.array([[0.127 * k, 0.0445 * (-1) ** k, 0.0] for k in range(6)])
    element, positions, owner = [6] * 6, list(carbon), list(range(6))
    for k, at in enumerate(carbon):
        out = 0.063 * (-1) ** k
        arms = [(0.0, out, 0.089), (0.0, out, -0.089)]
        if k in (0, 5):
            arms.append((-0.103 if k == 0 else 0.103, -0.036 * (-1) ** k, 0.0))
        for number, arm in enumerate(arms):
            fluorine = k == 1 and number == 0
            element.append(9 if fluorine else 1)
            positions.append(at + np.multiply(arm, 1.25 if fluorine else 1.0))
            owner.append(k)
    bonds = [(k, k + 1) for k in range(5)] + [(owner[a], a) for a in range(6, len(element))]
    beads = [[a for a, k in enumerate(owner) if k // 2 == bead] for bead in range(3)]
    fluorine = element.index(9)
    whole = np.array(positions)
    return molecule_type("FHX", element, bonds, beads, whole, [(1, 0, 2, fluorine)]), whole


def example(n_frames: int = 2, seed: int = 0) -> tuple[System, Window]:
    """48 molecules of 2-fluorohexane in a box, all atoms placed."""
    kind, positions = fluorohexane()
    rng = np.random.default_rng(seed)
    cell = np.array([0.9, 0.5, 0.5])
    grid = np.stack(np.meshgrid(range(3), range(4), range(4), indexing="ij"), axis=-1).reshape(-1, 3) * cell
    turn = rng.uniform(0, 2 * np.pi, (n_frames, len(grid)))
    about_x = np.zeros((*turn.shape, 3, 3))
    about_x[..., 0, 0] = 1
    about_x[..., 1, 1] = about_x[..., 2, 2] = np.cos(turn)
    about_x[..., 1, 2], about_x[..., 2, 1] = -np.sin(turn), np.sin(turn)
    atoms = np.einsum("wmij,aj->wmai", about_x, positions) + grid[None, :, None]
    atoms = (atoms + rng.normal(0, 0.003, atoms.shape)).reshape(n_frames, -1, 3)
    system = System(((kind, len(grid)),))
    boxes = np.broadcast_to(np.diag(cell * [3, 4, 4]), (n_frames, 3, 3)).copy()
    numbers = np.arange(n_frames)
    window = Window(numbers, numbers.astype(float), boxes, system.map(atoms))
    return system, window.with_atoms(atoms)


def example_forcefield(system: System) -> ForceField:
    """Harmonic bonds, one Lennard-Jones type and no charges: enough for what needs a force field at all."""
    molecules = {}
    for kind in system.types:
        lengths = np.where(np.isnan(kind.bond_length), 0.13, kind.bond_length)
        bonded = Bonded("harmonic_bond", kind.bonds, np.column_stack([lengths, np.full(len(lengths), 2e5)]))
        near = np.argwhere(np.triu(kind.distance <= 3, 1))
        molecules[kind.name] = MoleculeParameters(
            kind.name, (bonded,), np.zeros(kind.n_atoms, dtype=np.int64), np.zeros(kind.n_atoms), near,
            np.empty((0, 2), dtype=np.int64), np.empty((0, 3)))
    return ForceField(molecules, ["X"], np.array([[1e-3]]), np.array([[1e-6]]), cutoff=0.6, where="example")


class Sites:
    """Sites of one batch: none of them sees another."""

    def __init__(self, system: System, window: Window, view: View, sites: int = 24) -> None:
        tables = FragmentTable.build(system.types, view, [resting_order(kind) for kind in system.types])
        self.scene = Scene.of(window, system, tables, view)
        schedule = gibbs_schedule(self.scene.surroundings, system, np.random.default_rng(0))
        batch = next(schedule[0][0].chunks(sites))
        self.frame, self.bead = torch.as_tensor(batch.frame), torch.as_tensor(batch.bead)

    def environment(self, chosen: Tensor | slice = slice(None)) -> LocalEnvironment:
        """What the chosen sites see."""
        return self.scene.gather(self.frame[chosen], self.bead[chosen])

    def stream(self, chosen: Tensor | slice = slice(None)) -> Stream:
        """The random numbers of the chosen sites."""
        return Stream.of(7, self.frame[chosen], self.bead[chosen])

    def present(self) -> Tensor:
        """Present positions of the blocks, (S, F, 3)."""
        return self.scene.own(self.frame, self.bead)

    def scramble(self) -> None:
        """Move the atoms of the blocks to where they should not be."""
        env = self.environment()
        self.scene.scatter(self.frame, self.bead, env.block, torch.randn(*env.block.shape, 3, dtype=torch.float64))


def turned(env: LocalEnvironment, rotation: Tensor) -> LocalEnvironment:
    """The environment with everything in it turned by ``rotation`` (3, 3)."""
    names = ("given", "context", "beads", "neighbours", "neighbour_beads")
    return replace(env, **{name: getattr(env, name) @ rotation.to(getattr(env, name)).T for name in names})


# Promises


def check_options(plugin: type[Plugin]) -> None:
    """Options are typed, described and frozen, unknown ones are refused, and the plugin says what it does."""
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


def check_generator(generator: Generator, system: System | None = None, window: Window | None = None) -> None:
    """Draws have their shape, follow from their own stream, and read nothing that is to be drawn.

    Args:
        generator: The generator; it is prepared here. One that wants weights is checked without.
        system, window: What to draw in, all atoms placed; by default ``example()``.
    """
    if system is None or window is None:
        system, window = example()
    with contextlib.suppress(BackmapError):  # it wants weights; its promises do not depend on them
        system = generator.prepare(system, "cpu")
    sites = Sites(system, window, generator.view)
    _check_draw(generator, sites)
    _check_rows(generator, sites)
    _check_density(generator, sites)
    if generator.equivariant:
        _check_turning(generator, sites)
    _check_loss(generator, sites)
    _check_blindness(generator, sites)


def _check_draw(generator: Generator, sites: Sites) -> None:
    env = sites.environment()
    before = {f.name: getattr(env, f.name).clone() for f in fields(env) if f.name != "fragments"}
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
        return
    assert tuple(draw.log_density.shape) == (env.size, 2), "log_density is not (S, K)"
    for k in range(2):
        value = generator.log_density(env, draw.positions[:, k])
        assert tuple(value.shape) == (env.size,), "log_density(env, positions) is not (S,)"
        worst = float((value - draw.log_density[:, k]).abs().max())
        scale = max(1.0, float(value.abs().max()))
        assert worst <= 1e-5 * scale, f"log_density of a draw is off by {worst:.1e} from what draw reported"


def _check_turning(generator: Generator, sites: Sites) -> None:
    env, rotation = sites.environment(), Stream.of(1).rotation()[0]
    here = generator.draw(env, sites.stream(), 1)
    there = generator.draw(turned(env, rotation), sites.stream(), 1)
    assert _same(here.positions @ rotation.to(here.positions).T, there.positions, env.block), \
        "turning the surroundings does not turn the draw, but the generator says that it is equivariant"
    if here.log_density is not None:
        assert torch.allclose(here.log_density, there.log_density, atol=1e-3, rtol=1e-4), "turning changes the density"


def _check_loss(generator: Generator, sites: Sites) -> None:
    if type(generator).loss is Generator.loss:
        return
    env = sites.environment()
    loss = generator.loss(env, sites.present(), sites.stream())
    assert tuple(loss.shape) == (env.size,), f"the loss is {tuple(loss.shape)}, not (S,)"
    assert bool(loss.isfinite().all()), "the loss is not finite"
    assert loss.requires_grad, "the loss does not reach the parameters"


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
    """Energies have their shape, a gradient, and do not depend on the batch or the orientation."""
    system, window = example()
    sites = Sites(system, window, View())
    env, own = sites.environment(), sites.present()
    candidates = torch.stack([own, own * 0.8, own * 1.2], dim=1).double().requires_grad_()
    energy = regularizer.energy(env, candidates)
    assert tuple(energy.shape) == (env.size, 3), f"the energy is {tuple(energy.shape)}, not (S, K)"
    assert bool(energy.isfinite().all()), "the energy is not finite"
    (slope,) = torch.autograd.grad(energy.sum(), candidates)
    assert bool(slope.isfinite().all()), "the gradient of the energy is not finite"
    half = torch.arange(0, env.size, 2)
    part = regularizer.energy(sites.environment(half), candidates[half].detach())
    assert torch.allclose(part, energy[half], rtol=1e-3, atol=1e-3), "a site's energy depends on the others"
    rotation = Stream.of(1).rotation()[0]
    there = regularizer.energy(turned(env, rotation), candidates.detach() @ rotation.T)
    assert torch.allclose(there, energy, rtol=1e-3, atol=1e-2), "the energy depends on the orientation"


def check_traversal(traversal: Traversal) -> None:
    """Ranks are contiguous from 0, every bead follows its parent, and the order follows from rng."""
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


def check_assessor(assessor: Assessor, system: System | None = None, window: Window | None = None,
                   forcefield: ForceField | None = None) -> None:
    """Figures do not depend on how frames are shared out, need no reference, and are plain data.

    Args:
        assessor: The assessor; it is begun here.
        system, window: What to measure, all atoms placed, three frames or more; by default ``example(4)``.
        forcefield: By default ``example_forcefield`` where the assessor needs one.
    """
    if system is None or window is None:
        system, window = example(4)
        window = replace(window, reference=window.atoms[::-1].copy())
    if forcefield is None and "forcefield" in assessor.needs:
        forcefield = example_forcefield(system)
    assessor.begin(system, forcefield)
    measured = [_measured(assessor, system, window, [w]) for w in range(window.size)]
    whole, reference = (_measured(assessor, system, window, list(range(window.size)), true) for true in (False, True))
    assert whole.n_frames == window.size, "the tally has no rows, so that nobody knows how many frames it holds"
    pieces = Tally.merged([measured[-1], Tally.merged(measured[:-1])])
    kept = Tally.from_arrays(whole.to_arrays())
    for other in (None, reference):
        said = _plain(assessor.conclude(whole, other))
        assert _plain(assessor.conclude(pieces, other)) == said, "figures depend on how the frames are shared out"
        assert _plain(assessor.conclude(kept, other)) == said, "figures change when a tally is written and read"
    _check_figures(assessor, whole, reference)


def _measured(assessor: Assessor, system: System, window: Window, frames: list[int], true: bool = False) -> Tally:
    tally, before = Tally(), window.atoms.copy()
    for frame in Snapshot.all_of(window, system, AtomIndex(system), np.arange(window.size)):
        if frame.index in frames:
            flags = assessor.measure(frame.reference if true and frame.reference else frame, tally) or {}
            for name, flagged in flags.items():
                assert flagged.shape == (system.n_beads,), f"flags of '{name}' are {flagged.shape}, not (B,)"
                assert flagged.dtype == bool, f"flags of '{name}' are no mask"
    assert np.array_equal(before, window.atoms), "measuring moves the atoms"
    return tally


def _check_figures(assessor: Assessor, tally: Tally, reference: Tally) -> None:
    alone, beside = assessor.conclude(tally, None), assessor.conclude(tally, reference)
    assert alone.figures, "there are no figures without a reference"
    assert not any(figure.distance for figure in alone.figures), "a figure of distance, but no reference"
    for said in (alone, beside):
        for what, things in (("figures", said.figures), ("curves", said.curves)):
            keys = [thing.key for thing in things]
            assert len(set(keys)) == len(keys), f"two {what} have the same section, name and quantity"
    for figure in assessor.conclude(reference, reference).figures:
        equal = not figure.distance or np.isnan(figure.value) or abs(figure.value) <= 1e-9
        assert equal, f"the reference is {figure.value} from itself in {figure.key}"


def _plain(assessment: Assessment) -> str:
    return json.dumps(assessment.to_json())


def check_refiner(refiner: Refiner, system: System | None = None, window: Window | None = None,
                  forcefield: ForceField | None = None) -> None:
    """A new window of whole frames, the given one untouched; a frame depends on its random numbers alone.

    Args:
        refiner: The refiner; it is begun here.
        system, window: What to refine, all atoms placed, two frames or more; by default ``example()``.
        forcefield: By default ``example_forcefield`` where the refiner needs one.
    """
    if system is None or window is None:
        system, window = example()
    if forcefield is None and "forcefield" in refiner.needs:
        forcefield = example_forcefield(system)
    refiner.begin(system, forcefield)
    before, flags, numbers = window.atoms.copy(), set(window.flags), torch.as_tensor(window.frames)
    done = refiner.refine(window, system, Stream.of(7, numbers), None)
    assert np.array_equal(window.atoms, before), "the window that was given is changed"
    assert set(window.flags) == flags, "flags go into the window that was given"
    assert done.atoms.shape == before.shape, f"atoms are {done.atoms.shape}, not {before.shape}"
    assert np.isfinite(done.atoms).all(), "positions are not finite"
    last = replace(window, **{name: getattr(window, name)[-1:] for name in ("frames", "time", "boxes", "beads")},
                   reference=None, slack=None, flags={}).with_atoms(window.atoms[-1:])
    alone = refiner.refine(last, system, Stream.of(7, numbers[-1:]), None)
    assert np.abs(alone.atoms[0] - done.atoms[-1]).max() <= SAME, "a frame depends on the others of its window"
    only = np.zeros(window.beads.shape[:2], dtype=bool)
    only[0, 0] = True
    some = refiner.refine(window, system, Stream.of(7, numbers), only)
    owned = system.groups[0].atoms[0][system.types[0].mapping.owner == 0]
    rest = np.setdiff1d(np.arange(system.n_atoms), owned)
    assert np.array_equal(some.atoms[1:], before[1:]), "a frame moves in which no bead is chosen"
    assert np.array_equal(some.atoms[0, rest], before[0, rest]), "atoms move of beads that are not chosen"
