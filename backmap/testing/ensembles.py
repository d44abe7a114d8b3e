"""What targets, models and samplers of Monte Carlo promise."""
from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..api import Assessment, Chain, EnsembleAssessor, Model, Options, Sampler, Target

KINDS = {"binary", "angle", "real"}


class Pendulum(Target):
    """An angle and a real that know nothing of each other: p ~ exp(2 cos a - r^2 / 2), an example with exact means."""

    variables = ("angle", "real")
    #: <r^2> and <cos a> = I1(2) / I0(2).
    exact = {"square": 1.0, "cosine": 0.6977746579640079}

    def log_density(self, x: Tensor) -> Tensor:
        return 2 * x[:, 0].cos() - 0.5 * x[:, 1]**2

    def start(self, n: int, rng: np.random.Generator) -> Tensor:
        return torch.from_numpy(rng.vonmises(0.0, 2.0, size=(n, 2)))

    def local(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> tuple[Tensor, float]:
        accepted = 0.0
        for _ in range(sweeps):
            moved = x + torch.from_numpy(rng.normal(size=tuple(x.shape)))
            take = torch.from_numpy(np.log1p(-rng.random(len(x)))) < self.log_density(moved) - self.log_density(x)
            x, accepted = torch.where(take[:, None], moved, x), accepted + float(take.double().mean())
        return x, accepted / max(1, sweeps)

    def observables(self, x: Tensor) -> dict[str, np.ndarray]:
        return {"square": (x[:, 1]**2).numpy(), "cosine": x[:, 0].cos().numpy()}


class Guess(Model):
    """A model of ``Pendulum`` that is off on purpose: z says something of r, and r is drawn from it, too widely."""

    network = nn.Identity()
    width, share = 1.3, 0.7

    def prepare(self, target: Target) -> None:
        self.target = target

    def encode(self, x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        z = self.share * x[:, 1:] + torch.from_numpy(rng.normal(size=(len(x), 1)))
        return z, self.log_encoder(x, z)

    def log_encoder(self, x: Tensor, z: Tensor) -> Tensor:
        return _normal(z - self.share * x[:, 1:])

    def prior(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        z = torch.from_numpy(rng.normal(size=(n, 1)))
        return z, self.log_prior(z)

    def log_prior(self, z: Tensor) -> Tensor:
        return _normal(z)

    def decode(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        angle = torch.from_numpy(rng.uniform(-math.pi, math.pi, size=(len(z), 1)))
        x = torch.cat([angle, 0.5 * z + self.width * torch.from_numpy(rng.normal(size=(len(z), 1)))], dim=1)
        return x, self.log_decoder(x, z)

    def log_decoder(self, x: Tensor, z: Tensor) -> Tensor:
        return _normal((x[:, 1:] - 0.5 * z) / self.width) - math.log(self.width) - math.log(2 * math.pi)

    def loss(self, x: Tensor, annealing: float, rng: np.random.Generator) -> Tensor:
        z, encoded = self.encode(x, rng)
        return annealing * (encoded - self.log_prior(z)) - self.log_decoder(x, z)

    def save(self, path: Path, training: dict[str, Any]) -> None:
        path.touch()

    def load(self, path: Path) -> None:
        path.stat()


def _normal(value: Tensor) -> Tensor:
    return (-0.5 * value**2 - 0.5 * math.log(2 * math.pi)).sum(1)


def check_target(target: Target, n: int = 6) -> None:
    """Check shapes, that draws depend on ``rng`` alone, inputs are unchanged, and images have equal density."""
    assert set(target.variables) <= KINDS, f"variables are {set(target.variables)}, not of {KINDS}"
    assert not target.grid or math.prod(target.grid) == target.size, "the sites of the grid are not the coordinates"
    x, again = (target.start(n, np.random.default_rng(1)) for _ in range(2))
    _check_configurations(target, x, n)
    assert torch.equal(x, again), "the same generator gives other starts"
    before = x.clone()
    density = target.log_density(x)
    assert (tuple(density.shape), density.dtype) == ((n,), torch.float64), "log_density is not (n,) float64"
    assert bool(torch.isfinite(density).all()), "a start is impossible"
    moved, share = target.local(x, 2, np.random.default_rng(2))
    _check_configurations(target, moved, n)
    assert 0 <= share <= 1, f"the share accepted is {share}"
    assert torch.equal(moved, target.local(x, 2, np.random.default_rng(2))[0]), "the same generator gives other moves"
    assert bool(torch.isfinite(target.log_density(moved)).all()), "a local move ends where p is 0"
    _check_configurations(target, target.collective(x, 2, np.random.default_rng(3)), n)
    image = target.augment(x, np.random.default_rng(4))
    _check_configurations(target, image, n)
    assert torch.allclose(target.log_density(image), density, atol=1e-6), "an image has another density"
    canonical = target.canonical(x)
    assert (tuple(canonical.shape), canonical.dtype) == ((n,), torch.bool), "canonical is not (n,) bool"
    assert np.asarray(target.basins(x)).shape == (n,), "basins are not (n,)"
    for name, values in target.observables(x).items():
        assert np.asarray(values).shape == (n,), f"observable '{name}' is not (n,)"
    assert torch.equal(x, before), "the target changes configurations that it is given"


def _check_configurations(target: Target, x: Tensor, n: int) -> None:
    assert (tuple(x.shape), x.dtype) == ((n, target.size), torch.float64), "configurations are not (n, D) float64"
    for column, kind in enumerate(target.variables):
        if kind == "binary":
            assert bool(((x[:, column] == 0) | (x[:, column] == 1)).all()), f"coordinate {column} is not 0 or 1"


def check_model(model: Model, target: Target | None = None, n: int = 200) -> None:
    """Check that draws come with the densities evaluated for them later, and that a file gives the same model."""
    target = target or Pendulum(Options())
    torch.manual_seed(1)
    model.prepare(target)
    x = target.start(n, np.random.default_rng(1))
    model.adapt(x)
    z, encoded = model.encode(x, np.random.default_rng(2))
    _check_density(encoded, model.log_encoder(x, z), n, "encode")
    latent, prior = model.prior(n, np.random.default_rng(3))
    _check_density(prior, model.log_prior(latent), n, "prior")
    assert (latent.shape, latent.dtype) == (z.shape, torch.float64), "z is not (n, L) float64"
    made, decoded = model.decode(latent, np.random.default_rng(4))
    _check_configurations(target, made, n)
    _check_density(decoded, model.log_decoder(made, latent), n, "decode")
    assert torch.equal(made, model.decode(latent, np.random.default_rng(4))[0]), "the same generator gives other draws"
    loss = model.loss(x, 1.0, np.random.default_rng(5))
    assert bool(torch.isfinite(loss).all()), "the loss is not finite"
    if any(True for _ in model.network.parameters()):
        loss.mean().backward()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path, {})
        model.load(path)
    _check_density(decoded, model.log_decoder(made, latent), n, "load")


def _check_density(given: Tensor, asked: Tensor, n: int, method: str) -> None:
    assert (tuple(given.shape), given.dtype) == ((n,), torch.float64), f"{method}: a density is not (n,) float64"
    worst = float((given - asked).abs().max())
    assert worst < 1e-3, f"{method}: densities differ by {worst:.2g} from what they are when asked for again"


def check_sampler(sampler: Sampler, chains: int = 400, steps: int = 150) -> None:
    """Check that the exact means of a target are sampled with an inaccurate model, within errors from many chains."""
    target, model = Pendulum(Options()), Guess(Options())
    model.prepare(target)
    rng = np.random.default_rng(1)
    chain = sampler.run(target, model, target.start(chains, rng), steps, rng)
    assert tuple(chain.x.shape) == (chains, target.size), "the last configurations are not (n, D)"
    for name, exact in target.exact.items():
        each = chain.rows[name][steps // 5:].mean(0)
        error = each.std(ddof=1) / math.sqrt(chains)
        off = (each.mean() - exact) / error
        assert abs(off) < 4.5, f"<{name}> is {each.mean():.4f}, {off:.1f} standard errors from {exact:.4f}"
    for kind, tried in chain.tried.items():
        assert sum(chain.accepted.get(kind, {}).values()) <= sum(tried.values()), f"'{kind}': more accepted than tried"


def check_ensemble_assessor(assessor: EnsembleAssessor, chains: int = 40, steps: int = 200) -> None:
    """Check that the same chains get the same assessment, with others beside them or not, and are unchanged."""
    target, rng = Pendulum(Options()), np.random.default_rng(1)
    one, other = (_independent(target, chains, steps, rng) for _ in range(2))
    before = {name: values.copy() for name, values in one.rows.items()}
    for beside in (None, other):
        said, again = (assessor.assess(target, one, beside) for _ in range(2))
        assert isinstance(said, Assessment), f"assess returned a {type(said).__name__}, not an Assessment"
        assert said.to_json() == again.to_json(), "the same chains are judged in two ways"
        for finding in said.findings:
            assert finding.level in (0, 1, 2), f"the level of '{finding.topic}' is {finding.level}"
            assert finding.topic, "a finding names no topic"
            assert finding.text, "a finding says nothing"
    for name, values in one.rows.items():
        assert np.array_equal(values, before[name]), f"the assessor changes '{name}'"


def _independent(target: Pendulum, chains: int, steps: int, rng: np.random.Generator) -> Chain:
    """States drawn one by one from a density like that of the target."""
    states = [target.start(chains, rng) for _ in range(steps)]
    rows = {name: np.stack([target.observables(x)[name] for x in states]) for name in target.observables(states[0])}
    tried = {"local": {0: chains * steps}}
    return Chain(states[-1], rows | {"basin": np.zeros((steps, chains), dtype=np.int64)},
                 {"local": {0: chains * steps // 2}}, tried, {"local": 5}, {"local": 1.0})
