"""Surfaces in reports: heat maps, differences that are more than noise, and what the three formats say of them."""
from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.report import render
from backmap_plugins.report.content import collect
from backmap_plugins.report.heatmaps import N_COLOURS, PALE, Scale, difference_map, maps_of, value_map
from backmap_plugins.report.pages import shipped
from backmap_plugins.report.surfaces import Difference, SurfacePanel

from backmap.model.assessment import REFERENCE, Assessment, Judgement, Surface
from tests import judgements
from tests.judgements import OTHERS, OWN

from .test_report import HOSTILE, Page

EDGES = np.array([0.0, 60.0, 120.0, 180.0]), np.array([-1.0, 0.0, 3.0])
VALUES = np.array([[0.1, 0.2], [0.0, 0.3], [np.nan, 0.4]])


def surface(values: np.ndarray = VALUES, **changes: object) -> Surface:
    return Surface("maps", "φ and z", ("φ", "z"), ("deg", "nm"), EDGES, np.asarray(values, dtype=float), **changes)


def panel(floor: Surface | None = None, **surfaces: Surface) -> SurfacePanel:
    first = next(iter(surfaces.values()))
    return SurfacePanel("mine", *first.key, surfaces, floor)


def cells(picture: str) -> dict[str, int]:
    """Cells of a picture by class."""
    return {name: path.count("M") for name, path in re.findall(r'<path class="([hd]\d+|pale)" d="([^"]+)"', picture)}


SCALE = Scale("h", 0.0, 0.4)


@pytest.mark.parametrize(("quantity", "filled"), [("density", 4), ("population", 4), ("free energy, kJ/mol", 5)])
def test_there_is_a_cell_for_every_bin_that_is_not_empty(quantity: str, filled: int) -> None:
    picture = value_map(surface(quantity=quantity), SCALE, "a")
    assert sum(cells(picture).values()) == filled
    assert cells(picture)["h23"] == 1


def test_cells_lie_where_their_bins_are() -> None:
    only = np.full((3, 2), np.nan)
    only[2, 0] = 0.4  # x from 120 to 180 of 180 degrees, y the lowest quarter
    x, y, width, height = map(float, re.search(r'd="M(\S+) (\S+)h(\S+)v(\S+)h-\S+z"', value_map(surface(only), SCALE,
                                                                                               "a")).groups())
    left, top, side = map(float, re.search(r'class="axis" x="(\d+)" y="(\d+)" width="(\d+)"',
                                           value_map(surface(), SCALE, "a")).groups())
    assert (x - left, width) == pytest.approx((side * 2 / 3, side / 3), abs=0.1)
    assert (y - top, height) == pytest.approx((side * 3 / 4, side / 4), abs=0.1)


@pytest.mark.parametrize("values", [np.full((3, 2), np.nan), np.zeros((3, 2)), np.full((3, 2), 2.5),
                                    np.full((3, 2), -2.5)])
@pytest.mark.parametrize("quantity", ["density", "free energy, kJ/mol"])
def test_nothing_and_all_the_same_can_be_drawn(values: np.ndarray, quantity: str) -> None:
    same = surface(values, quantity=quantity, errors=np.full((3, 2), np.nan))
    drawn = panel(**{REFERENCE: same, "a": same})
    pictures = [each for group in maps_of(drawn)[0] for each in (group.scale, *(one.picture for one in group.maps))]
    assert len(pictures) == 5
    assert not any(re.search(r"\b(nan|inf)\b", picture) for picture in pictures)
    assert sum(cells(pictures[1]).values()) == same.filled.sum()
    assert drawn.differences["a"].said == f"none of {same.filled.sum()} bins differs"


def test_texts_are_escaped_and_points_carry_theirs() -> None:
    points = np.array([[90.0, 1.0], [30.0, 5.0]])
    hostile = replace(surface(), name=HOSTILE, labels=(HOSTILE, HOSTILE), units=(HOSTILE, ""), quantity=HOSTILE,
                      points=points, hover=[HOSTILE, "outside"])
    groups, _ = maps_of(panel(**{REFERENCE: hostile, HOSTILE: hostile}))
    pictures = [text for group in groups for text in (group.scale, *(one.picture for one in group.maps))]
    assert not any("<script" in picture for picture in pictures)
    assert "<title>&lt;script&gt;" in pictures[1]
    assert pictures[1].count('class="dot"') == 1  # the other lies beyond the axes
    assert "<circle" not in pictures[-1]


def test_all_trajectories_share_a_scale_that_one_peak_does_not_set() -> None:
    high = np.zeros((3, 2))
    high[0, 0] = 100.0
    groups, remark = maps_of(panel(a=surface(), b=surface(2 * VALUES)))
    assert remark == "empty bins are blank"
    assert "h23" not in cells(groups[0].maps[0].picture)
    assert cells(groups[0].maps[1].picture)["h23"] == 1
    assert "b cut off at the top" in maps_of(panel(a=surface(), b=surface(high)))[1]


def difference(floor: np.ndarray | None = None, **changes: object) -> Difference:
    above = np.array([[0.15, 0.2], [0.0, 0.25], [0.3, 0.1]])  # by 0.05, 0, nothing, -0.05, not known, -0.3
    return Difference.of(surface(above, **changes), surface(**changes), None if floor is None else surface(floor))


def test_what_may_be_noise_does_not_differ() -> None:
    assert difference().beyond.tolist() == [[True, False], [False, True], [False, True]]
    assert difference(np.full((3, 2), 0.1)).beyond.sum() == 1
    errors = np.array([[0.02, 0.02], [0.02, 0.01], [0.02, np.nan]])  # twice the root of two of them: 0.057, ..., 0.028
    assert difference(errors=errors).beyond.tolist() == [[False, False], [False, True], [False, True]]
    both = difference(np.array([[0.0, 0.0], [0.0, 0.06], [0.0, np.nan]]), errors=errors)
    assert both.beyond.tolist() == [[False, False], [False, False], [False, True]]


def test_a_difference_in_words() -> None:
    assert difference().said == ("3 of 4 bins differ, most by −0.3 at φ 150°, z 1.5\u00a0nm; 1 filled in one alone")
    said = difference(errors=np.full((3, 2), 0.0001)).said
    assert said.startswith("3 of 4 bins differ, most by −0.3 ± 0.000141 at")
    assert difference(np.ones((3, 2))).said == "none of 4 bins differs; 1 filled in one alone"


def test_below_and_above_the_reference_differ_in_colour_and_noise_is_pale() -> None:
    scale = Scale("d", -0.32, 0.32)
    assert PALE not in scale.levels(VALUES)
    drawn = cells(difference_map(difference(), scale, "a"))
    assert drawn == {"pale": 1, "d0": 1, "d10": 1, "d13": 1}
    assert cells(difference_map(difference(np.full((3, 2), 0.1)), scale, "a")) == {"pale": 3, "d0": 1}


def test_other_bins_are_not_compared_and_that_is_said() -> None:
    other = replace(surface(), edges=(EDGES[0] + 1, EDGES[1]))
    groups, remark = maps_of(panel(**{REFERENCE: surface(), "a": other, "b": surface()}))
    assert [one.label for one in groups[1].maps] == ["b"]
    assert "a has other bins than the reference" in remark
    drawn = panel(surface(), a=surface())
    assert (drawn.differences, drawn.said) == ({}, "φ and z, density, 3 × 2 bins")


def test_the_style_sheet_has_all_colours_on_light_and_dark_pages() -> None:
    rules = re.findall(r"\.([hd]\d+|pale) \{ fill: (#\w{6}); \}", shipped("surfaces.css"))
    names = ["pale", *(f"{kind}{k}" for kind in "hd" for k in range(N_COLOURS))]
    assert sorted(name for name, _ in rules) == sorted(2 * names)


def judged() -> Judgement:
    found, _ = judgements.judgement(example=False)
    for k, label in enumerate((REFERENCE, OWN, *OTHERS)):
        said = surface(VALUES * (1 + k / 10), errors=np.full((3, 2), 0.001))
        found.by_trajectory[label]["maps"] = Assessment(surfaces=[said])
    found.floor["maps"] = Assessment(surfaces=[surface(np.full((3, 2), 0.025))])
    return found


def test_the_page_shows_every_trajectory_and_its_difference() -> None:
    html = render.report(Path("r.html"), judged(), {})
    page, text = Page(html), html.decode()
    assert text.count('class="plot map"') == 2 * 4 - 1
    assert len(re.findall(r'<figure class="curve" data-of="backmap">', text)) == 2
    for shown in ("φ and z", "backmap − reference", "no more than twice the error or the noise floor", "Maps"):
        assert shown in page.words, shown
    assert "2 of 4 bins differ, most by 0.04 ± 0.00141" in page.words
    assert text.index('aria-label="φ and z: density of reference') < text.index('aria-label="φ and z: density of backm')
    assert shipped("surfaces.css") in text


def test_without_surfaces_there_is_no_trace_of_them() -> None:
    found, _ = judgements.judgement(example=False)
    page = render.report(Path("r.html"), found, {}).decode()
    assert shipped("surfaces.css") not in page
    assert 'class="surface"' not in page
    assert "### Surfaces" not in render.report(Path("r.md"), found, {}).decode()
    assert json.loads(render.report(Path("r.json"), found, {}))["surfaces"] == []


def test_surfaces_alone_have_a_section() -> None:
    alone = Judgement("", {"a": {"maps": Assessment(surfaces=[surface()])}})
    assert "Distributions" in Page(render.report(Path("r.html"), alone, {})).words


def test_markdown_has_a_line_for_each_surface() -> None:
    lines = re.findall("^- φ and z.*$", render.report(Path("r.md"), judged(), {}).decode(), re.M)
    assert len(lines) == 1
    assert lines[0].startswith("- φ and z, density, 3 × 2 bins (backmap: 2 of 4 bins differ, most by 0.04 ± 0.00141 at "
                               "φ 150°, z 1.5 nm; ")


def test_json_has_the_data() -> None:
    found = json.loads(render.report(Path("r.json"), judged(), {}), parse_constant=pytest.fail)["surfaces"][0]
    assert (found["assessor"], found["section"], found["quantity"]) == ("maps", "maps", "density")
    assert found["floor"] == [[0.025, 0.025]] * 3
    assert found["surfaces"][REFERENCE]["values"] == [[0.1, 0.2], [0.0, 0.3], [None, 0.4]]
    assert found["surfaces"][OWN]["edges"] == [edges.tolist() for edges in EDGES]
    assert (found["surfaces"][OWN]["labels"], found["surfaces"][OWN]["points"]) == (["φ", "z"], None)


def test_the_floor_finds_its_surface() -> None:
    found = judged()
    content = collect(found, {})
    assert content.surfaces[0].floor is found.floor["maps"].surfaces[0]
    assert list(content.surfaces[0].differences) == [OWN, *OTHERS]
