"""The report as Markdown: the verdict and all tables, a line for each surface, no plots."""
from __future__ import annotations

import re

from .content import Content
from .numbers import place
from .sampling import tables
from .tables import Cell, Table, overview, run_table, section_table, summary, title_of
from .verdict import judge

MARKS = ("✓", "!", "✗")


def render(content: Content) -> bytes:
    """A page in GitHub's Markdown, UTF-8."""
    parts = [f"# {_escaped(content.title)}", _escaped(summary(content))]
    for label in content.judged:
        parts += _verdict(content, label)
    parts += ["## Overview", table_text(overview(content)),
              "**◆** stands beside the trajectory that comes nearest to what a figure should be; those below the "
              "noise floor are alike, and where all are, it stands nowhere."]
    parts += ["## All figures"]
    for section in content.sections:
        parts += [f"### {_escaped(title_of(section))}", table_text(section_table(content, section))]
    if content.surfaces:
        parts += ["### Surfaces", "\n".join(f"- {_escaped(panel.said)}" for panel in content.surfaces)]
    if content.notes:
        parts += ["### Notes", "\n".join(f"- {_escaped(label)}: {_escaped(note)}" for label, note in content.notes)]
    if content.warnings:
        parts += ["## What check said", "\n".join(f"- {_escaped(line)}" for line in content.warnings)]
    parts += _sampling(content)
    parts += ["## Flagged places", *_flagged(content), "## What was run", *_run(content)]
    return ("\n\n".join(part for part in parts if part) + "\n").encode()


def table_text(table: Table) -> str:
    """A table; the first column is text, the others are set to the right."""
    lines = ["| " + " | ".join(_escaped(text) for text in table.head) + " |",
             "|" + "|".join(["---"] + ["---:"] * (len(table.head) - 1)) + "|"]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    text = _escaped(cell.text) + (f" ({_escaped(cell.small)})" if cell.small else "")
    return f"**◆ {text}**" if cell.best else text


def _verdict(content: Content, label: str) -> list[str]:
    verdict = judge(content, label)
    lines = [f"- {MARKS[finding.level]} {_escaped(finding.text)}" for finding in verdict.findings]
    lines += [f"- ? {_escaped(text)}" for text in verdict.unjudged]
    paragraph = _escaped(verdict.paragraph(content.judgement.n_frames.get(label, 0)))
    return [f"**{verdict.words}.** {paragraph}", "\n".join(lines)]


def _sampling(content: Content) -> list[str]:
    parts = ["## Sampling"] if content.sampling else []
    for each in content.sampling:
        parts.append(f"### {_escaped(each.step)}")
        for title, table in tables(each):
            parts += [f"{_escaped(title)}:", table_text(table)]
        parts.append("\n".join(f"- {_escaped(note)}" for note in each.notes))
    return parts


def _flagged(content: Content) -> list[str]:
    judgement = content.judgement
    lines = []
    for name in dict.fromkeys([*judgement.n_flagged, *judgement.flagged]):
        beads = judgement.flagged.get(name, [])
        count = judgement.n_flagged.get(name, len(beads))
        if count:
            more = ", …" if count > min(len(beads), 20) else ""
            lines.append(f"| {_escaped(name)} | {count} | {_escaped('; '.join(beads[:20]))}{more} |")
    return ["\n".join(["| warning | beads | where |", "|---|---:|---|", *lines])] if lines else ["None."]


def _run(content: Content) -> list[str]:
    source = content.provenance
    rows = [f"| {name} | {_escaped(value)} |" for name, value in run_table(content)]
    rows += [f"| {_escaped(name)} | {_escaped(str(version))} |" for name, version in source.get("versions", {}).items()]
    parts = ["\n".join(["| | |", "|---|---|", *rows])]
    inputs = source.get("inputs") or {}
    if inputs:
        lines = [f"| {_escaped(place(path))} | `{digest}` |" for path, digest in inputs.items()]
        parts.append("\n".join(["| input | SHA-256 |", "|---|---|", *lines]))
    if source.get("text"):
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", source["text"])), default=0))
        parts.append(f"{fence}yaml\n{source['text'].rstrip()}\n{fence}")
    return parts


def _escaped(text: str) -> str:
    """Text that Markdown and the HTML in it leave as it is, on one line."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_|\[\]])", r"\\\1", " ".join(plain.split()))
