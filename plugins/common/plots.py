"""Pictures that steps write."""
from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .training import History


def loss_plot(history: History, path: Path) -> None:
    """Training and validation loss per atom against steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*history.training), color="0.5", label="training, all levels")
    for level in history.validation[-1][1]:
        values = [(step, losses[level]) for step, losses in history.validation]
        axes.plot(*zip(*values), label=f"validation, level {level}")
    axes.set(xlabel="steps", ylabel="negative log-density per atom (nats)")
    # The first steps are off the scale and say nothing.
    values = sorted(loss for _, loss in history.training)
    axes.set_ylim(top=values[len(values) // 2] + 2.0)
    axes.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def save_figure(figure, path: Path) -> None:
    """Write a PNG to a temporary name and rename it."""
    part = path.with_name(path.name + ".part")
    figure.savefig(part, format="png", dpi=150)
    os.replace(part, path)
