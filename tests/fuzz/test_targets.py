"""The targets with damaged files: bytes turned, lines lost, doubled and swapped, odd words."""
from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .targets import OCTANE, TARGETS, trajectory

#: What stands in place of a number or a word.
ODD = (b"-1", b"0", b"nan", b"inf", b"1e400", b"99999999999999999999", b"\xff\xfe", b"[[[", b"{{", b"&a *a", b"<",
       b"%s", b"../../x", b"", b"\x00", b"#include", b"1 2 3 4 5 6 7 8 9")


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with up to four kinds of damage."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        data = draw(st.sampled_from((turned, cut, shuffled, odd)))(data, draw)
    return data


def turned(data: bytes, draw: st.DrawFn) -> bytes:
    if not data:
        return data
    at = draw(st.integers(0, len(data) - 1))
    return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1:]


def cut(data: bytes, draw: st.DrawFn) -> bytes:
    return data[:draw(st.integers(0, len(data)))]


def shuffled(data: bytes, draw: st.DrawFn) -> bytes:
    """A line lost, doubled or moved."""
    lines = data.split(b"\n")
    line = lines.pop(draw(st.integers(0, len(lines) - 1)))
    for _ in range(draw(st.integers(0, 2))):
        lines.insert(draw(st.integers(0, len(lines))), line)
    return b"\n".join(lines)


def odd(data: bytes, draw: st.DrawFn) -> bytes:
    """A word replaced."""
    words = list(re.finditer(rb"[^\s:,\[\]{}<>]+", data))
    if not words:
        return data
    word = words[draw(st.integers(0, len(words) - 1))]
    return data[:word.start()] + draw(st.sampled_from(ODD)) + data[word.end():]


@pytest.mark.parametrize("name", list(TARGETS))
def test_seeds_are_read_or_refused(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds:
        target(seed)


@pytest.mark.parametrize("name", list(TARGETS))
def test_damage_is_refused_in_one_line(name: str) -> None:
    target, seeds = TARGETS[name]

    @settings(max_examples=60, deadline=5000, suppress_health_check=list(HealthCheck))
    @given(damaged(seeds))
    def check(data: bytes) -> None:
        target(data)

    check()


@pytest.mark.parametrize("name", list(TARGETS))
def test_any_bytes_are_refused_in_one_line(name: str) -> None:
    target, _ = TARGETS[name]

    @settings(max_examples=40, deadline=5000, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
    def check(data: bytes) -> None:
        target(data)

    check()


def test_trajectories_may_be_cut_anywhere() -> None:
    data = (OCTANE / "cg.xtc").read_bytes()

    @settings(max_examples=40, deadline=5000, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, len(data)))
    def check(end: int) -> None:
        trajectory(data[:end])

    check()
