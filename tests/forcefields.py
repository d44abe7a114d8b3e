"""Force fields for tests: every function once, and GROMACS topologies read in the plainest way.

``read`` knows just enough of the format for the topologies of the tests; it is an independent twin of the
project's own readers.
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType
from backmap.model.parameters import FUNCTIONS, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System

Array = NDArray[np.float64]

#: Atoms of GROMACS' bonded sections, and our name of their functions.
_SECTIONS = {"bonds": 2, "angles": 3, "dihedrals": 4}
_NAMES = {("bonds", "1"): "harmonic_bond", ("bonds", "2"): "quartic_bond", ("angles", "1"): "harmonic_angle",
          ("angles", "2"): "cosine_angle", ("dihedrals", "1"): "periodic_proper", ("dihedrals", "9"): "periodic_proper",
          ("dihedrals", "2"): "harmonic_improper", ("dihedrals", "3"): "ryckaert_bellemans"}
_TYPES = {"bonds": "bondtypes", "angles": "angletypes", "dihedrals": "dihedraltypes"}


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Section and words of every line; #ifdef and macros are not known."""
    section = ""
    for line in path.read_text().splitlines():
        line = line.split(";")[0].strip()
        if line.startswith("#include"):
            for section, words in _lines(path.parent / line.split('"')[1]):
                yield section, words
        elif line.startswith("["):
            section = line.strip("[] ")
        elif line and not line.startswith("#"):
            yield section, line.split()


def read(path: Path, system: System, cutoff: float = 1.0, coulomb: str = "reaction_field",
         epsilon_rf: float = 2.5) -> ForceField:
    """Parameters of a system of one molecule type."""
    (kind,) = system.types
    sections: dict[str, list[list[str]]] = {}
    for section, words in _lines(path):
        sections.setdefault(section, []).append(words)
    rule, fudge = sections["defaults"][0][1], [float(x) for x in sections["defaults"][0][3:5]]
    names = sorted({words[1] for words in sections["atoms"]})
    c6, c12 = _tables(sections, names, rule)
    one_c6, one_c12 = c6 * fudge[0], c12 * fudge[0]
    for words in sections.get("pairtypes", []):
        if {*words[:2]} <= {*names}:
            i, j = names.index(words[0]), names.index(words[1])
            one_c6[i, j] = one_c6[j, i] = float(words[3])
            one_c12[i, j] = one_c12[j, i] = float(words[4])
    number = np.array([names.index(words[1]) for words in sections["atoms"]])
    charge = np.array([float(words[6]) for words in sections["atoms"]])
    pairs = np.array([[int(x) - 1 for x in words[:2]] for words in sections.get("pairs", [])], dtype=np.int64)
    pairs = np.sort(pairs.reshape(-1, 2), axis=1)
    i, j = pairs.T
    explicit = np.column_stack([one_c6[number[i], number[j]], one_c12[number[i], number[j]],
                                fudge[1] * charge[i] * charge[j]])
    excluded = _excluded(sections, kind, int(sections["moleculetype"][0][1]))
    excluded[i, j] = True
    molecule = MoleculeParameters(kind.name, tuple(_bonded(sections, kind)), number, charge,
                                  np.argwhere(np.triu(excluded, 1)), pairs, explicit)
    return ForceField({kind.name: molecule}, names, c6, c12, cutoff, coulomb, epsilon_rf, str(path))


def _tables(sections: dict, names: list[str], rule: str) -> tuple[Array, Array]:
    values = {words[0]: [float(x) for x in words[-2:]] for words in sections["atomtypes"]}
    first, second = np.array([values[name] for name in names]).T
    if rule == "1":
        c6, c12 = np.sqrt(first[:, None] * first), np.sqrt(second[:, None] * second)
    else:
        sigma = (first[:, None] + first) / 2 if rule == "2" else np.sqrt(first[:, None] * first)
        epsilon = np.sqrt(second[:, None] * second)
        c6, c12 = 4 * epsilon * sigma**6, 4 * epsilon * sigma**12
    for words in sections.get("nonbond_params", []):
        if {*words[:2]} <= {*names}:
            i, j = names.index(words[0]), names.index(words[1])
            c6[i, j] = c6[j, i] = float(words[3])
            c12[i, j] = c12[j, i] = float(words[4])
    return c6, c12


def _excluded(sections: dict, kind: MoleculeType, bonds: int) -> NDArray[np.bool_]:
    table = kind.distance <= bonds
    for words in sections.get("exclusions", []):
        for other in words[1:]:
            table[int(words[0]) - 1, int(other) - 1] = table[int(other) - 1, int(words[0]) - 1] = True
    return table


def _bonded(sections: dict, kind: MoleculeType) -> Iterator[Bonded]:
    found: dict[str, list[tuple[list[int], list[float]]]] = {}
    for section, size in _SECTIONS.items():
        known = {}
        for words in sections.get(_TYPES[section], []):
            for key in (tuple(words[:size]), tuple(words[:size][::-1])):
                known[key] = words[size:]
        for words in sections[section]:
            atoms = [int(x) - 1 for x in words[:size]]
            rest = words[size:]
            if len(rest) < 2:
                rest = known[tuple(kind.atom_types[a] for a in atoms)]
            function = _NAMES[section, rest[0]]
            numbers = [float(x) for x in rest[1:]]
            if FUNCTIONS[function][2][0] in ("t0", "p0"):
                numbers[0] = np.radians(numbers[0])
            found.setdefault(function, []).append((atoms, numbers))
    for function, rows in found.items():
        yield Bonded(function, np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))


def everything(system: System, coulomb: str = "reaction_field", cutoff: float = 0.7) -> ForceField:
    """A made-up force field in which every function and explicit pairs occur, for any small system."""
    rng = np.random.default_rng(11)
    molecules = {}
    for kind in system.types:
        n = kind.n_atoms
        bonded = []
        for function, (_, size, parameters) in FUNCTIONS.items():
            if n >= size:
                atoms = np.stack([rng.permutation(n)[:size] for _ in range(5)])
                values = rng.uniform(0.1, 2.0, (5, len(parameters)))
                if "n" in parameters:
                    values[:, parameters.index("n")] = rng.integers(1, 4, 5)
                if function == "cmap":
                    values = rng.integers(0, 2, (5, 1)).astype(float)
                bonded.append(Bonded(function, atoms, values))
        near = np.triu(kind.distance <= 3, 1)
        pairs = np.argwhere(np.triu(kind.distance == 3, 1))
        explicit = np.column_stack([rng.uniform(1e-3, 2e-3, len(pairs)), rng.uniform(1e-6, 2e-6, len(pairs)),
                                    rng.normal(0, 0.05, len(pairs))])
        charge = rng.normal(0, 0.2, n)
        molecules[kind.name] = MoleculeParameters(kind.name, tuple(bonded), rng.integers(0, 3, n), charge,
                                                  np.argwhere(near), pairs, explicit)
    c6, c12 = rng.uniform(1e-3, 3e-3, (3, 3)), rng.uniform(1e-6, 3e-6, (3, 3))
    return ForceField(molecules, ["X", "Y", "Z"], (c6 + c6.T) / 2, (c12 + c12.T) / 2, cutoff, coulomb, 3.0, "made up",
                      maps=maps())


def maps(size: int = 12) -> Array:
    """Two made-up correction maps, kJ/mol, (2, size, size)."""
    return np.random.default_rng(12).normal(0, 2, (2, size, size))
