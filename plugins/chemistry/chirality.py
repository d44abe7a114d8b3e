"""Handedness as files state it: a stereocentre and three neighbours whose triple product is positive."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import Chemistry

Index = NDArray[np.int64]


def relative_sign(arms: Sequence[int], reference: Sequence[int]) -> int:
    """Sign of the triple product of a centre's neighbours ``reference``, where that of ``arms`` is positive.

    Both are three of the at most four neighbours of a tetrahedral centre. The fourth vector points away from the
    other three, so that putting it in the place of one of them turns the sign.

    Returns:
        +1 or -1; 0 if they are not three neighbours of one centre.
    """
    arms, sign = list(arms), 1
    new, gone = [atom for atom in arms if atom not in reference], [atom for atom in reference if atom not in arms]
    if len({*arms}) != 3 or len({*reference}) != 3 or len(new) > 1:
        return 0
    if new:
        arms[arms.index(new[0])], sign = gone[0], -1
    order = [list(reference).index(atom) for atom in arms]
    inversions = sum(order[i] > order[j] for i in range(3) for j in range(i + 1, 3))
    return -sign if inversions % 2 else sign


def with_chirality(chemistry: Chemistry, stereocentres: Index | None) -> Chemistry:
    """The chemistry with the signs that ``stereocentres`` (n, 4) tell; other atoms are passed over."""
    if stereocentres is None or not len(stereocentres):
        return chemistry
    told = {centre: arms for centre, *arms in np.asarray(stereocentres).tolist()}
    sign = [relative_sign(told[centre], arms) if centre in told else int(known)
            for (centre, *arms), known in zip(chemistry.centres.tolist(), chemistry.sign, strict=True)]
    return replace(chemistry, sign=np.array(sign, dtype=np.int64))
