"""Replicas: draws of the same frames one after the other, each a trajectory of its own, however they are shared out."""
from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from backmap import session
from backmap.engine.random import seed_of
from backmap.errors import BackmapError
from backmap.running.display import Display
from backmap.running.pipeline import Desk, Portion
from backmap.testing import check_run

from ..conftest import TOY

Write = Callable[..., Path]


@pytest.fixture
def path(write_recipe: Write) -> Path:
    """Five frames whose atoms are drawn, in windows of two."""
    return write_recipe(("- toy_place", "- toy_place: {scatter: 0.1}"))


@pytest.fixture
def judged(write_recipe: Write) -> Path:
    """The same, judged beside true atoms and other draws."""
    return write_recipe(
        ("{toy: 5}", "{toy: 5}, reference: {toy: {points: 6}}"),
        ("- toy_place", """- toy_place: {scatter: 0.1}
  - assess: {assessors: toy_place_of, compare_with: {wide: {toy_place: {scatter: 0.5}}}}"""),
        ("{toy: sums.txt}", "{toy: sums.txt}, report: [report.html, report.json]"), name="judged.yaml")


@pytest.fixture
def run(path: Path) -> Callable[..., session.Result]:
    def run_(name: str, replicas: int | None = None, replica: int | None = None,
             **options: object) -> session.Result:
        chosen = {name: value for name, value in (("replicas", replicas), ("replica", replica)) if value is not None}
        options["set"] = chosen | options.get("set", {})
        return session.run(options.pop("path", path), plugins=[TOY], output=path.parent / name, **options)

    return run_


def test_the_first_replica_is_the_run_without_and_each_is_its_own(run: Callable) -> None:
    plain, three, alone = run("plain"), run("three", 3), run("alone", replica=2)
    names = ["sums.txt", "sums.replica1.txt", "sums.replica2.txt"]
    assert [file.name for file in three.files] == names
    texts = [file.read_text() for file in three.files]
    assert texts[0] == (plain.output / "sums.txt").read_text()
    assert [file.name for file in alone.files] == names[2:]
    assert texts[2] == alone.files[0].read_text()
    for text in texts:  # each has its own head, and the frames of the beads
        assert [line.split()[0] for line in text.splitlines()] == ["frame", *"01234"]
    sums = np.array([[float(line.split()[1]) for line in text.splitlines()[1:]] for text in texts])
    assert len(np.unique(sums)) == 15


def test_a_replica_does_not_depend_on_how_many_there_are(run: Callable) -> None:
    eight, alone = run("eight", 8), run("alone", 2, 3)  # the fourth, whatever 'replicas' says
    assert (eight.output / "sums.replica3.txt").read_text() == alone.files[0].read_text()


# The reference of ``judged`` has other atoms than the beads, which a look at them before a run would not let pass.

def test_shared_out_in_every_way(path: Path, judged: Path) -> None:
    check_run(judged, path.parent / "ways", plugins=[TOY], windows=(1, 4), processes=(2,), parts=4,
              set={"replicas": 3}, check=False)
    check_run(path, path.parent / "alone", plugins=[TOY], windows=(3,), processes=(2,), parts=2, set={"replica": 2},
              frames="4,0:3")


def test_all_replicas_are_judged_and_the_reference_once(run: Callable, judged: Path) -> None:
    both, *apart = (run(name, path=judged, check=False, **which).judgement for name, which in (
        ("both", {"replicas": 2}), ("first", {}), ("second", {"replica": 1})))
    assert both.n_frames == {"reference": 5, "backmap": 10, "wide": 10}
    assert [one.n_frames for one in apart] == [{"reference": 5, "backmap": 5, "wide": 5}] * 2
    for label in ("backmap", "wide"):  # also what a branch draws is another in each replica
        mean, first, second = (one.by_trajectory[label]["toy_place_of"].figures[0].value for one in (both, *apart))
        assert first != second
        assert mean == pytest.approx((first + second) / 2)
    assert len({json.dumps(asdict(one.floor["toy_place_of"].figures[0])) for one in (both, *apart)}) == 1


def test_resumed_with_other_replicas(run: Callable) -> None:
    run("out", 3, part=(1, 2))
    with pytest.raises(BackmapError, match="begun with something else: replicas was 3 and is 2"):
        run("out", 2, part=(1, 2), resume=True)
    with pytest.raises(BackmapError, match="begun with something else: replica was not there and is 1"):
        run("out", 3, 1, part=(1, 2), resume=True)


def test_what_is_told(run: Callable, path: Path) -> None:
    path.write_text(path.read_text().replace("scatter: 0.1", "clashes: 1"))
    said = io.StringIO()
    result = run("out", 3, frames="0:4", display=Display(Console(file=said, width=200)))
    assert "4 frames x 3 replicas in" in said.getvalue()
    record = json.loads((result.output / "run.json").read_text())
    assert (record["n_frames"], record["replicas"], record["warnings"]) == (4, [0, 1, 2], {"clash": 6})
    assert record["flagged"]["clash"] == [f"frame {frame}{replica}: TOY 1 A" for replica in ("", ", replica 1",
                                                                                             ", replica 2")
                                          for frame in (0, 2)]
    assert repr(result).startswith("<Result: 4 frames x 3 replicas of 6 atoms, 6 beads flagged as clash, in ")


def test_names_of_all_replicas_are_claimed_at_the_start(run: Callable, path: Path) -> None:
    (path.parent / "out").mkdir()
    (path.parent / "out" / "sums.replica2.txt").write_text("mine")
    with pytest.raises(BackmapError, match=r"sums.replica2.txt: exists already"):
        run("out", 3)
    path.write_text(path.read_text().replace("{toy: sums.txt}", "[{toy: sums.txt}, {toy: sums.replica1.txt}]"))
    run("one")
    with pytest.raises(BackmapError, match=r"steps\[3\].write: 'sums.replica1.txt' is written twice"):
        run("two", 2)


def test_portions() -> None:
    found = Portion.all_of([7, 3, 5], [0, 4], 2, 0, 6)
    assert found == [Portion([7, 3], 0), Portion([5], 2), Portion([7, 3], 3, 4), Portion([5], 5, 4)]
    for first in range(7):
        for last in range(first, 7):
            some = Portion.all_of([7, 3, 5], [0, 4], 2, first, last)
            places = [portion.first + k for portion in some for k in range(len(portion.numbers))]
            assert places == list(range(first, last))
            assert [number for portion in some for number in portion.numbers] == ([7, 3, 5] * 2)[first:last]
            assert all((portion.first >= 3) == (portion.replica == 4) for portion in some)


def test_files_of_the_desk() -> None:
    claimed, placed = [], []
    desk = Desk([0, 2], claimed.append, lambda path, data: placed.append(path))
    desk.claim(Path("a/atoms.xtc"))
    desk.claim(Path("report.html"), once=True)
    desk.replica = 2
    desk.append(Path("a/atoms.xtc"), b"x")
    desk.place(Path("report.html"), b"y")
    assert [path.as_posix() for path in claimed] == ["a/atoms.xtc", "a/atoms.replica2.xtc", "report.html"]
    assert desk.taken() == [("a/atoms.replica2.xtc", b"x")]
    assert placed == [Path("report.html")]


def test_seeds_of_replicas() -> None:
    assert seed_of(7, 0) == 7
    seeds = {seed_of(seed, replica) for seed in range(20) for replica in range(20)}
    assert len(seeds) == 400
    assert all(0 <= seed < 1 << 63 for seed in seeds)
