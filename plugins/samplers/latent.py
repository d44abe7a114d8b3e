"""The sampler ``latent``: collective moves by way of a model's latent variables, accepted exactly.

A move draws z1 ~ q(z|x1), z2 ~ P(z) and x2 ~ P(x|z2). In the joint density p(x) q(z|x), of which p(x) is the marginal,
this is an independent proposal of the pair (x2, z2) beside the pair (x1, z1), so with

    w(x, z) = p(x) q(z|x) / (P(z) P(x|z))

it is accepted with min(1, w(x2, z2) / w(x1, z1)): J. I. Monroe and V. K. Shen, J. Chem. Theory Comput. 18, 3622
(2022), eq. 9. z1 is drawn anew for every move, which leaves the joint density as it is. With M trials one of them is
chosen with a probability proportional to its w and accepted with min(1, W2 / W1), where W2 is the sum over all trials
and W1 the same with w(x1, z1) in place of that of the chosen one (configurational bias, their appendix A: proposals do
not depend on where they set out from, so the other trials serve the way back, too).
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Chain, Model, Options, Sampler, Target

from .recording import Recorder

#: The name of the moves in a chain.
MOVE = "vae"


class LatentOptions(Options):
    """Options of ``latent``."""

    trials: int = Field(1, ge=1, description="Configurations proposed in each move, M.")
    local: int = Field(0, ge=0, description="Sweeps of local moves after each move by way of latent variables.")


class Latent(Sampler):
    """Moves by way of latent variables, and local ones between them."""

    Options = LatentOptions
    needs_model = True

    def run(self, target: Target, model: Model | None, x: Tensor, steps: int, rng: np.random.Generator,
            progress: Callable[[float], None] = lambda fraction: None) -> Chain:
        recorder = Recorder(target, len(x))
        for step in range(steps):
            before = target.basins(x)
            with recorder.timed(MOVE):
                x, accepted, proposed = self.move(target, model, x, rng)
            recorder.decided(MOVE, before, accepted)
            if self.options.local:
                with recorder.timed("local"):
                    x, share = target.local(x, self.options.local, rng)
                recorder.share("local", self.options.local * x.numel(), share)
            recorder.keep(x, log_weight=proposed)
            progress((step + 1) / steps)
        return recorder.finish(x)

    def move(self, target: Target, model: Model, x: Tensor,
             rng: np.random.Generator) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """One move of every chain.

        Returns:
            Configurations (n, D), whether each is new (n,), and ln w of the first trial of each (n,).
        """
        n, trials = len(x), self.options.trials
        here = log_weight_of(target, model, x, rng)
        made, there = proposals(target, model, n * trials, rng)
        made, there = made.reshape(n, trials, -1), there.reshape(n, trials)
        noise = torch.from_numpy(rng.gumbel(size=(n, trials)))
        chosen = (there + noise).argmax(1)  # with a probability proportional to w
        rows = torch.arange(n)
        back = there.clone()
        back[rows, chosen] = here
        ratio = torch.logsumexp(there, 1) - torch.logsumexp(back, 1)
        accepted = torch.from_numpy(np.log1p(-rng.random(n))) < ratio
        return torch.where(accepted[:, None], made[rows, chosen], x), accepted.numpy(), there[:, 0].numpy()


def log_weight_of(target: Target, model: Model, x: Tensor, rng: np.random.Generator) -> Tensor:
    """ln w of configurations (n, D) with latent variables drawn for them, (n,)."""
    z, encoded = model.encode(x, rng)
    return target.log_density(x) + encoded - model.log_prior(z) - model.log_decoder(x, z)


def proposals(target: Target, model: Model, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Configurations (n, D) that the model makes, and their ln w (n,); -inf where they break the target's labels."""
    z, prior = model.prior(n, rng)
    x, decoded = model.decode(z, rng)
    weight = target.log_density(x) + model.log_encoder(x, z) - prior - decoded
    return x, torch.where(target.canonical(x) & ~weight.isnan(), weight, -torch.inf)
