"""The report as one HTML page that needs nothing else: style, scripts, plots and data are inside."""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from backmap.model.assessment import BEFORE, REFERENCE

from .content import Content, Panel
from .figures import styles
from .numbers import number, place, plural
from .pages import Column, PagePlot, PageSurface, PageTable, drawn, fill, mapped, version_of
from .rules import DISTRIBUTIONS
from .sampling import tables
from .tables import FLOOR, Table, has_floor, overview, run_table, section_table, summary, title_of, versions
from .verdict import judge
from .viewer import Excerpt, scene, still

#: What warnings mean.
FLAGS = {
    "clash": "atoms closer than atoms can be", "chirality": "a stereocentre of the wrong chirality",
    "ring_pierced": "a bond runs through a ring", "overlap": "atoms that repel each other strongly",
    "off_bead": "atoms that do not give the bead back", "unmapped_atom": "atoms that belong to no bead",
    "minimization_failed": "the minimisation failed here, the old atoms stand", "cis_trans": "cis instead of trans, or "
    "trans instead of cis", "long_bond": "a bond far too long",
    "not_finite": "atoms whose positions are no numbers",
    "bent_ring": "an aromatic ring that is not flat",
    "infeasible": "rigid bonds do not let the atoms meet the bead", "never_accepted": "no proposal was accepted here",
}


#: Topics of findings: the section that has their plots and figures.
TOPICS = {topic: section for section, topic in DISTRIBUTIONS.items()} | {
    "packing": "packing", "contacts": "packing", "clashes": "packing", "stereochemistry": "stereochemistry",
    "bead positions": "consistency", "energies": "energy", "internal energy": "energy", "high energies": "energy"}


def render(content: Content) -> bytes:
    """The page, UTF-8."""
    view, style = _view(content), styles(content.candidates)
    flagged = _flagged(content)
    return fill(
        "judgement.html", contents=_contents(content, view), title=content.title, summary=summary(content),
        version=version_of(content.provenance), own=content.own, n_frames=content.judgement.n_frames,
        verdicts=[judge(content, label) for label in content.judged], places=_places(content),
        n_flagged=sum(flag.count for flag in flagged),
        overview=_shown(content, overview(content)), several=len(content.candidates) > 1,
        has_floor=has_floor(content), has_distances=any(row.distance for row in content.rows),
        styles={label: style[label] for label in content.labels}, panels=_panels(content, style),
        has_surfaces=bool(content.surfaces),
        closer=bool(content.panels),
        sampling=_sampling(content), flagged=flagged, view=view, figures=_figures(content), notes=content.notes,
        warnings=content.warnings,
        **run_values(content.provenance, [*run_table(content), *versions(content.provenance)]))


def _contents(content: Content, view: FrameView | None) -> dict[str, str]:
    """Titles of the sections that there are, by id."""
    there = {"overview": ("Overview", True), "plots": ("Distributions", content.panels or content.surfaces),
             "sampling": ("Sampling", content.sampling),
             "flagged": ("Flagged places", content.own or _flagged(content)),
             "frame": (view.title if view else "", view),
             "figures": ("All figures", content.sections or content.notes),
             "check": ("What check said", content.warnings),
             "run": ("What was run", content.provenance)}
    return {name: title for name, (title, found) in there.items() if found}


def _places(content: Content) -> dict[str, str]:
    """Where a finding is seen, by its topic: among the plots, or else among the figures."""
    plotted = {panel.section for panel in [*content.panels, *content.surfaces]}
    told = {topic: f"plots-{_slug(section)}" if section in plotted else f"section-{_slug(section)}"
            for topic, section in TOPICS.items() if section in plotted or section in content.sections}
    return told | ({"accepted moves": "sampling"} if content.sampling else {})


def run_values(provenance: dict[str, Any], facts: list[tuple[str, str]]) -> dict[str, Any]:
    """What templates need to say what was run."""
    inputs = provenance.get("inputs") or {}
    return {"facts_of_run": facts, "recipe_text": str(provenance.get("text") or ""),
            "inputs": [(place(path), digest) for path, digest in inputs.items()]}


# Tables

def _shown(content: Content, table: Table) -> PageTable:
    style = styles(content.candidates)
    return PageTable([Column(text, _kind(content, label), style[label] if label in content.labels else "")
                  for text, label in zip(table.head, table.labels, strict=True)], table.rows)


def _kind(content: Content, label: str) -> str:
    return "own" if label and label == content.own else "floor" if label == FLOOR else "num" if label else "unit"


def _figures(content: Content) -> list[dict[str, Any]]:
    return [{"slug": _slug(section), "title": title_of(section),
             "table": _shown(content, section_table(content, section))} for section in content.sections]


def _slug(text: str) -> str:
    """Text as part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "other"


def _sampling(content: Content) -> list[dict[str, Any]]:
    return [{"name": each.step, "tables": [(title, _shown(content, table)) for title, table in tables(each)],
             "notes": each.notes} for each in content.sampling]


# Plots

def _panels(content: Content, style: dict[str, str]) -> list[tuple[str, str, list[PagePlot], list[PageSurface]]]:
    """Ids and titles of sections, their plots and their surfaces."""
    sections = dict.fromkeys(panel.section for panel in [*content.panels, *content.surfaces])
    return [(_slug(section), title_of(section), [drawn(panel, style, _distance(content, panel))
                                                 for panel in content.panels if panel.section == section],
             [mapped(panel) for panel in content.surfaces if panel.section == section]) for section in sections]


def _distance(content: Content, panel: Panel) -> list[str]:
    """How far the own trajectory, or the first, is from the reference, if that was measured."""
    label = content.own or next(iter(content.candidates), "")
    for row in content.find(panel.section, distance=True):
        if row.name == panel.name and row.has(label):
            floor = f", floor {number(row.floor, 4)}" if row.floor is not None else ""
            return [f"{row.quantity} of {label} {number(row.value(label), 4)}{floor}"]
    return []


# Flags

@dataclass(frozen=True)
class Flagged:
    """Beads under one warning: how many they are, and those that were kept."""

    name: str
    count: int
    beads: list[str]

    @property
    def meaning(self) -> str:
        """What the warning means, or "" if it is not a known one."""
        return FLAGS.get(self.name, "")

    @property
    def n_frames(self) -> int:
        """Of the beads that were kept."""
        return len({bead.partition(":")[0] for bead in self.beads})

    @property
    def cut(self) -> bool:
        """Not all were kept."""
        return self.count > len(self.beads)

    @property
    def listed(self) -> bool:
        """There are more than a line can show."""
        return len(self.beads) > 3


def _flagged(content: Content) -> list[Flagged]:
    """Warnings that there are, the most frequent first."""
    judgement = content.judgement
    counts = {name: len(beads) for name, beads in judgement.flagged.items()} | judgement.n_flagged
    return [Flagged(name, count, judgement.flagged.get(name, []))
            for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count]


# The view of frames

@dataclass(frozen=True)
class FrameView:
    """Frames to look at.

    Attributes:
        scene: The molecules that can be shown.
        styles: Line style of each trajectory in it, by label.
        shown: Label of the trajectory that is shown at first.
        stills: Pictures for where scripts do not run, by trajectory: of the shown one, and of what there was before.
        counts: Numbers of molecules to choose from; the last is all.
        cut: Sentence that says what is left out, or "".
    """

    scene: Excerpt
    styles: dict[str, str]
    shown: str
    stills: dict[str, str]
    counts: list[int]
    cut: str

    @property
    def title(self) -> str:
        return "A frame" if len(self.scene.frames) == 1 else "Frames"


def _view(content: Content) -> FrameView | None:
    examples = [example for example in content.judgement.examples if example.atoms]
    if not examples or content.system is None:
        return None
    excerpt, style = scene(examples, content.system), styles(content.candidates)
    labels = [label for label in content.labels if any(label in frame.atoms for frame in excerpt.frames)]
    shown = content.own if content.own in labels else next((k for k in labels if k != REFERENCE), labels[0])
    whole = len(excerpt.atom_counts)
    counts = sorted({n for n in (1, excerpt.few, 3 * excerpt.few, whole) if n <= whole})
    stills = {label: still(excerpt, label) for label in (BEFORE, shown) if label in excerpt.frames[0].atoms}
    return FrameView(excerpt, {label: style[label] for label in labels}, shown, stills, counts,
                     _cut(excerpt))


def _cut(view: Excerpt) -> str:
    """What is left out of the view."""
    if len(view.atom_counts) == view.n_molecules:
        return ""
    return (f" Of {plural(view.n_molecules, 'molecule')} the {len(view.atom_counts)} nearest to the centre are here: "
            f"{plural(sum(view.atom_counts), 'atom')} of {plural(view.n_atoms, '')}").rstrip("s ") + "."
