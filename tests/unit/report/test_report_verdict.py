"""Verdicts: each rule says what its figures are, and no more than was measured."""
from __future__ import annotations

from dataclasses import replace

import pytest
from backmap_plugins.report.content import Content, Row, collect
from backmap_plugins.report.tables import title_of
from backmap_plugins.report.verdict import best_of, judge

from backmap.model.assessment import CARE, GOOD, REFERENCE, UNUSABLE, Aspect, Assessment, Figure, Judgement
from backmap.model.sampling import Sampling
from tests import judgements, scenes
from tests.judgements import OTHERS, OWN


def content(figures: list[Figure], reference: list[Figure] | None = None, floor: list[Figure] | None = None) -> Content:
    """One trajectory with these figures, and a reference."""
    by_trajectory = {} if reference is None else {REFERENCE: {"x": Assessment(reference)}}
    by_trajectory["a"] = {"x": Assessment(figures)}
    return collect(Judgement("a", by_trajectory, {"x": Assessment(floor or [])}, {"a": 10}), {})


def found(what: Content, topic: str, label: str = "a") -> tuple[int, str]:
    """Level and sentence of the only finding about a topic."""
    finding, = [f for f in judge(what, label).findings if f.topic == topic]
    return finding.level, finding.text


def test_the_published_trajectories_are_judged_as_they_deserve() -> None:
    judged, system = judgements.judgement(example=False)
    what = collect(judged, judgements.provenance(), system)
    assert judge(what, OWN).topics == ["clashes", "pierced rings"]
    assert judge(what, OTHERS[0]).level == CARE
    assert {"stereochemistry", "bond lengths", "energies"} <= set(judge(what, OTHERS[0]).topics)
    worst = judge(what, OTHERS[1])
    assert worst.level == UNUSABLE
    assert "should not be used" in worst.paragraph(78)
    level, text = found(what, "stereochemistry", OTHERS[0])
    assert level == CARE
    assert text.startswith("Only 99.22\u00a0% of the stereocentres of PS1 are right (share as in reference frame).")
    said = found(what, "energies", OTHERS[0])[1].replace("\u00a0", " ")
    assert "−373 ± 195 kJ/mol (reference −416 ± 43)" in said


@pytest.mark.parametrize(("share", "level"), [(1.0, GOOD), (0.99999, CARE), (0.97, UNUSABLE)])
def test_stereochemistry_is_never_rounded_up(share: float, level: int) -> None:
    what = content([Figure("stereochemistry", "stereocentres of A", "share as in topology", share, ideal=1.0)])
    got, text = found(what, "stereochemistry")
    assert got == level
    assert "100" not in text


@pytest.mark.parametrize(("count", "own", "level"), [(0.0, None, GOOD), (0.2, None, CARE), (0.2, 0.2, GOOD),
                                                     (3.0, 0.2, UNUSABLE)])
def test_clashes_count_above_those_of_the_reference(count: float, own: float | None, level: int) -> None:
    figure = Figure("packing", "pairs closer than 0.12 nm", "per 1000 atoms", count, ideal=0.0)
    what = content([figure], None if own is None else [replace(figure, value=own)])
    assert found(what, "clashes" if level else "contacts")[0] == level


@pytest.mark.parametrize(("rms", "most", "level"), [(0.0005, 0.002, GOOD), (0.0005, 0.02, CARE), (0.0035, 0.022, CARE),
                                                    (0.2, 4.0, UNUSABLE)])
def test_beads_are_kept_or_not(rms: float, most: float, level: int) -> None:
    what = content([Figure("consistency", "all beads", "RMSD", rms, "nm", ideal=0.0),
                    Figure("consistency", "all beads", "maximum", most, "nm", ideal=0.0)])
    assert found(what, "bead positions")[0] == level


@pytest.mark.parametrize(("rms", "most", "level", "said"), [
    (0.00171, 0.0045, GOOD, "The beads are kept as softly as was asked, by a Gaussian of 0.001 nm and coordinate: "),
    (0.0019, 0.02, CARE, "but for some: "), (0.004, 0.006, CARE, "The beads are not kept: "),
    (0.06, 0.1, UNUSABLE, "not kept")])
def test_soft_beads_are_kept_as_softly_as_was_asked(rms: float, most: float, level: int, said: str) -> None:
    """A Gaussian of 0.001 nm a coordinate is off by sqrt(3) times that."""
    what = content([Figure("consistency", "all beads", "RMSD", rms, "nm", ideal=0.0),
                    Figure("consistency", "all beads", "maximum", most, "nm", ideal=0.0)])
    assert found(what, "bead positions")[0] in (CARE, UNUSABLE)  # where nobody said that they are soft
    what.judgement.sigma["a"] = 0.001
    got, text = found(what, "bead positions")
    assert got == level
    assert said in text


@pytest.mark.parametrize(("value", "floor", "level"), [(0.01, 0.0, GOOD), (0.09, 0.05, GOOD), (0.09, 0.01, CARE),
                                                       (0.5, 0.01, UNUSABLE)])
def test_divergences_count_above_the_noise(value: float, floor: float, level: int) -> None:
    def figure(value: float) -> Figure:
        return Figure("angles", "C-C-C", "JSD", value, distance=True)

    assert found(content([figure(value)], [], [figure(floor)]), "bond angles")[0] == level


def test_divergences_that_so_few_values_show_by_chance_say_nothing() -> None:
    """One molecule in one frame: nearly all bins are of one of the two alone."""
    def figure(chance: float) -> Figure:
        return Figure("propers", "C-C-C-C", "JSD", 0.6931, distance=True, error=chance)
    assert found(content([figure(0.25)]), "torsions")[0] == GOOD
    assert found(content([figure(0.01)]), "torsions")[0] == UNUSABLE


@pytest.mark.parametrize(("mean", "spread", "level"), [(0.153, 0.0005, GOOD), (0.153, 0.006, CARE),
                                                       (0.16, 0.0004, CARE), (0.172, 0.008, UNUSABLE)])
def test_bonds_are_long_wide_or_right(mean: float, spread: float, level: int) -> None:
    what = content([Figure("bonds", "C-C", "mean", mean, "nm", spread),
                    Figure("bonds", "C-C", "JSD", 0.01, distance=True)],
                   [Figure("bonds", "C-C", "mean", 0.153, "nm", 0.0004)])
    assert found(what, "bond lengths")[0] == level


def test_rigid_bonds_have_no_divergence() -> None:
    what = content([Figure("bonds", "C-C", "mean", 0.15301, "nm", 0.0)],
                   [Figure("bonds", "C-C", "mean", 0.153, "nm", 0.0)])
    assert found(what, "bond lengths") == (GOOD, "Bonds are rigid, at the lengths of the reference.")


def test_one_pierced_ring_in_many_frames_is_said() -> None:
    what = content([Figure("packing", "bonds through rings", "per frame", 0.013, ideal=0.0)])
    level, text = found(what, "pierced rings")
    assert level == CARE
    assert "0.013 per frame" in text


def test_what_was_not_measured_is_said() -> None:
    said = " ".join(judge(content([]), "a").unjudged)
    for word in ("no reference", "force field", "structure", "consistency"):
        assert word in said
    assert judge(content([]), "a").paragraph(10).startswith("Nothing was measured")
    assert "rare faults" in " ".join(judge(collect(Judgement("a", {"a": {}}, n_frames={"a": 1}), {}), "a").unjudged)


ANGLES = Figure("angles", "C-C-C", "JSD", 0.001, distance=True)
CLASHES = Figure("packing", "pairs closer than 0.12 nm", "per 1000 atoms", 0.0, ideal=0.0)


@pytest.mark.parametrize(("clashes", "level", "said"), [
    (0.0, None, "There is nothing to compare the 10 frames of “a” with. Of what can be told without"),
    (0.2, None, "There is nothing to compare the 10 frames of “a” with. Look at clashes first."),
    (3.0, UNUSABLE, "The 10 frames of “a” should not be used as they are, because of clashes."),
])
def test_without_a_reference_only_faults_are_judged(clashes: float, level: int | None, said: str) -> None:
    verdict = judge(content([replace(CLASHES, value=clashes)]), "a")
    assert verdict.level == level
    assert verdict.words == ("No verdict" if level is None else "Not usable as it is")
    assert verdict.paragraph(10).startswith(said)
    assert len(verdict.findings) == 1
    with_reference = judge(content([replace(CLASHES, value=clashes), ANGLES], []), "a")
    assert with_reference.level == (GOOD, CARE, UNUSABLE)[[0.0, 0.2, 3.0].index(clashes)]


def test_a_reference_that_nothing_was_compared_with_earns_nothing() -> None:
    verdict = judge(content([CLASHES], []), "a")
    assert verdict.words == "No verdict"
    assert verdict.paragraph(10).startswith("Nothing of the 10 frames of “a” was compared with the reference.")


def test_bonds_alone_earn_nothing() -> None:
    """They are right in any template."""
    bonds = [Figure("bonds", "C-C", "mean", 0.153, "nm", 0.0)]
    assert judge(content(bonds, bonds), "a").words == "No verdict"
    assert judge(content([*bonds, ANGLES], bonds), "a").words == "Good to use"


EQUIPARTITION = Aspect(GOOD, "equipartition", "All classes are at 300 K.", "force field")
RELAXED = Aspect(GOOD, "relaxation", "No energy falls any more.", "force field")


@pytest.mark.parametrize(("found", "words"), [
    ([EQUIPARTITION], "No verdict"), ([RELAXED], "No verdict"),
    ([EQUIPARTITION, RELAXED], "Samples the force field that was given; the force field itself was not examined"),
    ([EQUIPARTITION, replace(RELAXED, topic="ranks")],
     "Samples the force field that was given; the force field itself was not examined"),
    ([EQUIPARTITION, replace(RELAXED, level=CARE)], "Usable with care"),
    ([EQUIPARTITION, replace(RELAXED, level=UNUSABLE)], "Not usable as it is"),
    ([EQUIPARTITION, RELAXED, Aspect(CARE, "beads", "They do not fit.", "beads")], "Usable with care")])
def test_what_is_known_without_a_reference(found: list[Aspect], words: str) -> None:
    """Both that energies have their share of heat, and that nothing goes on changing, must have been looked at."""
    what = collect(Judgement("a", {"a": {"x": Assessment([CLASHES], findings=found)}}, n_frames={"a": 10}), {})
    verdict = judge(what, "a")
    assert verdict.words == words
    topics = {finding.topic for finding in found}
    lacking = {"equipartition", "relaxation"} - topics if words == "No verdict" else set()
    assert verdict.missing.count("Nothing is known of") == len(lacking)
    for name in lacking:
        assert f"No verdict. Nothing is known of {name}: that takes " in verdict.line
        assert verdict.missing in verdict.paragraph(10)


def test_a_verdict_says_what_it_rests_on() -> None:
    said = judge(content([CLASHES, ANGLES], []), "a").paragraph(10)
    assert said.endswith("This rests on the comparison with the reference (bond angles) and what holds of any atoms "
                         "(contacts).")


def test_steps_add_to_the_verdict_of_the_run_alone() -> None:
    what = content([CLASHES, ANGLES], [])
    what.sampling = [Sampling("steps[1].hamiltonian", [], findings=[replace(RELAXED, level=CARE)])]
    assert judge(what, "a").topics == ["relaxation"]
    what.own = "another"
    assert judge(what, "a").topics == []


@pytest.mark.parametrize(("name", "value", "level"), [
    ("Lennard-Jones", 36000.0, UNUSABLE), ("Lennard-Jones", 12.0, CARE), ("Lennard-Jones", 2.8, None),
    ("angle", 40.0, UNUSABLE), ("angle", 16.0, CARE), ("angle", 4.0, None)])
def test_energies_that_no_molecules_at_rest_have(name: str, value: float, level: int | None) -> None:
    figures = [Figure("energy", name, "per atom", value, "kJ/mol")]
    assert {f.level for f in judge(content(figures), "a").findings} == ({level} if level else set())


@pytest.mark.parametrize(("torsion", "level"), [(1.0, GOOD), (1.1, GOOD), (2.0, CARE), (0.5, CARE)])
def test_each_bonded_term_counts(torsion: float, level: int) -> None:
    """Torsions of twice the energy are a small share of all bonded terms."""
    def figures(torsion: float) -> list[Figure]:
        return [Figure("energy", "angle", "per atom", 4.0, "kJ/mol", 0.05),
                Figure("energy", "proper", "per atom", 0.3 * torsion, "kJ/mol", 0.03)]

    assert found(content(figures(torsion), figures(1.0)), "internal energy")[0] == level


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("reference", [True, False])
def test_energies_that_are_no_numbers(value: float, reference: bool) -> None:
    figures = [Figure("energy", "Coulomb", "per atom", value, "kJ/mol"), Figure("energy", "bond", "per atom", 1.0),
               Figure("energy", "Lennard-Jones per molecule", "JSD", float("nan"), distance=True)]
    what = content(figures, [replace(figure, value=1.0) for figure in figures[:2]] if reference else None)
    assert judge(what, "a").level == UNUSABLE
    level, text = found(what, "energies")
    assert level == UNUSABLE
    assert text.startswith("Energies are not finite: Coulomb per atom. ")


def sampled(*shares: float) -> list[Sampling]:
    """Steps that accepted these shares, of two kinds of blocks."""
    return [Sampling(f"steps[{number}].hamiltonian", [
        {"block": "block", "bead_type": name, "first": 0.9, "last": share, "all": share, "tried": tried, "energy": None}
        for name, tried in (("A", 300), ("B", 100))]) for number, share in enumerate(shares)]


@pytest.mark.parametrize(("shares", "level"), [((0.4,), None), ((0.011, 0.02), None), ((0.009, 0.4), CARE),
                                               ((0.009,), UNUSABLE), ((0.0, 0.0), UNUSABLE), ((), None)])
def test_hardly_any_move_accepted(shares: tuple[float, ...], level: int | None) -> None:
    what = content([CLASHES, ANGLES], [CLASHES])
    what.sampling = sampled(*shares)
    verdict = judge(what, "a")
    assert verdict.level == (level or GOOD)
    if level:
        share = "0.9" if shares[0] else "0"
        assert f"Hardly any move was accepted: {share}\u00a0% of those of steps[0]" in verdict.findings[0].text
    what.own = "another"
    assert judge(what, "a").level == GOOD


def test_steps_that_tried_nothing_are_not_judged() -> None:
    assert Sampling("steps[1].gibbs", []).accepted is None


@pytest.mark.parametrize(("flag", "topic", "said"), [
    ("never_accepted", "accepted moves of beads", "had no move accepted: "),
    ("infeasible", "infeasible beads", "are infeasible: ")])
def test_beads_left_behind(flag: str, topic: str, said: str) -> None:
    """Any is said; more than one bead in a hundred, over all frames, is too many."""
    system, _ = scenes.octane_window()
    what = content([CLASHES, ANGLES], [CLASHES])
    what.system, most = system, 10 * system.n_beads // 100
    what.judgement.n_flagged = {"clash": 10**6, flag: most}
    assert judge(what, "a").level == CARE
    what.judgement.n_flagged = {flag: most + 1}
    level, text = found(what, topic)
    assert level == UNUSABLE
    assert text.startswith(f"1.01\u00a0% of the beads {said}")
    what.judgement.n_flagged = {flag: 10 * system.n_beads}
    assert found(what, topic)[1].startswith("100\u00a0% of the beads")


def test_the_best_is_nearest_to_what_it_should_be() -> None:
    row = Row("x", "s", "n", "q", distance=True, values={REFERENCE: 0.0, "a": 0.01, "b": 0.2, "c": float("nan")})
    assert best_of(row, ["a", "b", "c"]) == {"a"}
    assert best_of(replace_row(row, floor=0.3), ["a", "b"]) == set()
    assert best_of(replace_row(row, distance=False), ["a", "b"]) == {"a"}
    assert best_of(replace_row(row, distance=False, ideal=1.0), ["a", "b"]) == {"b"}
    assert best_of(row, ["a"]) == set()


def replace_row(row: Row, **changes: object) -> Row:
    """A changed copy."""
    return replace(row, **changes)


@pytest.mark.parametrize(("level", "verdict"), [(GOOD, "Good to use"), (CARE, "Usable with care"),
                                                (UNUSABLE, "Not usable as it is")])
def test_assessors_add_to_the_verdict(level: int, verdict: str) -> None:
    said = Assessment(findings=[Aspect(level, "water content", "The box holds 3 % water.", "reference")])
    what = collect(Judgement("a", {REFERENCE: {"x": Assessment()}, "a": {"x": said}}, n_frames={"a": 10}), {})
    judged = judge(what, "a")
    assert judged.words == verdict
    assert judged.findings == said.findings
    assert ("Look at water" in judged.paragraph(10)) == (level == CARE)


def test_an_assessors_section_stands_in_the_report() -> None:
    what = content([Figure("water", "content", "mean", 0.03)], [Figure("water", "content", "mean", 0.02)])
    assert [title_of(section) for section in what.sections] == ["Water"]
