"""The assessor from frames to figures, on a small system."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.assessor import Landscape
from pydantic import ValidationError

from backmap import testing
from backmap.errors import BackmapError
from backmap.model.system import System, Window
from backmap.model.tally import Tally
from tests import builders

from ..scene import measured, snapshot, values

pytest.importorskip("featomic")
pytest.importorskip("sklearn")

BOX = builders.TRICLINIC
SMALL = {"n_max": 3, "l_max": 2, "sigma": 0.05, "landmarks": 20, "restarts": 1, "molecules": ["BUT"], "bins": 5}
SYSTEM = builders.system((builders.butane(), 12), (builders.water(), 5))


def begun(**options) -> Landscape:
    assessor = Landscape(Landscape.Options(**{**SMALL, **options}))
    assessor.begin(SYSTEM, None)
    return assessor


def window(n_frames: int = 3) -> tuple[System, Window]:
    """Frames, and others of the same beads as reference."""
    made = builders.window(SYSTEM, BOX, n_frames)
    noise = np.random.default_rng(1).normal(scale=0.01, size=made.atoms.shape)
    return SYSTEM, replace(made, reference=made.atoms + noise)


def tallied(assessor: Landscape, n_frames: int, noise: float, first: int = 0, beads: int = 0):
    """Frames with noise; ``beads`` says whose they are, frame by frame."""
    rng, found = np.random.default_rng([3, first, beads]), []
    for k in range(n_frames):
        atoms = builders.place(SYSTEM, BOX, k + beads)
        noisy = atoms + rng.normal(scale=noise, size=atoms.shape)
        found.append(snapshot(SYSTEM, noisy, BOX, index=k, beads=SYSTEM.map(atoms)))
    return measured(assessor, *found)[0]


@pytest.mark.parametrize("options", [{}, {"points": "environments", "clusters": 2}, {"kernel": "ordered"},
                                     {"landmarks": 0}, {"centres": {"BUT": ["C1"]}, "kernel": "average"},
                                     {"centres": "beads", "temperature": 300.0}, {"limit": 20}])
def test_it_keeps_the_promises_of_assessors(options: dict) -> None:
    testing.check_assessor(Landscape(Landscape.Options(**{**SMALL, **options})), *window())


def test_the_same_is_not_told_apart_and_noise_is() -> None:
    """Ten pairs: noise of 0.005 nm in both, and of 0.04 nm in the candidate."""
    assessor = begun(landmarks=0)
    true, good, bad = (tallied(assessor, 10, noise, k) for k, noise in enumerate((0.005, 0.005, 0.04)))
    right, wrong = (assessor.conclude(each, true) for each in (good, bad))
    for name in ("environments", "molecules"):
        assert values(right)["landscape", name, "p of the MMD"] > 0.05, name
        assert values(wrong)["landscape", name, "p of the MMD"] < 0.01, name
        assert values(wrong)["landscape", name, "MMD²"] > 5 * values(right)["landscape", name, "MMD²"]
    assert values(right)["landscape", "environments", "classifier accuracy"] == pytest.approx(0.5, abs=0.1)
    assert values(wrong)["landscape", "environments", "classifier accuracy"] > 0.65
    assert "cannot be told" in right.findings[0].text
    assert "can be told" in wrong.findings[0].text


def test_it_is_told_that_four_pairs_are_too_few() -> None:
    assessor = begun(landmarks=0)
    said = assessor.conclude(tallied(assessor, 4, 0.01, 1), tallied(assessor, 4, 0.01, 2))
    assert ("landscape", "environments", "p of the MMD") not in values(said)
    assert any("4 pairs of frames are too few for a p-value" in note for note in said.notes)
    assert any("too few for a classifier" in note for note in said.notes)


@pytest.mark.parametrize(("n_frames", "permutations"), [(8, 500), (10, 100)])
def test_there_is_no_finding_where_none_could_be_bad(n_frames: int, permutations: int) -> None:
    """The least p-value of eight pairs is 1/128, that of 100 exchanges 1/101: twice that is above the level."""
    assessor = begun(landmarks=0, permutations=permutations)
    said = assessor.conclude(tallied(assessor, n_frames, 0.04, 1), tallied(assessor, n_frames, 0.005, 2))
    assert values(said)["landscape", "molecules", "p of the MMD"] < 0.01
    assert not said.findings
    assert any("too few to tell: 2 tests give no p-value below 0.0" in note for note in said.notes)


def test_frames_that_are_repeated_shrink_no_error() -> None:
    """The same frames twice: the same figures and errors, and a note."""
    assessor = begun()
    frames = [snapshot(SYSTEM, builders.place(SYSTEM, BOX, k % 4), BOX, index=k) for k in range(8)]
    once, twice = measured(assessor, *frames[:4])[0], measured(assessor, *frames)[0]
    first, second = assessor.conclude(once, None), assessor.conclude(twice, None)
    assert [(figure.key, figure.value, figure.error) for figure in first.figures] == [
        (figure.key, figure.value, figure.error) for figure in second.figures]
    assert any(figure.error for figure in first.figures)
    assert "4 frames are there more than once, and count once" in second.notes


def test_a_frame_without_positions_is_left_out() -> None:
    assessor = begun()
    good = [snapshot(SYSTEM, builders.place(SYSTEM, BOX, k), BOX, index=k) for k in range(3)]
    atoms = builders.place(SYSTEM, BOX, 3)
    atoms[4] = np.nan
    bad = snapshot(SYSTEM, atoms, BOX, index=3, beads=good[0].beads)
    said = assessor.conclude(measured(assessor, *good, bad)[0], None)
    assert said.notes[0].startswith("1 frames are left out of the landscape")
    assert np.isfinite([figure.value for figure in said.figures]).all()
    nothing = assessor.conclude(measured(assessor, bad)[0], None)
    assert not nothing.figures
    assert "no frame is left to be compared" in nothing.notes


def test_a_map_is_saved_and_drawn_on_again(tmp_path: Path) -> None:
    """The same frames have the same figures on it."""
    assessor = begun(save="map.npz")
    tally = tallied(assessor, 4, 0.01)
    first = assessor.conclude(tally, None)
    assert [str(path) for path in assessor.paths()] == ["map.npz"]
    (written,) = assessor.files().values()
    (tmp_path / "map.npz").write_bytes(written)
    again = begun(map=tmp_path / "map.npz").conclude(tally, None)
    assert values(again) == pytest.approx(values(first))
    with pytest.raises(BackmapError, match=r"of other points: radius is 0\.6 there and 0\.7 here"):
        begun(map=tmp_path / "map.npz", radius=0.7)


def test_candidates_of_one_reference_share_its_map() -> None:
    assessor = begun()
    true = tallied(assessor, 4, 0.01)
    assessor.conclude(true, None)
    for noise in (0.01, 0.03):
        assessor.conclude(tallied(assessor, 4, noise, 5), true)
    assert len(assessor.memo.charts) == 1


def test_populations_are_shares() -> None:
    assessor = begun()
    figures = values(assessor.conclude(tallied(assessor, 4, 0.02, 1), tallied(assessor, 4, 0.02, 2)))
    shares = [value for key, value in figures.items() if key[2] == "population"]
    assert len(shares) >= 2
    assert sum(shares) == pytest.approx(1)
    assert 0 <= figures["landscape", "map", "JSD"] <= np.log(2)


def test_of_many_molecules_every_nth_is_taken_and_it_is_told() -> None:
    """4 frames of 12 molecules, and no more than 20: every third."""
    assessor, tally = begun(limit=20), Tally()
    tally.period = 4
    for k in range(4):
        assessor.measure(snapshot(SYSTEM, builders.place(SYSTEM, BOX, k), BOX, index=k), tally)
    said = assessor.conclude(tally, None)
    assert "one molecule of 3 is taken, so that there are no more than 20" in said.notes
    hover = next(surface.hover for surface in said.surfaces)
    assert hover is not None
    assert hover[:5] == ["frame 0, BUT 1", "frame 0, BUT 4", "frame 0, BUT 7", "frame 0, BUT 10", "frame 1, BUT 1"]


@pytest.mark.parametrize(("options", "said"), [
    ({"save": "map.txt"}, "should end in .npz"), ({"save": "map.npz", "landmarks": 0}, "no new map to save"),
    ({"radius": 0.05}, "smoothing is wider than the radius"), ({"exponents": (6, 6, 0, 2)}, "should be above 0")])
def test_options_that_make_no_sense_are_refused(options: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Landscape.Options(**options)
