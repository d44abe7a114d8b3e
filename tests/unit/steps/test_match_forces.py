"""The step ``match_forces``: tables come back from forces in frames, whoever counts them, and can be read again."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest
from backmap_plugins.files.tables import read_lammps, read_votca, write_votca
from backmap_plugins.steps.match_forces import MatchForces
from numpy.typing import NDArray

from backmap import testing
from backmap.api import FrameInfo, State
from backmap.engine.tabulated.forces import TabulatedForces
from backmap.errors import BackmapError
from backmap.model.memory import Memory
from backmap.model.system import Window
from backmap.testing.examples import example_forcefield
from tests import tabulated

Array = NDArray[np.float64]
BOX = np.array([[2.4, 0, 0], [0.4, 2.4, 0], [-0.3, 0.5, 2.5]])
N = 12
SYSTEM = tabulated.system(N, named=True)
EXACT = TabulatedForces(SYSTEM, tabulated.field())


class Frames:
    """Frames of random chains, each atom a bead."""

    where, n_points, names, residue_names = "chains", 4 * N, None, None

    def __init__(self, n_frames: int) -> None:
        self.n_frames = n_frames

    def frame(self, number: int) -> FrameInfo:
        return FrameInfo(tabulated.chains(N, BOX, seed=number), BOX, float(number))


class Files:
    """Output files in memory."""

    def __init__(self) -> None:
        self.claimed: list[Path] = []
        self.placed: dict[Path, bytes] = {}

    def claim(self, path: Path, once: bool = False) -> None:
        assert once
        self.claimed.append(path)

    def place(self, path: Path, data: bytes | None) -> None:
        assert path in self.claimed
        if data is not None:
            self.placed[path] = data


def window(n_frames: int, noise: float = 0.0, reference: bool = False) -> Window:
    frames = [tabulated.chains(N, BOX, seed=k) for k in range(n_frames)]
    forces = np.stack([EXACT.of(beads, BOX) + noise * np.random.default_rng(k).normal(size=beads.shape)
                       for k, beads in enumerate(frames)])
    number, beads = np.arange(n_frames), np.stack(frames)
    made = Window(number, number.astype(float), np.broadcast_to(BOX, (n_frames, 3, 3)).copy(), beads, system=SYSTEM)
    if reference:
        return replace(made, reference=beads, reference_forces=forces)
    return replace(made.with_atoms(beads), forces=forces)


def started(n_frames: int, **options: object) -> tuple[MatchForces, State, list[str]]:
    said: list[str] = []
    step = MatchForces(MatchForces.Options(forces="file", cutoff=1.0, **options))
    state = State(Path(), Path(), seed=3, device="cpu", log=said.append, system=SYSTEM,
                  forcefield=example_forcefield(SYSTEM), source=Frames(n_frames), chosen=range(n_frames),
                  n_frames=n_frames, files=Files())
    step.start(state)
    return step, state, said


def finished(step: MatchForces, state: State, *windows: Window) -> dict[str, bytes]:
    for one in windows:
        step.frames(one, state)
    step.finish(state)
    assert set(state.files.placed) == set(state.files.claimed)
    return {path.name: data for path, data in state.files.placed.items()}


def written(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("reference", [False, True])
def test_a_force_field_comes_back(reference: bool, tmp_path: Path) -> None:
    """Its forces in frames that were not seen are right within 1 %; VOTCA's, LAMMPS' and OpenMM's files agree."""
    step, state, said = started(40)
    folder = written(tmp_path / "tables", finished(step, state, window(40, reference=reference)))
    kinds = {name: one.kind for name, one in tabulated.field().items()}
    found = {name: read_votca(folder / f"{name}.pot", kind) for name, kind in kinds.items()}
    beads = tabulated.chains(N, BOX, seed=999)
    ours, true = TabulatedForces(SYSTEM, found).of(beads, BOX), EXACT.of(beads, BOX)
    assert np.sqrt(((ours - true)**2).mean()) < 0.01 * np.sqrt((true**2).mean())
    by_lammps = TabulatedForces(SYSTEM, {name: read_lammps(folder / f"{kind}.table", name, kind)
                                         for name, kind in kinds.items()})
    np.testing.assert_allclose(by_lammps.of(beads, BOX), ours, atol=1e-3 * np.abs(ours).max())
    made = openmm.XmlSerializer.deserialize((folder / "system.xml").read_text())
    context = openmm.Context(made, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(beads)
    by_openmm = context.getState(getForces=True).getForces(asNumpy=True)._value
    np.testing.assert_allclose(by_openmm, ours, atol=1e-3 * np.abs(ours).max())
    told = json.loads((folder / "fit.json").read_text())["residuals"]["reference" if reference else "backmapped"]
    assert told["after"] < 1e-3 * told["before"]
    assert told["held_out"] < 1e-2 * told["before"]  # a few values are where no other frame has any
    assert any(line.startswith(f"{'reference' if reference else 'backmapped'}: 40 frames, residual") for line in said)


def test_frames_that_were_not_seen_gain_too() -> None:
    """From no tables, with noise of 100: chi2 of frames left out falls to that of the noise, 10,000."""
    step, state, _ = started(40, splines=12)
    told = json.loads(finished(step, state, window(40, noise=100.0))["fit.json"])["residuals"]["backmapped"]
    error = 1e4 * np.sqrt(2 / (40 * 3 * SYSTEM.n_beads))
    assert told["after"] < told["held_out"] < 0.6 * told["before"]
    assert told["held_out"] == pytest.approx(1e4, abs=3 * error)
    assert 0 < told["held_out_error"] < 1000


def test_tables_that_stay(tmp_path: Path) -> None:
    """Bonds are fitted alone beside all other tables, which stay; the residual before is that of the tables."""
    for name, one in tabulated.field().items():
        write_votca(tmp_path / f"{name}.pot", replace(one, energy=one.energy * (1.4 if name == "bond" else 1.0)))
    step, state, _ = started(20, tables=[tmp_path], fit=["bond"])
    files = finished(step, state, window(20))
    told = json.loads(files["fit.json"])
    assert list(told["splines"]) == ["bond"]
    assert told["residuals"]["backmapped"]["after"] < 1e-4 * told["residuals"]["backmapped"]["before"]
    folder = written(tmp_path / "tables", files)
    bond, exact = read_votca(folder / "bond.pot", "bond"), tabulated.curve(tabulated.potential("bond"))
    assert np.abs(bond.force + exact(bond.grid, 1))[bond.known].max() < 0.01 * np.abs(bond.force[bond.known]).max()
    assert (folder / "E-M.pot").exists()


def test_it_keeps_the_promises_of_steps() -> None:
    step, state, _ = started(4)
    testing.check_step(step, state, window(4, noise=30.0))


def test_sharing_does_not_change_a_bit() -> None:
    """One window, or frames in another order in two memories that are merged: the same files."""
    step, state, _ = started(6)
    whole = finished(step, state, window(6, noise=30.0))
    step, state, _ = started(6)
    parts = []
    for chosen in ([5, 3], [0, 1, 2, 4]):
        step.memory = Memory()
        step.frames(window(6, noise=30.0).take(chosen), state)
        parts.append(step.memory)
    parts[0].merge(parts[1])
    step.memory = parts[0]
    assert finished(step, state) == whole


def test_replicas_count_once_for_the_reference() -> None:
    step, state, _ = started(4)
    both = replace(window(4), reference=window(4).beads, reference_forces=window(4).forces)
    again = replace(both, place=both.place + 4, replica=np.ones(4, dtype=np.int64))
    told = json.loads(finished(step, state, both, again)["fit.json"])["residuals"]
    assert told["backmapped"]["frames"] == 8
    assert told["reference"]["frames"] == 4


def test_a_single_frame_has_no_errors() -> None:
    step, state, _ = started(1)
    files = finished(step, state, window(1))
    told = json.loads(files["fit.json"])["residuals"]["backmapped"]
    assert told["held_out"] is None
    assert len(files["bond.force"].splitlines()[0].split()) == 3  # without a column of errors


def test_a_box_too_small_for_openmm() -> None:
    step = MatchForces(MatchForces.Options(forces="file", cutoff=1.3))
    said: list[str] = []
    state = State(Path(), Path(), seed=3, device="cpu", log=said.append, system=SYSTEM,
                  forcefield=example_forcefield(SYSTEM), source=Frames(2), chosen=range(2), n_frames=2, files=Files())
    step.start(state)
    assert said == ["no tables/system.xml: OpenMM wants a cutoff of 1.2 nm, half the box, at most"]
    assert "system.xml" not in finished(step, state, window(2))


@pytest.mark.parametrize(("options", "said"), [
    ({"fit": ["bonds"]}, "'bonds' is no interaction of these beads. Interactions are: bond, angle, dihedral, E-E"),
    ({"ranges": {"E-X": (0.1, 1)}}, "'E-X' is no interaction of these beads"),
])
def test_names_that_are_unknown(options: dict, said: str) -> None:
    with pytest.raises(BackmapError) as caught:
        started(2, **options)
    assert said in str(caught.value)


def test_no_weight_no_fit() -> None:
    step, state, _ = started(2, backmapped_weight=0)
    with pytest.raises(BackmapError, match="there are no frames with forces to match, or all have the weight 0"):
        finished(step, state, window(2))
