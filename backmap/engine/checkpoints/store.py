"""Tensors and JSON in one safetensors file; nothing in it can run."""
from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...errors import BackmapError
from ...model.mapping import Mapping
from ...model.molecule import BeadTerm, Chemistry, MoleculeType
from ...model.rigid import Dependents, FixedDistances

VERSION = 1  #: of the format of files; it counts up when older programs cannot read them
_MAPPING_ARRAYS = ("bead", "atom", "weight", "owner")
_TYPE_ARRAYS = ("residues", "mass", "partial_charge", "bonds", "bead_residues", "bead_bonds", "bond_length")
_TYPE_LISTS = ("name", "atom_names", "atom_types", "residue_names", "bead_names", "bead_types", "bead_residue_names")


def save(path: Path, kind: str, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write tensors and a JSON header, under a temporary name first, so that a file is never there in part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    metadata = {"backmap": json.dumps({"kind": kind, "version": VERSION, **header})}
    save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, part, metadata=metadata)
    part.chmod(0o666 & ~_umask())  # safetensors makes files that only their owner may read
    os.replace(part, path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the header of a file of ``kind``.

    Raises:
        BackmapError: If the file is missing, was not written by ``save``, or is of another kind.
    """
    if path.is_dir():
        raise BackmapError("is a folder, not a file", where=path)
    try:
        with safe_open(path, framework="pt") as file:
            header = _header(json.loads((file.metadata() or {}).get("backmap", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise BackmapError("no such file", where=path) from None
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise BackmapError("is not a checkpoint that backmap wrote", where=path,
                           hint=f"safetensors says: {error}") from None
    if header.get("kind") != kind:
        found = f"a {header['kind']} file" if "kind" in header else "not a file that backmap wrote"
        raise BackmapError(f"is {found}, but a {kind} file is needed here", where=path)
    if header.get("version") != VERSION:
        raise BackmapError(f"is a {kind} file of version {header.get('version')}, and this backmap knows version "
                           f"{VERSION}", where=path, hint="Use the backmap that wrote it, or a newer one.")
    return tensors, header


def _header(found: Any) -> dict[str, Any]:
    """The header, if it is one."""
    if not isinstance(found, dict):
        raise ValueError("the header is no mapping")
    return found


def pack_type(molecule: MoleculeType, prefix: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Convert a molecule type to tensors, whose names start with ``prefix``, and a JSON entry."""
    tensors = {f"{prefix}.{name}": torch.as_tensor(getattr(molecule, name)) for name in _TYPE_ARRAYS}
    tensors |= {f"{prefix}.mapping.{name}": torch.as_tensor(getattr(molecule.mapping, name))
                for name in _MAPPING_ARRAYS}
    tensors |= {f"{prefix}.chemistry.{field.name}": torch.as_tensor(getattr(molecule.chemistry, field.name))
                for field in fields(Chemistry)}
    for name, part in (("held", molecule.held), ("dependents", molecule.dependents)):
        if len(part):
            tensors |= {f"{prefix}.{name}.{field.name}": torch.as_tensor(getattr(part, field.name))
                        for field in fields(part)}
    terms = [[term.name, term.beads.tolist()] for term in molecule.bead_terms]
    entry = {name: getattr(molecule, name) for name in (*_TYPE_LISTS, "given", "length_unit", "limits")}
    return tensors, entry | {"bead_terms": terms}


def unpack_type(tensors: dict[str, Tensor], entry: dict[str, Any], prefix: str) -> MoleculeType:
    """Build the molecule type from what ``pack_type`` returned."""
    def array(name: str) -> np.ndarray:
        return tensors[f"{prefix}.{name}"].numpy()

    if array("bond_length").shape != array("bonds").shape[:1]:  # else it would be taken for unknown
        raise ValueError(f"{len(array('bond_length'))} lengths of {len(array('bonds'))} bonds")
    chemistry = Chemistry(**{field.name: array(f"chemistry.{field.name}") for field in fields(Chemistry)})
    mapping = Mapping(len(entry["atom_names"]), len(entry["bead_names"]),
                      **{name: array(f"mapping.{name}") for name in _MAPPING_ARRAYS})
    rigid = {name: kind(**{field.name: array(f"{name}.{field.name}") for field in fields(kind)})
             for name, kind in (("held", FixedDistances), ("dependents", Dependents))
             if f"{prefix}.{name}.{fields(kind)[0].name}" in tensors}
    terms = tuple(BeadTerm(name, np.array(beads, dtype=np.int64)) for name, beads in entry.get("bead_terms", ()))
    return MoleculeType(**{**entry, "bead_terms": terms}, **{name: array(name) for name in _TYPE_ARRAYS},
                        chemistry=chemistry, mapping=mapping, **rigid)


def taught(molecule: MoleculeType, known: MoleculeType, where: object) -> MoleculeType:
    """Return a molecule type with the rigid lengths and signs of stereocentres that it had in training.

    Raises:
        BackmapError: If the two are different molecules.
    """
    for what, here, there in (
            ("atom names", molecule.atom_names, known.atom_names), ("bonds", molecule.bonds, known.bonds),
            ("bead names", molecule.bead_names, known.bead_names),
            ("owners", molecule.mapping.owner, known.mapping.owner)):
        if not np.array_equal(here, there):
            raise BackmapError(f"molecule type '{molecule.name}' has other {what} than the one the weights "
                               "were trained on", where=where, hint="Use weights for this topology, or train some.")
    if not molecule.mapping.near(known.mapping, 1e-4):
        raise BackmapError(f"molecule type '{molecule.name}' is mapped with other weights than in training",
                           where=where, hint="Use the mapping of the training run, or train again.")
    chemistry = molecule.chemistry
    if not chemistry.sign.all() and np.array_equal(chemistry.centres, known.chemistry.centres):
        chemistry = replace(chemistry, sign=np.where(chemistry.sign != 0, chemistry.sign, known.chemistry.sign))
    length = np.where(np.isfinite(known.bond_length), known.bond_length, molecule.bond_length)
    return replace(molecule, chemistry=chemistry, bond_length=length, length_unit=known.length_unit,
                   limits=known.limits)
