"""Stereocentres of the wrong hand are turned over; what the sweeps themselves do is in tests/property."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from backmap.engine.sites.sweep import mirror_wrong_centres, projection
from backmap.model.molecule import handedness
from tests import scenes


def test_a_wrong_centre_is_turned_over_with_its_hydrogen() -> None:
    system, window = scenes.crowd((scenes.phenyl(), 3), n_frames=2)
    group, kind = system.groups[0], system.types[0]
    wrong = window.atoms.copy()
    mirrored = group.atoms[1]  # one molecule of one frame is the mirror image
    centre = wrong[1, mirrored].mean(axis=0)
    wrong[1, mirrored] = (wrong[1, mirrored] - centre) * [1, 1, -1] + centre
    window = replace(window, atoms=wrong, beads=system.map(wrong))
    assert len(system.wrong_stereo(wrong)) == 1
    scene = scenes.scene_of(system, window)
    beads = mirror_wrong_centres(scene, system)
    assert np.argwhere(beads).tolist() == [[1, int(group.beads[1, kind.bead_names.index("F1")])]]
    found = scene.atoms.numpy()
    moved = np.argwhere(np.abs(found - wrong).max(axis=2) > 1e-12)
    carbon, hydrogen = (int(mirrored[kind.atom_names.index(name)]) for name in ("C2", "H4"))
    assert moved.tolist() == [[1, carbon], [1, hydrogen]]
    assert len(system.wrong_stereo(found)) == 0
    _assert_tetrahedral(found[1, mirrored], kind.chemistry.centres[0], kind.atom_names.index("H4"))
    projection(system)(scene)
    found = scene.atoms.numpy()
    assert (handedness(found[:, group.atoms], kind.chemistry.centres) == kind.chemistry.sign).all()
    _assert_tetrahedral(found[1, mirrored], kind.chemistry.centres[0], kind.atom_names.index("H4"))


def _assert_tetrahedral(atoms: np.ndarray, centre: np.ndarray, hydrogen: int) -> None:
    """The hydrogen is on the other side of the centre than its three neighbours, at its distance."""
    arms = atoms[centre[1:]] - atoms[centre[0]]
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    own = atoms[hydrogen] - atoms[centre[0]]
    assert 0.1 < np.linalg.norm(own) < 0.12
    assert (arms @ own / np.linalg.norm(own) < 0).all()


def test_right_centres_are_left_alone() -> None:
    system, window = scenes.crowd()
    scene = scenes.scene_of(system, window)
    assert not mirror_wrong_centres(scene, system).any()
    np.testing.assert_array_equal(scene.atoms.numpy(), window.atoms)
