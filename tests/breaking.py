"""Ways to break the files of a run, and what must come of each: one line that says what is wrong."""
from __future__ import annotations

import re
import shutil
import signal
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from backmap.commands import cli

DEMO = Path(__file__).parents[1] / "recipes" / "octane"
Break = Callable[[Path], None]
#: What is wrong, how to make it so, more arguments, the printed line after "backmap: "; "..." is anything.
Row = tuple[str, Break, tuple[str, ...], str]


def replace(name: str, old: str, new: str, count: int = -1) -> Break:
    """Text of a file replaced."""

    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, count))

    return change


def lines(name: str, change: Callable[[list[str]], list[str]]) -> Break:
    """The lines of a file changed; every line ends in a newline."""
    return lambda folder: (folder / name).write_text("".join(
        change((folder / name).read_text().splitlines(keepends=True))))


def content(name: str, data: bytes) -> Break:
    return lambda folder: (folder / name).write_bytes(data)


def bytes_of(name: str, change: Callable[[bytes], bytes]) -> Break:
    """Another content of a file."""
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def poked(name: str, at: int, word: int | float) -> Break:
    """Another word of four bytes at a place of a file, the highest byte first."""
    data = struct.pack(">i" if isinstance(word, int) else ">f", word)
    return bytes_of(name, lambda old: old[:at] + data + old[at + 4:])


def recoded(name: str, encoding: str) -> Break:
    """A text in another encoding."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_text().encode(encoding))


def half(name: str) -> Break:
    """A file cut in the middle."""

    def change(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:len(data) // 2])

    return change


def remove(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def found(name: str, text: str) -> Break:
    """A file that stands in the output folder already."""

    def change(folder: Path) -> None:
        (folder / "out").mkdir()
        (folder / "out" / name).write_text(text)

    return change


def folder_at(name: str) -> Break:
    """A folder in the place of a file."""

    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir(parents=True)

    return change


def link(name: str, target: str) -> Break:
    """A link in the place of a file."""

    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return change


def in_turn(*changes: Break) -> Break:
    """One change after the other."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def nothing(folder: Path) -> None:
    """All files as they are shipped."""


def columns(line: str, start: int, text: str) -> str:
    """A line of .gro with a coordinate replaced."""
    return line[:start] + f"{text:>8}" + line[start + 8:]


def put(option: str) -> tuple[str, str]:
    return "--set", f"steps.{option}"


def run(folder: Path, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``backmap`` in a folder."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
    finally:
        signal.signal(signal.SIGTERM, before)
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err.replace(f"{folder}/", "")


def check_one_line(folder: Path, words: Sequence[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints this line and exits with 2; the folder, in which it runs, holds no half of a result."""
    before = contents(folder)
    code, out, err = run(folder, *words, capsys=capsys)
    *log, line = err.splitlines()
    assert code == 2, err
    assert out == ""
    assert re.fullmatch(re.escape(f"backmap: {expected}").replace(r"\.\.\.", ".*"), line), line
    # What the first steps say, and how far frames have come where that takes a while.
    first = re.compile(r".* atoms, .*|.*: \d+ beads|.* to \d+ beads|.* placed on their beads|force field: .*"
                       r"|warning: .*"
                       r"|compiling.*|.*: beads are held by .*|\d+/\d+ frames, .*"
                       r"|.*: its atoms are taken for beads .*|.*: isomer: .*")
    assert all(first.fullmatch(text) for text in log), err
    after = contents(folder)
    assert {name: after.get(name) for name in before} == before
    new = {name for name in after if name not in before}
    assert all(re.fullmatch(r"out/(.*\.part|progress\.json|progress\.\d+\.npz)", name) for name in new), new
    assert not new or "out/progress.json" in new, new  # what is left can be resumed


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def one_line(table: Sequence[Row], inputs: Sequence[str], recipe: str, *more: Break) -> Callable[..., None]:
    """A test of every row of a table.

    Args:
        table: What is wrong, and so on.
        inputs: Files of the demo that lie beside the recipe.
        recipe: The recipe, run.yaml.
        more: Done to the folder before each row breaks something.
    """

    @pytest.mark.parametrize(("change", "arguments", "expected"), [
        pytest.param(*row, id=name) for name, *row in table])
    def test_one_line(change: Break, arguments: tuple[str, ...], expected: str, tmp_path: Path,
                      monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        for name in inputs:
            shutil.copyfile(DEMO / name, tmp_path / name)
        (tmp_path / "run.yaml").write_text(recipe)
        in_turn(*more, change)(tmp_path)
        monkeypatch.chdir(tmp_path)
        check_one_line(tmp_path, ["run", "run.yaml", "--output", "out", *arguments], expected, capsys)

    return test_one_line
