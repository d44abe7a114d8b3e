"""Maps: three clusters are found with their weights, points held out go where they belong, and maps are kept."""
from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.chart import Chart, Drawing
from backmap_plugins.assessors.landscape.kernels import MoleculeKernel

from backmap.errors import BackmapError

sklearn = pytest.importorskip("sklearn")

WEIGHTS = np.array([0.6, 0.3, 0.1])
#: p . p' alone, so that D is the distance of points on a sphere.
KERNEL = MoleculeKernel("environment", zeta=1)
SETTINGS = {"points": "environments", "radius": 0.5, "centres": ["C1"], "gamma": None}


def gaussians(count: int, seed: int, cluster: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 1, 20) of three clusters, on the sphere, and which they are of; ``cluster`` 3 is a fourth."""
    rng = np.random.default_rng(seed)
    of = rng.permutation(np.repeat(range(3), np.rint(count * WEIGHTS).astype(int)))
    if cluster is not None:
        of = np.full(count, cluster)
    points = 3.0 * np.eye(20)[of] + rng.normal(scale=0.1, size=(count, 20))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points[:, None].astype(np.float32), of


@cache
def chart() -> tuple[Chart, np.ndarray, np.ndarray]:
    points, of = gaussians(2000, 1)
    drawing = Drawing(60, (6.0, 6.0, 2.0, 2.0), 2, None, 1)
    return Chart.drawn(points, KERNEL, drawing, SETTINGS, ("a", "b")), points, of


def test_three_clusters_are_found_with_their_populations() -> None:
    """Of 2,000 points in 20 dimensions; the largest comes first."""
    drawn, points, of = chart()
    labels = drawn.classes(*drawn.places(points, KERNEL))
    assert len(drawn.centres) == 3
    assert np.bincount(labels, minlength=4)[:3] / len(of) == pytest.approx(WEIGHTS, abs=0.02)
    assert (labels == 3).mean() == pytest.approx(0.005, abs=0.001)


def test_points_held_out_are_in_their_cluster() -> None:
    drawn, _, _ = chart()
    points, of = gaussians(1000, 2)
    labels = drawn.classes(*drawn.places(points, KERNEL))
    assert (labels == of).mean() >= 0.99


def test_points_of_a_fourth_cluster_are_outliers() -> None:
    drawn, _, _ = chart()
    labels = drawn.classes(*drawn.places(gaussians(300, 3, 3)[0], KERNEL))
    assert (labels == 3).mean() > 0.95


def test_a_map_that_was_kept_is_the_same(tmp_path: Path) -> None:
    drawn, points, _ = chart()
    (tmp_path / "map.npz").write_bytes(drawn.to_bytes())
    read = Chart.read(tmp_path / "map.npz")
    for name in ("landmarks", "centres", "edges", "counts"):
        assert np.array_equal(getattr(read, name), getattr(drawn, name)), name
    for name in ("settings", "limit", "n_points", "frames"):
        assert getattr(read, name) == getattr(drawn, name), name
    assert (read.sketch.high, read.sketch.low) == (drawn.sketch.high, drawn.sketch.low)
    for ours, theirs in zip(read.places(points[:50], KERNEL), drawn.places(points[:50], KERNEL)):
        assert np.array_equal(ours, theirs)
    assert read.to_bytes() == drawn.to_bytes()
    read.expect(SETTINGS, tmp_path / "map.npz")


@pytest.mark.parametrize(("name", "value", "said"), [
    ("radius", 0.6, "radius is 0.5 there and 0.6 here"),
    ("centres", ["C2"], 'centres is ["C1"] there and ["C2"] here'),
    ("gamma", 0.1, "gamma is null there and 0.1 here"),
    ("more", 1, "more is null there and 1 here")])
def test_a_map_of_other_parameters_is_refused(name: str, value: object, said: str) -> None:
    with pytest.raises(BackmapError, match="this map is of other points") as error:
        chart()[0].expect({**SETTINGS, name: value}, Path("map.npz"))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no map", b"PK\x03\x04 half a file"])
def test_a_file_that_is_no_map_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "map.npz").write_bytes(content)
    with pytest.raises(BackmapError, match="no map of a landscape"):
        Chart.read(tmp_path / "map.npz")


def test_a_map_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    held = chart()[0].to_bytes()
    (tmp_path / "map.npz").write_bytes(held[:len(held) // 2])
    with pytest.raises(BackmapError, match="no map of a landscape"):
        Chart.read(tmp_path / "map.npz")


@pytest.mark.parametrize("arrays", [
    {"x": np.zeros(3)}, {"said": np.array("[]")}, {"said": np.array('{"version": 9}')}, {"said": np.array("{")}])
def test_other_arrays_are_refused(arrays: dict, tmp_path: Path) -> None:
    np.savez(tmp_path / "map.npz", **arrays)
    with pytest.raises(BackmapError, match="no map of a landscape"):
        Chart.read(tmp_path / "map.npz")


def test_equal_points_make_a_map_of_one_cluster() -> None:
    points = np.tile(gaussians(1, 4, 0)[0], (20, 1, 1))
    drawn = Chart.drawn(points, KERNEL, Drawing(10, (6.0, 6.0, 2.0, 2.0), 2, None, 1), SETTINGS, ("a",))
    z, residual = drawn.places(points, KERNEL)
    assert np.isfinite(z).all()
    assert np.isfinite(residual).all()
    assert len(drawn.centres) <= 2
