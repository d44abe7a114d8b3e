"""Recipes that read other frames than those they were written for."""
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backmap import api
from backmap.errors import BackmapError
from backmap.recipe import document
from backmap.recipe.registry import Registry
from backmap.running import redirection

from ...toy_plugin import ToyFrames, ToyReader
from ..conftest import TOY


@pytest.fixture(scope="module")
def plugins() -> Registry:
    return Registry().discover().load_file(TOY)


def redirected(read: Any, registry: Registry, beads: Any = None, reference: Any = None) -> tuple[Any, list[str], str]:
    """The step as it is then, the record, and what was said."""
    content, said = {"recipe": 1, "steps": ["toy_topology", {"read": read}]}, []
    record = redirection.redirect(content, registry, beads, reference, "run.yaml", said.append)
    return content["steps"][1]["read"], record, " ".join(said)


@pytest.mark.parametrize("read", [
    {"beads": {"gromacs": ["cg.gro", "cg.xtc"]}}, {"beads": {"gromacs": {"files": "cg.gro"}}}, {"gromacs": "cg.gro"},
])
def test_files_go_to_the_reader_of_the_recipe(read: dict[str, Any], plugins: Registry) -> None:
    step, record, said = redirected(read, plugins, ["a.gro", Path("b.xtc")])
    files = [str(Path(name).absolute()) for name in ("a.gro", "b.xtc")]
    assert step == {"beads": {"gromacs": {"files": files}}}
    assert said == ""
    again = {"recipe": 1, "steps": ["toy_topology", {"read": read}]}
    document.override(again, record[0])  # what run.json says leads to the same recipe
    assert again["steps"][1]["read"] == step


def test_the_reference_of_other_beads_is_left_out(plugins: Registry) -> None:
    read = {"beads": {"toy": 5}, "reference": {"toy": 5}}
    step, _, said = redirected(read, plugins, {"toy": 3})
    assert step == {"beads": {"toy": 3}}
    assert said == "the reference of the recipe belongs to its own beads and is left out"
    step, _, said = redirected(read, plugins, {"toy": 3}, {"toy": {"frames": 3}})
    assert (step, said) == ({"beads": {"toy": 3}, "reference": {"toy": {"frames": 3}}}, "")
    assert redirected(read, plugins, reference="aa")[0]["beads"] == {"toy": 5}


def test_nothing_given_changes_nothing(plugins: Registry) -> None:
    read = {"beads": {"toy": 5}, "reference": {"toy": 5}}
    assert redirected(read, plugins) == (read, [], "")


def test_frames_in_memory_are_told_apart() -> None:
    one, other = (redirection.GivenFrames(ToyFrames(ToyReader.Options(frames=n))) for n in (3, 4))
    assert str(one) == str(redirection.GivenFrames(ToyFrames(ToyReader.Options(frames=3))))
    assert str(one) != str(other)
    assert isinstance(one, api.Reader)
    assert one.open().n_frames == 3


def test_an_object_is_recorded_by_its_frames(plugins: Registry) -> None:
    import MDAnalysis

    universe = MDAnalysis.Universe.empty(3, trajectory=True)
    universe.atoms.positions = np.arange(9.0).reshape(3, 3)
    step, record, _ = redirected({"beads": {"toy": 5}}, plugins, universe)
    assert isinstance(step["beads"], redirection.GivenFrames)
    recorded = json.loads(record[0].removeprefix("steps.read="))
    assert recorded["beads"].startswith("Universe of 3 points, 1 frames, ")


@pytest.mark.parametrize(("steps", "message"), [
    (["toy_topology"], "run.yaml: there are 0 steps 'read', so that no beads can be given. Write exactly one."),
    ([{"read": {"toy": 1}}, {"read": {"toy": 2}}], "there are 2 steps 'read'"),
    ([{"read": None}], "the recipe names no reader. Give an entry such as {gromacs: cg.gro}."),
    ([{"read": {"beads": {"tpy": 1}}}], "no reader is called 'tpy'"),
    (None, "there are 0 steps 'read'"),
])
def test_mistakes(steps: Any, message: str, plugins: Registry) -> None:
    with pytest.raises(BackmapError, match=re.escape(message)):
        redirection.redirect({"steps": steps}, plugins, ["a.gro"], None, "run.yaml", print)
