"""The conformance kit finds broken promises of morphers."""
from __future__ import annotations

import numpy as np
import pytest

from backmap import api, testing
from backmap.engine.random import numpy_generator
from backmap.errors import BackmapError


class Shaken(api.Morpher):
    """Chains are displaced at random; single beads stay."""

    moves = ("shake",)
    kept = "nothing in particular"
    left = ("ION",)

    def begin(self, system, device, seed):
        self.chain = next(group for group in system.groups if group.type.name == "CHAIN").beads

    def drawn(self, window, seed):
        return numpy_generator(*seed, int(window.frames[0])).normal(scale=0.02, size=(*self.chain.shape, 3))

    def morph(self, window, seed):
        beads = window.beads[0].copy()
        beads[self.chain] += self.drawn(window, seed)
        return self.handed(beads)

    def handed(self, beads):
        counts = np.array([[96, 96], [96, 3]])
        return api.Morphed(beads, {("shake", "B"): counts}, drift=np.zeros(3))


def test_an_honest_morpher_passes() -> None:
    testing.check_morpher(Shaken(Shaken.Options()))


class Choosy(Shaken):
    left = ()

    def begin(self, system, device, seed):
        if len(system.types) > 1:
            raise BackmapError("ION has one bead, and no shape that could change")
        super().begin(system, device, seed)


def test_a_morpher_may_refuse_single_beads() -> None:
    testing.check_morpher(Choosy(Choosy.Options()))
    with pytest.raises(BackmapError, match="ION has one bead"):
        testing.check_morpher(Choosy(Choosy.Options()), *testing.example_beads())


class Flat(Shaken):
    def handed(self, beads):
        return api.Morphed(beads[:, :2])


class Bare(Shaken):
    def handed(self, beads):
        return beads


class Lost(Shaken):
    def handed(self, beads):
        beads[5] = np.nan
        return api.Morphed(beads)


class InPlace(Shaken):
    def morph(self, window, seed):
        window.beads[0, self.chain] += self.drawn(window, seed)
        return self.handed(window.beads[0])


class Remembers(Shaken):
    last = 0.0

    def drawn(self, window, seed):
        self.last = self.last + super().drawn(window, seed)
        return self.last


class Timed(Shaken):
    def drawn(self, window, seed):
        return 0.01 * float(window.time[0]) + super().drawn(window, seed)


class Careless(Shaken):
    """Draws that nothing names."""

    def drawn(self, window, seed):
        return np.random.default_rng().normal(scale=0.02, size=(*self.chain.shape, 3))


class Silent(Shaken):
    left = ()


class Idle(Shaken):
    left = ("CHAIN", "ION")


class Cut(Shaken):
    def handed(self, beads):
        beads[1, 0] += 6.0
        return api.Morphed(beads)


class Generous(Shaken):
    def handed(self, beads):
        return api.Morphed(beads, {("shake", "B"): np.array([[3, 4]])})


class Foreign(Shaken):
    def handed(self, beads):
        return api.Morphed(beads, {("swap", "B"): np.array([[4, 3]])})


class Unkept(Shaken):
    kept = ""


@pytest.mark.parametrize(("broken", "promise"), [
    (Flat, r"beads are \(108, 2\), not \(108, 3\)"), (Bare, "returns ndarray, not Morphed"), (Lost, "not finite"),
    (InPlace, "the beads of the window that was given are changed"), (Remembers, "those that were morphed before it"),
    (Timed, "more than its beads, box and seed"), (Careless, "depends on"), (Silent, "leaves 'ION' as it is, but does"),
    (Idle, "leaves 'CHAIN' as it is, but beads have moved"), (Cut, "not whole"), (Generous, "more moves are accepted"),
    (Foreign, "'swap' is not among its moves"), (Unkept, "a drift, but of what"),
])
def test_broken_promises_of_morphers(broken: type[api.Morpher], promise: str) -> None:
    with pytest.raises(AssertionError, match=promise):
        testing.check_morpher(broken(broken.Options()))
