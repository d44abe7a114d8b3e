"""GROMACS' .mdp files as ``grompp`` takes them: names and words without regard to case, hyphens and underscores."""
from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from backmap.errors import BackmapError, Errors

from .reading import read_text

#: All options of GROMACS 2022, and former ones of the same meaning.
_WORDS = """
    include define integrator tinit dt nsteps init-step simulation-part mts mts-levels mts-level2-forces
    mts-level2-factor comm-mode nstcomm comm-grps bd-fric ld-seed emtol emstep niter fcstep nstcgsteep nbfgscorr rtpi
    nstxout nstvout nstfout nstlog nstcalcenergy nstenergy nstxout-compressed compressed-x-precision compressed-x-grps
    nstxtcout xtc-precision xtc-grps energygrps cutoff-scheme ns-type nstlist pbc periodic-molecules
    verlet-buffer-tolerance rlist rlistlong nstcalclr coulombtype coulomb-modifier rcoulomb-switch rcoulomb epsilon-r
    epsilon-rf vdw-type vdw-modifier rvdw-switch rvdw DispCorr table-extension energygrp-table fourierspacing
    fourier-nx fourier-ny fourier-nz pme-order ewald-rtol ewald-rtol-lj lj-pme-comb-rule ewald-geometry
    epsilon-surface optimize-fft implicit-solvent tcoupl nsttcouple nh-chain-length print-nose-hoover-chain-variables
    tc-grps tau-t ref-t pcoupl pcoupltype nstpcouple tau-p compressibility ref-p refcoord-scaling QMMM QMMM-grps
    annealing annealing-npoints annealing-time annealing-temp gen-vel gen-temp gen-seed constraints
    constraint-algorithm continuation unconstrained-start Shake-SOR shake-tol lincs-order lincs-iter lincs-warnangle
    morse energygrp-excl nwall wall-type wall-r-linpot wall-atomtype wall-density wall-ewald-zfac pull awh rotation
    IMD-group disre disre-weighting disre-mixed disre-fc disre-tau nstdisreout orire orire-fc orire-tau orire-fitgrp
    nstorireout free-energy couple-moltype couple-lambda0 couple-lambda1 couple-intramol init-lambda
    init-lambda-state delta-lambda nstdhdl fep-lambdas mass-lambdas coul-lambdas vdw-lambdas bonded-lambdas
    restraint-lambdas temperature-lambdas calc-lambda-neighbors init-lambda-weights dhdl-print-energy sc-function
    sc-alpha sc-power sc-r-power sc-sigma sc-coul sc-gapsys-scale-linpoint-lj sc-gapsys-scale-linpoint-q
    sc-gapsys-sigma-lj separate-dhdl-file dhdl-derivatives dh-hist-size dh-hist-spacing acc-grps accelerate freezegrps
    freezedim cos-acceleration deform simulated-tempering simulated-tempering-scaling sim-temp-low sim-temp-high
    swapcoords adress user1-grps user2-grps userint1 userint2 userint3 userint4 userreal1 userreal2 userreal3
    userreal4 electric-field-x electric-field-y electric-field-z E-x E-xt E-y E-yt E-z E-zt title cpp
    domain-decomposition density-guided-simulation-active qmmm-cp2k-active
"""
#: Options of versions before that, which grompp takes without a word and which mean nothing any more.
_GONE = """
    andersenseed dihre dihrefc dihretau nstdihreout nstcheckpoint gbalgorithm nstgbradii rgbradii gbsaltconc
    gbepsilonsolvent gbobcalpha gbobcbeta gbobcgamma gbdielectricoffset saalgorithm sasurfacetension
"""
#: Options of parts that have many.
_PARTS = ("pull", "awh", "rot", "swap", "densityguided", "qmmm", "lmc", "ntcmc", "mcs", "wl", "userint", "userreal")


def bare(word: str) -> str:
    """A word as GROMACS compares it."""
    return word.replace("-", "").replace("_", "").lower()


_FORMER = frozenset(_GONE.split())
_NAMES = {bare(name): name for name in _WORDS.split()}


@cache
def _nearest(key: str) -> str:
    """The option that a bare name that is none may mean, or nothing; remembered, as files are read again and again."""
    near = difflib.get_close_matches(key, _NAMES, 1)
    return _NAMES[near[0]] if near else ""


@dataclass(frozen=True)
class Entry:
    """One option: its name as it stands there, its value, and file and line."""

    name: str
    value: str
    where: str

    @property
    def said(self) -> str:
        """For messages."""
        return f"{self.where}: {self.name} = {self.value}"


@dataclass(frozen=True)
class RunFile:
    """An .mdp file.

    Attributes:
        path: The file.
        entries: Options that have a value, by bare name.
        unknown: Those that no GROMACS has, with what may be meant.
    """

    path: Path
    entries: dict[str, Entry] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> RunFile:
        """Read a file.

        Raises:
            BackmapError: With file and line, for lines that grompp refuses; all of them.
        """
        found, errors, seen = cls(path), Errors(), {}
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            text = line.split(";", 1)[0].strip()
            if text:
                errors.attempt(found._take, text, f"{path}:{number}", seen)
        errors.expect_none()
        return found

    def _take(self, text: str, where: str, seen: dict[str, str]) -> None:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise BackmapError(f"'{text[:60]}' is no option of an .mdp", where=where, hint="Write 'name = value'.")
        key = bare(name)
        if key in seen:
            raise BackmapError(f"'{name}' stands here again, after {seen[key]}", where=where,
                               hint="Leave one of them out, as grompp asks, too.")
        seen[key] = where
        if key not in _NAMES and key not in _FORMER and not key.startswith(_PARTS):
            near = _nearest(key)
            self.unknown.append(f"{where}: '{name}' is no option of GROMACS and passed over"
                                + (f". Did you mean '{near}'?" if near else ""))
        if value:
            self.entries[key] = Entry(name, value, where)

    def said(self, name: str) -> str:
        """Where and how an option is given, for messages."""
        entry = self.entries.get(bare(name))
        return entry.said if entry else f"{self.path} has no '{name}'"

    def text(self, name: str, default: str = "") -> str:
        """The value of an option as it stands there."""
        entry = self.entries.get(bare(name))
        return entry.value if entry else default

    def word(self, name: str, default: str) -> str:
        """The value of an option that is a word, bare."""
        return bare(self.text(name, default))

    def number(self, name: str, default: float) -> float:
        """The value of an option that is a number, 0 or more.

        Raises:
            BackmapError: If it is none.
        """
        return self.numbers(name)[0] if bare(name) in self.entries else default

    def numbers(self, name: str) -> Sequence[float]:
        """The values of an option that is a list of numbers, 0 or more.

        Raises:
            BackmapError: If one of them is none.
        """
        entry = self.entries.get(bare(name))
        values = []
        for word in entry.value.split() if entry else ():
            try:
                values.append(float(word))
            except ValueError:
                values.append(math.nan)
            if not (math.isfinite(values[-1]) and values[-1] >= 0):
                raise self.refused(name, f"'{word}' should be a number, 0 or more")
        return values

    def refused(self, name: str, problem: str, hint: str = "") -> BackmapError:
        """The error of a value."""
        entry = self.entries.get(bare(name))
        if entry is None:
            return BackmapError(f"{name}: {problem}", where=str(self.path), hint=hint)
        return BackmapError(f"{entry.name} = {entry.value}: {problem}", where=entry.where, hint=hint)
