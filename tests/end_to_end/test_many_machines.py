"""The drivers of docs/many-machines.md, on a system of the demo: the bytes of a run in one piece."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import command

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "many-machines.md"
RECIPE = """\
recipe: 1
seed: 7
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}}
  - read: {beads: {gromacs: [cg.gro, cg.xtc]}}
  - forward: {generator: template}
  - write: {atoms: {gromacs: [atoms.gro, atoms.xtc]}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("package", ["dask", "parsl"])
def test_a_driver_puts_together_what_a_run_in_one_piece_writes(package: str, tmp_path: Path) -> None:
    pytest.importorskip("distributed" if package == "dask" else package)
    for name in ("octane.top", "octane.xml", "cg.gro", "cg.xtc"):
        shutil.copy(ROOT / "recipes" / "octane" / name, tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (driver,) = (text for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if package in text)
    (tmp_path / "driver.py").write_text(driver)
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    subprocess.run([sys.executable, "driver.py"], cwd=tmp_path, check=True, capture_output=True, timeout=300,
                   env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": tools, "OMP_NUM_THREADS": "1"})
    command.succeed("run", tmp_path / "recipe.yaml", "--output", tmp_path / "whole")
    for name in ("atoms.gro", "atoms.xtc"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
