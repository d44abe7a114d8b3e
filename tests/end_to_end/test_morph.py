"""Beads through a bottleneck: from weights trained on one model to beads of another with its statistics."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames

import backmap
from backmap.errors import BackmapError
from backmap.testing import check_run
from backmap.testing.runs import quiet
from tests import melts

TRAIN = """\
recipe: 1
seed: 3
output: learned
steps:
  - topology: {{atoms: {{gromacs: chain.itp}}, mapping: {{votca: pairs.xml}}, molecules: {{KG: {chains}}}, beads: true}}
  - prepare: {{frames: {{gromacs: y.gro}}, temperature: 300}}
  - train: {{generator: {{splitting: {{width: {width}}}}}, steps: {steps}, sites: 64, sequential: 1.0,
            validate_every: {steps}, ema_decay: 0.98}}
"""

MORPH = """\
recipe: 1
seed: 4
output: morphed
steps:
  - topology: {{atoms: {{gromacs: chain.itp}}, molecules: {{KG: {chains}}}, beads: true}}
  - read: {{beads: {{gromacs: x.gro}}}}
  - morph: {{bottleneck: 2, generator: {{splitting: learned/weights.safetensors}}, scheme: {scheme}, sweeps: {sweeps}}}
  - assess: {{assessors: [consistency], view: false}}
  - write: {{beads: {{gromacs: morphed.trr}}, report: report.json}}
"""


def freely_rotating(rng: np.random.Generator, n_frames: int, n_chains: int, n_beads: int, width: float) -> np.ndarray:
    """Chains with bonds N(0.5, width^2) and uniform cosines, anywhere in the box, (frames, chains, beads, 3)."""
    ways = rng.normal(size=(n_frames, n_chains, n_beads, 3))
    ways *= (rng.normal(0.5, width, size=ways.shape[:3]) / np.linalg.norm(ways, axis=3))[..., None]
    ways[:, :, 0] = rng.uniform(0, melts.BOX, size=(n_frames, n_chains, 3))
    return ways.cumsum(axis=2)


def written(folder: Path, n_chains: int, n_beads: int, n_frames: int) -> None:
    """Y, whose bonds are broad, and X, whose are narrow."""
    rng = np.random.default_rng(8)
    melts.topology(folder / "chain.itp", n_beads)
    melts.gro(folder / "y.gro", freely_rotating(rng, n_frames, n_chains, n_beads, 0.05))
    melts.gro(folder / "x.gro", freely_rotating(rng, 3, n_chains, n_beads, 0.02))
    beads = "".join(f"<cg_bead><name>S{k}</name><type>S</type><mapping>M</mapping><beads>{2 * k - 1}:KG:P "
                    f"{2 * k}:KG:P</beads></cg_bead>" for k in range(1, n_beads // 2 + 1))
    bonds = " ".join(f"S{k} S{k + 1}" for k in range(1, n_beads // 2))
    (folder / "pairs.xml").write_text(
        f"<cg_molecule><name>KG</name><ident>KG</ident><topology><cg_beads>{beads}</cg_beads><cg_bonded><bond>"
        f"<name>b</name><beads>{bonds}</beads></bond></cg_bonded></topology><maps><map><name>M</name>"
        "<weights>1 1</weights></map></maps></cg_molecule>")


def trained(folder: Path, n_chains: int, steps: int, width: int) -> None:
    (folder / "train.yaml").write_text(TRAIN.format(chains=n_chains, steps=steps, width=width))
    backmap.run(folder / "train.yaml", display=quiet())


def morphed(folder: Path, n_chains: int, scheme: str, sweeps: int, **options) -> tuple[np.ndarray, np.ndarray]:
    """X and what became of it, (frames, n_chains, beads, 3), nm, molecules as they are in the files."""
    (folder / "morph.yaml").write_text(MORPH.format(chains=n_chains, scheme=scheme, sweeps=sweeps))
    backmap.run(folder / "morph.yaml", display=quiet(), force=True, **options)
    return tuple(positions(path, n_chains) for path in (folder / "x.gro", folder / "morphed/morphed.trr"))


def positions(path: Path, n_chains: int) -> np.ndarray:
    """Whole chains of a file."""
    found = np.array([info.positions for info in GromacsFrames([path])], dtype=float)
    found = found.reshape(len(found), n_chains, -1, 3)
    ways = np.diff(found, axis=2)
    ways -= melts.BOX * np.round(ways / melts.BOX)
    return np.concatenate([found[:, :, :1], found[:, :, :1] + ways.cumsum(axis=2)], axis=2)


def centres(chains: np.ndarray) -> np.ndarray:
    """Mass centres of pairs."""
    return chains.reshape(*chains.shape[:2], -1, 2, 3).mean(axis=3)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Largest distance of two sets of points to the nearest image of each other, nm and coordinate."""
    way = a - b
    return float(np.abs(way - melts.BOX * np.round(way / melts.BOX)).max())


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A folder with two small melts, and weights that have seen little."""
    folder = tmp_path_factory.mktemp("morph")
    written(folder, 5, 8, 3)
    trained(folder, 5, 40, 16)
    return folder


@pytest.mark.parametrize(("scheme", "sweeps"), [("A", 0), ("A", 2), ("B", 2)])
def test_mass_centres_stay_and_beads_move(small: Path, scheme: str, sweeps: int) -> None:
    before, after = morphed(small, 5, scheme, sweeps)
    assert apart(centres(before), centres(after)) < 2e-6  # the file is in single precision
    assert np.linalg.norm(before - after, axis=-1).std() > 0.05


def test_the_same_bytes(small: Path) -> None:
    (small / "morph.yaml").write_text(MORPH.format(chains=5, scheme="A", sweeps=1))
    check_run(small / "morph.yaml", small / "ways", windows=(1, 2), processes=(2,), parts=2)


@pytest.mark.parametrize(("changes", "message"), [
    ({"steps[2].morph.scheme": "B", "steps[2].morph.sweeps": 0}, "scheme B without sweeps changes nothing"),
    ({"steps[2].morph.bottleneck": 3, "steps[2].morph.remainder": "error"}, "8 beads do not make groups of 3"),
    ({"steps[2].morph.generator": "template", "steps[2].morph.sweeps": 2}, "cannot be accepted or rejected"),
    ({"steps[2].morph.bottleneck": 0}, "bottleneck"),
])
def test_what_cannot_be_is_one_line(small: Path, changes: dict, message: str) -> None:
    (small / "morph.yaml").write_text(MORPH.format(chains=5, scheme="A", sweeps=0))
    with pytest.raises(BackmapError, match=message):
        backmap.run(small / "morph.yaml", display=quiet(), force=True, set=changes)


@pytest.mark.slow
def test_bonds_become_as_broad_as_those_of_the_other_model(tmp_path: Path) -> None:
    """Known answer: the law of Y is known, and e_2 of X has nearly that of Y."""
    written(tmp_path, 40, 16, 8)
    trained(tmp_path, 40, 1200, 64)
    before, after = morphed(tmp_path, 40, "A", 0)
    bond = np.linalg.norm(np.diff(after, axis=2), axis=-1)
    # 1,800 bonds: the standard deviation has an error of 0.0008.
    assert np.linalg.norm(np.diff(before, axis=2), axis=-1).std() == pytest.approx(0.02, abs=0.001)
    assert bond.std() == pytest.approx(0.05, abs=0.003)
    assert bond.mean() == pytest.approx(0.5, abs=0.005)
    assert apart(centres(before), centres(after)) < 2e-6
