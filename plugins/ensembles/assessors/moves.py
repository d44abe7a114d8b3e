"""The ensemble assessor ``moves``: what was accepted, and from which basins nothing was."""
from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from backmap import api
from backmap.api import CARE, GOOD, UNUSABLE, Aspect, Assessment, Chain, EnsembleAssessor, Figure, Target

ALL = -1  #: number under which a chain counts the moves from all basins


class MovesOptions(api.Options):
    """Options of ``moves``."""

    changed_names: ClassVar = {"few": "is called 'min_acceptance' now", "tried": "is called 'min_tried' now",
                               "stuck": "is called 'max_rejections' now"}

    min_acceptance: float = Field(0.01, ge=0, le=1, description="A kind of move of which a smaller share is accepted "
                                                                "is named.")
    min_tried: int = Field(100, ge=1, description="Basins from which fewer moves were tried say nothing.")
    max_rejections: float = Field(0.1, gt=0, le=1, description="A run of rejections longer than this share of the "
                                                               "steps is named.")


class Moves(EnsembleAssessor):
    """Acceptance of moves, by kind and by the basin they start from, and the longest runs of rejections."""

    Options = MovesOptions

    def assess(self, target: Target, chain: Chain, beside: Chain | None) -> Assessment:
        shares = {kind: _shares(chain, kind) for kind in chain.tried}
        figures = [Figure("moves", kind, "share accepted" + ("" if basin == ALL else f" from basin {basin}"), share)
                   for kind, by_basin in shares.items() for basin, share in by_basin.items()]
        return Assessment(figures, findings=[*self._hardly(shares), *self._left(chain, shares), *self._long(chain)])

    def _hardly(self, shares: dict[str, dict[int, float]]) -> list[Aspect]:
        few = [kind for kind, by_basin in shares.items() if by_basin[ALL] < self.options.min_acceptance]
        if few:
            said = ", ".join(f"{kind} {shares[kind][ALL]:.2%}" for kind in few)
            level = UNUSABLE if len(few) == len(shares) else CARE
            return [Aspect(level, "accepted moves", f"Hardly any move of a kind was accepted: {said}.")]
        said = ", ".join(f"{kind} {by_basin[ALL]:.1%}" for kind, by_basin in shares.items())
        return [Aspect(GOOD, "accepted moves", f"Moves are accepted: {said}.")] if said else []

    def _left(self, chain: Chain, shares: dict[str, dict[int, float]]) -> list[Aspect]:
        """Basins that no move of a kind has left, though it leaves others."""
        found = []
        for kind, by_basin in shares.items():
            closed = [str(basin) for basin, share in by_basin.items()
                      if basin != ALL and share == 0 < by_basin[ALL]
                      and chain.tried[kind][basin] >= self.options.min_tried]
            if closed:
                found.append(Aspect(CARE, "basins", f"No {kind} move was accepted from basin {', '.join(closed)}: what "
                                                    "comes out of there comes by other moves."))
        return found

    def _long(self, chain: Chain) -> list[Aspect]:
        steps = len(chain.rows["basin"])
        long = {kind: run for kind, run in chain.longest.items() if run > self.options.max_rejections * steps}
        said = ", ".join(f"{run} {kind} moves" for kind, run in long.items())
        return [Aspect(CARE, "rejections", f"A chain rejected {said} on end, of {steps} steps.")] if said else []


def _shares(chain: Chain, kind: str) -> dict[int, float]:
    """Share accepted by basin; ``ALL`` first."""
    tried, accepted = chain.tried[kind], chain.accepted.get(kind, {})
    own = {basin: count for basin, count in sorted(tried.items()) if basin != ALL and count}
    every = sum(accepted.values()) / max(1, sum(tried.values()))
    return {ALL: every} | {basin: accepted.get(basin, 0) / count for basin, count in own.items()}
