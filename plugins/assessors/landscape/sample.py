"""Environments of the frames of one trajectory, read from its tally, and which frames have the same beads."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.model.tally import Tally

from ...environments.two_sample import Pairing

#: Names of rows: descriptors of a frame, what frame it is, and that it could not be described.
ENVIRONMENTS, FRAME, LEFT_OUT = "environments", "frame", "left out"


@dataclass(frozen=True, eq=False)
class Sample:
    """Frames of one trajectory.

    Attributes:
        environments: (M, N, F) of each frame: molecules, centres, features.
        numbers: Of the frames in the input, (n,).
        replicas: Of the draws, (n,).
        beads: What tells the given beads of a frame from those of others, (n,).
        left_out: Frames whose atoms have no positions.
        repeated: Frames that were there before, atom by atom, and are not counted again.
    """

    environments: list[NDArray[np.float32]]
    numbers: NDArray[np.int64]
    replicas: NDArray[np.int64]
    beads: NDArray[np.float64]
    left_out: int
    repeated: int

    @classmethod
    def of(cls, tally: Tally) -> Sample:
        """What ``Landscape.measure`` has kept."""
        left_out = len(tally.rows(LEFT_OUT)) if LEFT_OUT in tally else 0
        if ENVIRONMENTS not in tally:
            none = np.empty(0)
            return cls([], none.astype(np.int64), none.astype(np.int64), none, left_out, 0)
        environments, said = tally.rows(ENVIRONMENTS), tally.rows(FRAME)
        seen: dict[str, int] = {}
        for row, each in enumerate(environments):
            seen.setdefault(_digest(each), row)
        first = list(seen.values())
        said = said[first]
        return cls([environments[k] for k in first], said[:, 0].astype(np.int64), said[:, 1].astype(np.int64),
                   said[:, 2], left_out, len(environments) - len(first))

    @property
    def n_frames(self) -> int:
        return len(self.environments)

    @property
    def flat(self) -> list[NDArray[np.float32]]:
        """Environments without regard to molecules, (M N, F) each."""
        return [each.reshape(-1, each.shape[-1]) for each in self.environments]

    @cached_property
    def digests(self) -> list[str]:
        """SHA-256 of the environments of each frame."""
        return [_digest(each) for each in self.environments]

    @cached_property
    def units(self) -> list[NDArray[np.int64]]:
        """Frames that have the same beads, in order of appearance: draws that are not independent."""
        rows: dict[float, list[int]] = {}
        for row, beads in enumerate(self.beads.tolist()):
            rows.setdefault(beads, []).append(row)
        return [np.array(each) for each in rows.values()]

    def pairing(self, other: Sample) -> Pairing:
        """Which frames of this reference and of a candidate are compared, as rows of both, one after the other."""
        ours = {float(self.beads[rows[0]]): rows for rows in self.units}
        theirs = {float(other.beads[rows[0]]): rows for rows in other.units}
        both = [beads for beads in ours if beads in theirs]
        chosen = [theirs[beads] for beads in both] or list(theirs.values())
        draws = min((len(rows) for rows in chosen), default=0)
        first = [ours[beads][0] for beads in both] or [rows[0] for rows in ours.values()]
        return Pairing(np.array(first, dtype=np.int64), np.array([rows[:draws] for rows in chosen]) + self.n_frames,
                       bool(both))


def _digest(environments: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(environments).tobytes()).hexdigest()
