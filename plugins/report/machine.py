"""The report as data: everything that was measured, with stable names."""
from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np

from .content import Content
from .surfaces import SurfacePanel
from .verdict import judge

FORMAT = 1


def render(content: Content) -> bytes:
    """JSON in UTF-8; numbers that could not be measured are null. ``format`` counts up when keys change."""
    judgement = content.judgement
    document = {
        "format": FORMAT, "title": content.title, "label": content.own, "trajectories": content.labels,
        "verdicts": {label: _verdict(content, label) for label in content.candidates},
        "figures": [_figure(row, content.labels) for row in content.rows],
        "curves": [_curve(panel) for panel in content.panels],
        "surfaces": [_surface(panel) for panel in content.surfaces],
        "notes": [{"trajectory": label, "text": note} for label, note in content.notes],
        "sampling": [asdict(each) for each in content.sampling],
        "flagged": {name: {"count": count, "beads": judgement.flagged.get(name, [])}
                    for name, count in {**{n: len(b) for n, b in judgement.flagged.items()},
                                        **judgement.n_flagged}.items()},
        "n_frames": judgement.n_frames, "seconds": judgement.seconds, "provenance": content.provenance,
    }
    return (json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def plain(value: Any) -> Any:
    """The same with plain Python values only; NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def _verdict(content: Content, label: str) -> dict[str, Any]:
    verdict = judge(content, label)
    return {"level": verdict.level, "words": verdict.words, "unjudged": verdict.unjudged,
            "findings": [asdict(finding) for finding in verdict.findings]}


def _figure(row: Any, labels: list[str]) -> dict[str, Any]:
    values = {label: {"value": row.values[label], "spread": row.spreads.get(label), "error": row.errors.get(label)}
              for label in labels if label in row.values}
    return {"assessor": row.assessor, "section": row.section, "name": row.name, "quantity": row.quantity,
            "unit": row.unit, "distance": row.distance, "ideal": row.ideal, "floor": row.floor, "values": values}


def _curve(panel: Any) -> dict[str, Any]:
    return {"assessor": panel.assessor, "section": panel.section, "name": panel.name, "label": panel.label,
            "unit": panel.unit, "quantity": panel.quantity,
            "curves": {label: {"edges": edges, "values": values} for label, (edges, values) in panel.curves.items()}}


def _surface(panel: SurfacePanel) -> dict[str, Any]:
    shared = ("section", "name", "quantity")
    surfaces = {label: {key: value for key, value in surface.to_json().items() if key not in shared}
                for label, surface in panel.surfaces.items()}
    return {"assessor": panel.assessor, **{key: getattr(panel, key) for key in shared}, "surfaces": surfaces,
            "floor": None if panel.floor is None else panel.floor.values}
