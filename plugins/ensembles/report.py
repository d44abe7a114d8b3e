"""What chains show as a page: the same style, tables and plots as the report on trajectories, and nothing to load."""
from __future__ import annotations

import math
import re
from html import escape
from typing import Any

import numpy as np

from backmap.api import Chain

from ..report.content import Panel
from ..report.figures import plot, styles, swatch
from ..report.html import shipped
from ..report.numbers import decimals, duration, number, percent, place, plural, short
from ..report.pieces import scrolling
from .correlation import correlation_function
from .results import BESIDE, MOST

BINS = 60
REACH = 6.0  #: nats of ln w that are drawn, on either side
#: What ln w is of, and the lines that draw it.
WEIGHTS = {"proposals": "t1", "states": "t2"}
LONGEST = 200  #: steps of autocorrelation functions, at most


def page(results: dict[str, dict[str, Any]], chains: dict[str, Chain], discard: int, title: str,
         provenance: dict[str, Any]) -> bytes:
    """The page, UTF-8.

    Args:
        results: Summaries of ``chains`` (``ensemble_results.summary``), by sampler.
        chains: The same, whole; the first is the one that matters.
        discard: States at the beginning that plots leave out.
        title: Of the run.
        provenance: What was run, as in run.json; may be empty.
    """
    style = styles(list(chains))
    parts = [("overview", "Moves", _moves(results, style)),
             ("observables", "Observables", _observables(results, style)),
             ("plots", "Distributions", _plots(_distributions(chains, discard), style)),
             ("memory", "How long chains remember", _plots(_memories(chains, discard), style)),
             ("weights", "Weights", _plots(_weights(chains), WEIGHTS)), ("run", "What was run", _run(provenance))]
    parts = [part for part in parts if part[2]]
    links = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text, _ in parts)
    body = "\n".join(f'<section id="{name}"><h2>{text}</h2>\n{inside}</section>' for name, text, inside in parts)
    version = (provenance.get("versions") or {}).get("backmap", "")
    values = {"title": escape(title), "style": shipped("style.css"), "summary": escape(_summary(results)),
              "verdict": "", "contents": f"<ul>{links}</ul>", "sections": body,
              "footer": f"Written by backmap {escape(str(version))}. This page holds all it shows and loads nothing.",
              "scripts": f"<script>{shipped('report.js')}</script>"}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], shipped("template.html")).encode()


def _summary(results: dict[str, dict[str, Any]]) -> str:
    return " · ".join(f"{name}: {plural(each['chains'], 'chain')} of {plural(each['steps'], 'step')}, "
                      f"{duration(sum(each['cpu_seconds'].values()))} of CPU time" for name, each in results.items())


def _table(label: str, head: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are HTML already; the first of each row is its head."""
    top = "".join(f'<th scope="col">{text}</th>' for text in head)
    body = "".join(f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
                   for row in rows)
    return scrolling(label, f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>")


def _moves(results: dict[str, dict[str, Any]], style: dict[str, str]) -> str:
    rows, said = [], []
    for name, result in results.items():
        for kind, move in result["moves"].items():
            basins = "; ".join(f"{basin}: {number(share, 3)}" for basin, share in move["by_basin"].items()) or "–"
            stuck = "–" if move["longest_stuck"] is None else str(move["longest_stuck"])
            rows.append([f"{swatch(style[name])} {escape(name)}<small>{escape(kind)}</small>",
                         number(move["acceptance"], 3), basins, stuck, f"{move['tried']:,}".replace(",", "\u202f"),
                         duration(result["cpu_seconds"].get(kind, 0.0))])
        said += [f"{name}: {sentence}" for sentence in _worth(result.get("proposals"))]
    table = _table("Moves", ["sampler", "acceptance", "by basin", "longest stuck run", "moves", "CPU time"], rows)
    return table + "".join(f'<p class="aside">{escape(sentence)}</p>' for sentence in said)


def _worth(proposals: dict[str, Any] | None) -> list[str]:
    """What weights say, in words."""
    if not proposals or proposals["bound"] is None:
        return []
    cut = f", {percent(proposals['bound_cut'])} of which count as {MOST:g}" if proposals["bound_cut"] else ""
    said = [f"what the model makes is {short(proposals['bound'])} nats from the target (proposals{cut})"]
    if "bound_of_states" in proposals:
        said[0] += f", the target {short(proposals['bound_of_states'])} nats from the model (states of the chains)"
    exact = " with the exact normaliser" if proposals["log_normaliser_exact"] is not None else ""
    said[0] += f"{exact}; both from above."
    said.append(f"of all weights of proposals the largest has a share of {short(proposals['largest_weight_share'])}, "
                f"and they are worth {percent(proposals['effective_share'])} as many equal ones.")
    return said


def _observables(results: dict[str, dict[str, Any]], style: dict[str, str]) -> str:
    names = dict.fromkeys(name for result in results.values() for name in result["observables"])
    rows = []
    for name in names:
        found = {label: result["observables"].get(name) for label, result in results.items()}
        row = [escape(name.replace("_", " "))]
        for each in found.values():
            if each is None:
                row += ["–", "–", "–"]
                continue
            places = decimals([each["mean"]]) if not each["error"] > 0 else max(
                0, min(6, 1 - math.floor(math.log10(each["error"]))))
            spread = f' <span class="pm">±&nbsp;{number(each["error"], places)}</span>' if each["error"] > 0 else ""
            row += [number(each["mean"], places) + spread, short(each["correlation_time"]),
                    short(1000 * each["cpu_seconds_per_independent"])]
        rows.append(row)
    head = ['<span class="sr">observable</span>']
    for label in results:
        head += [f"{swatch(style[label])}{escape(label)}", "correlation time, steps", "CPU ms per independent state"]
    return _table("Observables", head, rows)


def _distributions(chains: dict[str, Chain], discard: int) -> list[Panel]:
    """Densities of all observables, each chain's states counted with the weights that they have."""
    panels = []
    for name in dict.fromkeys(name for chain in chains.values() for name in chain.rows if name not in BESIDE):
        rows = {label: np.asarray(chain.rows[name][discard:], dtype=float) for label, chain in chains.items()
                if name in chain.rows}
        pooled = np.concatenate([values.ravel() for values in rows.values()])
        edges = _edges(pooled)
        panel = Panel("", "", name.replace("_", " "), name.replace("_", " "), "", "density")
        for label, values in rows.items():
            weight = chains[label].rows.get("reweight")
            panel.curves[label] = edges, np.histogram(
                values.ravel(), edges, density=True,
                weights=None if weight is None else np.exp(weight[discard:]).ravel())[0]
        panels.append(panel)
    return panels


def _edges(values: np.ndarray) -> np.ndarray:
    """Edges of bins; of whole numbers in the middle between them, several to a bin where they are many."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    if np.array_equal(values, np.round(values)):
        return np.arange(low - 0.5, high + 1 + math.ceil((high - low) / BINS), max(1, math.ceil((high - low) / BINS)))
    return np.linspace(low, high, BINS + 1)


def _memories(chains: dict[str, Chain], discard: int) -> list[Panel]:
    """Autocorrelation functions of observables."""
    panels = []
    for name in dict.fromkeys(name for chain in chains.values() for name in chain.rows if name not in BESIDE):
        panel = Panel("", "", name.replace("_", " "), "steps", "", "autocorrelation")
        for label, chain in chains.items():
            found = correlation_function(np.asarray(chain.rows[name][discard:], dtype=float))
            if found is not None:
                function = found[:max(2, min(LONGEST, len(found) // 3))]
                panel.curves[label] = np.arange(len(function) + 1) - 0.5, function
        if panel.curves:
            panels.append(panel)
    return panels


def _weights(chains: dict[str, Chain]) -> list[Panel]:
    """ln w of proposals and of states: they lie over one another when the model is right."""
    panels = []
    for label, chain in chains.items():
        if "log_weight" not in chain.rows:
            continue
        rows = {"proposals": chain.rows["log_weight"].ravel(), "states": chain.rows["state_log_weight"].ravel()}
        middle = float(np.median(rows["states"]))
        edges = np.linspace(-REACH, REACH, BINS + 1)
        panel = Panel("", "", f"{label}: ln w", "ln w, from the median of states", "", "density")
        for name, row in rows.items():
            panel.curves[name] = edges, np.histogram(row - middle, edges)[0] / len(row) / np.diff(edges)
        panels.append(panel)
    return panels


def _plots(panels: list[Panel], style: dict[str, str]) -> str:
    if not panels:
        return ""
    legend = "".join(f'<button type="button" aria-pressed="true" data-of="{escape(label)}">{swatch(each)}'
                     f'{escape(label)}</button>' for label, each in style.items() if each != "ref")
    drawn = []
    for panel in panels:
        picture, remark = plot(panel, style)
        drawn.append(f'<figure><figcaption>{escape(panel.name)}<small>{escape(remark) or "&nbsp;"}</small></figcaption>'
                     f'{picture}</figure>')
    return (f'<div class="legend" role="group" aria-label="Samplers that are drawn">{legend}</div>'
            f'<div class="plots">{"".join(drawn)}</div>')


def _run(provenance: dict[str, Any]) -> str:
    if not provenance:
        return ""
    facts = [("Recipe", place(provenance.get("recipe", ""))), ("Seed", provenance.get("seed")),
             ("Overrides", ", ".join(map(str, provenance.get("overrides") or [])) or "none"),
             ("Versions", ", ".join(f"{k} {v}" for k, v in (provenance.get("versions") or {}).items()))]
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
                   for name, value in facts if value not in (None, ""))
    text = provenance.get("text")
    recipe = f'<div class="group"><details><summary>The recipe</summary><pre tabindex="0">{escape(str(text))}</pre>' \
             '</details></div>' if text else ""
    return scrolling("What was run", f'<table class="facts"><tbody>{rows}</tbody></table>') + recipe
