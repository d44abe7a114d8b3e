"""The ``stay_or_renew`` generator: densities that know the frame before, and a known kernel that is learned again."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from backmap_plugins.generators.stay_or_renew.generator import StayOrRenew, StayOrRenewOptions
from numpy.typing import NDArray

from backmap.engine.carrying import superposed
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.model.system import Window
from tests import chains, rotors

Array = NDArray[np.float64]

STAYS, CONCENTRATION = 0.9, 100.0  #: of the kernel that is to be learned: share that stays, and how closely


def learner(width: int = 32) -> StayOrRenew:
    torch.manual_seed(0)
    generator = StayOrRenew(StayOrRenewOptions(channels=4, width=width))
    generator.network.eval()
    return generator


def seen(generator: StayOrRenew, atoms: Array, beads: Array, before: Array | None = None,
         then: Array | None = None) -> tuple[Scene, LocalEnvironment, torch.Tensor]:
    """Rotors (m, 4, 3) about beads (m, 3, 3), told where they were about those of the frame before; true positions."""
    system, places = chains.far_apart(rotors.KIND, atoms)
    corner = (places.reshape(atoms.shape) - atoms)[:, :1]
    window = Window(np.zeros(1, dtype=np.int64), np.zeros(1), np.zeros((1, 3, 3)), (beads + corner).reshape(1, -1, 3),
                    system=system).with_atoms(places[None])
    scene = Scene.of(window, system, FragmentTable.build([rotors.KIND], generator.view, [resting_order(rotors.KIND)]),
                     generator.view)
    if before is not None:
        moved = superposed(system, (before + corner).reshape(-1, 3), (then + corner).reshape(-1, 3), window.beads[0])
        scene.before = torch.as_tensor(moved[None])
    last = torch.arange(2, 3 * len(atoms), 3)
    frame = torch.zeros_like(last)
    return scene, scene.gather(frame, last), scene.own(frame, last)


def torsions_of(env: LocalEnvironment, positions: torch.Tensor, beads: Array) -> tuple[Array, Array]:
    """Atoms (S, 4, 3) of drawn positions (S, F, 3) about beads (S, 3, 3); torsions and angles of the fourth, (S,)."""
    fourth = env.atoms == 3
    last = positions[fourth].numpy() + beads[:, 2]
    atoms = np.concatenate([beads, last[:, None]], axis=1)
    return rotors.torsions(atoms), chains.angle_of(atoms, 1, 2, 3)


def test_what_stays_is_where_it_was_and_densities_are_normalised() -> None:
    """Weighted by exp(-U / kT) over their density, draws given any frame before have the law of the rotor."""
    generator = learner()
    with torch.no_grad():
        generator.network.stay.weight.zero_()
        generator.network.stay.bias.copy_(torch.tensor([1.0, 3.0]))  # 73 % stay, within 4 degrees
        generator.network.angle.weight.zero_()  # angles as they are, so that weights are even
        generator.network.angle.bias.copy_(torch.tensor([1.24] * 3 + [0.8] * 3 + [0.0] * 3))
    beads, draws = rotors.beads_in_time(2), 60
    atoms = [rotors.started(beads[k], seed=k) for k in range(2)]
    _, env, _ = seen(generator, atoms[1], beads[1], atoms[0], beads[0])
    draw = generator.draw(env, Stream.of(1, torch.arange(env.size)), draws)
    torsion, weight = [], []
    for k in range(draws):
        phi, theta = torsions_of(env, draw.positions[:, k].double(), beads[1])
        potential = (rotors.STIFFNESS / 2 * (theta - rotors.ANGLE)**2
                     + rotors.BARRIER / 2 * (1 + np.cos(2 * phi))) / rotors.HEAT
        torsion.append(phi)
        weight.append(np.exp(-potential - draw.log_density[:, k].numpy()))
    torsion, weight = np.array(torsion), np.array(weight)
    stayed = np.abs(np.angle(np.exp(1j * (torsion - rotors.torsions(atoms[0]))))) < 0.35
    assert 0.72 < stayed.mean() < 0.85  # and some that were drawn anew
    assert torch.allclose(draw.log_density[:, 7], generator.log_density(env, draw.positions[:, 7]), atol=1e-4)
    edges = np.linspace(-np.pi, np.pi, 9)
    expected = np.histogram(rotors.PHI, edges, weights=rotors.densities()[0])[0]
    # Each rotor has its own frame before, and draws of its own: they are independent of each other.
    each = np.stack([np.histogram(torsion[:, m], edges, weights=weight[:, m])[0] for m in range(env.size)])
    found, error = each.sum(axis=0) / each.sum(), each.std(axis=0) * np.sqrt(env.size) / each.sum()
    assert np.abs((found - expected / expected.sum()) / error).max() < 4


def test_without_a_frame_before_everything_is_drawn_anew() -> None:
    generator = learner()
    beads = rotors.beads_in_time(1)
    _, env, target = seen(generator, rotors.started(beads[0]), beads[0])
    assert env.before is None
    value = generator.log_density(env, target)
    with torch.no_grad():
        generator.network.stay.bias.fill_(9.0)
    assert torch.equal(value, generator.log_density(env, target))


def test_the_frame_before_is_seen_turned_and_mirrored_with_the_rest() -> None:
    generator = learner()
    beads = rotors.beads_in_time(2)
    atoms = [rotors.started(beads[k], seed=k) for k in range(2)]
    _, env, target = seen(generator, atoms[1], beads[1], atoms[0], beads[0])
    mirrored = replace(env, sign=-env.sign)
    assert not torch.allclose(generator.log_density(env, target), generator.log_density(mirrored, target), atol=1e-3)
    flip = {name: -getattr(env, name) for name in ("given", "context", "beads", "neighbours", "neighbour_beads",
                                                   "before")}
    assert torch.allclose(generator.log_density(env, target),
                          generator.log_density(replace(mirrored, **flip), -target), atol=1e-4)


def hidden(phi: Array, rng: np.random.Generator) -> Array:
    """Torsions a frame later by the kernel that is to be learned."""
    weights = rotors.densities()[0]
    anew = rng.choice(rotors.PHI, phi.shape, p=weights / weights.sum())
    stays = rng.random(phi.shape) < STAYS
    return np.where(stays, phi + rng.vonmises(0, CONCENTRATION, phi.shape), anew)


def turned_to(atoms: Array, phi: Array) -> Array:
    """Rotors (m, 4, 3) with these torsions."""
    axis = atoms[:, 2] - atoms[:, 1]
    axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    arm = atoms[:, 3] - atoms[:, 2]
    by = (phi - rotors.torsions(atoms))[:, None]
    out = (np.cos(by) * arm + np.sin(by) * np.cross(axis, arm)
           + (1 - np.cos(by)) * (arm * axis).sum(axis=1, keepdims=True) * axis)
    return np.concatenate([atoms[:, :3], (atoms[:, 2] + out)[:, None]], axis=1)


@pytest.mark.slow
def test_a_known_kernel_is_learned_from_pairs_and_gives_its_rate_of_jumps() -> None:
    """Beads of an Ornstein-Uhlenbeck process, a rotor that stays or is drawn anew: shares, widths, and jumps."""
    rng, frames = np.random.default_rng(3), 401
    beads = rotors.beads_in_time(frames)
    atoms = [rotors.started(beads[0])]
    for k in range(1, frames):
        fresh = rotors.started(beads[k], seed=100 + k)
        atoms.append(turned_to(fresh, hidden(rotors.torsions(atoms[-1]), rng)))
    assert np.abs(np.angle(np.exp(1j * (rotors.torsions(turned_to(atoms[3], np.full(rotors.COUNT, 0.3))) - 0.3)))
                  ).max() < 1e-6
    generator = learner()
    generator.network.train()
    optimiser = torch.optim.Adam(generator.network.parameters(), lr=3e-3)
    for k in range(1, frames):
        _, env, target = seen(generator, atoms[k], beads[k], atoms[k - 1], beads[k - 1])
        loss = generator.loss(env, target, Stream.of(k, torch.arange(env.size))).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * (1 - k / frames)
    generator.network.eval()
    now, jumps, steps, torsions = atoms[-1], 0, 60, []
    later = rotors.beads_in_time(steps + 1, seed=9)
    now = turned_to(rotors.started(later[0]), rotors.torsions(now))
    for k in range(1, steps + 1):
        _, env, _ = seen(generator, rotors.started(later[k]), later[k], now, later[k - 1])
        drawn = generator.draw(env, Stream.of(7, k, torch.arange(env.size))).positions[:, 0].double()
        last = drawn[env.atoms == 3].numpy() + later[k][:, 2]
        before, now = rotors.torsions(now), np.concatenate([later[k], last[:, None]], axis=1)
        jumps += int((np.sign(before) != np.sign(rotors.torsions(now))).sum())
        torsions.append(rotors.torsions(now))
    true = np.sign(np.stack([rotors.torsions(one) for one in atoms]))
    rate, found = (true[1:] != true[:-1]).mean(), jumps / (steps * rotors.COUNT)
    error = np.sqrt(found / (steps * rotors.COUNT) + rate / true[1:].size)
    assert abs(found - rate) < 3 * error + 0.05 * rate, (found, rate, error)
    edges = np.linspace(-np.pi, np.pi, 9)
    expected = np.histogram(rotors.PHI, edges, weights=rotors.densities()[0])[0]
    shares = np.histogram(np.array(torsions), edges)[0] / np.array(torsions).size
    assert np.abs(shares - expected / expected.sum()).max() < 0.03
