"""What is said of stereocentres that nothing tells."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from backmap_plugins.checkers.molecules import GIVEN, TACTICITY, _stereocentres

from backmap.model.survey import Survey
from backmap.model.system import System
from tests.polystyrene import melt


def test_flips_are_named_where_centres_have_hydrogens() -> None:
    """United atoms have none, and the step would refuse them; a name that comes nine times is counted."""
    (kind, count), = melt().system.blocks
    open_ = replace(kind.chemistry, sign=np.zeros_like(kind.chemistry.sign))
    fluorine = np.where(open_.element == 1, 9, open_.element)
    for chemistry, hint in ((open_, TACTICITY), (replace(open_, element=fluorine), f"{GIVEN}.")):
        unknown = replace(kind, chemistry=chemistry, atom_names=tuple("X" for _ in kind.atom_names))
        (finding,) = _stereocentres(Survey("run.yaml", system=System(((unknown, count),))))
        assert finding.problem.endswith(f"the handedness of {len(open_.sign)} stereocentres is not known "
                                        f"(X ({len(open_.sign)}))")
        assert finding.hint == f"They come out in either chirality. {hint}"
