"""Output that is whole at every moment: files grow as ``NAME.part`` and count window by window.

``progress.json`` says what the run is, how many frames are whole and how many bytes of each file belong to them. What
the steps remember stands in ``progress.<frames>.npz``, written before the JSON counts its frames. Whatever stops a run,
the bytes up to that count are on disk; a resumed run cuts off the rest and goes on. At the end the files get their
names and the JSON goes.
"""
from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import BackmapError
from .halfway import Halfway
from .identity import Identity
from .tuning import TUNED

PROGRESS, REPORT = "progress.json", "run.json"

#: Files that come and go with the progress of a run, but for the JSON itself.
_OURS = re.compile(r"progress\.\d+\.npz(\.new)?|progress\.json\.new")

#: Memories above this size, bytes, are not written after every window, but so that writing takes a small share of the
#: time: 1 / ``PATIENCE``.
BURDEN, PATIENCE = 2**20, 20


class Ledger:
    """The growing files of one run.

    Args:
        folder: The output folder; it is made.
        identity: What the run is.
        resume: Go on where an unfinished run of the same identity stopped, if there is one.
        force: Overwrite what is there.

    Attributes:
        n_frames: Frames that are whole on disk.
        notes: What the runner keeps with the count (seconds spent).
        halfway: Keeps the large frame that is at work.
        resumed: An unfinished run of this identity goes on.
        finished: A run of this identity has come to its end before, and is to be resumed.

    Raises:
        BackmapError: If results would be overwritten, or another run would be resumed.
    """

    def __init__(self, folder: Path, identity: Identity, *, resume: bool = False, force: bool = False) -> None:
        self.folder, self.identity = folder, identity
        self._files: dict[str, BinaryIO] = {}
        self._needless: set[str] = set()  #: of these, those that are not to be
        self._read_by_run: set[tuple[int, int]] = set()
        self._make_folder()
        self._lock = _locked(folder)
        try:
            recorded, report = self._read(PROGRESS), self._read(REPORT)
            if not force:
                self._refuse_to_overwrite(recorded, report, resume)
            if resume and (recorded or (report and not force)):
                identity.expect(Identity.of_json(recorded.get("identity") if recorded else report), folder)
        except BackmapError:
            self.stop()
            raise
        self._recorded = recorded if resume else {}
        self.resumed = bool(self._recorded)
        self.finished = resume and bool(report) and not recorded and not force
        self.halfway = Halfway(folder)
        if not self._recorded:
            (folder / PROGRESS).unlink(missing_ok=True)
            self._forget()
            self.halfway.forget()
        self._begun = self.resumed
        self.force = force or self._recorded.get("force", False)
        self.n_frames: int = self._recorded.get("n_frames", 0)
        self.notes: dict[str, Any] = self._recorded.get("notes", {})
        self._sizes: dict[str, int] = dict(self._recorded.get("sizes", {}))
        self._whole = self.n_frames  # frames that are whole, whether or not the JSON says so yet
        self._written, self._took = -float("inf"), 0.0

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.folder).close()
        except OSError as error:
            raise BackmapError(f"cannot write to the output folder: {error.strerror}", where=self.folder,
                               hint="Choose another with --output.") from None

    def _refuse_to_overwrite(self, recorded: dict[str, Any], report: dict[str, Any], resume: bool) -> None:
        if recorded and not resume:
            raise BackmapError(f"an unfinished run is here, with {recorded['n_frames']} frames done", where=self.folder,
                               hint="Go on with --resume, start again with --force, or choose another --output.")
        if report and not resume:
            raise BackmapError("a finished run is here", where=self.folder,
                               hint="Choose another folder with --output, or overwrite it with --force.")

    @property
    def names(self) -> list[str]:
        """The files of the run, relative to the folder."""
        return [name for name in self._files if name not in self._needless]

    # What the run reads

    def reads(self, paths: Iterable[Path]) -> None:
        """Note files that the run reads, so that it does not write over them.

        Raises:
            BackmapError: If it is to write one of them.
        """
        for path in paths:
            self._read_by_run.add(_inode(path))
            for name in self._files:
                self._expect_unread(self.folder / name)

    def also_reads(self, paths: Sequence[Path]) -> None:
        """Note files that only a step that has started can know of: they belong to what the run is.

        Raises:
            BackmapError: If the run that is resumed read other ones, or it is to write one of them.
        """
        self.reads(paths)
        found = self.identity.include(paths)
        if self.resumed:
            known = self._recorded["identity"]["inputs"]
            new = next((name for name, signature in found.items() if known.get(name) != signature), None)
            if new is not None:
                self.identity.expect(Identity.of_json(self._recorded["identity"]), self.folder)

    def _expect_unread(self, path: Path) -> None:
        if _inode(path) in self._read_by_run:
            raise BackmapError("is read by this run and would be written over", where=path,
                               hint="Choose another folder with --output.")

    # Files that grow

    def release(self) -> None:
        """Forget what was claimed, for steps that start once more before the first frame."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def claim(self, path: Path) -> None:
        """Open an output file, truncated to the bytes that were committed; see ``api.OutputFiles``.

        Raises:
            BackmapError: If the file exists already, is written twice, is an input of the run, or belongs to an
                unfinished run and is gone.
        """
        name, final = path.as_posix(), self.folder / path
        part = _part(final)
        if name in self._files or name in (PROGRESS, REPORT, TUNED):
            raise BackmapError(f"'{name}' is written twice", hint="Give every file its own name.")
        self._expect_unread(final)
        if self.resumed and final.exists() and not part.exists():
            os.replace(final, part)  # the run was stopped while it gave its files their names
        if final.exists() and not self.force:
            raise BackmapError("exists already", where=final,
                               hint="Choose another folder with --output, or overwrite it with --force.")
        if self.n_frames and not part.exists():
            raise BackmapError("this file of the unfinished run is gone", where=part, hint="Start again with --force.")
        final.parent.mkdir(parents=True, exist_ok=True)
        self._files[name] = _opened(part, fresh=not self.n_frames)
        self._cut(name, self._sizes.get(name, 0))

    def append(self, path: Path, data: bytes) -> None:
        """Add bytes; they count from the next ``commit``."""
        self._files[path.as_posix()].write(data)

    def place(self, path: Path, data: bytes | None) -> None:
        """Write a claimed file as a whole; with None it is removed when the run is finished."""
        if data is None:
            self._needless.add(path.as_posix())
            return
        file = self._files[path.as_posix()]
        file.seek(0)
        file.truncate()
        file.write(data)

    def memory(self) -> bytes:
        """What the steps of the run that is resumed remembered at its last commit; nothing of one without frames."""
        path = self._memory(self.n_frames)
        return path.read_bytes() if self.n_frames and path.exists() else b""

    def _memory(self, n_frames: int) -> Path:
        return memory_file(self.folder, n_frames)

    def _forget(self, but: int = -1) -> None:
        """Remove what was remembered, except after ``but`` frames, and what was being written when a run was killed."""
        for path in self.folder.glob("progress.*"):
            if _OURS.fullmatch(path.name) and path != self._memory(but):
                path.unlink()

    def begin(self) -> None:
        """From now on there is something that can be resumed."""
        if not self._begun:
            self.commit(0, b"")

    def commit(self, n_frames: int, memory: bytes, last: bool = False) -> None:
        """From now on ``n_frames`` more frames are whole, of which the steps remember ``memory``.

        What is remembered of long runs may be so much that it is only written now and then; the ``last`` commit is.
        """
        self._whole += n_frames
        if not last and len(memory) > BURDEN and time.monotonic() - self._written < PATIENCE * self._took:
            return
        began = time.monotonic()
        if n_frames:
            self.halfway.forget()
        for name, file in self._files.items():
            file.flush()
            os.fsync(file.fileno())
            self._sizes[name] = file.tell()  # before the JSON says so: `stop` must never cut what it counts
        self.n_frames, self._begun = self._whole, True
        if self.n_frames:
            _replace(self._memory(self.n_frames), memory)
        self._write(PROGRESS, {"identity": self.identity.to_json(), "n_frames": self.n_frames, "sizes": self._sizes,
                               "force": self.force, "notes": self.notes})
        self._forget(but=self.n_frames)
        self._written = time.monotonic()
        self._took = self._written - began

    def stop(self) -> None:
        """Close the files, cut to what counts, and let others write here."""
        for name, file in self._files.items():
            if not file.closed:
                file.truncate(min(self._sizes.get(name, 0), file.seek(0, os.SEEK_END)))
                file.close()
                if not self._begun:  # there is nothing to resume
                    _part(self.folder / name).unlink()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def finish(self, report: dict[str, Any]) -> None:
        """Give the files their names, write ``run.json`` and remove ``progress.json``."""
        for name, file in self._files.items():
            file.close()
            if name not in self._needless:
                os.replace(_part(self.folder / name), self.folder / name)
        self._write(REPORT, {**self.identity.to_json(), **report})
        (self.folder / PROGRESS).unlink(missing_ok=True)
        for name in self._needless:  # now that nothing can be resumed, which would miss them
            _part(self.folder / name).unlink(missing_ok=True)
            (self.folder / name).unlink(missing_ok=True)  # of an earlier run that is overwritten
        self._forget()
        self.halfway.forget()

    def _cut(self, name: str, size: int) -> None:
        file = self._files[name]
        if file.seek(0, os.SEEK_END) < size:
            raise BackmapError(f"is shorter than the {size} bytes that {PROGRESS} counts",
                               where=_part(self.folder / name), hint="Start again with --force.")
        file.truncate(size)
        file.seek(size)
        self._sizes[name] = size

    def _read(self, name: str) -> dict[str, Any]:
        found = record(self.folder / name)
        if name == PROGRESS and found and not (isinstance(found.get("n_frames"), int) and found["n_frames"] >= 0
                                               and isinstance(found.get("notes", {}), dict)
                                               and isinstance(found.get("sizes", {}), dict)):
            raise BackmapError("is damaged", where=self.folder / name, hint="Remove it and start again.")
        return found

    def _write(self, name: str, content: dict[str, Any]) -> None:
        _replace(self.folder / name, json.dumps(content, indent=2).encode())


def memory_file(folder: Path, n_frames: int) -> Path:
    """In which a run keeps what its steps remember of its first frames."""
    return folder / f"progress.{n_frames}.npz"


def record(path: Path) -> dict[str, Any]:
    """A JSON file of a run; empty if it is not there.

    Raises:
        BackmapError: If it is damaged.
    """
    try:
        found = json.loads(path.read_text())
        if isinstance(found, dict):
            return found
    except FileNotFoundError:
        return {}
    except ValueError:
        pass
    raise BackmapError("is damaged", where=path, hint="Remove it and start again.")


def _replace(path: Path, data: bytes) -> None:
    """Write a file at one stroke."""
    new = path.with_name(f"{path.name}.new")
    with _opened(new, fresh=True) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def _opened(path: Path, fresh: bool) -> BinaryIO:
    """A file to write, empty if ``fresh``. A symbolic link is replaced or refused, never followed."""
    if fresh and path.is_symlink():
        path.unlink()
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_TRUNC * fresh, 0o666), "r+b")
    except OSError as error:
        problem = "is a symbolic link" if path.is_symlink() else f"cannot be written: {error.strerror}"
        raise BackmapError(problem, where=path, hint="Remove it, or choose another --output.") from None


def _inode(path: Path) -> tuple[int, int]:
    """Tells files apart, however they are called; one of its own for each that is not there."""
    try:
        status = path.stat()
    except OSError:
        return hash(path), -1
    return status.st_dev, status.st_ino


def _locked(folder: Path) -> int | None:
    """Keep other processes out of the folder until the returned handle is closed, or this process ends.

    None where the file system has no locks: then nothing is kept out.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise BackmapError("another run is writing here", where=folder,
                           hint="Wait for it, or choose another --output.") from None
    except OSError:
        os.close(handle)
        return None
    return handle


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
