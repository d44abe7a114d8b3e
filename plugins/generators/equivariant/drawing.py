"""Blocks drawn in one compiled pass (``passes``): what it is handed, and what it leaves behind for log-densities."""
from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import silu

from backmap.engine.compiling import crew
from backmap.engine.compiling.lanes import WIDTH
from backmap.engine.sites.records import as_arrays

from .circles import SeenClasses
from .dense import Layer, through
from .density import LocalFrame, Torsions
from .features import Slots
from .head import Head
from .kernels import SlotLayer, looped
from .network import Network
from .passes import Drawn, Layers, Placing, Seen, drawn_blocks
from .seeing import Classes, EncoderWeights, SeenSites, looked

if TYPE_CHECKING:
    from backmap.engine.sites.contracts import LocalEnvironment
    from backmap.engine.sites.fragments import FragmentTable

    from .core import Sight

Index = NDArray[np.int64]

DISTANCES = 1601  #: at which radial weights are tabulated
EACH = 12  #: rows that a thread draws at least


class DrawingLayers:
    """A network's layers as compiled passes read them, and the tables of fragments that are drawn.

    What is the same for all atoms of a site, or of a class, goes through its part of the trunk's first layer by itself.

    Args:
        network: Draws.
        slots: Of the tables.
        embedded: Their classes.
        tables: Of all fragments.
        near: Fragment rows times atom rows plus atom rows near them, ascending; and bonds between these.
        cutoff: In the network's unit of length.
    """

    def __init__(self, network: Network, slots: Slots, embedded: dict[str, Tensor], tables: FragmentTable,
                 near: tuple[Tensor, Tensor], cutoff: float) -> None:
        self._network, self._embedded = network, embedded
        n, rows = len(tables.element), torch.arange(len(tables.atoms) + 1)
        self._classes = as_arrays(Classes(torch.searchsorted(near[0], rows * n), near[0] % n, near[1],
                                          slots.surrounding, tables.beads, slots.bead))
        self.placing = as_arrays(Placing(
            tables.reference, tables.length.double(), tables.closure, tables.closure_length.double(), slots.index,
            slots.of, slots.residual, slots.residual_bead, slots.residual_scale, slots.target))
        encoder = network.encoder

        def filled(rows: Tensor) -> Tensor:
            return functional.pad(rows, (0, -rows.shape[1] % WIDTH))

        distances = torch.linspace(0, cutoff, DISTANCES)
        self._encoder: EncoderWeights = as_arrays(EncoderWeights(
            filled(embedded["surrounding"]), filled(embedded["bead"]), filled(encoder.radial_weights(distances)),
            *(Layer.of(matrix.T) for matrix in encoder.mix.matrices()), encoder.channels, cutoff))

    def look(self, env: LocalEnvironment) -> dict[str, Tensor]:
        """What sites see: ``features``, ``surrounding`` and ``spare`` of ``Sight``."""
        sites = SeenSites(env.row, env.neighbours, env.neighbours_placed, env.neighbour_atom, env.neighbour_same,
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


def suit(network: Network, sight: Sight) -> bool:
    """Whether all that is to be drawn has rigid bonds, and is drawn without gradients on a processor."""
    env = sight.env
    drawn = env.block & ~env.fragments.pinned[env.row]
    return (looped(env.beads) and not network.training and sight.latents is None
            and bool(torch.isfinite(env.fragments.length[env.row])[drawn].all()))


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
        env = sight.env
        self._network, self._tables, self._fragment = network, env.fragments, env.row[site]
        block = (env.block & ~env.fragments.pinned[env.row])[site].numpy()  # pinned atoms stay at the anchor, zero
        threads = max(1, min(crew.number(), len(block) // EACH))
        self._ends = np.linspace(0, len(block), threads + 1).astype(np.int64)
        self._parts = [self._listed(block, part) for part in range(threads)]
        self._drawn: list[Drawn | None] = [None] * threads
        placed = (site.numpy(), self._fragment.numpy(), uniform.numpy(), layers.placing, layers.seen(sight),
                  as_arrays(SeenClasses(env.neighbours, env.neighbours_placed, sight.surrounding)), layers.layers)

        def work(part: int) -> None:
            _, row, start = self._parts[part]
            self._drawn[part] = drawn_blocks(local.numpy(), (row, start), *placed)

        crew.together(work, threads)

    def _listed(self, block: NDArray[np.bool_], part: int) -> tuple[Index, Index, Index]:
        """Atoms that a thread draws, their rows, and where those of each place in the fragment begin."""
        first, end = self._ends[part:part + 2]
        atom, row = np.nonzero(block[first:end].T)
        return atom, row + first, np.append(0, np.cumsum(block[first:end].sum(axis=0)))

    def log_density(self) -> Tensor:
        """Of what was drawn, of each row, (rows,)."""
        drawn = self._drawn
        atom, row = (torch.as_tensor(np.concatenate([part[k] for part in self._parts])) for k in range(2))
        smooth, pairs, hidden = (torch.as_tensor(np.concatenate([getattr(part, name) for part in drawn]))
                                 for name in ("smooth", "pairs", "hidden"))
        frames = LocalFrame(*(torch.as_tensor(np.concatenate(each))
                              for each in zip(*(part.frames for part in drawn), strict=True)))
        sphere, fragment = np.concatenate([part.sphere for part in drawn], axis=1), self._fragment
        head = Head.drawn(self._network, self._tables, fragment[row], atom, frames, hidden,
                          Torsions(self._network.with_pairs(smooth, pairs)))
        value = head.log_density(*map(torch.as_tensor, sphere))
        return torch.zeros(len(fragment), dtype=torch.float64).index_add(0, row, value)
