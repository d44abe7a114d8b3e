"""Known answers: what is wrong with beads, in what kind and of what size, is found and named; right ones fit."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.fit.examination import FOREIGN, STRANGE, BeadFrame, Compared, Examined, _of_type, examined
from backmap_plugins.fit.lengths import LengthTables
from backmap_plugins.fit.mappings import other_mappings
from backmap_plugins.fit.sampling import NEAR, NEAREST, free_molecule, sampled
from backmap_plugins.fit.warmth import warmth
from backmap_plugins.fit.wells import wells

from backmap import session
from backmap.checking import reading
from backmap.model.survey import Survey
from backmap.model.system import System

RECIPES = Path(__file__).parents[3] / "recipes"
KELVIN = {"octane": 350.0, "polystyrene": 568.0}


@cache
def survey(name: str) -> Survey:
    """The recipe that ships with the project, with true beads of atoms."""
    return reading.read_file(RECIPES / name / "run.yaml", session.registry_of(()), []).survey


@cache
def frames(name: str) -> tuple[BeadFrame, ...]:
    source = survey(name).beads
    found = [source.frame(number) for number in (0, source.n_frames - 1)]
    return tuple((survey(name).system.whole_beads(each.positions, each.box), each.box) for each in found)


def looked_at(name: str, given: list[BeadFrame], declared: str | None = "mapped") -> Examined:
    known = survey(name)
    return examined(known.system, known.forcefield, KELVIN[name], given, declared)


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> list[BeadFrame]:
    """Beads of every molecule (m, B, 3) changed."""
    made = []
    for beads, box in frames(name):
        other = beads.copy()
        for group in survey(name).system.groups:
            other[group.beads] = change(beads[group.beads])
        made.append((other, box))
    return made


def scaled(name: str, factor: float) -> list[BeadFrame]:
    return [(beads * factor, box * factor) for beads, box in frames(name)]


def ordered(order: list[int]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda beads: beads[:, [*order, *range(len(order), beads.shape[1])]]


@pytest.mark.parametrize("declared", ["mapped", "model", None])
@pytest.mark.parametrize("name", KELVIN)
def test_right_beads_fit(name: str, declared: str | None) -> None:
    found = looked_at(name, list(frames(name)), declared)
    assert not found.misfits
    assert not found.unlooked
    assert len(found.fitting) == 1


@pytest.mark.parametrize("name", KELVIN)
def test_one_percent_is_not_seen(name: str) -> None:
    assert not looked_at(name, scaled(name, 1.01)).misfits


@pytest.mark.parametrize("factor", [0.97, 1.03, 1.1, 1.2])
@pytest.mark.parametrize("name", KELVIN)
def test_three_percent_are_seen_in_beads_of_atoms(name: str, factor: float) -> None:
    (misfit,) = looked_at(name, scaled(name, factor)).misfits
    assert not misfit.grave
    assert not looked_at(name, scaled(name, factor), "model").misfits


@pytest.mark.parametrize("name", KELVIN)
def test_beads_that_a_model_may_have_are_undecided_while_nobody_says_what_they_are(name: str) -> None:
    (misfit,) = looked_at(name, scaled(name, 1.1), None).misfits
    assert misfit.undecided
    assert "beads: model" in misfit.hint
    (misfit,) = looked_at(name, scaled(name, 1.1), "mapped").misfits
    assert not misfit.undecided


@pytest.mark.parametrize(("name", "order"), [("octane", [1, 0]), ("polystyrene", [1, 0]),
                                             ("polystyrene", [*range(19, -1, -1)])])
def test_mistakes_in_beads_that_a_model_may_have_are_decided(name: str, order: list[int]) -> None:
    given = [(1.1 * beads, 1.1 * box) for beads, box in changed(name, ordered(order))]
    (misfit,) = looked_at(name, given, None).misfits
    assert not misfit.undecided


@pytest.mark.parametrize("declared", ["mapped", "model"])
@pytest.mark.parametrize("name", KELVIN)
def test_thirty_percent_are_seen_in_all(name: str, declared: str) -> None:
    (misfit,) = looked_at(name, scaled(name, 1.3), declared).misfits
    assert "1.3" in misfit.problem
    assert misfit.grave == (declared == "mapped")


@pytest.mark.parametrize("declared", ["mapped", "model", None])
@pytest.mark.parametrize(("factor", "unit"), [(10.0, "Angstrom"), (0.1, "a unit of 10 nm")])
@pytest.mark.parametrize("name", KELVIN)
def test_other_units_are_named(name: str, factor: float, unit: str, declared: str | None) -> None:
    (misfit,) = looked_at(name, scaled(name, factor), declared).misfits
    assert misfit.grave
    assert unit in misfit.problem
    (misfit,) = looked_at(name, [(beads * factor, box) for beads, box in frames(name)], declared).misfits
    assert misfit.grave


@pytest.mark.parametrize("declared", ["mapped", "model"])
@pytest.mark.parametrize(("name", "order", "said"), [
    ("octane", [1, 0], "beads B1 and B2 are exchanged"), ("octane", [0, 2, 1], "beads B2 and B3 are exchanged"),
    ("polystyrene", [1, 0], "beads A1 and B1 are exchanged"),
    ("polystyrene", [*range(19, -1, -1)], "its beads are in reverse order")])
def test_other_orders_are_named(name: str, order: list[int], said: str, declared: str) -> None:
    (misfit,) = looked_at(name, changed(name, ordered(order)), declared).misfits
    assert misfit.grave
    assert said in misfit.problem


def test_octane_in_reverse_is_octane() -> None:
    assert not looked_at("octane", changed("octane", ordered([3, 2, 1, 0]))).misfits


def test_beads_one_sort_after_the_other_are_named() -> None:
    kind, count = survey("octane").system.blocks[0]
    given = [(beads.reshape(count, kind.n_beads, 3).transpose(1, 0, 2).reshape(-1, 3), box)
             for beads, box in frames("octane")]
    (misfit,) = looked_at("octane", given).misfits
    assert "all first beads" in misfit.problem


def test_beads_of_another_molecule_do_not_fit() -> None:
    """Beads that lie as in no octane: a chain of bonds of 0.25 nm with right angles."""
    corner = np.array([[0, 0, 0], [0.25, 0, 0], [0.25, 0.25, 0], [0.25, 0.25, 0.25]])
    (misfit,) = looked_at("octane", changed("octane", lambda beads: beads[:, :1] + corner)).misfits
    assert "in no order and at no scale" in misfit.problem


def other_octane() -> Iterator[tuple[str, list[BeadFrame]]]:
    """Beads that other mappings make of the true atoms."""
    known = survey("octane")
    info = known.reference.frame(0)
    atoms = known.system.whole_atoms(info.positions, info.box)
    for name, mapping in other_mappings(known.system.types[0]):
        beads = np.concatenate([mapping.apply(atoms[group.atoms]).reshape(-1, 3) for group in known.system.groups])
        yield name, [(beads, info.box)]


def test_beads_of_another_mapping_are_named() -> None:
    found = {name: looked_at("octane", given).misfits for name, given in other_octane()}
    assert len(found) == 3
    for name, misfits in found.items():
        assert len(misfits) == 1
        assert not misfits[0].grave
        if "heavy" in name:  # of carbon alone, centres of mass and of geometry are the same
            assert "of their heavy atoms" in misfits[0].problem


def test_molecules_in_another_order_are_named() -> None:
    octane, polystyrene = survey("octane"), survey("polystyrene")
    chain, alkane = polystyrene.system.types[0], octane.system.types[0]


    system = System(((alkane, 20), (replace(chain, name="other"), 2)))
    field = _joined(octane, polystyrene)
    short, _ = frames("octane")[0]
    long, _ = frames("polystyrene")[0]
    right = [(np.concatenate([short[:80], long[:40]]), None)]
    wrong = [(np.concatenate([long[:40], short[:80]]), None)]
    assert not examined(system, field, 450.0, right, "model").misfits
    (misfit,) = examined(system, field, 450.0, wrong, "model").misfits
    assert "2 other, 20 OCT" in misfit.problem


def _joined(one: Survey, other: Survey) -> object:
    """The force fields of two systems in one: Lennard-Jones types of the second follow those of the first."""
    first, second = one.forcefield, other.forcefield
    n = len(first.c6)
    tables = {}
    for name in ("c6", "c12"):
        table = np.zeros((n + len(second.c6),) * 2)
        table[:n, :n], table[n:, n:] = getattr(first, name), getattr(second, name)
        tables[name] = table
    known, = second.molecules.values()
    moved = replace(known, name="other", kind=known.kind + n)
    return replace(first, molecules=first.molecules | {"other": moved}, kinds=[*first.kinds, *second.kinds], **tables)


def test_the_free_molecule_follows_from_its_arguments_and_keeps_its_bonds() -> None:
    known = survey("octane")
    kind = known.system.types[0]
    one, other = (sampled(kind, known.forcefield, 350.0) for _ in range(2))
    assert np.array_equal(one.atoms, other.atoms)
    bonds = np.linalg.norm(one.atoms[:, kind.bonds[:, 0]] - one.atoms[:, kind.bonds[:, 1]], axis=2)
    heavy = kind.chemistry.heavy[kind.bonds].all(axis=1)
    assert np.allclose(bonds[:, heavy].mean(axis=0), 0.153, atol=0.003)
    tables = LengthTables.of(free_molecule(kind, known.forcefield, 350.0), kind.mapping, 0.01)
    assert tables.best_scale(kind.mapping.apply(one.atoms)) == pytest.approx((1.0, 0.0), abs=1e-3)


@cache
def warm(temperature: float) -> tuple[BeadFrame, ...]:
    """192 free molecules of octane at a temperature, mapped, in one frame: neither box nor neighbours matter."""
    known = survey("octane")
    kind, n = known.system.types[0], known.system.n_molecules
    atoms = sampled(kind, known.forcefield, temperature).atoms
    picked = atoms[np.linspace(0, len(atoms) - 1, 3 * n).astype(int)].reshape(3, n, kind.n_atoms, 3)
    return tuple((kind.mapping.apply(each).reshape(-1, 3), None) for each in picked)


@pytest.mark.parametrize("temperature", [175.0, 300.0, 700.0])
def test_beads_tell_how_warm_they_are(temperature: float) -> None:
    known = survey("octane")
    free = free_molecule(known.system.types[0], known.forcefield, 350.0)
    beads = np.concatenate([given.reshape(-1, 4, 3) for given, _ in warm(temperature)])
    assert warmth(free, beads, 350.0).factor == pytest.approx(temperature / 350, rel=0.25)  # a step of what is tried


@pytest.mark.parametrize(("temperature", "said"), [(175.0, True), (300.0, False), (700.0, True)])
def test_another_temperature_is_named(temperature: float, said: bool) -> None:
    misfits = looked_at("octane", list(warm(temperature))).misfits
    assert [("K, not as at 350 K" in each.problem, each.grave) for each in misfits] == [(True, False)] * said
    assert not looked_at("octane", list(warm(temperature)), "model").misfits


def test_shares_of_conformers_do_not_matter() -> None:
    """Molecules that are all trans about their middle bond are no colder."""
    known = survey("octane")
    kind = known.system.types[0]
    free = free_molecule(kind, known.forcefield, 350.0)
    of = wells(kind, free.atoms, (1, 2))
    most = np.bincount(of).argmax()
    assert 0.2 < (of == most).mean() < 0.9
    assert warmth(free, kind.mapping.apply(free.atoms[of == most]), 350.0).factor == pytest.approx(1, rel=0.19)


def test_cold_beads_are_compared_with_wells_of_warmer_molecules() -> None:
    known = survey("octane")
    kind = known.system.types[0]
    free = free_molecule(kind, known.forcefield, 350.0)
    beads = np.concatenate([given.reshape(-1, 4, 3) for given, _ in warm(175.0)])
    assert warmth(free, beads, 175.0).factor == pytest.approx(1, rel=0.25)


def test_warmth_of_large_molecules_is_not_told() -> None:
    known = survey("polystyrene")
    free = free_molecule(known.system.types[0], known.forcefield, 568.0)
    assert warmth(free, free.kind.mapping.apply(free.atoms), 568.0) is None


def test_molecules_that_fold_by_themselves_may_be_unfolded() -> None:
    """As peptides are in water: octane whose atoms attract each other twenty times as much."""
    known = survey("octane")
    kind, field = known.system.types[0], replace(known.forcefield, c6=20 * known.forcefield.c6)
    system = System(((kind, 50),))
    folded, open_ones = (free_molecule(kind, field, 350.0, near) for near in (NEAR, NEAREST))
    assert LengthTables.of(folded, kind.mapping, 0.01).score(kind.mapping.apply(open_ones.atoms)).mean() < STRANGE
    chosen = open_ones.atoms[np.linspace(0, len(open_ones.atoms) - 1, 50).astype(int)]
    right = kind.mapping.apply(chosen).reshape(-1, 3)
    assert not [misfit for misfit in examined(system, field, 350.0, [(right, None)], "mapped").misfits if misfit.grave]
    wrong = right.reshape(50, -1, 3).copy()
    wrong[:, 1] = wrong[:, 0]
    assert [misfit for misfit in examined(system, field, 350.0, [(wrong.reshape(-1, 3), None)], "mapped").misfits
            if misfit.grave]


def test_molecules_that_charges_fold_may_be_unfolded() -> None:
    """As alcohols of several hydroxyls are in their liquid: octane with charges that bind each other in vacuum."""
    known = survey("octane")
    kind, own = known.system.types[0], known.forcefield.molecules["OCT"]
    carbons = np.flatnonzero(kind.chemistry.heavy)
    charge = own.charge.copy()
    charge[carbons[[1, 5]]] += np.array([0.8, -0.8])
    field = replace(known.forcefield, molecules={"OCT": replace(own, charge=charge)})
    folded, open_ones = free_molecule(kind, field, 350.0), free_molecule(kind, known.forcefield, 350.0, NEAREST)
    right = kind.mapping.apply(open_ones.atoms[np.linspace(0, len(open_ones.atoms) - 1, 50).astype(int)])
    assert LengthTables.of(folded, kind.mapping, 0.01).score(right).mean() < FOREIGN
    system = System(((kind, 50),))
    assert not examined(system, field, 350.0, [(right.reshape(-1, 3), None)], "mapped").misfits


def test_stiff_molecules_that_were_smeared() -> None:
    """Their lengths have nothing in common with those of the free molecule but the mean, and that is what is said."""
    known = survey("octane")
    free = free_molecule(known.system.types[0], known.forcefield, 350.0)
    atoms = np.repeat(free.atoms[:1], 300, axis=0)
    still = free.kind.mapping.apply(atoms)
    tables = LengthTables.of(replace(free, atoms=atoms), free.kind.mapping, 0.01)
    smeared = still + np.random.default_rng(1).normal(0.0, 0.015, still.shape)
    one = Compared(free, tables, smeared, "mapped", "mapped", 350.0, known.forcefield)
    assert tables.score(smeared).mean() < FOREIGN
    misfit, = _of_type(one)
    assert not misfit.grave
    assert misfit.problem.startswith("distances between beads of OCT vary")
