"""Surfaces of all trajectories, and where they differ from the reference by more than noise."""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.model.assessment import REFERENCE, Surface

from .numbers import short, with_unit

Array = NDArray[np.float64]

#: Standard errors from which on a difference is one.
APART = 2.0


@dataclass(frozen=True, eq=False)
class Difference:
    """By how much the surface of a trajectory is above that of the reference.

    Attributes:
        surface: The differences, NaN where there is nothing to compare.
        limits: What their sizes have to exceed, (n, m): twice the error, or the noise floor; 0 where neither is known.
        n_alone: Bins that are filled in one of the two alone, so that their difference is not known.
    """

    surface: Surface
    limits: Array
    n_alone: int

    @classmethod
    def of(cls, surface: Surface, reference: Surface, floor: Surface | None) -> Difference:
        """Of surfaces that have the same bins; ``floor``: as in ``SurfacePanel``."""
        apart, filled = surface.minus(reference), surface.filled | reference.filled
        apart = replace(apart, values=np.where(filled, apart.values, np.nan))
        limits = np.zeros(filled.shape)
        if apart.errors is not None:
            limits = np.fmax(limits, APART * apart.errors)
        if floor is not None and floor.same_bins(surface):
            limits = np.fmax(limits, np.abs(floor.values))
        return cls(apart, limits, int((filled & np.isnan(apart.values)).sum()))

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """Bins whose difference is more than noise, (n, m)."""
        return np.abs(self.surface.values) > self.limits

    @property
    def said(self) -> str:
        """In how many bins they differ, and where most."""
        compared, beyond = np.isfinite(self.surface.values).sum(), self.beyond
        alone = f"; {self.n_alone} filled in one alone" if self.n_alone else ""
        if not beyond.any():
            return f"none of {compared} bins differs{alone}"
        size = np.where(beyond, np.abs(self.surface.values), 0.0)
        x, y = (int(k) for k in np.unravel_index(size.argmax(), size.shape))
        value, errors = _short(self.surface.values[x, y]), self.surface.errors
        if errors is not None and np.isfinite(errors[x, y]):
            value += f" ± {_short(errors[x, y])}"
        return f"{beyond.sum()} of {compared} bins differ, most by {value} at {_place(self.surface, (x, y))}{alone}"


@dataclass(eq=False)
class SurfacePanel:
    """One surface of all trajectories; attributes as in ``Surface``.

    Attributes:
        surfaces: By trajectory.
        floor: By how much those of two halves of the reference differ, or None.
    """

    assessor: str
    section: str
    name: str
    quantity: str
    surfaces: dict[str, Surface] = field(default_factory=dict)
    floor: Surface | None = None

    @property
    def first(self) -> Surface:
        return next(iter(self.surfaces.values()))

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """To the reference, of every trajectory that has its bins."""
        reference = self.surfaces.get(REFERENCE)
        return {} if reference is None else {
            label: Difference.of(surface, reference, self.floor) for label, surface in self.surfaces.items()
            if label != REFERENCE and surface.same_bins(reference)}

    @property
    def limit(self) -> str:
        """What differences have to exceed, in words; "" if nothing is known."""
        errors = any(difference.surface.errors is not None for difference in self.differences.values())
        return " or ".join(["twice the error"] * errors + ["the noise floor"] * (self.floor is not None))

    @property
    def said(self) -> str:
        """Its size and its differences, on one line."""
        n, m = self.first.values.shape
        found = "; ".join(f"{label}: {difference.said}" for label, difference in self.differences.items())
        return f"{self.name}, {self.quantity}, {n} × {m} bins" + (f" ({found})" if found else "")


def _short(value: float) -> str:
    """Three digits, also of densities far below 1."""
    return short(float(value)) if not 0 < abs(value) < 1e-3 else f"{value:.3g}".replace("-", "−")


def _place(surface: Surface, bins: tuple[int, int]) -> str:
    """The middle of a bin, in words."""
    middle = [(float(edges[k]) + float(edges[k + 1])) / 2 for edges, k in zip(surface.edges, bins)]
    return ", ".join(f"{label} {with_unit(short(value), unit)}"
                     for label, value, unit in zip(surface.labels, middle, surface.units))
