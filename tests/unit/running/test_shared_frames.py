"""Frames shared out among processes and parts: the same bytes, and what is counted is that of the whole run."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backmap import session
from backmap.errors import BackmapError
from backmap.running.parts import bounds

from ..conftest import TOY
from .test_runner import WHOLE

Write = Callable[..., Path]
TIMES = {"seconds", "seconds_by_step", "atoms_per_second", "processes", "overrides"}


@pytest.fixture
def run(write_recipe: Write) -> Callable[..., session.Result]:
    def run_(path: Path, **options: object) -> session.Result:
        return session.run(path, plugins=[TOY], **options)

    return run_


def told(folder: Path) -> dict:
    """What run.json says, without times."""
    return {key: value for key, value in json.loads((folder / "run.json").read_text()).items() if key not in TIMES}


@pytest.fixture
def whole(run: Callable, write_recipe: Write) -> tuple[Path, dict]:
    """A recipe of five windows, and what a run in one piece told."""
    path = write_recipe(("window: 2", "window: 1"), ("- toy_place", "- toy_place: {clashes: 1}"))
    return path, told(run(path, force=True).output)


def test_processes_write_the_same(whole: tuple[Path, dict], run: Callable) -> None:
    path, expected = whole
    result = run(path, processes=2, force=True)
    assert (result.output / "sums.txt").read_text() == WHOLE
    assert told(result.output) == expected


@pytest.mark.parametrize("count", [1, 2, 7])
def test_parts_are_the_run_of_one_piece(whole: tuple[Path, dict], run: Callable, count: int) -> None:
    path, expected = whole
    out = path.parent / "parts"
    for number in range(count, 0, -1):  # in any order
        result = run(path, part=(number, count), output=out)
        assert not (result.output / "run.json").exists()
    result = session.merge(out)
    assert (out / "sums.txt").read_text() == WHOLE
    found = told(out)
    assert {**found, "text": ""} == {**expected, "text": ""}
    assert result.record["warnings"] == {"clash": 5}
    assert result.system.n_atoms == 6


def test_parts_can_be_stopped_and_resumed(whole: tuple[Path, dict], run: Callable) -> None:
    path, _ = whole
    out = path.parent / "parts"
    run(path, part="1/2", output=out)
    with pytest.raises(BackmapError, match=r"part-2-of-2: this part is missing. Run it."):
        session.merge(out)
    with pytest.raises(BackmapError, match=r"part-1-of-2: this part is finished already"):
        run(path, part="1/2", output=out, resume=True)
    slow = {"steps.toy_place": {"clashes": 1, "wait": 0.3}}
    command = [sys.executable, "-m", "backmap", "run", str(path), "--plugin", str(TOY), "--part", "2/2",
               "--output", str(out)]
    assert stopped(command, out / "part-2-of-2" / "progress.json", slow)
    with pytest.raises(BackmapError, match=r"part-2-of-2: this part is not finished: \d frames are done"):
        session.merge(out)
    with pytest.raises(BackmapError, match=r"toy_place.wait was 0.3 and is not there"):
        run(path, part="2/2", output=out, resume=True)
    run(path, part="2/2", output=out, resume=True, set=slow)
    with pytest.raises(BackmapError, match="begun with something else"):  # the first part did not wait
        session.merge(out)
    run(path, part="1/2", output=out, force=True, set=slow)
    session.merge(out)
    assert (out / "sums.txt").read_text() == WHOLE
    with pytest.raises(BackmapError, match="a finished run is here"):
        session.merge(out)


def stopped(command: list[str], progress: Path, changes: dict) -> bool:
    """Kill a run after its first frame; True if it was still going."""
    sets = [word for key, value in changes.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    process = subprocess.Popen([*command, *sets], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up = time.monotonic() + 60
    while not (progress.exists() and json.loads(progress.read_text())["n_frames"] >= 1):
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def test_frames_of_parts() -> None:
    for n_frames in range(12):
        for count in range(1, 9):
            cuts = [bounds(n_frames, number, count) for number in range(1, count + 1)]
            assert [k for first, last in cuts for k in range(first, last)] == list(range(n_frames))
            sizes = [last - first for first, last in cuts]
            assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("part", ["0/2", "3/2", "2", "a/b", "1/2/3", "-1/2"])
def test_what_is_no_part(whole: tuple[Path, dict], run: Callable, part: str) -> None:
    with pytest.raises(BackmapError, match=r"is not a part\. Write 2/8 for the second of eight"):
        run(whole[0], part=part, force=True)


def test_what_was_merged_must_be_of_one_run(whole: tuple[Path, dict], run: Callable, tmp_path: Path) -> None:
    path, _ = whole
    with pytest.raises(BackmapError, match="holds no parts of a run"):
        session.merge(tmp_path)
    out = path.parent / "parts"
    run(path, part="1/2", output=out)
    run(path, part="2/2", output=out, seed=9)
    with pytest.raises(BackmapError, match="begun with something else: the seed was 9 and is 7"):
        session.merge(out)
    run(path, part="1/3", output=out)
    with pytest.raises(BackmapError, match=r"holds parts of 2 and of 3\. Remove those of another run"):
        session.merge(out)


def test_damaged_parts_are_told(whole: tuple[Path, dict], run: Callable) -> None:
    path, _ = whole
    out = path.parent / "parts"
    for number in (1, 2):
        run(path, part=(number, 2), output=out)
    memory = out / "part-1-of-2" / "progress.2.npz"
    data = memory.read_bytes()
    memory.write_bytes(data[:50])
    with pytest.raises(BackmapError, match=r"progress.2.npz: is missing or damaged. Run this part again"):
        session.merge(out)
    memory.write_bytes(data)
    part = out / "part-2-of-2" / "sums.txt.part"
    part.write_text(part.read_text()[:-3])
    with pytest.raises(BackmapError, match=r"sums.txt.part: is missing or shorter than it was"):
        session.merge(out)
    assert not (out / "sums.txt").exists()
    assert not (out / "sums.txt.part").exists()


def test_a_process_that_is_killed_is_told(whole: tuple[Path, dict], run: Callable) -> None:
    path, _ = whole
    command = [sys.executable, "-m", "backmap", "run", str(path), "--plugin", str(TOY), "-np", "2", "--force",
               "--set", "steps.toy_place={clashes: 1, wait: 0.3}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child = None
    while child is None and process.poll() is None:
        child = next((pid for pid in children(process.pid) if b"spawn_main" in cmdline(pid)), None)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "one of the processes of the run came to an end by itself" in error
    run(path, resume=True, set={"steps.toy_place": {"clashes": 1, "wait": 0.3}})
    assert (path.parent / "out" / "sums.txt").read_text() == WHOLE


def test_no_process_outlives_the_run(whole: tuple[Path, dict]) -> None:
    path, _ = whole
    command = [sys.executable, "-m", "backmap", "run", str(path), "--plugin", str(TOY), "-np", "2", "--force",
               "--set", "steps.toy_place={clashes: 1, wait: 0.5}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found: list[int] = []
    while len(found) < 2 and process.poll() is None:
        found = [pid for pid in children(process.pid) if b"spawn_main" in cmdline(pid)]
        time.sleep(0.05)
    process.kill()
    process.wait()
    give_up = time.monotonic() + 60
    while any(b"spawn_main" in cmdline(pid) for pid in found):
        assert time.monotonic() < give_up
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(("words", "expected"), [
    ("mine", r"run.yaml: steps\[2\].toy_break: data.xyz:3: wrong. Mend it."), ("boom", "ValueError: boom")])
def test_what_goes_wrong_in_a_process_is_told_here(whole: tuple[Path, dict], run: Callable, words: str,
                                                   expected: str) -> None:
    path, _ = whole
    text = path.read_text().replace("- toy_place: {clashes: 1}", f"- toy_break: {words}\n  - toy_place")
    path.write_text(text)
    with pytest.raises((BackmapError, RuntimeError), match=expected):
        run(path, processes=2, force=True)
