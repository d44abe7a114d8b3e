"""Numbers, plots and the data of the view."""
from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.report.content import Panel
from backmap_plugins.report.figures import extent, plot, ticks
from backmap_plugins.report.numbers import decimals, number, percent, short
from backmap_plugins.report.viewer import MOST_ATOMS, packed, scene, still

from backmap.model.assessment import BEFORE, REFERENCE, BeadValues, Example
from backmap.model.system import System
from tests import builders, judgements
from tests.judgements import OWN
from tests.polymer import line


def test_numbers_have_four_digits_and_true_minus_signs() -> None:
    assert number(-416.3, decimals([-416.3, 42.6])) == "−416.3"
    assert number(0.0035, decimals([0.0035, 0.1986])) == "0.0035"
    assert number(-0.00001, 4) == "0.0000"
    assert number(float("nan")) == number(None) == "–"
    assert number(0.9922, decimals([1.0, 0.9922])) == "0.9922"
    assert (short(0.01230), short(1234567.0), short(0.0)) == ("0.0123", "1\u202f234\u202f567", "0")
    assert percent(0.99999).startswith("99.99")


@pytest.mark.parametrize(("low", "high", "angle", "expected"), [
    (0.0, 1.0, False, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), (-180.0, 180.0, True, [-180, -90, 0, 90, 180]),
    (0.13, 0.2, False, [0.14, 0.16, 0.18, 0.2])])
def test_ticks_are_round(low: float, high: float, angle: bool, expected: list[float]) -> None:
    np.testing.assert_allclose(ticks(low, high, 5, angle), expected)


def panel(**curves: np.ndarray) -> Panel:
    edges = np.linspace(0, 1, 11)
    return Panel("x", "bonds", "C-C", "length", "nm", "density", {label: (edges, v) for label, v in curves.items()})


def test_a_plot_draws_every_trajectory_inside_its_frame() -> None:
    bell = np.exp(-np.linspace(-2, 2, 10) ** 2)
    picture, remark = plot(panel(**{REFERENCE: bell, "a": bell[::-1] + 0.1, "b": np.full(10, np.nan)}),
                           {REFERENCE: "ref", "a": "t1", "b": "t2"})
    assert remark == ""
    assert picture.count('class="line"') == 2
    assert 'role="img"' in picture
    points = re.findall(r'class="line" d="M([^"]+)"', picture)[1].split("L")
    assert np.all((np.array([p.split() for p in points], dtype=float) >= 0).all())


def test_a_peak_far_above_all_others_is_cut_and_that_is_said() -> None:
    peak = np.zeros(10)
    peak[5] = 100.0
    assert plot(panel(**{REFERENCE: peak, "a": np.ones(10)}), {"a": "t1"})[1] == f"{REFERENCE} cut off at the top"


@pytest.mark.parametrize(("unit", "told"), [("kJ/mol", "a: 2 % lies beyond, as far as 3 000"), ("deg", "")])
def test_a_value_far_away_is_told_and_does_not_squash_the_plot(unit: str, told: str) -> None:
    """But angles end by themselves, and a second well is not an outlier."""
    edges = np.linspace(0, 3000, 301)
    bell, one = np.exp(-((edges[:-1] - 200) / 30) ** 2), np.zeros(300)
    one[-1] = 0.02 * bell.sum() / 0.98
    far = replace(panel(a=bell + one, b=bell), unit=unit)
    far.curves = {label: (edges, values[1]) for label, values in far.curves.items()}
    picture, remark = plot(far, {"a": "t1", "b": "t2"})
    assert remark.replace("\u202f", " ").replace("\u00a0", " ") == told
    largest = max(float(text) for text in re.findall(r'text-anchor="middle">(\d+)<', picture.replace("\u202f", "")))
    assert largest < 500 if told else largest >= 2000


@pytest.mark.parametrize(("unit", "told"), [("kJ/mol", "b lies beyond, about 2 9"), ("deg", "")])
def test_a_trajectory_far_away_does_not_squash_the_plot_of_the_others(unit: str, told: str) -> None:
    """A template whose atoms overlap has all its energies at the end of the axis."""
    edges = np.linspace(0, 3000, 301)
    bell, end = np.exp(-((edges[:-1] - 200) / 30) ** 2), np.zeros(300)
    end[-1] = 0.1
    far = replace(panel(), unit=unit, curves={REFERENCE: (edges, bell), "a": (edges, bell), "b": (edges, end)})
    _, high, remark = extent(far)
    assert remark.replace("\u202f", " ").startswith(told)
    assert (high < 500) == bool(told)
    assert bool(remark) == bool(told)
    assert plot(far, {"a": "t1", "b": "t2"})[1].startswith(remark)


def test_nothing_at_all_can_be_plotted() -> None:
    assert plot(panel(a=np.zeros(10)), {"a": "t1"})[1] == ""


def test_the_view_has_whole_molecules_around_the_centre() -> None:
    judged, system = judgements.judgement()
    view = scene(judged.examples, system)
    (frame,) = view.frames
    assert sum(view.atom_counts) == len(view.elements) == system.n_atoms <= MOST_ATOMS
    assert view.bonds.max() < len(view.elements)
    lengths = np.linalg.norm(np.subtract(*frame.atoms[REFERENCE][view.bonds.T]), axis=1)
    assert lengths.max() < 0.17
    groups = np.split(frame.beads, np.cumsum(view.bead_counts)[:-1])
    away = [np.linalg.norm(beads.mean(axis=0)) for beads in groups]
    assert away == sorted(away)
    first = view.atom_counts[0]
    assert np.linalg.norm(frame.atoms[REFERENCE][:first].mean(axis=0) - groups[0].mean(axis=0)) < 0.1
    assert "<circle" in still(view, OWN)


def test_molecules_are_the_same_in_all_frames() -> None:
    """Those nearest to the centre of the first one, each in one piece at its nearest image, with its atoms."""
    system = System(((builders.water(), 2000),))
    box = np.eye(3) * 5.0
    atoms = builders.place(system, box)
    later = atoms + 1.7
    examples = [Example(k, box, system.map(x), {"a": x}) for k, x in enumerate((atoms, later))]
    first, second = scene(examples, system).frames
    moved = second.beads - first.beads - 1.7
    np.testing.assert_allclose(moved - 5.0 * np.round(moved / 5.0), 0, atol=1e-9)
    assert np.abs(second.beads).max() < 2.6
    assert np.abs(second.atoms["a"][::3] - second.beads).max() < 0.2


def test_a_large_system_is_cut_to_whole_molecules() -> None:
    system = System(((builders.water(), 2000),))
    box = np.eye(3) * 5.0
    atoms = builders.place(system, box)
    view = scene([Example(0, box, system.map(atoms), {"a": atoms})], system)
    assert sum(view.atom_counts) == MOST_ATOMS
    assert view.n_molecules == 2000
    assert np.abs(view.frames[0].beads).max() < 2.6


def test_beads_are_coloured_on_one_scale_for_all_trajectories() -> None:
    """From the 1 % to the 99 % quantile of all values; none and infinite ones are told apart from numbers."""
    judged, system = judgements.judgement()
    n = system.n_beads
    rising, falling = np.arange(n, dtype=float), 2.0 * np.arange(n)[::-1]
    rising[3], falling[5] = np.nan, np.inf
    values = {"a": [BeadValues("force", "kJ/mol/nm", rising)], "b": [BeadValues("force", "kJ/mol/nm", falling),
                                                                      BeadValues("none", "", np.full(n, np.nan))]}
    view = scene([replace(judged.examples[0], values=values), *judged.examples], system)
    (colours,) = view.colourings
    every = np.concatenate([rising, falling])
    low, high = np.quantile(every[np.isfinite(every)], [0.01, 0.99])
    assert (colours.low, colours.high) == pytest.approx((low, high))
    assert (colours.least, colours.most) == (0.0, np.inf)
    written = json.loads(json.dumps(colours.to_json(), allow_nan=False))
    assert written["most"] == "Infinity"
    shown, none = written["values"]
    assert none == {}
    assert len(shown["a"]) == len(shown["b"]) == len(view.bead_types)
    assert shown["a"].count(None) == shown["b"].count("Infinity") == 1
    order = [value for value in shown["a"] if value is not None]
    assert sorted(order) == [k for k in range(n) if k != 3]
    assert scene(judged.examples, system).colourings == []


def test_positions_survive_packing() -> None:
    for scale in (1.0, 100.0):
        positions = np.random.default_rng(0).normal(size=(7, 3)) * scale
        data = packed(positions)
        read = np.frombuffer(base64.b64decode(data["data"]), dtype=np.dtype(data["type"]).newbyteorder("<"))
        np.testing.assert_allclose(read.reshape(-1, 3) / 1000, positions, atol=6e-4)


def test_beads_are_drawn_by_their_bonds() -> None:
    """Three beads 0.7 nm apart: balls and sticks, and no spheres of the same beads about them."""
    system = System(((line(3), 2),))
    beads = np.array([[0.7 * k, y, 0.0] for y in (0.0, 1.0) for k in range(3)])
    view = scene([Example(0, np.zeros((3, 3)), beads, {OWN: beads, BEFORE: 1.1 * beads})], system)
    assert view.own_beads
    assert view.bond == pytest.approx(0.7 * 1.05)
    picture = still(view, OWN)
    assert picture.count('<circle class="eX"') == picture.count("<circle") == 6
    assert picture.count("<path") == 2 * 4  # two halves of each bond
    assert view.to_json()["bond"] == pytest.approx(0.735)


def test_atoms_are_drawn_as_ever() -> None:
    judged, system = judgements.judgement()
    view = scene(judged.examples, system)
    assert (view.bond, view.own_beads) == (0.0, False)
