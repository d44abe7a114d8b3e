"""Energies of single fragments: their differences are those of whole frames."""
from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.site import SiteEnergy
from backmap.engine.sites.contracts import View
from backmap.engine.sites.environment import Scene
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window
from tests import forcefields, scenes

#: Narrower than two cut-offs of the view: beads see images of others, and of their own molecule.
BOX = np.array([[2.4, 0.0, 0.0], [0.7, 2.3, 0.0], [-0.5, 0.9, 2.2]])
#: The made-up terms join any two atoms of a molecule, so the context is all of it.
VIEW = View(cutoff=2.1, context=14)


@cache
def world(coulomb: str = "reaction_field", box: bool = True,
          tail: str = "none") -> tuple[System, Window, ForceField, Scene, SiteEnergy]:
    system, window = scenes.crowd(box=BOX if box else None, n_frames=2)
    field = replace(forcefields.everything(system, coulomb, cutoff=0.7), tail=tail, switch=0.5)
    scene = scenes.scene_of(system, window, VIEW)
    site = SiteEnergy(system, field, scene.fragments, VIEW)
    site.check(scene, window.boxes)
    return system, window, field, scene, site


def candidates(scene: Scene, frame: Tensor, bead: Tensor, n: int = 3, seed: int = 0) -> Tensor:
    """Present positions of fragments with every atom moved a little, (S, n, F, 3)."""
    own = present_positions(scene, frame, bead)
    rng = np.random.default_rng(seed)
    return own[:, None] + torch.as_tensor(rng.normal(0, 0.02, (len(own), n, *own.shape[1:])))


def present_positions(scene: Scene, frame: Tensor, bead: Tensor) -> Tensor:
    return scene.atoms[frame[:, None], scene.layout.owned[bead].clamp_min(0)] - scene.beads[frame, bead][:, None]


def moved(scene: Scene, frame: int, bead: int, positions: Tensor, block: Tensor | None = None) -> np.ndarray:
    """Atoms of a frame with one fragment put elsewhere."""
    atoms, rows = scene.atoms[frame].clone(), scene.layout.owned[bead]
    there = rows >= 0 if block is None else (rows >= 0) & block
    atoms[rows[there]] = (positions + scene.beads[frame, bead])[there]
    return atoms.numpy()


@pytest.mark.parametrize(("coulomb", "box", "tail"), [
    ("reaction_field", True, "none"), ("cutoff", True, "shift"), ("none", True, "force_switch"),
    ("reaction_field", False, "potential_switch")])
def test_differences_are_those_of_whole_frames(coulomb: str, box: bool, tail: str) -> None:
    system, window, field, scene, site = world(coulomb, box, tail)
    frame, bead = scenes.every_site(scene)
    drawn = candidates(scene, frame, bead)
    energy, before = site.of(scene, frame, bead, drawn), site.present(scene, frame, bead)
    whole = FrameEnergy(system, field)
    totals = [whole.of(window.atoms[w], window.box(w)).total for w in range(window.size)]
    for s in range(len(frame)):
        w = int(frame[s])
        after = whole.of(moved(scene, w, int(bead[s]), drawn[s, s % 3]), window.box(w)).total
        rounding = 1e-5 + 1e-14 * abs(totals[w])  # molecules overlap: totals are large
        assert (energy[s, s % 3] - before[s]).item() == pytest.approx(after - totals[w], rel=1e-9, abs=rounding)


def test_atoms_outside_the_block_stay_where_they_are() -> None:
    system, window, field, scene, site = world()
    frame, bead = scenes.every_site(scene)
    drawn = candidates(scene, frame, bead)
    rng = np.random.default_rng(3)
    block = torch.as_tensor(rng.random(scene.layout.owned[bead].shape) < 0.5)
    energy, before = site.of(scene, frame, bead, drawn, block), site.present(scene, frame, bead)
    whole = FrameEnergy(system, field)
    totals = [whole.of(window.atoms[w], window.box(w)).total for w in range(window.size)]
    for s in range(0, len(frame), 3):
        w = int(frame[s])
        after = whole.of(moved(scene, w, int(bead[s]), drawn[s, 0], block[s]), window.box(w)).total
        assert (energy[s, 0] - before[s]).item() == pytest.approx(after - totals[w], rel=1e-9, abs=1e-5)


@pytest.mark.parametrize(("coulomb", "tail"), [("reaction_field", "force_switch"), ("none", "none")])
def test_the_kernel_and_the_tensors_agree(coulomb: str, tail: str) -> None:
    _, _, _, scene, site = world(coulomb, tail=tail)
    frame, bead = scenes.every_site(scene)
    drawn = candidates(scene, frame, bead)
    quick = site.of(scene, frame, bead, drawn)
    slow = site.of(scene, frame, bead, drawn.clone().requires_grad_())
    assert slow.requires_grad
    np.testing.assert_allclose(quick, slow.detach(), rtol=1e-10, atol=1e-8)


def test_its_gradient_is_the_force_on_the_fragment() -> None:
    system, window, field, scene, site = world()
    forces = torch.as_tensor(FrameEnergy(system, field).forces(window.atoms[0], window.box(0)))
    bead = torch.arange(scene.beads.shape[1])
    frame = torch.zeros_like(bead)
    leaf = present_positions(scene, frame, bead)[:, None].requires_grad_()
    site.of(scene, frame, bead, leaf).sum().backward()
    owned = scene.layout.owned[bead]
    there = owned >= 0
    np.testing.assert_allclose(-leaf.grad[:, 0][there], forces[owned[there]], rtol=1e-8, atol=1e-5)


def test_sites_do_not_depend_on_the_batch_they_are_in() -> None:
    _, _, _, scene, site = world()
    frame, bead = scenes.every_site(scene)
    drawn = candidates(scene, frame, bead)
    together = site.of(scene, frame, bead, drawn)
    for s in range(0, len(frame), 5):
        alone = site.of(scene, frame[s:s + 1], bead[s:s + 1], drawn[s:s + 1, 1:2])
        torch.testing.assert_close(alone[0, 0], together[s, 1], rtol=1e-12, atol=0)


def test_atoms_that_are_not_placed_do_not_count() -> None:
    system, window, _, _, _ = world()
    field = forcefields.everything(system, cutoff=0.7)
    bare = Scene.of(replace(window, atoms=None, placed=None), system, scenes.tables_of(system, VIEW), VIEW)
    site = SiteEnergy(system, field, bare.fragments, VIEW)
    frame, bead = torch.zeros(2, dtype=torch.long), torch.tensor([0, bare.beads.shape[1] - 1])
    drawn = present_positions(world()[3], frame, bead)[:, None]
    energy = site.of(bare, frame, bead, drawn)
    assert torch.isfinite(energy).all()
    bare.atoms.fill_(0.3)  # where atoms that are not placed would be is nobody's business
    assert torch.equal(site.of(bare, frame, bead, drawn), energy)


def test_a_candidate_too_far_from_its_bead_has_infinite_energy() -> None:
    _, _, _, scene, site = world()
    frame, bead = scenes.every_site(scene)
    drawn = candidates(scene, frame, bead)
    drawn[0, 1, 0, 0] += 2 * site.limit
    energy = site.of(scene, frame, bead, drawn)
    assert torch.isinf(energy[0, 1])
    assert energy[0, 1] > 0
    assert torch.isfinite(energy).sum() == energy.numel() - 1


def test_what_would_not_be_exact_is_refused() -> None:
    system, window, field, scene, site = world()
    with pytest.raises(BackmapError, match=r"sees? only 0\.7 nm"):
        SiteEnergy(system, field, scene.fragments, View(cutoff=0.7))
    narrow = SiteEnergy(system, field, scene.fragments, View(cutoff=0.8, context=14))
    with pytest.raises(BackmapError, match="nm from its bead"):
        narrow.check(scene, window.boxes)
    with pytest.raises(BackmapError, match=r"box is only 1\.500 nm wide"):
        site.check(scene, np.eye(3)[None] * 1.5)
    with pytest.raises(BackmapError, match="beyond the context"):
        SiteEnergy(system, field, scenes.tables_of(system, View(cutoff=2.1, context=1)), View(cutoff=2.1, context=1))
