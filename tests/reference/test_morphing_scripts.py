"""The scripts of the morphing recipe: they share no code with the package, so that one tests the other."""
from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from backmap_plugins.forcefields.gromacs.reader import Gromacs

from backmap.engine.energy.frame import FrameEnergy
from backmap.model.system import System
from tests.polymer import kind_of, line, measured, rotating, snapshot

SCRIPTS = Path(__file__).parents[2] / "recipes" / "morphing_kg_fritz"
EDGE, CHAINS, N = 6.0, 24, 32


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    """Imports a script by name."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def script_(name: str) -> ModuleType:
        monkeypatch.delitem(sys.modules, name, raising=False)
        return __import__(name)

    return script_


def frames(seed: int, length: float) -> np.ndarray:
    """Chains whose beads scatter, at random places, (4, 24, 32, 3), nm."""
    rng = np.random.default_rng(seed)
    chains = np.stack([rotating(rng, CHAINS, N, length, 0.3) for _ in range(4)])
    return chains + rng.normal(0, 0.03, chains.shape) + rng.random((4, CHAINS, 1, 3)) * EDGE


def test_the_yardstick_and_the_assessor_measure_the_same(script) -> None:
    yardstick = script("yardstick")
    system, box = System(((line(N), CHAINS),)), np.eye(3) * EDGE
    x, y = frames(0, 0.72), frames(1, 0.75)
    melts = [yardstick.Melt(name, np.arange(4.0), np.full((4, 3), EDGE), each) for name, each in (("X", x), ("Y", y))]
    assessor, ours = measured(system, [snapshot(system, each.reshape(-1, 3), box, k) for k, each in enumerate(x)],
                              rdf_bin=2 / 90, apart=4)
    _, theirs = measured(system, [snapshot(system, each.reshape(-1, 3), box, k) for k, each in enumerate(y)],
                         rdf_bin=2 / 90, apart=4)
    found = assessor.distances(ours, theirs)
    for name, measure, low, high in (("bond K-K", yardstick.bonds, 0.3, 1.2), ("angle K-K-K", yardstick.angles, 0, 180),
                                     ("torsion K-K-K-K", yardstick.torsions, -180, 180)):
        counts = [yardstick.counted(measure(melt), np.linspace(low, high, 91)) for melt in melts]
        assert found[name, "JSD"] == pytest.approx(yardstick.jsd(*counts), rel=1e-3)
        assert found[name, "Jeffreys"] == pytest.approx(yardstick.jeffreys(*counts), rel=1e-2)
    edges = np.linspace(0, 2.0, 91)
    pairs = [yardstick.pair_functions(melt, edges, 4) for melt in melts]
    assert found["g(r)", "integral of |g - g_ref|"] == pytest.approx(yardstick.l1(edges[1])(*pairs), rel=1e-3)
    by = {(figure.name, figure.quantity): figure.value for figure in assessor.conclude(ours, None).figures}
    length, number = yardstick.kuhn(melts[0])
    assert by["Kuhn length of KG", "⟨R²⟩/L"] == pytest.approx(length, rel=1e-9)
    assert by["Kuhn number of KG", "beads of a molecule type alone"] == pytest.approx(number, rel=1e-9)
    ends = np.sqrt(yardstick.ends(melts[0]).mean())
    assert by["end-to-end distance of KG", "root mean square"] == pytest.approx(ends, rel=1e-9)


def test_three_monomers_are_one_bead(script, tmp_path: Path) -> None:
    """Chains broken at the boundary, in columns that readers of gro do not expect: mass centres by hand."""
    fritz = script("fritz")
    rng = np.random.default_rng(2)
    whole = np.cumsum(rng.uniform(-0.2, 0.2, (CHAINS, 192, 3)), axis=1) + rng.random((CHAINS, 1, 3)) * EDGE
    whole = whole.round(3)
    rows = [f"{k // 192 + 1:5d}PSR{'AB'[k % 2] + str(k % 192 // 2 + 1):>6}{k + 1:5d}" + "".join(f"{v:8.3f}" for v in p)
            for k, p in enumerate(np.mod(whole, EDGE).reshape(-1, 3))]
    path = tmp_path / "fritz_1.gro"
    path.write_text("\n".join(["melt t= 150.0 step= 7", str(len(rows)), *rows, f" {EDGE} {EDGE} {EDGE}"]) + "\n")
    time, box, beads = fritz.mapped(path)
    assert (time, box.tolist()) == (150.0, [EDGE] * 3)
    weights = np.array([27.05, 77.11] * 3)
    expected = np.average(whole.reshape(CHAINS, N, 6, 3), axis=2, weights=weights)
    off = beads.reshape(CHAINS, N, 3) - expected
    np.testing.assert_allclose(off - EDGE * np.round(off[:, :1] / EDGE), 0, atol=2e-3)
    fritz.write("fritz_kg", [(time, box, beads)], tmp_path)
    melt = script("yardstick").Melt.read("Y", tmp_path / "fritz_kg.trr", N)
    np.testing.assert_allclose(melt.chains[0], beads.reshape(CHAINS, N, 3), atol=1e-5)
    path.write_text("melt t= 0\n1\n    1PSR    A1    1   1.000   1.000   1.000\n 6 6 6\n")
    with pytest.raises(SystemExit, match="beads, not 24 chains of 192"):
        fritz.mapped(path)


def test_a_change_of_one_per_cent_is_found(script, capsys: pytest.CaptureFixture[str]) -> None:
    """Every chain 1 % larger about its first bead; frames are paired by their times, not by their order."""
    yardstick = script("yardstick")
    x = frames(3, 0.7)
    first = x[:, :, :1]
    old = yardstick.Melt("X", np.arange(4.0), np.full((4, 3), EDGE), x)
    new = yardstick.Melt("Z", np.arange(3.0)[::-1], np.full((3, 3), EDGE), (first + 1.01 * (x - first))[2::-1])
    yardstick.kept(old, new, old)
    said = capsys.readouterr().out
    assert "Z against X, 3 frames by their time" in said
    assert said.count("mean +0.01000, rms 0.01000, largest 0.01000; rms per chain 0.0100") == 3


def test_a_topology_has_the_potentials_that_were_fitted(script, tmp_path: Path) -> None:
    """Energies of two conformations by the package: they differ as sums of the fitted functions do."""
    potentials = script("potentials")
    rng, n = np.random.default_rng(4), potentials.BEADS
    fitted = {name: rng.uniform(0.5, 2, len(potentials.functions(kind, np.ones(1))))
              for name, (kind, *_) in potentials.TERMS.items()}
    fitted |= {name: np.array([1e-7, 0.0]) for name in potentials.NEAR}
    for name, (kind, *_) in potentials.TERMS.items():
        if kind in ("bond", "angle", "stiff"):
            fitted[name][1] *= -1  # of what is linear: lengths and angles at rest are positive
    path = tmp_path / "field.top"
    path.write_text(potentials.topology(fitted))
    system = System(((kind_of([(k, k + 1) for k in range(n - 1)], ["A", "B"] * (n // 2), "fritz"), 1),))
    energy = FrameEnergy(system, Gromacs(Gromacs.Options(file=path)).read(system))
    found, expected = [], []
    for _ in range(2):
        x = np.cumsum(rng.normal(0, 0.25, (n, 3)), axis=0)
        terms = energy.of(x).terms
        found.append([terms[term] for term in ("bond", "angle", "proper", "lj_14")])
        ways = np.diff(x, axis=0)
        lengths = np.linalg.norm(ways, axis=1)
        angles = np.arccos(-(ways[1:] * ways[:-1]).sum(1) / lengths[1:] / lengths[:-1])
        normals = np.cross(ways[:-1], ways[1:])
        turns = np.sign((ways[:-2] * normals[1:]).sum(1)) * np.arccos(
            (normals[1:] * normals[:-1]).sum(1) / np.linalg.norm(normals[1:], axis=1)
            / np.linalg.norm(normals[:-1], axis=1))
        sums = dict.fromkeys(("bond", "angle", "torsion"), 0.0)
        for name, (kind, first, step) in potentials.TERMS.items():
            if kind != "pair":
                kind = "angle" if kind == "stiff" else kind
                values = {"bond": lengths, "angle": angles, "torsion": turns}[kind][first::step]
                sums[kind] += (fitted[name] @ potentials.functions(kind, values)).sum()
        near = [np.linalg.norm(x[first + apart::step] - x[first:-apart:step], axis=1)
                for (first, apart), step in zip(potentials.NEAR.values(), (1, 2, 2))]
        expected.append([*sums.values(), (1e-7 * np.concatenate(near)**-12).sum()])
    np.testing.assert_allclose(np.diff(found, axis=0), np.diff(expected, axis=0), rtol=1e-4)  # digits of the file
