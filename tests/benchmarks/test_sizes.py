"""Large molecules and many kinds of atoms: ratios of processor times, measured side by side in one run."""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backmap.engine.energy.layout import FieldLayout
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.hamiltonian.tables import build
from backmap.engine.metropolis.blocks import BlockTable
from backmap.engine.metropolis.shells import reach
from backmap.engine.sites.contracts import View
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.model.parameters import ForceField
from tests import large, scenes
from tests.unit.engine.hamiltonian.test_move import liquid

pytestmark = pytest.mark.slow


def spent(call: Callable[[], object], times: int = 5) -> float:
    """The least processor time of several calls, s: whoever else is at work does not count."""
    found = []
    for _ in range(times):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return min(found)


def start(folder: Path, carbons: large.Carbons) -> Callable[[], object]:
    """What it takes until a molecule can be drawn and moved, everything anew."""
    files = large.Files(folder, carbons)

    def started() -> None:
        system = files.system()
        field = files.field(system)
        layout = FieldLayout(system, field)
        build(system, layout, 8, True)
        tables = FragmentTable.build(system.types, View(), [resting_order(kind) for kind in system.types])
        BlockTable.of(tables)
        reach(system.types[0], 0.001)

    return started


@pytest.mark.parametrize(("few", "many"), [(large.chain(200), large.chain(800)),
                                           (large.network(1, 10), large.network(2, 10))])
def test_the_time_to_start_grows_with_the_atoms(few: large.Carbons, many: large.Carbons, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    one, other = start(tmp_path, few), start(tmp_path / "many", many)
    one()
    atoms = len(many.bead) / len(few.bead)
    ratio = spent(other, 2) / spent(one, 3)
    assert ratio < 1.5 * atoms, f"{ratio:.1f} times as long for {atoms:.1f} times as many atoms"


def split(field: ForceField, copies: int) -> ForceField:
    """Every Lennard-Jones kind in so many, all a little different; the hydrogens of one carbon are of one kind."""
    rng, n = np.random.default_rng(0), len(field.kinds)
    kind = scenes.octane_system().types[0]
    carrier = np.array([a if kind.chemistry.heavy[a] else next(iter(kind.graph[a])) for a in range(kind.n_atoms)])
    molecules = {name: replace(each, kind=each.kind * copies + rng.integers(copies, size=each.n_atoms)[carrier])
                 for name, each in field.molecules.items()}
    factor = np.sqrt(1 + 0.01 * rng.random(n * copies))
    c6, c12 = (np.kron(table, np.ones((copies, copies))) * np.outer(factor, factor) for table in (field.c6, field.c12))
    return replace(field, molecules=molecules, kinds=[f"{name}{k}" for name in field.kinds for k in range(copies)],
                   c6=c6, c12=c12)


def test_forty_kinds_cost_as_much_as_a_few() -> None:
    system, window, field = liquid()

    def sweep(field: ForceField) -> Callable[[], object]:
        moves = HamiltonianMoves(system, field, 350.0, size=4)

        def swept() -> None:
            moves.sweep(moves.frame(window.atoms[0], window.beads[0], window.box(0)), (1, 1))

        swept()
        return swept

    few, many = sweep(field), sweep(split(field, 14))
    times = np.array([[spent(few, 3), spent(many, 3)] for _ in range(5)]).min(axis=0)
    assert times[1] < 1.1 * times[0], f"{times[1] / times[0]:.2f} times as long with 42 kinds as with 3"
