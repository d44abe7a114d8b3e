"""Errors are one line: where, what, what to do."""
from __future__ import annotations

from backmap.errors import BackmapError


def test_line_has_place_problem_and_hint() -> None:
    error = BackmapError("is empty", where="cg.gro:3", hint="Write it again.")
    assert str(error) == "cg.gro:3: is empty. Write it again."
    assert str(BackmapError("is empty")) == "is empty"


def test_at_puts_a_place_in_front() -> None:
    error = BackmapError("is empty", where="cg.gro", hint="Look.").at("run.yaml: steps[1].read")
    assert str(error) == "run.yaml: steps[1].read: cg.gro: is empty. Look."
    assert str(BackmapError("is empty").at("cg.gro")) == "cg.gro: is empty"
