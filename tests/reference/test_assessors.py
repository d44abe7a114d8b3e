"""The published polystyrene melt by our assessors, against figures of an independent program.

The figures are those of a yardstick in numpy that shares no code with the project. Its bins and definitions are the
defaults of ``structure``.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.assessors.consistency import Consistency
from backmap_plugins.assessors.structure import Structure
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble, signed

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.assessment import Assessment
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import forcefields

#: Jensen-Shannon divergences from the reference: its own odd frames from its even ones, the published
#: deepbackmap, and a geometric baseline, all 78 frames; then both for the first three frames.
DIVERGENCES = """
bonds     | C-C                         | 0.0000 | 0.4230 | 0.6779 | 0.4147 | 0.6812
bonds     | C-C_AR                      | 0.0000 | 0.4526 | 0.6928 | 0.4442 | 0.6931
bonds     | C-H                         | 0.0000 | 0.3572 | 0.2619 | 0.3583 | 0.2639
bonds     | C_AR-C_AR                   | 0.0000 | 0.4129 | 0.3999 | 0.4079 | 0.3933
bonds     | C_AR-H_AR                   | 0.0000 | 0.3679 | 0.1813 | 0.3591 | 0.1749
angles    | C-C-C                       | 0.0002 | 0.0185 | 0.0696 | 0.0220 | 0.0808
angles    | C-C-C_AR                    | 0.0001 | 0.0053 | 0.0742 | 0.0065 | 0.0728
angles    | C-C-H                       | 0.0000 | 0.0285 | 0.2717 | 0.0330 | 0.2749
angles    | C-C_AR-C_AR                 | 0.0002 | 0.0144 | 0.1810 | 0.0167 | 0.1970
angles    | C_AR-C-H                    | 0.0005 | 0.0413 | 0.2225 | 0.0402 | 0.2306
angles    | C_AR-C_AR-C_AR              | 0.0001 | 0.0700 | 0.2304 | 0.0697 | 0.2347
angles    | C_AR-C_AR-H_AR              | 0.0000 | 0.0818 | 0.3316 | 0.0869 | 0.3283
angles    | H-C-H                       | 0.0003 | 0.0705 | 0.3697 | 0.0652 | 0.3533
propers   | C-C-C-C                     | 0.0008 | 0.0021 | 0.0484 | 0.0111 | 0.0629
propers   | C-C-C-H                     | 0.0092 | 0.0252 | 0.0587 | 0.1563 | 0.1833
propers   | C-C-C-C_AR (no term)        | 0.0007 | 0.0027 | 0.0305 | 0.0118 | 0.0406
propers   | C-C-C_AR-C_AR (no term)     | 0.0004 | 0.0027 | 0.0867 | 0.0077 | 0.0885
impropers | out-of-plane C              | 0.0004 | 0.0236 | 0.0230 | 0.0351 | 0.0343
impropers | out-of-plane H_AR           | 0.0001 | 0.0834 | 0.3206 | 0.0846 | 0.3262
impropers | ring C_AR4                  | 0.0001 | 0.0709 | 0.2909 | 0.0674 | 0.2832
packing   | nearest contact any-any     | 0.0001 | 0.0020 | 0.0252 | 0.0030 | 0.0263
packing   | nearest contact heavy-heavy | 0.0001 | 0.0009 | 0.0135 | 0.0020 | 0.0157
"""
COLUMNS = {"floor": 0, "deepbackmap": 1, "baseline": 2, "deepbackmap start": 3, "baseline start": 4}
MADE = ("deepbackmap", "baseline")
ANY, HEAVY = "nearest contact any-any", "nearest contact heavy-heavy"
PAIRED = ("stereochemistry", "stereocentres of PS1", "share as in reference frame")
TRANS, DYADS = ("propers", "C-C-C-C", "trans share"), ("stereochemistry", "dyads of PS1", "racemo share")
SHELLS = ("packing", "g(r) C-C", "integral of |g - g_ref|")
#: All 78 frames: figure -> reference, deepbackmap, baseline; None where the reference is not measured. Some beads of
#: the baseline are farther off than half the box is wide. Their deviation is the shortest of 125 images here; the
#: yardstick rounds to the nearest cell, which is not the nearest image there, and prints an RMSD of 0.1986 nm.
WHOLE = {
    SHELLS: (None, 0.0043, 0.0196), PAIRED: (None, 0.9922, 0.5137), TRANS: (0.7659, 0.7697, 0.5272),
    DYADS: (1.0, 0.9847, 0.4983),
    ("bonds", "bonds longer than 0.2 nm", "per frame"): (0.0, 0.0513, 2.6154),
    ("bonds", "longest bond", "maximum"): (0.1546, 0.2071, 0.4550),
    ("packing", "pairs closer than 0.12 nm", "per 1000 atoms"): (0.0, 0.0, 0.0352),
    ("packing", "heavy pairs closer than 0.25 nm", "per 1000 atoms"): (0.0, 0.0, 0.0),
    ("packing", HEAVY, "minimum"): (0.2783, 0.2567, 0.2562), ("packing", HEAVY, "0.1 %"): (0.2963, 0.2839, 0.3091),
    ("packing", HEAVY, "1 %"): (0.3102, 0.3061, 0.3219), ("packing", HEAVY, "mean"): (0.3691, 0.3694, 0.3688),
    ("packing", ANY, "minimum"): (0.1728, 0.1248, 0.0094), ("packing", ANY, "0.1 %"): (0.1859, 0.1722, 0.2052),
    ("packing", ANY, "1 %"): (0.1959, 0.1912, 0.2115), ("packing", ANY, "mean"): (0.2682, 0.2694, 0.2712),
    ("consistency", "all beads", "RMSD"): (0.0005, 0.0035, 0.1900),
    ("consistency", "beads A inner", "RMSD"): (0.0005, 0.0038, 0.1854),
    ("consistency", "beads A first", "RMSD"): (0.0000, 0.0031, 0.1981),
    ("consistency", "beads A last", "RMSD"): (0.0005, 0.0042, 0.1852),
    ("consistency", "beads B", "RMSD"): (0.0005, 0.0031, 0.1933),
    ("consistency", "all beads", "median"): (0.0005, 0.0030, 0.0823),
    ("consistency", "all beads", "99 %"): (0.0008, 0.0076, 0.2262),
}
#: Mean and spread, nm.
LENGTHS = {
    "C-C": ((0.1530, 0.0004), (0.1541, 0.0063), (0.1719, 0.0082)),
    "C-C_AR": ((0.1510, 0.0004), (0.1505, 0.0056), (0.1748, 0.0073)),
    "C-H": ((0.1100, 0.0004), (0.1078, 0.0060), (0.1057, 0.0056)),
    "C_AR-C_AR": ((0.1390, 0.0004), (0.1376, 0.0041), (0.1376, 0.0044)),
    "C_AR-H_AR": ((0.1080, 0.0004), (0.1052, 0.0046), (0.1059, 0.0038)),
}
#: The first three frames: deepbackmap, baseline.
START = {
    SHELLS: (0.0084, 0.0202), PAIRED: (0.9928, 0.5021), TRANS: (0.8012, 0.5283), DYADS: (0.9873, 0.5185),
    ("bonds", "bonds longer than 0.2 nm", "per frame"): (0.0, 0.6667),
    ("bonds", "longest bond", "maximum"): (0.1758, 0.2029),
    ("packing", "pairs closer than 0.12 nm", "per 1000 atoms"): (0.0, 0.1715),
    ("packing", ANY, "minimum"): (0.1577, 0.0281), ("packing", ANY, "1 %"): (0.1910, 0.2122),
    ("packing", HEAVY, "minimum"): (0.2808, 0.3088), ("packing", HEAVY, "mean"): (0.3692, 0.3690),
    ("consistency", "all beads", "RMSD"): (0.0034, 0.0940), ("consistency", "beads A inner", "RMSD"): (0.0037, 0.0853),
    ("consistency", "beads A last", "RMSD"): (0.0037, 0.0908), ("consistency", "beads B", "RMSD"): (0.0030, 0.0983),
    ("consistency", "all beads", "median"): (0.0029, 0.0808), ("consistency", "all beads", "99 %"): (0.0078, 0.1975),
}
#: Figures are printed with four digits; quantiles come from bins of 0.0001 nm.
DIVERGENCE, PRINTED = 0.0005, 0.00016


def divergences(column: str) -> dict[tuple[str, str], float]:
    """What the independent program found, by section and name."""
    rows = [[word.strip() for word in line.split("|")] for line in DIVERGENCES.strip().splitlines()]
    return {(row[0], row[1]): float(row[2 + COLUMNS[column]]) for row in rows}


@dataclass
class Melt:
    """Measures trajectories of the published melt."""

    folder: Path
    system: System
    structure: Structure
    consistency: Consistency

    @classmethod
    def of(cls, folder: Path) -> Melt:
        topology = Gromacs(Gromacs.Options(file=folder / "topol.top")).read()
        system = assemble(topology, Votca(Votca.Options(files=folder / "PS1.xml")).read(topology))
        first = GromacsFrames([folder / "test_568K" / "aa.xtc"]).frame(0)
        system = signed(system, system.whole_atoms(first.positions, first.box)[None])
        assessors = Structure(Structure.Options()), Consistency(Consistency.Options())
        for assessor in assessors:
            assessor.begin(system, forcefields.read(folder / "topol.top", system))
        return cls(folder, system, *assessors)

    def measured(self, name: str, n_frames: int) -> tuple[Tally, Tally]:
        """Tallies of ``structure`` and ``consistency``."""
        files = {key: GromacsFrames([self.folder / "test_568K" / f"{key}.xtc"]) for key in {name, "aa", "cg"}}
        system, where, tallies = self.system, AtomIndex(self.system), (Tally(), Tally())
        for number in range(n_frames):
            here, true, beads = (files[key].frame(number) for key in (name, "aa", "cg"))
            box, given = beads.box, system.whole_beads(beads.positions, beads.box)
            reference = Snapshot(system, where, number, number, box, system.whole_atoms(true.positions, box), given)
            frame = Snapshot(system, where, number, number, box, system.whole_atoms(here.positions, box), given,
                             None if name == "aa" else reference)
            for assessor, tally in zip((self.structure, self.consistency), tallies):
                assessor.measure(frame, tally)
        return tallies

    def assessed(self, tallies: tuple[Tally, Tally], reference: Tally | None) -> list[Assessment]:
        return [self.structure.conclude(tallies[0], reference), self.consistency.conclude(tallies[1], None)]


def figures(assessments: list[Assessment]) -> dict[tuple[str, str, str], float]:
    return {figure.key: figure.value for assessment in assessments for figure in assessment.figures}


def compare(found: dict, column: str, others: dict, without: str = "") -> None:
    """Check every figure against the table, but for divergences of one section."""
    bad = []
    expected = {(*key, "JSD"): (value, DIVERGENCE) for key, value in divergences(column).items() if key[0] != without}
    expected |= {key: (value, PRINTED) for key, value in others.items()}
    for key, (value, tolerance) in expected.items():
        if not abs(found[key] - value) <= tolerance:
            bad.append(f"{key}: {found[key]:.5f}, not {value:.4f}")
    assert not bad, f"{column}:\n" + "\n".join(bad)


@pytest.fixture(scope="module")
def melt(reference_data: Path) -> Melt:
    return Melt.of(reference_data / "polystyrene")


def test_the_first_frames_are_as_an_independent_program_found_them(melt: Melt) -> None:
    reference = melt.measured("aa", 3)
    for column, name in enumerate(MADE):
        found = figures(melt.assessed(melt.measured(name, 3), reference[0]))
        compare(found, f"{name} start", {key: row[column] for key, row in START.items()})


@pytest.mark.slow
def test_all_frames_are_as_an_independent_program_found_them(melt: Melt) -> None:
    tallies = {name: melt.measured(name, 78) for name in ("aa", *MADE)}
    true = tallies["aa"][0]
    floor = melt.structure.conclude(true.half(1), true.half(0))
    compare(figures([floor]), "floor", {SHELLS: 0.0022}, without="bonds")
    assert not [key for key in figures([floor]) if (key[0], key[2]) == ("bonds", "JSD")]  # both are rigid
    for column, name in enumerate(("aa", *MADE)):
        found = melt.assessed(tallies[name], None if name == "aa" else true)
        others = {key: row[column] for key, row in WHOLE.items() if row[column] is not None}
        if name != "aa":
            compare(figures(found), name, others)
        else:
            values = figures(found)
            assert {key: values[key] for key in others} == pytest.approx(others, abs=PRINTED)
        spread = {figure.name: (figure.value, figure.spread) for figure in found[0].figures
                  if (figure.section, figure.quantity) == ("bonds", "mean")}
        np.testing.assert_allclose([spread[bond] for bond in LENGTHS], [row[column] for row in LENGTHS.values()],
                                   atol=PRINTED)
