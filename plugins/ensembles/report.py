"""What chains show as a page: the same style, tables and plots as the report on trajectories, and nothing to load."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from backmap.api import Chain

from ..report.content import Panel
from ..report.figures import styles
from ..report.html import run_values
from ..report.numbers import decimals, duration, number, percent, place, plural, short
from ..report.pages import Column, PageTable, drawn, fill, version_of
from ..report.tables import Cell, known, versions
from ..report.verdict import Verdict
from .correlation import correlation_function
from .observables import BESIDE
from .results import MOST

BINS = 60
REACH = 6.0  #: nats of ln w that are drawn, on either side
#: What ln w is of, and the lines that draw it.
WEIGHTS = {"proposals": "t1", "states": "t2"}
LONGEST = 200  #: steps of autocorrelation functions, at most

Results = dict[str, dict[str, Any]]


def page(results: Results, verdicts: dict[str, Verdict], chains: dict[str, Chain], discard: int, title: str,
         provenance: dict[str, Any]) -> bytes:
    """The page, UTF-8.

    Args:
        results: Summary of each chain (``results.summary``), by sampler.
        verdicts: Verdict on each, by sampler.
        chains: The chains, by sampler; the first is the one that is judged, the others are compared with it.
        discard: Number of states at the beginning of each chain that plots leave out.
        title: Of the run.
        provenance: What was run, as in run.json; may be empty.
    """
    style = {label: each for label, each in styles(list(chains)).items() if label in chains}
    panels = {"plots": _plots(_distributions(chains, discard), style),
              "memory": _plots(_memories(chains, discard), style), "weights": _plots(_weights(chains), WEIGHTS)}
    there = {"overview": ("Moves", True), "observables": ("Observables", True),
             "plots": ("Distributions", panels["plots"]["drawn"]),
             "memory": ("How long chains remember", panels["memory"]["drawn"]),
             "weights": ("Weights", panels["weights"]["drawn"]), "run": ("What was run", provenance)}
    facts = known([("Recipe", place(provenance.get("recipe", ""))), ("Seed", provenance.get("seed")),
                   ("Overrides", ", ".join(map(str, provenance.get("overrides") or [])) or "none")])
    said = [f"{name}: {sentence}" for name, result in results.items() for sentence in _worth(result.get("proposals"))]
    return fill("chains.html", contents={name: text for name, (text, found) in there.items() if found}, title=title,
                closer=True, summary=_summary(results), verdicts=list(verdicts.values()),
                version=version_of(provenance), moves=_moves(results, style), said=said,
                observables=_observables(results, style), panels=panels,
                **run_values(provenance, [*facts, *versions(provenance)]))


def _summary(results: dict[str, dict[str, Any]]) -> str:
    return " · ".join(f"{name}: {plural(each['chains'], 'chain')} of {plural(each['steps'], 'step')}, "
                      f"{duration(sum(each['cpu_seconds'].values()))} of CPU time" for name, each in results.items())


def _moves(results: Results, style: dict[str, str]) -> PageTable:
    rows = []
    for name, result in results.items():
        for kind, move in result["moves"].items():
            basins = "; ".join(f"{basin}: {number(share, 3)}" for basin, share in move["by_basin"].items()) or "–"
            longest = "–" if move["longest_rejections"] is None else str(move["longest_rejections"])
            texts = [number(move["acceptance"], 3), basins, longest, f"{move['tried']:,}".replace(",", "\u202f"),
                     duration(result["cpu_seconds"].get(kind, 0.0))]
            rows.append([Cell(name, small=kind, style=style[name]), *map(Cell, texts)])
    heads = ("sampler", "acceptance", "by basin", "longest run of rejections", "moves", "CPU time")
    return PageTable(list(map(Column, heads)), rows)


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


def _observables(results: Results, style: dict[str, str]) -> PageTable:
    columns = [Column("")]
    for label in results:
        columns += [Column(label, style=style[label]), Column("correlation time, steps"),
                    Column("CPU ms per independent state")]
    names = dict.fromkeys(name for result in results.values() for name in result["observables"])
    return PageTable(columns, [[Cell(name.replace("_", " ")),
                            *(Cell(text) for result in results.values()
                              for text in _figures(result["observables"].get(name)))] for name in names])


def _figures(found: dict[str, float] | None) -> tuple[str, str, str]:
    """Mean with its error, correlation time and cost of one observable."""
    if found is None:
        return "–", "–", "–"
    mean, error = found["mean"], found["error"]
    places = decimals([mean]) if not error > 0 else max(0, min(6, 1 - math.floor(math.log10(error))))
    spread = f" ± {number(error, places)}" if error > 0 else ""
    return (number(mean, places) + spread, short(found["correlation_time"]),
            short(1000 * found["cpu_seconds_per_independent"]))


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


def _plots(panels: list[Panel], style: dict[str, str]) -> dict[str, Any]:
    """What is drawn of some panels, and the lines that draw it."""
    return {"styles": style, "drawn": [drawn(panel, style) for panel in panels]}
