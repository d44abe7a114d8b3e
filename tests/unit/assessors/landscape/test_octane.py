"""Landscapes of liquid octane: what descriptors see and do not see, verdicts, and bad input."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.assessor import Landscape
from backmap_plugins.assessors.landscape.centres import centres_of
from backmap_plugins.assessors.landscape.descriptors import Environments
from backmap_plugins.environments.spectra import Spectrum
from scipy.spatial.transform import Rotation

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.assessment import Assessment
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import scenes

pytest.importorskip("featomic")
pytest.importorskip("sklearn")
N_FRAMES = 10


@pytest.fixture(scope="module")
def octane() -> tuple[System, list[Snapshot]]:
    system, window = scenes.octane_window(N_FRAMES)
    return system, list(Snapshot.all_of(window, system, AtomIndex(system), np.arange(N_FRAMES)))


def described(system: System, frame: Snapshot, **spectrum: float) -> np.ndarray:
    return Environments(system, centres_of(system, None, None), Spectrum(0.5, **spectrum)).of(frame)


def moved(frame: Snapshot, atoms: np.ndarray, box: np.ndarray | None = None) -> Snapshot:
    return replace(frame, atoms=atoms, box=frame.box if box is None else box)


def test_descriptors_do_not_see_where_all_is_nor_its_mirror_image(octane: tuple[System, list[Snapshot]]) -> None:
    """Vectors of norm 1 are kept in single precision: 1e-6."""
    system, [frame, *_] = octane
    first = described(system, frame)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-6)
    turn = Rotation.from_rotvec([0.3, -1.2, 0.7]).as_matrix()
    lattice = np.random.default_rng(1).integers(-2, 3, size=frame.atoms.shape) @ frame.box
    shift = np.array([0.4, -0.1, 3.0])
    for atoms, box in ((frame.atoms + shift, frame.box), (frame.atoms @ turn.T, frame.box @ turn.T),
                       (frame.atoms + lattice, frame.box), (-frame.atoms, frame.box)):
        np.testing.assert_allclose(described(system, moved(frame, atoms, box)), first, atol=2e-6)


def test_descriptors_see_an_atom_that_moved(octane: tuple[System, list[Snapshot]]) -> None:
    system, [frame, *_] = octane
    atoms = frame.atoms.copy()
    atoms[0] += 0.02
    assert np.abs(described(system, moved(frame, atoms)) - described(system, frame)).max() > 1e-3


def test_a_neighbour_comes_in_without_a_jump(octane: tuple[System, list[Snapshot]]) -> None:
    """Through the radius in ten steps: no step is larger than what a smooth weight allows."""
    system, [frame, *_] = octane
    centre = centres_of(system, None, None).points[0, 0]
    atoms = frame.atoms + 100.0 * np.arange(system.n_atoms)[:, None]  # without a box, far from each other
    steps = []
    for away in np.linspace(0.495, 0.505, 11):
        atoms[26] = atoms[centre] + [away, 0, 0]
        steps.append(described(system, replace(frame, atoms=atoms.copy(), box=None), width=0.1)[0])
    assert np.abs(np.diff(steps, axis=0)).max() < 0.01


def test_a_box_may_be_triclinic_or_smaller_than_the_sphere(octane: tuple[System, list[Snapshot]]) -> None:
    """Two periods of one box are the same liquid; the radius is more than half of the box."""
    system, [frame, *_] = octane
    skew = frame.box + frame.box[0] * np.array([[0.0], [1.0], [-2.0]])  # another cell of the same lattice
    np.testing.assert_allclose(described(system, moved(frame, frame.atoms, skew)), described(system, frame), atol=2e-6)
    wide = Environments(system, centres_of(system, None, None).every(32), Spectrum(0.6 * frame.box[0, 0], sigma=0.1))
    found = wide.of(moved(frame, frame.atoms, skew), centres_of(system, None, None).every(32))
    straight = wide.of(frame, centres_of(system, None, None).every(32))
    np.testing.assert_allclose(found, straight, atol=2e-6)


def judged(system: System, ours: list[Snapshot], theirs: list[Snapshot], **options: object) -> Assessment:
    assessor = Landscape(Landscape.Options(permutations=200, restarts=2, landmarks=40, **options))
    assessor.begin(system, None)
    tallies = []
    for frames in (ours, theirs):
        tally = Tally()
        for frame in frames:
            assessor.measure(frame, tally)
        tallies.append(tally)
    return assessor.conclude(*tallies)


def figures(found: Assessment) -> dict[tuple[str, str], float]:
    return {(one.name, one.quantity): one.value for one in found.figures}


def test_true_frames_are_good_and_frames_with_bent_molecules_are_not(octane: tuple[System, list[Snapshot]]) -> None:
    system, frames = octane
    same = judged(system, frames, frames)
    assert figures(same)["environments", "MMD²"] == pytest.approx(0, abs=1e-9)
    assert figures(same)["map", "JSD"] == pytest.approx(0, abs=1e-9)
    bent = []
    for frame in frames:
        atoms = frame.atoms.reshape(-1, 26, 3).copy()
        atoms[:, :7] += 0.03 * (atoms[:, 4] - atoms[:, 7])[:, None]  # the first bead moves outwards
        bent.append(replace(frame, atoms=atoms.reshape(-1, 3)))
    found = judged(system, bent, frames)
    assert figures(found)["environments", "p of the MMD"] < 0.01
    assert figures(found)["environments", "classifier accuracy"] > 0.6
    assert [aspect.topic for aspect in found.findings] == ["local environments"]
    assert "can be told" in found.findings[0].text
    populations = [value for (name, what), value in figures(same).items() if what == "population"]
    assert sum(populations) == pytest.approx(1)
    assert any(surface.points is not None and len(surface.hover) == len(surface.points) for surface in same.surfaces)


@pytest.mark.parametrize(("options", "said"), [
    ({"centres": {"OCT": ["C99"]}}, "OCT has no atom 'C99'"),
    ({"centres": {"PS": ["C1"]}}, "there is no molecule type 'PS'"),
    ({"molecules": ["SOL"]}, "there is no molecule type 'SOL'"),
    ({"radius": 3.0}, "Gaussians of 0.03 nm cannot be expanded over a radius of 3 nm")])
def test_what_is_not_there_is_one_line(options: dict[str, object], said: str) -> None:
    with pytest.raises(BackmapError, match=said):
        Landscape(Landscape.Options(**options)).begin(scenes.octane_system(), None)
