"""Files of weights, damaged and changed by hand, and the one line that is printed for each."""
from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from tests.breaking import Break, Row, bytes_of, content, folder_at, one_line

WEIGHTS = "octane_350K.safetensors"
INPUTS = ("octane.top", "octane.xml", "cg.gro", WEIGHTS)
RECIPE = f"""\
recipe: 1
seed: 7
output: runs/octane
steps:
  - topology: {{atoms: {{gromacs: octane.top}}, mapping: {{votca: octane.xml}}}}
  - read: {{beads: {{gromacs: cg.gro}}}}
  - forward: {{generator: {{equivariant: {WEIGHTS}}}}}
  - write: {{atoms: {{gromacs: atoms.gro}}}}
"""
Content = tuple[dict[str, Tensor], dict[str, Any]]


def changed(change: Callable[[dict[str, Tensor], dict[str, Any]], object]) -> Break:
    """The weights with other tensors or another header."""

    def rewrite(folder: Path) -> None:
        path = folder / WEIGHTS
        with safe_open(path, framework="pt") as file:
            header = json.loads(file.metadata()["backmap"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        change(tensors, header)
        path.unlink()
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path,
                  metadata={"backmap": json.dumps(header)})

    return rewrite


def header(**values: Any) -> Break:
    """Other entries of the header; one that is None is left out."""

    def change(tensors: dict[str, Tensor], found: dict[str, Any]) -> None:
        found |= values
        for name in [name for name, value in values.items() if value is None]:
            del found[name]

    return changed(change)


def inner(part: str, **values: Any) -> Break:
    """Other entries of a part of the header."""

    def change(tensors: dict[str, Tensor], found: dict[str, Any]) -> None:
        (found[part][0] if part == "types" else found[part]).update(values)

    return changed(change)


def missing(name: str) -> Break:
    return changed(lambda tensors, found: tensors.pop(name))


def cut(name: str) -> Break:
    """Half of a tensor."""

    def change(tensors: dict[str, Tensor], found: dict[str, Any]) -> None:
        flat = tensors[name].reshape(-1)
        tensors[name] = flat[:len(flat) // 2].clone()

    return changed(change)


def filled(name: str, value: float) -> Break:
    """A tensor of the same number throughout; all tensors whose names begin so."""

    def change(tensors: dict[str, Tensor], found: dict[str, Any]) -> None:
        for known in [known for known in tensors if known.startswith(name)]:
            tensors[known] = torch.full_like(tensors[known], value)

    return changed(change)


def one_nan(tensors: dict[str, Tensor], found: dict[str, Any]) -> None:
    """A single weight that is no number."""
    name = sorted(name for name in tensors if name.startswith("weights.") and tensors[name].is_floating_point())[-1]
    tensors[name] = tensors[name].clone()
    tensors[name].view(-1)[0] = float("nan")


TABLE: list[Row] = [
    # the file
    ("folder for weights", folder_at(WEIGHTS), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: is a folder, not a file"),
    ("weights cut in their header", bytes_of(WEIGHTS, lambda old: old[:100]), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: is not a checkpoint that backmap "
     "wrote. safetensors says: ..."),
    ("weights cut at their end", bytes_of(WEIGHTS, lambda old: old[:-1]), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: is not a checkpoint that backmap "
     "wrote. safetensors says: ..."),
    ("compressed weights", bytes_of(WEIGHTS, gzip.compress), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: is not a checkpoint that backmap "
     "wrote. safetensors says: ..."),
    ("weights whose header is longer than the file", bytes_of(
        WEIGHTS, lambda old: struct.pack("<Q", 2**62) + old[8:]), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: is not a checkpoint that backmap "
     "wrote. safetensors says: ..."),
    ("weights whose header is damaged", bytes_of(WEIGHTS, lambda old: old[:20] + b"\xff" * 10 + old[30:]), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: is not a checkpoint that backmap "
     "wrote. safetensors says: ..."),
    ("weights of another program", content(WEIGHTS, b"\x08\0\0\0\0\0\0\0{}      "), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: is not a file that backmap wrote,"
     " but a checkpoint file is needed here"),
    # its header
    ("weights of a version to come", header(version=99), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: is a checkpoint file of version "
     "99, and this backmap knows version 1. Use the backmap that wrote it, or a newer one."),
    ("weights of no version", header(version=None), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: is a checkpoint file of version "
     "None, and this backmap knows version 1. Use the backmap that wrote it, or a newer one."),
    ("weights of no generator", header(generator=None), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: lacks 'generator'. It was damaged"
     " or changed by hand: copy it again, or train anew."),
    ("weights of a network of no sizes", header(sizes=None), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: lacks 'sizes'. It was damaged or "
     "changed by hand: copy it again, or train anew."),
    ("weights of a network of sizes that are a number", header(sizes=7), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: says '7' of the sizes of its "
     "network. It was damaged or changed by hand: copy it again, or train anew."),
    ("weights of a network beyond all sizes", inner("sizes", width=10**7), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: says that its network has width "
     "10000000. It was damaged or changed by hand: copy it again, or train anew."),
    ("weights of a network of negative sizes", inner("sizes", width=-1), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: says that its network has width "
     "-1. It was damaged or changed by hand: copy it again, or train anew."),
    ("weights of a network of other sizes", inner("sizes", width=64), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: its weights do not fit the "
     "network of the equivariant generator. They are of another version, or the file was changed by hand: train "
     "anew."),
    ("weights of a network with a size that it does not have", inner("sizes", more=1), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: holds something else than it "
     "should (Network.__init__() got an unexpected keyword argument 'more'). It was damaged or changed by hand: "
     "copy it again, or train anew."),
    ("weights of no molecules", header(types=None), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: lacks 'types'. It was damaged or "
     "changed by hand: copy it again, or train anew."),
    ("weights of molecules that are a number", header(types=[7]), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: holds something else than it "
     "should ('int' object is not subscriptable). It was damaged or changed by hand: copy it again, or train anew."),
    ("weights of an empty list of molecules", header(types=[]), (),
     "run.yaml: steps[2].forward: octane_350K.safetensors: the weights know no molecule type 'OCT'. They know: . "
     "Use the template generator, or train."),
    ("weights of a molecule with something more", inner("types", more=1), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: holds something else than it "
     "should (MoleculeType.__init__() got an unexpected keyword argument 'more'). It was damaged or changed by "
     "hand: copy it again, or train anew."),
    ("weights of a molecule with fewer names", inner("types", atom_names=["C1"]), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: masses of 'OCT' are of shape "
     "(26,), expected (1,). It was damaged or changed by hand: copy it again, or train anew."),
    ("weights of a molecule with a unit that is no number", inner("types", length_unit=float("nan")), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: length unit of 'OCT' are not "
     "numbers. It was damaged or changed by hand: copy it again, or train anew."),
    ("weights that see nothing", inner("view", cutoff=-1), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: says that environments reach -1 "
     "nm and 4 bonds. It was damaged or changed by hand: copy it again, or train anew."),
    ("weights that see too far", inner("view", cutoff=100), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: says that environments reach 100 "
     "nm and 4 bonds. It was damaged or changed by hand: copy it again, or train anew."),
    ("weights that see as far as a word", inner("view", context="far"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: says that environments reach 0.8 "
     "nm and far bonds. It was damaged or changed by hand: copy it again, or train anew."),
    ("weights that do not say what they see", header(view=None), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: lacks 'view'. It was damaged or "
     "changed by hand: copy it again, or train anew."),
    ("weights that do not say how they were trained", header(training=None), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: lacks 'training'. It was damaged "
     "or changed by hand: copy it again, or train anew."),
    ("weights trained at a word", inner("training", temperature="warm"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: was trained at warm K. It was "
     "damaged or changed by hand: copy it again, or train anew."),
    ("weights trained at no temperature", inner("training", temperature=[float("nan")]), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: was trained at [nan] K. It was "
     "damaged or changed by hand: copy it again, or train anew."),
    # its tensors
    ("a weight that is no number", changed(one_nan), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: 1 of 46656 weights "
     "'trunk_in.weight' are not numbers. The training that wrote them went astray: train anew, with a smaller "
     "learning rate."),
    ("weights that are no numbers", filled("weights.", float("nan")), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: 9 of 9 weights 'angle.bias' are "
     "not numbers. The training that wrote them went astray: train anew, with a smaller learning rate."),
    ("infinite weights", filled("weights.", float("inf")), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: 9 of 9 weights 'angle.bias' are "
     "not numbers. The training that wrote them went astray: train anew, with a smaller learning rate."),
    ("no conformers", missing("type0.own"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: lacks 'type0.own'. It was damaged"
     " or changed by hand: copy it again, or train anew."),
    ("half of the conformers", cut("type0.own"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: conformers of 'OCT' are of shapes"
     " (5376,) and (4, 128, 4, 3). It was damaged or changed by hand: copy it again, or train anew."),
    ("conformers that are no numbers", filled("type0.own", float("nan")), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: conformers of 'OCT' have "
     "coordinates that are not numbers. It was damaged or changed by hand: copy it again, or train anew."),
    ("no beads of the conformers", missing("type0.beads"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: lacks 'type0.beads'. It was "
     "damaged or changed by hand: copy it again, or train anew."),
    ("half of the beads of the conformers", cut("type0.beads"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: conformers of 'OCT' are of shapes"
     " (4, 128, 7, 3) and (3072,). It was damaged or changed by hand: copy it again, or train anew."),
    ("no masses", missing("type0.mass"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: lacks 'type0.mass'. It was "
     "damaged or changed by hand: copy it again, or train anew."),
    ("half of the masses", cut("type0.mass"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: masses of 'OCT' are of shape "
     "(13,), expected (26,). It was damaged or changed by hand: copy it again, or train anew."),
    ("masses that are no numbers", filled("type0.mass", float("nan")), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: masses of 'OCT' are not numbers. "
     "It was damaged or changed by hand: copy it again, or train anew."),
    ("half of the bonds", cut("type0.bonds"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: bonds of 'OCT' are of shape "
     "(25,), expected (25, 2). It was damaged or changed by hand: copy it again, or train anew."),
    ("bonds of atoms that are not there", filled("type0.bonds", 999), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: bonds of 'OCT' name what is not "
     "there. It was damaged or changed by hand: copy it again, or train anew."),
    ("bonds of length 0", filled("type0.bond_length", 0.0), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: masses or bond lengths of 'OCT' "
     "are none. It was damaged or changed by hand: copy it again, or train anew."),
    ("half of the bond lengths", cut("type0.bond_length"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: holds something else than it "
     "should (12 lengths of 25 bonds). It was damaged or changed by hand: copy it again, or train anew."),
    ("owners that are not there", filled("type0.mapping.owner", 99), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: owners of 'OCT' name what is not "
     "there. It was damaged or changed by hand: copy it again, or train anew."),
    ("atoms of beads that are not there", filled("type0.mapping.atom", -1), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: atoms of the mapping of 'OCT' "
     "name what is not there. It was damaged or changed by hand: copy it again, or train anew."),
    ("half of the weights of the mapping", cut("type0.mapping.weight"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: weights of the mapping of 'OCT' "
     "are of shape (13,), expected (26,). It was damaged or changed by hand: copy it again, or train anew."),
    ("weights of the mapping that are no numbers", filled("type0.mapping.weight", float("nan")), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: weights of the mapping of 'OCT' "
     "are not numbers. It was damaged or changed by hand: copy it again, or train anew."),
    ("elements that there are not", filled("type0.chemistry.element", 200), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: elements of 'OCT' name what is "
     "not there. It was damaged or changed by hand: copy it again, or train anew."),
    ("no elements", missing("type0.chemistry.element"), (),
     "run.yaml: steps[2].forward.generator.equivariant: octane_350K.safetensors: lacks 'type0.chemistry.element'. "
     "It was damaged or changed by hand: copy it again, or train anew."),
]

test_one_line = one_line(TABLE, INPUTS, RECIPE)
