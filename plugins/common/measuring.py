"""Measuring windows frame by frame, by one process or by several."""
from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from backmap.api import Assessor
from backmap.engine.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.system import System, Window
from backmap.model.tally import Tally

Result = tuple[dict[str, Tally], dict[str, np.ndarray]]

PIECE = 4  #: frames that a process measures at a time


class Measuring:
    """Assessors at work. Every frame is measured by itself, so the sums are the same however many share them.

    Args:
        system: What is there.
        assessors: That have begun.
        processes: How many measure; 1 is this one alone.
    """

    def __init__(self, system: System, assessors: Sequence[Assessor], processes: int) -> None:
        self._worker = _Worker(system, assessors)
        self._pool = None
        if processes > 1:
            try:
                packed = pickle.dumps(self._worker)
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise BackmapError(f"these assessors cannot be sent to other processes: {error}",
                                   hint="Write 'processes: 1'.") from error
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(processes, context, initializer=_wake, initargs=(packed,))

    def of(self, window: Window, index: np.ndarray, reference: bool) -> Result:
        """Tallies by assessor, and flags (W, B) by physics warning.

        Args:
            window: Frames with atoms, or with true atoms.
            index: Place of each frame in the run, (W,).
            reference: Measure the true atoms instead of the atoms.
        """
        pieces = [np.arange(k, min(k + PIECE, window.size)) for k in range(0, window.size, PIECE)]
        jobs = [(window.take(piece), index[piece], reference) for piece in pieces]
        done = [self._worker(*job) for job in jobs] if self._pool is None else list(self._pool.map(_work, *zip(*jobs)))
        tallies = {name: Tally.merged(part[0][name] for part in done) for name in done[0][0]}
        flags = {}
        for piece, (_, found) in zip(pieces, done):
            for name, flagged in found.items():
                flags.setdefault(name, np.zeros(window.beads.shape[:2], dtype=bool))[piece] = flagged
        return tallies, flags

    def close(self) -> None:
        """Send the processes home."""
        if self._pool is not None:
            self._pool.shutdown()


class _Worker:
    def __init__(self, system: System, assessors: Sequence[Assessor]) -> None:
        self.system, self.assessors, self.where = system, assessors, AtomIndex(system)

    def __call__(self, window: Window, index: np.ndarray, reference: bool) -> Result:
        tallies = {assessor.name: Tally() for assessor in self.assessors}
        flags: dict[str, np.ndarray] = {}
        for w, frame in enumerate(Snapshot.all_of(window, self.system, self.where, index)):
            for assessor in self.assessors:
                found = assessor.measure(frame.reference if reference else frame, tallies[assessor.name])
                for name, flagged in (found or {}).items():
                    flags.setdefault(name, np.zeros(window.beads.shape[:2], dtype=bool))[w] |= flagged
        return tallies, flags


_worker: _Worker


def _wake(packed: bytes) -> None:
    """First thing in a new process: an interrupt is the main process's business."""
    import torch

    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _worker = pickle.loads(packed)


def _work(window: Window, index: np.ndarray, reference: bool) -> Result:
    return _worker(window, index, reference)
