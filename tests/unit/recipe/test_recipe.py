"""From YAML to checked steps."""
from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import Field

from backmap import api
from backmap.errors import BackmapError
from backmap.fields import Build, expand
from backmap.recipe import document, recipe
from backmap.recipe.registry import Registry

Write = Callable[..., Path]


def test_builds_steps_and_what_is_nested_in_them(registry: Registry, write_recipe: Write) -> None:
    loaded = recipe.load(write_recipe(), registry)
    topology, read, place, write = loaded.steps
    assert [step.index for step in loaded.steps] == [0, 1, 2, 3]
    assert place.where == f"{loaded.source.path}: steps[2].toy_place"
    assert topology.options.molecules == 3
    assert read.options.beads.options.frames == 5
    assert read.options.reference is None
    assert [writer.options.file for writer in write.options.atoms] == [Path("sums.txt")]
    assert (loaded.seed, loaded.device, loaded.window) == (7, "cpu", 2)


def test_output_is_relative_to_the_recipe(registry: Registry, write_recipe: Write) -> None:
    path = write_recipe()
    assert recipe.load(path, registry).output_folder == path.parent / "out"


def test_output_takes_variables(registry: Registry, write_recipe: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_recipe(("output: out", "output: ${BACKMAP_TEST_OUTPUT:-here}/x"))
    assert recipe.load(path, registry).output_folder == path.parent / "here" / "x"
    monkeypatch.setenv("BACKMAP_TEST_OUTPUT", "there")
    assert recipe.load(path, registry).output_folder == path.parent / "there" / "x"


def test_a_list_of_plugins(registry: Registry, write_recipe: Write) -> None:
    path = write_recipe(("{toy: sums.txt}", "[{toy: a.txt}, {toy: {file: b.txt}}]"))
    assert [w.options.file.name for w in recipe.load(path, registry).steps[3].options.atoms] == ["a.txt", "b.txt"]


def test_anchors_under_define_are_copies(registry: Registry, write_recipe: Write) -> None:
    path = write_recipe(("steps:", "define:\n  slow: &slow {wait: 1}\nsteps:"),
                        ("- toy_place\n", "- toy_place: *slow\n  - toy_place: {<<: *slow, clashes: 1}\n"))
    loaded = recipe.load(path, registry, ["steps.toy_place[1].wait=2"])
    assert [step.options.wait for step in loaded.steps[2:4]] == [1.0, 2.0]


def test_what_a_step_gives_may_depend_on_its_options(registry: Registry, write_recipe: Write) -> None:
    assert recipe.load(write_recipe(), registry).steps[1].gives == {"beads"}
    path = write_recipe(("{beads: {toy: 5}}", "{beads: {toy: 5}, reference: {toy: {points: 6}}}"))
    assert recipe.load(path, registry).steps[1].gives == {"beads", "reference"}


class TestOverrides:
    @pytest.mark.parametrize("assignment", [
        "steps.toy_place.wait=0.5", "steps[2].toy_place.wait=0.5", "steps[2].wait=0.5", "steps.toy_place[0].wait=0.5",
        "steps.toy_place={wait: 0.5}"])
    def test_paths_to_a_step(self, registry: Registry, write_recipe: Write, assignment: str) -> None:
        assert recipe.load(write_recipe(), registry, [assignment]).steps[2].options.wait == 0.5

    def test_reach_into_nested_plugins_and_lists(self, registry: Registry, write_recipe: Write) -> None:
        path = write_recipe(("{toy: 5}", "toy"), ("{toy: sums.txt}", "[{toy: a.txt}]"))
        overrides = ["steps.read.beads.toy.frames=9", "steps.write.atoms[0].toy=c.txt", "seed=3"]
        loaded = recipe.load(path, registry, overrides)
        assert loaded.steps[1].options.beads.options.frames == 9
        assert loaded.steps[3].options.atoms[0].options.file == Path("c.txt")
        assert loaded.seed == 3
        assert loaded.source.overrides == tuple(overrides)

    @pytest.mark.parametrize(("assignment", "message"), [
        ("steps.toy_place", "is not an assignment. Write --set steps.gibbs.temperature=453."),
        ("steps..wait=1", "is not an assignment"),
        ("steps.toy_plaice.wait=1", "the recipe has no step 'toy_plaice'. It has: toy_topology, read, toy_place"),
        ("steps.toy_place[1].wait=1", "the recipe has 1 steps 'toy_place', counted from 0"),
        ("steps[7].wait=1", "there are 4 steps, counted from 0"),
        ("steps.read.beads.toy.frames=9", "'toy' holds 5, which has no 'frames'"),
        ("steps.toy_place.wait=[", "not valid YAML"),
        ("steps.toy_place.wiat=1", "no option is called 'wiat'. Did you mean 'wait'? Known: wait, clashes, shift"),
    ])
    def test_mistakes(self, registry: Registry, write_recipe: Write, assignment: str, message: str) -> None:
        message = message.replace("Known: wait, clashes, shift", "Known: clashes, scatter, shift, wait")
        with pytest.raises(BackmapError, match=re.escape(message)):
            recipe.load(write_recipe(), registry, [assignment])

    def test_an_ambiguous_path_is_an_error(self, registry: Registry, write_recipe: Write) -> None:
        path = write_recipe(("- toy_place\n", "- toy_place\n  - toy_place\n"))
        with pytest.raises(BackmapError) as error:
            recipe.load(path, registry, ["steps.toy_place.wait=1"])
        assert str(error.value) == ("--set steps.toy_place.wait=1: the recipe has 2 steps 'toy_place'. "
                                    "Write steps.toy_place[0] or steps.toy_place[1].")


class Deep(api.Step):
    """A step with every kind of nesting."""

    class Options(api.Options):
        by_name: dict[str, api.Nested[api.Writer]] = Field({}, description="By name.")
        one: api.Nested[api.Reader] | None = Field(None, description="One or none.")
        some: list[api.Nested[api.Reader]] = Field([], description="Some.")
        either: api.Nested[api.Reader] | list[api.Nested[api.Reader]] | None = Field(None, description="One or more.")
        number: int | float | None = Field(None, description="A number.")
        source: api.InputPath | None = Field(None, description="A file.")


class TestNested:
    @pytest.fixture
    def build(self, registry: Registry, tmp_path: Path) -> Build:
        return Build(tmp_path, recipe._Builder(registry))

    def options(self, build: Build, **values: object) -> Deep.Options:
        return recipe.validated(Deep.Options, values, build, "option")

    def test_everywhere(self, build: Build) -> None:
        options = self.options(build, by_name={"a": {"toy": "a.txt"}}, one="toy", some=["toy", {"toy": 2}],
                               either=["toy"])
        assert options.by_name["a"].options.file == Path("a.txt")
        assert [reader.options.frames for reader in [options.one, *options.some, *options.either]] == [5, 5, 2, 5]

    @pytest.mark.parametrize(("values", "path", "message"), [
        ({"by_name": {"a": {"toi": 1}}}, "by_name.a", "no writer is called 'toi'. Did you mean 'toy'? Known: toy"),
        ({"some": ["toy", {"toy": {"frames": "x"}}]}, "some[1].toy.frames", "should be a valid integer"),
        ({"one": {"toy": {}, "frames": 2}}, "one", "a reader has one name, but here are 2: toy, frames"),
        ({"one": 3}, "one", "expected a reader, not 3. Write it as 'name' or 'name: {options}'."),
        ({"either": {"toi": 1}}, "either", "no reader is called 'toi'"),
        ({"number": "x"}, "number", "should be a valid integer, unable to parse string as an integer or should be"),
        ({"one": None, "nubmer": 1}, "", "no option is called 'nubmer'. Did you mean 'number'?"),
        ({"source": "no.gro"}, "source", "there is no file 'no.gro'"),
    ])
    def test_errors_have_the_path(self, build: Build, values: dict, path: str, message: str) -> None:
        with pytest.raises(recipe.RecipeError, match=re.escape(message)) as error:
            self.options(build, **values)
        assert error.value.path == path

    def test_all_that_is_wrong_is_told_at_once(self, build: Build) -> None:
        """One error for each option, those of nested plugins with their paths; what branches of a union say once."""
        with pytest.raises(recipe.RecipeError) as error:
            self.options(build, one={"toy": {"frames": "x", "frmaes": 2}}, either={"toi": 1}, number="x", nubmer=1)
        told = [error.value, *error.value.others]
        assert [(each.path, each.problem.split(",")[0]) for each in told] == [
            ("", "no option is called 'nubmer'"), ("one.toy", "no option is called 'frmaes'"),
            ("one.toy.frames", "should be a valid integer"), ("either", "no reader is called 'toi'"),
            ("number", "should be a valid integer")]

    def test_without_a_recipe_instances_are_taken(self, registry: Registry, build: Build) -> None:
        reader = self.options(build, one="toy").one
        assert Deep.Options(one=reader).one is reader


class TestPaths:
    def test_input_is_relative_to_the_recipe_and_expanded(self, registry: Registry, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
        build = Build(tmp_path, recipe._Builder(registry))
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "cg.gro").write_text("")
        monkeypatch.delenv("DATA", raising=False)
        assert Deep.Options.model_validate({"source": "${DATA:-data}/cg.gro"}, context=build).source == \
            tmp_path / "data" / "cg.gro"
        assert list(build.inputs) == [tmp_path / "data" / "cg.gro"]
        monkeypatch.setenv("DATA", str(tmp_path / "data"))
        assert Deep.Options.model_validate({"source": "${DATA}/cg.gro"}, context=build).source.exists()

    def test_a_variable_without_default_must_be_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("DATA", raising=False)
        with pytest.raises(BackmapError, match=r"variable DATA is not set. Set it, or write \$\{DATA:-"):
            expand("${DATA}/cg.gro")

    @pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "."])
    def test_output_stays_in_the_output_folder(self, registry: Registry, write_recipe: Write, path: str) -> None:
        with pytest.raises(BackmapError, match="is not inside the output folder") as error:
            recipe.load(write_recipe(("sums.txt", path)), registry)
        assert "steps[3].write.atoms[0].toy.file" in str(error.value)


class TestDocument:
    @pytest.mark.parametrize(("text", "message"), [
        ("seed: 1\nseed: 2\n", "run.yaml:2: not valid YAML: the key 'seed' comes twice"),
        ("steps: [a\nb: c: d\n", "run.yaml:2: not valid YAML"),
        ("a: &a [*a]\n", "run.yaml: not valid YAML here: nested without end"),
        ("a: &a [x, x, x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in pairwise("abcdefghi")),
         "run.yaml: not valid YAML: more than 100000 entries once its aliases are written out"),
        ("a: !!python/object:os.system {}\n", "run.yaml:1: not valid YAML: could not determine a constructor"),
        ("a: \x01\n", "run.yaml: not valid YAML: unacceptable character"),
    ])
    def test_says_the_line(self, text: str, message: str) -> None:
        with pytest.raises(BackmapError, match=re.escape(message)):
            document.parse(text, "run.yaml")

    def test_merge_keys_may_be_overridden(self) -> None:
        assert document.parse("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n", "")["b"] == {"x": 3, "y": 2}
