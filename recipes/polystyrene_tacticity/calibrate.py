"""Measures `preference`, ln Z(meso) - ln Z(racemo) of a dyad of free chains, on true atoms of known tacticity.

Centres in melts are turned over with beads that hold nothing, and put back. From mm to rr and from rr to mm are works
of one difference, whatever melts they are from: Bennett's ratio of them is twice the preference.

    python calibrate.py runs/atactic:1-8 runs/isotactic
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "polystyrene"))
import model
import simulate
from backmap_plugins.steps.tacticity import centres_of

from backmap.api import State
from backmap.engine.hamiltonian.flips import Flips, log_odds
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.recipe import recipe
from backmap.recipe.registry import Registry

TEMPERATURE = 496.0  # K
FREE = 10.0  #: nm; sigma of beads that hold nothing


def melt(folder: Path) -> State:
    """Topology and force field of a melt."""
    topology = {"atoms": {"gromacs": "atoms.top"}, "mapping": {"votca": "atoms.xml"}, "constraints": "all-bonds"}
    field = {"gromacs": "atoms.top", "cutoff": 1.0, "coulomb": "reaction_field", "epsilon_rf": 2.5}
    read = {"beads": {"gromacs": "beads.gro"}}
    steps = [{"topology": topology}, {"forcefield": field}, {"read": read}]
    made = recipe.compose("", {"recipe": 1, "steps": steps}, folder / "melt.yaml", Registry().discover())
    state = State(folder=folder, output=folder, seed=1, device="cpu", log=lambda line: None)
    for step in made.steps:
        step.begin(state)
    return state


def works(folder: Path, chains: range, count: int, time: float, seed: int) -> np.ndarray:
    """Meso dyads more, and work in kT, (count, 2), of turning over centres drawn at random, in frames by turns."""
    state = melt(folder)
    system, = [state.system]
    model.CHAINS = system.n_molecules
    frames = simulate.read_frames(folder / "atoms.xtc")
    moves = HamiltonianMoves(system, state.forcefield, TEMPERATURE, 20, 2.0, 8, FREE)
    centres = centres_of(system)
    flips, rng, found = Flips(moves, centres, 0.0, time), np.random.default_rng(seed), []
    own = np.flatnonzero(np.isin(centres.molecule, chains))
    inner = own[[abs(centres.change(centres.hands(frames[0].positions), one)) == 2 for one in own]]
    for number, chosen in enumerate(np.array_split(rng.permutation(np.resize(inner, count)), len(frames))):
        beads = system.map(frames[number].positions)
        frame = moves.frame(frames[number].positions, beads, frames[number].box.astype(float))
        atoms, residual, reach = frame.atoms.copy(), frame.residual.copy(), frame.grid.reach.copy()
        for k, one in enumerate(chosen):
            tried = flips.sweep(frame, (seed, number, k), np.array([one]))
            found.append((tried.change[0], tried.work[0]))
            frame.atoms[:], frame.residual[:], frame.grid.reach[:] = atoms, residual, reach
    return np.array(found)


def preference(found: np.ndarray) -> float:
    """Of works between mm and rr: half of ln p(mm) / p(rr)."""
    return 0.5 * log_odds(-found[:, 0], found[:, 1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("melts", nargs="+", help="folders of melts.py, with :FIRST-LAST to take only these chains")
    parser.add_argument("--flips", type=int, default=60, help="of each melt")
    parser.add_argument("--time", type=float, default=8000.0, help="fs")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    parts = []
    for number, name in enumerate(options.melts):
        folder, _, chosen = name.partition(":")
        first, _, last = chosen.partition("-")
        chains = range(int(first) - 1, int(last)) if chosen else range(10**6)
        parts.append(works(Path(folder).resolve(), chains, options.flips, options.time, options.seed + number))
        for change in (-2, 2):
            some = parts[-1][parts[-1][:, 0] == change]
            if len(some):
                quartiles = np.quantile(np.minimum(some[:, 1], 999), [0, 0.25, 0.5, 0.75, 1]).round(1)
                print(f"{name}, {'mm to rr' if change < 0 else 'rr to mm'}: {len(some)} works, kT: quartiles "
                      f"{quartiles.tolist()}; {np.isinf(some[:, 1]).sum()} did not turn over", flush=True)
    found = np.concatenate(parts)
    rng = np.random.default_rng(options.seed)
    again = [preference(found[rng.integers(len(found), size=len(found))]) for _ in range(200)]
    print(f"preference: {preference(found):.2f} +- {np.std(again):.2f}")


if __name__ == "__main__":
    main()
