"""Beads of Martini's files that stand for no molecule of the topology: solvent and ions."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

#: Waters that one bead is, by its name; SW and TW are Martini 3's small and tiny ones.
WATERS = {"W": 4, "WF": 4, "SW": 3, "TW": 2}
#: Sites of polarisable water that bear its charges: nothing of atoms.
CHARGES = ("WP", "WM")
#: Virtual sites of proteins, as of Go models: nothing of atoms.
SITES = ("CA", "VS", "GO")
#: Names of beads, by the kind of molecule.
WATER = ("W", "WF", "SW", "TW", "PW", "BW")
IONS = {"NA": ("NA", "NA+", "TNA"), "CL": ("CL", "CL-", "TCL"), "K": ("K", "K+"),
        "CA": ("CA", "CA+", "CA2+"), "BR": ("BR", "BR-"),
        "MG": ("MG", "MG+", "MG2+")}
#: What topologies of atoms call them.
_CALLED = {"water": ("SOL", "HOH", "WAT", "TIP3", "TIP3P", "SPC", "SPCE", "OPC", "W"),
           "NA": ("NA", "NA+", "SOD"), "CL": ("CL", "CL-", "CLA"), "K": ("K", "K+", "POT"), "CA": ("CA", "CA2+", "CAL"),
           "BR": ("BR", "BR-"), "MG": ("MG", "MG2+")}


def solvent(names: Sequence[str], residues: Sequence[str] | None, unmapped: Sequence[str]) -> \
        tuple[dict[str, list[str]], list[str]]:
    """Which beads of a file are solvent and ions.

    Args:
        names: Of beads.
        residues: Of their residues, where the file has them; those of ions are called as the ion, or ION.
        unmapped: Molecule types without a mapping.

    Returns:
        What each of these molecule types is called in the file, and what is in the file alone.
    """
    kinds: dict[str, list[str]] = {}
    for name, residue in dict.fromkeys(zip(names, residues or names, strict=True)):
        kind = _kind(name, residue)
        if kind is not None:
            kinds.setdefault(kind, []).append(name if name == residue else f"{residue}:{name}")
    of = {name: kinds.pop(kind) for kind, called in _CALLED.items() for name in unmapped
          if name.upper() in called and kind in kinds}
    return of, [pattern for patterns in kinds.values() for pattern in patterns]


def waters(names: Sequence[str], residues: Sequence[str] | None,
           patterns: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """How many waters there are at each bead, and how many beads, by pattern; empty where one of them is not known."""
    known = {pattern: WATERS.get(pattern.rpartition(":")[2]) for pattern in patterns}
    if not all(known.values()):
        return {}, {}
    called = Counter(name if name == residue else f"{residue}:{name}"
                     for name, residue in zip(names, residues or names, strict=True))
    return {pattern: int(count) for pattern, count in known.items()}, {pattern: called[pattern] for pattern in known}


def charges(names: Sequence[str], residues: Sequence[str] | None) -> list[str]:
    """Sites of polarisable water without atoms."""
    pairs = dict.fromkeys(zip(names, residues or names, strict=True))
    return [f"{residue}:{name}" for name, residue in pairs if name in CHARGES and residue in ("PW", *CHARGES)]


def ion_of(name: str) -> str | None:
    """The ion that a molecule type is by its name."""
    return next((kind for kind, called in _CALLED.items() if kind != "water" and name.upper() in called), None)


def is_water(name: str) -> bool:
    """Whether a molecule type is water by its name."""
    return name.upper() in _CALLED["water"]


def _kind(name: str, residue: str) -> str | None:
    if name in WATER and (residue == name or residue in WATER):
        return "water"
    return next((ion for ion, called in IONS.items() if name in called and residue in (*called, "ION")), None)
