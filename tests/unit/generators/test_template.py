"""The template generator: rigid fragments from the beads alone."""
from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.generators.template.generator import Template, TemplateOptions

from backmap.engine.checkpoints.library import collect
from backmap.engine.random import Stream
from backmap.engine.sites.environment import Scene
from backmap.errors import BackmapError
from backmap.model.system import System
from tests import builders, scenes


@cache
def crowd() -> tuple[System, Scene]:
    system, window = scenes.crowd()
    return system, scenes.scene_of(system, window)


@cache
def ideal() -> Template:
    template = Template(TemplateOptions(conformers=6))
    template.prepare(crowd()[0], "cpu")
    return template


def drawn(template: Template, scene: Scene, candidates: int = 1) -> torch.Tensor:
    frame, bead = scenes.every_site(scene)
    return template.draw(scene.gather(frame, bead), Stream.of(3, frame, bead), candidates).positions


def test_it_starts_itself_and_reads_beads_alone() -> None:
    _, scene = crowd()
    assert ideal().parallel
    assert ideal().starter() is ideal()
    blank = replace(scene, atoms=torch.full_like(scene.atoms, torch.nan), placed=torch.zeros_like(scene.placed))
    assert torch.equal(drawn(ideal(), scene), drawn(ideal(), blank))


def test_candidates_are_conformers_at_the_same_bead() -> None:
    _, scene = crowd()
    positions = drawn(ideal(), scene, 5)
    weights = scene.fragments.weight_own[scene.layout.row.repeat(2), 0].double()
    torch.testing.assert_close(torch.einsum("skfx,sf->skx", positions, weights),
                               torch.zeros(len(positions), 5, 3, dtype=torch.float64), atol=1e-6, rtol=0)
    assert float((positions[:, 0] - positions[:, 1]).abs().max()) > 1e-3


def test_stereocentres_come_out_right() -> None:
    """Of molecules that are one fragment, so that the template knows all arms of the centre."""
    kind = builders.chiral()
    mapping = replace(kind.mapping, owner=np.zeros(5, dtype=np.int64), n_beads=1, bead=np.zeros(5, dtype=np.int64),
                      atom=np.arange(5), weight=np.full(5, 0.2))
    one = replace(kind, mapping=mapping, bead_names=["A1"], bead_types=["A"], bead_residue_names=["CHI"],
                  bead_residues=np.ones(1, dtype=np.int64), bead_bonds=np.empty((0, 2), dtype=np.int64))
    system = System(((one, 20),))
    scene = scenes.scene_of(system, builders.window(system))
    template = Template(TemplateOptions(conformers=6))
    template.prepare(system, "cpu")
    frame, bead = scenes.every_site(scene)
    env = scene.gather(frame, bead)
    scene.scatter(frame, bead, env.block, template.draw(env, Stream.of(0, frame, bead)).positions[:, 0])
    assert len(system.wrong_stereo(scene.atoms.numpy())) == 0


def test_a_checkpoint_without_the_molecule_is_refused(tmp_path: Path) -> None:
    system, scene = crowd()
    path = tmp_path / "weights.safetensors"
    generator = scenes.tiny()
    generator.save(path, system, collect(scene, 4, 0), {})
    template = Template(TemplateOptions(checkpoint=path))
    assert template.prepare(system, "cpu").n_beads == system.n_beads
    with pytest.raises(BackmapError, match="the weights know no molecule type 'BUT'"):
        Template(TemplateOptions(checkpoint=path)).prepare(builders.system(), "cpu")


def test_a_library_of_other_atoms_is_refused() -> None:
    system, scene = crowd()
    template = Template.from_library(collect(scene, 4, 0))
    kind = system.types[0]
    other = System(((replace(kind, atom_names=["X", *kind.atom_names[1:]]), 1),))
    with pytest.raises(BackmapError, match="there are no conformers of molecule type 'OCT'"):
        template.prepare(other, "cpu")
