"""The ``structure`` assessor hands on all that its parts say."""
from __future__ import annotations

from dataclasses import fields

import numpy as np
from backmap_plugins.assessors.structure import Structure

from backmap.model.assessment import GOOD, Aspect, Assessment, Curve, Figure, Surface
from backmap.model.tally import Tally


class Part:
    """Says one thing of each kind."""

    edges = np.array([0.0, 1.0, 2.0])

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        return Assessment([Figure("s", "n", "q", 1.0)], [Curve("s", "n", "q", "nm", self.edges, np.ones(2))], ["note"],
                          [Aspect(GOOD, "topic", "text")],
                          [Surface("s", "n", ("x", "y"), ("nm", "nm"), (self.edges, self.edges), np.ones((2, 2)))])


def test_nothing_of_its_parts_is_lost() -> None:
    structure = Structure(Structure.Options())
    structure.parts = [Part(), Part()]
    said = structure.conclude(Tally(), None)
    assert {field.name: len(getattr(said, field.name)) for field in fields(said)} == {
        "figures": 2, "curves": 2, "notes": 2, "findings": 2, "surfaces": 2}
