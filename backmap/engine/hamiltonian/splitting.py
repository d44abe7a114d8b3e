"""Forces of pairs that count now and then (compiled).

Angles with hydrogens ask for a short time step. Pairs that are not bonded ask for less, and least what is far away:
they may count in every n-th step alone, n times. A trajectory stays reversible if that is so at the same steps from
either end, and its volume as it is (reversible multiple time steps: Tuckerman, Berne, Martyna, J. Chem. Phys. 97, 1990
(1992)). The acceptance looks at all of the energy.
"""
from __future__ import annotations

from typing import NamedTuple

from ..compiling.compiled import part

#: nm; inner forces of charges fade out, so that nothing jumps that counts more often than what takes over. Those of
#: Lennard-Jones alone end: what is left of them by then is little.
FADE = 0.1


class Split(NamedTuple):
    """How the forces of pairs count in a step.

    Attributes:
        inner: How often those of near pairs and within the molecule count, 0 where none do.
        outer: How often those of what stands still farther away than ``reach`` count.
        reach: nm.
    """

    inner: float
    outer: float
    reach: float


#: Nothing is split.
WHOLLY = Split(1.0, 1.0, 1.0)


@part(inline="always")
def split_at(split: Split):
    """What ``share`` needs: where forces begin to fade, nm^2, and over how much, 1/nm^2."""
    begin = (split.reach - FADE)**2
    return begin, 1.0 / (split.reach * split.reach - begin)


@part(inline="always")
def share(squared, begin, rate, inner, more, three, none, one):
    """How often a force at a squared distance counts; ``more`` often outside. Numbers in its precision."""
    t = min(max((squared - begin) * rate, none), one)
    return inner + more * (t * t * (three - t - t))


class Rhythm(NamedTuple):
    """When forces of pairs count in a trajectory.

    Attributes:
        steps: Of the trajectory.
        inner: Stretches between steps in which inner forces count.
        outer: Stretches of these between outer ones.
        reach: As of ``Split``.
    """

    steps: int
    inner: int
    outer: int
    reach: float


@part
def rhythm_of(steps, inner, outer, reach):
    """That of a trajectory: inner forces count in every ``inner``-th step, outer in every ``outer``-th of these."""
    count = stretches(steps, inner)
    return Rhythm(steps, count, stretches(count, outer), reach)


@part
def split_of(rhythm: Rhythm, one, other):
    """How forces count where inner stretch ``one`` begins, and perhaps outer stretch ``other``."""
    steps, count = rhythm.steps, rhythm.inner
    before, after = beginning(max(one - 1, 0), count, steps), beginning(min(one + 1, count), count, steps)
    inner = _share_at(one, count, before, after)
    if one != beginning(other, rhythm.outer, count):
        return Split(inner, 0.0, rhythm.reach)
    begin = beginning(max(other - 1, 0), rhythm.outer, count)
    end = beginning(min(other + 1, rhythm.outer), rhythm.outer, count)
    outer = _share_at(other, rhythm.outer, beginning(begin, count, steps), beginning(end, count, steps))
    return Split(inner, outer, rhythm.reach)


@part
def _share_at(stretch, count, begin, end):
    """How often forces count between two stretches, so that they count as often as there are steps.

    The step at either end is half of one; no step at all is whole.
    """
    if begin == end:
        return 1.0
    return (0.5 if 0 < stretch < count else 1.0) * (end - begin)


@part
def stretches(steps, every):
    """Into how many stretches of at most ``every`` steps a trajectory is cut, the same from either end."""
    count = max(1, -(-steps // every))
    return count + (steps & 1 & ~count)  # of an odd number of steps, one stretch is in the middle


@part
def beginning(stretch, count, steps):
    """The step at which a stretch begins; ``count`` is for the end."""
    if 2 * stretch > count:
        return steps + -(count - stretch) * steps // count
    return -(-stretch * steps // count)
