"""The force_field generator: promises, hands, rings, beads, errors, and whole runs."""
from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.generators.force_field.generator import ForceFieldOptions, FromForceField
from backmap_plugins.molecules.assemble import molecule_type
from rich.console import Console

from backmap import testing
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import LocalEnvironment
from backmap.errors import BackmapError
from backmap.model.isomers import CIS, TRANS, handedness, sides
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
from backmap.running.display import Display
from tests import builders, scenes
from tests.unit.generators.small import (
    alone,
    angle_at,
    butane_field,
    crowd,
    drawn,
    everywhere,
    field_of,
    generator_of,
    measured,
    parameters,
    pentane,
    slots,
)

TORN = -500  #: a log-density below this means that a ring did not close


# Promises


def test_it_keeps_the_promises_of_generators() -> None:
    testing.check_options(FromForceField)
    testing.check_generator(FromForceField(ForceFieldOptions()))
    testing.check_generator(FromForceField(ForceFieldOptions(bead_width=None, lennard_jones=False, nodes=48)))


@pytest.mark.parametrize("constraints", ["all-bonds", "h-bonds"])
@pytest.mark.parametrize("masked", [False, True])
def test_the_density_of_a_draw_is_what_draw_said(constraints: str, masked: bool) -> None:
    scene, generator = crowd(constraints)
    env = everywhere(scene)
    if masked:  # every second atom, so that some that come later stand already
        block = env.block & (torch.arange(env.block.shape[1]) % 2 == 1)
        env = scene.gather(*scenes.every_site(scene), temperature=350.0, block=block)
    draw = drawn(generator, env, 3)
    assert bool(draw.positions.isfinite().all())
    for k in range(3):
        again = generator.log_density(env, draw.positions[:, k])
        torch.testing.assert_close(again, draw.log_density[:, k], atol=1e-5, rtol=1e-9)


def test_rigid_bonds_are_exact_and_rings_close() -> None:
    scene, generator = crowd("all-bonds")
    env = everywhere(scene)
    tables, draw = env.fragments, drawn(generator, env, 20)
    positions = draw.positions.flatten(0, 1)
    around = torch.cat([env.context, env.beads], dim=1).double().repeat_interleave(20, 0)
    local = torch.cat([positions, around], dim=1)
    row = env.row.repeat_interleave(20)
    origin = local.gather(1, tables.reference[row][:, :, 0, None].expand(-1, -1, 3))
    rigid = env.block.repeat_interleave(20, 0) & tables.length[row].isfinite() & ~tables.pinned[row]
    length = (positions - origin).norm(dim=2)
    torch.testing.assert_close(length[rigid], tables.length[row][rigid].double(), atol=1e-9, rtol=0)
    closes = tables.closure[row] >= 0
    other = local.gather(1, tables.closure[row].clamp_min(0)[:, :, None].expand(-1, -1, 3))
    torn = ((positions - other).norm(dim=2) - tables.closure_length[row].double()).abs() > 1e-6
    torch.testing.assert_close((torn & closes).any(dim=1), draw.log_density.flatten() < TORN)
    assert float((torn & closes).any(dim=1)[closes.any(dim=1)].double().mean()) < 0.1


def test_temperature_widens_the_draws() -> None:
    kind, shape = pentane()
    field = field_of(measured(kind, shape))
    spread = []
    for temperature in (100.0, 400.0):
        env = alone(kind, shape, temperature, [3])
        generator = generator_of(field, System(((kind, 1),)), bead_width=None)
        placed = drawn(generator, env, 2000).positions[0, :, slots(env, [3])[0]]
        spread.append(float(np.std(angle_at(shape, placed))))
    assert spread[1] / spread[0] == pytest.approx(2, rel=0.1)


def test_a_site_does_not_depend_on_its_batch() -> None:
    scene, generator = crowd("all-bonds")
    env = everywhere(scene)
    whole = drawn(generator, env, 2)
    for chosen in (torch.tensor([5]), torch.arange(env.size).flip(0)):
        part = generator.draw(env.at(chosen), Stream.of(0, torch.arange(env.size)).at(chosen), 2)
        torch.testing.assert_close(part.log_density, whole.log_density[chosen], atol=1e-9, rtol=0)
        torch.testing.assert_close(part.positions, whole.positions[chosen], atol=1e-9, rtol=0)


# Hands


def test_the_wrong_hand_is_never_drawn() -> None:
    kind = scenes.phenyl()
    env, generator = everywhere(crowd("all-bonds")[0]), crowd("all-bonds")[1]
    chosen = torch.nonzero(env.fragments.type[env.row] == 1)[:, 0]
    env = env.at(chosen)
    draw = drawn(generator, env, 150)
    base = int(env.fragments.atom_base[1])
    n_right = 0
    for s in range(env.size):
        row = int(env.row[s])
        placed = torch.zeros(150, kind.n_atoms, 3, dtype=torch.float64)
        there = env.context_placed[s]
        placed[:, env.fragments.context[row][there] - base] = env.context[s][there].double()
        own = env.fragments.atoms[row]
        placed[:, own[own >= 0] - base] = draw.positions[s][:, own >= 0]
        touched = set((own[own >= 0] - base).tolist()) & set(kind.chemistry.centres[0].tolist())
        if touched:
            assert (handedness(placed.numpy(), kind.chemistry.centres) == kind.chemistry.sign).all()
            n_right += 150
    assert n_right >= 450


@pytest.mark.parametrize("side", [CIS, TRANS])
def test_the_wrong_side_is_never_drawn(side: int) -> None:
    """Torsions of the made-up field are soft: without a side a butene is drawn on either."""
    atoms, shape = builders.atoms_of("C/C=C\\C", "BUE")
    rows = dict.fromkeys(atoms.atom_names, 1.0)
    kind = molecule_type(atoms, builders.beads_of(atoms, {"A1": rows}))
    field = field_of(measured(kind, shape))
    for told in (0, side):
        sided = kind.with_signs(kind.chemistry.sign, np.array([told]))
        env = alone(sided, shape, bead=0)
        draw = drawn(generator_of(field, System(((sided, 1),))), env, 200)
        placed = draw.positions[0][:, slots(env, list(range(12)))]
        assert {*sides(placed.numpy(), kind.planar.atoms).ravel().tolist()} == ({side} if told else {CIS, TRANS})


def test_mirror_images_of_the_other_hand_are_drawn_as_mirror_images() -> None:
    scene, generator = crowd("all-bonds")
    env, plane = everywhere(scene), torch.diag(torch.tensor([1.0, -1.0, 1.0]))
    mirrored = replace(testing.turned(env, plane), sign=-env.sign)
    first, second = drawn(generator, env, 2), drawn(generator, mirrored, 2)
    there = generator.log_density(mirrored, first.positions[:, 0] @ plane.double())
    fine = first.log_density[:, 0] > TORN
    torch.testing.assert_close(there[fine], first.log_density[fine][:, 0], atol=1e-3, rtol=1e-5)
    away = (second.positions - first.positions @ plane.double()).norm(dim=3)[env.block[:, None].expand(-1, 2, -1)]
    assert float((away < 1e-4).double().mean()) > 0.95  # rings that do not close stand in line


# Beads and neighbours


def test_fragments_aim_at_their_beads_and_at_the_atoms_that_follow() -> None:
    scene, generator = crowd("all-bonds")
    env = everywhere(scene)
    env = env.at(torch.nonzero(env.fragments.type[env.row] == 0)[:, 0])  # octane, from a real liquid
    weights, shared = env.fragments.weight_own[env.row][:, 0].double(), env.fragments.weight_context[env.row][:, 0]
    assert not bool(shared.any())
    missed = {}
    for width in (0.01, None):
        field, kinds = generator.field, System(tuple((kind, 1) for kind in env.fragments.types))
        aiming = generator_of(field, kinds, bead_width=width)
        missed[width] = torch.einsum("skfi,sf->ski", drawn(aiming, env, 20).positions, weights).norm(dim=2).median()
    assert missed[0.01] < 0.02
    assert missed[None] > 1.5 * missed[0.01]


def test_lennard_jones_keeps_atoms_apart() -> None:
    scene, generator = crowd("all-bonds")
    env = everywhere(scene)
    kinds = System(tuple((kind, 1) for kind in env.fragments.types))
    near = []
    for on in (True, False):
        positions = drawn(generator_of(generator.field, kinds, lennard_jones=on), env, 5).positions
        apart = torch.cdist(positions.flatten(1, 2), env.neighbours.double())
        foreign = env.neighbours_placed & ~env.neighbour_same
        mask = (env.block.repeat(1, 5)[:, :, None] & foreign[:, None])
        near.append(int((apart[mask] < 0.2).sum()))
    assert near[0] < 0.7 * near[1]


# Errors


def test_what_is_missing_is_named() -> None:
    kind, shape = pentane()
    system = System(((kind, 1),))
    bare = FromForceField(ForceFieldOptions())
    with pytest.raises(BackmapError, match="needs a force field"):
        bare.prepare(system, "cpu")
    with pytest.raises(BackmapError, match="no parameters for molecule type 'PEN'"):
        generator_of(field_of(), system)
    loose = replace(kind, bond_length=np.full(4, np.nan))
    env = alone(loose, shape)
    with pytest.raises(BackmapError, match="no term for the bond X3-X2 of 'PEN'"):
        drawn(generator_of(butane_field(loose), system), env)
    long = testing.molecule_type("LON", [6] * 7, [(k, k + 1) for k in range(6)], [[k] for k in range(7)])
    long = replace(long, bond_length=np.full(6, 0.153))
    reaching = parameters(long, {"harmonic_angle": [((0, 3, 6), [1.0, 1.0])]})
    with pytest.raises(BackmapError, match="reaches beyond the context"):
        drawn(generator_of(field_of(reaching), System(((long, 1),))), stretched(long))


def test_explicit_pairs_may_be_of_any_atoms() -> None:
    """Draws do not know of those that are far along the bonds; nearer ones count."""
    long = testing.molecule_type("LON", [6] * 7, [(k, k + 1) for k in range(6)], [[k] for k in range(7)])
    long = replace(long, bond_length=np.full(6, 0.153))
    field, env = parameters(long, {}), stretched(long)
    with_pairs = replace(field, pairs=np.array([[0, 6]]), pair_parameters=np.array([[0.0, 1e-6, 0.1]]))
    system = System(((long, 1),))
    far, none = (drawn(generator_of(field_of(each), system), env).positions for each in (with_pairs, field))
    assert torch.equal(far, none)


def stretched(kind: MoleculeType) -> LocalEnvironment:
    """The first bead of a chain of seven atoms."""
    return alone(kind, np.array([[0.1 * k, 0.05 * (k % 2), 0] for k in range(7)]), bead=0)


# Whole runs

RECIPE = """\
recipe: 1
seed: 3
device: cpu
output: out
steps:
  - topology: {{atoms: {{gromacs: {folder}/octane.top}}, mapping: {{votca: {folder}/octane.xml}},
               constraints: all-bonds}}
  - forcefield: {{gromacs: {folder}/octane.top}}
  - read: {{beads: {{gromacs: [{folder}/cg.gro, {folder}/cg.xtc]}}}}
  - forward: {{generator: force_field, start: {start}, temperature: 350}}
  - gibbs: {{sweeps: 2, temperature: 350, regularizer: steric}}
  - write: {{atoms: {{gromacs: atoms.gro}}}}
"""


def run(folder: Path, text: str) -> None:
    (folder / "run.yaml").write_text(text)
    steps = recipe.load(folder / "run.yaml", Registry().discover())
    runner.run(steps, display=Display(Console(file=io.StringIO())), force=True, chosen="0")


@pytest.mark.parametrize("start", ["parallel", "sequential"])
def test_octane_without_training(tmp_path: Path, start: str) -> None:
    run(tmp_path, RECIPE.format(folder=scenes.RECIPE, start=start))
    system = scenes.octane_system()
    info = GromacsFrames([tmp_path / "out" / "atoms.gro"]).frame(0)
    atoms = system.whole_atoms(info.positions, info.box)[system.groups[0].atoms]
    kind = system.types[0]
    length = np.linalg.norm(atoms[:, kind.bonds[:, 0]] - atoms[:, kind.bonds[:, 1]], axis=-1)
    np.testing.assert_allclose(length, np.broadcast_to(kind.bond_length, length.shape), atol=0.003)
    angles = []
    for b in kind.graph:
        near = [a for a in kind.graph[b] if kind.chemistry.element[a] == 6]
        for a, c in ((a, c) for a in near for c in near if a < c):
            u, v = atoms[:, a] - atoms[:, b], atoms[:, c] - atoms[:, b]
            angles.append(np.degrees(np.arccos((u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1))))
    # Beads fix most of the backbone and single fragments cannot move it: wider than the force field's 3.6 degrees.
    assert np.mean(angles) == pytest.approx(113.1, abs=4)
    assert np.std(angles) < 12


def test_a_recipe_without_force_field_is_refused(tmp_path: Path) -> None:
    text = RECIPE.format(folder=scenes.RECIPE, start="parallel")
    line = f"  - forcefield: {{gromacs: {scenes.RECIPE}/octane.top}}\n"
    assert line in text
    with pytest.raises(BackmapError, match="step 'forward' needs forcefield"):
        run(tmp_path, text.replace(line, ""))
