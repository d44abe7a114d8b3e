"""What the user sees while a run goes on."""
from __future__ import annotations

import pytest
import rich.console

from backmap.running.display import Display


def test_a_notebook_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as Jupyter sets it
    with Display() as display:
        display.begin(3, 10)
        display.log("a line")
        display.advance(3)
    assert capsys.readouterr().err == "a line\n"
