"""LAMMPS input scripts as lists of commands: comments, continued lines, quotes, variables and includes resolved."""
from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from backmap.api import also_read
from backmap.errors import BackmapError, Errors

from ..reading import read_text

#: Commands that choose what comes next; what a script sets then depends on how it runs.
_BRANCHES = ("if", "jump", "next", "label", "python", "plugin")
_MAX_DEPTH = 20
_WORD = re.compile(r'"""(?P<three>.*?)"""|"(?P<two>[^"]*)"|\'(?P<one>[^\']*)\'|(?P<bare>\S+)', re.DOTALL)
_REFERENCE = re.compile(r"\$\{(?P<name>\w+)\}|\$\((?P<formula>[^()]*(?:\([^()]*\)[^()]*)*)\)|\$(?P<letter>\w)")
_OPERATORS: dict[type, Callable[..., float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.Mod: math.fmod, ast.USub: operator.neg, ast.UAdd: operator.pos}
_FUNCTIONS = {name: getattr(math, name) for name in ("sqrt", "exp", "sin", "cos", "tan", "asin", "acos", "atan", "ceil",
                                                     "floor")} | {"ln": math.log, "log": math.log10, "abs": abs}


@dataclass(frozen=True)
class ScriptCommand:
    """A command: its name, the words after it, and file and line."""

    name: str
    words: tuple[str, ...]
    where: str

    @property
    def said(self) -> str:
        """For messages."""
        return f"{self.where}: {' '.join((self.name, *self.words))}"

    def refused(self, problem: str, hint: str = "") -> BackmapError:
        """The error of what it says."""
        return BackmapError(f"{' '.join((self.name, *self.words))[:60]}: {problem}", where=self.where, hint=hint)

    def number(self, place: int, what: str) -> float:
        """A word as a finite number."""
        return number(self.words[place] if place < len(self.words) else "", what, self.where)


def number(word: str, what: str, where: str) -> float:
    """A word as a finite number; ``what`` it is and ``where`` are for messages."""
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BackmapError(f"'{word}' stands where {what} should be" if word else f"{what} is missing", where=where)
    return value


def types_of(word: str, known: Mapping[str, int], command: ScriptCommand, what: str) -> list[int]:
    """Numbers of the types that a word names: a number, a label, or a range as ``*``, ``2*`` and ``*5``.

    Args:
        known: Numbers by what they are called.
        what: They are, and where, for messages.
    """
    most = max(known.values(), default=0)
    if "*" in word:
        low, _, high = word.partition("*")
        if all(part.isdigit() or not part for part in (low, high)):
            return list(range(int(low or 1), min(int(high or most), most) + 1))
    if word not in known:
        raise command.refused(f"'{word}' is no {what}", f"There are {most}.")
    return [known[word]]


def commands_of(path: Path, variables: Mapping[str, str]) -> tuple[list[ScriptCommand], Errors]:
    """All commands of a script and of what it includes, in order, and what is wrong with them.

    Args:
        path: The script.
        variables: Values of variables of style index, as after ``-var`` of ``lmp``.
    """
    reader = _Script(path, variables)
    reader.take(path, "")
    return reader.commands, reader.errors


class _Script:
    def __init__(self, path: Path, given: Mapping[str, str]) -> None:
        self.folder, self.given = path.parent, {name: str(value) for name, value in given.items()}
        self.values, self.commands, self.errors, self.depth = dict(self.given), list[ScriptCommand](), Errors(), 0
        self.unknown: dict[str, str] = {}

    def take(self, path: Path, where: str) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise BackmapError("includes itself", where=where)
        for place, text in _lines(read_text(path), path):
            self.errors.attempt(self._take, place, text)
        self.depth -= 1

    def _take(self, where: str, text: str) -> None:
        name, _, rest = text.partition(" ")
        if name == "variable":
            self._variable(rest.split(), rest, where)
            return
        if name in _BRANCHES:
            raise BackmapError(f"'{name}' is not followed: what the script sets would depend on how it runs",
                               where=where, hint="Let LAMMPS write the outcome, by write_coeff and write_data behind "
                                                 "it, and give these.")
        if name in ("print", "log", "shell", "echo"):
            return
        words = tuple(next(word for word in match.groups() if word is not None)
                      for match in _WORD.finditer(self._expanded(text, where)))
        if not words:
            return
        command = ScriptCommand(words[0], words[1:], where)
        if command.name == "include":
            file = self.found(command)
            self.take(file, where)
        else:
            self.commands.append(command)

    def found(self, command: ScriptCommand) -> Path:
        """The file that a command names, from the folder of the script."""
        name = command.words[0] if command.words else ""
        file = self.folder / name
        if not name or not file.is_file():
            raise command.refused(f"there is no file '{name}'", f"It is looked for in {self.folder or '.'}.")
        also_read(file)
        return file

    def _variable(self, words: list[str], rest: str, where: str) -> None:
        if len(words) < 2 or (len(words) < 3 and words[1] != "delete"):
            raise BackmapError(f"'variable {rest[:40]}' names no value", where=where)
        name, style = words[:2]
        self.unknown.pop(name, None)
        if style == "index":
            self.values[name] = self.given.get(name, self._expanded(words[2], where))
        elif style == "string":
            self.values[name] = self.given.get(name, self._expanded(rest.split(None, 2)[2].strip("\"'"), where))
        elif style == "equal":
            formula = rest.split(None, 2)[2].strip("\"'")
            try:
                self.values[name] = f"{self._value(self._expanded(formula, where), where):.15g}"
            except BackmapError:
                self.unknown[name] = where  # such as of a quantity that changes as LAMMPS runs
        elif style == "delete":
            self.values.pop(name, None)
        else:
            self.unknown[name] = where
        if name in self.unknown:
            self.values.pop(name, None)

    def _expanded(self, text: str, where: str) -> str:
        """A text with its variables replaced."""
        def value(match: re.Match[str]) -> str:
            if match["formula"] is not None:
                return f"{self._value(match['formula'].split(':%')[0], where):.15g}"
            name = match["name"] or match["letter"]
            if name in self.values:
                return self.values[name]
            if name in self.unknown:
                raise BackmapError(f"the value of the variable '{name}' ({self.unknown[name]}) is not known before "
                                   "LAMMPS runs", where=where, hint="Write the number instead.")
            raise BackmapError(f"there is no variable '{name}'", where=where,
                               hint=f"Give it as variables: {{{name}: ...}}, as -var does.")
        return _REFERENCE.sub(value, text)

    def _value(self, formula: str, where: str) -> float:
        """The value of a formula of numbers and variables."""
        def of(node: ast.AST) -> float:
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
                return float(node.value)
            if isinstance(node, ast.BinOp):
                return _OPERATORS[type(node.op)](of(node.left), of(node.right))
            if isinstance(node, ast.UnaryOp):
                return _OPERATORS[type(node.op)](of(node.operand))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                return _FUNCTIONS[node.func.id](*map(of, node.args))
            if isinstance(node, ast.Name) and node.id == "PI":
                return math.pi
            if isinstance(node, ast.Name) and node.id.startswith("v_"):
                return float(self.values[node.id[2:]])
            raise ValueError

        try:
            return of(ast.parse(formula.strip().replace("^", "**"), mode="eval").body)
        except (ArithmeticError, KeyError, RecursionError, SyntaxError, TypeError, ValueError):
            raise BackmapError(f"'{formula.strip()[:40]}' is not understood: formulas of numbers, variables and "
                               "functions of one number are", where=where, hint="Write the number instead.") from None


def _lines(text: str, path: Path) -> list[tuple[str, str]]:
    """Place and text of each command: comments left out, continued lines joined."""
    found, pending, start = [], "", 0
    for count, line in enumerate(text.splitlines(), start=1):
        start = start if pending else count
        pending += _without_comment(line).rstrip()
        if pending.endswith("&"):
            pending = pending[:-1] + " "
        elif pending.count('"""') % 2:
            pending += " "
        else:
            if pending.strip():
                found.append((f"{path}:{start}", " ".join(pending.split()) if '"' not in pending else pending.strip()))
            pending = ""
    if pending.strip():
        found.append((f"{path}:{start}", pending.strip()))
    return found


def _without_comment(line: str) -> str:
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "#":
            return line[:place]
    return line.replace("\t", " ")
