"""What an input script says of the simulation: temperature, rigid bonds, permittivity."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backmap.errors import BackmapError
from backmap.model.run_parameters import RunParameters

from ...files.lammps.script import ScriptCommand
from .contents import ScriptContents
from .pairs import PairStyle

#: Where the target temperatures of fixes stand: after a keyword, or in a place.
_BY_KEYWORD = {"nvt": "temp", "npt": "temp", "nvt/sllod": "temp", "rigid/nvt": "temp", "rigid/npt": "temp",
               "rigid/nvt/small": "temp", "rigid/npt/small": "temp"}
_BY_PLACE = ("langevin", "temp/berendsen", "temp/csvr", "temp/csld", "temp/rescale", "brownian", "gld")
#: Fixes that add no energy.
_SILENT = ("nve", "nph", "momentum", "recenter", "ave/time", "ave/chunk", "ave/histo", "ave/correlate", "print",
           "balance", "press/berendsen", "nve/limit", "store/state", "property/atom", "vector", "halt", "dt/reset",
           "rigid",
           "rigid/small", "rigid/nve", "rigid/nve/small", "deform", "enforce2d", "setforce")
_SHAKE = ("shake", "rattle")


def run_parameters(contents: ScriptContents, length: float, mass_of: Callable[[int], float]) -> RunParameters:
    """What a script says.

    Args:
        contents: Of the script.
        length: nm in its unit of length.
        mass_of: Mass of an atom type, u.

    Raises:
        BackmapError: With all that cannot be followed, with file and line.
    """
    errors, places = contents.errors, {}
    pairs = errors.attempt(PairStyle.of, contents)
    told = errors.attempt(pairs.treatment, length) if pairs is not None else None
    treatment, instead, remarks = told or ({}, {}, [])
    dielectric = contents.settings.get("dielectric")
    epsilon_r = errors.attempt(dielectric.number, 0, "a permittivity") if dielectric is not None else 1.0
    if epsilon_r is not None and epsilon_r <= 0:
        errors.add(dielectric.refused("is no permittivity"))
    temperature = errors.attempt(_temperature, contents, places)
    constraints = errors.attempt(_constraints, contents, mass_of, places)
    known = (*_BY_KEYWORD, *_BY_PLACE, *_SILENT, *_SHAKE)
    for command in contents.fixes.values():
        if command.words[2] == "cmap":
            errors.add(command.refused("CMAP is not supported", "Energies would be wrong without it."))
        elif command.words[2] not in known:
            remarks.append(f"{command.said}: passed over, it is no part of the force field")
    if contents.modify.get("tail", ("no",))[0] == "yes":
        remarks.append(f"{contents.modify['tail'][1].said}: not counted, it depends on the box alone and not on where "
                       "the atoms are")
    errors.expect_none()
    said = contents.pair.said
    places |= dict.fromkeys(("cutoff", "coulomb", "epsilon_rf", "tail", "switch"), said)
    return RunParameters(str(contents.path), treatment, instead, epsilon_r, temperature, constraints, places,
                         (*contents.remarks, *remarks))


def _temperature(contents: ScriptContents, places: dict[str, str]) -> float | None:
    """The one that thermostats keep, K."""
    found: dict[float, ScriptCommand] = {}
    for command in contents.fixes.values():
        style, words = command.words[2], command.words
        if style in _BY_KEYWORD and _BY_KEYWORD[style] in words:
            at = words.index(_BY_KEYWORD[style]) + 1
        elif style in _BY_PLACE:
            at = 4 if style == "temp/rescale" else 3
        else:
            continue
        begin, end = (command.number(at + k, "a temperature") for k in range(2))
        if begin != end:
            raise command.refused("a temperature that changes is not that of one ensemble",
                                  "Give the script of a run at one temperature.")
        if begin > 0:
            found.setdefault(begin, command)
    if len(found) > 1:
        raise next(reversed(found.values())).refused("thermostats at several temperatures are not in one ensemble",
                                                     "Give one temperature for all.")
    for value, command in found.items():
        places["temperature"] = command.said
        return value
    return None


def _constraints(contents: ScriptContents, mass_of: Callable[[int], float], places: dict[str, str]) -> str:
    """Which bonds SHAKE keeps, as the step ``topology`` calls it."""
    held: set[int] = set()
    light, found = False, None
    for command in contents.fixes.values():
        if command.words[2] in _SHAKE:
            found, words, mode = command, command.words[6:], ""
            for word in words:
                if word in ("b", "a", "t", "m"):
                    mode = word
                elif word in ("mol", "kbond", "store"):
                    break
                elif mode == "b":
                    held |= set(_numbers(command, word, contents))
                elif mode in ("m", "t"):
                    light = light or (mode == "m" and command.number(command.words.index(word), "a mass") < 3)
    if found is None:
        places["constraints"] = f"{contents.path} has no fix shake"
        return "none"
    places["constraints"] = found.said
    rows, types, _ = contents.data.terms("Bonds", 2)
    atom_type = contents.data.numbers_of("Atom")
    mass = np.array([mass_of(atom_type[name]) for name in contents.data.types])
    hydrogen = ((mass[rows] > 0) & (mass[rows] < 3)).any(axis=1)
    known = contents.data.numbers_of("Bond")
    rigid = np.isin([known[name] for name in types], list(held)) | (hydrogen & light)
    if not rigid.any():
        return "none"
    if rigid.all():
        return "all-bonds"
    if (rigid == hydrogen).all():
        return "h-bonds"
    raise found.refused("holds some bonds, but neither all nor all of hydrogens",
                        "Known here are none, h-bonds and all-bonds.")


def _numbers(command: ScriptCommand, word: str, contents: ScriptContents) -> list[int]:
    known = contents.data.numbers_of("Bond")
    if "*" in word:
        low, _, high = word.partition("*")
        return [n for n in set(known.values()) if int(low or 1) <= n <= int(high or max(known.values()))]
    if word not in known:
        raise BackmapError(f"'{word}' is no bond type of {contents.data.path}", where=command.where)
    return [known[word]]
