"""Training by a critic: unrolled sequences, the Wasserstein cost with gradient penalty, and what to watch.

Gulrajani et al., NeurIPS 30 (2017); sequences as in Stieffenhofer, Wand and Bereau (2020), section 2.4: the atoms of a
fragment are drawn in order, each is added to the condition of the next, and the cost is the mean over the sequence.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from backmap.engine.random import Stream
from backmap.engine.sites.contracts import LocalEnvironment, Loss

from .grid import Sight
from .network import Critic
from .painter import Painter


@dataclass(frozen=True, eq=False)
class Game:
    """The painter against the critic.

    Attributes:
        penalty: Weight of the gradient penalty.
        judged: Atoms of every sequence that the critic judges in one of its updates, drawn at random: the mean over
            the sequence is what it estimates.
        turned: Whether local frames are turned about their axis at random.
    """

    painter: Painter
    critic: Critic
    penalty: float
    judged: int
    turned: bool

    def _sight(self, env: LocalEnvironment, rng: Stream) -> Sight:
        turn = rng.child("turn").uniform() * (2 * torch.pi) if self.turned else None
        return self.painter.look(env, turn)

    def score(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Loss:
        """The energy score |x - y| - |x - x'| / 2 of two draws x, x' of every atom y, given the truth before it.

        A proper scoring rule (Gneiting and Raftery, J. Am. Stat. Assoc. 102, 359 (2007), eq. 22): it teaches spread as
        well as place, so that the critic starts from draws that differ.
        """
        sight = self._sight(env, rng)
        true = sight.local(target)
        site, atom = torch.nonzero(env.block, as_tuple=True)
        noise = [self.painter.noise(sight, rng.child("noise", k))[site, atom] for k in range(2)]
        first, second = self.painter.place(sight, site, atom, true[site], *noise)
        there = true[site, atom]
        off = 0.5 * (_length(first - there) + _length(second - there))
        value = (off - 0.5 * _length(first - second)).mean() / (self.painter.grid.edge / self.painter.grid.n)
        return Loss(value, None, {"off": off.detach().mean()})

    def judge(self, sight: Sight, site: Tensor, atom: Tensor, own: Tensor) -> Tensor:
        """The critic's number for atoms as they stand in ``own`` (S, F, 3), (T,)."""
        return self.critic(*self._evidence(sight, site, atom, own))

    def _evidence(self, sight: Sight, site: Tensor, atom: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n = self.painter.grid.n
        condition = sight.condition(site, atom, own[site], self.painter.hide)
        alone = torch.ones_like(own[site, :1, :1])
        density = self.painter.grid.spread(own[site, atom][:, None]).summed(alone).reshape(-1, 1, n, n, n)
        return condition, density, sight.description(site, atom)

    def criticise(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Loss:
        """The critic's loss: drawn minus true, plus the penalty on gradients that differ from one."""
        with torch.no_grad():
            sight = self._sight(env, rng)
            true = sight.local(target)
            drawn = self.painter.unroll(sight, rng.child("noise"))
            site, atom = _some_atoms(env.block, self.judged, rng.child("judged"))
            real, fake = self._evidence(sight, site, atom, true), self._evidence(sight, site, atom, drawn)
        gap = self.critic(*real).mean() - self.critic(*fake).mean()
        penalty = self._gradient_penalty(real, fake, rng.child("between").uniform()[site].float())
        return Loss(self.penalty * penalty - gap, None, {"gap": gap.detach(), "penalty": penalty.detach()})

    def _gradient_penalty(self, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], share: Tensor) -> Tensor:
        """(|gradient| - 1)^2 at points between real and drawn evidence."""
        share = share[:, None, None, None, None]
        condition, density = (torch.lerp(a, b, share).requires_grad_() for a, b in zip(real[:2], fake[:2]))
        verdict = self.critic(condition, density, real[2])
        gradients = torch.autograd.grad(verdict.sum(), (condition, density), create_graph=True)
        square = sum(g.flatten(1).square().sum(1) for g in gradients)
        return ((square + 1e-12).sqrt() - 1).square().mean()

    def persuade(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Loss:
        """The painter's loss: minus what the critic says of whole sequences, through all their steps."""
        sight = self._sight(env, rng)
        drawn = self.painter.unroll(sight, rng.child("noise"))
        site, atom = torch.nonzero(env.block, as_tuple=True)
        value = -self.judge(sight, site, atom, drawn).mean()
        return Loss(value, sight.world(drawn), {})

    @torch.no_grad()
    def watch(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> dict[str, float]:
        """Figures of fixed environments, nm: distance of draws from the truth, of draws from one another."""
        sight = self._sight(env, rng)
        true = sight.local(target)
        first, second = (self.painter.unroll(sight, rng.child("noise", k)) for k in range(2))
        site, atom = torch.nonzero(env.block, as_tuple=True)
        gap = self.judge(sight, site, atom, true).mean() - self.judge(sight, site, atom, first).mean()

        def apart(a: Tensor, b: Tensor) -> float:
            return float((a - b)[site, atom].square().sum(1).mean().sqrt()) * sight.scale.unit

        return {"distance": apart(first, true), "spread": apart(first, second), "gap": float(gap)}


def _length(vectors: Tensor) -> Tensor:
    """Norm (T,) of vectors (T, 3), with finite gradients at zero."""
    return (vectors.square().sum(1) + 1e-10).sqrt()


def _some_atoms(block: Tensor, count: int, rng: Stream) -> tuple[Tensor, Tensor]:
    """At most ``count`` atoms of every site's block, at random: sites and atoms, (T,) each."""
    order = torch.where(block, rng.uniform(block.shape[1]), 2.0)
    value, atom = torch.topk(order, min(count, block.shape[1]), dim=1, largest=False)
    site, slot = torch.nonzero(value < 1, as_tuple=True)
    return site, atom[site, slot]
