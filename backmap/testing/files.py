"""What readers and writers of files promise, and bridges to other libraries."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..api import (
    AtomMolecule,
    AtomTopology,
    BeadModel,
    Bridge,
    ForceField,
    ForceFieldReader,
    FrameSource,
    MappingReader,
    MoleculeParameters,
    Reader,
    TopologyReader,
    Writer,
)
from ..errors import BackmapError
from ..model.parameters import FUNCTIONS
from ..model.system import System, Window
from .examples import example, example_topology


def check_reader(reader: Reader) -> None:
    """Check that frames have their shape and are the same in whatever order they are read."""
    _check_frames(reader.open())


def _check_frames(source: FrameSource) -> None:
    assert source.where, "the frames do not say where they come from"
    forward = [source.frame(number) for number in range(source.n_frames)]
    for number in reversed(range(source.n_frames)):
        frame, again = forward[number], source.frame(number)
        shape = (source.n_points, 3)
        assert frame.positions.shape == shape, f"frame {number}: positions are {frame.positions.shape}, not {shape}"
        assert frame.box is None or frame.box.shape == (3, 3), f"frame {number}: the box is {frame.box}, not (3, 3)"
        assert np.isfinite(frame.time), f"frame {number}: the time is {frame.time}"
        same = np.array_equal(frame.positions, again.positions) and frame.time == again.time
        assert same, f"frame {number} is another one when it is read again"
    for name in ("names", "residue_names"):
        known = getattr(source, name, None)
        assert known is None or len(known) == source.n_points, f"there are {len(known)} {name}, not {source.n_points}"


def check_writer(writer: Writer, system: System | None = None, window: Window | None = None) -> None:
    """Check that a writer writes inside the output folder, the same bytes however frames are cut into windows.

    Args:
        writer: The writer.
        system: The molecules to write; by default those of ``example(3)``.
        window: The frames to write, all atoms placed, three or more; by default those of ``example(3)``.
    """
    if system is None or window is None:
        system, window = example(3)
    paths = list(writer.paths())
    assert paths, "there are no files to write"
    assert not any(path.is_absolute() or ".." in path.parts for path in paths), "a file outside the output folder"
    whole = _written(writer, system, [window])
    assert len(whole) == len(paths), f"bytes for {len(whole)} files, not for {len(paths)}"
    for cuts in ([0], [0, 1]):
        rest = [number for number in range(window.size) if number not in cuts]
        parts = _written(writer, system, [window.take(cuts), window.take(rest)])
        assert parts == whole, "the bytes depend on how the frames are cut into windows"


def _written(writer: Writer, system: System, windows: Sequence[Window]) -> list[bytes]:
    encoded = [list(writer.encode(window, system, number == 0)) for number, window in enumerate(windows)]
    return [b"".join(parts) for parts in zip(*encoded, strict=True)]


def check_topology_reader(reader: TopologyReader) -> None:
    """Check that arrays have the number of atoms or bonds of their molecule type, and that all types are defined."""
    topology = reader.read()
    assert topology.where, "the topology does not say where it comes from"
    for name, kind in topology.types.items():
        assert kind.name == name, f"type '{kind.name}' is listed as '{name}'"
        _check_molecule(kind)
    for name, count in topology.blocks:
        assert name in topology.types, f"there are molecules '{name}' of no type"
        assert count >= 0, f"there are {count} molecules of type '{name}'"


def _check_molecule(kind: AtomMolecule) -> None:
    n, bonds = len(kind.atom_names), kind.bonds
    for name in ("atom_types", "residue_names", "residues", "element", "mass", "partial_charge"):
        assert len(getattr(kind, name)) == n, f"{kind.name}: {len(getattr(kind, name))} {name} of {n} atoms"
    assert bonds.ndim == 2 and bonds.shape[1] == 2, f"{kind.name}: bonds are {bonds.shape}, not (n, 2)"  # noqa: PT018
    assert not len(bonds) or (bonds.min() >= 0 and bonds.max() < n), f"{kind.name}: a bond of atoms that are not there"
    assert bool((bonds[:, 0] < bonds[:, 1]).all()), f"{kind.name}: a bond whose larger index comes first"
    assert sorted(bonds.tolist()) == bonds.tolist(), f"{kind.name}: bonds are not sorted"
    for name in ("bond_length", "constrained"):
        assert len(getattr(kind, name)) == len(bonds), f"{kind.name}: {name} are not (n_bonds,)"


def check_mapping_reader(reader: MappingReader, topology: AtomTopology | None = None) -> None:
    """Check that bead models fit their molecule types, and that a correct file has no problems.

    Args:
        reader: The reader; its file is right.
        topology: What it maps; by default ``example_topology()``.
    """
    topology = topology or example_topology()
    models = reader.read(topology)
    assert models, "no molecule type is mapped"
    for name, model in models.items():
        assert name in topology.types, f"there is no molecule type '{name}'"
        _check_model(name, model, topology.types[name])
    assert not list(reader.problems(topology)), "it finds problems in a file that it reads"


def _check_model(name: str, model: BeadModel, molecule: AtomMolecule) -> None:
    beads, mapping = len(model.bead_names), model.mapping
    for part in ("bead_types", "bead_residue_names", "bead_residues"):
        assert len(getattr(model, part)) == beads, f"{name}: {len(getattr(model, part))} {part} of {beads} beads"
    sizes = (mapping.n_atoms, mapping.n_beads)
    assert sizes == (len(molecule.atom_names), beads), f"{name}: the mapping is of {sizes} atoms and beads"
    assert np.allclose(np.bincount(mapping.bead, mapping.weight), 1), f"{name}: weights of a bead do not add up to 1"
    assert mapping.owner.shape == (mapping.n_atoms,), f"{name}: not every atom has an owner"


def check_forcefield(reader: ForceFieldReader, system: System | None = None) -> None:
    """Check that every molecule type has parameters, finite, of known functions and for existing atoms.

    Args:
        reader: The reader.
        system: By default that of ``example()``.
    """
    system = system or example()[0]
    field = reader.read(system)
    assert field.where, "the force field does not say where it comes from"
    table = (len(field.kinds),) * 2
    for name, values in (("c6", field.c6), ("c12", field.c12)):
        assert values.shape == table, f"{name} is {values.shape}, not {table}"
        assert np.array_equal(values, values.T), f"{name} depends on which of two atoms comes first"
    for parameters in field.of(system):
        _check_parameters(parameters, field)


def _check_parameters(known: MoleculeParameters, field: ForceField) -> None:
    n = known.n_atoms
    assert known.charge.shape == (n,), f"{known.name}: charges are {known.charge.shape}, not (A,)"
    assert not n or (known.kind.min() >= 0 and known.kind.max() < len(field.kinds)), f"{known.name}: unknown kinds"
    for bonded in known.bonded:
        what = f"{known.name}: {bonded.function}"
        assert bonded.function in FUNCTIONS, f"{what} is no function; there are {', '.join(FUNCTIONS)}"
        _, size, names = FUNCTIONS[bonded.function]
        expected = ((len(bonded.atoms), size), (len(bonded.atoms), len(names)))
        found = (bonded.atoms.shape, bonded.parameters.shape)
        assert found == expected, f"{what}: atoms and parameters are {found}, not {expected}"
        assert np.isfinite(bonded.parameters).all(), f"{what}: a parameter is no number"
        assert not len(bonded.atoms) or bonded.atoms.max() < n, f"{what}: atoms that are not there"
        if bonded.function == "cmap":
            assert np.isin(bonded.parameters, np.arange(len(field.maps))).all(), f"{what}: a map that is not there"
    for name, pairs in (("excluded", known.excluded), ("pairs", known.pairs)):
        assert pairs.shape == (len(pairs), 2), f"{known.name}: {name} are {pairs.shape}, not (n, 2)"
        assert bool((pairs[:, 0] < pairs[:, 1]).all()), f"{known.name}: {name} whose larger index comes first"
    assert known.pair_parameters.shape == (len(known.pairs), 3), f"{known.name}: pair_parameters are not (m, 3)"


def check_bridge(bridge: Bridge, thing: object) -> None:
    """Check that a bridge knows its own objects alone, gives their frames, and raises if it cannot read the files."""
    assert bridge.knows(thing), "it does not know what it is for"
    assert not bridge.knows(object()), "it takes anything for its own"
    _check_frames(bridge.frames(thing))
    try:
        bridge.atoms(example()[0], [])
        refused = False
    except BackmapError:
        refused = True
    assert refused, "a run that wrote no trajectory is no BackmapError"
