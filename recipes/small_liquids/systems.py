"""What learn.py and measure.py work on: the liquids of this folder, and two systems of other recipes."""
from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SIZES = (2, 3, 4, 5)  #: heavy atoms a bead
CUTOFF = 0.9  #: nm


@dataclass(frozen=True)
class Liquid:
    """Frames of all atoms with what is needed to make beads of them and to give them energies.

    Attributes:
        name: Of its folder.
        topology: The file.
        frames: Files of atoms.
        mappings: By what they are called, files; of mixtures several each.
        temperature: K.
        field: Options of the force field, beside the topology.
        learned: Whether transferable weights may learn from it.
        more: Other options of the topology.
        weights: Specific weights that ship, or None.
    """

    name: str
    topology: Path
    frames: tuple[Path, ...]
    mappings: dict[str, Path | list[Path]]
    temperature: float
    field: dict[str, Any]
    learned: bool
    more: dict[str, Any]
    weights: Path | None = None

    def first_step(self, mapping: str) -> dict[str, Any]:
        """The step ``topology``."""
        files = self.mappings[mapping]
        said = [str(file) for file in files] if isinstance(files, list) else str(files)
        return {"topology": {"atoms": {"gromacs": str(self.topology)}, "constraints": "all-bonds",
                             "mapping": {"votca": said}, **self.more}}

    @property
    def reader(self) -> dict[str, Any]:
        """What reads its frames."""
        return {"gromacs": [str(path) for path in self.frames]}


def rows() -> dict[str, dict[str, str]]:
    """Rows of liquids.csv by name."""
    with (HERE / "liquids.csv").open() as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def liquids() -> dict[str, Liquid]:
    """All that are there, by name."""
    found = {}
    for name, row in rows().items():
        folder = HERE / name
        if (folder / "aa.xtc").exists():
            field = {"cutoff": CUTOFF, "epsilon_rf": float(row["permittivity"])}
            found[name] = Liquid(name, folder / "topol.top", (folder / "aa.gro", folder / "aa.xtc"), _mappings(folder),
                                 float(row["temperature"]), field, row["role"] == "learned", {})
    octane, chains = HERE.parent / "octane", HERE.parent / "polystyrene"
    found["octane"] = Liquid(
        "octane", octane / "octane.top", (octane / "aa.gro", octane / "train.xtc"),
        _mappings(HERE / "octane") | {"own": octane / "octane.xml"}, 350, {"epsilon_rf": 1.9}, True, {},
        octane / "octane_350K.safetensors")
    found["polystyrene"] = Liquid(
        "polystyrene", chains / "polystyrene.top", (chains / "aa.gro", chains / "test_aa.xtc"),
        _mappings(HERE / "polystyrene") | {"own": chains / "polystyrene.xml"}, 568, {"epsilon_rf": 2.5}, False,
        {"stereo": str(chains / "aa.gro")}, chains / "polystyrene_568K.safetensors")
    return found


def _mappings(folder: Path) -> dict[str, Path]:
    return {str(size): folder / f"{size}.xml" for size in SIZES if (folder / f"{size}.xml").exists()}
