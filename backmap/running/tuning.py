"""What the pilot of a run has chosen, and the file in which it stands: ``tuned.yaml`` in the output folder."""
from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import BackmapError
from ..model.tuned import Tuned
from .identity import Identity

TUNED = "tuned.yaml"

_HEAD = """\
# What the pilot of this run has chosen for options that the recipe leaves to it (auto), and what it measured.
# All frames, processes and parts of the run have these values; it does not go on with others.
"""


@dataclass(frozen=True)
class Tuning:
    """What the pilot of a run has chosen.

    Attributes:
        run: Tells runs apart: see ``key``.
        frames: Numbers of the frames that the pilot took.
        choices: What it chose, by the place of the step in the recipe, as in ``steps[4].hamiltonian``.
        sealed: The ``seal`` that stands in the file it was read from.
    """

    run: str
    frames: Sequence[int] = ()
    choices: dict[str, Tuned] = field(default_factory=dict)
    sealed: str = ""

    @property
    def values(self) -> dict[str, dict[str, Any]]:
        """What of it belongs to what a run is."""
        return {place: dict(tuned.values) for place, tuned in self.choices.items()}

    @property
    def seal(self) -> str:
        """Tells whether the values are those that were written."""
        return _short_hash([self.run, self.values])

    @classmethod
    def read(cls, folder: Path) -> Tuning | None:
        """What stands in a folder; None if there is no such file.

        Raises:
            BackmapError: If it is damaged.
        """
        path = folder / TUNED
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            choices = {place: Tuned(dict(each["values"]), dict(each["measured"]), str(each["remark"]))
                       for place, each in content["steps"].items()}
            return cls(str(content["run"]), list(content["frames"]), choices, str(content["seal"]))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
            raise BackmapError("is damaged", where=path, hint="Start the run again with --force.") from None

    def write(self, folder: Path) -> None:
        """Write the file, in one stroke."""
        os.replace(self._new(folder), folder / TUNED)

    def share(self, folder: Path) -> Tuning:
        """Leave it for other parts of the same run; returns what the first of them has left.

        Args:
            folder: The output folder that all have.
        """
        new, path = self._new(folder), folder / TUNED
        try:
            os.link(new, path)  # fails where there is a file
        except OSError:
            found = left(folder, self.run)
            if found is not None:
                return found
            os.replace(new, path)
        finally:
            new.unlink(missing_ok=True)
        return self

    def _new(self, folder: Path) -> Path:
        path = folder / f"{TUNED}.{os.getpid()}.new"
        path.write_text(self._text(), encoding="utf-8")
        return path

    def _text(self) -> str:
        content = {"run": self.run, "seal": self.seal, "frames": list(self.frames), "steps": {
            place: {"values": dict(tuned.values), "remark": tuned.remark,
                    "measured": {name: [dict(row) for row in rows] for name, rows in tuned.measured.items()}}
            for place, tuned in self.choices.items()}}
        return _HEAD + yaml.safe_dump(content, default_flow_style=None, sort_keys=False, width=112, allow_unicode=True)


def left(folder: Path, run: str) -> Tuning | None:
    """What another part of the same run has left in the folder that all have, if it has, and nobody has changed it."""
    try:
        found = Tuning.read(folder)
    except BackmapError:
        return None
    return found if found is not None and (found.run, found.seal) == (run, found.sealed) else None


def key(identity: Identity) -> str:
    """Tells runs apart by what they are, but for what is tuned."""
    return _short_hash({name: value for name, value in identity.to_json().items() if name != "tuned"})


def _short_hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
