"""What is wrong with a recipe, in one line: where in it, what, and what to do."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import pydantic

from ..errors import BackmapError
from .registry import did_you_mean


class RecipeError(BackmapError):
    """A problem at a path inside the recipe, e.g. ``forward.generator.template``."""

    def __init__(self, problem: str, *, path: str = "", where: object = "", hint: str = "",
                 others: Sequence[BackmapError] = ()) -> None:
        self.path = path
        super().__init__(problem, where=where, hint=hint, others=others)

    @classmethod
    def inside(cls, path: str, error: BackmapError, implied: str = "") -> RecipeError:
        """The error one level up: ``path`` comes before the path it has, of which a beginning may be implied."""
        inner = error.path.removeprefix(implied).removeprefix(".") if isinstance(error, RecipeError) else ""
        return cls(error.problem, path=joined(path, inner), where=error.where, hint=error.hint,
                   others=[cls.inside(path, other, implied) for other in error.others])

    def outermost(self, file: Path) -> BackmapError:
        """The error that the user sees."""
        where = ": ".join(filter(None, [str(file), self.path, self.where]))
        return BackmapError(self.problem, where=where, hint=self.hint,
                            others=[other.outermost(file) for other in self.others])


_PLURAL = {"option": "options", "entry": "entries"}
#: Parts of pydantic's error places that name a branch of a union, not a place in the recipe.
_BRANCHES = {"int", "float", "str", "bool", "none", "path", "constrained-int", "constrained-float"}


def all_errors(invalid: pydantic.ValidationError, model: type[pydantic.BaseModel], noun: str) -> RecipeError:
    """What is wrong with options, one error for each of them: the one to show first, and the others with it.

    Of one option more is not said, as of a union every branch complains.
    """
    found, left = [], invalid.errors()
    while left:
        chosen = _foremost(left, model)
        found.append(_error(chosen, left, model, noun))
        option = _option(chosen)
        settled = chosen["type"] in ("extra_forbidden", "missing")  # a slip in a name explains what is missing
        left = [e for e in left if _option(e) != option and not (settled and e["type"] == "missing")]
    first, *others = found
    return RecipeError(first.problem, path=first.path, where=first.where, hint=first.hint,
                       others=[*first.others, *(each for other in others for each in (_alone(other), *other.others))])


def _alone(error: RecipeError) -> RecipeError:
    """An error without those that were found with it."""
    return RecipeError(error.problem, path=error.path, where=error.where, hint=error.hint)


def _option(error: Any) -> tuple[str | int, ...]:
    """The option that an error is of, or the entry of a list that stands for one."""
    place = _place(error["loc"])
    return place[:2] if len(place) > 1 and isinstance(place[1], int) else place[:1]


def _foremost(errors: list[Any], model: type[pydantic.BaseModel]) -> Any:
    """The error to show first: a slip in a name explains a missing option better than the reverse."""
    unknown = [e for e in errors if e["type"] == "extra_forbidden"]
    return next((e for e in unknown if _now(model, _place(e["loc"]))), next(iter(unknown), errors[0]))


def _error(chosen: Any, errors: list[Any], model: type[pydantic.BaseModel], noun: str) -> RecipeError:
    """One of pydantic's errors in our words; ``errors`` are all of them."""
    place = _place(chosen["loc"])
    alike = [e for e in errors if _place(e["loc"]) == place and (e is chosen or e["type"] != "model_type")]
    path, above = _path(place), _path(place[:-1])
    known = named(model)
    inside = [e for e in errors if _place(e["loc"])[:len(place)] == place
              and isinstance(e.get("ctx", {}).get("error"), BackmapError)]
    if inside:  # of the branches of a union it is the one that was meant
        return RecipeError.inside(_path(_place(inside[0]["loc"])), inside[0]["ctx"]["error"])
    if chosen["type"] == "extra_forbidden":
        if now := _now(model, place):
            return RecipeError(f"'{place[-1]}' {now}", path=above)
        hint = did_you_mean(str(place[-1]), known) if len(place) == 1 else ""
        return RecipeError(f"no {noun} is called '{place[-1]}'", path=above, hint=hint)
    description = known[place[0]].description if len(place) == 1 and place[0] in known else None
    if chosen["type"] == "missing":
        return _missing([_place(e["loc"]) for e in errors if e["type"] == "missing"], place, known, noun)
    problem = " or ".join(dict.fromkeys(_message(e) for e in alike))
    if chosen["type"] != "value_error":  # a validator's own words say what it was given
        problem = f"{problem}, not {short(chosen['input'])}"
    return RecipeError(problem, path=path, hint=description or "")


def _missing(places: list[tuple[str | int, ...]], place: tuple[str | int, ...],
             known: dict[str, pydantic.fields.FieldInfo], noun: str) -> RecipeError:
    """What is missing beside ``place``, it included, all at once: who adds one is not sent back for the next."""
    names = list(dict.fromkeys(str(other[-1]) for other in places if other[:-1] == place[:-1]))
    about = {name: known[name].description or "" if len(place) == 1 and name in known else "" for name in names}
    if len(names) == 1:
        return RecipeError(f"the {noun} '{names[0]}' is missing", path=_path(place[:-1]), hint=about[names[0]])
    *others, last = (f"'{name}'" for name in names)
    hint = " ".join(f"{name}: {text}" for name, text in about.items() if text)
    return RecipeError(f"the {_PLURAL[noun]} {', '.join(others)} and {last} are missing", path=_path(place[:-1]),
                       hint=hint)


def _now(model: type[pydantic.BaseModel], place: tuple[str | int, ...]) -> str | None:
    """How the line about the key at a place goes on, if recipes no longer write it there."""
    *way, key = place
    for part in way:
        if isinstance(part, int):  # an entry of a list
            continue
        option = named(model).get(part)
        model = _model_in(option.annotation) if option else None
        if model is None:
            return None
    return getattr(model, "changed_names", {}).get(key)


def _model_in(annotation: Any) -> type[pydantic.BaseModel] | None:
    """The model of options that a field of this type holds, if it holds one."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _message(error: Any) -> str:
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    message = re.sub(r" or instance of \w+", "", message)  # names of classes tell a user nothing
    return message[:1].lower() + message[1:]


def _place(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """pydantic's place without the names of union branches, which come below a field."""
    names = _BRANCHES | {model.__name__ for model in _below(pydantic.BaseModel)}
    return tuple(part for k, part in enumerate(loc)
                 if isinstance(part, int) or k == 0 or not ("[" in part or part in names))


def _below(model: type[pydantic.BaseModel]) -> Iterator[type[pydantic.BaseModel]]:
    """All classes that are derived from a model: pydantic names branches of unions by them."""
    for derived in model.__subclasses__():
        yield derived
        yield from _below(derived)


def _path(place: tuple[str | int, ...]) -> str:
    """A place as the user writes it: ``atoms[1].file``."""
    return joined(*(f"[{part}]" if isinstance(part, int) else part for part in place))


def joined(*parts: str) -> str:
    return ".".join(filter(None, parts)).replace(".[", "[")


def short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 50 else text[:47] + "..."


def named(model: type[pydantic.BaseModel]) -> dict[str, pydantic.fields.FieldInfo]:
    """Fields as a recipe calls them: some names, such as ``lambda``, are none in Python."""
    return {option.alias or name: option for name, option in model.model_fields.items()}
