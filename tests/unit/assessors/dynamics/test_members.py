"""How many molecules of a type are followed."""
from __future__ import annotations

import pytest
from backmap_plugins.assessors.dynamics import members

from tests import scenes


@pytest.mark.parametrize(("atoms", "of_atoms", "expected"), [
    (400, 2000, 15),  # of octane's 26 atoms 400 make
    (100, 2000, 10),  # not 3: errors need so many
    (100, 130, 5),
    (100, 20, 3),
    (20, 20, 1),
])
def test_enough_molecules_to_tell_an_error(monkeypatch: pytest.MonkeyPatch, atoms: int, of_atoms: int,
                                           expected: int) -> None:
    monkeypatch.setattr(members, "ATOMS", atoms)
    monkeypatch.setattr(members, "OF_ATOMS", of_atoms)
    system, _ = scenes.octane_window()
    kind, = {group.type for group in system.groups}
    followed, = members.Members.of(system)
    assert kind.n_atoms == 26
    assert len(followed.atoms) == expected
