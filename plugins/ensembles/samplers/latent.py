"""The sampler ``latent``: collective moves by way of a model's latent variables, accepted exactly.

A move draws z1 ~ q(z|x1), z2 ~ P(z) and x2 ~ P(x|z2). In the joint density p(x) q(z|x), of which p(x) is the marginal,
this is an independent proposal of the pair (x2, z2) beside the pair (x1, z1), so with

    w(x, z) = p(x) q(z|x) / (P(z) P(x|z))

it is accepted with min(1, w(x2, z2) / w(x1, z1)): J. I. Monroe and V. K. Shen, J. Chem. Theory Comput. 18, 3622
(2022), eq. 9. z1 is drawn anew for every move, which leaves the joint density as it is. With M trials one of them is
chosen with a probability proportional to its w and accepted with min(1, W2 / W1), where W2 is the sum over all trials
and W1 the same with w(x1, z1) in place of that of the chosen one (configurational bias, their appendix A: proposals do
not depend on where they set out from, so the other trials serve the way back, too).

Chains can be made to visit all of z (their eq. 12): with r(z) in place of P(z) for proposals, and with
p(x) q(z|x) r(z) / P(z) in place of p(x) q(z|x), the same w decides. Averages over p are those over the chain with
weights P(z) / r(z).
"""
from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from backmap.api import Chain, Model, Options, Sampler, Target

from .flat import Flat
from .recording import Recorder

#: The name of the moves in a chain.
MOVE = "vae"


class LatentOptions(Options):
    """Options of ``latent``."""

    changed_names: ClassVar = {"local": "is called 'local_sweeps' now"}

    trials: int = Field(1, ge=1, description="Configurations proposed in each move, M.")
    local_sweeps: int = Field(0, ge=0, description="Sweeps of local moves after each move by way of latent variables.")
    flat: float = Field(0.0, ge=0, lt=1, description="Biased sampling along z: the share of proposals whose latent "
                                                     "variables are drawn evenly from where the prior has them, in "
                                                     "place of from the prior. Averages are reweighted.")
    redraw: bool = Field(False, description="With flat: draw z of a configuration anew from the encoder for each move, "
                                            "as the authors do. Approximate, unless the encoder is so narrow that the "
                                            "bias is the same all over; by default z is kept with x, which is exact.")

    @model_validator(mode="after")
    def _consistent(self) -> LatentOptions:
        if self.redraw and not self.flat:
            raise ValueError("'redraw' is for biased sampling: give 'flat' a share as well")
        return self


class Latent(Sampler):
    """Monte Carlo moves through the latent variables of a model, accepted exactly, with local moves between them.

    J. I. Monroe and V. K. Shen, J. Chem. Theory Comput. 18, 3622 (2022): eq. 9, and eq. 12 for biased sampling along z.
    """

    Options = LatentOptions
    needs_model = True

    def run(self, target: Target, model: Model | None, x: Tensor, steps: int, rng: np.random.Generator,
            progress: Callable[[float], None] = lambda fraction: None) -> Chain:
        recorder = Recorder(target, len(x))
        flat = Flat(model, self.options.flat, rng) if self.options.flat else None
        z = model.encode(x, rng)[0] if flat else None
        for step in range(steps):
            before = target.basins(x)
            with recorder.timed(MOVE):
                x, z, accepted, here, proposed = self.move(target, model, x, rng, flat, z)
            recorder.decided(MOVE, before, accepted)
            if self.options.local_sweeps:
                with recorder.timed("local"):
                    x, z, share = self._local(target, model, x, rng, flat, z)
                recorder.share("local", self.options.local_sweeps * x.numel(), share)
            recorder.keep(x, **({"reweight": flat.log_reweight(z).numpy()} if flat else
                                {"log_weight": proposed, "state_log_weight": here}))
            progress((step + 1) / steps)
        return recorder.finish(x)

    def move(self, target: Target, model: Model, x: Tensor, rng: np.random.Generator, flat: Flat | None = None,
             z: Tensor | None = None) -> tuple[Tensor, Tensor | None, np.ndarray, np.ndarray, np.ndarray]:
        """One move of every chain.

        Args:
            x: Configurations, (n, D).
            flat: The bias, if there is one.
            z: Latent variables that go with x, (n, L); only with ``flat``.

        Returns:
            Configurations (n, D), their z with ``flat``, whether each is new (n,), ln w of where each set out from
            and of the first trial of each (n,).
        """
        n, trials = len(x), self.options.trials
        if flat is None:
            here = log_weight_of(target, model, x, rng)
        else:
            z = self._refreshed(model, x, z, rng, flat)
            here = weight_of_pairs(target, model, x, z)
        offered = proposals_at(target, model, *(flat or model).prior(n * trials, rng), rng)
        made, there, latent = (part.reshape(n, trials, *part.shape[1:]) for part in offered)
        noise = torch.from_numpy(rng.gumbel(size=(n, trials)))
        chosen = (there + noise).argmax(1)  # with a probability proportional to w
        rows = torch.arange(n)
        back = there.clone()
        back[rows, chosen] = here
        ratio = torch.logsumexp(there, 1) - torch.logsumexp(back, 1)
        accepted = torch.from_numpy(np.log1p(-rng.random(n))) < ratio
        x = torch.where(accepted[:, None], made[rows, chosen], x)
        z = None if flat is None else torch.where(accepted[:, None], latent[rows, chosen], z)
        return x, z, accepted.numpy(), here.numpy(), there[:, 0].numpy()

    def _refreshed(self, model: Model, x: Tensor, z: Tensor, rng: np.random.Generator, flat: Flat) -> Tensor:
        """z anew for the same x: drawn from q(z|x), accepted by how the bias changes (or always, with ``redraw``)."""
        new = model.encode(x, rng)[0]
        return new if self.options.redraw else torch.where(flat.accepts(z, new, rng)[:, None], new, z)

    def _local(self, target: Target, model: Model, x: Tensor, rng: np.random.Generator, flat: Flat | None,
               z: Tensor | None) -> tuple[Tensor, Tensor | None, float]:
        """Local moves; with a bias x and a z drawn for it are taken or left together, as the bias changes.

        That is exact where local moves are reversible, as single moves at random are, one after the other.
        """
        moved, share = target.local(x, self.options.local_sweeps, rng)
        if flat is None:
            return moved, None, share
        new = model.encode(moved, rng)[0]
        taken = flat.accepts(z, new, rng)[:, None]
        return torch.where(taken, moved, x), torch.where(taken, new, z), share


def log_weight_of(target: Target, model: Model, x: Tensor, rng: np.random.Generator) -> Tensor:
    """ln w of configurations (n, D) with latent variables drawn for them, (n,)."""
    z, encoded = model.encode(x, rng)
    return target.log_density(x) + encoded - model.log_prior(z) - model.log_decoder(x, z)


def weight_of_pairs(target: Target, model: Model, x: Tensor, z: Tensor) -> Tensor:
    """ln w of configurations (n, D) with the latent variables (n, L) that go with them, (n,)."""
    return target.log_density(x) + model.log_encoder(x, z) - model.log_prior(z) - model.log_decoder(x, z)


def proposals(target: Target, model: Model, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Configurations (n, D) that the model makes, and their ln w (n,); -inf where they break the target's labels."""
    return proposals_at(target, model, *model.prior(n, rng), rng)[:2]


def proposals_at(target: Target, model: Model, z: Tensor, prior: Tensor,
                 rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """The same for latent variables (n, L) of which ln P(z) is known: configurations, ln w and z."""
    x, decoded = model.decode(z, rng)
    weight = target.log_density(x) + model.log_encoder(x, z) - prior - decoded
    return x, torch.where(target.canonical(x) & ~weight.isnan(), weight, -torch.inf), z
