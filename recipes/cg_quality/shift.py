"""The assessor ``shift_back``: how far atoms bring displaced beads back to where they were displaced from."""
import MDAnalysis as mda
import numpy as np
from pydantic import Field

from backmap import api
from backmap.model import box as periodic

API_VERSION = 1


@api.hookimpl
def backmap_assessors():
    return {"shift_back": ShiftBack}


class ShiftBack(api.Assessor):
    """Share of the displacement d of beads that their atoms take back: mean over beads of -(M(r) - R).d / |d|^2.

    It is 0 where beads are held, whatever the width of the restraint, and 1 where atoms ignore the displacement.
    """

    class Options(api.Options):
        files: list[str] = Field(min_length=2, description="Beads before they were displaced: structure and "
                                                           "trajectory, with the frames of the model first.")

    options: Options

    def begin(self, system, forcefield):
        super().begin(system, forcefield)
        self.before = mda.Universe(*self.options.files)

    def measure(self, frame, tally):
        self.before.trajectory[frame.number]
        moved = periodic.minimum_image(frame.beads - self.before.atoms.positions / 10, frame.box)
        residual = periodic.minimum_image(self.system.map(frame.atoms) - frame.beads, frame.box)
        size = (moved**2).sum(axis=1)
        far = size > 1e-10  # what lies closer, 0.01 pm, was not displaced but rounded
        share = -(residual * moved).sum(axis=1)[far] / size[far]
        tally.row("shift", frame.index, [share.sum(), (share**2).sum(), far.sum()])

    def conclude(self, tally, reference):
        total, squares, n = tally.rows("shift").sum(axis=0)
        if n < 2:
            return api.Assessment()
        mean = total / n
        return api.Assessment([api.Figure("shift back", "all", "share", mean,
                                          error=np.sqrt(max(squares / n - mean**2, 0.0) / n))])
