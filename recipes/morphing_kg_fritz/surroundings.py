"""What tells beads from those of Y: environments of each chain alone, and of all other chains alone.

Squared maximum mean discrepancies with p-values, as in environments.py; X is needed for the width of the kernel.

    python surroundings.py X=kg.trr control=control.trr s2=relaxed_s2/morphed.trr Y=fritz_kg.trr
"""
from __future__ import annotations

import sys
from pathlib import Path

import environments
import numpy as np
from boxed import Beads
from metatensor import Labels
from sklearn.decomposition import PCA
from yardstick import Melt

LENGTH, ALONE, RADIUS = 32, 30.0, 1.5  #: beads of a chain; nm, edge of a box in which a chain is alone; nm
TRAIN = [0, 1, 3, 4, 6, 7]  #: frames of Y that principal components are found on


def parts(melt: Melt, calculate) -> list[np.ndarray]:
    """Normed power spectra of a bead's own chain, and of all others, (F, beads, features) each."""
    own, others = [], []
    for box, chains in zip(melt.box, melt.chains):
        single = np.ones(LENGTH, dtype=np.int32)
        alone = [Beads(single, chain - chain.mean(axis=0) + ALONE / 2, np.full(3, ALONE)) for chain in chains]
        own.append(np.asarray(calculate.compute(alone, use_native_system=True).keys_to_properties(
            ["neighbor_1_type", "neighbor_2_type"]).block().values))
        positions, rows = np.mod(chains.reshape(-1, 3), box), []
        for first in range(0, len(positions), LENGTH):
            types = np.full(len(positions), 2, dtype=np.int32)
            types[first:first + LENGTH] = 1
            chosen = Labels(["system", "atom"], np.array([[0, k] for k in range(first, first + LENGTH)]))
            block = calculate.compute([Beads(types, positions, box)], use_native_system=True, selected_samples=chosen
                                      ).block({"center_type": 1, "neighbor_1_type": 2, "neighbor_2_type": 2})
            rows.append(np.zeros((LENGTH, block.values.shape[1])))  # a bead without neighbours is in no block
            rows[-1][np.asarray(block.samples.values)[:, 1] - first] = np.asarray(block.values)
        others.append(np.concatenate(rows))
    return [values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-12)
            for values in map(np.array, (own, others))]


def main() -> None:
    """Read the files, NAME=FILE with X first and Y last, and print all discrepancies."""
    melts = [Melt.read(name, Path(path), LENGTH) for name, _, path in (given.partition("=") for given in sys.argv[1:])]
    calculate = environments.calculator(RADIUS)
    spectra = [parts(melt, calculate) for melt in melts]
    for number, kind in enumerate(("own chain", "other chains")):
        values = [each[number] for each in spectra]
        chart = PCA(environments.COMPONENTS, random_state=environments.SEED).fit(np.concatenate(values[-1][TRAIN]))
        points = {melt.name: np.stack([chart.transform(frame) for frame in each]) for melt, each in zip(melts, values)}
        y = points.pop("Y")
        environments.tested(kind, {**points, "Y, training frames": y[TRAIN], "Y": np.delete(y, TRAIN, axis=0)})


if __name__ == "__main__":
    main()
