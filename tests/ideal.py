"""Molecules of beads whose law is known: rings, branches and several types, anywhere in a box, each drawn exactly.

The density of a molecule is a product over its bonds and angles: lengths are normal, and the cosine of an inner angle
at a bead has the density exp(-stiffness cos), both by types of beads. Along a tree each has just that density, whatever
the rest does; angles between the arms of a branch, and what closes a ring, are by rejection.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from backmap_plugins.molecules.bead_molecule import BeadMolecule
from backmap_plugins.molecules.bottleneck import CoarseMolecule
from numpy.typing import NDArray

Array = NDArray[np.float64]

BOX = 7.0
#: Mean and standard deviation of bonds, nm, by types; stiffness of angles by the type in the middle; masses.
BONDS = {"AA": (0.42, 0.03), "AB": (0.50, 0.05), "BB": (0.58, 0.03)}
STIFFNESS = {"A": 2.0, "B": -0.5}
MASS = {"A": 72.0, "B": 36.0}


@dataclass(frozen=True)
class Ideal:
    """A molecule type.

    Attributes:
        name: Three letters.
        types: Of its beads.
        parents: The bead that each is bonded to, before it; -1 for the first.
        closing: Pairs of beads that bonds beyond the tree join.
    """

    name: str
    types: str
    parents: tuple[int, ...]
    closing: tuple[tuple[int, int], ...] = ()

    @classmethod
    def chain(cls, name: str, types: str, ring: bool = False) -> Ideal:
        n = len(types)
        return cls(name, types, tuple(range(-1, n - 1)), ((0, n - 1),) if ring else ())

    @classmethod
    def star(cls, name: str, arms: Sequence[int]) -> Ideal:
        parents = [-1]
        for arm in arms:
            first = len(parents)
            parents += [0, *range(first, first + arm - 1)]
        return cls(name, "A" * len(parents), tuple(parents))

    @cached_property
    def molecule(self) -> BeadMolecule:
        n = len(self.types)
        return BeadMolecule(self.name, [f"{kind}{k + 1}" for k, kind in enumerate(self.types)], list(self.types),
                            [self.name] * n, np.ones(n, dtype=np.int64), np.array([MASS[kind] for kind in self.types]),
                            np.array(sorted([*((p, k) for k, p in enumerate(self.parents) if p >= 0), *self.closing])))

    @cached_property
    def terms(self) -> dict[str, Array]:
        """Bonds and angles, as members (n, 2 or 3)."""
        return CoarseMolecule.of(self.molecule, 1, "last").terms

    def drawn(self, rng: np.random.Generator, n: int) -> Array:
        """Molecules, (n, B, 3), nm, the first bead anywhere in the box."""
        found: list[Array] = []
        while sum(map(len, found)) < n:
            tried = self._along_the_tree(rng, 40 * n if self._beyond or self.closing else n)
            found.append(tried[np.log(rng.random(len(tried))) < self._left(tried)])
        return np.concatenate(found)[:n] + rng.uniform(0, BOX, (n, 1, 3))

    def _along_the_tree(self, rng: np.random.Generator, n: int) -> Array:
        made = np.zeros((n, len(self.types), 3))
        for bead, parent in enumerate(self.parents):
            if parent < 0:
                continue
            way = rng.normal(size=(n, 3))
            behind = self.parents[parent]
            if behind < 0 and parent in self.parents[:bead]:
                behind = self.parents.index(parent)
            if behind >= 0:
                back = _unit(made[:, behind] - made[:, parent])
                cosine = _cosine(rng.random(n), STIFFNESS[self.types[parent]])[:, None]
                aside = _unit(way - (way * back).sum(axis=1, keepdims=True) * back)
                way = cosine * back + np.sqrt(1 - cosine**2) * aside
            length = rng.normal(*BONDS[_pair(self.types[bead], self.types[parent])], size=(n, 1))
            made[:, bead] = made[:, parent] + length * _unit(way)
        return made

    @cached_property
    def _beyond(self) -> list[tuple[int, int, int]]:
        """Angles that the tree has not drawn."""
        drawn = {(self.parents[p] if self.parents[p] >= 0 else self.parents.index(p), p, k)
                 for k, p in enumerate(self.parents) if p >= 0}
        return [(i, j, k) for i, j, k in self.terms["angle"].tolist() if not {(i, j, k), (k, j, i)} & drawn]

    def _left(self, beads: Array) -> Array:
        """Logarithm of what is left of the density, by its largest value, (n,)."""
        total = np.zeros(len(beads))
        for i, j in self.closing:
            mean, width = BONDS[_pair(self.types[i], self.types[j])]
            length = np.linalg.norm(beads[:, i] - beads[:, j], axis=1)
            grid = np.linspace(0.1, 1.0, 1000)
            log = [-0.5 * ((x - mean) / width) ** 2 - 2 * np.log(x) for x in (length, grid)]
            total += log[0] - log[1].max()
        for i, j, k in self._beyond:
            stiffness = STIFFNESS[self.types[j]]
            cosine = (_unit(beads[:, i] - beads[:, j]) * _unit(beads[:, k] - beads[:, j])).sum(axis=1)
            total -= stiffness * cosine + abs(stiffness)
        return total

    def lost(self, rng: np.random.Generator, beads: Array, size: int, remainder: str = "last") -> Array:
        """The same mass centres of groups, with beads of groups anywhere about them."""
        made = beads.copy()
        for group in CoarseMolecule.of(self.molecule, size, remainder).groups:
            mass = self.molecule.mass[group][:, None]
            centre = (beads[:, group] * mass).sum(axis=1, keepdims=True) / mass.sum()
            offsets = 0.2 * _unit(rng.normal(size=(len(beads), len(group), 3)))
            made[:, group] = centre + offsets - (offsets * mass).sum(axis=1, keepdims=True) / mass.sum()
        return made

    def values(self, beads: Array) -> dict[tuple[str, str], Array]:
        """Lengths, nm, and cosines of inner angles, by kind of term and types of its beads; those that close apart."""
        found: dict[tuple[str, str], list[Array]] = {}
        for kind in ("bond", "angle"):
            for member in self.terms[kind].tolist():
                types = "".join(self.types[bead] for bead in member)
                name = min(types, types[::-1]) + self._where(kind, member)
                points = [beads[:, bead] for bead in member]
                found.setdefault((kind, name), []).append(
                    np.linalg.norm(points[1] - points[0], axis=1) if kind == "bond" else
                    (_unit(points[0] - points[1]) * _unit(points[2] - points[1])).sum(axis=1))
        return {name: np.concatenate(each) for name, each in found.items()}

    def _where(self, kind: str, member: list[int]) -> str:
        degree = np.bincount(self.molecule.bonds.ravel())
        if kind == "angle" and degree[member[1]] > 2:
            return " at the branch"
        ends = (0, len(self.types) - 1)
        if self.closing and sum(bead in ends for bead in member) == 2 and (kind == "angle" or tuple(member) == ends):
            return " at the closing bond"
        return ""

    def topology(self) -> str:
        """A [ moleculetype ]."""
        kind = self.molecule
        atoms = "".join(f"{k + 1} {kind.types[k]} 1 {self.name} {kind.names[k]} {k + 1} 0 {kind.mass[k]}\n"
                        for k in range(kind.n_beads))
        bonds = "".join(f"{i + 1} {j + 1} 1\n" for i, j in kind.bonds.tolist())
        return f"[ moleculetype ]\n{self.name} 1\n[ atoms ]\n{atoms}[ bonds ]\n{bonds}"


def write_gro(path: Path, kinds: Sequence[Ideal], frames: Sequence[Sequence[Array]]) -> None:
    """Frames of molecules (n, B, 3) of each kind, wrapped into the box."""
    lines = []
    for number, frame in enumerate(frames):
        rows = [(kind.name, residue, name, bead) for kind, molecules in zip(kinds, frame, strict=True)
                for residue, one in enumerate(molecules % BOX) for name, bead in zip(kind.molecule.names, one)]
        lines += [f"ideal t= {number:.1f}", str(len(rows))]
        lines += [f"{residue + 1:5d}{molecule:<5}{name:>5}{k + 1:5d}{x:9.4f}{y:9.4f}{z:9.4f}"
                  for k, (molecule, residue, name, (x, y, z)) in enumerate(rows)]
        lines.append(f"{BOX:10.5f}{BOX:10.5f}{BOX:10.5f}")
    path.write_text("\n".join(lines) + "\n")


def _pair(a: str, b: str) -> str:
    return min(a + b, b + a)


def _unit(way: Array) -> Array:
    return way / np.linalg.norm(way, axis=-1, keepdims=True)


def _cosine(uniform: Array, stiffness: float) -> Array:
    """Cosines with the density exp(-stiffness cos) on [-1, 1]."""
    low, high = np.exp(stiffness), np.exp(-stiffness)
    return -np.log(low + uniform * (high - low)) / stiffness
