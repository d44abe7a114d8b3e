"""Measures a morphed melt by code that has nothing in common with the package: X, morphed ones and Y side by side.

Y is the faithful model, X the one to be corrected; each file has chains of equal length, linear, whole or broken at the
boundary. Distances are to Y; divergences have the natural logarithm and 90 bins: bonds from 0.3 to 1.2 nm, angles from
0 to 180 and torsions from -180 to 180 degrees.

    python yardstick.py kg.trr fritz_kg.trr morphed.trr
    python yardstick.py kg.trr fritz_kg.trr A=scheme_a.trr B=scheme_b.trr --train 0 1 3 4 6 7
"""
from __future__ import annotations

import argparse
import itertools
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from MDAnalysis.coordinates.core import reader
from MDAnalysis.lib.distances import self_capped_distance
from scipy.spatial.distance import jensenshannon

BINS = 90
DRAWS = 200  #: bootstrap, over frames
FLOOR = 1e-6  #: of probabilities, in Jeffreys' divergence


@dataclass
class Melt:
    """Frames of a melt.

    Attributes:
        name: Its name.
        time: ps, (F,).
        box: Edges, nm, (F, 3).
        chains: Positions, nm, chains whole, (F, C, N, 3).
    """

    name: str
    time: np.ndarray
    box: np.ndarray
    chains: np.ndarray

    @classmethod
    def read(cls, name: str, path: Path, length: int) -> Melt:
        """Read a file that MDAnalysis knows; chains are made whole bond by bond."""
        time, box, chains = [], [], []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for frame in reader(str(path)):
                if frame.n_atoms % length:
                    raise SystemExit(f"{path} has {frame.n_atoms} beads, which are no chains of {length}")
                edges, x = frame.dimensions[:3] / 10, frame.positions.astype(float).reshape(-1, length, 3) / 10
                step = np.diff(x, axis=1)
                step -= edges * np.round(step / edges)
                time.append(frame.time)
                box.append(edges)
                chains.append(np.concatenate([x[:, :1], x[:, :1] + np.cumsum(step, axis=1)], axis=1))
        return cls(name, np.array(time), np.array(box), np.array(chains))

    def take(self, frames: np.ndarray | list[int]) -> Melt:
        """Some of the frames."""
        return Melt(self.name, self.time[frames], self.box[frames], self.chains[frames])


# -- what is measured of every frame

def bonds(melt: Melt) -> np.ndarray:
    """Lengths, nm, (F, n)."""
    return np.linalg.norm(np.diff(melt.chains, axis=2), axis=-1).reshape(len(melt.time), -1)


def angles(melt: Melt) -> np.ndarray:
    """Inner angles, degrees, (F, n)."""
    step = np.diff(melt.chains, axis=2)
    step /= np.linalg.norm(step, axis=-1, keepdims=True)
    cosine = -(step[:, :, 1:] * step[:, :, :-1]).sum(axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1))).reshape(len(melt.time), -1)


def torsions(melt: Melt) -> np.ndarray:
    """Torsions, degrees, trans = 180, (F, n)."""
    step = np.diff(melt.chains, axis=2)
    normal = np.cross(step[:, :, :-1], step[:, :, 1:])
    first, second, middle = normal[:, :, :-1], normal[:, :, 1:], step[:, :, 1:-1]
    across = np.linalg.norm(middle, axis=-1) * (step[:, :, :-2] * second).sum(axis=-1)
    return np.degrees(np.arctan2(across, (first * second).sum(axis=-1))).reshape(len(melt.time), -1)


def pair_functions(melt: Melt, edges: np.ndarray, apart: int) -> np.ndarray:
    """g(r) of each frame, (F, n): pairs in one chain count from ``apart`` bonds on; 0 leaves none out."""
    found, shells = [], 4 / 3 * np.pi * np.diff(edges**3)
    for box, chains in zip(melt.box, melt.chains):
        beads, length = chains.reshape(-1, 3), chains.shape[1]
        pairs, distance = self_capped_distance(beads.astype(np.float32), edges[-1], box=np.array([*box, 90, 90, 90]))
        chain, place = np.divmod(pairs, length)
        keep = (chain[:, 0] != chain[:, 1]) | (np.abs(place[:, 0] - place[:, 1]) >= apart)
        counts = np.histogram(distance[keep], edges)[0]
        found.append(counts / (len(beads) * (len(beads) - 1) / 2 * shells / box.prod()))
    return np.array(found)


def ends(melt: Melt) -> np.ndarray:
    """Squared end-to-end distances, nm^2, (F, C)."""
    return ((melt.chains[:, :, -1] - melt.chains[:, :, 0])**2).sum(axis=-1)


def gyrations(melt: Melt) -> np.ndarray:
    """Squared radii of gyration, nm^2, (F, C)."""
    return melt.chains.var(axis=2).sum(axis=-1)


def contours(melt: Melt) -> np.ndarray:
    """Contour lengths, nm, (F, C)."""
    return np.linalg.norm(np.diff(melt.chains, axis=2), axis=-1).sum(axis=-1)


def internal(melt: Melt) -> np.ndarray:
    """<R^2(n)>/n of each frame, n from 1 on, nm^2, (F, N - 1)."""
    x = melt.chains
    return np.stack([((x[:, :, n:] - x[:, :, :-n])**2).sum(axis=-1).mean(axis=(1, 2)) / n
                     for n in range(1, x.shape[2])], axis=1)


# -- distances, each of counts or functions per frame

def counted(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts per frame, (F, n); what lies outside is in the first or the last bin."""
    inside = np.clip(values, edges[0], edges[-1])
    return np.array([np.histogram(frame, edges)[0] for frame in inside])


def jsd(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Jensen-Shannon divergence, natural logarithm, of counts per frame."""
    return float(jensenshannon(ours.sum(axis=0), theirs.sum(axis=0))**2)


def jeffreys(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Jeffreys' divergence of counts per frame; no probability is below FLOOR."""
    p, q = (np.maximum(each.sum(axis=0) / each.sum(), FLOOR) for each in (ours, theirs))
    return float(((p - q) * np.log(p / q)).sum())


def l1(width: float):
    """Integral of |g - g_ref| over r, nm."""
    return lambda ours, theirs: float(np.abs(ours.mean(axis=0) - theirs.mean(axis=0)).sum() * width)


def floors(rows: np.ndarray, distance) -> tuple[float, float]:
    """Distance of one half of the frames from the other: mean and maximum over (at most 126) ways to halve them."""
    n = len(rows)
    ways = list(itertools.combinations(range(n), n // 2)) if n <= 10 else [
        tuple(np.random.default_rng(k).permutation(n)[:n // 2]) for k in range(126)]
    found = [distance(rows[list(half)], rows[np.setdiff1d(np.arange(n), half)]) for half in ways]
    return float(np.mean(found)), float(np.max(found))


def error(ours: np.ndarray, theirs: np.ndarray, distance) -> float:
    """Standard error of a distance by a bootstrap over the frames of ours; Y stays what it is."""
    rng = np.random.default_rng(0)
    found = [distance(ours[rng.integers(len(ours), size=len(ours))], theirs) for _ in range(DRAWS)]
    return float(np.std(found, ddof=1)) if len(ours) > 1 else float("nan")


# -- tables

def compared(melts: list[Melt], y: Melt, cutoff: float) -> None:
    """Print distances of distributions from Y, with floors."""
    print(f"\n{'distance to Y':28s}" + "".join(f"{melt.name:>20s}" for melt in melts) + f"{'floor, mean (max)':>22s}")
    for name, measure, span in (("bond", bonds, (0.3, 1.2)), ("angle", angles, (0, 180)),
                                ("torsion", torsions, (-180, 180))):
        edges = np.linspace(*span, BINS + 1)
        theirs = counted(measure(y), edges)
        rows = [counted(measure(melt), edges) for melt in melts]
        line(f"{name} JSD", rows, theirs, jsd)
        line(f"{name} Jeffreys", rows, theirs, jeffreys)
    edges = np.linspace(0, cutoff, BINS + 1)
    for name, apart in (("all pairs", 0), ("4 or more bonds apart", 4), ("other chains", 10**9)):
        line(f"g(r) L1, {name}"[:28], [pair_functions(melt, edges, apart) for melt in melts],
             pair_functions(y, edges, apart), l1(edges[1]))
    line("<R^2(n)>/n, relative rms", [internal(melt) for melt in melts], internal(y),
         lambda ours, theirs: float(np.sqrt(np.mean((ours.mean(axis=0) / theirs.mean(axis=0) - 1)**2))))


def line(name: str, rows: list[np.ndarray], theirs: np.ndarray, distance) -> None:
    """Print one row: distances with their errors, and the floor."""
    floor = "" if len(theirs) < 2 else "{:13.5f} ({:.5f})".format(*floors(theirs, distance))
    print(f"{name:28s}" + "".join(f"{distance(row, theirs):12.5f}({error(row, theirs, distance):.5f})"
                                  for row in rows) + floor)


def sizes(melts: list[Melt]) -> None:
    """Print lengths of chains, with standard errors over frames."""
    print(f"\n{'':28s}" + "".join(f"{melt.name:>20s}" for melt in melts))
    for name, measure in (("sqrt<Re^2>, nm", ends), ("sqrt<Rg^2>, nm", gyrations)):
        print(f"{name:28s}" + "".join(root(measure(melt).mean(axis=1)) for melt in melts))
    print(f"{'contour length L, nm':28s}" + "".join(spread(contours(melt).mean(axis=1)) for melt in melts))
    for name, value in (("Kuhn length b = <Re^2>/L, nm", lambda melt: kuhn(melt)[0]),
                        ("Kuhn number n_K", lambda melt: kuhn(melt)[1])):
        print(f"{name:28s}" + "".join(f"{value(melt):20.4f}" for melt in melts))
    for n in (1, 2, 4, 8, 16):
        print(f"{f'<R^2({n})>/{n}, nm^2':28s}" + "".join(spread(internal(melt)[:, n - 1]) for melt in melts))


def spread(values: np.ndarray) -> str:
    """Mean over frames with its standard error, as if frames were independent."""
    return f"{values.mean():12.4f}({values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan:.4f})"


def root(squares: np.ndarray) -> str:
    """Square root of the mean over frames with its standard error."""
    mean = np.sqrt(squares.mean())
    return f"{mean:12.4f}({squares.std(ddof=1) / np.sqrt(len(squares)) / 2 / mean if len(squares) > 1 else np.nan:.4f})"


def kuhn(melt: Melt) -> tuple[float, float]:
    """Kuhn length b = <Re^2>/<L>, nm, and Kuhn number rho_K b^3 with rho_K = rho l / b."""
    length, mean = ends(melt).mean() / contours(melt).mean(), bonds(melt).mean()
    density = melt.chains[0, :, :, 0].size / melt.box.prod(axis=1).mean()
    return float(length), float(density * mean * length**2)


def kept(x: Melt, morphed: Melt, y: Melt) -> None:
    """Print Re and Rg against X frame by frame, L against Y, and how far beads moved."""
    shared, ours, theirs = np.intersect1d(morphed.time, x.time, return_indices=True)
    if len(shared) != len(morphed.time):
        print(f"\n{morphed.name}: {len(shared)} of {len(morphed.time)} frames have the time of one of {x.name}")
    if not len(shared):
        return
    new, old = morphed.take(ours), x.take(theirs)
    print(f"\n{morphed.name} against {x.name}, {len(shared)} frames by their time")
    for name, measure in (("Re", ends), ("Rg", gyrations), ("L", contours)):
        power = 1 if name == "L" else 2
        change = (measure(new).mean(axis=1) / measure(old).mean(axis=1))**(1 / power) - 1
        single = (measure(new) / measure(old))**(1 / power) - 1
        rms, of_chains = np.sqrt((change**2).mean()), np.sqrt((single**2).mean())
        print(f"  {name:3s} relative change per frame: mean {change.mean():+.5f}, rms {rms:.5f}, "
              f"largest {np.abs(change).max():.5f}; rms per chain {of_chains:.4f}")
    length, goal = contours(morphed).mean(), contours(y).mean()
    print(f"  L against {y.name}: {length / goal - 1:+.5f}")
    drift = new.chains - old.chains
    drift -= new.box[:, None, None] * np.round(drift / new.box[:, None, None])
    print(f"  beads moved by {np.sqrt((drift**2).sum(axis=-1).mean()):.4f} nm (rms)")
    for s in (2, 3, 4, 6, 8):
        if drift.shape[2] % s == 0:
            centres = np.linalg.norm(drift.reshape(*drift.shape[:2], -1, s, 3).mean(axis=3), axis=-1)
            print(f"  centres of {s} beads moved by at most {centres.max():.2e} nm")


def main() -> None:
    """Read the files and print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("x", type=Path)
    parser.add_argument("y", type=Path)
    parser.add_argument("morphed", nargs="*", help="files, each with or without a name: A=file.trr")
    parser.add_argument("--length", type=int, default=32, help="beads of a chain")
    parser.add_argument("--cutoff", type=float, default=2.0, help="end of g(r), nm")
    parser.add_argument("--train", type=int, nargs="*", default=[0, 1, 3, 4, 6, 7],
                        help="frames of Y that clusters are found on; the others are what is compared with")
    parser.add_argument("--frames", type=int, default=20, help="frames of each file at most, for environments")
    parser.add_argument("--radius", type=float, default=1.5, help="of environments, nm; 0 leaves them out")
    options = parser.parse_args()
    x, y = (Melt.read(name, path, options.length) for name, path in (("X", options.x), ("Y", options.y)))
    morphed = []
    for given in options.morphed:
        name, _, path = given.rpartition("=")
        morphed.append(Melt.read(name or Path(path).stem, Path(path), options.length))
    print(", ".join(f"{melt.name}: {len(melt.time)} frames" for melt in (x, *morphed, y)))
    compared([x, *morphed], y, options.cutoff)
    sizes([x, *morphed, y])
    for melt in morphed:
        kept(x, melt, y)
    if options.radius:
        import environments

        environments.told(x, morphed, y, options.train, options.frames, options.radius)


if __name__ == "__main__":
    main()
