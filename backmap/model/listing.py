"""Lists for people that stay short."""
from __future__ import annotations

import re
from collections.abc import Collection, Sequence

MOST = 5  #: names that are written out


def listed(names: Sequence[str], most: int = MOST) -> str:
    """``C1, C2, C3, C4, C5 and 12 more``."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def counted(number: int, noun: str) -> str:
    """``1 atom``, ``3 atoms``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def told_once(texts: Sequence[str], names: Collection[str]) -> list[tuple[int, str]]:
    """Texts of which several say the same of things of other names, each once.

    Args:
        texts: Such as ``Protein_A: 24 stereocentres``.
        names: Of what they are about: molecule types.

    Returns:
        For each text that is left, its place, and it with the names of the others of which it holds, too.
    """
    name = re.compile("|".join(rf"(?<!\w){re.escape(each)}(?!\w)" for each in sorted(names, key=len, reverse=True)))
    of: dict[tuple[str, ...], dict[str, int]] = {}
    for place, text in enumerate(texts):
        met = {*name.findall(text)} if names else {}
        said, who = (tuple(name.split(text)), met.pop()) if len(met) == 1 else ((text,), "")
        of.setdefault(said, {}).setdefault(who, place)
    found = []
    for same in of.values():
        (_, place), *others = same.items()
        others = [who for who, _ in others]
        found.append((place, texts[place] + (f" (the same of {listed(others, 3)})" if others else "")))
    return sorted(found)
