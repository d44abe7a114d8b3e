"""From YAML to steps that are built and checked, before anything runs.

One grammar rule: a plugin is written ``name`` or ``name: {options}``; a value that is not a mapping
fills the plugin's first option. If that option is a plugin itself, it may stand among the others:
``forcefield: {gromacs: topol.top, cutoff: 1.2}``. Some plugins imply another (``Options.implied``), whose options stand
in the place of theirs. Steps, and what is nested in their options, are built the same way.
"""
from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import pydantic

from ..api import Nested, Plugin, Step
from ..errors import BackmapError
from ..fields import Build, as_path
from ..model.inputs import BeadsAre, BeadsSaid
from . import document
from .mistakes import RecipeError, all_errors, named, short
from .registry import Kind, Registry, kind_of
from .source import Source


class Recipe(pydantic.BaseModel):
    """A checked recipe. ``source`` says where it comes from."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)
    changed_names: ClassVar[Mapping[str, str]] = {}  #: as in ``Options``

    recipe: Literal[1] = pydantic.Field(description="Version of the recipe format: 1.")
    title: str = pydantic.Field("", description="Title of the run.")
    seed: int = pydantic.Field(0, ge=0, lt=2**63, description="Every random draw of the run follows from it.")
    device: Literal["auto", "cpu", "cuda"] = pydantic.Field("auto", description="Where torch computes.")
    output: str = pydantic.Field("runs", min_length=1, description="Folder of the results.")
    window: int | None = pydantic.Field(
        None, ge=1, le=10**6, description="Frames that are read and written together; what comes out is the same.")
    processes: int = pydantic.Field(
        1, ge=1, le=1024, description="Processes that share the frames. What comes out does not depend on it.")
    replicas: int = pydantic.Field(
        1, ge=1, le=10**6, description="Independent draws of the atoms for each frame of beads.")
    replica: int | None = pydantic.Field(None, ge=0, description="Only this one of them, from 0.")
    beads: BeadsSaid | None = pydantic.Field(
        None, description="What beads are: mapped from atoms (they are met exactly, and the force field judges them, "
                          "too), or a model's; auto where nobody knows. With model and auto a pilot finds out how far "
                          "they are to be trusted, and 'hamiltonian' meets them as softly as that.")
    max_warnings: dict[str, pydantic.NonNegativeInt] = pydantic.Field(
        {}, description="How many physics warnings of each type the run may have before it fails.")
    max_infeasible: float = pydantic.Field(
        0.5, ge=0, le=1, description="Share of the beads of a frame that rigid bonds may keep from being met: with "
                                     "more the run ends, unless beads are held softly. 1 never ends it.")
    define: Any = pydantic.Field(None, description="Room for YAML anchors; nothing reads it.", exclude=True)
    steps: list[Nested[Step]] = pydantic.Field(min_length=1, description="What is done, in order.")

    _source: Source = pydantic.PrivateAttr()

    @property
    def source(self) -> Source:
        """File, changes and inputs that the recipe was built from."""
        return self._source

    def remembering(self, overrides: Sequence[str]) -> Recipe:
        """This recipe, which tells of changes that were made before it was composed."""
        self._source = replace(self._source, overrides=(*overrides, *self._source.overrides))
        return self

    @property
    def drawn(self) -> Sequence[int]:
        """Numbers of the replicas that a run makes, in order."""
        return range(self.replicas) if self.replica is None else [self.replica]

    @property
    def beads_are(self) -> BeadsAre | None:
        """What beads are, where the recipe knows it."""
        return None if self.beads == "auto" else self.beads

    @property
    def folder(self) -> Path:
        """Folder of the recipe."""
        return self._source.path.resolve().parent

    @property
    def output_folder(self) -> Path:
        """Where results go; a relative ``output`` starts at the recipe's folder, ``${NAME:-default}`` is expanded."""
        return Path(os.path.normpath(self.folder / as_path(self.output)))


def load(path: Path | str, registry: Registry, overrides: Sequence[str] = ()) -> Recipe:
    """Read, override, build and check a recipe.

    Args:
        path: The YAML file.
        registry: Where its plugins are found.
        overrides: ``--set`` assignments, in order.

    Raises:
        BackmapError: One line with the file, the place in it, what is wrong and what to do.
    """
    path = Path(path)
    text, content = document.read(path)
    return compose(text, content, path, registry, overrides)


def compose(text: str, content: dict[str, Any], path: Path, registry: Registry,
            overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from what a file holds, or would hold; ``path`` says where its relative paths start."""
    for assignment in overrides:
        document.override(content, assignment, registry.changed(kind_of(Step)))
    build = Build(path.resolve().parent, _Builder(registry))
    try:
        recipe = validated(Recipe, content, build, "entry")
        for error in _settle(recipe.steps, "steps", path, registry):
            raise error
        _tell(recipe.steps, recipe.beads)
    except RecipeError as error:
        first, *_ = error.outermost(path).all  # check tells all of them, of all steps
        raise first from error.__cause__
    recipe._source = Source(path, text, tuple(overrides), content, tuple(build.inputs), tuple(build.plugins),
                            tuple(registry.files), build.in_memory)
    return recipe


def pieces(content: dict[str, Any], path: Path, registry: Registry) -> tuple[list[Step], list[BackmapError]]:
    """The steps of a recipe that can be built, and all that is wrong with it, where ``compose`` stops at the first."""
    build, errors = Build(path.resolve().parent, _Builder(registry)), []
    entries = content.get("steps")
    whole = isinstance(entries, list) and bool(entries)
    try:
        validated(Recipe, {**content, "steps": [Step(Step.Options())]} if whole else content, build, "entry")
    except RecipeError as error:
        errors += error.outermost(path).all
    steps: list[Step | None] = []
    for number, entry in enumerate(entries if whole else ()):
        try:
            steps.append(build.plugin(Step, entry, build))
        except BackmapError as error:
            errors += RecipeError.inside(f"steps[{number}]", error).outermost(path).all
            steps.append(None)
    errors += [error.outermost(path) for error in _settle(steps, "steps", path, registry)]
    return [step for step in steps if step is not None], errors


@dataclass
class _Builder:
    """Builds plugins from recipe entries."""

    registry: Registry
    #: How a plugin was written, for messages of its kind.
    grammar: str = field(default="Write it as 'name' or 'name: {options}'.")

    def __call__(self, contract: type, entry: Any, build: Build) -> Plugin:
        kind = kind_of(contract)
        name, value = self._split(kind, entry)
        plugin = self.registry.get(kind, name)
        if not issubclass(plugin, contract):
            raise BackmapError(f"'{name}' is not a {contract.__name__}")
        implied = _implied(plugin, value)
        try:
            options = validated(plugin.Options, self._options(plugin, name, value), build, "option")
            built = plugin(options)
        except BackmapError as error:
            raise RecipeError.inside(name, error, ".".join(implied)) from error.__cause__
        if implied:
            getattr(options, implied[0]).unnamed = True
        built.name, build.plugins[plugin] = name, None
        return built

    def _split(self, kind: Kind, entry: Any) -> tuple[str, Any]:
        """Name and options of an entry."""
        if isinstance(entry, str):
            return entry, None
        if isinstance(entry, dict) and len(entry) == 1:
            return next((str(name), value) for name, value in entry.items())
        if isinstance(entry, dict) and len(entry) > 1:
            first, *others = map(str, entry)
            raise BackmapError(f"{kind.a_name} has one name, but here are {len(entry)}: {', '.join([first, *others])}",
                               hint=f"Indent the options of '{first}' further, or write one entry for each.")
        raise BackmapError(f"expected {kind.a_name}, not {short(entry)}", hint=self.grammar)

    def _options(self, plugin: type[Plugin], name: str, value: Any) -> dict[str, Any]:
        """Options as a mapping: a bare value fills the first, and so does a plugin that stands among them."""
        if implied := _implied(plugin, value):
            return {implied[0]: {implied[1]: value}}
        known, changed = options_of(plugin), plugin.Options.changed_names
        if value is None:
            return {}
        if not isinstance(value, dict):
            if not known:
                raise BackmapError(f"'{name}' takes no options, but is given {short(value)}")
            return {next(iter(known)): value}
        first = next(iter(known), "")
        kind = nested_kind(known[first].annotation) if known else None
        names = self.registry.names(kind) if kind else []
        named = [key for key in value if key not in known and key not in changed
                 and difflib.get_close_matches(str(key), names, 1)]
        if len(named) != 1 or first in value:
            return value
        return {first: {named[0]: value[named[0]]}} | {key: given for key, given in value.items() if key != named[0]}


def _implied(plugin: type[Plugin], value: Any) -> tuple[str, ...]:
    """The option and the plugin in it whose options ``value`` is, where neither is named; or nothing."""
    named = isinstance(value, str) or (isinstance(value, dict) and not value.keys().isdisjoint(options_of(plugin)))
    return () if named else plugin.Options.implied


def spelled_out(contract: type[Plugin], entry: Any, registry: Registry) -> tuple[str, dict[str, Any]]:
    """Name and options of a recipe entry, with every option under its name.

    Raises:
        BackmapError: If no plugin of this kind is called so.
    """
    builder, kind = _Builder(registry), kind_of(contract)
    name, value = builder._split(kind, entry)
    return name, builder._options(registry.get(kind, name), name, value)


def built(contract: type[Plugin], entry: Any, folder: Path, registry: Registry) -> Any:
    """The plugin that a single recipe entry names; relative paths start at ``folder``.

    Raises:
        BackmapError: With the entry, if it cannot be built.
    """
    build = Build(folder, _Builder(registry))
    return build.plugin(contract, entry, build)


def nested_kind(annotation: Any) -> Kind | None:
    """The kind of plugin that a field of this type holds, if it holds one."""
    if isinstance(annotation, type) and issubclass(annotation, Plugin):
        return kind_of(annotation)
    return next((kind for part in get_args(annotation) if (kind := nested_kind(part))), None)


def validated(model: type[pydantic.BaseModel], values: dict[str, Any], build: Build, noun: str) -> Any:
    """A pydantic model from values of the recipe, with errors in one line.

    Raises:
        RecipeError: What is wrong, with its path inside ``values``.
    """
    try:
        return model.model_validate(values, context=build)
    except pydantic.ValidationError as invalid:
        raise all_errors(invalid, model, noun) from None


def _settle(steps: Sequence[Step | None], place: str, file: Path, registry: Registry,
            given: frozenset[str] = frozenset(), first: int = 0) -> Iterator[RecipeError]:
    """Give steps their numbers and places; each must find what it needs among what those before it give.

    A step that could not be built is None, and may give anything. Numbers of nested steps start at a thousand times
    that of the step they are nested in, so that no two steps share their random draws.
    """
    gone: dict[str, str] = {}
    for number, step in enumerate(steps):
        if step is None:
            given = given | {need for other in steps if other is not None for need in other.needs}
            continue
        path = f"{place}[{number}].{step.name}"
        step.index, step.where, step.there = first + number, f"{file}: {path}", given
        lacking: dict[str, list[str]] = {}
        for need in sorted(step.needs - given):
            lacks = f"of which nothing is left after '{gone[need]}'" if need in gone else "which no earlier step gives"
            lacking.setdefault(lacks, []).append(need)
        for lacks, needs in lacking.items():
            yield RecipeError(f"step '{step.name}' needs {' and '.join(needs)}, {lacks}", path=path,
                              hint=_had_from(needs, type(step), registry))
        for branch, (name, nested) in enumerate(step.branches.items()):
            yield from _settle(nested, f"{path}.{name}", file, registry, given | step.inside.get(name, frozenset()),
                               1000 * (step.index + 1) + 100 * branch)
        gone |= dict.fromkeys(given & step.takes - step.gives, step.name)
        given = (given - step.takes) | step.gives


def _tell(steps: Sequence[Step], beads: BeadsSaid | None) -> None:
    """Tell all steps what the recipe says of its beads."""
    for step in steps:
        step.beads_said = beads
        for nested in step.branches.values():
            _tell(nested, beads)


def _had_from(needs: Sequence[str], step: type[Step], registry: Registry) -> str:
    """Which steps give what a step lacks."""
    own = "".join(f". Or say it here: {need}: ..." for need in needs if need in options_of(step))
    givers = {need: ", ".join(_givers(need, registry)) or "none" for need in needs}
    if len(needs) == 1:
        return f"Steps that give it: {givers[needs[0]]}{own}"
    return f"Steps that give them: {'; '.join(f'{need}: {names}' for need, names in givers.items())}{own}"


def _givers(need: str, registry: Registry) -> list[str]:
    """Steps that give something without needing it themselves."""
    kind, givers = kind_of(Step), []
    for name in registry.names(kind):
        try:
            step = registry.get(kind, name)
            if need in step.gives - step.needs:
                givers.append(name)
        except BackmapError:  # a step that cannot be loaded gives nothing
            continue
    return givers


def options_of(plugin: type[Plugin]) -> dict[str, pydantic.fields.FieldInfo]:
    """The options of a plugin by name, in order; the first is the one a bare value fills."""
    return named(plugin.Options)
