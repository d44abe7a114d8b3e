"""``stereo`` by molecule type: SMILES or one molecule's atoms tell all molecules of the type, and no others."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from backmap_plugins.molecules.isomers import isomer_lines
from backmap_plugins.molecules.stereo import told_by

from backmap.errors import BackmapError
from backmap.model.inputs import ToldSide
from backmap.model.isomers import CIS, handedness
from tests.unit.molecules.test_isomers import CIS_BUTENE, TRANS_BUTENE, assembled

LACTATE = "C[C@H](O)C(=O)OC"
CONTENTS = SimpleNamespace(atoms=lambda source: source)


def gro(path: Path, positions: np.ndarray) -> Path:
    """A molecule in a file, without a box."""
    lines = [f"{1:5d}{'MOL':<5s}{f'X{k}':>5s}{k + 1:5d}" + "".join(f"{x:9.4f}" for x in point)
             for k, point in enumerate(positions)]
    path.write_text("\n".join(["one", str(len(positions)), *lines, "0 0 0", ""]))
    return path


@pytest.mark.parametrize("smiles", [LACTATE, LACTATE.replace("@", "@@")])
def test_one_molecule_tells_all_of_its_type(smiles: str, tmp_path: Path) -> None:
    system, _ = assembled(LACTATE, copies=3)
    shape = assembled(smiles)[1]
    (kind,) = system.types
    true = handedness(shape, kind.chemistry.centres).tolist()
    for said, source in ((smiles, "SMILES"), (gro(tmp_path / "a.gro", shape), str(tmp_path / "a.gro"))):
        told, lines = told_by(system, {"MOL": said}, CONTENTS, None, "here")
        (one,) = told.types
        assert told.listed == "3 MOL"
        assert not lines
        assert one.chemistry.sign.tolist() == true
        assert next(iter(isomer_lines(told))).startswith("MOL: isomer: 1 stereocentre")
        assert next(iter(isomer_lines(told))).endswith(f"by stereo ({source})")


def test_what_contradicts_the_mapping_is_said() -> None:
    system, _ = assembled(CIS_BUTENE, (ToldSide((0, 1, 2, 3), CIS, "a.map:3"),))
    with pytest.raises(BackmapError, match=r"stereo: MOL: SMILES shows the opposite of the mapping in 1 place"):
        told_by(system, {"MOL": TRANS_BUTENE}, CONTENTS, None, "here")
    assert told_by(system, {"MOL": CIS_BUTENE}, CONTENTS, None, "here")[1] == []


def test_one_molecule_of_another_type(tmp_path: Path) -> None:
    system, shape = assembled(LACTATE)
    with pytest.raises(BackmapError, match=rf"holds {len(shape) - 1} atoms, but a molecule of 'MOL' has {len(shape)}"):
        told_by(system, {"MOL": gro(tmp_path / "a.gro", shape[:-1])}, CONTENTS, None, "here")
    with pytest.raises(BackmapError, match="here: 'OTHER' is no molecule type"):
        told_by(system, {"OTHER": LACTATE}, CONTENTS, None, "here")
