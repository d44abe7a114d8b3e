"""Builds sdist and wheel, and tries the wheel in clean environments of the Pythons that are installed: `make wheels`.

    python .ci/wheels.py [--wheel FILE.whl] [--index URL] [--quick] [3.11 3.12 ...]

The wheel is built from the sdist, so that this is tried too. Each environment lies in a folder that is removed; in it
the wheel is installed with the versions of constraints.txt, and the commands of `TRIED` run in an empty folder. Pythons
that are not there are skipped and named. It needs the package index, and some 2 GB of room.
"""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
MOST = 20e6  #: bytes of a wheel
CPU = "https://download.pytorch.org/whl/cpu"
TRIED = (("--version",), ("--help",), ("plugins",), ("weights",), ("demo",))
#: What may not show through from where this is run.
HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_CONSTRAINT", "BACKMAP_WEIGHTS", "BACKMAP_MAPPINGS",
          "BACKMAP_BLOCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", nargs="*", default=VERSIONS)
    parser.add_argument("--wheel", type=Path, help="try this one, build none")
    parser.add_argument("--index", default=CPU, help="one more index, for torch without CUDA; \"\" for none")
    parser.add_argument("--quick", action="store_true", help="leave the demo out, which computes for minutes")
    asked = parser.parse_args()
    if asked.index and not answers(asked.index):
        print(f"{asked.index} does not answer, and is left out: torch is the one of the package index", flush=True)
        asked.index = ""
    commands = TRIED[:-1] if asked.quick else TRIED
    wheel = asked.wheel.resolve() if asked.wheel else built(ROOT / "dist")
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size / 1e6:.1f} MB", flush=True)
    failed = [] if size < MOST else [f"the wheel is larger than {MOST / 1e6:g} MB"]
    for version in asked.versions:
        python = interpreter(version)
        if python is None:
            print(f"Python {version}: not installed, skipped", flush=True)
            continue
        try:
            tried(wheel, python, version, asked.index, commands)
        except subprocess.CalledProcessError as error:
            print(f"{error.stdout or ''}{error.stderr or ''}"[-4000:])
            failed.append(f"Python {version}: {' '.join(map(str, error.cmd))} ended with {error.returncode}")
    print("\n".join(failed) or "all is well")
    return bool(failed)


def answers(index: str) -> bool:
    """Whether there is such an index: pip would ask it for every package, and wait each time."""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=15):
            return True
    except OSError:
        return False


def built(folder: Path) -> Path:
    """Sdist and wheel of this tree in ``folder``; returns the wheel, which is built from the sdist."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place:
        python = environment(Path(place), sys.executable)
        call(python, "-m", "pip", "install", "--quiet", "build", "twine")
        call(python, "-m", "build", "--outdir", folder, ROOT)
        call(python, "-m", "twine", "check", "--strict", *folder.iterdir())
    return next(folder.glob("*.whl"))


def tried(wheel: Path, python: str, version: str, index: str, commands: Sequence[tuple[str, ...]]) -> None:
    """Install the wheel into an environment of its own, and call it in an empty folder."""
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        inside = environment(Path(place) / "venv", python)
        more = ["--extra-index-url", index] if index else []
        call(inside, "-m", "pip", "install", "--quiet", *more, "-c", ROOT / "constraints.txt", wheel)
        print(f"Python {version}: installed in {time.monotonic() - began:.0f} s", flush=True)
        empty = Path(place) / "empty"
        empty.mkdir()
        for words in commands:
            began = time.monotonic()
            call(Path(inside).parent / "backmap", *words, cwd=empty, cache=Path(place) / "cache")
            print(f"Python {version}: backmap {' '.join(words)}: {time.monotonic() - began:.1f} s", flush=True)


def interpreter(version: str) -> str | None:
    """A Python of this version; a name that leads to none, as version managers leave them, is none."""
    name = shutil.which(f"python{version}")
    known = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for python in filter(None, [name, *map(str, sorted(known.glob(f"{version}.*/bin/python{version}")))]):
        asked = subprocess.run([python, "-c", "import ensurepip"], capture_output=True, check=False)
        if asked.returncode == 0:
            return python
    return None


def environment(folder: Path, python: str) -> str:
    """A new virtual environment; returns its Python."""
    call(python, "-m", "venv", folder)
    return str(folder / "bin" / "python")


def call(*words: object, cwd: Path | None = None, cache: Path | None = None) -> None:
    """Run a program, silently unless it fails.

    Raises:
        CalledProcessError: If it does, with what it printed.
    """
    around = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    if cache is not None:
        around["BACKMAP_CACHE"] = str(cache)
    subprocess.run([str(word) for word in words], cwd=cwd, env=around, capture_output=True, text=True, check=True)


if __name__ == "__main__":
    sys.exit(main())
