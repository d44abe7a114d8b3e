"""Coverage-guided fuzzing: `python -m tests.fuzz.fuzz recipes -max_total_time=600`.

It needs atheris (`pip install atheris`). What it finds it leaves as crash-*; add those bytes to the seeds.
"""
from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris


def main() -> None:
    with atheris.instrument_imports(include=["backmap", "backmap_plugins.files", "backmap_plugins.formats"]):
        from .targets import TARGETS
    name, *options = sys.argv[1:]
    target, seeds = TARGETS[name]
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *options], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
