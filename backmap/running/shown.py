"""A result as notebooks show it: a line, a picture, figures, files. What is in it was escaped."""
from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ..model.assessment import Figure

MOST_FIGURES = 12  #: rows; the report has all
MOST_BYTES = 2_000_000  #: of a picture; larger ones are named only


def shown(line: str, files: Sequence[Path], figures: Sequence[Figure]) -> str:
    """HTML of a result.

    Args:
        line: What it is, in a line.
        files: All that the run wrote; the first picture is shown.
        figures: What the assessors say.
    """
    parts = [f"<p>{escape(line.strip('<>').removeprefix('Result: '))}</p>"]
    picture = next((file for file in files if file.suffix == ".png" and file.is_file()
                    and file.stat().st_size <= MOST_BYTES), None)
    if picture is not None:
        data = base64.b64encode(picture.read_bytes()).decode()
        parts.append(f'<img alt="{escape(picture.name)}" style="max-width: 40em" src="data:image/png;base64,{data}">')
    if figures:
        rows = "".join(_row(figure) for figure in figures[:MOST_FIGURES])
        more = len(figures) - MOST_FIGURES
        parts.append(f"<table><tbody>{rows}</tbody></table>" + (f"<p>and {more} more figures</p>" if more > 0 else ""))
    reports = [file for file in files if file.suffix == ".html"]
    if reports:
        parts.append(f"<p>report: {', '.join(f'<code>{escape(str(file))}</code>' for file in reports)}</p>")
    return "".join(parts)


def _row(figure: Figure) -> str:
    spread = "" if figure.spread is None else f" ± {figure.spread:.3g}"
    return (f"<tr><th>{escape(figure.name)}</th><td>{escape(figure.quantity)}</td>"
            f"<td>{figure.value:.4g}{spread} {escape(figure.unit)}</td></tr>")
