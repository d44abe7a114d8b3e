"""One result, however frames are shared out and wherever a run is stopped: every step that ships, at once."""
from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backmap.testing import check_run
from backmap.testing.runs import expect_same, outcome
from tests import everything

WEIGHTS = "octane_350K.safetensors"
KILLS = 10  #: of each recipe; with three recipes and frames in one process and in two these are forty


def test_windows_threads_processes_parts_and_stops(tmp_path: Path) -> None:
    recipe = everything.written(tmp_path, everything.FRAMES, WEIGHTS)
    check_run(recipe, tmp_path, windows=(2,), threads=(2,), processes=(2,), parts=2, frames="0:3")  # else one window


def command(recipe: Path, folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "backmap", "run", str(recipe), "--output", str(folder), *more]


@pytest.mark.slow
@pytest.mark.parametrize(("text", "more"), [
    (everything.FRAMES, ["--set", "window=1"]), (everything.FRAMES, ["--set", "window=1", "-np", "2"]),
    (everything.TRAINING, []), (everything.SAMPLING, [])], ids=["frames", "processes", "training", "sampling"])
def test_killed_at_any_moment(text: str, more: list[str], tmp_path: Path) -> None:
    recipe = everything.written(tmp_path, text, WEIGHTS)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    subprocess.run(command(recipe, tmp_path / "whole", *more), check=True, capture_output=True, env=environment)
    lasts = time.monotonic() - began
    expected, moments, reached = outcome(tmp_path / "whole"), random.Random(4), []
    attempts, arguments = itertools.count(), [*more, "--resume"]
    while len(reached) < KILLS:
        folder = tmp_path / f"killed-{next(attempts)}"
        began = time.monotonic()
        process = subprocess.Popen(command(recipe, folder, *arguments), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=environment)
        try:
            process.wait(moments.uniform(0.2, 1.0) * lasts)
            lasts = time.monotonic() - began  # it came to its end: the first run also compiled, or the machine was busy
            continue
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        progress = folder / "progress.json"
        reached.append(json.loads(progress.read_text())["n_frames"] if progress.exists() else "none or all")
        subprocess.run(command(recipe, folder, *arguments), check=True, capture_output=True, env=environment)
        expect_same(outcome(folder), expected, f"kill {len(reached)}, with {reached[-1]} frames done")
    print(f"\nframes done when it was killed: {reached}")
