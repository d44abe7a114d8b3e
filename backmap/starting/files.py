"""A user's files as entries of a recipe."""
from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api import AtomTopology, ForceFieldReader, MappingReader, Reader, TopologyReader
from ..errors import BackmapError
from ..model.inputs import is_called
from ..model.run_parameters import RunParameters
from ..recipe import recipe
from ..recipe.registry import Registry
from . import martini
from .formats import cgsmiles, split, suffix

WITHOUT_NAMES = "dbm"  #: mappings that do not say which molecule type they are for
CLIMB = 2  #: ".." in a path; others are written from the root


@dataclass(frozen=True)
class UserFiles:
    """The files that a user gives on the command line.

    Attributes:
        topology: The atomistic topology; with CHARMM, its parameter files, too.
        mapping: Mapping files, each as ``file`` or ``reader=file``, or strings in CGsmiles.
        beads: Structures and trajectories of beads, in the same form.
        atoms: Structures and trajectories of true atoms, in the same form.
        units: Units of LAMMPS files.
        index: ``FILE:GROUP``: the group of an index file that the beads are.
        begin: First time, ps; None means no limit.
        end: Last time, ps; None means no limit.
        dt: Time between frames, ps; None means every frame.
        folder: Folder to which the paths in entries are relative; None leaves them as they are.
        run: Input of the simulation, an .mdp or a script of LAMMPS, which goes with the topology.
        sigma: Length of one unit of LAMMPS files in lj units, nm.
        picked: Entries of mappings from libraries.
        coarse: The coarse-grained force field that they are for, as in ``picking.MODELS``.
        ignore: Sites of the files of beads that stand for no atoms, by bead or residue name.
        solvent: What beads of molecule types without a mapping are called, as ``solvent.SolventBeads`` reads it.
        stereo: A file with true atoms of all molecules, or ``NAME=SMILES`` or ``NAME=FILE`` for molecule types.
    """

    topology: Sequence[str]
    mapping: Sequence[str]
    beads: Sequence[str]
    atoms: Sequence[str] = ()
    units: str | None = None
    index: str | None = None
    begin: float | None = None
    end: float | None = None
    dt: float | None = None
    folder: Path | None = None
    run: str | None = None
    sigma: float | None = None
    picked: Sequence[dict[str, Any]] = ()
    coarse: str | None = None
    ignore: Sequence[str] = ()
    solvent: Sequence[str] = ()
    stereo: Sequence[str] = ()

    def path(self, path: Path | str) -> str:
        """A path as it stands in the recipe: relative to it, unless that climbs far."""
        if self.folder is None:
            return str(path)
        relative = Path(os.path.relpath(path, self.folder))
        return (Path(os.path.abspath(path)) if relative.parts.count("..") > CLIMB else relative).as_posix()

    @property
    def base(self) -> Path:
        """Where relative paths in entries start."""
        return Path() if self.folder is None else self.folder


def skeleton(given: UserFiles, registry: Registry) -> dict[str, Any]:
    """A recipe that only says what there is and where: ``topology`` and ``read``."""
    more: dict[str, Any] = {"ignore": list(given.ignore)} if given.ignore else {}
    if (stereo := stereo_entry(given)) is not None:
        more["stereo"] = stereo
    steps: list[dict[str, Any]] = [{"topology": {"atoms": topology_entry(given, registry),
                                                 **mapping_entries(given, registry), **more}}]
    if given.beads or given.atoms:
        read = {"beads": frames_entry(given.beads or given.atoms, given, registry, index=bool(given.beads))}
        if given.beads and given.atoms:
            read["reference"] = frames_entry(given.atoms, given, registry)
        steps.append({"read": read})
    return {"recipe": 1, "steps": steps}


def stereo_entry(given: UserFiles) -> str | dict[str, str] | None:
    """Return what the recipe says of hands and sides, or None if nothing is given.

    Raises:
        BackmapError: If files of all molecules stand beside others, or a molecule type is named twice.
    """
    named = dict(text.split("=", 1) for text in given.stereo if "=" in text and not Path(text).exists())
    if len(named) < sum("=" in text and not Path(text).exists() for text in given.stereo):
        raise BackmapError("a molecule type is named twice", where="--stereo", hint="Give each of them once.")
    whole = [text for text in given.stereo if "=" not in text or Path(text).exists()]
    if len(whole) > 1 or (whole and named):
        raise BackmapError(f"'{whole[0]}' speaks of all molecules, and something else is given, too", where="--stereo",
                           hint="Give one such file, or NAME=SMILES or NAME=FILE for each molecule type.")
    if whole:
        return given.path(whole[0])
    return {name: given.path(said) if said.endswith(".gro") else said for name, said in named.items()} or None


def topology_entry(given: UserFiles, registry: Registry) -> dict[str, Any]:
    """Return the recipe entry of the atomistic topology.

    Raises:
        BackmapError: If no topology is given, several are, or its format is not known.
    """
    if not given.topology:
        raise BackmapError("no atomistic topology is given", hint="Give one with -p, e.g. -p topol.top.")
    name, path = split(given.topology[0], TopologyReader, registry)
    others = [given.path(other) for other in given.topology[1:]]
    if given.run is not None and (others or name not in ("gromacs", "lammps")):
        raise BackmapError("an .mdp goes with one .top, and an input script with one data file of LAMMPS",
                           where="--mdp", hint="Give it with -p topol.top, or -p data.lmp.")
    if given.run is not None and name == "gromacs":
        return {name: [given.path(path), given.path(given.run)]}
    if name == "lammps":
        script = {} if given.run is None else {"script": given.path(given.run)}  # where lengths of bonds may stand
        return {name: {"data": given.path(path), **script, **_units(given, path)}}
    if name == "charmm" and others:
        return {name: {"psf": given.path(path), "parameters": others}}
    if others:
        raise BackmapError(f"one topology is needed, but {len(others) + 1} files are given", where=path,
                           hint="Let it #include the others.")
    return {name: given.path(path)}


def parameters_entry(atoms: dict[str, Any], given: UserFiles) -> dict[str, Any] | None:
    """Return the entry of the force field that goes with that of a topology, None where there can be none."""
    (name, value), = atoms.items()
    if name == "lammps":
        return {name: [value["data"], given.path(given.run)]} if given.run is not None else None
    return {name: value}


def run_parameters(given: UserFiles, registry: Registry) -> RunParameters | None:
    """What the input of the simulation says, if it is given.

    Raises:
        BackmapError: If it cannot be followed.
    """
    if given.run is None:
        return None
    entry = parameters_entry(topology_entry(given, registry), given)
    return recipe.built(ForceFieldReader, entry, given.base, registry).run_parameters()


def mapping_entries(given: UserFiles, registry: Registry) -> dict[str, Any]:
    """Return the recipe entries ``mapping`` and ``owners``; none where nothing is given and nothing needs a mapping.

    A .map file has no weights: where another file maps the same molecule type, it gives the owners of atoms.

    Raises:
        BackmapError: If no mapping is given, or a file cannot be read.
    """
    if not given.mapping and not given.picked:
        if is_solvent(recipe.built(TopologyReader, topology_entry(given, registry), given.base, registry).read()):
            return {}
        raise BackmapError("no mapping is given", hint="Give one with --mapping, e.g. --mapping mapping.xml, or let "
                                                       "--from martini3 pick them from libraries.")
    found: dict[str, list[Path]] = {}
    strings = list(filter(None, map(cgsmiles, given.mapping)))
    for text in given.mapping:
        for part in () if cgsmiles(text) else text.split(";"):  # as csg_map takes them
            name, path = split(part.strip(), MappingReader, registry)
            found.setdefault(name, []).append(path)
    unnamed = found.pop(WITHOUT_NAMES, [])
    entries = [{name: _one([given.path(path) for path in paths])} for name, paths in found.items()]
    entries += [{"cgsmiles": _one(strings)}] if strings else []
    entries += given.picked
    if not unnamed:
        return {"mapping": _one(entries)}
    topology = recipe.built(TopologyReader, topology_entry(given, registry), given.base, registry).read()
    mapped = {name for entry in entries
              for name in recipe.built(MappingReader, entry, given.base, registry).read(topology)}
    by_type = {_type_of(path, topology, unnamed): given.path(path) for path in unnamed}
    owners = {name: path for name, path in by_type.items() if name in mapped}
    alone = {name: path for name, path in by_type.items() if name not in mapped}
    entries += [{WITHOUT_NAMES: {"files": alone}}] if alone else []
    return {"mapping": _one(entries), **({"owners": owners} if owners else {})}


def is_solvent(topology: AtomTopology) -> bool:
    """Whether all molecules are water and ions by their names, which beads of Martini need no mapping for."""
    there = [name for name, _ in topology.blocks] or list(topology.types)
    return bool(there) and all(martini.is_water(name) or martini.ion_of(name) for name in there)


def called(given: UserFiles, registry: Registry) -> set[tuple[str, str]]:
    """Residue and name of the beads in the files of the user but those to ignore, none where these have no names.

    Raises:
        BackmapError: If a file cannot be read.
    """
    if not given.beads:
        return set()
    source = recipe.built(Reader, frames_entry(given.beads, given, registry, index=True), given.base, registry).open()
    names, residues = getattr(source, "names", None), getattr(source, "residue_names", None)
    return {(residue, name) for residue, name in set(zip(residues or names, names, strict=True))
            if not is_called(name, residue, given.ignore)} if names else set()


def topology_of(given: UserFiles, registry: Registry) -> tuple[AtomTopology, set[str]]:
    """The topology, and the molecule types that the mapping files of the user map.

    Raises:
        BackmapError: If a file cannot be read.
    """
    topology = recipe.built(TopologyReader, topology_entry(given, registry), given.base, registry).read()
    entries = mapping_entries(given, registry)["mapping"] if given.mapping else []
    return topology, {name for entry in (entries if isinstance(entries, list) else [entries])
                      for name in recipe.built(MappingReader, entry, given.base, registry).read(topology)}


def _type_of(path: Path, topology: AtomTopology, paths: Sequence[Path]) -> str:
    """The molecule type that a file is for which does not say it."""
    there = list(dict.fromkeys(name for name, _ in topology.blocks)) or list(topology.types)
    if path.stem in topology.types:
        return path.stem
    if len(paths) == 1 == len(there):
        return there[0]
    raise BackmapError("does not say which molecule type it is for", where=path,
                       hint=f"Call it by its molecule type; there are: {', '.join(there)}.")


def frames_entry(files: Sequence[str], given: UserFiles, registry: Registry, index: bool = False) -> dict[str, Any]:
    """Return the recipe entry of structures and trajectories that follow one another.

    Raises:
        BackmapError: If no files are given, a format is not known, or ``given.index`` names no file and group.
    """
    if not files:
        raise BackmapError("no beads are given", hint="Give them with -c and -f, e.g. -c cg.gro -f cg.xtc.")
    found = [split(text, Reader, registry) for text in files]
    names, paths = list(dict.fromkeys(name for name, _ in found)), [given.path(path) for _, path in found]
    choice: dict[str, Any] = {key: value for key, value in (("begin", given.begin), ("end", given.end),
                                                            ("dt", given.dt)) if value is not None}
    if index and given.index:
        file, colon, group = given.index.rpartition(":")
        if not colon or not Path(file).is_file():
            raise BackmapError(f"'{given.index}' is not a file and its group", where="-n",
                               hint="Write -n index.ndx:GROUP.")
        choice["index"] = {given.path(file): group}
    name = names[0] if len(names) == 1 else "mdanalysis"  # a mixture of packages' formats
    if name == "lammps":
        dumps = [path for path in paths if suffix(Path(path)) in (".dump", ".lammpstrj")]
        data = [path for path in paths if path not in dumps]
        parts = {key: value for key, value in (("dump", dumps), ("data", data)) if value}
        return {name: {**parts, **_units(given, found[0][1]), **choice}}
    if not choice:
        return {name: _one(paths)}
    first = next(iter(recipe.options_of(type(recipe.built(Reader, {name: paths}, given.base, registry)))))
    key = "files" if first in ("begin", "end", "dt", "index") else first
    return {name: {key: _one(paths), **choice}}


def _units(given: UserFiles, path: Path) -> dict[str, Any]:
    units = given.units or _units_of_script(given.run)
    if units is None:
        raise BackmapError("does not say its units", where=path, hint="Give them with --units real, metal or lj.")
    return {"units": units} | ({} if given.sigma is None else {"sigma": given.sigma})


def _units_of_script(script: str | None) -> str | None:
    """What an input script of LAMMPS says of its units; None without any, or of an .mdp."""
    if script is None or not Path(script).is_file():
        return None
    said = re.search(r"^\s*units\s+(\w+)", Path(script).read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    return said and said[1]


def _one(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
