"""Parts of a run: what they are called, and which frames are theirs."""
from __future__ import annotations


def part_name(number: int, count: int) -> str:
    """The folder of a part, in the output folder of the run."""
    return f"part-{number}-of-{count}"


def bounds(n_frames: int, part: int, count: int) -> tuple[int, int]:
    """Places of the first frame of a part and of the first one after it; parts differ by one frame at most."""
    return n_frames * (part - 1) // count, n_frames * part // count
