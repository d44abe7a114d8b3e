"""What the user sees while a run goes on."""
from __future__ import annotations

import pytest
import rich.console

from backmap.running import display as shown
from backmap.running.display import Display


def test_a_notebook_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as Jupyter sets it
    with Display() as display:
        display.begin(3, 10)
        display.log("a line")
        display.advance(3)
    assert capsys.readouterr().err == "a line\n"


def test_time_left_counts_what_this_run_has_done(monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    monkeypatch.setattr(shown.compiling, "clock", lambda: now[0])
    with Display(interval=-1.0) as display:
        display.begin(3, 100, done=1)
        now[0] = 10.0
        display.within(0.9, before=0.7)  # 0.2 of a frame in 10 s
        display.advance(1)  # 0.3 of a frame
        now[0] = 15.0
        display.within(0.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["1/3 frames, 2 atoms/s, 55 s left", "2/3 frames, 3 atoms/s, 33 s left",
                     "2/3 frames, 2 atoms/s, 50 s left"]
