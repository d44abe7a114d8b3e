"""The conformance kit finds broken promises of what reads and writes files, and takes what ships."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backmap import api, testing
from backmap.recipe import recipe as recipes
from backmap.recipe.registry import Registry

OCTANE = Path(__file__).resolve().parents[2] / "recipes" / "octane"


class Points:
    """Three frames of five points."""

    n_frames, n_points, where, names, residue_names = 3, 5, "here", None, None

    def frame(self, number: int) -> api.FrameInfo:
        return api.FrameInfo(np.full((5, 3), float(number)), np.eye(3), 2.0 * number)


class Flat(Points):
    def frame(self, number):
        return replace(super().frame(number), positions=np.zeros((5, 2)))


class Forward(Points):
    """Frames that can be read in one order alone."""

    next = -1

    def frame(self, number):
        self.next += 1
        return super().frame(self.next)


class Named(Points):
    names = ["A"] * 4


class Cube(Points):
    def frame(self, number):
        return replace(super().frame(number), box=np.ones(3))


class Given(api.Reader):
    """Gives what it is told to."""

    source: type[Points] = Points

    def open(self):
        return self.source()


def test_honest_frames_pass() -> None:
    testing.check_reader(Given(Given.Options()))


@pytest.mark.parametrize(("source", "message"), [
    (Flat, r"frame 2: positions are \(5, 2\), not \(5, 3\)"), (Forward, "another one when it is read again"),
    (Named, "there are 4 names, not 5"), (Cube, r"frame 2: the box is .*, not \(3, 3\)")])
def test_broken_promises_of_readers(source: type[Points], message: str) -> None:
    reader = Given(Given.Options())
    reader.source = source
    with pytest.raises(AssertionError, match=message):
        testing.check_reader(reader)


class Sizes(api.Writer):
    """How many frames there are."""

    def paths(self):
        return [Path("sizes.txt")]

    def encode(self, window, system, first):
        yield b"frame\n" * window.size


class Sums(Sizes):
    def encode(self, window, system, first):
        yield f"{window.size} frames\n".encode()


class Outside(Sizes):
    def paths(self):
        return [Path("../sizes.txt")]


class Two(Sizes):
    def encode(self, window, system, first):
        yield b"one"
        yield b"another"


def test_an_honest_writer_passes() -> None:
    testing.check_writer(Sizes(Sizes.Options()))


@pytest.mark.parametrize(("writer", "message"), [
    (Sums, "cut into windows"), (Outside, "outside the output folder"), (Two, "bytes for 2 files, not for 1")])
def test_broken_promises_of_writers(writer: type[api.Writer], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_writer(writer(writer.Options()))


class Topology(api.TopologyReader):
    """The molecules of the example, or something made of them."""

    def read(self):
        return testing.example_topology()


class Backwards(Topology):
    def read(self):
        known = super().read()
        return replace(known, types={name: replace(kind, bonds=kind.bonds[:, ::-1])
                                     for name, kind in known.types.items()})


class Strangers(Topology):
    def read(self):
        return replace(super().read(), blocks=[("ABC", 3)])


class Short(Topology):
    def read(self):
        known = super().read()
        return replace(known, types={name: replace(kind, mass=kind.mass[1:]) for name, kind in known.types.items()})


@pytest.mark.parametrize(("reader", "message"), [
    (Backwards, "larger index comes first"), (Strangers, "molecules 'ABC' of no type"), (Short, "19 mass of 20 atoms")])
def test_broken_promises_of_topologies(reader: type[api.TopologyReader], message: str) -> None:
    testing.check_topology_reader(Topology(Topology.Options()))
    with pytest.raises(AssertionError, match=message):
        testing.check_topology_reader(reader(reader.Options()))


class One(api.MappingReader):
    """A bead for each molecule."""

    def read(self, topology):
        models = {}
        for name, kind in topology.types.items():
            n = len(kind.atom_names)
            mapping = api.Mapping.from_rows([(list(range(n)), kind.mass.tolist())], api.graph_of(n, kind.bonds),
                                            kind.element != 1)
            models[name] = api.BeadModel(["B1"], ["B"], [name], np.ones(1, dtype=int), None, mapping)
        return models


class Heavy(One):
    def read(self, topology):
        return {name: replace(model, mapping=replace(model.mapping, weight=model.mapping.weight * 2))
                for name, model in super().read(topology).items()}


class Doubtful(One):
    def problems(self, topology):
        yield api.BackmapError("it does not look right")


class Unasked(One):
    def read(self, topology):
        return dict.fromkeys(["ABC"], super().read(topology)["FHX"])


@pytest.mark.parametrize(("reader", "message"), [
    (Heavy, "do not add up to 1"), (Doubtful, "problems in a file that it reads"), (Unasked, "no molecule type 'ABC'")])
def test_broken_promises_of_mappings(reader: type[api.MappingReader], message: str) -> None:
    testing.check_mapping_reader(One(One.Options()))
    with pytest.raises(AssertionError, match=message):
        testing.check_mapping_reader(reader(reader.Options()))


class Springs(api.ForceFieldReader):
    """The force field of the example, or something made of it."""

    def read(self, system):
        return replace(testing.example_forcefield(system), where="example")


class Lopsided(Springs):
    def read(self, system):
        return replace(super().read(system), kinds=["a", "b"], c6=np.array([[1.0, 2.0], [3.0, 4.0]]),
                       c12=np.ones((2, 2)))


class Unheard(Springs):
    def read(self, system):
        known = super().read(system)
        molecules = {name: replace(kind, bonded=tuple(replace(bonded, function="morse") for bonded in kind.bonded))
                     for name, kind in known.molecules.items()}
        return replace(known, molecules=molecules)


@pytest.mark.parametrize(("reader", "message"), [
    (Lopsided, "c6 depends on which of two atoms comes first"), (Unheard, "morse is no function")])
def test_broken_promises_of_force_fields(reader: type[api.ForceFieldReader], message: str) -> None:
    testing.check_forcefield(Springs(Springs.Options()))
    with pytest.raises(AssertionError, match=message):
        testing.check_forcefield(reader(reader.Options()))


class Greedy(api.Bridge):
    """Takes anything for frames."""

    def knows(self, thing):
        return True

    def frames(self, thing):
        return thing

    def atoms(self, system, files):
        return files


class Silent(Greedy):
    def knows(self, thing):
        return isinstance(thing, Points)


@pytest.mark.parametrize(("bridge", "message"), [
    (Greedy, "takes anything for its own"), (Silent, "wrote no trajectory is no BackmapError")])
def test_broken_promises_of_bridges(bridge: type[api.Bridge], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_bridge(bridge(bridge.Options()), Points())


class Stopped(api.Checker):
    """Says something whatever there is."""

    def check(self, survey):
        yield api.Finding("warning", survey.place, "there is something.")


class Panic(api.Checker):
    """Says something too loudly."""

    def check(self, survey):
        yield api.Finding("fatal", survey.place, "there is something")


class Quiet(api.Checker):
    """Says nothing."""

    def check(self, survey):
        return []


@pytest.mark.parametrize(("checker", "message"), [
    (Stopped, "a full stop"), (Panic, "'fatal' is no severity"), (Quiet, "nothing to say")])
def test_broken_promises_of_checkers(checker: type[api.Checker], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_checker(checker(checker.Options()), api.Survey("run.yaml"))


def test_what_ships_passes() -> None:
    registry = Registry().discover()

    def built(kind: type[api.Plugin], entry: object) -> api.Plugin:
        return recipes.built(kind, entry, OCTANE, registry)

    topology = built(api.TopologyReader, {"gromacs": "octane.top"})
    testing.check_topology_reader(topology)
    testing.check_mapping_reader(built(api.MappingReader, {"votca": "octane.xml"}), topology.read())
    testing.check_reader(built(api.Reader, {"gromacs": ["cg.gro", "cg.xtc"]}))
    testing.check_writer(built(api.Writer, {"gromacs": ["atoms.gro", "atoms.xtc"]}))
    testing.check_writer(built(api.Writer, {"pdb": "atoms.pdb"}))
