"""Bars of the work of single steps: one on a terminal, lines now and then elsewhere, nothing where it is quiet."""
from __future__ import annotations

import io
from pathlib import Path

import pytest
from backmap_plugins.learning.bar import LossBar
from rich.console import Console

from backmap.api import State
from backmap.running.display import Display


def console(**options: bool) -> Console:
    return Console(file=io.StringIO(), width=120, highlight=False, **options)


def work(display: Display) -> str:
    """A training of three steps and a sampling, and what was written of them."""
    with display.working("training", 3, "steps", 1) as bar:
        shown = LossBar(bar, 1)
        shown.step(2, 0.25)
        shown.validated([0.5, 0.125], "step 2: a [line]")
        shown.step(3, 0.125)
    with display.working("latent") as bar:
        bar.at(0.5)
        display.log("meanwhile")
    return display.console.file.getvalue()


def test_a_terminal_shows_a_bar_and_no_lines_of_it() -> None:
    text = work(Display(console(force_terminal=True)))
    for shown in ("training", "3/3 steps", "loss 0.125  validation 0.500 0.125", "latent", "50 %", "meanwhile"):
        assert shown in text
    assert "[line]" not in text


def test_elsewhere_there_are_lines() -> None:
    assert work(Display(console())) == "step 2: a [line]\nmeanwhile\n"
    assert work(Display(console(), interval=0.0)).splitlines() == [
        "training: 1/3 steps  loss nan  validation -", "training: 2/3 steps  loss 0.250  validation -",
        "step 2: a [line]", "training: 2/3 steps  loss 0.250  validation 0.500 0.125",
        "training: 3/3 steps  loss 0.125  validation 0.500 0.125", "latent: 50 %", "meanwhile"]


def test_where_it_is_quiet_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert work(Display(console(quiet=True))) == ""
    state = State(Path(), Path(), 1, "cpu")
    with state.working("training", 3, "steps") as bar:
        bar.at(2, "loss 1")
        bar.tell("a line")
    assert capsys.readouterr() == ("", "")


def test_there_is_room_for_one_bar() -> None:
    display = Display(console(force_terminal=True))
    with display, display.working("outer") as outer:
        outer.at(0.25)
        with display.working("inner") as inner:
            inner.at(0.5)
        outer.at(0.75)
    text = display.console.file.getvalue()
    assert "75 %" in text
    assert "inner" not in text


def test_a_bar_that_ends_in_an_error_makes_room_for_the_next() -> None:
    display = Display(console(force_terminal=True))
    with pytest.raises(ValueError, match="diverged"), display.working("training", 3, "steps"):
        raise ValueError("diverged")
    with display:
        display.begin(10, 1000)
        display.advance(10)
    assert "10/10 frames" in display.console.file.getvalue()
