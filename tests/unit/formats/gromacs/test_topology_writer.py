"""A topology with other counts is the given one in all else, and holds in another folder."""
from __future__ import annotations

from pathlib import Path

import pytest
from backmap_plugins.formats.gromacs.topology_writer import GromacsTopology, counted

from tests import builders

TOP = """\
; mine
#include "own.itp"
#include "oplsaa.ff/forcefield.itp"
#ifdef POSRES
[ position_restraints ]
1 1 10 10 10
#endif
[ system ]
title
[ molecules ]  ; as many as there were
BUT  7
SOL  1 ; one
#include "counts.itp"
[ intermolecular_interactions ]
[ bonds ]
1 5 6 0.3 100
"""
EXPECTED = """\
; mine
#include "{folder}/own.itp"
#include "oplsaa.ff/forcefield.itp"
#ifdef POSRES
[ position_restraints ]
1 1 10 10 10
#endif
[ system ]
title
[ molecules ]
BUT             2
SOL             3
CHI             2
BUT             1
#include "counts.itp"
[ intermolecular_interactions ]
[ bonds ]
1 5 6 0.3 100
"""


def test_counts_are_those_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "own.itp").write_text("")
    (tmp_path / "topol.top").write_text(TOP)
    assert counted(tmp_path / "topol.top", builders.system()) == EXPECTED.format(folder=tmp_path)


def test_an_itp_becomes_a_topology(tmp_path: Path) -> None:
    (tmp_path / "one.itp").write_text("[ moleculetype ]\nSOL 2\n")
    assert counted(tmp_path / "one.itp", builders.system((builders.water(), 4))) == (
        "[ moleculetype ]\nSOL 2\n\n[ system ]\nbackmap\n\n[ molecules ]\nSOL             4\n")


def test_it_is_written_once(tmp_path: Path) -> None:
    (tmp_path / "topol.top").write_text(TOP)
    writer = GromacsTopology(GromacsTopology.Options(file="out.top", of=tmp_path / "topol.top"))
    window, system = builders.window(builders.system()), builders.system()
    first, second = (list(writer.encode(window, system, first)) for first in (True, False))
    assert len(first[0]) > 100
    assert second == [b""]


def test_counts_under_a_condition_are_refused(tmp_path: Path) -> None:
    (tmp_path / "topol.top").write_text("# ifdef A\n[ molecules ]\nSOL 1\n#endif\n")
    with pytest.raises(ValueError, match=r"topol.top:2: \[ molecules \] stand under a condition"):
        GromacsTopology.Options(file="out.top", of=tmp_path / "topol.top")
