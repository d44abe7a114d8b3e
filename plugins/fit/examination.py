"""What is wrong with beads that are not as those of the free molecule: unit, scale, order, mapping."""
from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from backmap.model.inputs import BeadsAre
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import ForceField
from backmap.model.system import System

from ..chemistry.bond_lengths import impossible
from ..chemistry.planar_bonds import SMALL_RING
from .lengths import LengthTables, lengths
from .mappings import other_mappings
from .sampling import LARGEST, NEAREST, FreeMolecule, free_molecule
from .warmth import warmth

Array = NDArray[np.float64]
Index = NDArray[np.int64]
#: Positions of beads (B, 3), nm, and the box (3, 3) or None.
BeadFrame = tuple[Array, Array | None]

MOLECULES = 400  #: molecules of a type that are looked at, evenly spaced
TYPES = 4  #: molecule types that are sampled, those of most beads first
BEADS = 14  #: beads of a molecule from which on only near ones are exchanged
#: Relative width by which right lengths may differ from the free molecule's, for beads of atoms and of a model.
WIDTH = {"mapped": 0.01, "model": 0.12}
#: Factor to all lengths from which on they are off.
OFF = {"mapped": 1.02, "model": 1.25}
GROSS = 1.25  #: factor from which on beads of atoms cannot be meant
UNIT = 0.25  #: a factor whose logarithm is so close to that of 10 is another unit
ALIKE = 0.02  #: scores that differ by less are the same
GAIN = 1.0  #: by which another order must be more likely, logarithm and length
MAPPING_GAIN = 0.15  #: the same of another mapping
AS_LONG = 1.03  #: factor to a mean length up to which it is the same
WIDE = 1.5  #: times as much variation as in the free molecule
#: K: where nothing says how warm beads are, and the least at which molecules are sampled. Below, those of a glass or
#: a crystal would not come over their barriers, as they did when they were warmer.
ROOM, COLDEST = 300.0, 250.0
WARM = 1.35  #: factor to the temperature, from which on it is another
LIKELIER = 3.3  #: logarithm of a likelihood, by which that is likelier: of right beads 1 % by chance
FITS = -1.2  #: score of lengths that are as they should be, at least
CLOSELY = -0.5  #: score of lengths by which a mapping is told, at least
FOREIGN, STRANGE = -3.0, -1.8  #: score of lengths of another molecule, and of such that may be


@dataclass(frozen=True)
class Misfit:
    """Beads that do not fit.

    Attributes:
        grave: Whether nothing right can come of them.
        problem: What was found, with numbers; a sentence without a full stop.
        hint: What to do.
        undecided: Whether it is none if the beads are those of a model, which nobody has said.
    """

    grave: bool
    problem: str
    hint: str
    undecided: bool = False


@dataclass(eq=False)
class Examined:
    """What came of an examination.

    Attributes:
        misfits: What is wrong.
        fitting: Names of molecule types whose beads fit.
        unlooked: What was not looked at, and why, as sentences.
    """

    misfits: list[Misfit] = field(default_factory=list)
    fitting: list[str] = field(default_factory=list)
    unlooked: list[str] = field(default_factory=list)


def examined(system: System, forcefield: ForceField, temperature: float | None, frames: Sequence[BeadFrame],
             declared: BeadsAre | None = None) -> Examined:
    """Compare beads with those of free molecules.

    Args:
        system: The molecules.
        forcefield: Of their atoms.
        temperature: K; None where nothing says it.
        frames: Some frames of beads.
        declared: Whether beads are said to be mapped from atoms or those of a model.
    """
    found = Examined()
    sort = "model" if declared == "model" else "mapped"
    frees = dict(_free(system, forcefield, max(temperature or ROOM, COLDEST), found))
    if not frees or not frames:
        return found
    tables = {name: LengthTables.of(free, free.kind.mapping, WIDTH[sort]) for name, free in frees.items()}
    beads = {name: _rows(system, frames, name) for name in frees}
    misfit = _other_order(system, frames, tables, beads)
    if misfit is not None:
        found.misfits.append(misfit)
        return found
    for name, free in frees.items():
        one = Compared(free, tables[name], beads[name], sort, declared, temperature, forcefield)
        own = list(_of_type(one))
        found.misfits += own
        if not own:
            found.fitting.append(name)
    return found


@dataclass(frozen=True, eq=False)
class Compared:
    """Beads of one molecule type beside those of the free molecule.

    Attributes:
        free: The free molecule.
        tables: Its lengths.
        beads: Whole molecules, (n, B, 3), nm.
        sort: How closely they are compared.
        declared: What they are said to be.
        temperature: That they are said to have, K; None where nothing says it.
        forcefield: Of the atoms.
    """

    free: FreeMolecule
    tables: LengthTables
    beads: Array
    sort: str
    declared: BeadsAre | None
    temperature: float | None
    forcefield: ForceField

    @property
    def kind(self) -> MoleculeType:
        """The molecule type."""
        return self.free.kind

    @property
    def least(self) -> float:
        """Mean score below which the beads are strange."""
        return STRANGE if self.sort == "mapped" else FOREIGN

    @property
    def mean(self) -> float:
        """Mean score of the beads."""
        return float(self.tables.score(self.beads).mean())

    @property
    def unfolded(self) -> Compared:
        """Beside the free molecule without charges and far attraction, if the beads are more like that.

        In vacuum peptides fold and alcohols bind themselves, as they do not among others that screen their charges.
        """
        free = free_molecule(self.kind, self.forcefield.screened(np.inf), self.free.temperature, NEAREST)
        if free is None:
            return self
        other = replace(self, free=free, tables=LengthTables.of(free, self.kind.mapping, WIDTH[self.sort]))
        return max(self, other, key=lambda one: one.mean)


def _free(system: System, forcefield: ForceField, temperature: float,
          found: Examined) -> Iterator[tuple[str, FreeMolecule]]:
    """Free molecules by name, those of most beads first; what is left out is told."""
    counts: dict[str, int] = {}
    kinds: dict[str, MoleculeType] = {}
    for group in system.groups:
        kind = group.type
        if kind.n_beads > 1 and not kind.given and not kind.coarse:
            counts[kind.name] = counts.get(kind.name, 0) + group.beads.size
            kinds.setdefault(kind.name, kind)
    for number, name in enumerate(sorted(counts, key=counts.get, reverse=True)):
        kind = kinds[name]
        if kind.n_atoms > LARGEST:
            found.unlooked.append(f"{name} has {kind.n_atoms} atoms; molecules of up to {LARGEST} are looked at")
        elif kind.chemistry.ring.max(initial=0) > SMALL_RING:
            found.unlooked.append(f"{name}: shapes of its ring of {kind.chemistry.ring.max()} atoms are not sampled")
        elif number >= TYPES:
            found.unlooked.append(f"{name}: {TYPES} types of molecules are looked at")
        elif impossible(kind, forcefield.of(System(((kind, 1),)))[0]):
            found.unlooked.append(f"{name} has bonds of lengths that no bond has")
        else:
            free = free_molecule(kind, forcefield, temperature)
            if free is None:
                found.unlooked.append(f"{name}: its free molecule could not be sampled")
            else:
                yield name, free


def _rows(system: System, frames: Sequence[BeadFrame], name: str) -> Array:
    """Whole molecules of a name, (n, B, 3)."""
    rows = [system.whole_beads(beads, box)[group.beads] for beads, box in frames for group in system.groups
            if group.type.name == name]
    return _some(np.concatenate(rows))


def _some(molecules: Array) -> Array:
    return molecules[np.unique(np.linspace(0, len(molecules) - 1, min(MOLECULES, len(molecules))).astype(int))]


def _total(tables: dict[str, LengthTables], beads: dict[str, Array]) -> float:
    return float(np.mean(np.concatenate([tables[name].score(beads[name]) for name in tables])))


def _other_order(system: System, frames: Sequence[BeadFrame], tables: dict[str, LengthTables],
                 beads: dict[str, Array]) -> Misfit | None:
    """Positions in another unit than the box, molecules in another order, or beads one sort after the other."""
    now = _total(tables, beads)
    if now > FITS:
        return None

    def likely(changed: Sequence[BeadFrame], other: System = system) -> bool:
        return _total(tables, {name: _rows(other, changed, name) for name in tables}) > max(FITS, now + GAIN)

    for factor, unit in ((0.1, "Angstrom"), (10.0, "a unit of 10 nm")):
        if likely([(x * factor, None if box is None else box * factor) for x, box in frames]):
            return None  # all lengths are so, which is told by type
        if likely([(x * factor, box) for x, box in frames]):
            return Misfit(True, f"positions of beads are {1 / factor:g} times too far apart, but the box is not: they "
                          f"are in {unit}, read as nm", "Scale the positions, or say their unit.")
    blocks = system.blocks
    if 1 < len(blocks) <= 4:
        for order in itertools.permutations(range(len(blocks))):
            other = System(tuple(blocks[k] for k in order))
            if order != tuple(range(len(blocks))) and likely(frames, other):
                return Misfit(True, f"molecules are in another order than in the topology: the beads are those of "
                              f"{other.listed}, the topology has {system.listed}",
                              "Give the topology's [ molecules ] the order of the file of beads.")
    if len(blocks) == 1 and system.n_molecules > 1:
        kind, count = blocks[0]
        if likely([(x.reshape(kind.n_beads, count, 3).transpose(1, 0, 2).reshape(-1, 3), box) for x, box in frames]):
            return Misfit(True, f"the file lists all first beads of {kind.name}, then all second ones, and so on",
                          "Beads must be listed molecule by molecule.")
    return None


def _of_type(one: Compared) -> Iterator[Misfit]:
    """What is wrong with one molecule type: the first thing that explains it."""
    misfit = _permuted(one) or _mapped_otherwise(one) or _scaled(one)
    if misfit is None and not _alike(one) and one.mean < one.least:
        one = one.unfolded
        misfit = _strange(one)
    misfit = misfit or _wide(one) or _otherwise_warm(one)
    if misfit is not None:
        yield _as_model(one, misfit)


def _strange(one: Compared) -> Misfit | None:
    """Beads that nothing explains."""
    if one.mean >= one.least:
        return None
    return Misfit(one.mean < FOREIGN and one.declared == "mapped", f"distances between beads of {one.kind.name} are "
                  f"not those of its free molecule, in no order and at no scale: {_farthest(one)}",
                  "Are they beads of this molecule, in the order of the mapping, and at this temperature?"
                  + (" If they are those of a model, say so (beads: model)." if one.declared is None else ""))


def _alike(one: Compared) -> bool:
    """Whether all lengths are in the mean as in the free molecule: of a stiff one their spread alone can be strange."""
    mean = lengths(one.beads, one.tables.pairs).mean(axis=0)
    return bool(((mean < AS_LONG * one.tables.mean) & (AS_LONG * mean > one.tables.mean)).all())


def _as_model(one: Compared, misfit: Misfit) -> Misfit:
    """What is wrong with beads of which nobody says what they are: undecided, if a model of the molecule has such."""
    if one.declared is not None or misfit.grave or one.sort == "model":
        return misfit
    other = replace(one, tables=LengthTables.of(one.free, one.kind.mapping, WIDTH["model"]), sort="model")
    found = next(_of_type(other), None)
    return replace(misfit, undecided=True) if found is None else found if found.grave else misfit


def _wide(one: Compared) -> Misfit | None:
    """Beads that are spread more widely than the molecule allows."""
    if one.sort == "model" or one.tables.spread_ratio(one.beads) < WIDE:
        return None
    ratio = one.unfolded.tables.spread_ratio(one.beads)  # in vacuum alcohols keep to the wells in which they fold
    if ratio < WIDE:
        return None
    return Misfit(False, f"distances between beads of {one.kind.name} vary {ratio:.2g} times as much as in its free "
                  "molecule", "Is it the temperature of the beads, and were they rounded or smeared?")


def _otherwise_warm(one: Compared) -> Misfit | None:
    """Beads of atoms at another temperature."""
    if one.declared != "mapped" or one.temperature is None:
        return None
    found = warmth(one.free, one.beads, one.temperature)
    if found is None or found.gain < LIKELIER or abs(np.log(found.factor)) < np.log(WARM):
        return None
    return Misfit(False, f"distances between beads of {one.kind.name} vary as at about "
                  f"{_rounded(found.factor * one.temperature)} K, not as at {one.temperature:g} K",
                  "Is it the temperature of the atoms that they were mapped from? Beads that were rounded or smeared "
                  "look warmer.")


def _rounded(temperature: float) -> str:
    """To two digits."""
    return f"{float(f'{temperature:.1e}'):g}"


def _permuted(one: Compared) -> Misfit | None:
    """Beads in reverse, or two exchanged."""
    kind, n, score = one.kind, one.kind.n_beads, one.tables.score(one.beads)
    hint = "Beads must be listed in the order of the mapping: change one of the two."
    best: tuple[float, str] = (GAIN, "")
    for name, order in _orders(kind):
        touched = (order[one.tables.pairs] != one.tables.pairs).any(axis=1)
        touched &= ~(np.sort(order[one.tables.pairs], axis=1) == one.tables.pairs).all(axis=1)
        if n < 2 or not touched.any() or score[touched].mean() > -GAIN:
            continue
        other = one.tables.score(one.beads[:, order])[touched].mean()
        gain = float(other - score[touched].mean())
        if gain > best[0] + ALIKE and other > FITS:
            best = gain, name
    return Misfit(True, f"{kind.name}: {best[1]}, as distances in its free molecule tell", hint) if best[1] else None


def _orders(kind: MoleculeType) -> Iterator[tuple[str, Index]]:
    n = kind.n_beads
    yield "its beads are in reverse order", np.arange(n)[::-1].copy()
    for i, j in sorted(itertools.combinations(range(n), 2), key=lambda pair: pair[1] - pair[0]):
        if n <= BEADS or j - i <= 2:
            order = np.arange(n)
            order[[i, j]] = j, i
            yield f"beads {kind.bead_names[i]} and {kind.bead_names[j]} are exchanged", order


def _scaled(one: Compared) -> Misfit | None:
    factor, best = one.tables.best_scale(one.beads)
    ratio, name = 1 / factor, one.kind.name
    if abs(np.log(ratio)) < np.log(OFF[one.sort]) or best < one.mean + ALIKE:
        return None
    if best < (FITS if one.sort == "mapped" else FOREIGN):
        return None
    rows = _examples(one)
    said = f"distances between beads of {name} are {ratio:.3g} times those of its free molecule ({rows})"
    for unit, word in ((10.0, "Angstrom"), (0.1, "a unit of 10 nm")):
        if abs(np.log(ratio / unit)) < UNIT:
            return Misfit(True, f"{said}: they are in {word}, read as nm", "Scale the file, or say its unit.")
    gross = max(ratio, factor) > GROSS
    if one.sort == "model":
        return Misfit(False, f"{said}, which is much even for a model", "Is it a model of this molecule, in nm?")
    if gross:
        return Misfit(one.declared == "mapped", said, "Check the unit of lengths, and that the beads are of this "
                                                      "molecule.")
    return Misfit(False, said, "Beads of atoms are as long as these: check the unit, and the mapping that "
                             "made them." if one.declared else "If they are beads of a model, say so (beads: model); "
                             "if they were mapped from atoms, it was by another mapping or unit.")


def _mapped_otherwise(one: Compared) -> Misfit | None:
    """Beads at other places of the same atoms."""
    if one.sort == "model":
        return None
    best = max(one.mean + MAPPING_GAIN, one.tables.best_scale(one.beads)[1] + ALIKE, CLOSELY), ""
    for name, mapping in other_mappings(one.kind):
        other = float(LengthTables.of(one.free, mapping, WIDTH[one.sort]).score(one.beads).mean())
        if other > best[0]:
            best = other, name
    if not best[1]:
        return None
    return Misfit(False, f"beads of {one.kind.name} lie at {best[1]}, not where the mapping has them "
                  f"({_examples(one)})", "Give the mapping the weights that made the beads ('weights: mass' or "
                  "'weights: geometry' of YAML and of CGsmiles, whose default is geometry).")


def _examples(one: Compared) -> str:
    """Two distances of bonded beads, given and free."""
    bonded = [row for row, pair in enumerate(one.tables.pairs.tolist()) if one.kind.bead_graph.has_edge(*pair)][:2]
    return _lengths(one, bonded)


def _farthest(one: Compared) -> str:
    return _lengths(one, np.argsort(one.tables.score(one.beads))[:2].tolist())


def _lengths(one: Compared, rows: list[int]) -> str:
    names, mean = one.kind.bead_names, lengths(one.beads, one.tables.pairs).mean(axis=0)
    return ", ".join(f"{names[i]}-{names[j]} {mean[row]:.3g} nm, free {one.tables.mean[row]:.3g}"
                     for row in rows for i, j in [one.tables.pairs[row].tolist()])
