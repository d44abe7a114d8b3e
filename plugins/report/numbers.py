"""Numbers and words as people read them."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

MISSING = "–"
_UNITS = {"deg": "°", "degree": "°", "degrees": "°", "kJ/mol": "kJ/mol"}


def unit_of(unit: str) -> str:
    """A unit as it is printed."""
    return _UNITS.get(unit, unit)


def with_unit(text: str, unit: str) -> str:
    """A number and its unit, on one line."""
    unit = unit_of(unit)
    return text if not unit else text + unit if unit in ("°", "%") else f"{text}\u00a0{unit}"


def decimals(values: Iterable[float | None]) -> int:
    """Decimal places that show four digits of the largest value: four of them at most, six if all are tiny."""
    sizes = [abs(value) for value in values if value is not None and math.isfinite(value) and value]
    if not sizes:
        return 0
    largest = math.floor(math.log10(max(sizes) * (1 - 1e-9)))
    return max(0, min(3 - largest, 4 if largest >= -3 else 6))


def number(value: float | None, places: int | None = None) -> str:
    """A number with a true minus sign; an en dash where there is none.

    Beside numbers that need no decimals, a small one keeps two of its own.
    """
    if value is None or not math.isfinite(value):
        return MISSING
    places = decimals([value]) if places is None else places
    if places < 2 and 0 < abs(value) < 5:
        places = 2
    if value and (abs(value) >= 1e7 or abs(value) < 1e-7):
        return f"{value:.3g}".replace("-", "−")
    text = f"{value:.{places}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def short(value: float) -> str:
    """Three digits, for sentences."""
    if not math.isfinite(value):
        return MISSING
    places = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:,.{min(places, 6)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−").replace(",", "\u202f")


def percent(share: float) -> str:
    """A share as per cent; never rounded up to 100."""
    return f"{math.floor(share * 1e4 + 1e-6) / 100:.6g} %".replace(" ", "\u00a0")


def times(factor: float) -> str:
    """"3.2 times", "15 times"."""
    return f"{factor:.0f} times" if factor >= 10 else f"{factor:.1f} times"


def place(path: object) -> str:
    """A path as people know it: from the working folder on, where it is inside."""
    try:
        return str(Path(str(path)).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def plural(count: int, noun: str) -> str:
    """"1 frame", "78 frames"."""
    return f"{count:,} {noun}{'s' * (count != 1)}".replace(",", "\u202f")


def listing(words: Sequence[str], last: str = "and") -> str:
    """"a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def few(words: Sequence[str]) -> str:
    """The first four, and how many more."""
    return listing(words if len(words) < 6 else [*words[:4], f"{len(words) - 4} other things"])


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 120:
        return f"{short(seconds)}\u00a0s"
    if seconds < 7200:
        return f"{seconds / 60:.0f}\u00a0min"
    return f"{seconds / 3600:.1f}\u00a0h"
