"""Angles and torsions from numbers of the network and uniform ones, compiled: the quick twin of ``density``."""
from __future__ import annotations

import math

import numpy as np
from numba import float32, float64, int64, types
from numba.extending import intrinsic

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


@intrinsic
def _as_double(typing, bits):
    """The float64 that an int64 has the bits of."""
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))
    return types.float64(types.int64), generate


@part(fastmath={"contract", "nsz"}, error_model="numpy", inline="always")
def exponential(x):
    """exp(x) of x below 1, to 1e-15; 1e-304 below -700. By the bits of a float, as ``kernels.silu``."""
    power = max(x, -700.0) * 1.4426950408889634
    whole = int64(power + 1023.5)
    rest = (power - float64(whole - 1023)) * 0.6931471805599453
    value = 1.6059043836821613e-10  # of rest, at most ln 2 / 2: Taylor's series
    value = value * rest + 2.08767569878681e-09
    value = value * rest + 2.505210838544172e-08
    value = value * rest + 2.755731922398589e-07
    value = value * rest + 2.7557319223985893e-06
    value = value * rest + 2.48015873015873e-05
    value = value * rest + 0.0001984126984126984
    value = value * rest + 0.001388888888888889
    value = value * rest + 0.008333333333333333
    value = value * rest + 0.041666666666666664
    value = value * rest + 0.16666666666666666
    value = value * rest + 0.5
    value = value * rest + 1.0
    value = value * rest + 1.0
    return value * _as_double(whole << 52)


@part(error_model="numpy", nogil=True)
def torsion_of(smooth, coarse, one, two, height, room, mass):
    """A torsion whose log-density is linear between nodes; ``coarse`` is added at every few of them, and between them.

    Args:
        height: Room for the log-density at the nodes, and again at the first, (K + 1,).
        room: For the density there, (K + 1,).
        mass: Room for what lies up to the end of each segment, (K,).
    """
    n, up = len(smooth), len(smooth) // len(coarse)
    most = -np.inf
    for c in range(len(coarse)):
        low, high = coarse[c], coarse[c + 1 if c + 1 < len(coarse) else 0]
        for k in range(up):
            value = smooth[c * up + k] + (low + float32(k) / float32(up) * (high - low))
            height[c * up + k] = value
            most = max(most, float64(value))
    height[n] = height[0]
    for k in range(n):
        room[k] = exponential(height[k] - most)
    room[n] = room[0]
    total = 0.0
    for k in range(n):  # the integral of an exponential: what it rises by, over its slope
        slope = height[k + 1] - height[k]
        total += (room[k + 1] - room[k]) / slope if abs(slope) > 1e-4 else 0.5 * (room[k] + room[k + 1])
        mass[k] = total
    segment = min(np.searchsorted(mass, one * total), n - 1)
    slope = height[segment + 1] - height[segment]
    size = max(abs(slope), 1e-9)
    from_top = -math.log1p(two * math.expm1(-size)) / size
    inside = 1 - from_top if slope > 0 else from_top
    if abs(slope) <= 1e-6:
        inside = two
    return (segment + inside) * (2 * math.pi / n) - math.pi
