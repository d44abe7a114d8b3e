"""Files of atoms must hold the topology's, in its order."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from backmap_plugins.molecules.sources import opened

from backmap.errors import BackmapError
from backmap.model.inputs import FrameInfo

from ... import builders


@dataclass
class Source:
    """Frames in memory, that are their own reader."""

    positions: np.ndarray
    names: list[str] | None = None
    where: str = "aa.xtc"
    n_frames: int = 1

    @property
    def n_points(self) -> int:
        return len(self.positions)

    def open(self) -> Source:
        return self

    def frame(self, number: int) -> FrameInfo:
        return FrameInfo(self.positions, builders.TRICLINIC, 0.0)


WHAT = builders.system()
ATOMS = builders.place(WHAT, builders.TRICLINIC)
NAMES = [name for kind, count in WHAT.blocks for _ in range(count) for name in kind.atom_names]


@pytest.mark.parametrize("names", [None, NAMES, [f"X{k}" for k in range(len(NAMES))]])
def test_the_right_atoms_pass(names: list[str] | None) -> None:
    source = Source(ATOMS, names)
    assert opened(source, "atoms", WHAT).names is source.names


def test_broken_molecules_pass() -> None:
    box = builders.TRICLINIC
    inside = ATOMS - np.floor(ATOMS @ np.linalg.inv(box)) @ box
    opened(Source(inside), "atoms", WHAT)


def test_another_order_is_seen_by_names() -> None:
    names = list(NAMES)
    names[1], names[2] = names[2], names[1]
    with pytest.raises(BackmapError, match=r"atoms are in another order: atom 2 is called C3, but the topology"):
        opened(Source(ATOMS, names), "atoms", WHAT)


def test_another_order_is_seen_by_bonds() -> None:
    order = np.random.default_rng(1).permutation(len(ATOMS))
    with pytest.raises(BackmapError, match=r"bonds of BUT are longer than 0.35 nm in frame 0: these are not its atoms"):
        opened(Source(ATOMS[order]), "atoms", WHAT)


def test_another_number() -> None:
    with pytest.raises(BackmapError, match="atoms, but the topology"):
        opened(Source(ATOMS[:-1]), "atoms", WHAT)


def test_a_file_without_frames_is_for_others_to_refuse() -> None:
    source = Source(ATOMS)
    source.n_frames = 0
    assert opened(source, "atoms", WHAT).names is source.names
