"""Output that is whole at every moment: files grow as ``NAME.part`` and count window by window.

``progress.json`` says how many frames are whole and how many bytes of each file belong to them. What a
step has to remember besides stands in ``NAME.<frames>.kept``, written before the JSON counts its frames.
Whatever stops a run, the bytes up to that count are on disk; a resumed run cuts off the rest and
goes on. At the end the files get their names and the JSON goes.
"""
from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from .errors import BackmapError

PROGRESS, REPORT = "progress.json", "run.json"
MEMORY = ".kept"  #: ending of files in which steps remember what they need to go on


class Ledger:
    """The growing files of one run.

    Args:
        folder: The output folder; it is made.
        identity: Hash of what the bytes follow from: recipe, seed, choice of frames.
        resume: Go on where an unfinished run of the same identity stopped, if there is one.
        force: Overwrite what is there.

    Attributes:
        n_frames: Frames that are whole on disk.
        notes: What the runner keeps with the count (seconds spent, warnings).
        finished: A run of this identity has come to its end before, and is to be resumed.

    Raises:
        BackmapError: If results would be overwritten, or another run would be resumed.
    """

    def __init__(self, folder: Path, identity: str, *, resume: bool = False, force: bool = False) -> None:
        self.folder, self.identity = folder, identity
        self._files: dict[str, BinaryIO] = {}
        self._make_folder()
        self._lock = _locked(folder)
        try:
            recorded, report = self._read(PROGRESS), self._read(REPORT)
            if not force:
                self._refuse_to_overwrite(recorded, report, resume)
        except BackmapError:
            self.stop()
            raise
        self._recorded = recorded if resume and recorded.get("identity") == identity else {}
        self.finished = resume and not recorded and report.get("identity") == identity
        if not self._recorded:
            (folder / PROGRESS).unlink(missing_ok=True)
            self._forget()
        self.force = force or self._recorded.get("force", False)
        self.n_frames: int = self._recorded.get("n_frames", 0)
        self.notes: dict[str, Any] = self._recorded.get("notes", {})
        self._sizes: dict[str, int] = dict(self._recorded.get("sizes", {}))
        self._kept: dict[str, bytes] = {}

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{PROGRESS}.new").write_text("")
            (self.folder / f"{PROGRESS}.new").unlink()
        except OSError as error:
            raise BackmapError(f"cannot write to the output folder: {error.strerror}", where=self.folder,
                               hint="Choose another with --output.") from None

    def _refuse_to_overwrite(self, recorded: dict[str, Any], report: dict[str, Any], resume: bool) -> None:
        other = (recorded or report).get("identity", self.identity) != self.identity
        if resume and other:
            raise BackmapError("the run in this folder had another recipe, seed or choice of frames", where=self.folder,
                               hint="Resume with exactly the same ones, or choose another --output.")
        if recorded and not resume:
            raise BackmapError(f"an unfinished run is here, with {recorded['n_frames']} frames done", where=self.folder,
                               hint="Go on with --resume, start again with --force, or choose another --output.")
        if report and not resume:
            raise BackmapError("a finished run is here", where=self.folder,
                               hint="Choose another folder with --output, or overwrite it with --force.")

    @property
    def names(self) -> list[str]:
        """The files of the run, relative to the folder."""
        return list(self._files)

    def claim(self, path: Path) -> None:
        """Open a file of the run, cut to what counts; see ``api.OutputFiles``."""
        name, final = path.as_posix(), self.folder / path
        part = _part(final)
        if name in self._files or name in (PROGRESS, REPORT):
            raise BackmapError(f"'{name}' is written twice", hint="Give every file its own name.")
        if self._recorded and final.exists() and not part.exists():
            os.replace(final, part)  # the run was stopped while it gave its files their names
        if final.exists() and not self.force:
            raise BackmapError("exists already", where=final,
                               hint="Choose another folder with --output, or overwrite it with --force.")
        if self.n_frames and not part.exists():
            raise BackmapError("this file of the unfinished run is gone", where=part, hint="Start again with --force.")
        final.parent.mkdir(parents=True, exist_ok=True)
        self._files[name] = open(part, "r+b" if self.n_frames else "w+b")  # noqa: SIM115
        self._cut(name, self._sizes.get(name, 0))

    def append(self, path: Path, data: bytes) -> None:
        """Add bytes; they count from the next ``commit``."""
        self._files[path.as_posix()].write(data)

    def place(self, path: Path, data: bytes) -> None:
        """Write a claimed file as a whole."""
        file = self._files[path.as_posix()]
        file.seek(0)
        file.truncate()
        file.write(data)

    def keep(self, name: str, data: bytes) -> None:
        """Remember ``data`` from the next ``commit`` on; see ``api.OutputFiles``."""
        self._kept[name] = data

    def kept(self, name: str) -> bytes | None:
        """What the run that is resumed had kept under ``name`` at its last commit."""
        path = self._memory(name, self.n_frames)
        return path.read_bytes() if path.exists() else None

    def _memory(self, name: str, n_frames: int) -> Path:
        return self.folder / f"{name}.{n_frames}{MEMORY}"

    def _forget(self, but: int = -1) -> None:
        """Remove what was kept, except after ``but`` frames."""
        for path in self.folder.glob(f"*{MEMORY}"):
            if not path.name.endswith(f".{but}{MEMORY}"):
                path.unlink()

    def commit(self, n_frames: int) -> None:
        """From now on ``n_frames`` more frames are whole."""
        for name, file in self._files.items():
            file.flush()
            os.fsync(file.fileno())
            self._sizes[name] = file.tell()  # before the JSON says so: `stop` must never cut what it counts
        self.n_frames += n_frames
        for name, data in self._kept.items():
            _replace(self._memory(name, self.n_frames), data)
        self._write(PROGRESS, {"identity": self.identity, "n_frames": self.n_frames, "sizes": self._sizes,
                               "force": self.force, "notes": self.notes})
        self._forget(but=self.n_frames)

    def stop(self) -> None:
        """Close the files, cut to what counts, and let others write here."""
        begun = (self.folder / PROGRESS).exists()
        for name, file in self._files.items():
            if not file.closed:
                file.truncate(min(self._sizes.get(name, 0), file.seek(0, os.SEEK_END)))
                file.close()
                if not begun:  # nothing was committed: there is nothing to resume
                    _part(self.folder / name).unlink()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def finish(self, report: dict[str, Any]) -> None:
        """Give the files their names, write ``run.json`` and remove ``progress.json``."""
        for name, file in self._files.items():
            file.close()
            os.replace(_part(self.folder / name), self.folder / name)
        self._write(REPORT, {"identity": self.identity, **report})
        (self.folder / PROGRESS).unlink(missing_ok=True)
        self._forget()

    def _cut(self, name: str, size: int) -> None:
        file = self._files[name]
        if file.seek(0, os.SEEK_END) < size:
            raise BackmapError(f"is shorter than the {size} bytes that {PROGRESS} counts",
                               where=_part(self.folder / name), hint="Start again with --force.")
        file.truncate(size)
        file.seek(size)
        self._sizes[name] = size

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return json.loads((self.folder / name).read_text())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise BackmapError("is damaged", where=self.folder / name, hint="Remove it and start again.") from None

    def _write(self, name: str, content: dict[str, Any]) -> None:
        _replace(self.folder / name, json.dumps(content, indent=2).encode())


def _replace(path: Path, data: bytes) -> None:
    """Write a file at one stroke."""
    new = path.with_name(f"{path.name}.new")
    with open(new, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


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
