"""What input script and data file say of a force field, by types; nothing is converted yet."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backmap.errors import BackmapError, Errors

from ...files.lammps.data import DataFile
from ...files.lammps.script import ScriptCommand, commands_of, number, types_of
from .styles import KINDS, STYLES, Term

#: Commands without any say in energies of given positions.
_SILENT = {"neighbor", "neigh_modify", "timestep", "thermo", "thermo_style", "thermo_modify", "dump", "dump_modify",
           "undump", "run", "minimize", "min_style", "min_modify", "run_style", "velocity", "reset_timestep",
           "boundary", "processors", "comm_modify", "comm_style", "newton", "atom_modify", "group", "compute",
           "uncompute", "compute_modify", "write_data", "write_dump", "write_coeff", "write_restart", "restart",
           "suffix", "package",
           "timer", "box", "info", "balance", "region", "fix_modify", "reset_atom_ids", "reset_mol_ids", "rerun",
           "dimension", "mass", "quit", "displace_atoms", "change_box"}
#: Commands that change what there is.
_CHANGES = {"set", "delete_bonds", "delete_atoms", "create_bonds", "create_atoms", "create_box", "replicate",
            "read_restart", "clear", "labelmap", "molecule", "third_order", "lattice", "read_dump"}


@dataclass(frozen=True)
class Coefficients:
    """Numbers of one type, or of a pair of types: style, words after it, and file and line."""

    style: str
    words: tuple[str, ...]
    where: str

    def numbers(self) -> list[float]:
        """The words as numbers."""
        return [number(word, "a number", self.where) for word in self.words]


@dataclass
class ScriptContents:
    """What is set, the last time that it is.

    Attributes:
        path: The script, or the data file if there is none.
        data: The data file.
        styles: Style command of each kind of term.
        pair: The command pair_style.
        coefficients: By kind of term and number of the type.
        pairs: Of pairs of atom types, the smaller one first.
        settings: Commands of which the last counts: units, dielectric, special_bonds, kspace_style.
        modify: Words of pair_modify, by the first of them.
        fixes: By their names.
        remarks: What is passed over.
        errors: What is wrong.
    """

    path: Path
    data: DataFile | None = None
    styles: dict[str, ScriptCommand] = field(default_factory=dict)
    pair: ScriptCommand | None = None
    coefficients: dict[str, dict[int, Coefficients]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    pairs: dict[tuple[int, int], Coefficients] = field(default_factory=dict)
    settings: dict[str, ScriptCommand] = field(default_factory=dict)
    modify: dict[str, tuple[str, ScriptCommand]] = field(default_factory=dict)
    fixes: dict[str, ScriptCommand] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    errors: Errors = field(default_factory=Errors)

    @classmethod
    def read(cls, script: Path, data: Path | None, variables: Mapping[str, str]) -> ScriptContents:
        """What a script and its data file say; ``data`` in place of the file that the script reads."""
        found = cls(script)
        commands, found.errors = commands_of(script, variables)
        if data is None and not any(command.name == "read_data" for command in commands):
            found.errors.add(BackmapError("has no read_data", where=str(script), hint="Give the data file with it, "
                                          "[data.lmp, in.lmp]; write_data makes one of any simulation."))
            return found
        if data is not None and not any(command.name == "read_data" for command in commands):
            commands = [*commands, ScriptCommand("read_data", (str(data),), str(script))]
        for command in commands:
            found.errors.attempt(found._take, command, data)
        return found

    def _take(self, command: ScriptCommand, data: Path | None) -> None:
        name = command.name
        if name in _SILENT:
            return
        kind, _, what = name.partition("_")
        if name in _CHANGES:
            raise command.refused("changes what there is, which is not followed",
                                  "Let LAMMPS write the outcome, by write_data behind it, and give that data file.")
        if name == "read_data":
            self._read_data(command, data)
        elif kind in KINDS and what == "style":
            self.styles[kind] = command
            self.coefficients[kind].clear()
        elif kind in KINDS and what == "coeff":
            self._take_coefficients(kind, command)
        elif name == "pair_style":
            self.pair = command
            self.pairs.clear()
        elif name == "pair_coeff":
            self._take_pair(command)
        elif name == "pair_modify":
            self._take_modify(command)
        elif name == "fix" and len(command.words) > 2:
            self.fixes[command.words[0]] = command
        elif name == "unfix" and command.words:
            self.fixes.pop(command.words[0], None)
        elif name in ("units", "atom_style", "dielectric", "special_bonds", "kspace_style") and command.words:
            self.settings[name] = command
        elif name == "kspace_modify":
            self.remarks.append(f"{command.said}: passed over")
        else:
            raise command.refused("is no command that is understood here",
                                  "If it has no part in energies, leave it out of a copy of the script.")

    def _read_data(self, command: ScriptCommand, data: Path | None) -> None:
        words = command.words
        if self.data is not None or {"add", "shift", "offset"} & set(words[1:]):
            raise command.refused("several data files are not put together", "Let LAMMPS write one, by write_data.")
        if "fix" in words[1:]:
            raise command.refused("sections that are read by a fix, as CMAP, are not supported",
                                  "Energies would be wrong without them.")
        path = data
        if path is None:
            path = Path(command.where.rsplit(":", 1)[0]).parent / words[0] if words else Path()
            path = path if path.is_file() else self.path.parent / (words[0] if words else "")
            if not path.is_file():
                raise command.refused("there is no such file", f"It is looked for in {self.path.parent}.")
        self._take_data(path, words[1:])

    def _take_data(self, path: Path, options: Sequence[str]) -> None:
        style = self.settings.get("atom_style")
        self.data = DataFile(path, style.words[0] if style is not None else None)
        if "nocoeff" in options:
            return
        for kind in KINDS:
            section = self.data.sections.get(f"{kind.capitalize()} Coeffs")
            if section is None:
                continue
            if kind not in self.styles and section.comment:
                self.styles[kind] = ScriptCommand(f"{kind}_style", tuple(section.comment.split()),
                                            f"{path}:{section.number}")
            for line in section.lines:
                command = ScriptCommand(f"{kind}_coeff", tuple(line.words), f"{path}:{line.number}")
                self.errors.attempt(self._take_coefficients, kind, command)
        for name, count in (("Pair Coeffs", 1), ("PairIJ Coeffs", 2)):
            section = self.data.sections.get(name)
            if section is None:
                continue
            if self.pair is None and section.comment:
                self.errors.add(BackmapError(f"has {name} of {section.comment}, but no cut-off", where=str(path),
                                             hint="Give the input script with pair_style before read_data."))
            for line in section.lines:
                words = (line.words[0], *line.words) if count == 1 else tuple(line.words)
                self.errors.attempt(self._take_pair, ScriptCommand("pair_coeff", words, f"{path}:{line.number}"))

    def _take_coefficients(self, kind: str, command: ScriptCommand) -> None:
        if kind not in self.styles:
            raise command.refused(f"there is no {kind}_style before it")
        style, words = self.styles[kind].words, command.words
        name = style[0] if style else "none"
        if name == "hybrid":
            if len(words) < 2:
                raise command.refused("a hybrid style needs the name of one of them after the type")
            name, words = words[1], (words[0], *words[2:])
            if name not in style[1:] and name not in ("none", "skip"):
                raise command.refused(f"'{name}' is none of {' '.join(style)}")
        if name in ("none", "skip"):
            return
        if name not in STYLES[kind]:
            raise BackmapError(f"{kind} style {name} is not supported", where=self.styles[kind].where,
                               hint=f"Known: {', '.join(STYLES[kind])}.")
        for number_ in self._types(kind.capitalize(), words[0] if words else "", command):
            self.coefficients[kind][number_] = Coefficients(name, words[1:], command.where)

    def _take_pair(self, command: ScriptCommand) -> None:
        if self.pair is None:
            raise command.refused("there is no pair_style before it")
        if len(command.words) < 2:
            raise command.refused("names no pair of atom types")
        first, second = (self._types("Atom", word, command) for word in command.words[:2])
        for i in first:
            for j in second:
                if i <= j or command.words[0] != command.words[1]:
                    self.pairs[min(i, j), max(i, j)] = Coefficients(self.pair.words[0] if self.pair.words else "none",
                                                                    command.words[2:], command.where)

    def _take_modify(self, command: ScriptCommand) -> None:
        words, at = command.words, 0
        while at < len(words):
            if words[at] in ("pair", "special"):
                raise command.refused("settings of single styles are not supported")
            if at + 1 >= len(words):
                raise command.refused(f"a value is missing after '{words[at]}'")
            self.modify[words[at]] = words[at + 1], command
            at += 2

    def _types(self, what: str, word: str, command: ScriptCommand) -> list[int]:
        """Numbers of the types that a word names: a number, a label, or a range as ``*``, ``2*`` and ``*5``."""
        if self.data is None:
            raise command.refused("stands before read_data, so that there are no types yet")
        return types_of(word, self.data.numbers_of(what), command, f"{what.lower()} type of {self.data.path}")

    def terms(self, kind: str, type_number: int) -> list[Term]:
        """The terms of one type of a kind; none where its style has no energy."""
        found = self.coefficients[kind].get(type_number)
        if found is None:
            style = self.styles.get(kind)
            if style is not None and style.words[:1] in (("none",), ("zero",)):
                return []
            raise BackmapError(f"there are no coefficients of {kind} type {type_number}",
                               where=style.where if style is not None else str(self.path),
                               hint=f"Give them by {kind}_coeff, or in the data file." if style is not None else
                               f"Give {kind}_style and {kind}_coeff.")
        terms = STYLES[kind][found.style].read(found.numbers(), found.where)
        if kind == "improper" and found.style == "harmonic" and found.numbers()[1] not in (0.0, 180.0):
            raise BackmapError(f"an improper angle of {found.words[1]} degrees has two mirror images in LAMMPS, and "
                               "one here", where=found.where, hint="Known is 0, as of CHARMM.")
        return terms
