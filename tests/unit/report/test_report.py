"""The report in its three formats: all numbers are there, nothing is loaded, hostile names do no harm."""
from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.report import render
from backmap_plugins.report.content import collect
from backmap_plugins.report.pages import shipped

from backmap.errors import BackmapError
from backmap.model.assessment import BEFORE, REFERENCE, Assessment, Example, Figure, Judgement
from backmap.model.sampling import Sampling
from backmap.model.system import System
from tests import judgements
from tests.judgements import OTHERS, OWN
from tests.polymer import line, measured, snapshot

HOSTILE = '<script>alert("x")</script>'
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Text, headings, ids and addresses of a page; complains of tags that are not closed."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text, self.headings, self.ids, self.links = [], [], [], []
        self.scripts: list[str] = []
        self.feed(page.decode())
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        self.ids += [known["id"]] if "id" in known else []
        self.links += [known[key] for key in ("href", "src") if key in known]
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def page() -> Page:
    judged, system = judgements.judgement()
    return Page(render.report(Path("report.html"), judged, judgements.provenance(), system))


def test_the_page_shows_the_figures_of_every_trajectory(page: Page) -> None:
    for text in ("Syndiotactic polystyrene at 568 K", "0.9922", "0.5137", "0.0185", "0.3697", "−416.3", "194.9",
                 "0.1986", "noise floor", *OTHERS, "PS1 3 A4", "1240", "9f86d081", "steps.gibbs.temperature=568",
                 "numpy 2.1.0"):
        assert text in page.words, text


def test_the_page_is_whole_and_in_order(page: Page) -> None:
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in zip(page.headings, page.headings[1:]))
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)


def test_lines_of_the_verdict_lead_to_what_they_are_about(page: Page) -> None:
    assert "#plots-bonds" in page.links
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_the_page_loads_nothing_and_stays_small() -> None:
    judged, system = judgements.judgement()
    data = render.report(Path("report.html"), judged, judgements.provenance(), system)
    assert len(data) < 3_000_000
    page = data.decode()
    assert "default-src 'none'" in page
    assert not re.search(r"<(?:link|img|iframe|script[^>]* src)", page.replace(shipped("vendor/3Dmol-min.js"), ""))
    assert not re.search(r"@import|url\(", shipped("style.css"))


def test_the_licence_of_the_viewer_travels_with_it(page: Page) -> None:
    assert any("University of Pittsburgh" in script and "Redistribution" in script for script in page.scripts)


def test_plots_bring_their_numbers_for_a_closer_look() -> None:
    judged, system = judgements.judgement()
    page = render.report(Path("report.html"), judged, judgements.provenance(), system).decode()
    told = [json.loads(html.unescape(text)) for text in re.findall(r"<figure data-curves='([^']*)'", page)]
    panels = collect(judged, judgements.provenance(), system).panels
    assert len(told) == len(panels) > 5
    for figure, panel in zip(told, panels, strict=True):
        assert figure["x"] == panel.label
        for curve, (label, (edges, values)) in zip(figure["curves"], panel.curves.items(), strict=True):
            middles = curve.get("at") or [curve["from"] + k * curve["step"] for k in range(len(values))]
            assert curve["of"] == label
            np.testing.assert_allclose(middles, (edges[:-1] + edges[1:]) / 2, rtol=1e-4, atol=1e-6)
            known = np.array([np.nan if value is None else value for value in curve["values"]])
            np.testing.assert_allclose(known, np.where(np.isfinite(values), values, np.nan), rtol=1e-3, atol=1e-12)
    assert "uPlot" in page
    assert "The MIT License" in page
    assert "uPlot" not in render.report(Path("report.html"), Judgement("own"), {}).decode()


def test_without_an_example_there_is_no_viewer() -> None:
    judged, system = judgements.judgement(example=False)
    page = Page(render.report(Path("report.html"), judged, {}, system))
    assert "frame" not in page.ids
    assert not any("3Dmol" in script and len(script) > 100_000 for script in page.scripts)


def test_hostile_names_are_text() -> None:
    judged, system = judgements.judgement()
    judged.by_trajectory[HOSTILE] = judged.by_trajectory.pop(OTHERS[0])
    judged.by_trajectory[OWN]["structure"].figures.append(Figure(HOSTILE, HOSTILE, "mean", 1.5, HOSTILE))
    judged.examples[0].atoms[HOSTILE] = judged.examples[0].atoms.pop(OTHERS[0])
    judged.flagged["clash"] = [HOSTILE]
    provenance = {**judgements.provenance(), "title": HOSTILE, "text": f"# {HOSTILE} {{{{style}}}}",
                  "inputs": {HOSTILE: "1"}}
    page = Page(render.report(Path("report.html"), judged, provenance, system))
    assert not any('alert("x")' in script for script in page.scripts if not script.startswith("{"))
    assert HOSTILE in page.words
    scene = json.loads(next(script for script in page.scripts if script.startswith("{")))
    assert HOSTILE in scene["frames"][0]["trajectories"]
    assert "{{style}}" in page.words
    text = render.report(Path("report.md"), judged, {**provenance, "text": ""}, system).decode()
    assert "<script" not in text


def test_markdown_has_the_tables_and_the_verdict() -> None:
    judged, system = judgements.judgement()
    text = render.report(Path("report.md"), judged, judgements.provenance(), system).decode()
    assert text.startswith("# Syndiotactic polystyrene at 568 K\n")
    assert "**Usable with care.**" in text
    assert "| **◆ 0.0011** | 0.0185 | 0.0696 | 0.0002 |" in text
    assert "| clash | 1240 |" in text
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_json_holds_every_figure_and_curve() -> None:
    judged, system = judgements.judgement()
    judged.seconds[OWN] = np.float64(41.3)
    read = json.loads(render.report(Path("report.json"), judged, judgements.provenance(), system),
                      parse_constant=pytest.fail)
    assert read["format"] == 1
    assert read["trajectories"] == [REFERENCE, OWN, *OTHERS]
    row = next(row for row in read["figures"] if (row["name"], row["quantity"]) == ("H-C-H", "JSD"))
    assert (row["values"][OTHERS[1]]["value"], row["floor"], row["distance"]) == (0.3697, 0.0003, True)
    gyration = next(row for row in read["figures"] if row["name"].startswith("radius"))
    assert gyration["values"][OTHERS[1]]["value"] is None
    curve = next(curve for curve in read["curves"] if curve["name"] == "C-C-C-C")["curves"][OWN]
    assert len(curve["edges"]) == len(curve["values"]) + 1
    assert read["flagged"]["clash"] == {"count": 1240, "beads": judged.flagged["clash"]}
    assert read["verdicts"][OTHERS[1]]["level"] == 2
    assert read["provenance"]["seed"] == 7


SAMPLING = Sampling(
    "steps[4].gibbs",
    [{"block": "fragment", "bead_type": "B<", "first": 0.5512, "last": 0.25, "all": 0.4, "tried": 12345,
      "energy": -3.21}],
    [{"block": "fragment", "bead_type": "B<", "median": -12.5, "lower": -20.0, "upper": 4.5, "mean": 812.4,
      "error": 70.0, "sites": 24, "impossible": 1}], ["rigid bonds keep 3 of 24 beads from being met"])
MOVES = Sampling("steps[5].hamiltonian", [{"block": "block", "bead_type": "B", "first": 0.9, "last": 0.8, "all": 0.85,
                                           "tried": 10, "energy": -1.0}],
                 relaxation=[{"name": "torsions", "unit": "kJ/mol", "sweeps": [1, 2], "course": [12.0, 11.25],
                              "last": 11.25, "change": -0.75, "error": 0.5, "tolerance": 1.5, "correlation": 0.5,
                              "relaxed": True, "gap": None, "gap_error": None}])


def test_what_became_of_proposals_is_told() -> None:
    judged, system = judgements.judgement(example=False)
    page, text, data = (render.report(Path(f"r{ending}"), judged, judgements.provenance(), system, [SAMPLING, MOVES])
                        for ending in (".html", ".md", ".json"))
    words = Page(page).words
    for shown in ("steps[4].gibbs", "steps[5].hamiltonian", "fragment of B<", "55.12", "−12.5", "812.4", "−3.21",
                  "lower quartile, kJ/mol", "change over the last third", "−0.75", "rigid bonds keep 3 of 24 beads"):
        assert shown in words, shown
    assert re.search('<td class="num">−12.5', page.decode())  # numbers stand under the right end of their heads
    assert "## Sampling" in text.decode()
    assert re.search(r"^\| fragment of B&lt; \| 55.12 % \| 25 % \|", text.decode().replace("\u00a0", " "), re.M)
    first, second = json.loads(data)["sampling"]
    assert first["free_energies"][0]["median"] == -12.5
    assert second["acceptance"][0]["all"] == 0.85
    assert second["free_energies"] == []


def test_another_ending_is_refused() -> None:
    with pytest.raises(BackmapError, match=r"cannot be written as 'report.pdf'.*\.html, \.md, \.json"):
        render.report(Path("report.pdf"), Judgement(""), {})


@pytest.mark.parametrize("ending", render.FORMATS)
def test_little_is_enough(ending: str) -> None:
    """A bare judgement, and one without reference or own trajectory, with a figure that has no value."""
    nan = Assessment([Figure("energy", "bond", "per atom", float("nan"), "kJ/mol"),
                      Figure("odd & new", "thing", "count", 3.0, ideal=0.0)])
    two = Judgement("", {"a": {"energy": nan}, "b": {"energy": nan}})
    for judged in (Judgement(""), two, Judgement("a", {"a": {}})):
        assert render.report(Path(f"r{ending}"), judged, {})


def test_a_frame_without_box_and_with_few_molecules() -> None:
    judged, system = judgements.judgement()
    (example,) = judged.examples
    judged.examples = [Example(0, np.zeros((3, 3)), example.beads, {OWN: example.atoms[OWN]})]
    page = Page(render.report(Path("report.html"), judged, {}, system))
    scene = json.loads(next(script for script in page.scripts if script.startswith("{")))
    assert scene["frames"][0]["box"] is None
    assert "moment" not in page.ids


def test_several_frames_can_be_looked_at() -> None:
    """One to be chosen; trajectories that are not there in all of them have their button."""
    judged, system = judgements.judgement()
    (first,) = judged.examples
    judged.examples.append(Example(77, first.box, first.beads, {OWN: first.atoms[OWN] + 0.1}))
    page = Page(render.report(Path("report.html"), judged, {}, system))
    assert "moment" in page.ids
    assert "Frames 12, 77" in page.words
    frames = json.loads(next(script for script in page.scripts if script.startswith("{")))["frames"]
    assert [frame["number"] for frame in frames] == [12, 77]
    assert list(frames[1]["trajectories"]) == [OWN]


def test_the_reference_comes_first_then_the_own_trajectory() -> None:
    judged, system = judgements.judgement(example=False)
    judged.by_trajectory = dict(reversed(judged.by_trajectory.items()))
    content = collect(judged, {}, system)
    assert content.labels[:2] == [REFERENCE, OWN]
    assert content.sections[0] == "bonds"


def test_beads_before_and_after_stand_side_by_side() -> None:
    """Both are in the one table, in the plots, in the view and in the pictures of readers without scripts."""
    system = System(((line(5), 3),))
    rng = np.random.default_rng(1)
    beads, box = rng.normal(size=(15, 3)), np.eye(3) * 9
    by_trajectory = {}
    frames = {REFERENCE: [beads + 0.1 * k for k in range(4)], OWN: [beads] * 3, BEFORE: [1.2 * beads] * 3}
    assessor, _ = measured(system, [])
    tallies = {label: measured(system, [snapshot(system, x, box, k) for k, x in enumerate(each)])[1]
               for label, each in frames.items()}
    for label, tally in tallies.items():
        compared = None if label == REFERENCE else tallies[REFERENCE]
        by_trajectory[label] = {"coarse_structure": assessor.conclude(tally, compared)}
    floor = {"coarse_structure": assessor.conclude(tallies[REFERENCE].half(1), tallies[REFERENCE].half(0))}
    judged = Judgement(OWN, by_trajectory, floor, dict.fromkeys(frames, 3), system=system,
                       examples=[Example(0, box, beads, {OWN: beads, BEFORE: 1.2 * beads})])
    said = render.report(Path("report.md"), judged, {}, system).decode()
    row = next(line for line in said.splitlines() if line.startswith("| Bond K-K (JSD)"))
    assert len(row.split("|")) == len(("", "name", REFERENCE, OWN, BEFORE, "floor", ""))
    page = render.report(Path("report.html"), judged, {}, system).decode()
    assert all(page.count(f"<figcaption>{label}</figcaption>") == 1 for label in (BEFORE, OWN))
    assert f'data-of="{BEFORE}"' in page
    assert 'data-toggle="beads"' not in page
    assert "Energies were not judged" not in page


def test_beads_alone_are_called_beads() -> None:
    judged, system = judgements.judgement(example=False)
    provenance = judgements.provenance() | {"n_atoms": system.n_beads, "atoms_per_second": 120.0}
    text = render.report(Path("r.md"), judged, provenance, system.as_beads).decode()
    assert f": {system.n_beads} beads · " in text
    assert "| Speed | 120 beads/s |" in text
