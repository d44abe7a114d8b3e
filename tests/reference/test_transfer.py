"""The bead models of octane and cumene against the published beads of their liquids."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.dbm import read_owners
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.molecules.assemble import assemble

from backmap.model import box as periodic

RECIPES = Path(__file__).parents[2] / "recipes" / "transfer"


@pytest.mark.parametrize(("name", "kind", "count", "snapshots"), [
    ("octane", "L49C", 215, 11), ("cumene", "G065", 265, 7)])
def test_atoms_map_onto_the_published_beads(reference_data: Path, name: str, kind: str, count: int,
                                            snapshots: int) -> None:
    """Files round to 0.001 nm: half of it from the beads, and as much at most from the atoms."""
    folder = reference_data / name
    topology = Gromacs(Gromacs.Options(file=folder / f"{kind}_aa.itp")).read()
    model = Votca(Votca.Options(files=RECIPES / f"{name}.xml")).read(topology)
    owner = read_owners(folder / f"{kind}.map", len(topology.types[kind].atom_names))
    system = assemble(topology, model, molecules={kind: count}, owners={kind: owner})
    files = sorted(folder.glob("*/aa_*.gro"))
    assert len(files) == snapshots
    for path in files:
        atoms = GromacsFrames([path]).frame(0)
        beads = GromacsFrames([path.with_name(path.name.replace("aa", "cg"))]).frame(0)
        found = system.map(system.whole_atoms(atoms.positions, atoms.box))
        away = np.abs(periodic.minimum_image(found - beads.positions, atoms.box))
        assert away.max() < 0.001
        pinned = (system.types[0].mapping.matrix > 1 - 1e-9).any(axis=1)
        assert pinned.any()
        assert away.reshape(count, -1, 3)[:, pinned].max() < 1e-6
