"""The density of the model ``autoregressive``: torsions from a table, then every coordinate given those before it."""
from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from ...numbers import normal, uniform
from ..drawn import WeighedDraws, of_draws_alone
from ..vae.angular import Blocks
from . import shapes
from .table import TorsionTable

BATCH = 2000  #: draws made at a time where no gradients are wanted
HARMONICS = 3  #: of torsions in the table, and of what follows from two of them, that networks see
REACH = 5.0  #: widths from the middle beyond which networks see no difference
SKEW, TAIL = 0.2, 0.1  #: by how much one unit of a network's output bends a density
SETTLED = 200_000  #: draws by which the table is set in the end
RATES = 0.3, 0.05  #: of what the table knows, at hot rungs and at the target
STIFF = 4  #: numbers that say what the density of a stiff coordinate is


class AutoregressiveDensity(nn.Module):
    """Density of coordinates x (n, D), float64: q(table) prod_d q(x_d | table, x_<d).

    What is no torsion of the table is stiff, with one maximum (a sinh-arcsinh normal), or turns the three hydrogens of
    a methyl group: then it has the same density thrice.

    Args:
        circular: Which coordinates are angles on a circle, (D,) bool.
        table: Coordinates of the table, one or two.
        rotors: Coordinates that turn methyl groups.
        middle: Where stiff coordinates begin, (D,).
        width: How wide they are, (D,).
        nodes: Of the table on each circle.
        hidden: Width of networks.
        depth: Number of hidden layers.
        turns: Nodes of a methyl group's third of a turn.
    """

    clashes = True

    def __init__(self, circular: Tensor, table: list[int], rotors: list[int], middle: Tensor, width: Tensor,
                 nodes: int, hidden: int, depth: int, turns: int) -> None:
        super().__init__()
        self.table, self.rotors, self.columns, self.turns = TorsionTable(len(table), nodes), rotors, table, turns
        self.register_buffer("circular", circular)
        self.register_buffer("middle", middle)
        self.register_buffer("width", width)
        orders = range(-HARMONICS, HARMONICS + 1)
        self.orders = [m for m in product(orders, repeat=len(table)) if m > (0,) * len(table)]
        self.network = Blocks(circular, 2 * len(self.orders), hidden, depth, max(STIFF, turns))
        self.base = nn.Parameter(torch.zeros(len(circular), 2, dtype=torch.float64))
        self.size = len(circular)
        self.stiff = [d for d in range(self.size) if d not in {*table, *rotors}]
        free = torch.tensor([d not in self.stiff for d in range(self.size)])
        fold = torch.tensor([3.0 if d in rotors else 1.0 for d in range(self.size)], dtype=torch.float64)
        self.register_buffer("free", free, persistent=False)
        self.register_buffer("fold", fold, persistent=False)

    @property
    def unit(self) -> Tensor:
        """Units in which forces on coordinates are compared, (D,)."""
        return self.width

    def begin(self, width: float, share: float, rng: np.random.Generator) -> None:
        """Begin with widths at a share of ln p, and with an even table."""
        with torch.no_grad():
            for known in (self.table.logit, self.table.height, self.table.visits):
                known.zero_()
            self.base.zero_()
            self.base[:, 1] = -0.5 * math.log(share)

    # Densities

    def log_density(self, x: Tensor) -> Tensor:
        """ln q of configurations (n, D), (n,)."""
        return self.table.log_density(x[:, self.columns]) + self.log_rest(x)

    def log_rest(self, x: Tensor) -> Tensor:
        """ln q of what is not in the table, given that, (n,)."""
        outputs = self.network(self._scaled(x, slice(0, self.size)), x, self._seen(x[:, self.columns]),
                               range(self.size)).double()
        total = self._log_stiff(x[:, self.stiff], outputs[:, self.stiff], self.stiff).sum(1)
        if self.rotors:
            total = total + self._log_rotor(x[:, self.rotors], outputs[:, self.rotors]).sum(1)
        return total

    def _log_stiff(self, x: Tensor, outputs: Tensor, columns: list[int]) -> Tensor:
        """ln of densities of stiff coordinates (n, k), elementwise."""
        place, log_width, skew, tail = self._stiff(outputs, columns)
        off = (self._off(x, columns) - place) * torch.exp(-log_width)
        return shapes.log_bent(off, skew, tail) - log_width - self.width[columns].log()

    def _stiff(self, outputs: Tensor, columns: list[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Place and ln of the width, in widths; skew; tail."""
        base = self.base[columns]
        log_width = (base[:, 1] + outputs[..., 1]).clamp(-4, 2)
        return (base[:, 0] + outputs[..., 0], log_width, SKEW * outputs[..., 2], (TAIL * outputs[..., 3]).clamp(-1, 1))

    def _log_rotor(self, x: Tensor, outputs: Tensor) -> Tensor:
        """ln of densities of what turns methyl groups (n, k): the same in each third of a turn."""
        return shapes.log_tents(3 * x / shapes.TURN, outputs[..., :self.turns]) - math.log(shapes.TURN)

    def _off(self, x: Tensor, columns: list[int] | slice) -> Tensor:
        """How many widths coordinates (n, k) are from their middle."""
        away = x.double() - self.middle[columns]
        turned = torch.remainder(away + math.pi, shapes.TURN) - math.pi
        return torch.where(self.circular[columns], turned, away) / self.width[columns]

    def _seen(self, torsions: Tensor) -> Tensor:
        """What networks see of the table's torsions (n, T)."""
        angle = torsions @ torch.tensor(self.orders, dtype=torch.float64).T
        return torch.cat([angle.cos(), angle.sin()], 1)

    def _scaled(self, x: Tensor, columns: slice) -> Tensor:
        """What networks see of coordinates, two numbers of order 1 each, (n, k, 2) float32."""
        near = self._off(x, columns).clamp(-REACH, REACH)
        free, turn = self.free[columns], self.fold[columns]
        first = torch.where(free, torch.sin(turn * x), near)
        second = torch.where(free, torch.cos(turn * x), 0.3 * (near**2 - 1))
        return torch.stack([first, second], 2).float()

    # Draws

    def drawn(self, count: int, rng: np.random.Generator) -> WeighedDraws:
        """Draws of all that is not in the table, which move with the parameters; of torsions more of the rare ones."""
        x, _ = self._extended(self.table.draw(count, rng, flatter=True), rng)
        return WeighedDraws(x, of_draws_alone(self, x), torch.full((count,), 1 / count, dtype=torch.float64), 1)

    @torch.no_grad()
    def sample(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draws (n, D) of the density, and ln q of each, (n,)."""
        torsions = self.table.draw(n, rng)
        torsions = torsions[torch.from_numpy(rng.permutation(n))]
        x, rest = self.extend(torsions, rng)
        return x, self.table.log_density(torsions) + rest

    @torch.no_grad()
    def extend(self, torsions: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Configurations (n, D) with the table's torsions (n, T), and ln q of all the rest, (n,)."""
        parts = [self._extended(part, rng) for part in torsions.split(BATCH)]
        return torch.cat([x for x, _ in parts]), torch.cat([rest for _, rest in parts])

    def _extended(self, torsions: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        n, seen = len(torsions), self._seen(torsions)
        noise, level = normal(rng, n, self.size), uniform(rng, n, self.size)
        third = torch.from_numpy(rng.integers(3, size=(n, self.size)))
        done, known, total = [], [torch.zeros(n, 0)], torch.zeros(n, dtype=torch.float64)
        for d in range(self.size):
            if d in self.columns:
                made = torsions[:, self.columns.index(d), None]
            else:
                outputs = self.network.column(d, torch.cat(known, 1), seen)[:, None].double()
                made = (self._turned(outputs, level[:, d:d + 1], third[:, d:d + 1]) if d in self.rotors
                        else self._made(outputs, noise[:, d:d + 1], [d]))
                if not torch.is_grad_enabled():
                    total += (self._log_rotor(made, outputs) if d in self.rotors
                              else self._log_stiff(made, outputs, [d]))[:, 0]
            done.append(made)
            known.append(self._scaled(made, slice(d, d + 1))[:, 0])
        return torch.cat(done, 1), total

    def _made(self, outputs: Tensor, noise: Tensor, columns: list[int]) -> Tensor:
        place, log_width, skew, tail = self._stiff(outputs, columns)
        off = place + torch.exp(log_width) * shapes.bent(noise, skew, tail)
        x = self.middle[columns] + self.width[columns] * off
        turned = torch.remainder(x + math.pi, shapes.TURN) - math.pi
        return torch.where(self.circular[columns], turned, x)

    def _turned(self, outputs: Tensor, level: Tensor, third: Tensor) -> Tensor:
        logit = outputs[..., :self.turns]
        with torch.no_grad():
            turn = shapes.tents(level, logit)
        if torch.is_grad_enabled():
            turn = shapes.moved(turn, logit)
        return torch.remainder((turn + third) / 3 * shapes.TURN + math.pi, shapes.TURN) - math.pi

    # What is set rather than learned

    @torch.no_grad()
    def notice(self, x: Tensor, off: Tensor, near: float) -> None:
        """Lead the table's weights after ``drawn`` configurations (n, D) with ln q/p (n,); ``near`` is 0 hot, 1 cold.
        """
        self.table.notice(x[:, self.columns], off, RATES[0]**(1 - near) * RATES[1]**near)

    @torch.no_grad()
    def settle(self, log_density: Callable[[Tensor], Tensor], rng: np.random.Generator) -> None:
        """Set the table's weights by weighted draws, for a density (n, D) -> (n,)."""
        torsions = self.table.draw(SETTLED, rng, flatter=True)
        x, rest = self.extend(torsions, rng)
        self.table.settle(torsions, log_density(x) - rest - self.table.log_flatter(torsions))
