"""Small periodic systems to draw in: octane from the recipes, a chiral ring molecule, a tiny network.

Molecules stand at random in boxes narrower than twice the usual cut-off, so that beads see images.
"""
from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions
from backmap_plugins.molecules.assemble import assemble, molecule_type, rigid_lengths, signed
from MDAnalysis.lib.formats.libmdaxdr import TRRFile
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backmap.engine.sites.contracts import View
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.model.molecule import MoleculeType
from backmap.model.system import System, Window
from tests import builders

Array = NDArray[np.float64]

RECIPE = Path(__file__).parents[1] / "recipes" / "octane"
#: Half of its smallest width is below the usual cut-off of 0.8 nm.
SMALL = np.array([[1.6, 0.0, 0.0], [0.5, 1.5, 0.0], [-0.4, 0.6, 1.5]])
DEFAULT = View()
PHENYL = "C[C@H](F)c1ccccc1"
#: Weights of the ring's centre of mass.
_RING = {f"C{k}": 12.011 for k in range(3, 9)} | {f"H{k}": 1.008 for k in range(5, 10)}


@cache
def octane_system(constraints: str = "all-bonds") -> System:
    """The 64 octane molecules of the recipe."""
    topology = Gromacs(Gromacs.Options(file=RECIPE / "octane.top")).read()
    beads = Votca(Votca.Options(files=RECIPE / "octane.xml")).read(topology)
    return assemble(topology, beads, constraints=constraints)


@cache
def octane_atoms(n_frames: int = 1) -> tuple[Array, Array]:
    """Whole atoms (W, A, 3) of the training frames, and their boxes (W, 3, 3), nm."""
    source, system = GromacsFrames([RECIPE / "aa.gro", RECIPE / "train.xtc"]), octane_system()
    infos = [source.frame(number) for number in range(n_frames)]
    whole = np.stack([system.whole_atoms(info.positions, info.box) for info in infos])
    return whole, np.stack([info.box for info in infos])


def octane_window(n_frames: int = 1) -> tuple[System, Window]:
    """The recipe's liquid, every bond rigid at the length it has there."""
    atoms, boxes = octane_atoms(n_frames)
    system = rigid_lengths(octane_system("reference"), atoms)
    numbers = np.arange(n_frames)
    made = Window(numbers, numbers * 10.0, boxes, system.map(atoms), reference=atoms, system=system)
    return system, made.with_atoms(atoms)


def phenyl_positions() -> Array:
    """A conformation of ``phenyl``, (18, 3), nm."""
    return builders.atoms_of(PHENYL, "PEF")[1]


@cache
def phenyl(constraints: str = "all-bonds") -> MoleculeType:
    """(1-Fluoroethyl)benzene: a pinned methyl, a stereocentre, and a ring that must close."""
    atoms, positions = builders.atoms_of(PHENYL, "PEF")
    beads = builders.beads_of(atoms, {"M1": {"C1": 1}, "F1": {"C2": 12.011, "F1": 18.998, "H4": 1.008}, "R1": _RING})
    kind = molecule_type(atoms, beads, constraints=constraints)
    return signed(System(((kind, 1),)), positions[None]).types[0]


@cache
def _shape(name: str) -> Array:
    """One conformation of octane or of the ring molecule, (A, 3), nm, about its centre."""
    shape = octane_atoms()[0][0, :26] if name == "OCT" else phenyl_positions()
    return shape - shape.mean(axis=0)


def crowd(*blocks: tuple[MoleculeType, int], box: Array | None = SMALL, n_frames: int = 2,
          seed: int = 0) -> tuple[System, Window]:
    """Whole molecules at random in a box, turned at random, all atoms placed; by default 4 octane and 4 rings."""
    system = System(blocks or ((octane_system().types[0], 4), (phenyl(), 4)))
    rng = np.random.default_rng(seed)
    cell = SMALL if box is None else box
    atoms = np.empty((n_frames, system.n_atoms, 3))
    for frame in range(n_frames):
        for group in system.groups:
            for rows in group.atoms:
                turned = Rotation.random(rng=rng).apply(_shape(group.type.name))
                atoms[frame, rows] = turned + rng.random(3) @ cell
    boxes = np.zeros((n_frames, 3, 3)) if box is None else np.tile(box, (n_frames, 1, 1))
    numbers = np.arange(n_frames)
    made = Window(numbers, numbers * 1.0, boxes, system.map(atoms), reference=atoms, system=system)
    return system, made.with_atoms(atoms)


@cache
def tables_of(system: System, view: View = DEFAULT) -> FragmentTable:
    """Tables for a Gibbs sweep."""
    return FragmentTable.build(system.types, view, [resting_order(kind) for kind in system.types])


def scene_of(system: System, window: Window, view: View = DEFAULT) -> Scene:
    """The scene of a Gibbs sweep."""
    return Scene.of(window, system, tables_of(system, view), view)


def every_site(scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
    """Frame and bead of all sites of a scene, (W * B,)."""
    n_frames, n_beads = scene.beads.shape[:2]
    return torch.arange(n_frames).repeat_interleave(n_beads), torch.arange(n_beads).repeat(n_frames)


def tiny(seed: int = 0) -> Equivariant:
    """An untrained network of few channels; its bond angles are far from straight, which local frames do not like."""
    torch.manual_seed(seed)
    generator = Equivariant(EquivariantOptions(channels=8, width=32))
    with torch.no_grad():
        generator.network.angle.weight *= 0.1
    generator.network.eval()
    return generator


def part_of(window: Window, frames: list[int]) -> Window:
    """A window of some of the frames, which keep their numbers."""
    return Window(window.frames[frames], window.time[frames], window.boxes[frames], window.beads[frames],
                  reference=window.reference[frames], system=window.system).with_atoms(window.atoms[frames])


def write_trr(path: Path, frames: list[Array], box: Array, times: object) -> None:
    """Frames (n, 3), nm, at these times, ps, in one box (3, 3)."""
    with TRRFile(str(path), "w") as file:
        for number, (positions, time) in enumerate(zip(frames, times, strict=True)):
            file.write(positions.astype(np.float32), None, None, box.astype(np.float32), number, float(time), 0.0,
                       len(positions))
