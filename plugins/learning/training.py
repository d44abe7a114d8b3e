"""What any generator learns from: contexts of all noise levels. ``trainer`` runs the steps."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from backmap.engine.carrying import beside, superposed
from backmap.engine.checkpoints.library import Library
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.random import Stream, numpy_generator
from backmap.engine.sites.contracts import LocalEnvironment, Order, View
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.engine.sites.schedule import drawn, per_bead
from backmap.model.molecule import MoleculeType
from backmap.model.system import System

from ..chemistry.symmetry import Relabeller
from .dataset import TrainingSet

#: Noise level that the network is told -> standard deviation of the displacements of heavy atoms, nm.
#: Level 1 is the roughest: half of it is noise, half is the projected rigid start itself. Level 0 has a
#: touch of noise: it hides the rounding of the files, by which a network can tell training frames apart.
NOISE = {0.0: 0.003, 0.25: 0.005, 0.6: 0.012, 1.0: 0.02}
#: nm and coordinate; how far beads are off at level 0. Metropolis sweeps hold them no closer (``metropolis: {beads}``):
#: a network that knows exact beads only could not have drawn most of what they meet.
BEAD_NOISE = 0.001
#: How often each level is trained, in the order of NOISE.
SHARES = (0.4, 0.25, 0.2, 0.15)
CONCLUDING = 512  #: training frames that are looked at when weights are written, at most


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        steps: Optimiser steps in all.
        sites: Number of sites per step.
        frames: Number of frames that the sites of a step are taken from.
        learning_rate: Peak; warms up over 200 steps, falls as a cosine to a hundredth.
        sequential: Share of steps in which only beads of lower rank are placed, for forward sampling.
        validate: Steps between validations, which also write a checkpoint.
        average: Decay of the running average of the weights.
        mirror: Learn from mirror images, too, where nothing is known to be chiral.
        softness: nm and coordinate; noise of beads in all contexts. With 0 only level 0 has ``BEAD_NOISE``.
    """

    steps: int = 20_000
    sites: int = 96
    frames: int = 3
    learning_rate: float = 2e-3
    sequential: float = 0.1
    validate: int = 500
    average: float = 0.998
    mirror: bool = True
    softness: float = 0.0


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that does not change while training: scenes, tables, conformers.

    Attributes:
        gibbs: Scene of all frames in which every other atom is placed.
        sequential: The same with tables for forward sampling.
        ranks: Rank of each bead in forward sampling, (B,).
        starts: The projected rigid start of every frame, (W, A, 3).
    """

    data: TrainingSet
    gibbs: Scene
    sequential: Scene
    ranks: np.ndarray
    starts: Tensor
    projector: SystemProjector
    training: np.ndarray
    validation: np.ndarray

    @classmethod
    def of(cls, data: TrainingSet, view: View, orders: list[Order], library: Library, seed: int,
           device: str, follows: bool = False) -> Material:
        """Look up the surroundings of every site once and place the rigid starts.

        Args:
            orders: Of forward sampling, one per molecule type.
            follows: Whether sites are told where their atoms were in the frame before; frames without one are left out.
        """
        types, everything = data.system.types, np.arange(len(data.beads))
        resting = [resting_order(molecule) for molecule in types]
        window = data.window(everything)
        gibbs = Scene.of(window, data.system, FragmentTable.build(types, view, resting).to(device), view)
        known = data.before >= 0 if follows else np.ones(len(data.beads), dtype=bool)
        if follows:
            gibbs.before = torch.as_tensor(_before(data), device=device)
        ahead = FragmentTable.build(types, view, orders, sequential=True).to(device)
        sequential = replace(gibbs, fragments=ahead)
        projector = SystemProjector(data.system)
        starts = _rigid_starts(gibbs, library, seed)
        placed, _ = projector.project(starts.cpu().numpy(), data.beads)
        held = np.flatnonzero(data.held_out & known)
        return cls(data, gibbs, sequential, per_bead(data.system, [order.ranks for order in orders]),
                   torch.as_tensor(placed, device=device), projector, np.flatnonzero(~data.held_out & known), held)


def _before(data: TrainingSet) -> np.ndarray:
    """Atoms of the frame before each, molecules superposed on the beads that they have later, (W, A, 3), nm."""
    found = data.atoms.copy()
    for w, last in enumerate(data.before):
        if last >= 0:
            atoms, beads = (np.array(part) for part in (data.atoms[last], data.beads[last]))
            box = data.boxes[w] if data.boxes[w].any() else None
            beads, atoms = beside(data.system, beads, atoms, data.beads[w], box)
            found[w] = superposed(data.system, atoms, beads, data.beads[w])
    return found


def _rigid_starts(scene: Scene, library: Library, seed: int) -> Tensor:
    """Every fragment of every frame placed at once, (W, A, 3)."""
    n_frames, n_beads = scene.beads.shape[:2]
    blank = replace(scene, atoms=torch.zeros_like(scene.atoms), placed=torch.zeros_like(scene.placed))
    for w in range(n_frames):
        bead = torch.arange(n_beads, device=scene.beads.device)
        frame = torch.full_like(bead, w)
        env = blank.gather(frame, bead)
        blank.scatter(frame, bead, env.block, library.place(env, Stream.of(seed, "start", frame, bead)))
    return blank.atoms


def bead_rarity(molecule: MoleculeType) -> np.ndarray:
    """How much more often to train on each bead, (B,): one over the root of the share of its like.

    Beads are alike if they and their neighbours on the bead graph own the same elements or types. Ends of chains
    are few; trained in proportion to their number they would be learned long after the middle.
    """
    if molecule.given:  # nothing to learn
        return np.zeros(molecule.n_beads)
    elements = np.array(molecule.atom_types) if molecule.coarse else molecule.chemistry.element
    graph = molecule.bead_graph.copy()
    nx.set_node_attributes(graph, {b: str(sorted(elements[own])) for b, own in
                                   enumerate(molecule.mapping.fragments())}, "owns")
    hashes = nx.weisfeiler_lehman_subgraph_hashes(graph, node_attr="owns", iterations=1)
    kinds = [hashes[b][-1] for b in range(molecule.n_beads)]
    count = Counter(kinds)
    rarity = np.array([(len(kinds) / count[kind]) ** 0.5 for kind in kinds])
    return np.where([len(own) > 0 for own in molecule.mapping.fragments()], rarity, 0.0)  # nothing to learn of the rest


def length_units(system: System) -> tuple[np.ndarray, np.ndarray]:
    """What noise that is meant for atoms is multiplied by: of each atom (A,), 1 for atoms, and of each bead (B,)."""
    atoms = np.concatenate([np.full(count * kind.n_atoms, kind.length_unit) for kind, count in system.blocks])
    return atoms, per_bead(system, [np.full(kind.n_beads, kind.length_unit) for kind in system.types])


class Contexts:
    """Draws training batches: environments with noise, and the true positions they hide."""

    def __init__(self, material: Material, schedule: Schedule, seed: int) -> None:
        self.material, self.schedule, self.seed = material, schedule, seed
        self.chirality = material.gibbs.fragments.chiral
        rarity = per_bead(material.data.system, [bead_rarity(t) for t in material.data.system.types])
        self.relabeller = Relabeller(material.data.system)
        self.units = length_units(material.data.system)
        self.shares = rarity / rarity.sum()

    def batch(self, step: int, parts: int = 1) -> tuple[LocalEnvironment, Tensor, Stream]:
        """The batch of one training step, for so many updates; follows from the seed and the step alone."""
        rng = numpy_generator(self.seed, "batch", step)
        frames = rng.choice(self.material.training, min(self.schedule.frames, len(self.material.training)), False)
        if rng.random() < self.schedule.sequential:
            return self._sequential(frames, self.schedule.sites * parts, rng)
        level = rng.choice(list(NOISE), p=SHARES)
        return self._gibbs(frames, level, self.schedule.sites * parts, rng)

    def validation(self, level: float, sites: int) -> tuple[LocalEnvironment, Tensor, Stream]:
        """A fixed batch from the held-out frames; of forward sampling where nothing else is learned."""
        if self.schedule.sequential == 1:
            return self._sequential(self.material.validation, sites, numpy_generator(self.seed, "validation"))
        return self._gibbs(self.material.validation, level, sites, numpy_generator(self.seed, "validation"))

    def conclusion(self, sites: int) -> tuple[LocalEnvironment, Tensor, Stream]:
        """Sites of training frames without noise, the same ones always, for what is fitted when weights are written."""
        rng = numpy_generator(self.seed, "conclusion")
        frames = self.material.training
        return self._gibbs(rng.choice(frames, min(CONCLUDING, len(frames)), False), 0.0, sites, rng)

    def figures(self) -> dict[str, float]:
        """What else is to be shown of the steps since this was asked last, by name."""
        return {}

    def kept(self) -> dict[str, Tensor]:
        """What a training that goes on needs of it, by name: nothing, as batches follow from their steps."""
        return {}

    def recall(self, kept: dict[str, Tensor]) -> None:
        """Go on from what ``kept`` said."""

    def _gibbs(self, frames: np.ndarray, level: float, sites: int, rng: np.random.Generator):
        truth, scene = (self.material.gibbs.take(frames) for _ in range(2))
        for k, w in enumerate(frames):
            order = self.relabeller.draw(rng)
            clean = self.material.data.atoms[w][order]
            truth.atoms[k] = torch.as_tensor(clean)
            scene.atoms[k] = self._noisy(int(w), clean, level, rng)
            if scene.before is not None:
                scene.before[k] = scene.before[k][order]
        if level == 0.0 or self.schedule.softness:
            soft = self._soft_beads(scene, self.schedule.softness or BEAD_NOISE * self.units[1][:, None], rng)
            truth, scene = replace(truth, **soft), replace(scene, **soft)
        frame = torch.as_tensor(rng.choice(len(frames), sites), device=scene.beads.device)
        bead = torch.as_tensor(rng.choice(len(self.shares), sites, p=self.shares), device=scene.beads.device)
        return self._finish(scene, truth, frame, bead, level, rng)

    def _soft_beads(self, scene: Scene, size: np.ndarray | float, rng: np.random.Generator) -> dict[str, Any]:
        """Beads of a scene that are off by ``size``, nm and coordinate, (W, B, 3), and who sees whom from there."""
        beads, vectors = scene.beads.clone(), scene.surroundings.vectors.clone()
        # A bead that is an atom stays where it is, unless beads are soft.
        free = (torch.as_tensor(drawn(self.material.data.system), device=beads.device) if self.schedule.softness else
                ~scene.fragments.pinned.any(dim=1)[scene.layout.row])
        for w in range(len(beads)):
            noise = rng.normal(size=beads[w].shape) * size
            noise = torch.as_tensor(noise, device=beads.device) * free[:, None]
            beads[w] += noise
            vectors[w] += noise[scene.surroundings.beads[w].clamp_min(0)] - noise[:, None]
        return {"beads": beads, "surroundings": replace(scene.surroundings, vectors=vectors)}

    def _noisy(self, frame: int, clean: np.ndarray, level: float, rng: np.random.Generator) -> Tensor:
        """True atoms of one frame perturbed on the manifold, (A, 3)."""
        material = self.material
        if level == 1.0 and rng.random() < 0.5:
            return material.starts[frame]
        size = NOISE[level] if level > 0 else NOISE[level] * rng.random()
        size = size * self.units[0][:, None]
        moved = clean + rng.normal(size=clean.shape) * size
        for group, projector in zip(material.data.system.groups, material.projector.projectors):
            carrier = projector.carrier
            ride = moved[group.atoms][:, carrier] - clean[group.atoms][:, carrier]
            jitter = 0.4 * (moved[group.atoms] - clean[group.atoms]) * (carrier != np.arange(len(carrier)))[:, None]
            moved[group.atoms] = clean[group.atoms] + ride + jitter
        projected, _ = material.projector.project(moved[None], material.data.beads[[frame]])
        return torch.as_tensor(projected[0], device=material.gibbs.beads.device)

    def _sequential(self, frames: np.ndarray, count: int, rng: np.random.Generator):
        """Frames at random stages of forward sampling; the sites are the beads that come next.

        All molecules are at one rank, and some of them have its beads placed already, as colour after colour is drawn.
        """
        scene = self.material.sequential.take(frames)
        if self.schedule.softness:
            scene = replace(scene, **self._soft_beads(scene, self.schedule.softness, rng))
        ranks, molecule = self.material.ranks, scene.layout.molecule.cpu().numpy()
        placed = scene.placed.clone()
        last = np.full(molecule.max() + 1, -1)
        np.maximum.at(last, molecule, ranks)
        sites = []
        for w in range(len(frames)):
            next_one = rng.integers(len(ranks))
            ahead = rng.random(len(last)) < rng.random()
            ahead[molecule[next_one]] = False
            stage = np.minimum(ranks[next_one] + ahead, last + 1)[molecule]
            owner_placed = torch.as_tensor(ranks < stage, device=placed.device)
            placed[w] = False
            owned = scene.layout.owned[owner_placed]
            placed[w, owned[owned >= 0]] = True
            sites.extend((w, b) for b in np.flatnonzero(ranks == stage))
        chosen = rng.permutation(len(sites))[:count]
        frame, bead = torch.as_tensor(np.array(sites)[chosen], device=placed.device).unbind(1)
        return self._finish(replace(scene, placed=placed), scene, frame, bead, 0.0, rng)

    def _finish(self, scene: Scene, truth: Scene, frame: Tensor, bead: Tensor, level: float,
                rng: np.random.Generator):
        temperature = torch.as_tensor(self.material.data.temperature[scene.frames], device=frame.device)[frame].float()
        env = replace(scene.gather(frame, bead, level), temperature=temperature)
        # Where nothing is chiral both mirror images are equally good teachers.
        flip = torch.as_tensor(rng.choice([-1.0, 1.0], len(frame)), device=frame.device).float()
        if self.schedule.mirror:
            env = replace(env, sign=torch.where(self.chirality[env.row], env.sign, flip))
        stream = Stream.of(self.seed, "loss", int(rng.integers(1 << 62)), torch.arange(len(frame)))
        return env, truth.own(frame, bead), stream


class MixedContexts:
    """Contexts of several training sets, each step from one of them in proportion to its atoms in training frames."""

    def __init__(self, parts: list[Contexts], seed: int) -> None:
        self.parts, self.seed = parts, seed
        atoms = np.array([len(part.material.training) * part.material.data.system.n_atoms for part in parts])
        self.shares = atoms / atoms.sum()

    def conclusion(self, sites: int) -> tuple[LocalEnvironment, Tensor, Stream]:
        """Sites of training frames of the first set, for what is fitted when weights are written."""
        return self.parts[0].conclusion(sites)

    def batch(self, step: int, parts: int = 1) -> tuple[LocalEnvironment, Tensor, Stream]:
        """The batch of one training step."""
        chosen = 0 if len(self.parts) == 1 else numpy_generator(self.seed, "set", step).choice(
            len(self.parts), p=self.shares)
        return self.parts[chosen].batch(step, parts)
