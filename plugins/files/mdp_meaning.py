"""What an .mdp says of energies and of the ensemble, in the words of recipes."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from backmap.errors import Errors
from backmap.model.run_parameters import RunParameters

from .mdp import RunFile, bare

#: vdw-modifier -> how Lennard-Jones ends.
_MODIFIERS = {"none": "none", "potentialshift": "shift", "potentialshiftverlet": "shift",
              "forceswitch": "force_switch", "potentialswitch": "potential_switch"}
#: Former vdwtypes, which grompp turns into modifiers.
_SWITCHES = {"shift": "force_switch", "switch": "potential_switch"}
_LATTICE = {"pme", "ewald", "p3mad"}
#: Options that add energies or bend trajectories in ways that are not known here, and what turns them off.
_BESIDE = {"pull": "no", "awh": "no", "rotation": "no", "swapcoords": "no", "nwall": "0", "freezegrps": "",
           "electricfieldx": "", "electricfieldy": "", "electricfieldz": "",
           **dict.fromkeys(("Ex", "Ext", "Ey", "Eyt", "Ez", "Ezt"), ""),
           "disre": "no", "orire": "no", "accgrps": "",
           "cosacceleration": "0", "deform": "", "densityguidedsimulationactive": "no"}
_FOLLOWING = ("md", "mdvv", "mdvvavek")  #: integrators that keep a temperature only with a thermostat
_STOCHASTIC = ("sd", "sd1", "sd2", "bd")  #: those that do so by themselves


def macros_of(path: Path) -> dict[str, str]:
    """The macros of ``define``, -DNAME or -DNAME=value.

    Raises:
        BackmapError: If a word of it is none of these.
    """
    run, found = RunFile.read(path), {}
    for word in run.text("define").split():
        name, _, value = word.removeprefix("-D").partition("=")
        if not word.startswith("-D") or not name:
            raise run.refused("define", f"'{word}' defines nothing", "Write -DNAME or -DNAME=value.")
        found[name] = value
    return found


def folders_of(path: Path) -> list[Path]:
    """The folders of ``include``, -IFOLDER, from that of the file."""
    words = RunFile.read(path).text("include").split()
    return [path.parent / word.removeprefix("-I") for word in words if word != "-I"]


def run_parameters(path: Path) -> RunParameters:
    """What a file says.

    Raises:
        BackmapError: With all that is damaged or cannot be followed, with file and line.
    """
    return _Meaning(RunFile.read(path)).told()


class _Meaning:
    def __init__(self, run: RunFile) -> None:
        self.run, self.remarks, self.places = run, list(run.unknown), {}
        self.instead: dict[str, frozenset[Any]] = {}
        self.lattice = run.word("coulombtype", "cut-off") in _LATTICE

    def told(self) -> RunParameters:
        """All of it."""
        run, errors, treatment = self.run, Errors(), {}
        for part in (self._cutoff, self._tail, self._coulomb):
            treatment |= errors.attempt(part) or {}
        epsilon_r = errors.attempt(self._epsilon_r)
        temperature, constraints = errors.attempt(self._temperature), errors.attempt(self._constraints)
        errors.attempt(self._beside)
        errors.expect_none()
        if epsilon_r == 0:
            treatment["coulomb"], epsilon_r = "none", 1.0
        return RunParameters(str(run.path), treatment, self.instead, epsilon_r, temperature, constraints, self.places,
                             tuple(self.remarks))

    def _one_of(self, name: str, default: str, known: dict[str, Any], hint: str) -> Any:
        word = self.run.word(name, default)
        if word not in known:
            raise self.run.refused(name, "is not supported", hint)
        return known[word]

    def _cutoff(self) -> dict[str, Any]:
        run = self.run
        rvdw, rcoulomb = run.number("rvdw", 1.0), run.number("rcoulomb", 1.0)
        for name, value in (("rvdw", rvdw), ("rcoulomb", rcoulomb)):
            if value == 0:
                raise run.refused(name, "there is no infinite cut-off here", "Give one of at most half of the box, nm.")
        self.places["cutoff"] = run.said("rvdw")
        if rvdw != rcoulomb and not self.lattice:
            raise run.refused("rcoulomb", f"is not rvdw, {rvdw:g}", "Without PME both are one, as grompp asks, too.")
        return {"cutoff": rvdw}

    def _tail(self) -> dict[str, Any]:
        run = self.run
        hint = "Known are cut-off, shift and switch; Lennard-Jones by PME or from tables is not."
        by_type = self._one_of("vdw-type", "cut-off", {"cutoff": "", **_SWITCHES}, hint)
        by_hand = self._one_of("vdw-modifier", "potential-shift", _MODIFIERS,
                               "Known are none, potential-shift, force-switch and potential-switch.")
        if run.word("cutoff-scheme", "verlet") == "group" and run.word("vdw-modifier", "none").endswith("verlet"):
            by_hand = "none"
        tail = by_type or by_hand
        self.places["tail"] = run.said("vdw-type" if by_type else "vdw-modifier")
        if "switch" not in tail:
            return {"tail": tail}
        start, end = run.number("rvdw-switch", 0.0), run.number("rvdw", 1.0)
        self.places["switch"] = run.said("rvdw-switch")
        if start >= end:
            raise run.refused("rvdw-switch", f"is not less than rvdw, {end:g}")
        return {"tail": tail, "switch": start}

    def _coulomb(self) -> dict[str, Any]:
        run, name = self.run, "coulombtype"
        self.places["coulomb"] = self.places["epsilon_rf"] = run.said(name)
        kind = run.word(name, "cut-off")
        if kind in _LATTICE:
            self.instead["coulomb"] = frozenset({"pme"})
            rvdw, rcoulomb = run.number("rvdw", 1.0), run.number("rcoulomb", 1.0)
            apart = f" and rcoulomb, {rcoulomb:g} nm, is not used" if rvdw != rcoulomb else ""
            self.remarks.append(
                f"{run.said(name)}: moves count pairs up to {rvdw:g} nm and a conductor beyond (reaction_field, "
                f"epsilon_rf 0){apart}. Left out is by how much the sum over the lattice differs from that; 'coulomb: "
                "pme' counts it in refine and in the energies of assess, through OpenMM")
            return {"coulomb": "reaction_field", "epsilon_rf": 0.0}
        if kind == "cutoff":
            return self._plain()
        self._one_of(name, "", {"reactionfield": True},
                     "Known are cut-off, reaction-field and PME; Coulomb that is switched or from tables is not.")
        self.places["epsilon_rf"] = run.said("epsilon-rf")
        return {"coulomb": "reaction_field", "epsilon_rf": run.number("epsilon-rf", 0.0)}

    def _plain(self) -> dict[str, Any]:
        """A cut-off, which GROMACS shifts to 0: a reaction field of no strength."""
        if self.run.word("coulomb-modifier", "potential-shift") == "none":
            return {"coulomb": "cutoff"}
        return {"coulomb": "reaction_field", "epsilon_rf": self.run.number("epsilon-r", 1.0)}

    def _epsilon_r(self) -> float:
        return self.run.number("epsilon-r", 1.0)

    def _temperature(self) -> float | None:
        run, integrator = self.run, self.run.word("integrator", "md")
        coupled = integrator in _FOLLOWING and run.word("tcoupl", "no") != "no"
        if not coupled and integrator not in _STOCHASTIC:
            return None
        if any(bare(word) != "no" for word in run.text("annealing").split()):
            raise run.refused("annealing", "a temperature that changes is not that of one ensemble",
                              "Give the .mdp of a run at one temperature.")
        groups = run.numbers("ref-t")
        if not groups:
            raise run.refused("ref-t", "is missing, though the run keeps a temperature")
        if len(set(groups)) > 1:
            raise run.refused("ref-t", "groups at several temperatures are not in one ensemble",
                              "Give one temperature for all.")
        if groups[0] == 0:
            return None
        self.places["temperature"] = run.said("ref-t")
        return groups[0]

    def _constraints(self) -> str:
        self.places["constraints"] = self.run.said("constraints")
        return self._one_of("constraints", "none", {"none": "none", "hbonds": "h-bonds", "allbonds": "all-bonds"},
                            "Rigid angles are not known; known are none, h-bonds and all-bonds.")

    def _beside(self) -> None:
        """What else has energies, or should be said."""
        run = self.run
        for name, off in (("implicit-solvent", "no"), ("free-energy", "no"), ("QMMM", "no"), ("adress", "no"),
                          ("qmmm-cp2k-active", "false"), ("simulated-tempering", "no"), ("morse", "no"),
                          ("energygrp-excl", "")):
            if run.word(name, off) not in (bare(off), "no"):
                raise run.refused(name, "is not supported", "Energies would be wrong without it.")
        for name, off in _BESIDE.items():
            if run.word(name, off) not in (bare(off), "no", "0"):
                self.remarks.append(f"{run.said(name)}: passed over, it is no part of the force field")
        if run.word("DispCorr", "no") != "no":
            self.remarks.append(f"{run.said('DispCorr')}: not counted, it depends on the box alone and not on where "
                                "the atoms are")
        if "posres" in run.text("define").lower():
            self.remarks.append(f"{run.said('define')}: position restraints are no part of the force field")
