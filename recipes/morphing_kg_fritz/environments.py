"""Local environments of beads, for yardstick.py: populations of clusters, and a two-sample test whose labels are
permuted by frame. SOAP vectors come from featomic, clusters from scikit-learn."""
from __future__ import annotations

import logging

import numpy as np
from scipy.spatial.distance import jensenshannon

COMPONENTS = 12  #: principal ones that are kept, found on training frames of Y
PERMUTATIONS = 9999
SEED = 7


def calculator(radius: float):
    """The power spectrum of featomic; neighbours fade over the last fifth of the radius."""
    logging.disable(logging.WARNING)
    from featomic import SoapPowerSpectrum

    return SoapPowerSpectrum(
        cutoff={"radius": radius, "smoothing": {"type": "ShiftedCosine", "width": radius / 5}},
        density={"type": "Gaussian", "width": radius / 10},
        basis={"type": "TensorProduct", "max_angular": 4, "radial": {"type": "Gto", "max_radial": 5}})


def spectra(melt, calculate) -> np.ndarray:
    """Normed power spectra, (F, C, N, features)."""
    import metatensor  # noqa: F401 (featomic's answers are its)
    from boxed import Beads

    found = []
    for box, chains in zip(melt.box, melt.chains):
        beads = np.mod(chains.reshape(-1, 3), box)
        frame = Beads(np.ones(len(beads), dtype=np.int32), beads, box)
        values = calculate.compute([frame], use_native_system=True).keys_to_properties(
            ["neighbor_1_type", "neighbor_2_type"]).block().values
        found.append(values.reshape(*chains.shape[:2], -1))
    found = np.array(found)
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


def told(x, morphed: list, y, train: list[int], most: int, radius: float) -> None:
    """Print populations of clusters and p-values, of single environments and of chains (means of theirs)."""
    from sklearn.decomposition import PCA

    train = [number for number in train if number < len(y.time)]
    test = np.setdiff1d(np.arange(len(y.time)), train)
    if len(train) < 2 or len(test) < 2:
        print("\nenvironments need at least 2 frames of Y to train on and 2 to test on")
        return
    calculate = calculator(radius)
    samples = {melt.name: spectra(melt.take(evenly(len(melt.time), most)), calculate) for melt in (x, *morphed)}
    faithful = spectra(y, calculate)
    samples["Y, training frames"], samples["Y"] = faithful[train], faithful[test]
    print(f"\nenvironments of radius {radius:g} nm, at most {most} frames; clusters found on {len(train)} frames of Y, "
          f"compared with its other {len(test)}")
    for kind in ("environments", "chains"):
        points = {name: (each if kind == "environments" else each.mean(axis=2, keepdims=True)).reshape(
            len(each), -1, each.shape[-1]) for name, each in samples.items()}
        chart = PCA(COMPONENTS, whiten=False, random_state=SEED).fit(np.concatenate(points["Y, training frames"]))
        points = {name: chart.transform(each.reshape(-1, each.shape[-1])).reshape(*each.shape[:2], -1)
                  for name, each in points.items()}
        populated(kind, points)
        tested(kind, points)


def evenly(n: int, most: int) -> np.ndarray:
    """At most so many of n frames, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))


def populated(kind: str, points: dict[str, np.ndarray]) -> None:
    """Print how far populations of clusters are from those of Y."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    train = np.concatenate(points["Y, training frames"])
    fits = [KMeans(k, n_init=5, random_state=SEED).fit(train) for k in range(2, 9)]
    scores = [silhouette_score(train, fit.labels_, sample_size=2000, random_state=SEED) for fit in fits]
    best = fits[int(np.argmax(scores))]
    for fit in dict.fromkeys((best, fits[-1])):  # also the most clusters, which see most
        n = fit.n_clusters
        shares = {name: np.array([np.bincount(fit.predict(frame), minlength=n) / len(frame) for frame in each])
                  for name, each in points.items()}
        every = np.concatenate([shares["Y, training frames"], shares["Y"]])
        halves = [divergence(every[order[::2]], every[order[1::2]])
                  for order in (np.random.default_rng(s).permutation(len(every)) for s in range(50))]
        floor, n_best = float(np.mean(halves)), best.n_clusters
        print(f"  {n} clusters of {kind}{' (largest silhouette)' * (n == n_best)}: floor {floor:.5f}; "
              + ", ".join(f"{name} {divergence(share, shares['Y']):.5f}" for name, share in shares.items()
                          if name != "Y"))
        if divergence(shares["X"], shares["Y"]) < 3 * floor:
            print("    no power: X is below 3 floors")


def divergence(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Jensen-Shannon divergence of shares per frame."""
    return float(jensenshannon(ours.mean(axis=0), theirs.mean(axis=0))**2)


def tested(kind: str, points: dict[str, np.ndarray]) -> None:
    """Print the maximum mean discrepancy of each from Y, and the share of permutations of frames that reach it.

    The kernel is a Gaussian as wide as the median distance of points; only pairs of different frames count.
    """
    rng = np.random.default_rng(SEED)
    flat = np.concatenate([np.concatenate(each) for each in (points["X"], points["Y"])])
    some = flat[rng.permutation(len(flat))[:1000]]
    width = float(np.median(((some[:, None] - some[None])**2).sum(axis=-1)[np.triu_indices(len(some), 1)]))
    both = np.concatenate([points["Y, training frames"], points["Y"]])
    pairs = {name: (each, both) for name, each in points.items() if not name.startswith("Y")}
    half = len(points["X"]) // 2
    if half >= 2:
        pairs["one half of X from the other (control)"] = points["X"][:half], points["X"][half:]
    pairs["the first half of Y from the other (control)"] = both[:len(both) // 2], both[len(both) // 2:]
    for name, (ours, theirs) in pairs.items():
        value, p = discrepancy(frame_kernel(np.concatenate([ours, theirs]), width), len(ours), rng)
        from_y = "" if "control" in name else " from Y"
        print(f"  MMD^2 of {kind}, {name}{from_y}: {value:+.2e}, p = {p:.4f} ({len(ours)} and {len(theirs)} frames)")


def frame_kernel(points: np.ndarray, width: float) -> np.ndarray:
    """Mean kernel of points of each pair of frames, (F, F)."""
    from scipy.spatial.distance import cdist

    found = np.zeros((len(points), len(points)))
    for i in range(len(points)):
        for j in range(i):
            found[i, j] = found[j, i] = np.exp(-cdist(points[i], points[j], "sqeuclidean") / width).mean()
    return found


def discrepancy(kernel: np.ndarray, n: int, rng: np.random.Generator) -> tuple[float, float]:
    """The squared discrepancy of the first n frames from the others, and its p-value."""
    def value(order: np.ndarray) -> float:
        first, second = order[:n], order[n:]
        own = [kernel[np.ix_(part, part)].sum() / (len(part) * (len(part) - 1)) for part in (first, second)]
        return own[0] + own[1] - 2 * kernel[np.ix_(first, second)].mean()

    found = value(np.arange(len(kernel)))
    reached = sum(value(rng.permutation(len(kernel))) >= found - 1e-12 for _ in range(PERMUTATIONS))
    return found, (reached + 1) / (PERMUTATIONS + 1)
