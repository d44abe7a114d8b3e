"""Errors are one line: where, what, what to do."""
from __future__ import annotations

import pytest

from backmap.errors import BackmapError, stoppable


def test_line_has_place_problem_and_hint() -> None:
    error = BackmapError("is empty", where="cg.gro:3", hint="Write it again.")
    assert str(error) == "cg.gro:3: is empty. Write it again."
    assert str(BackmapError("is empty")) == "is empty"


def test_at_puts_a_place_in_front() -> None:
    error = BackmapError("is empty", where="cg.gro", hint="Look.").at("run.yaml: steps[1].read")
    assert str(error) == "run.yaml: steps[1].read: cg.gro: is empty. Look."
    assert str(BackmapError("is empty").at("cg.gro")) == "cg.gro: is empty"


def test_compiled_functions_that_somebody_stops_are_stopped() -> None:
    """Seen of a call that was interrupted as it handed its arrays out: the result came with an exception set."""
    with pytest.raises(KeyboardInterrupt), stoppable():
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()
    with pytest.raises(SystemError, match="another"), stoppable():
        raise SystemError("another")
