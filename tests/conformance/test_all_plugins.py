"""Every plugin that is registered, ours or a stranger's, keeps the promises of its kind."""
from __future__ import annotations

from pathlib import Path

import pytest

from backmap import api, testing
from backmap.recipe.registry import KINDS, Kind, Registry, kind_of

REGISTRY = Registry().discover()
#: Options with which plugins that take long by their defaults do the same with less.
LESS = {"ranks": {"blocks": 2, "states": 1}}

#: Targets for models that are not for every kind of coordinates.
TARGETS = {"autoregressive": lambda: dipeptide(), "gaussian_vae": lambda: built(kind_of(api.Target), "double_well"),
           "mixture": lambda: built(kind_of(api.Target), "double_well")}


def offered(*kinds: Kind) -> list[tuple[Kind, str]]:
    return [pytest.param(kind, name, id=f"{kind.name}-{name}") for kind in kinds for name in REGISTRY.names(kind)]


def built(kind: Kind, name: str) -> api.Plugin:
    plugin = REGISTRY.get(kind, name)
    wanted = [key for key, option in plugin.Options.model_fields.items() if option.is_required()]
    if wanted:
        pytest.skip(f"'{name}' wants options: {', '.join(wanted)}")
    return plugin(plugin.Options(**LESS.get(name, {})))


def dipeptide() -> api.Target:
    molecule = REGISTRY.get(kind_of(api.Target), "molecule")
    pdb = Path(__file__).parents[2] / "recipes" / "alanine_dipeptide" / "alanine_dipeptide.pdb"
    return molecule(molecule.Options(pdb=pdb, torsions={"phi": (5, 7, 9, 15), "psi": (7, 9, 15, 17)}))


def test_every_distribution_can_be_loaded() -> None:
    assert not REGISTRY.broken


@pytest.mark.parametrize(("kind", "name"), offered(*KINDS))
def test_options(kind: Kind, name: str) -> None:
    testing.check_options(REGISTRY.get(kind, name))


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Generator)))
def test_generator(kind: Kind, name: str) -> None:
    testing.check_generator(built(kind, name))


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Regularizer)))
def test_regularizer(kind: Kind, name: str) -> None:
    testing.check_regularizer(built(kind, name))


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Traversal)))
def test_traversal(kind: Kind, name: str) -> None:
    testing.check_traversal(built(kind, name))


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Assessor)))
def test_assessor(kind: Kind, name: str) -> None:
    plugin = built(kind, name)
    if "generator" in plugin.needs:
        pytest.skip(f"'{name}' draws with a trained generator: tests/unit/assessors")
    testing.check_assessor(plugin)


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Refiner)))
def test_refiner(kind: Kind, name: str) -> None:
    testing.check_refiner(built(kind, name))


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Morpher)))
def test_morpher(kind: Kind, name: str) -> None:
    testing.check_morpher(built(kind, name))


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Checker)))
def test_checker(kind: Kind, name: str) -> None:
    testing.check_checker(built(kind, name))


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Target)))
def test_target(kind: Kind, name: str) -> None:
    testing.check_target(built(kind, name))


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Model)))
def test_model(kind: Kind, name: str) -> None:
    testing.check_model(built(kind, name), TARGETS[name]() if name in TARGETS else None)


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.EnsembleAssessor)))
def test_ensemble_assessor(kind: Kind, name: str) -> None:
    testing.check_ensemble_assessor(built(kind, name))


@pytest.mark.parametrize(("kind", "name"), offered(kind_of(api.Sampler)))
def test_sampler(kind: Kind, name: str) -> None:
    testing.check_sampler(built(kind, name))
