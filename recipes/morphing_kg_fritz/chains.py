"""Writes what atoms are put back with: topologies of Fritz's chains and of their atoms, for 24 chains of 96 monomers.

fritz.top are Fritz's beads, two a monomer, whose types tell monomers of either handedness apart. atoms.top and
atoms.xml are those of recipes/polystyrene for longer chains; atoms.gro says which handedness comes first, and nothing
else: its chains are stretched.

    python chains.py --folder runs/kg
    backmap bottleneck --topology runs/kg/fritz.top --size 6 --output runs/kg/six.xml
"""
from __future__ import annotations

import argparse
import importlib.util
import math
from pathlib import Path
from types import ModuleType

CHAINS, MONOMERS = 24, 96
MASSES = {"A": 27.05, "B": 77.11}
RING = {"I": 0, "O1": 1, "M1": 2, "P": 3, "M2": 4, "O2": 5}  # corners of a phenyl ring, in order


def beads() -> str:
    """fritz.top: types end in u and d by turns, for monomers of either handedness; bonds without parameters."""
    each = [(bead, monomer) for monomer in range(1, MONOMERS + 1) for bead in MASSES]
    atoms = [f"{k} {bead}{'du'[monomer % 2]} 1 fritz {bead}{monomer} {k} 0 {MASSES[bead]:.2f}"
             for k, (bead, monomer) in enumerate(each, 1)]
    types = [f"{bead}{hand} {mass:.2f} 0.0 A 0.0 0.0" for bead, mass in MASSES.items() for hand in "ud"]
    sections = {"defaults": ["1 1 no 1.0 1.0"], "atomtypes": types, "moleculetype": ["fritz 1"], "atoms": atoms,
                "bonds": [f"{k} {k + 1} 1" for k in range(1, len(each))], "system": ["Melt"],
                "molecules": [f"fritz {CHAINS}"]}
    return "\n".join(f"[ {name} ]\n" + "\n".join(rows) + "\n" for name, rows in sections.items())


def polystyrene() -> ModuleType:
    """recipes/polystyrene/model.py, for chains of this length."""
    path = Path(__file__).resolve().parents[1] / "polystyrene" / "model.py"
    spec = importlib.util.spec_from_file_location("model", path)
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    model.NAME, model.MONOMERS, model.CHAINS = f"PS{MONOMERS}", MONOMERS, CHAINS
    return model


def stretched(model: ModuleType) -> str:
    """atoms.gro: a zigzag along x for every chain, rings on both sides by turns."""
    rows, order = [], model.atoms()
    for chain in range(CHAINS):
        for monomer, name in order:
            side = -1 if monomer % 2 else 1
            x, y, z = 0.25 * monomer + 0.125 * (name[1] == "2" or name in model.PHENYL), 0.0, 0.0
            if name in model.PHENYL:  # a ring behind CI, in the plane of x and z
                turn, out = RING[name[1:]] * math.pi / 3, 0.25 if name[0] == "H" else 0.14
                x, y, z = x - out * math.sin(turn), 0.05 + 0.08, side * (0.26 - out * math.cos(turn))
            elif name.startswith("H"):
                up = 1 if name[1] == "2" else -1
                y, z = 0.05 * up + 0.06 * up, 0.09 * (-side if name == "H2A" else {"A": 1, "B": -1, "C": 0}[name[2]])
                x -= 0.1 * (name == "H1C")
            else:
                y = 0.05 if name == "C2" else -0.05
            rows.append(f"{monomer % 100000:5d}{'STY':<5}{name:>5}{(len(rows) + 1) % 100000:5d}"
                        f"{x:8.3f}{y + 3 * (chain % 5) + 1:8.3f}{z + 5 * (chain // 5) + 2.5:8.3f}")
    return "\n".join(["handedness only", str(len(rows)), *rows, f"{30:10.5f}{30:10.5f}{30:10.5f}", ""])


def main() -> None:
    """Write all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    model = polystyrene()
    (folder / "fritz.top").write_text(beads())
    (folder / "atoms.top").write_text(model.topology())
    (folder / "atoms.xml").write_text(model.mapping())
    (folder / "atoms.gro").write_text(stretched(model))


if __name__ == "__main__":
    main()
