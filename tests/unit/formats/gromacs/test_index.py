"""Index files: atoms of flagged beads, as GROMACS reads them."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydantic
import pytest
from backmap_plugins.formats.gromacs.index import Index
from backmap_plugins.formats.gromacs.writers import Gromacs

from backmap.model.system import Window
from tests import builders


def read(text: str) -> dict[str, list[int]]:
    """Groups of an index file by name."""
    groups: dict[str, list[int]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            name = line.strip("[] ")
            assert name not in groups
            groups[name] = []
        else:
            assert len(line.split()) <= 15
            groups[name] += map(int, line.split())
    return groups


def window() -> Window:
    """Two frames, numbers 12 and 13: a butane bead clashes in one, all beads are infeasible in the other."""
    found = builders.window(builders.system())
    found.frames += 12
    for name, rows in {"clash": (0, [1]), "infeasible": (1, slice(None)), "chirality": (0, [])}.items():
        found.flags[name] = np.zeros(found.beads.shape[:2], dtype=bool)
        found.flags[name][rows] = True
    return found


def encoded(**options: object) -> str:
    (data,) = Index(Index.Options(file="flagged.ndx", **options)).encode(window(), builders.system(), True)
    return data.decode()


def test_groups_hold_the_atoms_that_flagged_beads_place() -> None:
    system = builders.system()
    second = np.flatnonzero(builders.butane().mapping.owner == 1) + 1
    assert read(encoded()) == {"clash_frame_12": second.tolist(),
                               "infeasible_frame_13": list(range(1, system.n_atoms + 1))}


def test_some_flags_only() -> None:
    assert list(read(encoded(flags=["clash", "unheard_of"]))) == ["clash_frame_12"]
    assert encoded(flags=["chirality"]) == ""


def test_other_suffixes_are_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match=r"should end in \.ndx"):
        Index.Options(file="flagged.txt")


def test_gromacs_reads_it(tmp_path: Path) -> None:
    gmx = shutil.which("gmx")
    if gmx is None:
        pytest.skip("gmx is not installed")
    system = builders.system()
    (tmp_path / "flagged.ndx").write_text(encoded())
    (coordinates,) = Gromacs(Gromacs.Options(files="a.gro")).encode(builders.window(system, n_frames=1), system, True)
    (tmp_path / "a.gro").write_bytes(coordinates)
    command = [gmx, "-nobackup", "select", "-s", "a.gro", "-n", "flagged.ndx", "-select", 'group "clash_frame_12"',
               "-on", "out.ndx"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (atoms,) = read((tmp_path / "out.ndx").read_text()).values()
    assert atoms == read(encoded())["clash_frame_12"]
