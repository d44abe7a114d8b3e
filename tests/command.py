"""The command in this process: a new one takes seconds to import torch and the plugins, so that only those tests start
one that kill it, or look at how it starts."""
from __future__ import annotations

import contextlib
import io
import signal
from typing import NamedTuple

import pytest

from backmap.commands import cli


class Done(NamedTuple):
    """Exit code of a command, and what it printed."""

    code: int
    out: str
    err: str


def call(*arguments: object) -> Done:
    """The command ``backmap`` with these arguments, to its end."""
    before, out, err = signal.getsignal(signal.SIGTERM), io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
    finally:
        signal.signal(signal.SIGTERM, before)
    return Done(stop.value.code or 0, out.getvalue(), err.getvalue())


def succeed(*arguments: object) -> str:
    """What a command prints, which must come to a good end."""
    done = call(*arguments)
    assert done.code == 0, done.err
    return done.out + done.err
