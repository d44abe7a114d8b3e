"""What the user sees while a run goes on."""
from __future__ import annotations

import io
import itertools
import sys
import time
import types

import pytest
import rich.console

from backmap.running import bars
from backmap.running import display as shown
from backmap.running.display import Display, Once
from backmap.running.pace import Whereabouts


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, s."""
    now = [0.0]
    monkeypatch.setattr(shown.compiling, "clock", lambda: now[0])
    return now


def test_a_notebook_gets_plain_lines_and_one_that_changes(now: list[float], monkeypatch: pytest.MonkeyPatch,
                                                          capsys: pytest.CaptureFixture[str]) -> None:
    changed: list[str] = []

    class Line:
        def update(self, content: dict[str, str], raw: bool) -> None:
            changed.append(content["text/plain"])

    def show(content: dict[str, str], raw: bool, display_id: bool) -> Line:
        Line().update(content, raw)
        return Line()

    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=show))
    monkeypatch.setattr(bars, "BLINK", -1.0)
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as Jupyter sets it
    with Display() as display:
        display.begin(3, 10)
        display.log("a line")
        display.within(Whereabouts(1.5, known=False, doing="gibbs: repair"))
        now[0] = 15.0
        display.advance(3)
    assert capsys.readouterr() == ("a line\n", "")
    assert changed == ["0/3 frames", "0/3 frames, gibbs: repair, 0:00:00", "3/3 frames, 2 atoms/s, 0:00:00 left", ""]


def test_a_notebook_is_told_more_while_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is being compiled says nothing for a minute, and the line goes on all the same, until the end."""
    told: list[str] = []
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(
        display=lambda content, raw, display_id: types.SimpleNamespace(
            update=lambda content, raw: told.append(content["text/plain"]))))
    monkeypatch.setattr(bars, "BEAT", 0.01)
    line, counted = bars._Changing("begun"), itertools.count()
    line.show(0.5, "", lambda: f"compiling {next(counted)}")
    end = time.monotonic() + 10.0
    while "compiling 2" not in told and time.monotonic() < end:
        time.sleep(0.01)
    line.stop()
    before = list(told)
    time.sleep(0.05)
    assert "compiling 2" in told
    assert told == before
    assert told[-1] == ""


def test_time_left_counts_what_this_run_has_done(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Display(interval=-1.0) as display:
        display.begin(3, 100, done=1)
        now[0] = 10.0
        display.within(Whereabouts(0.9, before=0.7))  # 0.2 of a frame in 10 s
        display.advance(1)  # 0.3 of a frame
        now[0] = 15.0
        display.within(Whereabouts())
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["1/3 frames, 2 atoms/s, 0:00:55 left", "2/3 frames, 3 atoms/s, 0:00:33 left",
                     "2/3 frames, 2 atoms/s, 0:00:50 left"]


def test_what_nobody_knows_yet_is_not_told(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Display(interval=-1.0) as display:
        display.begin(2, 100)
        now[0] = 70.0
        display.within(Whereabouts(0.5, known=False, doing="gibbs: sweep 2 of 3"))
    assert capsys.readouterr().err == "0/2 frames, gibbs: sweep 2 of 3, 0:01:10\n"


def test_what_is_compiled_is_no_slow_work(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with Display(interval=-1.0) as display:
        display.begin(2, 100)
        monkeypatch.setattr(shown.compiling, "going", lambda: True)
        monkeypatch.setattr(shown.compiling, "seconds", lambda: display._compiled + 12.0)
        display.within(Whereabouts(0.5, doing="gibbs: 50%"))
    assert capsys.readouterr().err == "0/2 frames, gibbs: 50%, compiling, 0:00:12\n"


def test_the_bar_fits_a_terminal(now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    console = rich.console.Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    with Display(console) as display:
        display.begin(10, 12345, done=3)
        now[0] = 1000.0
        display.within(Whereabouts(0.5, doing="hamiltonian: sweep 12 of 24"))
    assert "3/10 frames, hamiltonian: sweep 12 of 24 6.17 atoms/s, 3:36:40 left" in console.file.getvalue()


def test_what_was_said_when_steps_began_is_not_said_again() -> None:
    lines: list[object] = []
    log = Once(lines.append)
    for line in ("64 OCT", "force field", "64 OCT", "note"):
        log(line)
    assert lines == ["64 OCT", "force field", "note"]
