"""Plugins that are written with types can be checked against the contracts, strictly and without exceptions."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backmap import scaffold

ROOT = Path(__file__).resolve().parents[2]


#: A plugin with two mistakes, which only those find to whom options and contracts tell their types.
WRONG = """
from backmap import api


class Wrong(api.Refiner):
    class Options(api.Options):
        scale: float = 1.0

    options: Options

    def refine(self, window: api.Window, system: api.System, rng: api.Stream, only: object) -> api.Window:
        scale: str = self.options.scale
        return system.n_atoms
"""


@pytest.mark.slow
def test_what_backmap_new_writes_is_clean(tmp_path: Path) -> None:
    """All at once; it takes seconds, but for the first time, when .mypy_cache is filled."""
    modules = [tmp_path / "wrong.py"]
    modules[0].write_text(WRONG, encoding="utf-8")
    for kind in scaffold.USES:
        package = scaffold.Package(f"my_{kind.replace(' ', '_')}", kind)
        modules.append(tmp_path / f"{package.module}.py")
        modules[-1].write_text(package.files()[modules[-1].name], encoding="utf-8")
        assert "type: ignore" not in modules[-1].read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", *modules], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    found = re.findall(r"^(?:.*/)?(\w+)\.py:\d+: error: .*\[([\w-]+)\]$", done.stdout, re.M)
    assert found == [("wrong", "assignment"), ("wrong", "return-value")], done.stdout + done.stderr
    assert f"checked {len(modules)} source files" in done.stdout
