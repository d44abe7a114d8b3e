"""Discovery and look-up of plugins."""
from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from backmap import api
from backmap.errors import BackmapError
from backmap.hookspecs import hookimpl
from backmap.recipe.registry import KINDS, Registry, kind_of

STEP = kind_of(api.Step)


class Nothing(api.Step):
    """Does nothing."""


def offering(**offers: type | str) -> SimpleNamespace:
    """A plugin that offers steps."""

    @hookimpl
    def backmap_steps() -> dict:
        return offers

    return SimpleNamespace(backmap_steps=backmap_steps)


def line(error: pytest.ExceptionInfo) -> str:
    return str(error.value)


def test_every_kind_has_its_hook() -> None:
    registry = Registry()
    assert {kind.hook for kind in KINDS} == {n for n in dir(registry.manager.hook) if n.startswith("backmap_")}


def test_finds_classes_and_names_of_classes() -> None:
    registry = Registry().register(offering(nothing=Nothing, later="tests_no_such:Thing"), "mine")
    assert registry.names(STEP) == ["later", "nothing"]
    assert registry.get(STEP, "nothing") is Nothing


def test_what_is_named_is_imported_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_module.py").write_text("from backmap.api import Step\nclass Late(Step): 'Late.'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry().register(offering(late="late_module:Late"), "mine")
    assert registry.names(STEP) == ["late"]
    assert "late_module" not in sys.modules
    assert registry.get(STEP, "late").__name__ == "Late"


def test_unknown_name_lists_the_known_ones() -> None:
    registry = Registry().register(offering(gibbs=Nothing, forward=Nothing), "mine")
    with pytest.raises(BackmapError) as error:
        registry.get(STEP, "gibs")
    assert line(error) == "no step is called 'gibs'. Did you mean 'gibbs'? Known: forward, gibbs"


def test_two_plugins_may_not_offer_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = {"one": offering(gibbs=Nothing), "two": offering(gibbs=Nothing)}
    registry = Registry()
    for name, plugin in plugins.items():
        registry.register(plugin, name)
    with pytest.raises(BackmapError, match=r"both offer a step 'gibbs'. Leave one out: BACKMAP_BLOCK=") as error:
        registry.names(STEP)
    assert "'one'" in line(error)
    assert "'two'" in line(error)
    monkeypatch.setenv("BACKMAP_BLOCK", "two")
    registry = Registry()
    for name, plugin in plugins.items():
        registry.register(plugin, name)
    assert registry.get(STEP, "gibbs") is Nothing


@pytest.mark.parametrize(("what", "message"), [
    ("needs_yaml:Thing", "step 'x' needs the package yaml. pip install PyYAML"),
    ("needs_more:Thing", "step 'x' needs the package no_such_package. pip install no_such_package"),
    ("backmap.no_such:Thing", "step 'x' names the module backmap.no_such, which does not exist"),
    ("backmap.api:NoSuch", "step 'x' should be backmap.api:NoSuch, which does not exist"),
    ("leaves:Thing", "step 'x' ends the program as it is imported"),
    ("backmap.api:Writer", "'x' is offered as a step but is not a Step"),
], ids=["other name in pip", "package", "module", "class", "exit", "kind"])
def test_what_cannot_be_loaded(what: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_yaml.py").write_text("import yaml.no_such")
    (tmp_path / "leaves.py").write_text("import sys; sys.exit(0)")
    (tmp_path / "needs_more.py").write_text("import no_such_package.deep")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry().register(offering(x=what), "mine")
    with pytest.raises(BackmapError, match=re.escape(message)):
        registry.get(STEP, "x")


@pytest.mark.parametrize(("offers", "problem"), [(["x"], "a list"), ("x", "a str")])
def test_a_hook_returns_names(offers: object, problem: str) -> None:
    plugin = offering()
    plugin.backmap_steps = hookimpl(lambda: offers)
    with pytest.raises(BackmapError, match=f"plugin 'mine': backmap_steps returned {problem}, expected"):
        Registry().register(plugin, "mine").names(STEP)


def test_names_are_lower_snake_case() -> None:
    with pytest.raises(BackmapError, match="the step name 'MyStep' is not lower_snake_case"):
        Registry().register(offering(MyStep=Nothing), "mine").names(STEP)


def test_a_misspelt_hook_is_an_error() -> None:
    @hookimpl
    def backmap_stepz() -> dict:
        return {}

    registry = Registry()
    with pytest.raises(BackmapError, match="plugin 'mine' does not fit: unknown hook 'backmap_stepz'"):
        registry.register(SimpleNamespace(backmap_stepz=backmap_stepz), "mine")
    assert registry.register(offering(nothing=Nothing), "other").names(STEP) == ["nothing"]


def test_a_plugin_of_another_version_of_the_contracts_is_refused() -> None:
    old = SimpleNamespace(API_VERSION=0, **vars(offering(nothing=Nothing)))
    said = r"plugin 'mine' was written for version 0 of backmap\.api, which is version 1"
    with pytest.raises(BackmapError, match=said):
        Registry().register(old, "mine")
    this = SimpleNamespace(API_VERSION=1, **vars(offering(nothing=Nothing)))
    assert Registry().register(this, "mine").names(STEP) == ["nothing"]


def test_trace_prints_look_ups(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BACKMAP_TRACE", "1")
    Registry().register(offering(nothing=Nothing), "mine").get(STEP, "nothing")
    printed = capsys.readouterr().err
    assert "plugin mine" in printed
    assert "step nothing -> " in printed


def test_a_broken_distribution_stops_only_who_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "broken_thing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-thing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[backmap]\nbroken = broken_thing\n")
    (tmp_path / "broken_thing.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry().discover()
    assert registry.broken == {"broken": "ModuleNotFoundError: No module named 'no_such_package'"}
    with pytest.raises(BackmapError, match="plugin 'broken' could not be loaded"):
        registry.get(STEP, "step_of_broken")
    monkeypatch.setenv("BACKMAP_BLOCK", "broken")
    assert not Registry().discover().broken


class TestPluginFile:
    def test_offers_what_it_has(self, tmp_path: Path) -> None:
        path = tmp_path / "my plugin.py"
        path.write_text("""
from __future__ import annotations
from backmap import api, hookimpl

@hookimpl
def backmap_steps():
    return {"mine": Mine}

class Mine(api.Step):
    class Options(api.Options):
        path: api.InputPath | None = None
""")
        found = Registry().load_file(path).get(STEP, "mine")
        assert found.Options().path is None

    @pytest.mark.parametrize(("text", "message"), [
        ("def", "the plugin file cannot be loaded: line 1: SyntaxError"),
        ("1 / 0", "the plugin file cannot be loaded: ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(0)", "the plugin file cannot be loaded: SystemExit: 0"),
        ("import no_such_package", "this plugin file needs the package no_such_package. pip install no_such_package"),
        ("x = 1", "the plugin file offers nothing"),
    ])
    def test_says_what_is_wrong_with_it(self, tmp_path: Path, text: str, message: str) -> None:
        path = tmp_path / "mine.py"
        path.write_text(text)
        with pytest.raises(BackmapError, match=re.escape(message)) as error:
            Registry().load_file(path)
        assert line(error).startswith(str(path))

    def test_must_exist(self, tmp_path: Path) -> None:
        with pytest.raises(BackmapError, match="there is no such plugin file"):
            Registry().load_file(tmp_path / "mine.py")
