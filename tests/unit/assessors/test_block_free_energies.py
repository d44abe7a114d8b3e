"""The ``block_free_energies`` assessor: beads that are hard to fill, and what it needs."""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from backmap_plugins.assessors.blocks import BlockFreeEnergies
from backmap_plugins.generators.force_field.generator import FromForceField
from backmap_plugins.generators.template.generator import Template

from backmap import testing
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import forcefields, scenes

from .scene import measured, values


@cache
def octane() -> tuple[System, ForceField, list[Snapshot]]:
    system, window = scenes.octane_window(2)
    field = forcefields.read(scenes.RECIPE / "octane.top", system)
    return system, field, list(Snapshot.all_of(window, system, AtomIndex(system), np.arange(2)))


@cache
def begun(candidates: int = 4, seed: int = 3, **options: object) -> BlockFreeEnergies:
    system, field, _ = octane()
    given = BlockFreeEnergies.Options(temperature=350, candidates=candidates, generator=trained(), **options)
    assessor = BlockFreeEnergies(given)
    assessor.use(None, seed, "cpu")
    assessor.begin(system, field)
    return assessor


def trained() -> object:
    from backmap_plugins.generators.equivariant.generator import Equivariant

    generator = Equivariant(Equivariant.Options(checkpoint=scenes.RECIPE / "octane_350K.safetensors"))
    generator.name = "equivariant"
    return generator


def test_it_keeps_the_promises_of_assessors() -> None:
    system, field, _ = octane()
    _, window = scenes.octane_window(3)
    true = window.atoms + 0.002 * np.arange(1, 4)[:, None, None]
    assessor = BlockFreeEnergies(BlockFreeEnergies.Options(temperature=350, candidates=2, generator=trained()))
    testing.check_assessor(assessor, system, replace(window, reference=true), field)


def test_figures_curves_and_flags() -> None:
    _, _, frames = octane()
    assessor = begun(flag_worst=0.01)
    tally, flags = measured(assessor, *frames)
    assert flags["hard_to_fill"].sum() == 3
    said = assessor.conclude(tally, tally)
    found = values(said)
    section = "free energies of beads"
    assert found[section, "all", "JSD"] == found[section, "bead M", "shift of the median"] == 0
    assert found[section, "all", "share without any possible draw"] == 0
    assert 1 <= found[section, "all", "effective draws of 4"] <= 4
    assert found[section, "all", "99 % above the median"] < found[section, "all", "99.9 % above the median"]
    assert {curve.name for curve in said.curves} == {"free energy, all", "free energy, bead E", "free energy, bead M"}
    assert said.notes[0].startswith("hardest to fill, kJ/mol above the median: frame ")


def test_a_bead_that_something_stands_in_is_the_hardest_to_fill() -> None:
    """A whole molecule, moved onto another one: beads of these two, and their forces, tell; no other bead does."""
    system, _, frames = octane()
    frame, group = frames[0], system.groups[0]
    atoms, beads = frame.atoms.copy(), frame.beads.copy()
    move = beads[group.beads[0, 1]] - beads[group.beads[40, 1]]
    atoms[group.atoms[40]] += move
    beads[group.beads[40]] += move
    (shown,) = begun().of_beads(replace(frame, atoms=atoms, beads=beads, _found={}))
    assert set(np.argsort(-shown.values)[:2]) <= set(group.beads[[0, 40]].ravel())
    assert shown.values.max() > 10 * np.quantile(shown.values, 0.9)
    assert (shown.name, shown.unit) == ("free energy above the median of its kind", "kJ/mol")


def test_draws_follow_from_seed_frame_and_replica() -> None:
    _, _, frames = octane()
    once = begun().of_beads(frames[0])[0].values
    np.testing.assert_array_equal(begun().of_beads(frames[0])[0].values, once)
    for other in (begun(seed=4).of_beads(frames[0]), begun().of_beads(replace(frames[0], replica=1, _found={})),
                  begun().of_beads(replace(frames[0], number=7, _found={}))):
        assert not np.allclose(other[0].values, once)


@pytest.mark.parametrize("share", [2.5, 1e-9])
def test_bins_that_are_too_narrow_are_said(share: float) -> None:
    _, _, frames = octane()
    assessor = begun(range=20.0) if share < 1 else begun()
    tally, _ = measured(assessor, frames[0])
    said = any("lie beyond the bins" in note for note in assessor.conclude(tally, None).notes)
    assert said == (share < 1)


def test_a_generator_without_a_density_is_refused() -> None:
    system, field, _ = octane()
    assessor = BlockFreeEnergies(BlockFreeEnergies.Options())
    assert assessor.needs == {"forcefield", "generator"}
    assessor.use(Template(Template.Options()), 1, "cpu")
    with pytest.raises(BackmapError, match="the generator has no density, so its draws cannot be weighed"):
        assessor.begin(system, field)
    with pytest.raises(BackmapError, match="free energies need a force field"):
        assessor.begin(system, None)


def test_its_own_generator_needs_what_that_needs() -> None:
    options = BlockFreeEnergies.Options(generator=FromForceField(FromForceField.Options()))
    assert BlockFreeEnergies(options).needs == {"forcefield"}
    assert Tally().names() == []
