"""Distributions of few numbers are drawn as such."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.report.content import Panel
from backmap_plugins.report.few import in_wide_bins, told
from backmap_plugins.report.pages import drawn

from backmap.model.assessment import REFERENCE

EDGES = np.linspace(-4.0, 4.0, 161)


def histogram(n: int) -> np.ndarray:
    counts = np.histogram(np.random.default_rng(n).normal(size=n), EDGES)[0]
    return counts / (max(1, counts.sum()) * np.diff(EDGES))


def panel(**numbers: int) -> Panel:
    return Panel("x", "energy", "Lennard-Jones", "energy", "kJ/mol", "density",
                 {label: (EDGES, histogram(n)) for label, n in numbers.items()}, dict(numbers))


def test_few_numbers_get_wide_bins_and_many_keep_theirs() -> None:
    shown = in_wide_bins(panel(few=36, many=20000, none=0))
    assert shown.stepped == {"few"}
    edges, values = shown.curves["few"]
    assert (values * np.diff(edges)).sum() == pytest.approx(1)
    inside = values > 0
    assert 36 / inside.sum() >= 3  # teeth have one each
    assert 4 <= inside.sum() <= 10
    for label in ("many", "none"):
        assert len(shown.curves[label][1]) == 160
    assert told(shown) == "36 values of few"


def test_what_is_no_density_or_of_unknown_size_stays() -> None:
    plain = panel(a=12)
    plain.samples.clear()
    assert not in_wide_bins(plain).stepped
    course = panel(a=12)
    course.quantity = "K"
    assert not in_wide_bins(course).stepped


def test_the_plot_says_so_and_draws_bins() -> None:
    plot = drawn(panel(**{REFERENCE: 36, "backmap": 36, "template": 12}), {REFERENCE: "ref"}, ["JSD 0.1"])
    assert plot.remark == "JSD 0.1; 36 values of reference, backmap; 12 values of template"
    assert len(plot.curves["curves"][1]["values"]) < 20
    lines = [part.split('"')[0] for part in plot.picture.split('class="line" d="M')[1:]]
    for line in lines:  # level and upright pieces only
        points = np.array([point.split() for point in line.split("L")], dtype=float)
        assert (np.abs(np.diff(points, axis=0)) < 0.11).any(axis=1).all()
