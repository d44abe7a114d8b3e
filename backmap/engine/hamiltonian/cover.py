"""Which blocks a sweep moves, so that every bead takes part (compiled)."""
from __future__ import annotations

import heapq

import numpy as np

from ..compiling.compiled import compiled, part


@compiled
def cover(beads, molecule, wanted, priority):
    """Blocks, molecule by molecule: those that alone have a bead, then always one of those with most that no other has.

    Of blocks all of whose beads are open the next behind those before is taken, from one on that ``priority`` says, so
    that they lie side by side; of others that of least ``priority``.
    """
    chosen, open_, number = [], wanted.copy(), np.zeros(len(wanted), np.int64)
    for one in range(len(beads)):
        for bead in beads[one]:
            if bead >= 0:
                number[bead] += 1
    begin = 0
    while begin < len(beads):
        end = begin
        while end < len(beads) and molecule[end] == molecule[begin]:
            end += 1
        for one in range(begin, end):
            for bead in beads[one]:
                if bead >= 0 and open_[bead] and number[bead] == 1:
                    chosen.append(one)
                    _close(beads[one], open_)
                    break
        # Counts only fall: a block that is in front with what it had is asked anew.
        first, queue = int(priority[begin] * (end - begin)), [(0, 0.0, begin)]
        queue.clear()
        for one in range(begin, end):
            count, whole = _open(beads[one], open_), 0
            for bead in beads[one]:
                whole += bead >= 0
            place = (one - begin - first) % (end - begin) / (end - begin)
            queue.append((-count, place if count == whole else priority[one], one))
        heapq.heapify(queue)
        while len(queue):
            known, _, one = heapq.heappop(queue)
            count = _open(beads[one], open_)
            if count > 0 and -known != count:
                heapq.heappush(queue, (-count, priority[one], one))
            elif count > 0:
                chosen.append(one)
                _close(beads[one], open_)
        begin = end
    return np.array(chosen, dtype=np.int64)


@part
def _close(beads, open_):
    """Some beads are no longer open."""
    for bead in beads:
        if bead >= 0:
            open_[bead] = False


@part
def _open(beads, open_):
    """How many of some beads are open."""
    count = 0
    for bead in beads:
        if bead >= 0 and open_[bead]:
            count += 1
    return count
