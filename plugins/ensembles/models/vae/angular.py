"""The decoder for angles and reals: each coordinate from a mixture that the latents and the coordinates before it set.

P(x|z) = prod_d P(x_d | x_<d, z), so it can represent any distribution of x, with latents or without. Where a target
tells of ``surroundings`` (features of what was placed before, the same for all coordinates of a group), coordinates
of one group share a network; else each has its own, which sees those before it (a masked network in blocks: drawing
costs no more than evaluating).
"""
from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from backmap.api import Target

from .angular_mixtures import Mixtures, centre, fitted
from .decoder import Decoder

BROAD = 0.4  #: most that a mean is moved by one unit of a network's output, radians or nm
FIRST = "network.weights.0"  #: name of the first layers of ``Blocks``, in what they are the ``network`` of
MOST = 4000  #: values of a coordinate that its first mixture is fitted to


class AngularDecoder(Decoder):
    """Autoregressive density of coordinates x (n, D) given latents z (n, L).

    Args:
        target: Says what the coordinates are.
        latents: Number L.
        components: Of each mixture.
        width: Of hidden layers.
        depth: Number of hidden layers.
    """

    def __init__(self, target: Target, latents: int, components: int = 8, width: int = 64, depth: int = 2) -> None:
        super().__init__()
        self.target, self.size, self.components = target, target.size, components
        self.register_buffer("circular", torch.tensor([kind == "angle" for kind in target.variables]))
        for name, shape in (("middle", (self.size,)), ("spread", (self.size,))):
            self.register_buffer(name, torch.ones(shape, dtype=torch.float64))
        outputs = 3 * components
        if target.groups is None:
            self.network: nn.Module = Blocks(self.circular, latents, width, depth, outputs)
        else:
            self.network = Groups(target, target.groups, latents, width, depth, outputs)
        self.base = nn.Parameter(torch.zeros(self.size, 3, components))

    def adapt(self, x: Tensor) -> None:
        """Begin with every coordinate independent, distributed as in x (n, D)."""
        middle, spread = centre(x, self.circular)
        self.middle.copy_(middle)
        self.spread.copy_(spread.clamp_min(1e-6))
        rows = {}
        for d, group in enumerate(self.target.groups or range(self.size)):
            rows.setdefault(group, []).append(d)
        with torch.no_grad():
            for columns in rows.values():
                values = x[:, columns].reshape(-1)
                values = values[:: max(1, len(values) // MOST)]
                found = fitted(values, self.components, bool(self.circular[columns[0]]))
                for d in columns:
                    self.base[d] = torch.stack(found).float()

    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        """ln P(x|z), (n,)."""
        outputs = self.network(self._scaled(x, slice(0, self.size)), x, z, range(self.size))
        return self._mixtures(outputs, slice(0, self.size)).log_density(x).double().sum(dim=1)

    @torch.no_grad()
    def draw(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw x (n, D); returns it with ln P(x|z)."""
        x = torch.zeros(len(z), self.size, dtype=torch.float64)
        scaled = torch.zeros(len(z), self.size, 2)
        total = torch.zeros(len(z), dtype=torch.float64)
        for d in range(self.size):
            outputs = self.network(scaled, x, z, range(d, d + 1))
            mixtures = self._mixtures(outputs, slice(d, d + 1))
            mixture = Mixtures(*(part[:, 0] for part in (mixtures.mean, mixtures.log_sd, mixtures.log_weight)),
                               self.circular[d])
            x[:, d] = mixture.sample(rng)
            scaled[:, d] = self._scaled(x[:, d:d + 1], slice(d, d + 1))[:, 0]
            total += mixture.log_density(x[:, d])
        return x, total

    def _scaled(self, x: Tensor, columns: slice) -> Tensor:
        """Numbers of order 1 that say the same as x (n, k): sine and cosine of how far from the middle, (n, k, 2)."""
        away, spread = x.double() - self.middle[columns], self.spread[columns]
        half = torch.sin(0.5 * away)
        turned = torch.stack([away.sin() / spread, 2 * half * half / spread**2 - 1], dim=2)
        straight = torch.stack([away / spread, torch.zeros_like(away)], dim=2)
        return torch.where(self.circular[columns, None], turned, straight).float()

    def kept(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Without the weights of what a coordinate does not see."""
        return self.network.kept(tensors) if isinstance(self.network, Blocks) else tensors

    def taken(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """With those that were left out, as zeros."""
        return self.network.taken(tensors) if isinstance(self.network, Blocks) else tensors

    def _mixtures(self, outputs: Tensor, columns: slice) -> Mixtures:
        """Densities of some coordinates from what the network says of them (n, k, 3 M).

        In double precision, so that what is drawn and what is evaluated agree; single in training, which is quicker.
        """
        said = outputs.unflatten(2, (3, self.components))
        said = said if torch.is_grad_enabled() else said.double()
        base = self.base[columns]
        reach = self.spread[columns, None].clamp_max(BROAD).to(said.dtype)
        return Mixtures.of(base[:, 0] + reach * said[:, :, 0], base[:, 1] + said[:, :, 1], base[:, 2] + said[:, :, 2],
                           self.circular[columns])


class Blocks(nn.Module):
    """One network for each coordinate, evaluated together; that of coordinate d sees z and the coordinates before."""

    def __init__(self, circular: Tensor, latents: int, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        size = len(circular)
        before = torch.ones(size, size).tril(-1).repeat_interleave(2, dim=1)
        self.register_buffer("seen", torch.cat([before, torch.ones(size, latents)], dim=1)[:, :, None])
        inputs = 2 * size + latents
        shapes = [(size, inputs, width), *[(size, width, width)] * (depth - 1), (size, width, outputs)]
        self.weights = nn.ParameterList(torch.randn(shape) / math.sqrt(shape[1]) for shape in shapes)
        self.biases = nn.ParameterList(torch.zeros(size, 1, shape[2]) for shape in shapes)
        with torch.no_grad():
            self.weights[-1].zero_()

    @property
    def rows(self) -> Tensor:
        """Inputs that each coordinate sees, (D, 2 D + L) bool."""
        return self.seen[:, :, 0] > 0

    def kept(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Without the weights of what a coordinate does not see: about half of those of its first layer."""
        return tensors | {FIRST: tensors[FIRST][self.rows]}

    def taken(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """With those that were left out, as zeros."""
        if FIRST not in tensors or tensors[FIRST].dim() == 3:
            return tensors
        if tensors[FIRST].shape != (int(self.rows.sum()), self.weights[0].shape[2]):
            return tensors  # which is found to be wrong as others are
        whole = torch.zeros_like(self.weights[0])
        whole[self.rows] = tensors[FIRST].to(whole.dtype)
        return tensors | {FIRST: whole}

    def forward(self, scaled: Tensor, x: Tensor, z: Tensor, columns: range) -> Tensor:
        """Outputs (n, k, outputs) of some coordinates, from scaled (n, D, 2) and z (n, L)."""
        part = slice(columns.start, columns.stop)
        inputs = torch.cat([scaled.flatten(1), z.float()], dim=1).expand(len(columns), -1, -1)
        hidden = torch.baddbmm(self.biases[0][part], inputs, self.weights[0][part] * self.seen[part])
        for k in range(1, len(self.weights)):
            active = torch.nn.functional.silu(hidden)
            new = torch.baddbmm(self.biases[k][part], active, self.weights[k][part])
            hidden = hidden + new if new.shape == hidden.shape else new
        return hidden.transpose(0, 1)

    def column(self, d: int, before: Tensor, z: Tensor) -> Tensor:
        """Outputs (n, outputs) of coordinate d, from what is known of those before it (n, 2 d) and z (n, L)."""
        known, of_z = self.weights[0][d].split([2 * len(self.seen), z.shape[1]])
        inputs = torch.cat([before, z.float()], dim=1)
        hidden = torch.addmm(self.biases[0][d], inputs, torch.cat([known[:2 * d], of_z]))
        for k in range(1, len(self.weights)):
            new = torch.addmm(self.biases[k][d], torch.nn.functional.silu(hidden), self.weights[k][d])
            hidden = hidden + new if new.shape == hidden.shape else new
        return hidden


class Groups(nn.Module):
    """One network for each group of coordinates that behave alike, fed with the surroundings that the target tells."""

    def __init__(self, target: Target, groups: tuple[int, ...], latents: int, width: int, depth: int,
                 outputs: int) -> None:
        super().__init__()
        self.target, self.groups = target, groups
        features = target.surroundings(torch.ones(1, target.size), range(1)).shape[2]
        self.networks = nn.ModuleList(_mlp(features + latents, width, depth, outputs) for _ in sorted(set(groups)))

    def forward(self, scaled: Tensor, x: Tensor, z: Tensor, columns: range) -> Tensor:
        """Outputs (n, k, outputs) of some coordinates, from x (n, D) and z (n, L)."""
        seen = self.target.surroundings(x, columns)
        inputs = torch.cat([seen, z.float()[:, None].expand(-1, len(columns), -1)], dim=2)
        if len(columns) == 1:
            return self.networks[self.groups[columns.start]](inputs)
        order = torch.tensor([self.groups[d] for d in columns])
        found = None
        for group, network in enumerate(self.networks):
            rows = torch.nonzero(order == group)[:, 0]
            said = network(inputs[:, rows])
            found = said.new_zeros(len(x), len(columns), said.shape[2]) if found is None else found
            found = found.index_copy(1, rows, said)
        return found


def _mlp(inputs: int, width: int, depth: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(inputs, width), nn.SiLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.SiLU()]
    layers.append(nn.Linear(width, outputs))
    nn.init.zeros_(layers[-1].weight)
    nn.init.zeros_(layers[-1].bias)
    return nn.Sequential(*layers)
