"""What was done to make a mapping fit a molecule type, and what of it is not used: lines for the user."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from backmap.api import AtomMolecule

from .atom_names import Matched
from .units import Unit

_LISTED = 8  #: things that a line names


@dataclass
class Remarks:
    """Counts while a molecule type is put together.

    Attributes:
        forms: Residues that are described under the name of another form: name and other name.
        names: Atoms that are called otherwise: name in the mapping and in the topology.
        caps: Caps of chains, which have no beads.
        unused: Sections of the mapping.
        passed: What was passed over when the file was read.
    """

    forms: Counter[tuple[str, str]] = field(default_factory=Counter)
    names: Counter[tuple[str, str]] = field(default_factory=Counter)
    caps: Counter[str] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)
    passed: dict[str, None] = field(default_factory=dict)

    def take(self, unit: Unit) -> None:
        """Count what a unit has that is not used."""
        self.unused.update(unit.unused)
        self.passed.update(dict.fromkeys(unit.remarks))

    def spelled(self, matched: Matched, molecule: AtomMolecule) -> None:
        """Count atoms of other names."""
        self.names.update((name, molecule.atom_names[atom]) for name, atom in matched.found.items()
                          if atom >= 0 and molecule.atom_names[atom] != name)

    def lines(self, name: str, files: str, lacking: Mapping[int, Sequence[str]]) -> list[str]:
        """A line for each kind.

        Args:
            name: Of the molecule type.
            files: Where the mapping is.
            lacking: Names of the mapping that residues do without, by residue, counted from 0.
        """
        said = list(self.passed)
        if self.forms:
            said.append(f"{name}: residues that are described as another form: " + _listed(
                f"{one} as {other}" for one, other in self.forms))
        if self.names:
            said.append(f"{name}: atoms that the mapping spells otherwise: " + _listed(
                f"{one} is {other} ({count})" for (one, other), count in self.names.most_common()))
        if self.caps:
            said.append(f"{name}: caps that the mapping does not describe, which follow the atoms to which they are "
                        "bonded: " + _listed(f"{cap} ({count})" for cap, count in self.caps.items()))
        if lacking:
            residues: dict[str, list[int]] = {}
            for residue, atoms in sorted(lacking.items()):
                residues.setdefault(", ".join(dict.fromkeys(atoms)), []).append(residue + 1)
            without = _listed((f"residue {numbers[0]} has no {atoms}" if len(numbers) == 1 else
                               f"residues {_listed(map(str, numbers))} have no {atoms}"
                               for atoms, numbers in residues.items()), "; ")
            said.append(f"{name}: {without}: their beads go without")
        if self.unused:
            listed = ", ".join(f"{count} [ {what} ]" for what, count in self.unused.items())
            said.append(f"{name}: not used of {files}: {listed}")
        return said


def _listed(texts: Iterable[str], between: str = ", ") -> str:
    texts = list(texts)
    more = f"{between}and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return between.join(texts[:_LISTED]) + more
