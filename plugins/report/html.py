"""The report as one HTML page that needs nothing else: style, scripts, plots and data are inside."""
from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from importlib import resources

from backmap.model.assessment import REFERENCE

from .content import Content, Panel
from .figures import plot, styles, swatch
from .numbers import number, place, plural
from .pieces import FLAGS, ICONS, scrolling, slug, table_html
from .sampling import tables
from .tables import overview, run_table, section_table, summary, title_of
from .verdict import GOOD, Verdict, judge
from .viewer import Excerpt, scene, still


@cache
def shipped(name: str) -> str:
    """Text of a file that lies beside this one."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def render(content: Content) -> bytes:
    """The page, UTF-8."""
    parts = [("overview", "Overview", _overview(content)), ("plots", "Distributions", _plots(content)),
             ("sampling", "Sampling", _sampling(content)),
             ("flagged", "Flagged places", _flagged(content)), ("frame", "A frame", _frame(content)),
             ("figures", "All figures", _figures(content)), ("run", "What was run", _run(content))]
    parts = [part for part in parts if part[2]]
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in parts)
    body = "\n".join(f'<section id="{name}"><h2>{title}</h2>\n{text}</section>' for name, title, text in parts)
    judged = [content.own] if content.own in content.candidates else content.candidates
    values = {
        "title": escape(content.title), "style": shipped("style.css"), "summary": escape(summary(content)),
        "verdict": "\n".join(_verdict(content, label) for label in judged), "contents": f"<ul>{links}</ul>",
        "sections": body, "footer": _footer(content), "scripts": _scripts(content)}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], shipped("template.html")).encode()


def _verdict(content: Content, label: str) -> str:
    verdict = judge(content, label)
    bad = "".join(_finding(f.level, f.text) for f in verdict.findings if f.level > GOOD)
    open_points = "".join(_finding(None, text) for text in verdict.unjudged)
    good = [f for f in verdict.findings if f.level == GOOD]
    fine = "".join(_finding(f.level, f.text) for f in good)
    if fine and verdict.level != GOOD:
        fine = (f'<details><summary>{plural(len(good), "thing")} as '
                f'{"it" if len(good) == 1 else "they"} should be</summary><ul class="findings">{fine}</ul></details>')
    elif fine:
        fine = f'<ul class="findings">{fine}</ul>'
    listed = f'<ul class="findings">{bad}{open_points}</ul>' if bad or open_points else ""
    lead = escape(verdict.paragraph(content.judgement.n_frames.get(label, 0)))
    name = "none" if verdict.level is None else verdict.level
    return (f'<section class="verdict level{name}" aria-label="Verdict">'
            f'<h2 class="level is{name}">{ICONS[verdict.level]}{verdict.words}</h2>'
            f'<p class="lead">{lead}</p>{listed}{fine}{_see(content, verdict)}</section>')


def _finding(level: int | None, text: str) -> str:
    name = "none" if level is None else level
    return f'<li><span class="is{name}">{ICONS[level]}</span><span>{escape(text)}</span></li>'


def _see(content: Content, verdict: Verdict) -> str:
    if verdict.label != content.own or not any(_flag_counts(content).values()):
        return ""
    total = sum(_flag_counts(content).values())
    return f'<p class="aside">{plural(total, "flagged bead")}: see <a href="#flagged">where they are</a>.</p>'


def _overview(content: Content) -> str:
    marks = []
    if len(content.candidates) > 1:
        marks.append('<span class="best"><span class="mark">◆</span></span>stands beside the trajectory that comes '
                     "nearest to what a figure should be.")
    if any(row.floor is not None for row in content.rows):
        marks.append("The noise floor is what one half of the reference frames shows against the other: less cannot "
                     "be told from nothing.")
    if any(row.distance for row in content.rows):
        marks.append("JSD is the Jensen-Shannon divergence from the reference: 0 if distributions are the same, 0.693 "
                     "if they do not overlap.")
    return table_html(content, overview(content), "Overview") + f'<p class="aside">{" ".join(marks)}</p>'


def _figures(content: Content) -> str:
    parts = []
    for section in content.sections:
        table = section_table(content, section)
        title = escape(title_of(section))
        parts.append(f'<details id="section-{slug(section)}"><summary>{title}<small>{plural(len(table.rows), "figure")}'
                     f'</small></summary>{table_html(content, table, title)}</details>')
    if content.notes:
        notes = "".join(f"<li><b>{escape(label)}</b>: {escape(note)}</li>" for label, note in content.notes)
        parts.append(f"<details><summary>Notes<small>{len(content.notes)}</small></summary><ul>{notes}</ul></details>")
    return f'<div class="group">{"".join(parts)}</div>' if parts else ""


def _plots(content: Content) -> str:
    if not content.panels:
        return ""
    style = styles(content.candidates)
    legend = "".join(f'<button type="button" aria-pressed="true" data-of="{escape(label)}">{swatch(style[label])}'
                     f'{escape(label)}</button>' for label in content.labels)
    parts = [f'<div class="legend" role="group" aria-label="Trajectories that are drawn">{legend}</div>']
    for section in dict.fromkeys(panel.section for panel in content.panels):
        panels = [panel for panel in content.panels if panel.section == section]
        drawn = "".join(_panel(content, panel, style) for panel in panels)
        parts.append(f'<h3>{escape(title_of(section))}</h3><div class="plots">{drawn}</div>')
    return "\n".join(parts)


def _panel(content: Content, panel: Panel, style: dict[str, str]) -> str:
    picture, remark = plot(panel, style)
    label = content.own or next(iter(content.candidates), "")
    row = next((row for row in content.find(panel.section, distance=True)
                if row.name == panel.name and row.has(label)), None)
    said = []
    if row is not None:
        said.append(f"{row.quantity} of {label} {number(row.value(label), 4)}"
                    + (f", floor {number(row.floor, 4)}" if row.floor is not None else ""))
    if remark:
        said.append(remark)
    return (f'<figure><figcaption>{escape(panel.name)}<small>{escape("; ".join(said)) or "&nbsp;"}</small>'
            f'</figcaption>{picture}</figure>')


def _flag_counts(content: Content) -> dict[str, int]:
    judgement = content.judgement
    counts = {name: len(beads) for name, beads in judgement.flagged.items()} | judgement.n_flagged
    return dict(sorted(((name, count) for name, count in counts.items() if count), key=lambda item: -item[1]))


def _flagged(content: Content) -> str:
    counts = _flag_counts(content)
    if not counts:
        return '<p class="lead">No bead was flagged.</p>' if content.own else ""
    rows, lists = [], []
    for name, count in counts.items():
        beads = content.judgement.flagged.get(name, [])
        frames = len({bead.partition(":")[0] for bead in beads})
        more = "+" if count > len(beads) else ""
        first = escape("; ".join(beads[:3])) + (" …" if count > 3 else "")
        rows.append(f'<tr><th scope="row">{escape(name)}<small>{escape(FLAGS.get(name, ""))}</small></th>'
                    f'<td>{count}</td><td>{frames}{more}</td><td class="text">{first}</td></tr>')
        if len(beads) > 3:
            listed_of = f"the first {len(beads)} of {count}" if more else str(count)
            listed = "".join(f"<li>{escape(bead)}</li>" for bead in beads)
            lists.append(f'<details><summary>{escape(name)}<small>{listed_of}</small></summary>'
                         f'<ul class="names">{listed}</ul></details>')
    head = "".join(f'<th scope="col">{text}</th>' for text in ("warning", "beads", "frames"))
    table = (f'<thead><tr>{head}<th scope="col" class="left">where</th></tr></thead><tbody>{"".join(rows)}</tbody>')
    group = f'<div class="group">{"".join(lists)}</div>' if lists else ""
    return ('<p class="aside">Beads of the run’s own trajectory whose atoms look wrong. “gibbs: {only: …}” redraws '
            'them; the writer “index” lists their atoms for gmx and VMD.</p>'
            + scrolling("Flagged places", f"<table>{table}</table>") + group)


def _sampling(content: Content) -> str:
    parts = []
    for each in content.sampling:
        shown = "".join(f"<p>{escape(title)}</p>{table_html(content, table, title)}" for title, table in tables(each))
        notes = "".join(f"<li>{escape(note)}</li>" for note in each.notes)
        parts.append(f"<h3>{escape(each.step)}</h3>{shown}" + (f"<ul>{notes}</ul>" if notes else ""))
    return "\n".join(parts)


def _shown(content: Content) -> Excerpt | None:
    example = content.judgement.example
    if example is None or content.system is None or not example.atoms:
        return None
    return scene(example, content.system)


def _frame(content: Content) -> str:
    view = _shown(content)
    if view is None:
        return ""
    labels = [label for label in content.labels if label in view.atoms]
    label = content.own if content.own in labels else next((k for k in labels if k != REFERENCE), labels[0])
    return (f'<p class="aside">Frame {view.number}: atoms as sticks, with carbon in the colour of the trajectory, and '
            f'the given beads as spheres. Trajectories can be laid over one another.{_cut(view)}</p>'
            f'{_controls(content, view, labels, label)}'
            '<div class="view"><div id="viewer" hidden></div>'
            f'<p class="hint live" hidden>Drag to turn; click, then scroll to zoom.</p>{still(view, label)}</div>'
            '<p class="aside" id="no-webgl" hidden>This browser has no WebGL, so the picture stands still.</p>')


def _cut(view: Excerpt) -> str:
    """What is left out of the view."""
    if len(view.atom_counts) == view.n_molecules:
        return ""
    return (f" Of {plural(view.n_molecules, 'molecule')} the {len(view.atom_counts)} nearest to the centre are here: "
            f"{plural(sum(view.atom_counts), 'atom')} of {plural(view.n_atoms, '')}").rstrip("s ") + "."


def _controls(content: Content, view: Excerpt, labels: list[str], shown: str) -> str:
    style = styles(content.candidates)
    which = [f'<button type="button" aria-pressed="{str(name == shown).lower()}" data-of="{escape(name)}" '
             f'data-style="{style[name]}">{swatch(style[name])}{escape(name)}</button>' for name in labels]
    toggles = [("atoms", "Atoms", "true"), ("beads", "Beads", "true")]
    toggles += [("box", "Box", "false")] * (view.box is not None)
    what = [f'<button type="button" aria-pressed="{on}" data-toggle="{key}">{name}</button>'
            for key, name, on in toggles]
    return (f'<div class="controls live" hidden><div role="group" aria-label="Trajectories">{"".join(which)}</div>'
            f'<div role="group" aria-label="What is drawn">{"".join(what)}{_molecules(view)}'
            '<button type="button" id="reset">Reset view</button></div></div>')


def _molecules(view: Excerpt) -> str:
    whole = len(view.atom_counts)
    counts = sorted({n for n in (1, view.few, 3 * view.few, whole) if n <= whole})
    if len(counts) < 2:
        return ""
    options = "".join(f'<option value="{n}"{" selected" if n == view.few else ""}>'
                      f'{"all " if n == whole and n > 1 else ""}{plural(n, "molecule")}</option>' for n in counts)
    return f'<label class="sr" for="molecules">Molecules shown</label><select id="molecules">{options}</select>'


def _run(content: Content) -> str:
    source = content.provenance
    if not source:
        return ""
    facts = run_table(content)
    versions = ", ".join(f"{name} {version}" for name, version in (source.get("versions") or {}).items())
    facts += [("Versions", versions)] if versions else []
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in facts)
    parts = []
    if source.get("text"):
        recipe = escape(str(source["text"]))
        parts.append(f'<details><summary>The recipe</summary><pre tabindex="0">{recipe}</pre></details>')
    inputs = source.get("inputs") or {}
    if inputs:
        files = "".join(f'<tr><th scope="row">{escape(place(path))}</th><td class="hash">{escape(str(digest))}</td>'
                        '</tr>' for path, digest in inputs.items())
        table = scrolling("Input files", f'<table class="facts"><tbody>{files}</tbody></table>')
        parts.append(f'<details><summary>Input files<small>{len(inputs)}, with SHA-256</small></summary>{table}'
                     '</details>')
    return (scrolling("What was run", f'<table class="facts"><tbody>{rows}</tbody></table>')
            + f'<div class="group">{"".join(parts)}</div>')


def _footer(content: Content) -> str:
    version = (content.provenance.get("versions") or {}).get("backmap", "")
    drawn = " The view of a frame is drawn by 3Dmol.js (BSD licence, Rego and Koes 2015)." if _has_view(content) else ""
    return f"Written by backmap {escape(str(version))}. This page holds all it shows and loads nothing.{drawn}"


def _has_view(content: Content) -> bool:
    example = content.judgement.example
    return example is not None and content.system is not None and bool(example.atoms)


def _scripts(content: Content) -> str:
    view = _shown(content)
    parts = []
    if view is not None:
        data = json.dumps(view.to_json(), separators=(",", ":")).replace("<", "\\u003c")
        licence = shipped("vendor/LICENSE-3Dmol.txt").replace("*/", "* /")
        library = shipped("vendor/3Dmol-min.js").replace("</script", "<\\/script")
        parts += [f'<script type="application/json" id="scene">{data}</script>',
                  f"<script>/*! {licence.strip()} */\n{library}</script>"]
    return "\n".join([*parts, f"<script>{shipped('report.js')}</script>"])


