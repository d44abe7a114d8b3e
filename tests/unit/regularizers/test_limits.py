"""Limits that training frames show, the flat bottom between them, and steric radii of beads."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from backmap_plugins.molecules.limits import TAIL
from backmap_plugins.regularizers.limits import FlatBottom, FlatBottomOptions
from backmap_plugins.regularizers.steric import Steric, StericOptions

from backmap.engine.sites.contracts import View
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.system import Window
from tests import beads, scenes

BOND, ANGLE, CONTACT = 3000.0, 100.0, 50.0


def far_pairs(window: Window, frame: int, n: int) -> dict[tuple[str, str], np.ndarray]:
    """Distance of every bead from the nearest of each type that is not within two bonds, the slow way."""
    atoms, box = window.atoms[frame], window.boxes[frame]
    away = np.linalg.norm(periodic.minimum_image(atoms[None] - atoms[:, None], box), axis=-1)
    number = np.arange(len(atoms))
    near = (number[:, None] // n == number // n) & (np.abs(number[:, None] - number) <= 2)
    away[near] = np.inf
    types = np.array(beads.TYPES)[number % 2]
    return {(a, b): away[types == a][:, types == b].min(axis=1) for a in "AB" for b in "AB"}


def test_limits_are_quantiles_of_training_frames() -> None:
    system, window = beads.melt(3)
    n = system.types[0].n_atoms
    chains = window.atoms.reshape(-1, n, 3)
    found = system.types[0].limits
    (a, b, low, high), = found["bonds"]
    assert (a, b) == ("A", "B")
    lengths = np.linalg.norm(np.diff(chains, axis=1), axis=2)
    assert (low, high) == pytest.approx(np.quantile(lengths, [TAIL, 1 - TAIL]))
    assert [row[:3] for row in found["angles"]] == [["A", "B", "A"], ["B", "A", "B"]]
    assert all(np.pi / 2 - 1e-6 < row[3] < row[4] < 5 * np.pi / 6 + 1e-6 for row in found["angles"])
    slow = [far_pairs(window, frame, n) for frame in range(3)]
    for a, b, least in found["contacts"]:
        sides = [one[pair] for one in slow for pair in {(a, b), (b, a)}]
        assert least == pytest.approx(np.quantile(np.concatenate(sides), TAIL), abs=1e-9)


def test_units_of_length_are_mean_bonds() -> None:
    system, window = beads.melt(3)
    lengths = np.linalg.norm(np.diff(window.atoms.reshape(-1, 8, 3), axis=1), axis=2)
    assert system.types[0].length_unit == pytest.approx(lengths.mean() / 0.3)


@pytest.mark.parametrize("off", [0.0, 0.3])
def test_the_flat_bottom_is_what_its_equations_say(off: float) -> None:
    """One site at a time, term by term, from all beads of the frame."""
    system, window = beads.melt(1)
    kind, n = system.types[0], 8
    scene = scenes.scene_of(system, window, View(2.0))
    env = scene.gather(*scenes.every_site(scene))
    moved = scene.own(*scenes.every_site(scene)) + off * torch.randn(
        env.size, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    flat = FlatBottom(FlatBottomOptions(bond=BOND, angle=ANGLE, contact=CONTACT))
    found = flat.terms(env, moved[:, None])
    limits = {name: {tuple(row[:size]): row[size:] for row in kind.limits[name]}
              for name, size in (("bonds", 2), ("angles", 3), ("contacts", 2))}

    def excess(value: float, low: float, high: float) -> float:
        return max(low - value, 0.0)**2 + max(value - high, 0.0)**2

    box = window.boxes[0]
    for site in range(0, env.size, 7):
        first = site // 4 * n + site % 4 * 2
        x = window.atoms[0].copy()
        x[site // 4 * n + env.atoms[site].numpy()] = moved[site].numpy() + window.beads[0, site]
        chain, own = x[site // 4 * n:(site // 4 + 1) * n], {first % n, first % n + 1}
        bond = sum(excess(np.linalg.norm(chain[k] - chain[k + 1]), *limits["bonds"]["A", "B"])
                   for k in range(n - 1) if own & {k, k + 1})
        angle = 0.0
        for k in range(1, n - 1):
            if own & {k - 1, k, k + 1}:
                u, v = chain[k - 1] - chain[k], chain[k + 1] - chain[k]
                value = np.arccos(np.clip(u @ v / np.linalg.norm(u) / np.linalg.norm(v), -1, 1))
                angle += excess(value, *limits["angles"][tuple("ABA" if k % 2 else "BAB")])
        contact = 0.0
        pairs = {tuple(sorted((first + f, other))) for f in (0, 1) for other in range(len(x)) if other != first + f}
        for i, j in pairs:
            if i // n == j // n and abs(i - j) <= 2:
                continue
            least, = limits["contacts"][tuple(sorted(("AB"[i % 2], "AB"[j % 2])))]
            d = np.linalg.norm(periodic.minimum_image(x[j] - x[i], box))
            contact += max(1 - d / least, 0.0)**2
        assert float(found["bond"][site, 0]) == pytest.approx(BOND * bond, rel=1e-5, abs=1e-6)
        assert float(found["angle"][site, 0]) == pytest.approx(ANGLE * angle, rel=1e-4, abs=1e-5)
        assert float(found["contact"][site, 0]) == pytest.approx(CONTACT * contact, rel=1e-5, abs=1e-6)
    inside = float((flat.energy(env, moved[:, None]) < 1e-9).double().mean())
    assert (inside > 0.8) if off == 0 else (inside < 0.5), inside


def test_atoms_have_no_limits() -> None:
    system, window = scenes.crowd(n_frames=1)
    scene = scenes.scene_of(system, window)
    env = scene.gather(*scenes.every_site(scene))
    with pytest.raises(BackmapError, match="no limits are known of 'OCT'"):
        FlatBottom(FlatBottomOptions()).energy(env, scene.own(*scenes.every_site(scene))[:, None])


def test_steric_radii_of_beads_come_from_their_frames() -> None:
    """Beads of a training frame cost next to nothing; those that stand on others cost much; both twins agree."""
    system, window = beads.melt(1)
    scene = scenes.scene_of(system, window, View(2.0))
    sites = scenes.every_site(scene)
    env, own = scene.gather(*sites), scene.own(*sites)[:, None]
    steric = Steric(StericOptions(stiffness=1000.0))
    still = steric.energy(env, own)
    least = {tuple(row[:2]): row[2] for row in system.types[0].limits["contacts"]}
    assert float((still < 1.0).double().mean()) > 0.8
    onto = own.clone()
    onto[:, 0, 0] = env.neighbours[torch.arange(env.size), torch.where(
        env.neighbours_placed & ~env.neighbour_same, 1.0, 0.0).argmax(dim=1)]
    hit = steric.energy(env, onto)
    expected = 0.5 * 1000.0 * min(least["A", "A"], least["B", "B"])**2
    assert float((hit > 0.9 * expected).double().mean()) > 0.95
    tensors = steric.energy(env, onto.clone().requires_grad_()).detach()
    torch.testing.assert_close(hit, tensors, rtol=1e-2, atol=1e-2)
