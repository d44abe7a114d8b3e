"""Which stereocentres are flipped, and what works of flips say of them."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.steps.sequences import KEPT, FlipOdds, Posterior, mistaken, prior_odds
from backmap_plugins.steps.tacticity import centres_of

from backmap.errors import BackmapError
from backmap.model.assessment import CARE
from backmap.model.system import System
from backmap.model.tally import Tally
from tests import polystyrene


def chains(signs: np.ndarray, count: int = 2) -> System:
    """Chains of ten monomers with these hands, 0 where they are not known."""
    kind = polystyrene.melt().system.types[0]
    return System(((kind.with_signs(signs), count),))


def known() -> np.ndarray:
    return polystyrene.melt().system.types[0].chemistry.sign.copy()


def test_centres_of_unknown_hand_in_order_along_their_chains() -> None:
    system = chains(0 * known())
    centres = centres_of(system)
    assert centres.molecule.tolist() == [0] * 9 + [1] * 9
    assert centres.follows.tolist() == ([False] + [True] * 8) * 2
    kind, local = system.types[0], centres.atoms - centres.first[:, None]
    assert {kind.atom_names[atom] for atom in local[:, 4].tolist()} == {"H2A"}
    assert all(kind.graph.has_edge(row[0], arm) for row in local.tolist() for arm in row[1:])
    melt = polystyrene.melt()
    hands = centres.hands(melt.atoms[0][:system.n_atoms])
    assert (hands[1:9] == -hands[:8]).all()  # the melt is syndiotactic
    assert [centres.change(hands, one) for one in (0, 4, 8)] == [1, 2, 1]


def test_hands_that_are_known_are_left_alone() -> None:
    with pytest.raises(BackmapError, match="no chain has stereocentres whose hand nothing tells"):
        centres_of(chains(known()))
    some = known()
    some[:2] = 0
    with pytest.raises(BackmapError, match="the hands of 7 of 9 stereocentres of a chain of 'PS' are known"):
        centres_of(chains(some))


def test_posterior_of_two_frames_by_works() -> None:
    """Works of 3 kT from the hand that is there: odds of e^3 for it, and those of the prior where works are even."""
    centres = centres_of(chains(0 * known(), 1))
    tally, hand = Tally(), np.where(np.arange(9) % 2, -1.0, 1.0)
    gain = prior_odds(0.25)
    for place in (0, 1):
        tally.count("flips", place, [[9, 2, 0], [9, 0, 1]])
        tally.row("hand", place, np.tile(hand, (2, 1)))
        tally.row("change", place, np.full((2, 9), 2.0))
        tally.row("work", place, np.full((2, 9), 3.0 if place else 2 * gain))
        tally.row("back", place, np.full((2, 9), np.nan))
        tally.row("accepted", place, np.zeros((2, 9)))
    found = Posterior.of(tally, centres, gain)
    np.testing.assert_allclose(found.centre[0], 0.0, atol=1e-9)
    # From one hand alone: works of no spread dissipate nothing.
    np.testing.assert_allclose(found.centre[1], hand * (3.0 - 2 * gain))
    np.testing.assert_allclose(found.dyad[1, 1:], -(3.0 - 2 * gain))
    assert np.isnan(found.dyad[:, 0]).all()
    assert found.flips.tolist() == [[18, 4, 0], [18, 0, 2]]
    rows = found.rows()
    assert sum(row["dyads"] for row in rows) == 16
    assert rows[-1]["expected"] == pytest.approx(1 / (1 + np.exp(-(3.0 - 2 * gain))))
    (finding,) = found.findings()
    assert finding.level == CARE
    assert finding.text.startswith("Of 16 dyads 16 are told by flips from one hand alone")
    tally.row("hand", 0, np.stack([hand, -hand]))
    tally.row("hand", 1, np.stack([hand, -hand]))
    assert not list(Posterior.of(tally, centres, gain).findings())
    lines = found.table(centres).split("\n")
    assert lines[0] == "frame,molecule,centre,hand,log_odds_plus,log_odds_meso"
    assert lines[11].startswith(f"1,1,2,-,{-(3.0 - 2 * gain):.3f},")
    assert lines[10].endswith(",")  # the first centre has no dyad before it


def test_a_neighbour_has_the_hand_that_it_had_when_a_centre_was_turned() -> None:
    """The centre before it is turned over in the first sweep, for good, and before it: its flips are of a meso dyad."""
    centres = centres_of(chains(0 * known(), 1))
    tally, hand = Tally(), np.tile(np.where(np.arange(9) % 2, -1.0, 1.0), (2, 1))
    work, back, accepted = np.full((2, 9), np.inf), np.full((2, 9), np.nan), np.zeros((2, 9))
    hand[1, 3] *= -1.0
    accepted[0, 3], work[:, 3], work[:, 4], back[:, 4] = 1.0, (-9.0, 9.0), 5.0, -5.0
    tally.count("flips", 0, [[9, 1, 7], [9, 0, 7]])
    for name, rows in zip(KEPT, (hand, np.zeros((2, 9)), work, back, accepted), strict=True):
        tally.row(name, 0, rows)
    found = Posterior.of(tally, centres, 0.0)
    assert found.dyad[0, 4] == pytest.approx(5.0)
    assert found.turned[0].tolist() == [n in (3, 4) for n in range(9)]


def gaussian(rng: np.random.Generator, n: int, wide: float, dissipated: float) -> tuple[np.ndarray, ...]:
    """Odds of n centres, their hands, and Gaussian works of two flips from either hand that belong to them."""
    odds = rng.normal(0.0, wide, n)
    plus = rng.random(n) < 1 / (1 + np.exp(-odds))
    hand = np.tile([1.0, 1.0, -1.0, -1.0], (n, 1)).T[None]
    return plus, hand, hand * odds + dissipated + np.sqrt(2 * dissipated) * rng.standard_normal((1, 4, n))


def is_calibrated(odds: np.ndarray, plus: np.ndarray) -> None:
    sure, right = 1 / (1 + np.exp(-np.abs(odds))), (odds > 0) == plus
    parts = [(sure >= low) & (sure <= high) for low, high in ((0.5, 0.7), (0.7, 0.9), (0.9, 1.0))]
    assert sum(inside.sum() > 100 for inside in parts) >= 2
    for inside in parts:
        assert inside.sum() <= 100 or abs(sure[inside].mean() - right[inside].mean()) < 0.06


def told(hand: np.ndarray, work: np.ndarray, turned: float = 0.0) -> tuple[FlipOdds, np.ndarray]:
    made = FlipOdds(hand, work, np.zeros_like(work), turned)
    return made, np.array([made.odds(0, k, hand[0, :, k]) for k in range(hand.shape[2])])


def test_odds_from_few_works_are_as_sure_as_they_are_right() -> None:
    """2,000 centres, odds of e^N(0, 5), works that dissipate 20 kT, two from either hand: what is said comes true."""
    plus, hand, work = gaussian(np.random.default_rng(4), 2000, 5.0, 20.0)
    made, odds = told(hand, work)
    assert made.variance == pytest.approx(40.0, rel=0.1)
    assert made.lost[0] == pytest.approx(20.0, rel=0.1)
    assert made.from_both.all()
    is_calibrated(odds, plus)


def test_works_from_one_hand_are_freed_of_what_others_lose() -> None:
    """Every second centre was turned over from one hand alone, whichever: no hand looks likelier than it is."""
    plus, hand, work = gaussian(np.random.default_rng(5), 4000, 5.0, 20.0)
    work[0, :2, ::4] = work[0, 2:, 2::4] = np.nan
    made, odds = told(hand, work)
    alone = ~made.from_both[0]
    assert alone.sum() == 2000
    is_calibrated(odds[alone], plus[alone])
    raw = work[0, 2:, ::4].min(axis=0) > np.log(99)  # of centres turned over from - alone, by the works as they are
    assert raw.mean() > 0.7 > 1 - plus[::4][raw].mean()


def test_works_that_lead_nowhere_leave_what_was_expected() -> None:
    hand, work, given = np.ones((1, 3, 1)), np.full((1, 3, 1), np.inf), np.full((1, 3, 1), 1.5)
    assert FlipOdds(hand, work, given).odds(0, 0, hand[0, :, 0]) == pytest.approx(-1.5)


def test_centres_that_beads_have_turned_over_leave_odds_that_are_right() -> None:
    """Beads are sure of every hand, and one in eight is not that of the chain."""
    rng, turned = np.random.default_rng(6), 0.125
    chain, beads = rng.choice([-1, 1], 8000), np.where(rng.random(8000) < turned, -1, 1)
    works = rng.normal(8.0, 5.0, 8000)  # some are not so sure, and no surer than they should be
    beads *= chain * np.where(rng.random(8000) < 1 / (1 + np.exp(-works)), 1, -1)
    dyad, same = np.minimum(works[1:], works[:-1]) * beads[1:] * beads[:-1], chain[1:] == chain[:-1]
    is_calibrated(np.array([mistaken(x, turned, 1) for x in works * beads]), chain > 0)
    is_calibrated(np.array([mistaken(x, turned, 2) for x in dyad]), same)
    sure = np.abs(dyad) > np.log(99)
    assert ((dyad > 0) == same)[sure].mean() < 0.85
    assert mistaken(1e3, turned, 1) == pytest.approx(np.log(7))
    assert mistaken(-1e3, turned, 2) == pytest.approx(-np.log(50 / 14))  # 1/64 + 49/64 against 14/64
    assert mistaken(3.0, 0.0, 2) == 3.0
    hand, work = np.array([1.0, -1.0])[None, :, None], np.array([90.0, -90.0])[None, :, None]
    given = 0.7 * hand
    found = FlipOdds(hand, work, given, turned).odds(0, 0, hand[0, :, 0])
    assert found == pytest.approx(-0.7 + np.log(7), abs=0.01)
