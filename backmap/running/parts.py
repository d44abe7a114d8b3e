"""Parts of a run: what they are called, which frames are theirs, and whether there can be any."""
from __future__ import annotations

from ..errors import BackmapError
from ..recipe.recipe import Recipe


def part_name(number: int, count: int) -> str:
    """The folder of a part, in the output folder of the run."""
    return f"part-{number}-of-{count}"


def bounds(n_frames: int, part: int, count: int) -> tuple[int, int]:
    """Places of the first frame of a part and of the first one after it; parts differ by one frame at most."""
    return n_frames * (part - 1) // count, n_frames * part // count


def expect_shareable(recipe: Recipe, among: str) -> None:
    """Raise BackmapError if frames cannot be the work of other processes, ``among`` which they are to be shared."""
    early = next((step for step in recipe.steps if step.beforehand), None)
    if early is not None:
        raise BackmapError(f"step '{early.name}' does its work before there are frames, and {among} would each do it "
                           "anew", where=early.where, hint="Give it a recipe of its own, and run that first.")
    later = next((step for step in recipe.steps if step.follows), None)
    if later is not None and among == "processes":
        raise BackmapError(f"step '{later.name}' takes each frame from the one before, so that processes cannot share "
                           "them", where=later.where,
                           hint="Leave 'processes' out. Parts of a long trajectory (--part 1/4) each begin anew.")
    if recipe.source.in_memory:
        raise BackmapError(f"frames that are held in memory cannot be shared out among {among}",
                           where=recipe.source.path, hint="Write them to a file.")
