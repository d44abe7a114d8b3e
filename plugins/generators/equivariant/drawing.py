"""Blocks drawn in one compiled pass (``passes``): what it is handed, and what it leaves behind for log-densities."""
from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import silu

from backmap.engine.compiling.lanes import WIDTH
from backmap.engine.sites.records import as_arrays

from .circles import SeenClasses
from .dense import Layer, through
from .density import LocalFrame, Torsions
from .features import Slots
from .head import Head
from .kernels import SlotLayer, looped
from .network import Network
from .passes import Layers, Placing, Seen, drawn_blocks
from .seeing import Classes, Encoder, Sites, looked

if TYPE_CHECKING:
    from backmap.engine.sites.contracts import LocalEnvironment
    from backmap.engine.sites.fragments import FragmentTable

    from .core import Sight

DISTANCES = 1601  #: at which radial weights are tabulated


class DrawingLayers:
    """A network's layers as compiled passes read them, for classes of slots and atoms that are embedded.

    What is the same for all atoms of a site, or of a class, goes through its part of the trunk's first layer by itself.
    """

    def __init__(self, network: Network, embedded: dict[str, Tensor], classes: Classes, cutoff: float) -> None:
        self._network, self._embedded, self._classes = network, embedded, classes
        encoder = network.encoder

        def filled(rows: Tensor) -> Tensor:
            return functional.pad(rows, (0, -rows.shape[1] % WIDTH))

        distances = torch.linspace(0, cutoff, DISTANCES, device=embedded["bead"].device)
        self._encoder: Encoder = as_arrays(Encoder(
            filled(embedded["surrounding"]), filled(embedded["bead"]), filled(encoder.radial_weights(distances)),
            *(Layer.of(matrix.T) for matrix in encoder.mix.matrices()), encoder.channels, cutoff))

    def look(self, env: LocalEnvironment) -> dict[str, Tensor]:
        """What sites see: ``features``, ``surrounding`` and ``spare`` of ``Sight``."""
        sites = Sites(env.row, env.neighbours, env.neighbours_placed, env.neighbour_atom, env.neighbour_same,
                      env.neighbour_beads, env.neighbour_beads_present, env.neighbour_bead_row)
        found = looked(as_arrays(sites), self._classes, self._encoder)
        return dict(zip(("features", "surrounding", "spare"), map(torch.as_tensor, found), strict=True))

    @cached_property
    def layers(self) -> Layers:
        """What atoms go through."""
        network, embedded, encoder = self._network, self._embedded, self._network.encoder
        slots, (_, turned, _, target, _) = network.slot_geometry, self._trunk
        hidden = network.torsion_in.in_features - 4
        return as_arrays(Layers(
            slots=SlotLayer(slots.weight.T, slots.bias, embedded["gain"], embedded["shift"]),
            couple=encoder.couple.reshape(9, 5),
            target=embedded["target"] @ target.T,
            entry=Layer.of(torch.cat([network.slot_out.weight, turned], dim=1),
                           network.slot_out.bias + network.trunk_in.bias),
            **{name: Layer.of(layer.weight, layer.bias) for name, layer in zip(("first", "second"), network.trunk,
                                                                               strict=True)},
            coordinates=Layer.of(torch.cat([network.torsion_in.weight[:, :hidden], network.angle.weight]),
                                 torch.cat([network.torsion_in.bias, network.angle.bias])),
            numbers=network.angle.out_features,
            angle=network.torsion_in.weight[:, hidden:].T,
            torsion=Layer.of(network.torsion_hidden.weight, network.torsion_hidden.bias),
            out=Layer.of(network.torsion_out.weight, network.torsion_out.bias),
            fourier=Layer.of(network.fourier.T), nodes=network.fourier.shape[1], pairs=embedded["pair"]))

    @cached_property
    def _trunk(self) -> tuple[Tensor, ...]:
        """The trunk's first layer by what enters: features that stand and that turn, gates, target, conditions."""
        channels, width = self._network.encoder.channels, self._embedded["target"].shape[1]
        sizes = [channels, 8 * (channels // 2), channels, width]
        trunk = self._network.trunk_in.weight
        return trunk.split([*sizes, trunk.shape[1] - sum(sizes)], dim=1)

    @cached_property
    def _standing(self) -> tuple[Layer, Layer, int]:
        """Gates, what goes into the trunk of a site whatever the local frame, and its width."""
        gate, (scalar, _, gates, _, conditions) = self._network.encoder.gate, self._trunk
        return Layer.of(gate.weight, gate.bias), Layer.of(torch.cat([scalar, gates, conditions], dim=1)), len(scalar)

    def seen(self, sight: Sight) -> Seen:
        """What the network is told of the sites."""
        env, channels, (gates, layer, width) = sight.env, self._network.encoder.channels, self._standing
        half = channels // 2
        scalar, vector, tensor = sight.features.split([channels, 3 * half, 5 * half], dim=1)
        scalar = silu(scalar)
        gate = torch.as_tensor(through(scalar.numpy(), gates, channels))
        conditions = torch.stack([env.noise, (env.noise == 0).float(), 300 / env.temperature], dim=1)
        standing = through(torch.cat([scalar, gate, conditions], dim=1).numpy(), layer, width)
        return as_arrays(Seen(vector.reshape(-1, half, 3), tensor.reshape(-1, half, 5), standing, sight.spare))


def classes_of(tables: FragmentTable, slots: Slots, near: Tensor, bonds: Tensor) -> Classes:
    """Classes of neighbours; ``near`` are fragment rows times atom rows plus atom rows near them, ascending."""
    n, rows = len(tables.element), torch.arange(len(tables.atoms) + 1, device=near.device)
    return as_arrays(Classes(torch.searchsorted(near, rows * n), near % n, bonds, slots.surrounding, tables.beads,
                             slots.bead))


def suit(network: Network, sight: Sight) -> bool:
    """Whether all that is to be drawn has rigid bonds, and is drawn without gradients on a processor."""
    env = sight.env
    drawn = env.block & ~env.fragments.pinned[env.row]
    return (looped(env.beads) and not network.training and sight.latents is None
            and bool(torch.isfinite(env.fragments.length[env.row])[drawn].all()))


def placing(tables: FragmentTable, slots: Slots) -> Placing:
    """Where fragment atoms are placed from, and what they look at."""
    return as_arrays(Placing(
        tables.reference, tables.length.double(), tables.closure, tables.closure_length.double(), slots.index,
        slots.of, slots.residual, slots.residual_bead, slots.residual_scale, slots.target))


class BlockDraws:
    """Blocks that are drawn for the rows of ``local``.

    Args:
        network: Draws.
        layers: Of it.
        sight: What the sites see.
        local: Positions by local index, nm, (rows, n, 3); what is drawn is written there.
        site: Of each row, (rows,).
        uniform: Numbers for each row and atom, (rows, F, 5).
    """

    def __init__(self, network: Network, layers: DrawingLayers, sight: Sight, local: Tensor, site: Tensor,
                 uniform: Tensor) -> None:
        env, slots = sight.env, sight.slots
        self._network, self._tables = network, env.fragments
        block = (env.block & ~env.fragments.pinned[env.row])[site].numpy()  # pinned atoms stay at the anchor, zero
        self._atom, self._row = np.nonzero(block.T)
        start = np.append(0, np.cumsum(block.sum(axis=0)))
        self._fragment = env.row[site]
        self._drawn = drawn_blocks(
            local.numpy(), (self._row, start), site.numpy(), self._fragment.numpy(), uniform.numpy(),
            placing(env.fragments, slots), layers.seen(sight),
            as_arrays(SeenClasses(env.neighbours, env.neighbours_placed, sight.surrounding)), layers.layers)

    def log_density(self) -> Tensor:
        """Of what was drawn, of each row, (rows,)."""
        drawn, row, fragment = self._drawn, torch.as_tensor(self._row), self._fragment
        smooth, pairs, hidden = map(torch.as_tensor, (drawn.smooth, drawn.pairs, drawn.hidden))
        head = Head.drawn(self._network, self._tables, fragment[row], torch.as_tensor(self._atom),
                          LocalFrame(*map(torch.as_tensor, drawn.frames)), hidden,
                          Torsions(self._network.with_pairs(smooth, pairs)))
        value = head.log_density(*map(torch.as_tensor, drawn.sphere))
        return torch.zeros(len(fragment), dtype=torch.float64).index_add(0, row, value)
