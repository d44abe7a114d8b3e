"""Whether a block is still the right isomer after a trajectory (compiled)."""
from __future__ import annotations

from ...model.isomers import CENTRE
from ..compiling.compiled import borrowing, part
from .records import BlockTables, rows_of


@borrowing
def _signed(code, a, b, c, d, x):
    """What has the sign of a centre ``a`` with neighbours, or of a torsion, +1 being trans; see ``model.isomers``."""
    if code == CENTRE:
        u0, u1, u2 = x[b, 0] - x[a, 0], x[b, 1] - x[a, 1], x[b, 2] - x[a, 2]
        v0, v1, v2 = x[c, 0] - x[a, 0], x[c, 1] - x[a, 1], x[c, 2] - x[a, 2]
        w0, w1, w2 = x[d, 0] - x[a, 0], x[d, 1] - x[a, 1], x[d, 2] - x[a, 2]
        return u0 * (v1 * w2 - v2 * w1) + u1 * (v2 * w0 - v0 * w2) + u2 * (v0 * w1 - v1 * w0)
    u0, u1, u2 = x[b, 0] - x[a, 0], x[b, 1] - x[a, 1], x[b, 2] - x[a, 2]
    v0, v1, v2 = x[c, 0] - x[b, 0], x[c, 1] - x[b, 1], x[c, 2] - x[b, 2]
    w0, w1, w2 = x[d, 0] - x[c, 0], x[d, 1] - x[c, 1], x[d, 2] - x[c, 2]
    # -(u x v) . (v x w) = (u . w)(v . v) - (u . v)(v . w), the sign of -cos of the torsion.
    return ((u0 * w0 + u1 * w1 + u2 * w2) * (v0 * v0 + v1 * v1 + v2 * v2)
            - (u0 * v0 + u1 * v1 + u2 * v2) * (v0 * w0 + v1 * w1 + v2 * w2))


@borrowing
def _flat(a, b, c, d, x, flat):
    """Whether the cosine of how far a torsion is from 0 or from 180 degrees is more than ``flat``."""
    u0, u1, u2 = x[b, 0] - x[a, 0], x[b, 1] - x[a, 1], x[b, 2] - x[a, 2]
    v0, v1, v2 = x[c, 0] - x[b, 0], x[c, 1] - x[b, 1], x[c, 2] - x[b, 2]
    w0, w1, w2 = x[d, 0] - x[c, 0], x[d, 1] - x[c, 1], x[d, 2] - x[c, 2]
    uv, vw, vv = u0 * v0 + u1 * v1 + u2 * v2, v0 * w0 + v1 * w1 + v2 * w2, v0 * v0 + v1 * v1 + v2 * v2
    across = (u0 * w0 + u1 * w1 + u2 * w2) * vv - uv * vw
    size = ((u0 * u0 + u1 * u1 + u2 * u2) * vv - uv * uv) * ((w0 * w0 + w1 * w1 + w2 * w2) * vv - vw * vw)
    return across * across > flat * flat * size


@part
def stays_isomer(t: BlockTables, k, before, after, flat):
    """Whether nothing that had its right sign at places ``before`` has another ``after``, in a block of make k.

    What was wrong before may stay wrong, so that frames come into the support of the target and never leave it. With
    ``flat`` above 0 the same is asked of torsions that are as flat as that, a cosine.
    """
    at, sign = rows_of(t.isomers, k)
    for n in range(len(at)):
        code, a, b, c, d = at[n, 0], at[n, 1], at[n, 2], at[n, 3], at[n, 4]
        if sign[n] * _signed(code, a, b, c, d, before) <= 0:
            continue
        if sign[n] * _signed(code, a, b, c, d, after) <= 0:
            return False
        if flat > 0.0 and code != CENTRE and _flat(a, b, c, d, before, flat) and not _flat(a, b, c, d, after, flat):
            return False
    return True
