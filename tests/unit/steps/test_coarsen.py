"""The step ``coarsen``, and ``topology`` after it."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.formats.mappings.yaml import YamlMapping
from backmap_plugins.steps.coarsen import Coarsen

from backmap import api
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.system import System, Window
from backmap.testing import check_step
from tests import builders

#: Other beads of the molecules of ``builders.system``, of their atoms and of their beads.
ATOMS = """\
BUT: {weights: mass, beads: {X1: {type: X, atoms: [C1, C2, C3, C4]}}}
SOL: {weights: mass, beads: {W: {atoms: [O1, H1, H2]}}}
CHI: {weights: geometry, beads: {P: {atoms: [C1, F1]}, Q: {atoms: [Cl1, Br1]}}}
"""
BEADS = """\
BUT: {beads: {X1: {type: X, atoms: {E1: 1, E2: 3}}}}
SOL: {beads: {W: {atoms: [W1]}}}
CHI: {beads: {P: {atoms: [A1]}, Q: {atoms: [B1]}}}
"""


def step_of(folder: Path, text: str, there: str = "", **options: object) -> Coarsen:
    (folder / "mapping.yaml").write_text(text)
    step = Coarsen(Coarsen.Options(mapping=[YamlMapping(YamlMapping.Options(files=[folder / "mapping.yaml"]))],
                                   **options))
    step.there = frozenset({"system", "beads", *there.split()})
    return step


def state_of(system: System) -> api.State:
    return api.State(Path(), Path(), 3, "cpu", log=lambda line: None, system=system)


def coarsened(step: Coarsen, window: Window, state: api.State | None = None) -> Window:
    state = state or state_of(window.system)
    step.start(state)
    return step.frames(window, state)


def test_atoms_where_there_are_atoms(tmp_path: Path) -> None:
    """Beads are averages of atoms, by hand; the reference goes the same way, and nothing finer is left."""
    system = builders.system()
    window, state = builders.window(system), state_of(system)
    made = coarsened(step_of(tmp_path, ATOMS, "atoms"), window, state)
    assert made.system is state.system
    assert made.system.only_beads
    assert state.earlier == [system]
    assert made.atoms is None
    butane, _, chiral = system.groups
    rows = butane.atoms[:, [butane.type.atom_names.index(f"C{k}") for k in (1, 2, 3, 4)]]
    np.testing.assert_allclose(made.beads[:, made.system.groups[0].beads[:, 0]], window.atoms[:, rows].mean(axis=2),
                               atol=1e-12)
    pair = chiral.atoms[:, [chiral.type.atom_names.index(name) for name in ("Cl1", "Br1")]]
    np.testing.assert_allclose(made.beads[:, made.system.groups[2].beads[:, 1]], window.atoms[:, pair].mean(axis=2),
                               atol=1e-12)
    np.testing.assert_allclose(made.reference, made.beads, atol=1e-12)
    kind = made.system.types[0]
    assert (kind.atom_names, kind.atom_types, kind.residue_names) == (["X1"], ["X"], ["BUT"])
    np.testing.assert_allclose(kind.mass, builders.butane().mass.sum())  # with its hydrogens


def test_beads_where_there_are_none(tmp_path: Path) -> None:
    """Weights of a mapping are of beads then, and true atoms are mapped to beads first."""
    system = builders.system()
    window = replace(builders.window(system), atoms=None, placed=None)
    made = coarsened(step_of(tmp_path, BEADS), window)
    butane, water, _ = system.groups
    own = window.beads[:, butane.beads]
    np.testing.assert_allclose(made.beads[:, made.system.groups[0].beads[:, 0]], (own[:, :, 0] + 3 * own[:, :, 1]) / 4,
                               atol=1e-12)
    np.testing.assert_allclose(made.beads[:, made.system.groups[1].beads], window.beads[:, water.beads], atol=1e-12)
    np.testing.assert_allclose(made.reference, made.beads, atol=1e-12)


def test_broken_molecules_are_made_whole(tmp_path: Path) -> None:
    system = builders.system()
    window = builders.window(system)
    whole = coarsened(step_of(tmp_path, ATOMS, "atoms"), window)
    broken = replace(window, atoms=np.stack([periodic.wrap(atoms, builders.TRICLINIC) for atoms in window.atoms]))
    assert np.abs(broken.atoms - window.atoms).max() > 1.0
    made = coarsened(step_of(tmp_path, ATOMS, "atoms"), broken)
    for found, expected in zip(made.beads, whole.beads):
        assert np.abs(periodic.minimum_image(found - expected, builders.TRICLINIC)).max() < 1e-9


def test_molecules_left_out(tmp_path: Path) -> None:
    system = builders.system()
    window = builders.window(system)
    text = "".join(line for line in ATOMS.splitlines(keepends=True) if not line.startswith("SOL"))
    with pytest.raises(BackmapError, match=r"there is no mapping of SOL\. Mapped are: BUT, CHI"):
        coarsened(step_of(tmp_path, text, "atoms"), window)
    made = coarsened(step_of(tmp_path, text, "atoms", exclude=["SOL"]), window)
    whole = coarsened(step_of(tmp_path, ATOMS, "atoms"), window)
    assert made.system.listed == "2 BUT, 2 CHI, 1 BUT"
    np.testing.assert_array_equal(made.beads, np.delete(whole.beads, whole.system.groups[1].beads.ravel(), axis=1))


def test_beads_of_beads_in_a_votca_file(tmp_path: Path) -> None:
    """Names of beads are those of the first mapping, which a second one takes for atoms."""
    system = System(((builders.butane(), 3),))
    (tmp_path / "but.xml").write_text(
        builders.BUTANE_XML.split("<cg_beads>")[0] + "<cg_beads><cg_bead><name>Z</name><type>Z</type><mapping>z"
        "</mapping><beads>1:BUT:E2 1:BUT:E1</beads></cg_bead></cg_beads></topology><maps><map><name>z</name><weights>"
        "1 2</weights></map></maps></cg_molecule>")
    step = Coarsen(Coarsen.Options(mapping=[Votca(Votca.Options(files=[tmp_path / "but.xml"]))]))
    window = replace(builders.window(system), atoms=None, placed=None, reference=None)
    made = coarsened(step, window)
    own = window.beads.reshape(2, 3, 2, 3)
    np.testing.assert_allclose(made.beads, (own[:, :, 1] + 2 * own[:, :, 0]) / 3, atol=1e-12)
    assert made.system.types[0].atom_names == ["Z"]


def test_a_frame_follows_from_itself(tmp_path: Path) -> None:
    window = builders.window(builders.system(), n_frames=3)
    step, state = step_of(tmp_path, ATOMS, "atoms"), state_of(window.system)
    step.start(state)
    check_step(step, state, window)


def test_what_is_gone(tmp_path: Path) -> None:
    """Parameters and weights of before are not for what is there now."""
    system = builders.system()
    state = state_of(system)
    state.forcefield, state.generator, state.given["contents"] = object(), object(), object()
    step_of(tmp_path, ATOMS, "atoms").start(state)
    assert (state.forcefield, state.generator, state.given, state.level) == (None, None, {}, 1)
    assert state.systems[0] is system
