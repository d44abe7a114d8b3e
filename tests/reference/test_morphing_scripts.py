"""The scripts of the morphing recipe: they share no code with the package, so that one tests the other."""
from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import backmap
from backmap.model.system import System
from backmap.testing.runs import quiet
from tests import command
from tests.polymer import line, measured, rotating, snapshot

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


ATOMS = """\
recipe: 1
output: atoms
max_infeasible: 1
steps:
  - topology: {atoms: {gromacs: atoms.top}, mapping: {votca: atoms.xml}, stereo: atoms.gro, constraints: all-bonds}
  - read: {beads: {gromacs: held/fritz.trr}}
  - forward: template
  - write: {atoms: {gromacs: atoms.gro}}
"""


def test_the_way_to_atoms_takes_its_own_files(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two short chains: potentials of Fritz's beads, beads relaxed in them about their own sixes, and their atoms."""
    chains = script("chains")
    monkeypatch.setattr(chains, "CHAINS", 2)
    monkeypatch.setattr(chains, "MONOMERS", 6)
    monkeypatch.setattr(sys, "argv", ["chains.py", "--folder", str(tmp_path)])
    chains.main()
    command.succeed("bottleneck", "--topology", tmp_path / "fritz.top", "--size", 6, "--output", tmp_path / "six.xml")
    rng = np.random.default_rng(6)
    beads = np.stack([rotating(rng, 2, 12, 0.36, 0.3) for _ in range(20)]) + np.array([[[2.0]], [[4.0]]])
    beads += rng.normal(0, 0.01, beads.shape)
    fritz = script("fritz")
    monkeypatch.setattr(fritz, "CHAINS", 2)
    fritz.write("fine_training", [(float(k), np.full(3, EDGE), each.reshape(-1, 3)) for k, each in enumerate(beads)],
                tmp_path)
    monkeypatch.setenv("BACKMAP_KG", str(tmp_path))
    backmap.run(SCRIPTS / "invert_fritz.yaml", display=quiet(),
                set={"steps.invert.iterations": 1, "steps.invert.sweeps": 1, "steps.invert.points": 20})
    backmap.run(SCRIPTS / "held.yaml", display=quiet(), set={"steps.morph.morpher.tabulated.sweeps": 2})
    (tmp_path / "atoms.yaml").write_text(ATOMS)
    backmap.run(tmp_path / "atoms.yaml", display=quiet())
    assert (tmp_path / "atoms" / "atoms.gro").read_text().splitlines()[1].strip() == str(2 * (6 * 16 + 2))
