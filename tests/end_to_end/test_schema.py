"""All recipes that ship, or stand in the docs, are valid by the JSON schema; wrong ones are not."""
from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backmap.recipe import document
from backmap.recipe.registry import Registry
from backmap.recipe.schema import schema
from tests.test_docs import PAGES, ROOT, blocks, label

#: Plugins that the guides for authors write: only who has them knows their options.
GUIDED = ("cloud", "slab", "alignment", "arrays:")
DEMO = ROOT / "recipes" / "octane" / "run.yaml"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(Registry().discover()))


def shipped() -> Iterator[Any]:
    for path in sorted((ROOT / "recipes").rglob("*.yaml")):
        yield pytest.param(path.read_text(), id=label(path))
    for path in PAGES:
        for number, text in enumerate(text for text in blocks(path, "yaml") if text.startswith("recipe:")):
            if not any(name in text for name in GUIDED):
                yield pytest.param(text, id=f"{label(path)}-{number}")


@pytest.mark.parametrize("text", list(shipped()))
def test_recipes_are_valid(text: str, validator: jsonschema.Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(document.parse(text, "run.yaml"))] == []


WRONG: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "an unknown step": lambda steps: steps.append("gibs"),
    "an unknown reader": lambda steps: steps[2]["read"].update(beads={"gromac": "cg.gro"}),
    "an unknown option": lambda steps: steps[4]["gibbs"].update(sweps=3),
    "an option that is a step of its own now": lambda steps: steps[4]["gibbs"].update(accept="boltzmann"),
    "an unknown option inside": lambda steps: steps[3]["forward"].update(generator={"equivariant": {"weight": "x"}}),
    "a number that is none": lambda steps: steps[4]["gibbs"].update(sweeps="many"),
    "a number out of range": lambda steps: steps[4]["gibbs"].update(temperature=-1),
    "a needed option missing": lambda steps: steps[0]["topology"].pop("atoms"),
    "two steps in one": lambda steps: steps[0].update(gibbs={"sweeps": 1}),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_wrong_recipes_are_not(change: Callable, validator: jsonschema.Draft202012Validator) -> None:
    content: dict[str, Any] = copy.deepcopy(document.read(Path(DEMO))[1])
    assert validator.is_valid(content)
    change(content["steps"])
    assert not validator.is_valid(content)
