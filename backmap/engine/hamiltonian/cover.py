"""Which blocks a sweep moves, so that every bead takes part (compiled)."""
from __future__ import annotations

import heapq

import numpy as np

from ..compiling.compiled import compiled, part


@compiled
def cover(beads, molecule, wanted, priority):
    """Blocks, molecule by molecule, always one of those with most beads that no other has; ties by ``priority``."""
    chosen, open_ = [], wanted.copy()
    begin = 0
    while begin < len(beads):
        end = begin
        while end < len(beads) and molecule[end] == molecule[begin]:
            end += 1
        # Counts only fall: a block that is in front with what it had is asked anew.
        queue = [(-_open(beads[one], open_), priority[one], one) for one in range(begin, end)]
        heapq.heapify(queue)
        while len(queue):
            known, rank, one = heapq.heappop(queue)
            count = _open(beads[one], open_)
            if count > 0 and -known != count:
                heapq.heappush(queue, (-count, rank, one))
            elif count > 0:
                chosen.append(one)
                for bead in beads[one]:
                    if bead >= 0:
                        open_[bead] = False
        begin = end
    return np.array(chosen, dtype=np.int64)


@part
def _open(beads, open_):
    """How many of some beads are open."""
    count = 0
    for bead in beads:
        if bead >= 0 and open_[bead]:
            count += 1
    return count
