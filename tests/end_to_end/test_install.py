"""What is installed is complete: a wheel, unpacked, serves in a folder that holds nothing but a user's files."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from backmap import stock
from backmap.commands import demo

ROOT = Path(__file__).resolve().parents[2]
GIVEN = ("octane.top", "octane.xml", "cg.gro", "cg.xtc")
INIT = ("init", "-p", "octane.top", "-m", "octane.xml", "-c", "cg.gro", "-f", "cg.xtc", "-t", "350")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source, unpacked. It is built from a copy, for building leaves files behind."""
    pytest.importorskip("setuptools", "77", reason="setuptools is not installed: pip install .[test]")
    source, folder = tmp_path_factory.mktemp("built") / "source", tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, source, ignore=lambda path, names: {
        name for name in names if name.startswith(".") or name.endswith(".egg-info") or name in (
            "__pycache__", "build", "runs", "site", "tests", "docs", "backmap_plugins")})
    built = subprocess.run([sys.executable, "-c", "import sys; from setuptools import build_meta; "
                                                  "build_meta.build_wheel(sys.argv[1])", folder],
                           cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    assert wheel.stat().st_size < 20e6
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "unpacked")
    return folder / "unpacked"


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")}


def test_all_files_of_the_packages_are_in_the_wheel(unpacked: Path) -> None:
    """Templates, style, scripts and all, and weights beside."""
    assert {name for name in below(unpacked / "backmap") if not name.startswith("weights/")} == below(ROOT / "backmap")
    assert below(unpacked / "backmap_plugins") == below(ROOT / "plugins")
    assert {path.name.partition("-")[0] for path in unpacked.iterdir()} == {"backmap", "backmap_plugins",
                                                                            "backmap_engine"}


def test_type_checkers_read_the_annotations(unpacked: Path) -> None:
    """Those of the core, which plugins are written with."""
    assert (unpacked / "backmap" / "py.typed").is_file()


def test_weights_ship_unless_they_were_trained_on_published_data(unpacked: Path) -> None:
    shipped = below(unpacked / "backmap" / "weights")
    trained = {path.relative_to(ROOT / "recipes").as_posix() for path in stock.files([ROOT / "recipes"])}
    weights = {name for name in trained if not name.startswith(("polystyrene_published/", "coherence/", "transfer/"))}
    assert shipped == weights | {f"{demo.DEMO}/{name}" for name in (demo.RECIPE, *demo.INPUTS)}
    assert len({Path(name).name for name in trained}) == len(trained)  # a bare name means one file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder."""
    for name in GIVEN:
        shutil.copy(ROOT / "recipes" / "octane" / name, tmp_path)
    return tmp_path


def weights(unpacked: Path) -> Path:
    return unpacked / "backmap" / "weights" / "octane" / "octane_350K.safetensors"


def call(unpacked: Path, folder: Path, *words: str) -> str:
    """What the command prints, with only the wheel to import backmap from."""
    environment = {name: value for name, value in os.environ.items() if name != stock.VARIABLE}
    done = subprocess.run([sys.executable, "-m", "backmap", *words], cwd=folder, capture_output=True, text=True,
                          env={**environment, "PYTHONPATH": str(unpacked)}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_weights_that_ship_are_found(unpacked: Path, folder: Path) -> None:
    assert f"{weights(unpacked)} fits these molecules" in call(unpacked, folder, *INIT)
    steps = {name: step for entry in yaml.safe_load((folder / "recipe.yaml").read_text())["steps"]
             for name, step in entry.items()}
    assert steps["forward"] == {"generator": {"equivariant": weights(unpacked).name}}


@pytest.mark.slow
def test_weights_that_ship_draw(unpacked: Path, folder: Path) -> None:
    """Slow, as all that is compiled is compiled anew in a new place."""
    call(unpacked, folder, *INIT)
    call(unpacked, folder, "run", "recipe.yaml", "--frames", "0", "--set", "steps.gibbs.sweeps=1", "--set",
         "steps.hamiltonian={soft_core_sweeps: 0, sweeps: 1, steps: 2, temperature: 350}", "--set",
         "steps.assess=[structure]")
    results = folder / "runs" / "recipe"
    assert str(weights(unpacked)) in (results / "run.json").read_text()
    assert "3Dmol" in (results / "report.html").read_text(encoding="utf-8")


def test_a_plugin_is_begun(unpacked: Path, folder: Path) -> None:
    call(unpacked, folder, "new", "cloud", "--kind", "generator")
    assert list(folder.rglob("pyproject.toml"))
