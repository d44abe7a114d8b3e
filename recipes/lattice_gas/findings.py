"""Findings about models of the lattice gas: decoders, training data of one phase, other temperatures, a mapping.

    python recipes/lattice_gas/findings.py decoders phases temperatures mapping [--size 12] [--steps 300]

Prints tables in Markdown. Acceptance and bound are worked out from weights of proposals and of configurations that
cluster moves have equilibrated, without a chain. `temperatures --weights lattice_gas_1.77.safetensors --size 28` takes
weights that are there.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from backmap_plugins.ensembles.models.vae.model import Vae
from backmap_plugins.ensembles.samplers.latent import log_weight_of, proposals
from backmap_plugins.ensembles.targets.lattice_gas import LatticeGas
from backmap_plugins.ensembles.training import LatentTrainer, TrainingPlan
from torch import Tensor

BETA, CHUNK = 1.77, 256


def equilibrated(target: LatticeGas, n: int, seed: int) -> Tensor:
    """Configurations by cluster moves, from 256 chains."""
    rng = np.random.default_rng(seed)
    x = target.collective(target.start(CHUNK, rng), 200, rng)
    kept = [x := target.collective(x, 20, rng) for _ in range(-(-n // CHUNK))]
    return torch.cat(kept)[:n]


def learned(target: LatticeGas, samples: Tensor, steps: int, symmetric: bool = True, **options: object) -> Vae:
    """A model trained as the step ``train_model`` does."""
    torch.manual_seed(1)
    model = Vae(Vae.Options(**options))
    model.prepare(target)
    if not symmetric:  # images would fill the other phase, too
        target = OnlyMoved(target.options)
    plan = TrainingPlan(steps, 128, 3e-3, 0.15, 10**9)
    trainer = LatentTrainer(model, target, samples, samples[:0], plan, 1, Path("state"))
    trainer.save = lambda: None
    trainer.run()
    model.network.load_state_dict(trainer.average.weights)
    model.network.eval()
    return model


class OnlyMoved(LatticeGas):
    """Images that keep particles particles."""

    symmetric = False


def judged(target: LatticeGas, model: Vae, made: Tensor, log_weight: Tensor, n: int = 1024) -> dict[str, object]:
    """Acceptance by basin, bound and largest share of a weight; ``log_weight`` is that of proposals ``made``."""
    rng = np.random.default_rng(5)
    x = equilibrated(target, n, 6)
    here = torch.cat([log_weight_of(target, model, part, rng) for part in x.split(CHUNK)])
    accepted = torch.exp((log_weight[None] - here[:, None]).clamp_max(0)).mean(1)
    basin = target.basins(x)
    return {"acceptance": f"{accepted.mean():.3f} ± {accepted.std() / n**0.5:.3f}",
            "dilute, between, dense": ", ".join(f"{accepted[basin == k].mean():.3f}" for k in range(3)),
            "bound, nats": f"{target.log_normaliser() - log_weight.mean():.2f}",
            "largest share": f"{torch.softmax(log_weight, 0).max():.2g}"}


def shape(target: LatticeGas, x: Tensor) -> dict[str, object]:
    """Particle number, energy and largest cluster of configurations."""
    largest = np.array([sizes.max(initial=0) for sizes in target.clusters(x)])
    return {"<N>": f"{x.sum(1).mean():.1f}", "std N": f"{x.sum(1).std():.1f}", "<E>": f"{target.energy(x).mean():.1f}",
            "std E": f"{target.energy(x).std():.1f}", "<largest cluster>": f"{largest.mean():.1f}",
            "clusters": f"{np.mean([len(sizes) for sizes in target.clusters(x)]):.1f}"}


def show(title: str, rows: dict[str, dict[str, object]]) -> None:
    """Print a table."""
    columns = list(next(iter(rows.values())))
    print(f"\n## {title}\n\n| | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(str(row.get(column, '')) for column in columns)} |", flush=True)


def drawn(target: LatticeGas, model: Vae, n: int = 1024) -> tuple[Tensor, Tensor]:
    """Proposals and their ln w."""
    rng = np.random.default_rng(4)
    parts = [proposals(target, model, CHUNK, rng) for _ in range(n // CHUNK)]
    return torch.cat([x for x, _ in parts]), torch.cat([weight for _, weight in parts])


def decoders(target: LatticeGas, steps: int) -> None:
    """Independent sites, given one or several latent variables, against sites that follow one another."""
    samples = equilibrated(target, 8192, 1)
    rows = {"target": shape(target, samples[:1024])}
    for name, options in {"autoregressive, 1 latent": {"latents": 1}, "independent, 1 latent": {
            "latents": 1, "decoder": "independent"}, "independent, 16 latents": {
            "latents": 16, "decoder": "independent"}}.items():
        model = learned(target, samples, steps, **options)
        made, weight = drawn(target, model)
        rows[name] = shape(target, made) | judged(target, model, made, weight)
    rows["target"] |= dict.fromkeys(rows[name], "") | rows["target"]
    show("Decoders", rows)


def phases(target: LatticeGas, steps: int) -> None:
    """Training data of one phase only: what is lost is the acceptance of the others, never the distribution."""
    samples = equilibrated(target, 16_384, 1)
    density, rows = samples.mean(1), {}
    for name, low, high in (("dilute only", 0, 0.25), ("between only", 0.25, 0.75), ("dense only", 0.75, 1)):
        model = learned(target, samples[(density >= low) & (density <= high)], steps, symmetric=False)
        made, weight = drawn(target, model)
        rows[name] = shape(target, made) | judged(target, model, made, weight)
    show("Training data of one density", rows)


def temperatures(target: LatticeGas, steps: int, weights: Path | None) -> None:
    """Other temperatures than that of the training."""
    if weights:
        model = Vae(Vae.Options(weights=weights))
        model.prepare(target)
    else:
        model = learned(target, equilibrated(target, 8192, 1), steps)
    made, weight = drawn(target, model, 2048)
    rows = {}
    for beta in (BETA, 1.6, 2.0):
        other = LatticeGas(LatticeGas.Options(size=target.options.size, beta=beta))
        rows[f"beta {beta}"] = judged(other, model, made, weight + other.log_density(made) - target.log_density(made))
    show("Other temperatures than the training's 1.77", rows)


def mapping(target: LatticeGas, steps: int) -> None:
    """Relative-entropy coarse-graining: the encoder is the number of particles, P(z) learns its distribution."""
    samples = equilibrated(target, 8192, 1)
    rows, cells = {}, target.size + 1
    seen = np.bincount(samples.sum(1).long().numpy(), minlength=cells) / len(samples)
    for kind in ("independent", "autoregressive"):
        model = learned(target, samples, steps, encoder="filling", decoder=kind)
        z, _ = model.prior(100_000, np.random.default_rng(1))
        place = model.network["encoder"].place_of(z)[:, 0].clamp(0, cells - 1).long().numpy()
        prior = np.bincount(place, minlength=cells) / len(place)
        x, weight = drawn(target, model)
        forbidden = float(torch.isinf(weight).double().mean())
        rows[kind] = {"overlap of P(z) with P(N)": f"{np.minimum(seen, prior).sum():.3f}",
                      "proposals with another N than z says": f"{forbidden:.3f}", **shape(target, x)}
    show("The number of particles for an encoder", rows)


def main() -> None:
    """Read the arguments and print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("findings", nargs="+", choices=["decoders", "phases", "temperatures", "mapping"])
    parser.add_argument("--size", type=int, default=12)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--weights", type=Path)
    given = parser.parse_args()
    target = LatticeGas(LatticeGas.Options(size=given.size, beta=BETA))
    torch.set_num_threads(1)
    for name in given.findings:
        if name == "temperatures":
            temperatures(target, given.steps, given.weights)
        else:
            globals()[name](target, given.steps)


if __name__ == "__main__":
    main()
