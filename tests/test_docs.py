"""What README and docs say is true: recipes are valid, code runs, links lead somewhere, the reference is up to date."""
from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml
from backmap_plugins.formats.picture.render import Camera, Canvas, turned
from backmap_plugins.formats.picture.writer import Picture, Shown
from backmap_plugins.generators.equivariant.generator import Equivariant
from backmap_plugins.generators.splitting.generator import Splitting
from backmap_plugins.generators.stay_or_renew.generator import StayOrRenew
from backmap_plugins.generators.template.generator import Template
from backmap_plugins.generators.vae.generator import Vae
from backmap_plugins.generators.voxel_gan.generator import VoxelGan
from backmap_plugins.generators.voxel_vae.generator import VoxelVae

from backmap import Result, api, fields, testing
from backmap.errors import BackmapError
from backmap.recipe import recipe as recipes
from backmap.recipe.registry import Registry, kind_of
from docs.reference.commands import all_commands
from tests import builders

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "recipes").rglob("*.md")])
#: Pages that begin with a plugin, which is saved to a file, and go on to a test of it.
GUIDES = [ROOT / "docs" / name for name in ("write-a-generator.md", "write-an-assessor.md", "write-a-step.md",
                                          "write-a-reader.md")]


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> list[str]:
    """Fenced code of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


def prose(path: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """The plugins that are installed, and those of the guides."""
    known = Registry().discover()
    for guide in GUIDES:
        known.load_file(saved(guide, tmp_path))
    return known


def saved(page: Path, folder: Path) -> Path:
    """The first Python code of a page, as a plugin file of the name that the page gives."""
    path = folder / re.search(r"`(\w+\.py)`", page.read_text(encoding="utf-8"))[1]
    path.write_text(blocks(page, "python")[0], encoding="utf-8")
    return path


# Recipes


class Anywhere(type(Path())):
    """A folder in which every file exists."""

    def exists(self, **_: object) -> bool:
        return True


def shown_recipes() -> Iterator[object]:
    for path in PAGES:
        for number, text in enumerate(text for text in blocks(path, "yaml") if text.startswith("recipe:")):
            yield pytest.param(text, id=f"{label(path)}-{number}")
    for path in sorted((ROOT / "recipes").rglob("*.yaml")):
        yield pytest.param(path.read_text(), id=label(path))


@pytest.mark.parametrize("text", list(shown_recipes()))
def test_recipes_are_valid(text: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Grammar, names, options, and what steps need; input files and weights need not be there."""
    monkeypatch.setattr(recipes, "Build", lambda folder, plugin: fields.Build(Anywhere(folder), plugin))
    for generator in (Equivariant, Splitting, StayOrRenew, Template, Vae, VoxelGan, VoxelVae):  # with weights
        monkeypatch.setattr(generator, "__init__", api.Plugin.__init__)
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert recipes.load(path, registry).steps


@pytest.mark.parametrize("path", PAGES, ids=label)
def test_yaml_is_yaml(path: Path) -> None:
    for text in blocks(path, "yaml"):
        yaml.safe_load(text)


def test_the_recipe_of_the_demo_is_the_one_that_is_shown() -> None:
    demo = yaml.safe_load((ROOT / "recipes/octane/run.yaml").read_text())
    for page in ("README.md", "docs/tutorial.md", "docs/recipes.md"):
        assert yaml.safe_load(blocks(ROOT / page, "yaml")[0]) == demo, page


# Mappings


def read_mapping(atoms: Path, entry: object) -> dict[str, api.BeadModel]:
    registry = Registry().discover()
    topology = recipes.built(api.TopologyReader, {"gromacs": str(atoms)}, ROOT, registry).read()
    return recipes.built(api.MappingReader, entry, ROOT, registry).read(topology)


@pytest.mark.parametrize(("words", "file"), [
    ("B1: {type: E", "octane/octane.xml"), ("residues:", "polystyrene/polystyrene.xml"),
    ("cgsmiles:", "octane/octane.xml")])
def test_mappings_on_the_pages_are_those_that_ship(words: str, file: str, tmp_path: Path) -> None:
    """Beads where the VOTCA file of the recipe has them, bonded alike."""
    (text,) = (text for text in blocks(ROOT / "docs" / "my-own-molecule.md", "yaml")
               if words in text and not text.startswith("recipe:"))
    path = ROOT / "recipes" / file
    if text.startswith("mapping:"):
        entry = yaml.safe_load(text)["mapping"]
    else:
        (tmp_path / "mapping.yaml").write_text(text)
        entry = {"yaml": str(tmp_path / "mapping.yaml")}
    topology = path.with_suffix(".top")
    ((name, made),) = read_mapping(topology, entry).items()
    ((other, expected),) = read_mapping(topology, {"votca": str(path)}).items()
    assert name == other
    assert made.bead_types == expected.bead_types
    atoms = np.random.default_rng(0).random((1, made.mapping.n_atoms, 3))
    np.testing.assert_allclose(made.mapping.apply(atoms), expected.mapping.apply(atoms), atol=1e-12)
    if made.bead_bonds is not None:
        assert {tuple(sorted(pair)) for pair in np.asarray(made.bead_bonds).tolist()} == {
            tuple(sorted(pair)) for pair in np.asarray(expected.bead_bonds).tolist()}


# Commands


def shell_lines() -> Iterator[object]:
    for path in PAGES:
        for number, line in enumerate(line for text in blocks(path, "bash")
                                      for line in text.replace("\\\n", " ").splitlines()
                                      if line.startswith("backmap ")):
            yield pytest.param(line, id=f"{label(path)}-{number}")


@pytest.mark.parametrize("line", list(shell_lines()))
def test_commands_are_understood(line: str) -> None:
    """The command is there, and so are its options, with the values and arguments they need."""
    name, *words = shlex.split(line, comments=True)[1:]
    commands = all_commands()
    if f"{name} {next(iter(words), '')}" in commands:
        name, words = f"{name} {words[0]}", words[1:]
    if not name.startswith("-"):
        assert commands[name].make_context(name, words).params


@pytest.mark.parametrize("path", PAGES, ids=label)
def test_options_in_the_text_exist(path: Path) -> None:
    """In code inside of sentences, which may be abridged."""
    commands = all_commands()
    groups = {name.partition(" ")[0] for name in commands if " " in name}
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for name, words in re.findall(r"`backmap ([a-z]+)([^`]*)`", text):
        if name in groups:
            part = next(iter(words.split()), "")
            if not part or "|" in words:
                continue
            name = f"{name} {part}"
        assert name in commands, f"`backmap {name}{words}`"
        known = {"--help", "-h", *(option for parameter in commands[name].params for option in parameter.opts)}
        assert {word for word in words.split() if re.match(r"-+[a-z]", word)} <= known, f"`backmap {name}{words}`"


# Code


@pytest.mark.parametrize("guide", GUIDES, ids=label)
def test_the_plugin_of_a_guide_keeps_its_promises(guide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = saved(guide, tmp_path).stem
    monkeypatch.syspath_prepend(tmp_path)
    (code,) = (code for code in blocks(guide, "python") if f"from {plugin} import" in code)
    names: dict[str, object] = {}
    exec(code, names)  # the test that the guide recommends
    tests = [call for name, call in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test(*[tmp_path] * len(inspect.signature(test).parameters))


def test_the_generator_of_the_readme_keeps_its_promises(tmp_path: Path) -> None:
    path = saved(ROOT / "README.md", tmp_path)
    assert sum(bool(line.strip()) for line in path.read_text().splitlines()) <= 15
    plugin = Registry().load_file(path).get(kind_of(api.Generator), "cloud")
    testing.check_options(plugin)
    testing.check_generator(plugin(plugin.Options()))


def test_a_result_has_what_the_page_on_python_says() -> None:
    code = "".join(blocks(ROOT / "docs" / "python.md", "python"))
    said = set(re.findall(r"\b(?:result|report)\.(\w+)", code))
    assert said <= {*dir(Result), *Result.__dataclass_fields__}


@pytest.mark.parametrize("path", PAGES, ids=label)
def test_python_is_python(path: Path) -> None:
    for text in blocks(path, "python"):
        ast.parse(text)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for path in PAGES:
        code = "\n".join([*blocks(path, "bash"), *re.findall(r"`(make [^`]+)`", path.read_text())])
        assert set(re.findall(r"^make ([a-z]+)", code, re.M)) <= targets, label(path)


# Pages


def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["recipes.md", "commands.md", "errors.md", "force-fields.md"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    written = generate().PAGES[name]()
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == written, "run `make docs`"
    assert "is generated" in written


def test_every_kind_of_bad_input_is_listed() -> None:
    """At least 60, each with its line."""
    listed = re.findall(r"^\| (?!what is).* \| `.*` \|$", (ROOT / "docs" / "errors.md").read_text(), re.M)
    assert len(listed) == sum(len(getattr(module, name)) for module, name, *_ in generate().errors.TABLES) >= 60


def test_the_site_is_built_without_warnings(tmp_path: Path) -> None:
    """All pages are in it, links inside lead somewhere, and nothing is asked from the network."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install .[docs]")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed: pip install .[docs]")
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed: pip install .[docs]")
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path], cwd=ROOT,
                          env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    for page, said in (("python-reference", "Run a recipe."), ("contracts", "log_density")):  # from the docstrings
        assert said in (tmp_path / f"{page}.html").read_text(encoding="utf-8")
    theory = (tmp_path / "theory.html").read_text(encoding="utf-8")
    assert "<math" in theory
    assert "arithmatex" not in theory  # a formula that was left
    for page in tmp_path.rglob("*.html"):
        if page.is_relative_to(tmp_path / "examples"):
            continue  # reports, which have tests of their own
        loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text(encoding="utf-8"))
        assert not loaded, page


def anchors(path: Path) -> set[str]:
    """Anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S),
                          re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=label)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{label(path)} links to {target}"
        assert not anchor or anchor in anchors(file), f"{label(path)} links to {target}"


@pytest.mark.parametrize("path", PAGES, ids=label)
def test_means_are_not_taken_for_tags(path: Path) -> None:
    """What stands in angle brackets is seen by nobody, unless it is a tag: ⟨x⟩ is written so."""
    text = re.sub(r"<!--.*?-->", "", prose(path), flags=re.S)
    assert [tag for tag in re.findall(r"<[a-zA-Z/][^>\n]*>", re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", "", text, flags=re.S))
            if not re.match(r"</?su[bp]>|<https?:", tag)] == []


def test_every_page_is_reachable() -> None:
    """From README, following links."""
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        links = re.findall(r"\]\(([^)\s#]+)[^)]*\)", prose(page))
        ahead.extend((page.parent / link).resolve() for link in links if not link.startswith("http"))
    assert {path for path in PAGES if path.is_relative_to(ROOT / "docs")} <= seen


# The picture


def test_the_picture_is_of_the_first_frame() -> None:
    system = builders.system()
    writer = Picture(Picture.Options(file="a.png"))
    (first,) = writer.encode(builders.window(system), system, True)
    (second,) = writer.encode(builders.window(system, seed=3), system, False)
    assert first.startswith(b"\x89PNG")
    assert second == b""
    assert list(writer.encode(builders.window(system, n_frames=1), system, True)) == [first]


def test_the_picture_shows_whole_molecules_near_the_centre() -> None:
    system = builders.system()
    window = builders.window(system)
    shown = Shown.of(system, window, 3, turned(20, 30))
    lengths = np.linalg.norm(shown.atoms[shown.bonds[:, 0]] - shown.atoms[shown.bonds[:, 1]], axis=1)
    assert lengths.max() < 0.25
    near = np.linalg.norm(shown.atoms[:, None] - shown.beads, axis=2)
    assert (near.min(axis=1) < 0.3).all()
    everything = Shown.of(system, window, None, turned(20, 30))
    assert (len(everything.beads), len(everything.atoms)) == (system.n_beads, system.n_atoms)
    assert everything.caption == (f"{system.n_beads} beads", f"{system.n_atoms} atoms")


def test_what_cannot_be_drawn_is_refused() -> None:
    system = builders.system()
    window = replace(builders.window(system), atoms=None)
    with pytest.raises(BackmapError, match=r"a\.png: cannot draw atoms that are not placed"):
        Picture(Picture.Options(file="a.png")).encode(window, system, True)
    with pytest.raises(ValueError, match=r"'a\.jpg' should end in \.png"):
        Picture.Options(file="a.jpg")


def test_what_is_nearer_hides_what_is_farther() -> None:
    rotation = turned(90, 0)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    centres, colours = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]), np.array([[1.0, 0, 0], [0, 0, 1.0]])
    camera = Camera.around(rotation, centres, 0.5, 41, 41)
    for order in ([0, 1], [1, 0]):
        canvas = Canvas(camera, (1, 1, 1))
        canvas.spheres(centres[order], np.array([0.3, 0.3]), colours[order])
        canvas.shade()
        red, green, blue = canvas.image(1)[20, 20]
        assert red > 0.6 > 0.4 > max(green, blue)
        assert (canvas.image(1)[0, 0] == 1).all()
