"""Writing a folder from which LAMMPS goes on: the user's data file with the new atoms, settings, a script to start."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pydantic

from backmap.api import InputPath, Options, OutputPath, Writer
from backmap.errors import BackmapError
from backmap.model.system import System, Window

from ...files.lammps.data import STYLES, DataFile
from ...files.lammps.script import ScriptCommand, commands_of
from ...files.lammps.units import ANGSTROM
from ..writing import expect_placed, folder_name
from .writers import corners

NAMES = "data.lmp", "in.settings", "in.start", "README.md"
#: Commands that say what is simulated, by their names; what a run does is left out.
SETTINGS = re.compile(r"units|dimension|boundary|newton|atom_(style|modify)|(bond|angle|dihedral|improper)_(style|"
                      r"coeff)|pair_(style|coeff|modify)|special_bonds|kspace_(style|modify)|dielectric|neighbor|"
                      r"neigh_modify|comm_modify|read_data|mass|labelmap|group")
BOX = re.compile(r"\s*[-+.\deE\s]+(xlo xhi|ylo yhi|zlo zhi|xy xz yz|avec|bvec|cvec|abc origin)\s*(#.*)?$")
SHAKE = "shake", "rattle"  #: fixes that keep bonds rigid
STEP = {"real": 1.0, "metal": 0.001}  #: 1 fs, in each style of units
PICOSECONDS = 20

START = """\
# Minimises, then {length} ps at {temperature:g} K and constant volume.
include in.settings
thermo 100
minimize 1.0e-5 1.0e-7 2000 20000
write_data minimised.lmp nocoeff
reset_timestep 0
velocity all create {temperature:g} 1 mom yes rot yes dist gaussian
{rigid}timestep {step:g}
fix backmap all nvt temp {temperature:g} {temperature:g} $(100.0*dt)
run {steps}
write_data dynamics.lmp nocoeff
"""
README = """\
# {listed}, ready for LAMMPS

| file | what it is |
|---|---|
| data.lmp | {data} with the new atoms and box; types, terms and coefficients as they were |
| in.settings | what {script} says of the force field, its variables and includes resolved |
| in.start | minimisation, then {length} ps at {temperature:g} K and constant volume |

    lmp -in in.start
"""


class LammpsReady(Writer):
    """A folder for LAMMPS: data.lmp, in.settings, in.start with a minimisation and 20 ps, and a README.md.

    Atoms are those of the first frame, with whole molecules. The settings are those commands of your script that say
    what is simulated; fixes that keep bonds rigid (shake, rattle) are on in the dynamics.
    """

    class Options(Options):
        folder: Annotated[OutputPath, pydantic.AfterValidator(folder_name)] = pydantic.Field(
            description="The folder, in the output folder.")
        data: InputPath = pydantic.Field(description="The data file that is the topology.")
        script: InputPath = pydantic.Field(description="The input script of your simulations.")
        variables: dict[str, Any] = pydantic.Field(
            {}, description="Values of the script's variables, as after -var of lmp.")
        temperature: float = pydantic.Field(gt=0, description="Of the dynamics, K.")

    options: Options

    def paths(self) -> Sequence[Path]:
        return [self.options.folder / name for name in NAMES]

    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        expect_placed(window, str(self.options.folder))
        texts = self._texts(window, system) if first else [""] * len(NAMES)
        return [text.encode() for text in texts]

    def _texts(self, window: Window, system: System) -> Iterator[str]:
        options = self.options
        commands, errors = commands_of(Path(options.script), {k: str(value) for k, value in options.variables.items()})
        errors.expect_none()
        units = next((command.words[0] for command in commands if command.name == "units" and command.words), "lj")
        if units not in STEP:
            raise BackmapError(f"has units {units}", where=options.script, hint=f"Known: {', '.join(STEP)}.")
        yield _data(Path(options.data), window)
        yield "\n".join(_settings(commands)) + "\n"
        rigid = "".join(f"{command.name} {' '.join(command.words)}\n" for command in commands
                        if command.name == "fix" and len(command.words) > 2 and command.words[2] in SHAKE)
        yield START.format(length=PICOSECONDS, temperature=options.temperature, rigid=rigid, step=STEP[units],
                           steps=PICOSECONDS * 1000)
        yield README.format(listed=system.listed, data=options.data.name, script=options.script.name,
                            length=PICOSECONDS, temperature=options.temperature)


def _settings(commands: Sequence[ScriptCommand]) -> Iterator[str]:
    """Lines of the script that say what is simulated; the data file is read before its coefficients are set."""
    kept = [command for command in commands if SETTINGS.fullmatch(command.name)]
    names = [command.name for command in kept]
    first = next((k for k, name in enumerate(names) if name == "read_data" or name.endswith("_coeff")), len(kept))
    for command in kept[:first]:
        yield _said(command)
    yield f"read_data {NAMES[0]}"
    for command in kept[first:]:
        if command.name != "read_data":
            yield _said(command)


def _said(command: ScriptCommand) -> str:
    quoted = [word if word and not re.search(r"\s", word) else f'"{word}"' for word in command.words]
    return " ".join([command.name, *quoted])


def _data(path: Path, window: Window) -> str:
    """The text of a data file with the atoms and the box of the first frame of a window, without velocities."""
    file, atoms = DataFile(path), window.atoms[0] / ANGSTROM
    if len(atoms) != file.n_points:
        raise BackmapError(f"holds {file.n_points} atoms, but {len(atoms)} were made", where=path,
                           hint="Name the data file that is the topology.")
    row_of, columns = {number: row for row, number in enumerate(file.ids.tolist())}, STYLES[file.style].split()
    low, high, tilt = corners(window.box(0), window.atoms[0], path)
    box = [f"{a:.8f} {b:.8f} {x}lo {x}hi" for a, b, x in zip(low, high, "xyz", strict=True)]
    box += [f"{tilt[0]:.8f} {tilt[1]:.8f} {tilt[2]:.8f} xy xz yz"] * bool(tilt.any())
    made, section = [], ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        text = line.partition("#")[0].strip()
        if text and text[0].isupper() and made:
            section = text
        if BOX.match(line) and not section:
            made, box = made + box, []
        elif section == "Atoms" and text and text != section:
            words = text.split()
            words[columns.index("x"):] = [f"{value:.6f}" for value in atoms[row_of[int(words[0])]]]
            made.append(" ".join(words))
        elif section != "Velocities":
            made.append(line)
    return "\n".join(made) + "\n"
