"""Angles by sums, products and one division, without a branch: loops over them run in lanes (compiled)."""
from __future__ import annotations

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from ..compiling.compiled import part

#: Tangents of pi/8 and 3 pi/8: between them an angle is taken from pi/4, beyond from pi/2.
LOW, HIGH = np.sqrt(2.0) - 1.0, np.sqrt(2.0) + 1.0


def _series() -> tuple[float, ...]:
    """Coefficients of atan(y) / y as a polynomial in y^2, y at most ``LOW``, to rounding."""
    near = Chebyshev.interpolate(lambda z: np.arctan(np.sqrt(z)) / np.sqrt(z), 10, domain=[0.0, LOW**2])
    return tuple(near.convert(kind=Polynomial, domain=[-1, 1], window=[-1, 1]).coef.tolist())


_SERIES = _series()


@part(error_model="numpy", inline="always")
def turn(sine, cosine, norm):
    """The angle in [-pi, pi] with this sine and cosine, both times ``norm``, which is positive.

    Half of it has the tangent sine / (norm + cosine), or (norm - cosine) / sine.
    """
    up = abs(sine) if cosine >= 0.0 else norm - cosine
    down = norm + cosine if cosine >= 0.0 else abs(sine)
    far, middle = up > HIGH * down, up > LOW * down
    top = -down if far else (up - down if middle else up)
    bottom = up if far else (up + down if middle else down)
    y = top / bottom
    z = y * y
    value = 0.0
    for coefficient in _SERIES[::-1]:
        value = value * z + coefficient
    half = y * value + (0.5 * np.pi if far else (0.25 * np.pi if middle else 0.0))
    return 2.0 * half if sine >= 0.0 else -2.0 * half
