"""Angles and torsions from numbers of the network and uniform ones, in compiled passes: the quick twin of ``density``."""
from __future__ import annotations

import math

import numpy as np
from numba import float32

from backmap.engine.compiling.compiled import part

SQRT2, SQRT_2PI = math.sqrt(2), math.sqrt(2 * math.pi)
TINY = 1e-300
NARROW = 1e-4  #: of angles; none is nearer to 0 or pi


@part(error_model="numpy", nogil=True)
def normal_below(p):
    """The number below which a normal one lies with probability p, 1e-300 to 1 - 1e-16.

    A rational guess of the tail (Abramowitz and Stegun, 26.2.23), led to the last digits by Halley's steps.
    """
    tail = min(p, 1.0 - p)
    t = math.sqrt(-2.0 * math.log(tail))
    x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))))
    for _ in range(2):
        off = (0.5 * math.erfc(-x / SQRT2) - tail) * SQRT_2PI * math.exp(0.5 * x * x)
        x -= off / (1.0 + 0.5 * x * off)
    return x if p < 0.5 else -x


@part(error_model="numpy", nogil=True)
def angle_of(raw, one, two, weight):
    """An angle from numbers of the network: means, spreads and weights of Gaussians cut off at 0 and pi."""
    n = len(weight)
    most, total = raw[2 * n], 0.0
    for m in range(1, n):
        most = max(most, raw[2 * n + m])
    for m in range(n):
        total += math.exp(float(raw[2 * n + m]) - most)
        weight[m] = total
    pick = 0
    while pick < n - 1 and weight[pick] < one * total:
        pick += 1
    mean, sd = 1.3 + 0.5 * float(raw[pick]), math.exp(min(max(float(raw[n + pick]) - 2.5, -6.0), 1.0))
    sign = -1.0 if mean < 0 else 1.0  # so that what is between the ends is in the lower tail, which keeps its digits
    first, second = -mean * sign / sd, (math.pi - mean) * sign / sd
    low = 0.5 * math.erfc(-min(first, second) / SQRT2)
    high = 0.5 * math.erfc(-max(first, second) / SQRT2)
    inside = min(max(low + two * (high - low), TINY), 1 - 1e-15)
    return min(max(mean + sd * sign * normal_below(inside), NARROW), math.pi - NARROW)


@part(error_model="numpy", nogil=True)
def torsion_of(smooth, coarse, one, two, height, mass):
    """A torsion whose log-density is linear between nodes; ``coarse`` is added at every few of them, and between them.

    Args:
        height: Room for the log-density at the nodes, and again at the first, (K + 1,).
        mass: Room for what lies up to the end of each segment, (K,).
    """
    n, up = len(smooth), len(smooth) // len(coarse)
    most = -np.inf
    for k in range(n):
        c, step = k // up, float32(k % up) / float32(up)
        low, high = coarse[c], coarse[(c + 1) % len(coarse)]
        height[k] = smooth[k] + (low + step * (high - low))
        most = max(most, height[k])
    height[n] = height[0]
    total = 0.0
    for k in range(n):
        slope = height[k + 1] - height[k]
        size = abs(slope)
        share = -math.expm1(-size) / size if size > 1e-4 else 1.0 - 0.5 * size
        total += math.exp(max(height[k], height[k + 1]) - most) * share
        mass[k] = total
    segment = min(np.searchsorted(mass, one * total), n - 1)
    slope = height[segment + 1] - height[segment]
    size = max(abs(slope), 1e-9)
    from_top = -math.log1p(two * math.expm1(-size)) / size
    inside = 1 - from_top if slope > 0 else from_top
    if abs(slope) <= 1e-6:
        inside = two
    return (segment + inside) * (2 * math.pi / n) - math.pi
