"""What morphers promise."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..api import Morphed, Morpher
from ..errors import BackmapError
from ..model.system import System, Window, self_image
from .examples import example_beads

SEED = (7, 0)


def check_morpher(morpher: Morpher, system: System | None = None, window: Window | None = None) -> None:
    """Check that beads of a frame follow from what they were, box and seed alone, and that it says what it leaves.

    Args:
        morpher: The morpher; its ``begin`` is called here.
        system: Molecules of beads alone; by default those of ``example_beads()``, without the single beads if the
            morpher refuses them.
        window: Two frames of them or more; by default those of ``example_beads()``.
    """
    if system is None or window is None:
        system, window = _begun(morpher)
    else:
        morpher.begin(system, "cpu", SEED)
    frames = [window.take([w]) for w in range(window.size)]
    made = [_made(morpher, system, frame) for frame in frames]
    sweeps = {len(counts) for one in made for counts in one.moves.values()}
    assert len(sweeps) <= 1, f"numbers of sweeps differ: {sorted(sweeps)}"
    for frame, before in reversed(list(zip(frames, made))):
        assert _same(_made(morpher, system, frame), before), "a frame depends on those that were morphed before it"
        other = replace(frame, time=frame.time + 5.0, place=frame.place + 3,
                        flags={"clash": np.ones(frame.beads.shape[:2], dtype=bool)})
        assert _same(_made(morpher, system, other), before), "a frame depends on more than its beads, box and seed"
    _check_left(morpher, system, window.beads, np.stack([one.beads for one in made]))


def _begun(morpher: Morpher) -> tuple[System, Window]:
    """The example, with single beads or, for a morpher that refuses them, without."""
    system, window = example_beads()
    try:
        morpher.begin(system, "cpu", SEED)
    except BackmapError:  # which says what it cannot morph
        chains = System(system.blocks[:1])
        morpher.begin(chains, "cpu", SEED)
        return chains, replace(window, beads=window.beads[:, :chains.n_beads], system=chains).as_beads()
    return system, window


def _made(morpher: Morpher, system: System, frame: Window) -> Morphed:
    """What it makes of a frame, which must be what ``Morphed`` says."""
    beads, box = frame.beads.copy(), frame.boxes.copy()
    made = morpher.morph(frame, SEED)
    for what, now, then in (("beads", frame.beads, beads), ("atoms", frame.atoms, beads), ("boxes", frame.boxes, box)):
        assert np.array_equal(now, then), f"the {what} of the window that was given are changed"
    assert isinstance(made, Morphed), f"it returns {type(made).__name__}, not Morphed"
    assert made.beads.shape == beads.shape[1:], f"beads are {made.beads.shape}, not {beads.shape[1:]}"
    assert np.isfinite(made.beads).all(), "positions are not finite"
    for group in system.groups:
        bonded = made.beads[group.atoms[:, group.type.bonds]]
        images = self_image(bonded[:, :, 1] - bonded[:, :, 0], frame.box(0))
        assert np.allclose(images, 0.0, atol=1e-6), "molecules are not whole"
    for (move, _), counts in made.moves.items():
        assert move in morpher.moves, f"'{move}' is not among its moves"
        assert counts.ndim == 2, "counts are not (sweeps, 2)"
        assert counts.shape[1] == 2, "counts are not (sweeps, 2)"
        assert (counts[:, 1] <= counts[:, 0]).all(), "more moves are accepted than tried"
    if made.drift is not None:
        assert made.drift.ndim == 1, "the drift is not (n,)"
        assert (made.drift >= 0).all(), "the drift is negative, or no number"
        assert morpher.kept, "there is a drift, but of what (kept)?"
    return made


def _same(one: Morphed, other: Morphed) -> bool:
    drifts = [made.drift if made.drift is not None else [] for made in (one, other)]
    return (np.array_equal(one.beads, other.beads) and np.array_equal(*drifts)
            and one.moves.keys() == other.moves.keys()
            and all(np.array_equal(one.moves[key], other.moves[key]) for key in one.moves))


def _check_left(morpher: Morpher, system: System, before: np.ndarray, after: np.ndarray) -> None:
    """What stays as it is, in all frames (W, B, 3), is what it says that it leaves."""
    names = [kind.name for kind in system.types]
    moved = {group.type.name for group in system.groups
             if not np.array_equal(before[:, group.atoms], after[:, group.atoms])}
    for name in morpher.left:
        assert name in names, f"it leaves '{name}', which is no molecule type"
        assert name not in moved, f"it says that it leaves '{name}' as it is, but beads have moved"
    for name in names:
        assert name in moved or name in morpher.left, f"it leaves '{name}' as it is, but does not say so (left)"
