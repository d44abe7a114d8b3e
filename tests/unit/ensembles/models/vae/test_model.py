"""The model as a whole: files, what is wrong with them, what training changes."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.models.vae.model import Vae
from backmap_plugins.ensembles.targets.double_well import DoubleWell
from backmap_plugins.ensembles.targets.lattice_gas import LatticeGas

from backmap import testing
from backmap.engine.checkpoints import store
from backmap.errors import BackmapError
from tests.ensembles import exact_lattice, taught


def lattice(size: int = 4) -> LatticeGas:
    return LatticeGas(LatticeGas.Options(size=size))


def model(target: LatticeGas | DoubleWell, **options: object) -> Vae:
    made = Vae(Vae.Options(hidden=8, encoder_hidden=8, **options))
    made.prepare(target)
    return made


@pytest.mark.parametrize("decoder", ["autoregressive", "independent"])
@pytest.mark.parametrize("latents", [1, 3])
def test_promises_on_a_lattice(decoder: str, latents: int) -> None:
    testing.check_model(Vae(Vae.Options(decoder=decoder, latents=latents, hidden=8)), lattice())


def test_weights_bring_their_own_options(tmp_path: Path) -> None:
    target = lattice()
    first = model(target, latents=2, decoder="independent")
    first.save(tmp_path / "model.safetensors", {"steps": 3})
    second = Vae(Vae.Options(weights=tmp_path / "model.safetensors"))
    second.prepare(target)
    z, _ = first.prior(5, np.random.default_rng(1))
    assert z.shape == (5, 2)
    assert torch.equal(first.decode(z, np.random.default_rng(2))[0], second.decode(z, np.random.default_rng(2))[0])
    assert second.training == {"steps": 3}


@pytest.mark.parametrize(("precision", "off"), [("single", 0.0), ("half", 0.02)])
def test_weights_that_nothing_follows_from_are_not_kept(precision: str, off: float, tmp_path: Path) -> None:
    """Neither are half of the digits, if asked for; files that hold all are read as well."""
    target, path = DoubleWell(DoubleWell.Options()), tmp_path / "model.safetensors"
    first = model(target, decoder="autoregressive", precision=precision)
    with torch.no_grad():
        for weight in first.network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) / 4)
    first.save(path, {})
    tensors, header = store.load(path, Vae.kind)
    name = "decoder.network.weights.0"
    assert tensors[name].shape == (2 * 1 + 2, 8)  # of the second coordinate; and of the latent, for both
    assert tensors[name].dtype == (torch.half if precision == "half" else torch.float32)
    x, z = torch.randn(20, 2, dtype=torch.float64), torch.randn(20, 1, dtype=torch.float64)

    def again() -> torch.Tensor:
        second = Vae(Vae.Options(weights=path))
        second.prepare(target)
        return second.log_decoder(x, z)

    assert (again() - first.log_decoder(x, z)).abs().max() <= off
    whole = {name: dict(first.network.state_dict())[name]}
    store.save(path, Vae.kind, tensors | whole, {k: v for k, v in header.items() if k != "kind"})
    assert (again() - first.log_decoder(x, z)).abs().max() <= off


def test_weights_of_another_target_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model(lattice()).save(path, {})
    with pytest.raises(BackmapError, match="16 binary variables on a lattice of 4 x 4, but this one has 36"):
        Vae(Vae.Options(weights=path)).prepare(lattice(6))
    with pytest.raises(BackmapError, match="this one has 2 reals"):
        Vae(Vae.Options(weights=path)).prepare(DoubleWell(DoubleWell.Options()))


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model(lattice()).save(path, {})
    tensors, header = store.load(path, Vae.kind)
    tensors.pop(next(iter(tensors)))
    store.save(path, Vae.kind, tensors, {k: v for k, v in header.items() if k != "kind"})
    with pytest.raises(BackmapError, match="does not hold all weights"):
        Vae(Vae.Options(weights=path)).prepare(lattice())
    path.write_bytes(b"nonsense")
    with pytest.raises(BackmapError, match="not a checkpoint"):
        Vae(Vae.Options(weights=path)).prepare(lattice())


def test_the_loss_is_the_bound_of_the_densities() -> None:
    """-ELBO from the parts, with the same z."""
    target = lattice()
    made = model(target)
    made.network.eval()
    x = target.start(50, np.random.default_rng(1))
    z, encoded = made.encode(x, np.random.default_rng(2))
    for annealing in (0.0, 0.4, 1.0):
        expected = annealing * (encoded - made.log_prior(z)) - made.log_decoder(x, z)
        assert torch.allclose(made.loss(x, annealing, np.random.default_rng(2)).detach(), expected, atol=1e-5)


def test_a_mapping_for_an_encoder_is_relative_entropy_coarse_graining() -> None:
    """P(z) learns the distribution of what the mapping keeps, here P(N) of a lattice, known by enumeration."""
    target = lattice()
    distribution, _ = exact_lattice(target)
    rng = np.random.default_rng(1)
    x = target.collective(target.start(4000, rng), 400, rng)
    made = taught(target, x, 500, encoder="filling", hidden=8, encoder_hidden=16)
    z, _ = made.prior(100_000, rng)
    learned = np.bincount(made.network["encoder"].place_of(z)[:, 0].clamp(0, 16).long().numpy(), minlength=17) / len(z)
    assert (distribution * np.log(distribution / learned)).sum() < 0.03
    pair, encoded = made.encode(x, rng)
    assert torch.allclose(encoded, made.log_encoder(x, pair))
    assert torch.isinf(made.log_encoder(1 - x[x.sum(1) != 8], pair[x.sum(1) != 8])).all()


def test_the_mapping_is_for_lattices() -> None:
    with pytest.raises(BackmapError, match="filling is for binary variables"):
        model(DoubleWell(DoubleWell.Options()), encoder="filling")
