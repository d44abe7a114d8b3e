"""What a chain shows: the table of a run of ``monte_carlo``, and its pictures."""
from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp

from backmap.api import Chain, Target

from ..report.markdown import MARKS
from ..report.plots import save_figure
from ..report.verdict import Verdict
from .correlation import mean_and_error
from .observables import BESIDE, observables
from .observables import weights as weights_of

#: Nats that one proposal may count in the bound: overlapping atoms, of next to no density, would be all of the mean.
MOST = 20.0


def without(chain: Chain, discard: int) -> Chain:
    """The chain without so many states at its beginning; moves are counted as before."""
    return replace(chain, rows={name: values[discard:] for name, values in chain.rows.items()})


def summary(chain: Chain, target: Target, discard: int = 0) -> dict[str, Any]:
    """Acceptance by basin, longest run of rejections, weights, observables with errors, costs; for JSON.

    Args:
        chain: T states of n chains.
        target: For its normaliser, where that is known.
        discard: States at the beginning that observables leave out.
    """
    kept = without(chain, discard)
    found: dict[str, Any] = {"moves": {kind: _move(chain, kind) for kind in chain.tried}}
    if "log_weight" in chain.rows:
        found["proposals"] = weights(chain.rows["log_weight"].ravel(), target.log_normaliser())
    if "state_log_weight" in chain.rows and found["proposals"]["log_normaliser"] is not None:
        found["proposals"]["bound_of_states"] = _bound_of_states(kept, found["proposals"])
    steps, n = chain.rows["basin"].shape
    seconds = sum(chain.seconds.values()) / (steps * n)
    found["observables"] = {}
    for name, values in observables(kept).items():
        mean, error, time = mean_and_error(values, weights_of(kept))
        found["observables"][name] = {"mean": mean, "error": error, "correlation_time": time,
                                      "cpu_seconds_per_independent": 2 * time * seconds}
    return found | {"chains": n, "steps": steps, "cpu_seconds": {k: round(v, 3) for k, v in chain.seconds.items()}}


def _move(chain: Chain, kind: str) -> dict[str, Any]:
    tried, accepted = chain.tried[kind], chain.accepted.get(kind, {})
    shares = {str(basin): accepted.get(basin, 0) / count for basin, count in sorted(tried.items()) if basin >= 0}
    return {"tried": sum(tried.values()), "acceptance": sum(accepted.values()) / sum(tried.values()),
            "by_basin": shares, "longest_rejections": chain.longest.get(kind)}


def weights(log_weight: np.ndarray, log_normaliser: float | None) -> dict[str, Any]:
    """What proposals are worth: how far the model is from the target, and how unevenly.

    ``bound`` is <ln P(z) P(x|z) - ln q(z|x) - ln p(x)> over proposals, p normalised: the divergence of what the model
    makes from the target, in nats, from above. Without an exact normaliser the estimate by the same weights is used.
    A proposal counts with at most ``MOST`` nats there; ``bound_cut`` is the share of those that were cut to it.
    """
    finite = log_weight[np.isfinite(log_weight)]
    if not len(finite):
        return {"bound": None, "log_normaliser": None, "largest_weight_share": None, "effective_share": 0.0,
                "forbidden_share": 1.0}
    estimate = float(logsumexp(finite) - math.log(len(log_weight)))
    share = np.exp(finite - logsumexp(finite))
    missing = (estimate if log_normaliser is None else log_normaliser) - finite
    return {"bound": float(missing.clip(max=MOST).mean()), "bound_cut": float((missing > MOST).mean()),
            "log_normaliser": estimate, "log_normaliser_exact": log_normaliser,
            "largest_weight_share": float(share.max()),
            "effective_share": float(1 / (share**2).sum() / len(log_weight)),
            "forbidden_share": 1 - len(finite) / len(log_weight)}


def _bound_of_states(chain: Chain, found: dict[str, Any]) -> float:
    """<ln p(x) + ln q(z|x) - ln P(z) P(x|z)> over states of the chains: the divergence the other way round.

    That of the target from the model, in nats, from above. No overlap spoils it; what chains never see is not in it.
    """
    normaliser = found["log_normaliser_exact"]
    here = chain.rows["state_log_weight"]
    return float(here.mean() - (found["log_normaliser"] if normaliser is None else normaliser))


def table(results: dict[str, dict[str, Any]], title: str, verdicts: dict[str, Verdict]) -> str:
    """Verdicts and summaries by name of sampler, as Markdown."""
    lines = [f"# {title}", ""]
    for name, verdict in verdicts.items():
        lines += [f"**{name}: {verdict.words}**", "", *(f"- {MARKS[each.level]} {each.text}"
                                                       for each in verdict.findings), ""]
    lines += ["| sampler | move | acceptance | by basin | longest run of rejections | moves | CPU s |",
             "|---|---|---|---|---|---|---|"]
    for name, result in results.items():
        for kind, move in result["moves"].items():
            basins = ", ".join(f"{basin}: {share:.3g}" for basin, share in move["by_basin"].items()) or "-"
            longest = move["longest_rejections"] if move["longest_rejections"] is not None else "-"
            lines.append(f"| {name} | {kind} | {move['acceptance']:.4g} | {basins} | {longest} | {move['tried']} | "
                         f"{result['cpu_seconds'].get(kind, 0.0):.3g} |")
    for name, result in results.items():
        worth = result.get("proposals")
        if worth and worth["bound"] is not None:
            known = " (exact normaliser)" if worth.get("log_normaliser_exact") is not None else ""
            lines += ["", f"{name}: bound {worth['bound']:.3f} nats over proposals{_cut(worth)}, "
                          f"{worth.get('bound_of_states', math.nan):.3f} nats over states of chains{known}; largest "
                          f"weight share {worth['largest_weight_share']:.2g}, effective share "
                          f"{worth['effective_share']:.3g}."]
    lines += ["", "| sampler | observable | mean | error | correlation time, steps | CPU s per independent state |",
              "|---|---|---|---|---|---|"]
    for name, result in results.items():
        for key, value in result["observables"].items():
            lines.append(f"| {name} | {key} | {value['mean']:.6g} | {value['error']:.2g} | "
                         f"{value['correlation_time']:.3g} | {value['cpu_seconds_per_independent']:.2g} |")
    return "\n".join(lines) + "\n"


def _cut(worth: dict[str, Any]) -> str:
    return f" ({worth['bound_cut']:.2%} of them counted as {MOST:g})" if worth["bound_cut"] else ""


def picture(chains: dict[str, Chain], path: Path) -> None:
    """Trace of one chain and histogram of all, for the first three observables; one colour per sampler."""
    from matplotlib.figure import Figure

    names = [name for name in next(iter(chains.values())).rows if name not in BESIDE][:3]
    figure = Figure(figsize=(9, 2.4 * max(1, len(names))), layout="constrained")
    axes = figure.subplots(max(1, len(names)), 2, squeeze=False, width_ratios=(2, 1))
    for row, name in zip(axes, names):
        values = np.concatenate([chain.rows[name].ravel() for chain in chains.values()]).astype(float)
        edges = np.histogram_bin_edges(values, bins=60)
        for label, chain in chains.items():
            row[0].plot(chain.rows[name][:, 0], label=label, linewidth=0.7)
            row[1].hist(chain.rows[name].ravel(), bins=edges, density=True, histtype="step", label=label)
        row[0].set(xlabel="steps", ylabel=name)
        row[1].set(xlabel=name, ylabel="density")
    axes[0][0].legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def loss_picture(history: dict[str, list], path: Path) -> None:
    """Training and validation loss against steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, style in (("training", {"color": "0.5"}), ("validation", {})):
        if history[name]:
            axes.plot(*zip(*history[name]), label=name, **style)
    axes.set(xlabel="steps", ylabel="negative ELBO (nats)")
    losses = sorted(loss for _, loss in history["training"])
    if len(losses) > 4:  # the first steps are off the scale and say nothing
        middle = losses[len(losses) // 2]
        axes.set_ylim(losses[0] - 0.2 * (middle - losses[0]) - 0.1, middle + 3 * (middle - losses[0]) + 0.5)
    axes.legend(frameon=False, fontsize=8)
    save_figure(figure, path)
