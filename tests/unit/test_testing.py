"""The conformance kit finds broken promises."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import BaseModel, ConfigDict, Field

from backmap import api, testing
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment, Order, View
from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment, Figure, divergence
from backmap.model.tally import Tally


class Cloud(api.DensityGenerator):
    """Every atom is normally distributed about the bead."""

    class Options(api.Options):
        width: float = Field(0.1, gt=0, description="Standard deviation, nm.")

    view = View()

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        positions = rng.normal(candidates, env.block.shape[1], 3) * self.options.width
        return Draw(positions, torch.stack([self.log_density(env, p) for p in positions.unbind(1)], dim=1))

    def log_density(self, env: LocalEnvironment, positions: torch.Tensor) -> torch.Tensor:
        scaled = (positions / self.options.width) ** 2 / 2 + np.log(self.options.width * np.sqrt(2 * np.pi))
        return -(scaled.sum(2) * env.block).sum(1)


def test_an_honest_generator_passes() -> None:
    testing.check_options(Cloud)
    testing.check_generator(Cloud(Cloud.Options()))


class Global(Cloud):
    def draw(self, env, rng, candidates=1):
        draw = super().draw(env, rng, candidates)
        return Draw(torch.randn_like(draw.positions), draw.log_density)


class Batchy(Cloud):
    def draw(self, env, rng, candidates=1):
        draw = super().draw(env, rng, candidates)
        return Draw(draw.positions + draw.positions.mean(dim=0), draw.log_density)


class Wrong(Cloud):
    def log_density(self, env, positions):
        return super().log_density(env, positions) + positions.sum((1, 2)) * torch.rand(()) * 1e-2


class Fixed(Cloud):
    equivariant = True


class Flat(Cloud):
    def draw(self, env, rng, candidates=1):
        return Draw(super().draw(env, rng).positions[:, 0])


class Writes(Cloud):
    def draw(self, env, rng, candidates=1):
        env.beads.add_(1.0)
        return super().draw(env, rng, candidates)


class Peeks(Cloud):
    def draw(self, env, rng, candidates=1):
        draw = super().draw(env, rng, candidates)
        return Draw(draw.positions + self.scene.atoms.sum(), draw.log_density)


class Undeclared(api.Generator):
    Options, view = Cloud.Options, View()
    draw, log_density = Cloud.draw, Cloud.log_density


class Stuck(Cloud, api.Learner):
    network = torch.nn.Linear(1, 1)

    def save(self, path, system, library, training):
        raise AssertionError("nothing is saved here")

    def loss(self, env, target, rng):
        return target.sum((1, 2))


@pytest.mark.parametrize(("generator", "message"), [
    (Global, "the same stream gives other positions"), (Batchy, "depends on the other sites of its batch"),
    (Wrong, "from what draw reported"), (Fixed, "turning the surroundings does not turn the draw"),
    (Flat, r"positions are \(24, 10, 3\)|positions are "), (Writes, r"draw changes env\.beads"),
    (Undeclared, "neither a DensityGenerator nor a Proposer"),
    (Stuck, "does not reach the parameters"),
])
def test_broken_promises_of_generators(generator: type[Cloud], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_generator(generator(generator.Options()))


def test_peeking_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    peeker = Peeks(Peeks.Options())

    class Sites(testing.Sites):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            peeker.scene = self.scene

    monkeypatch.setattr("backmap.testing.workers.Sites", Sites)
    with pytest.raises(AssertionError, match=r"depends on where the drawn atoms are now|what draw reported"):
        testing.check_generator(peeker)


class Backwards(api.Traversal):
    def order(self, molecule, rng):
        return Order(np.arange(molecule.n_beads), np.append(np.arange(1, molecule.n_beads), -1))


class Gaps(api.Traversal):
    def order(self, molecule, rng):
        return Order(2 * np.arange(molecule.n_beads), np.full(molecule.n_beads, -1))


@pytest.mark.parametrize(("traversal", "message"), [(Backwards, "a bead comes before its parent"), (Gaps, "ranks are")])
def test_broken_promises_of_traversals(traversal: type[api.Traversal], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_traversal(traversal(traversal.Options()))


class Undescribed(api.Step):
    """A step."""

    class Options(api.Options):
        width: float = 1.0


class Loose(api.Step):
    """A step."""

    class Options(api.Options):
        model_config = ConfigDict(extra="ignore")


class Foreign(api.Step):
    """A step."""

    class Options(BaseModel):
        pass


class Mute(api.Step):
    class Options(api.Options):
        pass


@pytest.mark.parametrize(("plugin", "message"), [
    (Undescribed, "option 'width' of Undescribed has no description"), (Loose, "accepts options that it does not have"),
    (Foreign, r"is not a backmap\.api\.Options"), (Mute, "Mute has no docstring")])
def test_broken_promises_of_options(plugin: type[api.Plugin], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_options(plugin)


def test_example_is_a_liquid_of_whole_molecules() -> None:
    system, window = testing.example()
    assert window.atoms.shape == (2, 960, 3)
    np.testing.assert_allclose(system.map(window.atoms), window.beads)
    assert len(system.wrong_stereo(window.atoms)) == 0
    for group in system.groups:
        lengths = np.linalg.norm(np.diff(window.atoms[:, group.atoms][:, :, group.type.bonds], axis=3), axis=-1)
        assert lengths.min() > 0.08
        assert lengths.max() < 0.17


class Width(api.Assessor):
    """How far the atoms reach along x, counted in bins of 0.1 nm and kept as it is."""

    def measure(self, frame: Snapshot, tally: Tally) -> dict[str, np.ndarray]:
        width = np.ptp(frame.atoms[:, 0])
        tally.count("widths", frame.index, np.arange(100) == int(width / 0.1))
        tally.row("width", frame.index, [width])
        return {"wide": np.full(frame.system.n_beads, width > 3)}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures = [Figure("shape", "box", "width", float(tally.rows("width").mean()), "nm")]
        if reference is not None:
            off = divergence(tally.counts("widths"), reference.counts("widths"))
            figures.append(Figure("shape", "box", "JSD", off, distance=True))
        return Assessment(figures)


def test_an_honest_assessor_passes() -> None:
    testing.check_assessor(Width(Width.Options()))
    testing.check_assessor(Width(Width.Options()), *testing.example(3))


class Rememberer(Width):
    seen = 0

    def measure(self, frame, tally):
        self.seen += 1
        tally.row("width", frame.index, [self.seen])


class Rowless(Width):
    def measure(self, frame, tally):
        tally.count("widths", frame.index, np.ones(1, dtype=int))


class Mover(Width):
    def measure(self, frame, tally):
        frame.atoms += 1.0
        return super().measure(frame, tally)


class Flagger(Width):
    def measure(self, frame, tally):
        super().measure(frame, tally)
        return {"wide": np.zeros(3, dtype=bool)}


class Offset(Width):
    def conclude(self, tally, reference):
        extra = [] if reference is None else [Figure("shape", "box", "shift", 0.1, distance=True)]
        return Assessment([*super().conclude(tally, reference).figures, *extra])


class Distant(Width):
    def conclude(self, tally, reference):
        return super().conclude(tally, tally)


class Double(Width):
    def conclude(self, tally, reference):
        return Assessment(super().conclude(tally, reference).figures * 2)


@pytest.mark.parametrize(("assessor", "message"), [
    (Rememberer, "how the frames are shared out"), (Rowless, "no rows"), (Mover, "measuring moves the atoms"),
    (Flagger, r"flags of 'wide' are \(3,\), not \(B,\)"), (Offset, "0.1 from itself"), (Distant, "but no reference"),
    (Double, "two figures have the same")])
def test_broken_promises_of_assessors(assessor: type[api.Assessor], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_assessor(assessor(assessor.Options()))
