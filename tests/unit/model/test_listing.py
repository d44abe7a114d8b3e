"""Lists for people: names cut short, and what holds for several things told once."""
from __future__ import annotations

from backmap.model.listing import listed, told_once


def test_long_lists_are_cut() -> None:
    assert listed("ABCDE") == "A, B, C, D, E"
    assert listed("ABCDEFG", 2) == "A, B and 5 more"


def test_what_holds_for_several_is_told_once() -> None:
    chains = [f"Chain_{letter}" for letter in "ABCDEF"]
    said = [*(f"{chain}: 24 centres" for chain in chains[:2]), "Chain_C: 23 centres", "SOL: water",
            *(f"{chain}: 24 centres" for chain in chains[3:]), "no name"]
    assert told_once(said, [*chains, "SOL"]) == [
        (0, "Chain_A: 24 centres (the same of Chain_B, Chain_D, Chain_E and 1 more)"),
        (2, "Chain_C: 23 centres"), (3, "SOL: water"), (7, "no name")]


def test_names_inside_of_others_are_not_met() -> None:
    said = ["A and B differ", "B and A differ", "AB: one", "A: one", "A: one"]
    assert told_once(said, ["A", "B", "AB"]) == [
        (0, "A and B differ"), (1, "B and A differ"), (2, "AB: one (the same of A)")]
    assert told_once(["A: one", "B: one"], []) == [(0, "A: one"), (1, "B: one")]
