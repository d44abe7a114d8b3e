"""The interface for plugins: everything they need of backmap, by ``from backmap import api``.

The contracts of the plugin kinds are defined in ``backmap/contracts``; the data they exchange, such as frames,
environments and force fields, in ``backmap/model`` and ``backmap/engine``, which are imported on first use.

Units: nm, kJ/mol, ps, K, e, radians; degrees in options only. Shapes: S sites (fragments drawn in one batch), K
candidates, F atoms of the largest fragment, W frames of the window, B beads, A atoms. A plugin is built from its
options alone; ``Options`` is a pydantic model in which every field has a type and a description and unknown keys are
refused.
"""
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .contracts.ensembles import Chain, EnsembleAssessor, Model, ParticleFront, Sampler, Target
from .contracts.files import Bridge, ForceFieldReader, MappingReader, Reader, TopologyReader, Writer
from .contracts.frames import Assessor, Checker, Morpher, Refiner
from .contracts.generators import DensityGenerator, Generator, Learner, Proposer, Regularizer, Traversal
from .contracts.plugin import Changed, Options, Plugin
from .contracts.state import Bar, Kept, OutputFiles, State
from .contracts.steps import FrameStep, Step
from .errors import BackmapError
from .fields import InputPath, Nested, OutputPath, Several, WeightsPath
from .hookspecs import hookimpl
from .model.inputs import (
    AtomMolecule,
    AtomTopology,
    BeadModel,
    FrameInfo,
    FrameSource,
    MappingEntry,
    all_kept,
    also_read,
)

if TYPE_CHECKING:
    from .engine.checkpoints.checkpoint import Checkpoint
    from .engine.checkpoints.library import Library
    from .engine.random import Stream, numpy_generator
    from .engine.sites.contracts import Draw, LocalEnvironment, Loss, Objective, Order, View
    from .engine.sites.fragments import FragmentTable
    from .engine.sites.snapshot import AtomIndex, Snapshot
    from .model.assessment import (
        CARE,
        GOOD,
        UNUSABLE,
        Aspect,
        Assessment,
        BeadValues,
        Curve,
        Figure,
        Judgement,
        Surface,
        VerdictRule,
        divergence,
    )
    from .model.mapping import Mapping
    from .model.memory import Memory
    from .model.molecule import Chemistry, MoleculeType, graph_of
    from .model.morphed import Morphed
    from .model.parameters import Bonded, ForceField, MoleculeParameters
    from .model.sampling import Sampled, Sampling
    from .model.survey import Finding, Survey
    from .model.system import System, Window
    from .model.tally import Tally
    from .model.tuned import Tuned

#: Version of this interface, raised when plugins have to be changed. A module with hooks may state the version it was
#: written for (``API_VERSION = 1``), and is refused by any other.
API_VERSION = 1

#: Modules whose names are imported on first use, as they import numpy or torch.
_LATE = {
    "engine.checkpoints.checkpoint": ("Checkpoint",),
    "engine.checkpoints.library": ("Library",),
    "engine.random": ("Stream", "numpy_generator"),
    "engine.sites.contracts": ("Draw", "LocalEnvironment", "Loss", "Objective", "Order", "View"),
    "engine.sites.fragments": ("FragmentTable",),
    "engine.sites.snapshot": ("AtomIndex", "Snapshot"),
    "model.assessment": ("CARE", "GOOD", "UNUSABLE", "Aspect", "Assessment", "BeadValues", "Curve", "Figure",
                         "Judgement", "Surface", "VerdictRule", "divergence"),
    "model.mapping": ("Mapping",),
    "model.memory": ("Memory",),
    "model.molecule": ("Chemistry", "MoleculeType", "graph_of"),
    "model.morphed": ("Morphed",),
    "model.parameters": ("Bonded", "ForceField", "MoleculeParameters"),
    "model.sampling": ("Sampled", "Sampling"),
    "model.survey": ("Finding", "Survey"),
    "model.system": ("System", "Window"),
    "model.tally": ("Tally",),
    "model.tuned": ("Tuned",),
}
_HOME = {name: module for module, names in _LATE.items() for name in names}

__all__ = [
    "API_VERSION", "CARE", "GOOD", "UNUSABLE", "Aspect", "Assessment", "Assessor", "AtomIndex", "AtomMolecule",
    "AtomTopology", "BackmapError", "Bar", "BeadModel", "BeadValues", "Bonded", "Bridge", "Chain", "Changed",
    "Checker", "Checkpoint", "Chemistry", "Curve", "DensityGenerator", "Draw", "EnsembleAssessor", "Figure",
    "Finding", "ForceField", "ForceFieldReader", "FragmentTable", "FrameInfo", "FrameSource", "FrameStep",
    "Generator", "InputPath", "Judgement", "Kept", "Learner", "Library", "LocalEnvironment", "Loss", "Mapping",
    "MappingEntry", "MappingReader", "Memory", "Model", "MoleculeParameters", "MoleculeType", "Morphed", "Morpher",
    "Nested", "Objective", "Options", "Order", "OutputFiles", "OutputPath", "ParticleFront", "Plugin", "Proposer",
    "Reader", "Refiner", "Regularizer", "Sampled", "Sampler", "Sampling", "Several", "Snapshot", "State", "Step",
    "Stream", "Surface", "Survey", "System", "Tally", "Target", "TopologyReader", "Traversal", "Tuned",
    "VerdictRule", "View", "WeightsPath", "Window", "Writer", "all_kept", "also_read", "divergence", "graph_of",
    "hookimpl", "numpy_generator",
]


def __getattr__(name: str) -> Any:
    """Import a name of ``_LATE`` on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __package__), name)
    return value


def __dir__() -> list[str]:
    return __all__
