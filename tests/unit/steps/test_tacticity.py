"""Which stereocentres are flipped, and what works of flips say of them."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.steps.sequences import Posterior, prior_odds
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
    found = Posterior.of(tally, centres, gain)
    np.testing.assert_allclose(found.centre[0], 0.0, atol=1e-9)
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
