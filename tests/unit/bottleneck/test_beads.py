"""Molecules of beads from topologies and mappings; frames of them, made whole."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from backmap_plugins.bottleneck.beads import BeadFrames, molecules_of

from backmap.api import AtomTopology, FrameInfo
from backmap.errors import BackmapError
from tests import builders, melts


@dataclass
class Source:
    positions: np.ndarray
    where: str = "x.gro"

    @property
    def n_frames(self) -> int:
        return len(self.positions)

    @property
    def n_points(self) -> int:
        return self.positions.shape[1]

    def frame(self, number: int) -> FrameInfo:
        return FrameInfo(self.positions[number], np.eye(3) * melts.BOX, 0.0)


def test_beads_of_a_mapping_weigh_what_their_atoms_weigh() -> None:
    atoms, _ = builders.atoms_of("CCCC", "BUT")
    beads = builders.beads_of(atoms, {"E1": {"C1": 1, "C2": 1}, "E2": {"C3": 1, "C4": 1}})
    ((kind, count),) = molecules_of(AtomTopology({"BUT": atoms}, [("BUT", 3)], ""), {"BUT": beads})
    assert count == 3
    assert kind.names == ["E1", "E2"]
    np.testing.assert_allclose(kind.mass, 2 * 12.011 + 5 * 1.008, atol=0.01)  # with their hydrogens
    assert kind.bonds.tolist() == [[0, 1]]
    with pytest.raises(BackmapError, match="molecule type 'BUT' has no mapping"):
        molecules_of(AtomTopology({"BUT": atoms}, [("BUT", 3)], ""), {})


def test_chains_are_made_whole_and_counted() -> None:
    whole = melts.gaussian(np.random.default_rng(0), 3, 7, 5, 0.3)
    broken = (whole % melts.BOX).reshape(3, -1, 3)
    frames = BeadFrames.read(Source(broken), [(melts.chain(5), 0)])
    assert (frames.n_molecules, frames.n_frames, frames.n_beads) == (7, 3, 35)
    found = np.diff(np.stack(frames.positions).reshape(3, 7, 5, 3), axis=2)
    np.testing.assert_allclose(found, np.diff(whole, axis=2), atol=1e-12)
    assert frames.density == pytest.approx(35 / melts.BOX**3)


def test_other_numbers_of_beads_are_refused() -> None:
    beads = np.zeros((1, 33, 3))
    with pytest.raises(BackmapError, match=r"holds 33 beads, which are no whole number of molecules \(5 in KG\)"):
        BeadFrames.read(Source(beads), [(melts.chain(5), 0)])
    two = [(melts.chain(5), 2), (melts.chain(3), 4)]
    assert BeadFrames.read(Source(np.zeros((1, 22, 3))), two).n_molecules == 6
    with pytest.raises(BackmapError, match="holds 33 beads, but the molecules of the topology have 22"):
        BeadFrames.read(Source(beads), two)
    with pytest.raises(BackmapError, match="holds no frames"):
        BeadFrames.read(Source(np.zeros((0, 5, 3))), [(melts.chain(5), 1)])


def test_spread_molecules_keep_their_shape() -> None:
    frames = melts.frames(melts.gaussian(np.random.default_rng(1), 1, 4, 3, 0.3))
    spread = frames.spread(1.2)
    one, other = (each.positions[0].reshape(4, 3, 3) for each in (frames, spread))
    np.testing.assert_allclose(np.diff(one, axis=1), np.diff(other, axis=1), atol=1e-12)
    np.testing.assert_allclose(other.mean(axis=1), 1.2 * one.mean(axis=1))
    assert spread.density == pytest.approx(frames.density / 1.2**3)
