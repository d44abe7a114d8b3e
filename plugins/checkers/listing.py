"""Lists for people that stay short."""
from __future__ import annotations

from collections.abc import Sequence

MOST = 5  #: names that are written out


def listed(names: Sequence[str], most: int = MOST) -> str:
    """``C1, C2, C3, C4, C5 and 12 more``."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def counted(number: int, noun: str) -> str:
    """``1 atom``, ``3 atoms``."""
    return f"{number} {noun}{'s' * (number != 1)}"
