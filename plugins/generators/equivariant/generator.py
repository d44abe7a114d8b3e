"""The ``equivariant`` generator: draws, densities and loss around the network."""
from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Generator, InputPath, Options
from backmap.engine.contracts import Draw, LocalEnvironment, View
from backmap.engine.fragments import FragmentTable, resting_order
from backmap.engine.random import Stream
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System

from ...common.checkpoint import Checkpoint
from ...common.library import Library
from ..template import Template
from .density import Angles, Distances, LocalFrame, Torsions, closing_angle, spare_directions
from .features import FAR, Slots
from .kernels import pair_energy
from .network import NODES, PAIR_REACH, Neighbours, Network

PAIRS = 32  #: neighbours that enter the pair term of an atom, the nearest ones


class EquivariantOptions(Options):
    """Options of the ``equivariant`` generator."""

    checkpoint: InputPath | None = Field(None, description="Weights made by the train step (.safetensors); "
                                                           "needed to draw, left out to train anew.")
    cutoff: float = Field(0.8, gt=0.2, le=1.5, description="How far a new network sees, nm.")
    channels: int = Field(32, ge=4, description="Channels of a new network's encoder.")
    width: int = Field(192, ge=16, description="Hidden width of a new network's heads.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of hidden values left out in training.")
    strangers: bool = Field(
        False, description="Draw molecule types, too, that training did not meet, by what it learned of others: from "
                           "atoms of the same elements, and with the topology's bond lengths.")


class Equivariant(Generator):
    """Atoms one by one in internal coordinates, conditioned by an equivariant network; exact density.

    Every atom gets an angle and a torsion about its predecessors (and a distance where the bond is not
    rigid) from densities that the network conditions on the surroundings; rings close by trilateration.
    Environments are mirrored by their handedness, so that the network meets one hand only.
    """

    Options = EquivariantOptions
    equivariant = True

    def __init__(self, options: EquivariantOptions) -> None:
        super().__init__(options)
        self.checkpoint = Checkpoint.load(options.checkpoint, "equivariant") if options.checkpoint else None
        if self.checkpoint:
            self.sizes, view = self.checkpoint.sizes, self.checkpoint.view
        else:
            self.sizes, view = options.model_dump(include={"channels", "width", "dropout"}), View(options.cutoff)
        network = Network(**self.sizes)
        if self.checkpoint:
            network.load_state_dict(self.checkpoint.weights)
        self.core = Core(network, view)

    @property
    def view(self) -> View:
        return self.core.view

    @property
    def network(self) -> Network:
        return self.core.network

    @property
    def training(self) -> dict[str, Any]:
        return self.checkpoint.training if self.checkpoint else {}

    def prepare(self, system: System, device: str) -> System:
        if self.checkpoint is None:
            raise BackmapError("the equivariant generator needs trained weights", where="equivariant",
                               hint="Write 'equivariant: weights.safetensors', or use the template generator.")
        self.network.to(device).eval()
        strangers = self.checkpoint.strangers(system) if self.options.strangers else []
        if strangers:
            self.remarks = self.checkpoint.remarks(system)
            self.core.known = self._known_slots(strangers)
        return self.checkpoint.enrich(system, self.options.strangers)

    def _known_slots(self, strangers: list[MoleculeType]) -> Slots:
        """What training met, in numbers.

        Raises:
            BackmapError: For atoms of kinds that it did not meet.
        """
        types = self.checkpoint.types
        known = {kind for molecule in types for kind in _atom_kinds(molecule)}
        for molecule in strangers:
            for atom, kind in enumerate(_atom_kinds(molecule)):
                if kind not in known:
                    raise BackmapError(f"the weights know no atoms like {molecule.atom_names[atom]} of "
                                       f"'{molecule.name}'", where=self.checkpoint.path,
                                       hint="Train with molecules that have such atoms: elements and aromatic rings "
                                            "count.")
        return Slots.of_tables(FragmentTable.build(types, self.view, [resting_order(kind) for kind in types]))

    def save(self, path: Path, system: System, library: Library, training: dict[str, Any]) -> None:
        """Write a checkpoint of the network as it is now."""
        weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        Checkpoint("equivariant", weights, self.sizes, self.view, system.types, library, training).save(path)

    def starter(self) -> Generator | None:
        return Template.from_library(self.checkpoint.library) if self.checkpoint else None

    @torch.no_grad()
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        return self.core.draw(env, rng, candidates)

    @torch.no_grad()
    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return self.core.log_density(env, positions)

    def loss(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Tensor:
        return -self.core.log_density(env, target)


def _atom_kinds(molecule: MoleculeType) -> list[tuple[int, bool]]:
    """Element of every atom, and if it is aromatic."""
    chemistry = molecule.chemistry
    return list(zip(chemistry.element.tolist(), chemistry.aromatic.tolist(), strict=True))


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

    def __init__(self, network: Network, view: View, head: type[Head] | None = None) -> None:
        self.network, self.view, self.head = network, view, head or Head
        self.known: Slots | None = None  #: what training met, where other molecules are drawn as well
        self._slots: dict[FragmentTable, Slots] = {}
        self._nearest: dict[FragmentTable, Tensor] = {}
        self._embedded: tuple[Slots, dict[str, Tensor]] | None = None

    def slots_of(self, tables: FragmentTable) -> Slots:
        """Slot tables of the fragments, made once."""
        if tables not in self._slots:
            slots = Slots.of_tables(tables.to("cpu"))
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

    def look(self, env: LocalEnvironment) -> Sight:
        """Encode the surroundings of every site."""
        env = env.mirrored()
        slots = self.slots_of(env.fragments)
        embedded = self.embed(slots)
        near = self._bonds_to_fragment(env)
        surrounding = slots.surrounding[env.neighbour_atom, near]
        same = self._own_molecule(env)
        bead = slots.bead[env.neighbour_bead_row.clamp_min(0), same.long()]
        features = self.network.encoder([
            Neighbours(env.neighbours, env.neighbours_placed, surrounding, embedded["surrounding"]),
            Neighbours(env.neighbour_beads, env.neighbour_beads_present, bead, embedded["bead"])], self.view.cutoff)
        return Sight(env, features, embedded, slots, surrounding,
                     spare_directions(env))

    def _bonds_to_fragment(self, env: LocalEnvironment) -> Tensor:
        """Bonds from each neighbour atom to the fragment, 1 .. FAR - 1; 0 for far or other molecules, (S, N)."""
        tables = env.fragments
        nearest = self._nearest_table(tables)
        kind = tables.type[env.row]
        local = env.neighbour_atom - tables.atom_base[kind][:, None]
        bonds = nearest[env.row[:, None], local.clamp(0, nearest.shape[1] - 1)]
        return torch.where(env.neighbour_same & (bonds < FAR), bonds, 0)

    def _nearest_table(self, tables: FragmentTable) -> Tensor:
        """Bonds from each fragment row to each atom of its molecule type, (R, A of the largest type)."""
        if tables not in self._nearest:
            width = max(t.n_atoms for t in tables.types)
            table = torch.full((len(tables.atoms), width), 99)
            for kind, molecule in enumerate(tables.types):
                distance = torch.as_tensor(molecule.distance.astype("int64"))
                for bead, own in enumerate(molecule.mapping.fragments()):
                    if len(own):
                        table[int(tables.row_base[kind]) + bead, :molecule.n_atoms] = distance[own].amin(dim=0)
            self._nearest[tables] = table.to(tables.atoms.device)
        return self._nearest[tables]

    @staticmethod
    def _own_molecule(env: LocalEnvironment) -> Tensor:
        """Neighbour beads that are near on the site's own bead graph, (S, P) bool."""
        near = env.fragments.beads[env.row]
        return (env.neighbour_bead_row[:, :, None] == near[:, None]).any(dim=2) & env.neighbour_beads_present

    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        """Log-density (S,) of positions (S, F, 3), all atoms at once (teacher forcing)."""
        sight = self.look(env)
        return self.evaluate(sight, self.standing(sight, positions))

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
        local, total = self.unroll(self.look(env), rng, candidates)
        own = local[:, :env.block.shape[1]] * env.sign.repeat_interleave(candidates)[:, None, None]
        return Draw(own.reshape(env.size, candidates, -1, 3), total.reshape(env.size, candidates))

    def unroll(self, sight: Sight, rng: Stream, candidates: int) -> tuple[Tensor, Tensor]:
        """Blocks drawn atom after atom: positions by local index (S * K, F + C + Q, 3), log-densities (S * K,)."""
        env, (n_sites, n_own) = sight.env, sight.env.block.shape
        site_of = torch.arange(n_sites, device=env.row.device).repeat_interleave(candidates)
        local = _local_positions(env, env.given.double()).repeat_interleave(candidates, 0)
        uniform = rng.uniform(candidates, n_own, 5).reshape(len(local), n_own, 5)
        total = torch.zeros(len(local), dtype=torch.float64, device=local.device)
        pinned = env.fragments.pinned[env.row]
        for f in range(n_own):
            row = torch.nonzero(env.block[site_of, f] & ~pinned[site_of, f])[:, 0]
            if not len(row):
                continue  # pinned atoms stay at the anchor, which is zero
            atom = torch.full_like(row, f)
            head = self.head(self.network, sight, site_of[row], row, atom, local)
            local[row, f], value = head.draw(uniform[row, f])
            total.index_add_(0, row, value)
        return local, total


def _local_positions(env: LocalEnvironment, own: Tensor) -> Tensor:
    """Positions by local index: fragment, context, beads, (S, F + C + Q, 3), float64."""
    return torch.cat([own, env.context.double(), env.beads.double()], dim=1)


class Head:
    """Densities of T targets: atom ``atom`` of site ``site``, with positions from row ``row`` of ``local``."""

    def __init__(self, network: Network, sight: Sight, site: Tensor, row: Tensor, atom: Tensor,
                 local: Tensor) -> None:
        self.network, self.sight, self.site, self.atom = network, sight, site, atom
        tables = sight.env.fragments
        self.fragment = fragment = sight.env.row[site]
        reference = tables.reference[fragment, atom]
        points = local[row[:, None], reference]
        self.frame = LocalFrame.of(points[:, 0], points[:, 1], points[:, 2], sight.spare[site])
        self.length = tables.length[fragment, atom].double()
        self.closure_length = tables.closure_length[fragment, atom].double()
        self.closes = tables.closure[fragment, atom] >= 0
        self.rigid = torch.isfinite(self.length)
        self.target = sight.slots.target[fragment, atom]
        self.hidden = self._hidden(atom, row, local)

    def _hidden(self, atom: Tensor, row: Tensor, local: Tensor) -> Tensor:
        slots, env = self.sight.slots, self.sight.env
        index = slots.index[self.fragment, atom]
        residuals = self._residual_points(atom, row, local)
        n_residual = residuals.shape[1]
        points = local[row[:, None], index.clamp_min(0)]
        points = torch.cat([points[:, :-n_residual], residuals], dim=1)
        self.axes = self.frame.axes.float()
        relative = (points - self.frame.origin[:, None]).float() @ self.axes.transpose(1, 2)
        distance = relative.norm(dim=2, keepdim=True).clamp_min(1e-4)
        geometry = torch.cat([relative * 4, relative / distance, distance * 4], dim=2)
        environment = self.network.encoder.in_frame(self.sight.features[self.site], self.axes)
        noise, temperature = env.noise[self.site], env.temperature[self.site]
        conditions = torch.stack([noise, (noise == 0).float(), 300 / temperature], dim=1)
        if self.sight.latents is not None:
            conditions = torch.cat([conditions, self.sight.latents[row]], dim=1)
        embedded = self.sight.embedded
        return self.network.hidden(geometry, slots.of[self.fragment, atom], (index >= 0).float(), environment,
                                   embedded["target"][self.target], conditions, embedded)

    def _residual_points(self, atom: Tensor, row: Tensor, local: Tensor) -> Tensor:
        """Where the mass not placed yet must lie, for the first beads of the site, (T, 3, 3)."""
        slots = self.sight.slots
        weights = slots.residual[self.fragment, atom].double()
        n_placed = weights.shape[2]
        # Small molecules have fewer beads; their weights and scales are zero there.
        bead = n_placed + slots.residual_bead[self.fragment, atom]
        beads = local[row[:, None], bead.clamp_max(local.shape[1] - 1)]
        self.missing = beads - torch.bmm(weights, local[row, :n_placed])
        return self.missing * slots.residual_scale[self.fragment, atom].double()[:, :, None]

    def draw(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Positions (T, 3) and their log-density (T,), from uniform numbers (T, 5)."""
        distance = torch.where(self.rigid, self.length, 0.0)
        if not bool(self.rigid.all()):
            distance = torch.where(self.rigid, distance, self._distances().sample(uniform[:, 0]))
        angle = self._angles().sample(uniform[:, 1:3])
        if bool(self.frame.no_axis.any()):
            angle = torch.where(self.frame.no_axis, torch.acos(1 - 2 * uniform[:, 1]), angle)
        if bool(self.closes.any()):
            angle = torch.where(self.closes, self._closing(distance)[0], angle)
        torsion = self._torsions(distance, angle).sample(uniform[:, 3:])
        torsion = torch.where(self.frame.no_plane, (2 * uniform[:, 3] - 1) * torch.pi, torsion)
        value = self.log_density(distance, angle, torsion)
        return self.frame.place(distance, angle, torsion), value

    def log_density(self, distance: Tensor, angle: Tensor, torsion: Tensor) -> Tensor:
        """Log-density (T,) in Cartesian measure on rigid bonds; -inf where a ring cannot close."""
        distance = torch.where(self.rigid, self.length, distance)
        closing, feasible = self._closing(distance)
        angle = torch.where(self.closes, closing, angle).clamp(1e-4, torch.pi - 1e-4)
        value = self._torsions(distance, angle).log_density(torsion)
        value = torch.where(self.frame.no_plane, -math.log(2 * math.pi), value)
        turned = torch.where(self.frame.no_axis, torch.log(angle.sin() / 2), self._angles().log_density(angle))
        free = turned - torch.log(distance**2 * angle.sin())
        closed = torch.log(self.frame.reach / (distance * self.closure_length.nan_to_num(1.0)))
        value = value + torch.where(self.closes, torch.where(feasible, closed, closed - 1e3), free)
        if not bool(self.rigid.all()):
            value = value + torch.where(self.rigid, 0.0, self._distances().log_density(distance))
        return value

    def _closing(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        other = self.closure_length.nan_to_num(1.0)
        return closing_angle(self.frame.reach, distance, other)

    def _angles(self) -> Angles:
        if not hasattr(self, "_angle_density"):
            self._angle_density = self.network.angles(self.hidden)
        return self._angle_density

    def _distances(self) -> Distances:
        return self.network.distances(self.hidden)

    def _torsions(self, distance: Tensor, angle: Tensor) -> Torsions:
        if not hasattr(self, "_torsion_density"):
            pair = self._pair_energy(distance.float(), angle.float())
            self._torsion_density = Torsions(self.network.torsion_logits(self.hidden, angle, pair))
        return self._torsion_density

    def _pair_energy(self, distance: Tensor, angle: Tensor) -> Tensor:
        """Pair terms with the nearest neighbours of the circle on which the atom will lie, (T, NODES)."""
        env, table = self.sight.env, self.sight.embedded["pair"]
        origin = self.frame.origin.float()
        if not torch.is_grad_enabled() and origin.device.type == "cpu":
            arrays = (self.site, env.neighbours, env.neighbours_placed, self.sight.surrounding, self.target, origin,
                      self.axes, distance, angle, table)
            energy = pair_energy(*(x.detach().numpy() for x in arrays), PAIR_REACH, PAIRS, NODES)
            return torch.as_tensor(energy)
        centre = origin + (distance * angle.cos())[:, None] * self.axes[:, 0]
        vector = env.neighbours[self.site] - centre[:, None]
        square = (vector**2).sum(2) + torch.where(env.neighbours_placed[self.site], 0.0, 1e6)
        near = torch.topk(square, min(PAIRS, square.shape[1]), dim=1, largest=False)
        index = near.indices
        picked = env.neighbours[self.site[:, None], index] - origin[:, None]
        local = picked @ self.axes.transpose(1, 2)
        row = self.target[:, None] * table.shape[1] + self.sight.surrounding[self.site[:, None], index]
        return self.network.pairs(local, (near.values < 1e5).float(), row, distance, angle, table)
