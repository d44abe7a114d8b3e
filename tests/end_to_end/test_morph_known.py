"""Beads through a bottleneck against laws that are known: rings, branches, several types, unequal chains, a fluid.

X has the mass centres of Y exactly, and beads anywhere about them, so that what comes out must have the law of Y: the
control X = Y with everything finer than the bottleneck lost.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.molecules.bottleneck import CoarseMolecule
from scipy.stats import ks_2samp
from vesin import NeighborList

import backmap
from backmap.model import box as periodic
from backmap.testing.runs import quiet
from tests import ideal, lmp
from tests.ideal import Ideal

Array = np.ndarray

TRAIN = """\
recipe: 1
seed: 3
output: learned
steps:
  - topology: {{atoms: {{gromacs: all.top}}, mapping: {{votca: [{mappings}]}}, beads: true}}
  - prepare: {{frames: {{gromacs: y.gro}}, temperature: 300}}
  - train: {{generator: {{splitting: {{width: {width}{more}}}}}, steps: {steps}, sites: 64, sequential: 1.0,
            validate_every: {steps}, ema_decay: 0.99}}
"""

MORPH = """\
recipe: 1
seed: 4
output: morphed
steps:
  - topology: {{atoms: {{gromacs: all.top}}, beads: true}}
  - read: {{beads: {{gromacs: x.gro}}}}
  - morph: {{bottleneck: 2, generator: {{splitting: learned/weights.safetensors}}, scheme: {scheme}, sweeps: {sweeps}}}
  - write: {{beads: {{gromacs: morphed.trr}}}}
"""


@dataclass(frozen=True)
class Melt:
    """Molecules of several kinds in one box, and the files of both models.

    Attributes:
        folder: With everything.
        kinds, counts: Of the molecules.
        truth: Frames that X was made of, molecules (n, B, 3) of each kind.
        lost: Frames of X.
    """

    folder: Path
    kinds: Sequence[Ideal]
    counts: Sequence[int]
    truth: list[list[Array]]
    lost: list[list[Array]]

    @classmethod
    def written(cls, folder: Path, kinds: Sequence[Ideal], frames: Sequence[Sequence[Array]], n_held_out: int) -> Melt:
        """Files of Y from all frames but the last ones, and of X from these."""
        rng, counts = np.random.default_rng(6), [len(each) for each in frames[0]]
        truth = [list(frame) for frame in frames[-n_held_out:]]
        lost = [[kind.lost(rng, each, 2) for kind, each in zip(kinds, frame, strict=True)] for frame in truth]
        ideal.write_gro(folder / "y.gro", kinds, frames[:-n_held_out])
        ideal.write_gro(folder / "x.gro", kinds, lost)
        listed = "".join(f"{kind.name} {count}\n" for kind, count in zip(kinds, counts))
        (folder / "all.top").write_text("".join(kind.topology() for kind in kinds)
                                        + f"[ system ]\nideal\n[ molecules ]\n{listed}")
        for kind in kinds:
            (folder / f"{kind.name}.xml").write_text(CoarseMolecule.of(kind.molecule, 2, "last").xml())
        return cls(folder, kinds, counts, truth, lost)

    def learn(self, steps: int, width: int, more: str = "") -> None:
        """Train, with more options of the generator if there are any."""
        mappings = ", ".join(f"{kind.name}.xml" for kind in self.kinds)
        (self.folder / "train.yaml").write_text(TRAIN.format(mappings=mappings, steps=steps, width=width, more=more))
        backmap.run(self.folder / "train.yaml", display=quiet())

    def morphed(self, scheme: str, sweeps: int, **options) -> list[list[Array]]:
        """Frames that came out, whole molecules (n, B, 3) of each kind."""
        (self.folder / "morph.yaml").write_text(MORPH.format(scheme=scheme, sweeps=sweeps))
        backmap.run(self.folder / "morph.yaml", display=quiet(), force=True, **options)
        found = []
        for info in GromacsFrames([self.folder / "morphed/morphed.trr"]):
            ends = np.cumsum([count * kind.molecule.n_beads for kind, count in zip(self.kinds, self.counts)])
            parts = np.split(info.positions.astype(float), ends[:-1])
            found.append([periodic.make_whole(part.reshape(count, -1, 3), kind.molecule.edges, info.box)
                          for part, kind, count in zip(parts, self.kinds, self.counts)])
        return found

    def centres(self, frames: Sequence[Sequence[Array]]) -> Array:
        """Mass centres of all groups, (frames, G, 3)."""
        return np.array([np.concatenate([CoarseMolecule.of(kind.molecule, 2, "last").mapping.apply(each).reshape(-1, 3)
                                         for kind, each in zip(self.kinds, frame)]) for frame in frames])


def apart(one: Array, other: Array) -> float:
    """Largest distance between nearest images, nm and coordinate."""
    return float(np.abs(periodic.minimum_image(one - other, np.eye(3) * ideal.BOX)).max())


def ideal_melt(folder: Path, kinds: Sequence[Ideal], counts: Sequence[int], n_frames: int, n_held_out: int) -> Melt:
    rng = np.random.default_rng(5)
    frames = [[kind.drawn(rng, count) for kind, count in zip(kinds, counts)] for _ in range(n_frames + n_held_out)]
    return Melt.written(folder, kinds, frames, n_held_out)


#: All that molecules can be, in one box: a ring, a star whose groups do not come out even, chains with a remainder.
KINDS = (Ideal.chain("RIN", "ABABABAB", ring=True), Ideal.star("STA", (3, 2, 2, 1)), Ideal.chain("ABC", "AABBA"),
         Ideal.chain("DEF", "BBA"))


def test_ideal_molecules_have_the_law_that_they_are_said_to_have() -> None:
    """Closed forms, 4 standard errors: a mean of lengths that is off by 0.5 % would be found."""
    beads = KINDS[2].drawn(np.random.default_rng(2), 6000)
    values = KINDS[2].values(beads)
    for pair, (mean, width) in ideal.BONDS.items():
        found = values["bond", pair]
        assert found.mean() == pytest.approx(mean, abs=4 * width / np.sqrt(len(found)))
        assert found.std() == pytest.approx(width, abs=4 * width / np.sqrt(2 * len(found)))
    cosine = np.linspace(-1, 1, 20_001)
    for name, stiffness in (("AAB", ideal.STIFFNESS["A"]), ("ABB", ideal.STIFFNESS["B"])):
        density = np.exp(-stiffness * cosine)
        expected = (cosine * density).sum() / density.sum()
        found = values["angle", name]
        assert found.mean() == pytest.approx(expected, abs=4 * found.std() / np.sqrt(len(found)))
    lost = KINDS[2].lost(np.random.default_rng(3), beads, 2)
    mapping = CoarseMolecule.of(KINDS[2].molecule, 2, "last").mapping
    np.testing.assert_allclose(mapping.apply(lost), mapping.apply(beads), atol=1e-12)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Melt:
    """All kinds in one box, and weights that have seen little."""
    melt = ideal_melt(tmp_path_factory.mktemp("kinds"), KINDS, (2, 2, 2, 2), 2, 1)
    melt.learn(4, 8)
    return melt


@pytest.mark.parametrize(("scheme", "sweeps"), [("A", 0), ("B", 2)])
def test_mass_centres_of_all_kinds_stay(small: Melt, scheme: str, sweeps: int) -> None:
    after = small.morphed(scheme, sweeps)
    assert apart(small.centres(after), small.centres(small.lost)) < 1e-4  # x.gro has four digits
    moved = [np.linalg.norm(a - b, axis=-1) for a, b in zip(after[0], small.lost[0])]
    assert all(each[:, :2].min() > 1e-3 for each in moved)
    assert moved[2][:, 4].max() < 1e-4  # what is left over is a group of its own


#: Molecules, how many, and training steps.
LAWS = {
    "a ring": ([Ideal.chain("RIN", "AB" * 6, ring=True)], [40], 1500),
    "a star": ([Ideal.star("STA", (3, 2, 2))], [70], 1500),
    "types, and a remainder": ([Ideal.chain("ABC", "AABBABA")], [80], 2000),
    "unequal chains": ([Ideal.chain("LIN", "AAAAAAA"), Ideal.chain("SHO", "AAAA")], [50, 60], 1200),
}
#: The largest KS distance of bonds and angles from their law that is let pass; where a ring closes or a molecule
#: branches, a group is drawn last between others, and a short training leaves more: the angle at the closing bond of
#: the ring (160 values) is at 0.15 by A, and by B at 0.25 after 24 sweeps and at 0.21 after 64; X has 0.50.
LIMIT, BETWEEN = 0.10, 0.30


@pytest.fixture(scope="module", params=LAWS)
def learned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Melt:
    kinds, counts, steps = LAWS[request.param]
    melt = ideal_melt(tmp_path_factory.mktemp("law"), kinds, counts, 20, 4)
    melt.learn(steps, 64)
    return melt


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "sweeps"), [("A", 0), ("B", 24)])
def test_bonds_and_angles_get_their_law(learned: Melt, scheme: str, sweeps: int) -> None:
    """KS distances from 4000 molecules drawn from the law; X is at 0.4 or more, so most of it must be mended.

    A normal length that is off by a quarter of its width is 0.1 away, and one that is off by two thirds 0.25. To that
    comes the scatter of n values, 1.36 / sqrt(n) in one of twenty cases.
    """
    melt, rng = learned, np.random.default_rng(77)
    after = melt.morphed(scheme, sweeps)
    for number, kind in enumerate(melt.kinds):
        law = kind.values(kind.drawn(rng, 4000))
        off = {}
        for label, frames in (("X", melt.lost), (scheme, after)):
            found = kind.values(np.concatenate([frame[number] for frame in frames]))
            off[label] = {name: ks_2samp(found[name], values).statistic for name, values in law.items()}
        print(kind.name, {f"{term} {name}": {label: round(float(each[term, name]), 3) for label, each in off.items()}
                          for term, name in law})
        assert max(off["X"].values()) > 0.4
        for (term, name), distance in off[scheme].items():
            limit = BETWEEN if " at the " in name else LIMIT
            assert distance < np.hypot(limit, 1.36 / np.sqrt(len(found[term, name]))), (term, name)


FLUID = """\
units lj
atom_style bond
region box block 0 {edge} 0 {edge} 0 {edge}
create_box 1 box bond/types 1 extra/bond/per/atom 1 extra/special/per/atom 1
molecule dimer dimer.mol
create_atoms 0 random {dimers} 77 NULL mol dimer 78
mass 1 1.0
bond_style harmonic
bond_coeff 1 100.0 0.95
special_bonds lj 0 1 1
pair_style soft 1.12
pair_coeff 1 1 60.0
neigh_modify every 1 delay 0
timestep 0.005
fix move all nve/limit 0.05
fix heat all langevin 1.0 1.0 0.5 79
run 2000
unfix move
fix move all nve
pair_style lj/cut 1.122462048
pair_modify shift yes
pair_coeff 1 1 1.0 1.0
run 4000
dump out all custom 1500 out.dump id xu yu zu
dump_modify out sort id format float %.6f first no
run {steps}
"""
DIMER = """\
# dimer

2 atoms
1 bonds

Coords

1 0.0 0.0 0.0
2 0.95 0.0 0.0

Types

1 1
2 1

Bonds

1 1 1 2
"""


def dimers(folder: Path, n: int, density: float, n_frames: int) -> tuple[float, Array]:
    """Length unit, nm, and frames (F, n, 2, 3) of a fluid of repulsive dimers, by LAMMPS, at so many beads per unit."""
    edge = (2 * n / density) ** (1 / 3)
    (folder / "dimer.mol").write_text(DIMER)
    lmp.run(FLUID.format(edge=edge, dimers=n, steps=1500 * n_frames), folder)
    frames = (folder / "out.dump").read_text().split("ITEM: ATOMS")[1:]
    rows = [[row.split() for row in frame.splitlines()[1:2 * n + 1]] for frame in frames]
    found = np.array(rows, dtype=float)[-n_frames:, :, 1:].reshape(n_frames, n, 2, 3)
    found[:, :, 1] = found[:, :, 0] + periodic.minimum_image(found[:, :, 1] - found[:, :, 0], np.eye(3) * edge)
    unit = ideal.BOX / edge
    return unit, found * unit


def radial(frames: Sequence[Array], edges: Array) -> Array:
    """g(r) between beads of different dimers, (bins,), from frames of dimers (n, 2, 3)."""
    total = np.zeros(len(edges) - 1)
    for molecules in frames:
        points = molecules.reshape(-1, 3) % ideal.BOX
        i, j, distance = NeighborList(cutoff=float(edges[-1]), full_list=True).compute(
            points=points, box=np.eye(3) * ideal.BOX, periodic=True, quantities="ijd")
        counts = np.histogram(distance[i // 2 != j // 2], edges)[0]
        pairs = len(points) * (len(points) - 2) / ideal.BOX**3
        total += counts / (pairs * 4 / 3 * np.pi * np.diff(edges**3))
    return total / len(frames)


def turned(molecules: Array, rng: np.random.Generator) -> Array:
    """Each dimer (n, 2, 3) turned at random about its centre: right inside, and blind to all others."""
    half = np.linalg.norm(molecules[:, 1] - molecules[:, 0], axis=1)[:, None] / 2
    way = rng.normal(size=(len(molecules), 3))
    way *= half / np.linalg.norm(way, axis=1, keepdims=True)
    return molecules.mean(axis=1, keepdims=True) + np.stack([-way, way], axis=1)


@pytest.mark.slow
def test_neighbours_of_dimers_come_back(tmp_path: Path) -> None:
    """g(r) of a fluid of repulsive dimers, of which only mass centres are left: no bond says where a dimer points.

    L1 up to 2.5 diameters, in diameters: measured were 0.04 for four frames of Y against twelve others, 0.40 for X,
    0.51 for true dimers turned at random, and 0.14 for what is drawn, whose first peak is 1.46 high instead of 1.7. So
    most comes back and not all, and draws that take no notice of other molecules are refused.
    """
    unit, frames = dimers(tmp_path, 400, 0.7, 16)
    blind = [turned(frame, np.random.default_rng(5)) for frame in frames]
    kind = Ideal.chain("DIM", "AA")
    melt = Melt.written(tmp_path, [kind], [[frame] for frame in frames], 4)
    melt.learn(800, 64)
    edges = np.linspace(0, 2.5 * unit, 76)
    curves = {"Y": frames[:-4], "truth": frames[-4:], "blind": blind, "X": [each[0] for each in melt.lost],
              "A": [each[0] for each in melt.morphed("A", 0)]}
    curves = {name: radial(each, edges) for name, each in curves.items()}
    off = {name: float(np.abs(curve - curves["Y"]).sum() * edges[1] / unit) for name, curve in curves.items()}
    print(off, {name: float(curve.max()) for name, curve in curves.items()})
    assert off["truth"] < 0.06
    assert min(off["X"], off["blind"]) > 0.3
    assert off["A"] < 0.2


SOFT = 0.05  #: nm and coordinate


@pytest.mark.slow
def test_soft_mass_centres_go_where_they_came_from(tmp_path: Path) -> None:
    """X has the mass centres of Y with noise; weights that know it give back the law of Y.

    What is drawn and what it was drawn from then have the law of Y's own beads and their noise: so the drift has the
    width of the noise (3,840 numbers: 1.1 % is its error), and bonds and angles have the law of Y, as far as so short a
    training goes: there is more to learn than of hard mass centres.
    """
    kind, rng = Ideal.chain("ABC", "AABBABA"), np.random.default_rng(9)
    melt = ideal_melt(tmp_path, [kind], [80], 20, 4)
    melt.learn(1500, 64, f", softness: {SOFT}")
    groups = CoarseMolecule.of(kind.molecule, 2, "last").groups
    for (molecules,) in melt.lost:
        for group in groups:
            molecules[:, group] += SOFT * rng.normal(size=(len(molecules), 1, 3))
    ideal.write_gro(tmp_path / "x.gro", [kind], melt.lost)
    for scheme, sweeps in (("A", 0), ("A", 8), ("B", 24)):
        after = melt.morphed(scheme, sweeps)
        drift = periodic.minimum_image(melt.centres(after) - melt.centres(melt.lost), np.eye(3) * ideal.BOX)
        beads, law = np.concatenate([frame[0] for frame in after]), kind.drawn(np.random.default_rng(77), 4000)
        off = {name: ks_2samp(values, kind.values(law)[name]).statistic for name, values in kind.values(beads).items()}
        print(scheme, sweeps, "drift", drift.std(), off)
        assert drift.std() == pytest.approx(SOFT, rel=0.06)
        assert max(off.values()) < 0.18
