"""Draws and densities of blocks by a network: what sites see, and their atoms one by one."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment, View
from backmap.engine.sites.fragments import FragmentTable
from backmap.engine.sites.records import values_at
from backmap.model.pairs import ranges

from ..units import Lengthscale
from .density import spare_directions
from .drawing import BlockDraws, DrawingLayers, classes_of, suit
from .features import FAR, PLAIN, Description, Ranges, Slots
from .head import Head
from .kernels import looped
from .network import Neighbours, Network


@dataclass(frozen=True, eq=False)
class Sight:
    """What all atoms and candidates of a batch of sites share: computed once a site.

    Attributes:
        env: The environment in the mirrored world.
        features: The encoder's output, (S, n).
        embedded: Embeddings of all classes.
        slots: The static slot tables.
        surrounding: Class of each neighbour atom, (S, N).
        spare: Directions for atoms whose predecessors leave some open, (S, 4, 3).
        latents: What else atoms are drawn by, for each row of positions, (rows, L).
    """

    env: LocalEnvironment
    features: Tensor
    embedded: dict[str, Tensor]
    slots: Slots
    surrounding: Tensor
    spare: Tensor
    latents: Tensor | None = None


class Core:
    """Draws and evaluates with a network; knows nothing of files."""

    def __init__(self, network: Network, view: View, head: type[Head] | None = None, unit: float = 1.0,
                 description: Description = PLAIN) -> None:
        self.network, self.view, self.head = network, view, head or Head
        self.scale, self.description = Lengthscale(unit), description
        self.known: Ranges | None = None  #: of what training met, where other molecules are drawn as well
        self._slots: dict[FragmentTable, Slots] = {}
        self._nearest: dict[FragmentTable, tuple[Tensor, Tensor]] = {}
        self._embedded: tuple[Slots, dict[str, Tensor]] | None = None
        self._packed: tuple[dict[str, Tensor], DrawingLayers] | None = None

    def slots_of(self, tables: FragmentTable) -> Slots:
        """Slot tables of the fragments, made once."""
        if tables not in self._slots:
            slots = Slots.of_tables(tables.to("cpu"), self.description)
            slots = slots if self.known is None else slots.within(self.known)
            self._slots[tables] = slots.to(tables.atoms.device)
        return self._slots[tables]

    def embed(self, slots: Slots) -> dict[str, Tensor]:
        """Embeddings of all classes: anew in training, once when drawing."""
        if self.network.training:
            self._embedded = None
            return self.network.embed(slots)
        if self._embedded is None or self._embedded[0] is not slots:
            self._embedded = slots, self.network.embed(slots)
        return self._embedded[1]

    def _layers(self, embedded: dict[str, Tensor], slots: Slots, tables: FragmentTable) -> DrawingLayers:
        """The network's layers for compiled passes: made once, as embeddings are."""
        if self._packed is None or self._packed[0] is not embedded:
            near, bonds = self._near_fragments(tables)
            classes = classes_of(tables, slots, near, bonds)
            self._packed = embedded, DrawingLayers(self.network, embedded, classes, self.view.cutoff / self.scale.unit)
        return self._packed[1]

    def look(self, env: LocalEnvironment) -> Sight:
        """Encode the surroundings of every site."""
        tables, env = env.fragments, self.scale.seen(env.mirrored())
        slots = self.slots_of(env.fragments)
        embedded = self.embed(slots)
        if looped(env.beads) and not self.network.training:
            return Sight(env, embedded=embedded, slots=slots, **self._layers(embedded, slots, tables).look(env))
        near = self._bonds_to_fragment(env)
        surrounding = slots.surrounding[env.neighbour_atom, near]
        same = self._own_molecule(env)
        bead = slots.bead[env.neighbour_bead_row.clamp_min(0), same.long()]
        features = self.network.encoder([
            Neighbours(env.neighbours, env.neighbours_placed, surrounding, embedded["surrounding"]),
            Neighbours(env.neighbour_beads, env.neighbour_beads_present, bead, embedded["bead"])],
            self.view.cutoff / self.scale.unit)
        return Sight(env, features, embedded, slots, surrounding, spare_directions(env))

    def _bonds_to_fragment(self, env: LocalEnvironment) -> Tensor:
        """Bonds from each neighbour atom to the fragment, 1 .. FAR - 1; 0 for far or other molecules, (S, N)."""
        tables = env.fragments
        wanted = env.row[:, None] * len(tables.element) + env.neighbour_atom
        return torch.where(env.neighbour_same, values_at(*self._near_fragments(tables), wanted, 0), 0)

    def _near_fragments(self, tables: FragmentTable) -> tuple[Tensor, Tensor]:
        """Fragment row times atom rows plus atom row, ascending, of atoms nearer than FAR bonds; and these bonds."""
        if tables not in self._nearest:
            start, pair, bonds = (part.cpu().numpy() for part in tables.bonds)
            atoms, n = tables.atoms.cpu().numpy(), len(tables.element)
            row, slot = np.nonzero(atoms >= 0)
            own = atoms[row, slot]
            chosen = ranges(start, own)
            key = np.repeat(row, np.diff(start)[own]) * n + pair[chosen] % n
            order = np.lexsort((bonds[chosen], key))
            key, first = np.unique(key[order], return_index=True)
            apart = bonds[chosen][order][first].astype(np.int64)
            self._nearest[tables] = tuple(torch.as_tensor(part[apart < FAR], device=tables.atoms.device)
                                          for part in (key, apart))
        return self._nearest[tables]

    @staticmethod
    def _own_molecule(env: LocalEnvironment) -> Tensor:
        """Neighbour beads that are near on the site's own bead graph, (S, P) bool."""
        near = env.fragments.beads[env.row]
        return (env.neighbour_bead_row[:, :, None] == near[:, None]).any(dim=2) & env.neighbour_beads_present

    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Log-density (S,) of positions (S, F, 3), all atoms at once (teacher forcing)."""
        sight = self.look(env)
        value = self.evaluate(sight, self.standing(sight, self.scale.inside(positions)))
        return value - self.scale.measure(env)

    def standing(self, sight: Sight, positions: Tensor) -> Tensor:
        """Positions by local index, in the mirrored world, with the block as in ``positions`` (S, F, 3)."""
        env = sight.env
        own = torch.where(env.block[:, :, None], positions * env.sign[:, None, None], env.given)
        return _local_positions(env, own.double())

    def evaluate(self, sight: Sight, local: Tensor) -> Tensor:
        """Log-density (S,) of blocks as they stand in ``local`` (S, F + C + Q, 3)."""
        env = sight.env
        site, atom = torch.nonzero(env.block & ~env.fragments.pinned[env.row], as_tuple=True)
        head = self.head(self.network, sight, site, site, atom, local)
        value = head.log_density(*head.frame.coordinates(local[site, atom]))
        return torch.zeros(env.size, dtype=value.dtype, device=value.device).index_add(0, site, value)

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int) -> Draw:
        """``candidates`` configurations of every site's block, atom after atom."""
        local, weigh = self.unroll(self.look(env), rng, candidates)
        own = local[:, :env.block.shape[1]] * env.sign.repeat_interleave(candidates)[:, None, None]
        measure = self.scale.measure(env)

        def density() -> Tensor:
            value = weigh().reshape(env.size, candidates)
            return value if isinstance(measure, float) else value - measure[:, None]

        return Draw(self.scale.outside(own).reshape(env.size, candidates, -1, 3), density)

    def unroll(self, sight: Sight, rng: Stream, candidates: int) -> tuple[Tensor, Callable[[], Tensor]]:
        """Blocks drawn atom after atom: positions by local index (S * K, F + C + Q, 3), and what says their
        log-densities (S * K,)."""
        env, (n_sites, n_own) = sight.env, sight.env.block.shape
        site_of = torch.arange(n_sites, device=env.row.device).repeat_interleave(candidates)
        local = _local_positions(env, env.given.double()).repeat_interleave(candidates, 0)
        uniform = rng.uniform(candidates, n_own, 5).reshape(len(local), n_own, 5)
        if self.head is Head and suit(self.network, sight):
            layers = self._layers(sight.embedded, sight.slots, env.fragments)
            draws = BlockDraws(self.network, layers, sight, local, site_of, uniform)
            return local, torch.no_grad()(draws.log_density)
        parts: list[tuple[Tensor, Callable[[], Tensor]]] = []
        pinned = env.fragments.pinned[env.row]
        for f in range(n_own):
            row = torch.nonzero(env.block[site_of, f] & ~pinned[site_of, f])[:, 0]
            if not len(row):
                continue  # pinned atoms stay at the anchor, which is zero
            head = self.head(self.network, sight, site_of[row], row, torch.full_like(row, f), local)
            local[row, f], value = head.draw(uniform[row, f])
            parts.append((row, value))

        @torch.no_grad()
        def weigh() -> Tensor:
            total = torch.zeros(len(local), dtype=torch.float64, device=local.device)
            for row, value in parts:
                total.index_add_(0, row, value())
            return total

        return local, weigh


def _local_positions(env: LocalEnvironment, own: Tensor) -> Tensor:
    """Positions by local index: fragment, context, beads, (S, F + C + Q, 3), float64."""
    return torch.cat([own, env.context.double(), env.beads.double()], dim=1)
