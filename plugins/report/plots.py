"""Pictures that steps write."""
from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..learning.trainer import History


EARLY = 10  #: the first of so many parts of a training does not set the scale of its plots


def loss_plot(history: History, path: Path) -> None:
    """What was measured in training and on held-out frames against steps: one panel for each kind of figure."""
    from matplotlib.figure import Figure

    panels: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for origin, rows in (("training", history.training), ("validation", history.validation)):
        for step, figures in rows:
            for name, value in figures.items():
                panel, label = _panel(name, origin)
                panels.setdefault(panel, {}).setdefault(label, []).append((step, value))
    columns = 1 if len(panels) < 3 else 2
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(5.5 * columns, 1.2 + 2.2 * rows), layout="constrained")
    for axes, (panel, lines) in zip(figure.subplots(rows, columns, squeeze=False).flat, panels.items()):
        for label, values in lines.items():
            axes.plot(*zip(*values), label=label, color="0.5" if label == "training" else None)
        axes.set(xlabel="steps", ylabel=panel)
        # The first steps are off the scale and say nothing; what comes late is what one looks for.
        later = (line[-(-len(line) // EARLY) if len(line) > 2 else 0:] for line in lines.values())
        values = [value for line in later for _, value in line]
        axes.set_ylim(top=max(values) + 0.1 * (max(values) - min(values)) + 1e-6)
        axes.legend(frameon=False, fontsize=8)
    for axes in figure.axes[len(panels):]:
        axes.remove()
    save_figure(figure, path)


#: Units of figures, by the last word of their name (the noise level apart).
UNITS = {"distance": "nm", "spread": "nm", "off": "nm"}


def _panel(name: str, origin: str) -> tuple[str, str]:
    """Panel and label of a figure: ``0.25`` is a loss at that noise level, ``spread 0.25`` a spread."""
    *words, last = name.split()
    if origin == "validation" and last.replace(".", "").isdigit():
        kind, label = " ".join(words) or "loss", f"validation, level {last}"
    else:
        kind, label = last, f"training{', ' + ' '.join(words) if words else ''}"
    unit = UNITS.get(kind)
    return (f"{kind} ({unit})" if unit else kind), label


def save_figure(figure, path: Path) -> None:
    """Write a PNG to a temporary name and rename it."""
    part = path.with_name(path.name + ".part")
    figure.savefig(part, format="png", dpi=150)
    os.replace(part, path)
