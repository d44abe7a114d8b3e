"""What compiled loops share."""
from __future__ import annotations

#: Divisions and sums in any order, but numbers that are not finite stay that.
QUICK = {"reassoc", "contract", "arcp", "nsz"}
#: Numbers that compiled loops in single precision take at a time, or a multiple of that.
LANES = 32
