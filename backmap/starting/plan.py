"""Decides how atoms are to be made from what a user has, and says why."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .. import stock
from ..api import ForceFieldReader, FrameSource, Reader, State, Step
from ..checking import reading
from ..engine.energy.beads import turning
from ..engine.hamiltonian.timestep import first_guess
from ..engine.rings import folding
from ..engine.rotating import turnable
from ..errors import BackmapError
from ..model import box as periodic
from ..model.inputs import BeadsAre
from ..model.molecule import MoleculeType, is_body
from ..model.run_parameters import RunParameters
from ..model.survey import Finding, Survey
from ..model.system import System
from ..recipe import recipe
from ..recipe.registry import Registry, kind_of
from . import files, solvent, weights
from .weights import Weights

Way = Literal["weights", "training", "force_field", "template"]

CUTOFF = 1.0  #: nm, unless the box is too small
LEARNER = "equivariant"  #: what is trained where no weights fit
SAME_FRAMES = 0.05  #: nm; atoms and beads that are farther apart (root mean square) are not of the same frames
SAME_TEMPERATURE = 1.0  #: K
LEARNABLE = 50  #: molecules of a type, over all frames, of which no fewer are worth training on


@dataclass(frozen=True)
class Wishes:
    """What a user wants beside what there is.

    Attributes:
        temperature: K.
        places: Files and folders in which weights are looked for.
        train: Train, even if weights fit.
        beads_are: What the user says of the beads, if anything.
        ready: Whether a folder for GROMACS is to be written.
    """

    temperature: float
    places: Sequence[Path]
    train: bool = False
    beads_are: BeadsAre | None = None
    ready: bool = False


@dataclass(frozen=True)
class Plan:
    """A plan for the recipe that makes atoms.

    Attributes:
        way: The kind of method that draws them.
        why: The reasons for it, sentence by sentence.
        temperature: K.
        topology: Options of the step ``topology``.
        beads: Entry of the frames of beads.
        reference: Entry of true atoms of the same frames, or None.
        training: Entry of the frames to train on, or None.
        generator: Name of the trained generator.
        weights: File of its weights as written in the recipe.
        forcefield: Options of the step ``forcefield``, or None.
        run: What the input of the simulation says, or None.
        charged: Whether some atoms carry charges.
        rigid: Whether all bonds are rigid.
        timestep: Of moves that nobody tunes, fs.
        single: Whether there is only one frame.
        beads_are: Whether the beads were mapped from atoms, or are those of a model; None if nobody knows.
        turning: Whether most molecules are small, of one bead each, so that they turn about it.
        rolling: Whether most molecules are of two beads each, so that they turn about the axis through both.
        bodies: Whether none can do anything else, so that time steps may be longer still.
        jumping: Whether a molecule has torsions that jump from well to well, in rings or outside.
        folding: Whether most molecules have rings with several folds, of which templates find wrong ones.
        ready: Options of the writer ``gromacs_ready``, or None.
    """

    way: Way
    why: tuple[str, ...]
    temperature: float
    topology: dict[str, Any]
    beads: Any
    reference: Any = None
    training: Any = None
    generator: str = LEARNER
    weights: str = ""
    forcefield: dict[str, Any] | None = None
    run: RunParameters | None = None
    charged: bool = False
    rigid: bool = False
    timestep: float = 1.0
    single: bool = False
    turning: bool = False
    rolling: bool = False
    bodies: bool = False
    jumping: bool = False
    folding: bool = False
    ready: dict[str, Any] | None = None
    beads_are: BeadsAre | None = None

    @property
    def whole_box(self) -> bool:
        """Whether what is wanted of atoms drawn without weights is where a simulation can begin.

        That is so where solvent is free, and where a folder to go on from is asked for of a liquid of small molecules.
        """
        return self.way == "force_field" and ("several" in self.topology or (self.ready is not None and self.turning))


class Unfit(Exception):
    """The files do not go together; ``findings`` says why, and ``why`` what was assumed before, a sentence each."""

    def __init__(self, findings: list[Finding], why: Sequence[str] = ()) -> None:
        super().__init__("the files do not go together")
        self.findings, self.why = findings, why


def plan(given: files.UserFiles, wishes: Wishes, target: Path, registry: Registry, why: Sequence[str] = ()) -> Plan:
    """How to make atoms of what is given; ``target`` is the recipe that will say so, and ``why`` what is known before.

    Raises:
        BackmapError: If a file is in no known format.
        Unfit: If the files do not go together.
    """
    return _Planner(given, wishes, target, registry, [*why]).plan()


@dataclass
class _Planner:
    """One plan in the making."""

    given: files.UserFiles
    wishes: Wishes
    target: Path
    registry: Registry
    why: list[str] = field(default_factory=list)
    run: RunParameters | None = None

    def plan(self) -> Plan:
        """Make the plan.

        Raises:
            BackmapError: If no beads are given, or a file cannot be read.
            Unfit: If the files do not go together.
        """
        if not self.given.beads:
            raise BackmapError("no beads are given", hint="Give them with -c and -f, e.g. -c cg.gro -f cg.xtc.")
        content = files.skeleton(replace(self.given, atoms=()), self.registry)
        topology, beads = content["steps"][0]["topology"], content["steps"][1]["read"]["beads"]
        self.run = files.run_parameters(self.given, self.registry)
        if self.run is not None:
            topology["constraints"] = self.run.constraints
        survey = self._survey(topology, beads)
        frame = survey.beads.frame(0)
        box = frame.box if frame.box is not None and periodic.is_valid(frame.box) else None
        found = weights.search(self.wishes.places, survey.system, self.wishes.temperature, self.registry)
        way, chosen = self._way(found, survey.system)
        atoms = files.frames_entry(self.given.atoms, self.given, self.registry) if self.given.atoms else None
        reference = atoms if atoms is not None and self._same(atoms, survey) else None
        system = chosen.system if chosen else survey.system
        if way != "training":
            system = self._settled(topology, beads, system, chosen)
        forcefield = self._forcefield(topology, system, box)
        if way == "force_field" and forcefield is None:
            way = "template"
        known = [kind for kind in system.types if not kind.given]
        ready = self._ready(topology["atoms"], system) if self.wishes.ready else None
        made = Plan(
            way, tuple(self.why), self.wishes.temperature, topology, beads, reference,
            atoms if way == "training" else None, chosen.generator if chosen else LEARNER,
            self._named(chosen.path) if chosen else "", forcefield, self.run,
            any(np.abs(kind.partial_charge).max(initial=0) > 0 for kind in known),
            all(np.isfinite(kind.bond_length).all() for kind in known), first_guess(known), survey.beads.n_frames == 1,
            _most(system, turns), _most(system, rolls), all(turns(kind) and is_body(kind) for kind in known),
            any(turning(kind) or folding(kind) for kind in known), _most(system, folding), ready,
            self._beads_are(topology, reference is not None))
        self._reasons(way, forcefield, made.whole_box)
        return replace(made, why=tuple(self.why))

    def _beads_are(self, topology: dict[str, Any], compared: bool) -> BeadsAre | None:
        """What beads are: nobody maps several free molecules to one bead, so that a file with such is of a model."""
        several = any(one["count"] > 1 for one in topology.get("several", {}).values())
        return self.wishes.beads_are or ("mapped" if compared else "model" if several else None)

    def _survey(self, topology: dict[str, Any], beads: Any) -> Survey:
        """What there is; molecule types without a mapping are passed over, and said to be."""
        found = self._read(topology, beads)
        survey = found.survey
        if (survey.models or "mapping" not in topology) and survey.topology is not None:
            source: FrameSource = recipe.built(Reader, beads, self.given.base, self.registry).open()
            declared = solvent.declared(survey.topology, survey.blocks, survey.models, source,
                                        self.given.coarse in ("martini2", "martini3"),
                                        solvent.SolventBeads.all_of(self.given.solvent))
            ignored = [*topology.get("ignore", []), *declared.options.get("ignore", [])]
            topology |= declared.options | ({"ignore": ignored} if ignored else {})
            virtual = solvent.sites(survey.models, source, topology)
            topology |= virtual.options
            counted = solvent.Declared() if self.given.atoms else solvent.repeats(
                survey.models, survey.blocks, source, topology)
            topology |= counted.options
            self.why += [*declared.why, *virtual.why, *counted.why]
            if declared.options or virtual.options or counted.options:
                found = self._read(topology, beads)
        errors = [finding for finding in found.findings if finding.severity == "error"]
        if errors or found.survey.system is None or found.survey.beads is None:
            raise Unfit(errors, self.why)
        return found.survey

    def _read(self, topology: dict[str, Any], beads: Any) -> reading.Reading:
        content = {"recipe": 1, "steps": [{"topology": topology}, {"read": {"beads": beads}}]}
        return reading.read("", content, self.target, self.registry)

    def _way(self, found: weights.Search, system: System) -> tuple[Way, Weights | None]:
        """What draws the atoms."""
        wanted = self.wishes.temperature
        for weight in found.fitting if not self.wishes.train else ():
            if weight.transferable and weight.path not in self.wishes.places:
                self.why.append(f"not used: {weight.path} could draw these molecules, as some of many: often sooner, "
                                f"not better than moves do without; --weights {self._named(weight.path)} takes them")
                continue
            trained = " and ".join(f"{value:g} K" for value in weight.temperature) or "a temperature they do not tell"
            self.why.append(f"{weight.path} fits these molecules: weights of '{weight.generator}', trained at "
                            f"{trained}")
            if weight.off(wanted) > SAME_TEMPERATURE:
                self.why.append(f"you have {wanted:g} K: draws are a start, which later steps correct as far as they "
                                "know the force field")
            return "weights", weight
        self.why += [f"not used: {reason}" for reason in found.others]
        if found.n_shipped:
            self.why.append(f"the {found.n_shipped} weights of generators that come with backmap are of other "
                            "molecules or do not fit these ('backmap weights' lists all weights)")
        elif not (self.wishes.train or found.others or found.fitting):
            looked = ", ".join(str(place) if place.exists() else f"{place} (which is not there)"
                               for place in self.wishes.places)
            self.why.append(f"there are no weights of any generator in {looked}. $BACKMAP_WEIGHTS or --weights says "
                            "where else to look")
        few = self._few(system) if self.given.atoms and not self.wishes.train else None
        if few:
            self.why.append(f"no weights fit these molecules, and {few} in the atomistic frames are too few to train "
                            "on: they tell which isomers there are")
            return "force_field", None
        if self.given.atoms:
            self.why.append("you ask for training" if self.wishes.train else
                            "no weights fit these molecules, but there are atomistic frames to train on")
            return "training", None
        if self.wishes.train:
            raise BackmapError("there is nothing to train on", where="--train",
                               hint="Give atomistic frames with --aa.")
        self.why.append("no weights fit these molecules, and there are no atomistic frames to train on")
        return "force_field", None

    def _few(self, system: System) -> str | None:
        """The molecules in the atomistic frames, if they are too few for a network to learn from."""
        source: FrameSource = recipe.built(Reader, files.frames_entry(self.given.atoms, self.given, self.registry),
                                           self.given.base, self.registry).open()
        drawn = [(kind.name, count * source.n_frames) for kind, count in system.blocks if not kind.given]
        name, most = max(drawn, key=lambda one: one[1], default=("", LEARNABLE))
        return f"{most} {name}" if most < LEARNABLE else None

    def _same(self, atoms: Any, survey: Survey) -> bool:
        """Whether atoms are of the same frames as the beads, so that results can be compared with them."""
        try:
            source: FrameSource = recipe.built(Reader, atoms, self.given.base, self.registry).open()
        except BackmapError as error:
            raise Unfit([Finding.of(error)]) from None
        if source.n_points != survey.system.n_atoms:
            raise Unfit([Finding("error", source.where, f"holds {source.n_points} atoms, but the topology "
                                                        f"({survey.system.listed}) has {survey.system.n_atoms}")])
        if source.n_frames != survey.beads.n_frames:
            self.why.append(f"{source.where} holds {source.n_frames} frames and the beads {survey.beads.n_frames}, so "
                            "they are not compared")
            return False
        frame, system = survey.beads.frame(0), survey.system
        box = frame.box if frame.box is not None and periodic.is_valid(frame.box) else None
        mapped = system.map(system.whole_atoms(source.frame(0).checked(source.where), box))
        off = periodic.minimum_image(mapped - frame.checked(survey.beads.where), box)
        apart = float(np.sqrt((off**2).sum(axis=1).mean()))
        if apart > SAME_FRAMES:
            self.why.append(f"the beads of {source.where} are {apart:.2f} nm from those given, so they are of other "
                            "frames (or of another mapping) and not compared")
        return apart <= SAME_FRAMES

    def _named(self, path: Path) -> str:
        """A file of weights as the recipe names it: of those that ship the name alone, which holds on any machine."""
        ships = path.is_relative_to(stock.shipped()) and stock.find(path.name) == path
        return path.name if ships and not (self.given.base / path.name).exists() else self.given.path(path.absolute())

    def _settled(self, topology: dict[str, Any], beads: Any, system: System, chosen: Weights | None) -> System:
        """Rigid bonds and stereocentres that weights do not know: what is assumed is said in the recipe."""
        drawn = [kind for kind in system.types if not kind.given and len(kind.bonds)]
        isomers = chosen is None and any(len(kind.chemistry.centres) or len(kind.planar.atoms) for kind in drawn)
        if isomers or any((kind.chemistry.sign == 0).any() for kind in drawn):
            true = next((file for file in self.given.atoms if Path(file).suffix == ".gro"), None)
            if true is not None and "stereo" not in topology:
                topology["stereo"] = self.given.path(true)
        if chosen or self.run is not None or all(np.isfinite(kind.bond_length).any() for kind in drawn):
            return system
        for constraints in ("h-bonds", "none"):
            found = self._read({**topology, "constraints": constraints}, beads)
            if found.survey.system is not None:
                topology["constraints"] = constraints
                return found.survey.system
        return system

    def _forcefield(self, topology: dict[str, Any], system: System, box: np.ndarray | None) -> dict[str, Any] | None:
        """Options of ``forcefield``, if the topology has parameters."""
        name, = topology["atoms"]
        parameters = files.parameters_entry(topology["atoms"], self.given)
        if parameters is None or name not in self.registry.names(kind_of(ForceFieldReader)):
            self.why.append("there is no force field: " + (
                f"'{name}' topologies are not read for parameters" if parameters is not None else
                "give the input script with --lammps-input"))
            return None
        half = np.inf if box is None else 0.5 * periodic.smallest_width(box)
        cutoff = CUTOFF if half > CUTOFF else float(np.floor(half * 20 - 1e-9) / 20)
        options = {"parameters": parameters} | ({"cutoff": cutoff} if self.run is None else {})
        folder = self.target.resolve().parent  # the same path as elsewhere: what was read of the file is shared
        state = State(folder=folder, output=folder, seed=0, device="cpu", log=lambda line: None, system=system)
        try:
            recipe.built(Step, {"forcefield": options}, folder, self.registry).start(state)
        except BackmapError as error:
            if self.wishes.ready:
                raise Unfit([Finding.of(one) for one in error.all], [
                    *self.why, "gmx goes on from a topology with all of its parameters only, as --gromacs-ready asks"]
                            ) from None
            said = str(error).replace(f"{folder}{os.sep}", "")
            if "option 'parameters' is missing" in said:  # as of a .psf alone
                said = f"'{name}' topologies have none of their own. Name their files, too: -p TOPOLOGY -p PARAMETERS"
            self.why.append(f"there is no force field: {said}")
            return None
        return options

    def _ready(self, atoms: dict[str, Any], system: System) -> dict[str, Any]:
        """Options of the writer of a folder for GROMACS."""
        (reader, files), = atoms.items()
        if reader != "gromacs":
            raise BackmapError(f"'{reader}' topologies are not written for GROMACS", where="--gromacs-ready",
                               hint="It needs the .top of your atoms: -p topol.top.")
        top, *mdp = files if isinstance(files, list) else [files]
        flat = any({"PO4", "GL1"} <= {*kind.bead_names} for kind in system.types)
        return {"folder": "gromacs", "of": top, "temperature": self.wishes.temperature,
                **({"mdp": mdp[0]} if mdp else {}), **({"coupling": "semiisotropic"} if flat else {})}

    def _reasons(self, way: Way, forcefield: dict[str, Any] | None, box: bool) -> None:
        if way == "force_field" and box:
            self.why.append("the topology has parameters: rigid pieces are placed on the beads, and moves along its "
                            "forces lead them to where a simulation can begin")
        elif way == "force_field":
            self.why.append("the topology has parameters: rigid pieces are placed on the beads, and moves along its "
                            "forces lead them to its distribution")
        if way == "template":
            self.why.append("fragments of idealised geometry are placed on the beads; nothing corrects overlaps. Give "
                            "weights, atomistic frames (--aa), or a topology with parameters for more")
        if way in ("weights", "training") and forcefield is not None:
            self.why.append("the topology has parameters: what the network draws is corrected by them")


def _most(system: System, are: Callable[[MoleculeType], bool]) -> bool:
    """Whether most molecules are of types that are something."""
    return 2 * sum(count for kind, count in system.blocks if are(kind)) > sum(count for _, count in system.blocks)


def turns(kind: MoleculeType) -> bool:
    """Whether a molecule is of one bead, as water is: alone it hardly finds the orientation that its neighbours ask."""
    return turnable(kind) and kind.n_beads == 1


def rolls(kind: MoleculeType) -> bool:
    """Whether a molecule is of two beads, about whose axis no short trajectory turns it where neighbours hold it."""
    return turnable(kind) and kind.n_beads == 2
