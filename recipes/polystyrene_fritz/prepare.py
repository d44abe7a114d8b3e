"""Writes what a stranger has of a melt that was simulated with Fritz's model of polystyrene.

beads.gro is one frame of 24 chains of 96 monomers, two beads a monomer: beads of a coarse-grained simulation, which no
atoms were mapped to. Its columns are put where readers expect them, and its chains are whole. atoms.top and atoms.xml
are the all-atom model of recipes/polystyrene for chains of this length; hands.gro says which handedness comes first,
and nothing else: its chains are stretched.

    python prepare.py --frames ../shared/data/morphing/fritz --folder runs/fritz
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "morphing_kg_fritz"))
import chains
import fritz

BEADS = [f"{kind}{monomer}" for monomer in range(1, chains.MONOMERS + 1) for kind in "AB"]


def gro(positions: np.ndarray, box: np.ndarray, n_chains: int) -> str:
    """Beads (n_chains * 192, 3) in a box (3,), both in nm, as a .gro."""
    rows = []
    for number, (x, y, z) in enumerate(positions):
        chain, bead = divmod(number, len(BEADS))
        rows.append(f"{chain + 1:5d}{'PSR':<5}{BEADS[bead]:>5}{(number + 1) % 100000:5d}{x:8.3f}{y:8.3f}{z:8.3f}")
    edges = "".join(f"{edge:10.5f}" for edge in box)
    return "\n".join([f"Polystyrene, {n_chains} chains, Fritz's model", str(len(rows)), *rows, edges, ""])


def main() -> None:
    """Write all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, default=Path("../shared/data/morphing/fritz"),
                        help="folder of fritz_1.gro to fritz_10.gro")
    parser.add_argument("--frame", type=int, default=1, help="which of them")
    parser.add_argument("--chains", type=int, default=chains.CHAINS, help="only the first of its chains")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where to write")
    options = parser.parse_args()
    path = options.frames / f"fritz_{options.frame}.gro"
    if not path.exists():
        raise SystemExit(f"there is no {path}")
    if not 1 <= options.chains <= chains.CHAINS:
        raise SystemExit(f"--chains is 1 to {chains.CHAINS}")
    chains.CHAINS, total = options.chains, fritz.CHAINS
    _, box, positions = fritz.beads(path)
    kept = positions[:len(positions) * options.chains // total]
    model = chains.polystyrene()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"beads.gro": gro(kept, box, options.chains), "atoms.top": model.topology(),
                       "atoms.xml": model.mapping(), "hands.gro": chains.stretched(model)}.items():
        (options.folder / name).write_text(text)


if __name__ == "__main__":
    main()
