"""Compiled functions: kept by all that they follow from, wherever there is room, and parts of one another."""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import pytest

from backmap.engine.compiling import clock as compiling
from backmap.engine.compiling import compiled as compiled_module
from backmap.engine.compiling import kept
from backmap.engine.compiling.compiled import borrowing, compiled, part

ROOT = Path(__file__).parents[4]
DAY = 86400

CALLEE = """
from backmap.engine.compiling.compiled import part
@part
def scaled(x):
    return 2.0 * x
"""
CALLER = """
from backmap.engine.compiling.compiled import compiled
from .callee import scaled
@compiled
def both(x):
    return scaled(x) + scaled(1.0)
"""
CHILD = """
from backmap.engine.compiling import clock as compiling
from house.caller import both
print(both(1.0), compiling.seconds() > 0)
"""

Run = Callable[..., str]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A package of two modules, one of which calls the other."""
    folder = tmp_path / "house"
    folder.mkdir()
    for name, content in (("__init__.py", ""), ("callee.py", CALLEE), ("caller.py", CALLER)):
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def run(house: Path, tmp_path: Path) -> Run:
    """Calls the package in a process of its own: what came out, and whether anything was compiled for it."""
    bare = {key: value for key, value in os.environ.items()
            if key not in ("HOME", "XDG_CACHE_HOME", "BACKMAP_CACHE", "NUMBA_CACHE_DIR", "TMPDIR")}

    def run_(**environ: object) -> str:
        done = subprocess.run(
            [sys.executable, "-c", CHILD], capture_output=True, text=True, check=False, cwd=tmp_path,
            env=bare | {"PYTHONPATH": f"{ROOT}:{tmp_path}"} | {key: str(value) for key, value in environ.items()})
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run_


def test_what_is_compiled_is_kept_and_a_change_in_another_file_is_seen(run: Run, house: Path, tmp_path: Path) -> None:
    assert run(BACKMAP_CACHE=tmp_path / "cache") == "4.0 True"
    assert run(BACKMAP_CACHE=tmp_path / "cache") == "4.0 False"
    (house / "callee.py").write_text(CALLEE.replace("2.0", "101.0"))
    assert run(BACKMAP_CACHE=tmp_path / "cache") == "202.0 True"
    assert run(BACKMAP_CACHE=tmp_path / "cache") == "202.0 False"


def test_without_a_home_a_private_folder_is_taken(run: Run, house: Path, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    assert [run(TMPDIR=tmp_path / "temporary") for _ in range(2)] == ["4.0 True", "4.0 False"]
    (folder,) = (tmp_path / "temporary").iterdir()
    assert folder.name == f"backmap-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(house.rglob("*.nb?"))  # nothing beside the sources, which may be read-only


def test_without_any_room_it_is_compiled_each_time(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / f"backmap-{os.getuid()}").symlink_to(tmp_path)
    nowhere = {"HOME": tmp_path / "file", "TMPDIR": tmp_path}
    assert [run(**nowhere) for _ in range(2)] == ["4.0 True", "4.0 True"]


def test_damaged_files_are_compiled_anew(run: Run, tmp_path: Path) -> None:
    run(BACKMAP_CACHE=tmp_path)
    files = list(tmp_path.glob("compiled-*/*/*.nb?"))
    assert len(files) == 2  # index and code of what Python calls; its part is in it
    for file in files:
        file.write_bytes(file.read_bytes()[:-20])
    assert [run(BACKMAP_CACHE=tmp_path) for _ in range(2)] == ["4.0 True", "4.0 False"]


def test_the_best_folder_that_can_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = ("BACKMAP_CACHE", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME")
    environ = {name: str(tmp_path / name) for name in names}
    best = [tmp_path / "BACKMAP_CACHE", tmp_path / "NUMBA_CACHE_DIR", tmp_path / "XDG_CACHE_HOME" / "backmap",
            tmp_path / "HOME" / ".cache" / "backmap", tmp_path / f"backmap-{os.getuid()}"]
    assert list(kept.bases(environ)) == best
    (tmp_path / "file").touch()
    environ |= dict.fromkeys(names[::2], str(tmp_path / "file" / "below"))
    assert list(kept.bases(environ)) == best[1::2] + best[4:]
    assert list(kept.bases({})) == best[4:]


def test_a_folder_that_others_can_write_to_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"backmap-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o770)
    assert not list(kept.bases({}))
    folder.chmod(0o700)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    folder.rename(tmp_path / f"backmap-{os.getuid()}")
    assert not list(kept.bases({}))


def test_what_was_not_used_for_a_month_is_removed(tmp_path: Path) -> None:
    for name, days in (("compiled-old", 31), ("compiled-recent", 29), ("mine", 99), ("compiled-here", 99)):
        (tmp_path / name / "module").mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - days * DAY,) * 2)
    kept.prepared(tmp_path, kept.COMPILED, "here")
    assert len(list(tmp_path.iterdir())) == 4
    kept.prepared(tmp_path, kept.COMPILED, "new")
    assert {path.name for path in tmp_path.iterdir()} == {"compiled-recent", "compiled-here", "compiled-new", "mine"}


@part
def _ratio(x: float, y: float) -> float:
    return x / y


@compiled
def _ratios(x: float, y: float) -> float:
    return _ratio(x, y) + _ratio(y, x)


def test_a_part_can_be_called_and_fails_as_it_should() -> None:
    assert _ratios(1.0, 2.0) == 2.5
    assert _ratio(1.0, 2.0) == 0.5
    with pytest.raises(ZeroDivisionError):
        _ratios(1.0, 0.0)


def test_the_clock_stands_still_while_functions_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    now, said = [100.0], []
    monkeypatch.setattr(compiling.time, "monotonic", lambda: now[0])
    clock, seconds = compiling.clock(), compiling.seconds()
    compiling.on_first(lambda: said.append("once"))
    for outermost in (True, False):
        assert compiling.begun() is outermost
        now[0] += 2.0
    assert compiling.clock() == clock
    assert [compiling.ended(), compiling.ended()] == [False, True]
    now[0] += 1.0
    assert (compiling.clock() - clock, compiling.seconds() - seconds) == (1.0, 4.0)
    assert said == ["once"]


@pytest.mark.parametrize("versions", [compiled_module.TRIED, ()], ids=["this version of numba", "one not tried"])
def test_parts_come_to_the_same_with_any_numba(versions: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_module, "TRIED", versions)

    @compiled_module.part(fastmath={"reassoc"})
    def square(x: float) -> float:
        return x * x

    @compiled_module.part
    def sums(values: np.ndarray) -> float:
        total = 0.0
        for value in values:
            total += square(value)
        return total

    @compiled_module.compiled(nogil=True)
    def whole(values: np.ndarray) -> float:
        return sums(values) + 1.0

    values = np.arange(5.0)
    assert whole(values) == 31.0
    assert sums(values) == 30.0, "a part can be called by itself"


class Pair(NamedTuple):
    one: np.ndarray
    other: np.ndarray


@borrowing
def _first(pair: Pair, n: int) -> float:
    return pair.one[n] + pair.other[:][n]


@compiled
def _sum(pair: Pair) -> float:
    total = 0.0
    for n in range(len(pair.one)):
        total += _first(pair, n)
    return total


def test_who_borrows_arrays_leaves_them_to_their_owners() -> None:
    pair = Pair(np.arange(4.0), np.ones(4))
    counts = [sys.getrefcount(array) for array in pair]
    assert [_sum(pair) for _ in range(100)] == [10.0] * 100
    assert [sys.getrefcount(array) for array in pair] == counts


def test_who_borrows_arrays_cannot_hand_them_out() -> None:
    @borrowing
    def handed_out(values: np.ndarray) -> np.ndarray:
        return values

    @compiled
    def caller(values: np.ndarray) -> float:
        return handed_out(values)[0]

    with pytest.raises(Exception, match="hands out an array that nobody has counted"):
        caller(np.zeros(1))


def test_who_borrows_arrays_cannot_be_handed_any() -> None:
    @part
    def made(n: int) -> np.ndarray:
        return np.ones(n)

    @borrowing
    def borrower(n: int) -> float:
        return made(n)[0]

    @compiled
    def caller(n: int) -> float:
        return borrower(n)

    with pytest.raises(Exception, match="hands out an array that nobody has counted, or calls what does"):
        caller(2)


def test_who_borrows_arrays_cannot_make_any() -> None:
    @borrowing
    def made(n: int) -> float:
        return np.zeros(n)[0]

    @compiled
    def caller(n: int) -> float:
        return made(n)

    with pytest.raises(numba.core.errors.NumbaError):
        caller(2)
