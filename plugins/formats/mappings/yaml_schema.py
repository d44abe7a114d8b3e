"""The schema of YAML mappings, and its errors in the words of the file."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

import pydantic

from backmap.errors import BackmapError

from .bead_model import Weights
from .yaml_lines import YamlFile


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class BeadEntry(_Part):
    """One bead; a list alone is that of its atoms."""

    atoms: dict[str, pydantic.NonNegativeFloat] | list[str] = pydantic.Field(
        min_length=1, description="A list of atoms, or atoms with their weights.")
    type: str | None = pydantic.Field(None, min_length=1, description="Type of the bead; by default its name.")
    weights: Weights | list[pydantic.NonNegativeFloat] | None = pydantic.Field(
        None, description="mass, geometry, or a number for each atom.")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _spelt_out(cls, given: Any) -> Any:
        return {"atoms": given} if isinstance(given, list) else given

    @pydantic.model_validator(mode="after")
    def _counted(self) -> Self:
        if isinstance(self.weights, list) and isinstance(self.atoms, dict):
            raise ValueError("weights are given twice, with the atoms and beside them")
        if isinstance(self.weights, list) and len(self.weights) != len(self.atoms):
            raise ValueError(f"there are {len(self.weights)} weights for {len(self.atoms)} atoms")
        return self


class MoleculeEntry(_Part):
    """A molecule type, or one end of a chain."""

    beads: dict[str, BeadEntry] = pydantic.Field(min_length=1, description="Beads in order, by name.")
    weights: Weights | None = pydantic.Field(None, description="mass or geometry.")
    bonds: list[tuple[str, str]] | None = pydantic.Field(None, description="Pairs of beads.")
    chiral: list[tuple[str, str, str, str]] | None = pydantic.Field(None, description="Stereocentres.")
    cis: list[tuple[str, str, str, str]] | None = pydantic.Field(None, description="Torsions that are cis.")
    trans: list[tuple[str, str, str, str]] | None = pydantic.Field(None, description="Torsions that are trans.")


class Residue(MoleculeEntry):
    """A repeat unit: one residue, or several in a row. Atoms of one without beads follow those they are bonded to."""

    beads: dict[str, BeadEntry] = pydantic.Field(description="Beads in order, by name; {} if it has none.")
    first: MoleculeEntry | None = pydantic.Field(None, description="What is different at the beginning of a chain.")
    last: MoleculeEntry | None = pydantic.Field(None, description="What is different at its end.")


class ChainEntry(_Part):
    """A molecule type of repeat units."""

    residues: dict[str, Residue] = pydantic.Field(
        min_length=1, description="Repeat units, by residue name; one of several residues by their names in a row.")
    weights: Weights | None = pydantic.Field(None, description="mass or geometry.")


def _kind_of(entry: Any) -> str:
    return "chain" if isinstance(entry, dict) and "residues" in entry else "molecule"


Entry = Annotated[Annotated[ChainEntry, pydantic.Tag("chain")] | Annotated[MoleculeEntry, pydantic.Tag("molecule")],
                   pydantic.Discriminator(_kind_of)]
_ENTRIES = pydantic.TypeAdapter(dict[str, Entry])


def entries_of(source: YamlFile) -> dict[str, ChainEntry | MoleculeEntry]:
    """Checked entries of a file.

    Raises:
        BackmapError: With the line of the first thing that is wrong.
    """
    for name in source.content if isinstance(source.content, dict) else ():
        if name in {*MoleculeEntry.model_fields, *ChainEntry.model_fields}:
            raise BackmapError(f"'{name}' stands where the name of a molecule type should", where=source.where(name),
                               hint=f"Write it below that name, as the topology has it: OCT: {{{name}: ...}}.")
    try:
        entries = _ENTRIES.validate_python(source.content)
    except pydantic.ValidationError as invalid:
        raise _first_error(invalid, source) from None
    if not entries:
        raise BackmapError("describes no molecule type", where=source.path)
    return entries


def _first_error(invalid: pydantic.ValidationError, source: YamlFile) -> BackmapError:
    """The first thing that is wrong; a slip in a name explains a missing key better than the reverse."""
    errors = invalid.errors()
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    place = [part for k, part in enumerate(first["loc"]) if not (k == 1 and part in ("chain", "molecule"))]
    inside = list(place)
    while inside and source.where(*inside) == source.where(*inside[:-1]) and not _holds(
            source.content, inside):
        inside.pop()
    path = ".".join(map(str, inside))
    message = {"extra_forbidden": f"'{place[-1]}' is no key here" if place else "",
               "missing": f"'{place[-1]}' is missing" if place else ""}.get(first["type"]) \
        or _worded(first)
    hint = "Keys are: beads, residues, weights, bonds, chiral, cis, trans, first, last; of a bead: atoms, type, " \
        "weights." if first["type"] in ("extra_forbidden", "missing") else ""
    return BackmapError(f"{path}: {message[:1].lower()}{message[1:]}" if path else message,
                        where=source.where(*inside), hint=hint)


def _worded(error: Any) -> str:
    """pydantic's message in the words of the file."""
    return {"dict_type": "should be a mapping", "model_type": "should be a mapping", "list_type": "should be a list",
            "too_short": "is empty"}.get(error["type"]) \
        or error["msg"].removeprefix("Value error, ").removeprefix("Input ")


def _holds(content: Any, place: Sequence[str | int]) -> bool:
    """Whether there is something at a place."""
    for part in place:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
