"""The free energy of opening the dimer, from weights of proposals; and acceptance with one trial and with many.

    python recipes/dimer_fluid/free_energy.py [--weights dimer_fluid.safetensors] [--proposals 20000] [--trials 100]

Local moves know each basin, the model how much the basins weigh: the normaliser of each by the weights of what the
model proposes there and of configurations by local moves (C. H. Bennett, J. Comput. Phys. 22, 245 (1976)), and by the
former alone. Errors by bootstrap. Acceptance is that of moves from the configurations by local moves, on the fluid as
it is and with both basins equally likely.
"""
from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from backmap_plugins.ensembles.models.vae.model import Vae
from backmap_plugins.ensembles.samplers.latent import log_weight_of, proposals
from backmap_plugins.ensembles.targets.dimer_fluid import DimerFluid
from scipy.special import logsumexp

CHUNK = 200


def model_of(target: DimerFluid, path: Path) -> Vae:
    """The model whose weights are in a file."""
    model = Vae(Vae.Options(weights=path))
    model.prepare(target)
    model.network.eval()
    return model


def log_normaliser(here: np.ndarray, there: np.ndarray, proposed: int) -> float:
    """ln of the normaliser of a basin from ln w of its configurations and of those of all proposals that are in it."""
    n, found = len(here), logsumexp(there) - math.log(proposed)
    for _ in range(40):
        above, below = (-np.logaddexp(math.log(n) + weight - found, math.log(proposed)) for weight in (there, here))
        found = logsumexp(there + above) - math.log(proposed) - logsumexp(below) + math.log(n)
    return found


def free_energy(here: np.ndarray, at_open: np.ndarray, there: np.ndarray, is_open: np.ndarray) -> float:
    """Free energy of open minus closed, kT."""
    closed, opened = (log_normaliser(here[at], there[made], len(there)) for at, made in
                      ((~at_open, ~is_open), (at_open, is_open)))
    return closed - opened


def with_error(estimate: Callable[..., float], *pairs: tuple[np.ndarray, np.ndarray],
               rng: np.random.Generator) -> tuple[float, float]:
    """An estimate from pairs of rows (ln w, whether open), and its standard error by bootstrap of each pair."""
    again = []
    for _ in range(20):
        rows = [rng.integers(len(pair[0]), size=len(pair[0])) for pair in pairs]
        again.append(estimate(*(part[row] for pair, row in zip(pairs, rows) for part in pair)))
    return estimate(*(part for pair in pairs for part in pair)), float(np.std(again))


def accepted(here: np.ndarray, there: np.ndarray, trials: int, rng: np.random.Generator, moves: int = 2000) -> float:
    """Mean acceptance of moves from configurations of weights ``here`` to proposals of weights ``there``."""
    at = here[rng.integers(len(here), size=moves)]
    drawn = there[rng.integers(len(there), size=(moves, trials))]
    chosen = (drawn + rng.gumbel(size=drawn.shape)).argmax(1)
    back = drawn.copy()
    back[np.arange(moves), chosen] = at
    return float(np.exp(np.minimum(0, logsumexp(drawn, axis=1) - logsumexp(back, axis=1))).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=Path(__file__).parent / "dimer_fluid.safetensors")
    parser.add_argument("--proposals", type=int, default=20_000)
    parser.add_argument("--trials", type=int, default=100)
    arguments = parser.parse_args()
    target, rng, began = DimerFluid(DimerFluid.Options()), np.random.default_rng(1), time.process_time()
    model = model_of(target, arguments.weights)
    made = [proposals(target, model, CHUNK, rng) for _ in range(-(-arguments.proposals // CHUNK))]
    log_weight = torch.cat([weight for _, weight in made]).numpy()
    is_open = np.concatenate([target.basins(x) for x, _ in made]).astype(bool)
    print(f"{len(is_open)} proposals, {is_open.mean():.1%} open, {time.process_time() - began:.0f} CPU s")
    for name, rows in (("closed", ~is_open), ("open", is_open)):
        share = np.exp(log_weight[rows] - logsumexp(log_weight[rows]))
        print(f"{name}: effective {1 / (share**2).sum():.0f} of {rows.sum()}, largest share {share.max():.3g}")
    x = target.local(target.start(400, rng), 5000, rng)[0]
    x = torch.cat([x := target.local(x, 1000, rng)[0] for _ in range(3)])
    here = torch.cat([log_weight_of(target, model, part, rng) for part in x.split(CHUNK)]).numpy()
    at_open = target.basins(x).astype(bool)
    found, error = with_error(free_energy, (here, at_open), (log_weight, is_open), rng=rng)
    print(f"free energy open - closed: {found:.3f} +- {error:.3f} kT")
    alone, error = with_error(lambda weight, rows: logsumexp(weight[~rows]) - logsumexp(weight[rows]),
                              (log_weight, is_open), rng=rng)
    print(f"from proposals alone: {alone:.3f} +- {error:.3f} kT")
    print(f"\n| fluid | from | one trial | {arguments.trials} trials |\n|---|---|---|---|")
    for name, bias in (("as it is", 0.0), ("basins alike", found)):
        for basin, rows in (("closed", ~at_open), ("open", at_open)):
            shares = [accepted(here[rows] + bias * at_open[rows], log_weight + bias * is_open, trials, rng)
                      for trials in (1, arguments.trials)]
            print(f"| {name} | {basin} | {shares[0]:.4f} | {shares[1]:.3f} |")


if __name__ == "__main__":
    main()
