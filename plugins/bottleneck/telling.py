"""What a diagnosis comes to: lines for people, and plain data."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .diagnosis import Diagnosis, SizeFound, smallest
from .distances import NEGLIGIBLE

#: With fewer frames than this, floors and errors are themselves uncertain.
FEW = 5
SURROUNDINGS = ("g(r)", "environments")


def said(diagnosis: Diagnosis) -> list[str]:
    """The verdict, and why, one line each."""
    lines = [_verdict(diagnosis), *_bonded_alone(diagnosis.sizes)]
    if not _another_unit(diagnosis):
        lines += _density(diagnosis)
    lines += _unit(diagnosis)
    if diagnosis.recommended is None and not _another_unit(diagnosis):
        lines.append("Whether X is at another temperature than Y cannot be known from their frames; a run of X at "
                     "another one would tell, if its large sizes then agree.")
    few = [f"{name} has {count} frame{'s' * (count > 1)}" for name, count in zip("XY", diagnosis.n_frames)
           if count < FEW]
    return [*lines, *([f"{' and '.join(few)}: errors, and floors of Y, are rough."] if few else [])]


def _verdict(diagnosis: Diagnosis) -> str:
    sizes, size = diagnosis.sizes, diagnosis.recommended
    if size is None:
        nearest = min(sizes, key=lambda each: sum(distance.verdict == "differs" for distance in each.distances))
        spread = f"from {sizes[0].size} to {sizes[-1].size}" if len(sizes) > 1 else f"of {sizes[0].size}"
        return f"No size {spread} matches. Nearest is s = {nearest.size}, but for {_differing(nearest)}."
    found = next(each for each in sizes if each.size == size)
    doubt = f", as far as {min(diagnosis.n_frames)} frames can tell" if found.unclear else ""
    if size == 1:
        return f"X and Y agree as they are, s = 1{doubt}: there is nothing to be corrected."
    return f"s = {size} is the smallest size that matches{doubt}."


def _differing(found: SizeFound) -> str:
    return " and ".join(dict.fromkeys(each.kind for each in found.distances if each.verdict == "differs"))


def _bonded_alone(sizes: Sequence[SizeFound]) -> list[str]:
    """From which size on bonds, angles and torsions agree, where their surroundings do not yet."""
    smallest = next((each for each in sizes if any(d.kind not in SURROUNDINGS for d in each.distances)
                     and all(d.verdict != "differs" for d in each.distances if d.kind not in SURROUNDINGS)), None)
    if smallest is None or smallest.matches:
        return []
    return [f"Bonds, angles and torsions alone match at s = {smallest.size} (divergence at most {NEGLIGIBLE:g}, or "
            f"within noise); what differs there is {_differing(smallest)}."]


def _density(diagnosis: Diagnosis) -> list[str]:
    x, y = diagnosis.densities
    if x is None or y is None:
        missing = " and ".join(name for name, each in zip("XY", (x, y)) if each is None)
        return [f"{missing} {'have' if ' ' in missing else 'has'} no box: there is no density and no g(r)."]
    if diagnosis.stretch is None:
        return []
    line = f"X has {x / y:.3f} times the bead density of Y, {x:.4g} against {y:.4g} per nm3."
    if not diagnosis.at_density:
        return [line]
    size = smallest(diagnosis.at_density)
    matching = "no size matches either" if size is None else f"s = {size} matches"
    return [line, f"With the box of X and the centres of its molecules scaled by {diagnosis.stretch:.4f}, {matching}"
                  f"{_left(diagnosis.at_density)}."]


def _another_unit(diagnosis: Diagnosis) -> bool:
    """Whether smaller groups match, or any, once the lengths of X are those of Y."""
    after, before = diagnosis.after_scaling, diagnosis.recommended
    return after is not None and (before is None or after < before)


def _unit(diagnosis: Diagnosis) -> list[str]:
    scale = diagnosis.scale
    if scale is None:
        return ["Nothing is bonded at these sizes, so that no factor between lengths can be told."]
    if not scale.left:
        return []
    by_size = [f"{factor:.3f} at s = {size}" for size, factor in scale.by_size.items()]
    spread = f" ({by_size[0]}, {by_size[-1]})" if len(by_size) > 1 else ""
    line = (f"Lengths of X are {scale.factor:.3f} +- {scale.error:.3f} times those of Y, by their bonds from "
            f"s = {scale.since} on{spread}.")
    after, left = diagnosis.after_scaling, _left(scale.left)
    if _another_unit(diagnosis):
        doubt = "is" if after == 1 else "may be"
        return [line, f"With X divided by this, s = {after} matches{left}: X {doubt} in another unit."]
    matching = f"s = {after} matches" if after is not None else "no size matches either"
    return [line, f"With X divided by this, {matching}{left}: a unit is not what is between them."]


def _left(sizes: Sequence[SizeFound]) -> str:
    """What is left of distances at the size that matches, else at the largest; those that differ with their limits."""
    found = next((each for each in sizes if each.matches), sizes[-1])
    worst = [found.worst(kind) for kind in dict.fromkeys(each.kind for each in found.distances)]
    left = [f"{each.kind} {each.value:.3g}" + (f", limit {each.limit:.3g}" if each.verdict == "differs" else "")
            for each in worst if each is not None]
    return f" (left at s = {found.size}: {'; '.join(left)})"


def plain(diagnosis: Diagnosis) -> dict[str, Any]:
    """All of it, for ``--json``; what is not a number is None."""
    scale = diagnosis.scale
    return {"frames": list(diagnosis.n_frames), "densities": list(diagnosis.densities),
            "recommended": diagnosis.recommended, "said": said(diagnosis),
            "sizes": [_size(each) for each in diagnosis.sizes],
            "at_density": [_size(each) for each in diagnosis.at_density],
            "scale": None if scale is None else {
                "factor": scale.factor, "error": scale.error, "since": scale.since, "by_size": scale.by_size,
                "recommended": diagnosis.after_scaling, "sizes": [_size(each) for each in scale.left]}}


def _size(found: SizeFound) -> dict[str, Any]:
    distances = [{**{key: _number(value) for key, value in asdict(each).items()}, "limit": _number(each.limit),
                  "verdict": each.verdict} for each in found.distances]
    worst = [next(k for k, each in enumerate(found.distances) if each is found.worst(kind))
             for kind in dict.fromkeys(each.kind for each in found.distances)]
    return {"size": found.size, "groups": found.n_groups, "matches": found.matches, "unclear": found.unclear,
            "worst": worst, "distances": distances}


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
