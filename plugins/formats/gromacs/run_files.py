"""Parameters of runs (.mdp) to go on from atoms that were put back, and what to do with them, in words."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ...files.mdp import RunFile, bare
from ...files.reading import reading

#: What a user's .mdp may say of the force field: it holds in all runs.
TREATMENT = ("coulombtype", "coulomb-modifier", "rcoulomb", "rcoulomb-switch", "epsilon-r", "epsilon-rf", "vdwtype",
             "vdw-modifier", "rvdw", "rvdw-switch", "DispCorr", "fourierspacing", "pme-order", "ewald-rtol", "rlist",
             "periodic-molecules", "define", "constraints", "constraint-algorithm", "lincs-order", "lincs-iter")
CHARMM = {"coulombtype": "PME", "rcoulomb": "1.2", "vdwtype": "cut-off", "vdw-modifier": "force-switch",
          "rvdw-switch": "1.0", "rvdw": "1.2", "constraints": "h-bonds"}
AMBER = {"coulombtype": "PME", "rcoulomb": "1.0", "vdwtype": "cut-off", "rvdw": "1.0", "DispCorr": "EnerPres",
         "constraints": "h-bonds"}
GROMOS = ("\n\nGROMACS warns that GROMOS' force fields were made with another scheme of cut-offs, and stops unless "
          "'-maxwarn 1'\nlets that one warning pass.")
CHARGED = ("\n\nThe box has a net charge of {charge:+.3g} e, of which GROMACS warns with PME, and stops unless "
           "'-maxwarn {number}'\nlets that pass. Molecules of beads can have other charges than their atoms: take out "
           "or add ions.")
NEUTRAL = 0.01  #: e; a smaller net charge is one of rounding
HELD = ("\n\nem.mdp and nvt.mdp define {macro}: planar bonds, such as peptide bonds, are held within 15 degrees of\n"
        "the side on which they belong, by [ dihedral_restraints ] in the topology. npt.mdp lets go of them.")
MARGIN = 0.9  #: of half the box, for cut-offs: boxes shrink
_CONSTRAINTS = ("constraints", "constraint-algorithm", "lincs-order", "lincs-iter")

README = """\
# {listed}

Atoms as backmap has put them back, for GROMACS. First minimise:

    gmx grompp -f em.mdp -c conf.gro -p topol.top -o em.tpr{warned}
    gmx mdrun -deffnm em

Then 20 ps at constant volume and 100 ps at constant pressure, with your own .mdp afterwards:

    gmx grompp -f nvt.mdp -c em.gro -p topol.top -o nvt.tpr{warned}
    gmx mdrun -deffnm nvt
    gmx grompp -f npt.mdp -c nvt.gro -t nvt.cpt -p topol.top -o npt.tpr{warned}
    gmx mdrun -deffnm npt

{said}
"""


def is_called(top: Path, family: str) -> bool:
    """Whether a topology, or a file that it includes, is called after a family of force fields, in small letters."""
    with reading(top):
        return family in f"{top.name} {top.read_text(encoding='utf-8', errors='replace')}".lower()


def treatment(told: RunFile | None, charmm: bool, half: float) -> dict[str, str]:
    """Options that follow from the force field.

    Args:
        told: The user's own .mdp.
        charmm: Whether the force field is one of CHARMM's.
        half: Of the smallest width of the box, nm: no cut-off is longer.
    """
    if told is None:
        found = dict(CHARMM if charmm else AMBER)
    else:
        found = {name: told.text(name) for name in TREATMENT if told.text(name)}
    longest = int(MARGIN * half * 100) / 100 if half < 100 else half
    for name in ("rcoulomb", "rvdw"):
        if name in found and float(found[name]) > longest:
            found[name] = f"{longest:g}"
    if float(found.get("rvdw-switch", 0)) >= float(found.get("rvdw", 1)):
        found["rvdw-switch"] = f"{0.8 * float(found['rvdw']):.2f}"
    return found


def runs(found: Mapping[str, str], temperature: float, coupling: str, held: str = "") -> Iterator[str]:
    """Texts of em.mdp, nvt.mdp and npt.mdp; the first two define the macro ``held``."""
    also = {"define": f"{found.get('define', '')} -D{held}".strip()} if held else {}
    loose = {name: value for name, value in found.items() if name not in _CONSTRAINTS}
    yield _text("minimisation: steepest descent, without constraints but those of rigid water",
                {"integrator": "steep", "nsteps": "5000", "emtol": "500", "emstep": "0.01", "nstenergy": "50",
                 **loose, "constraints": "none", **also})
    dynamics = {"integrator": "md", "nstxout-compressed": "1000", "nstenergy": "500", "nstlog": "500",
                "tcoupl": "V-rescale", "tc-grps": "System", "tau-t": "0.5", "ref-t": f"{temperature:g}"}
    yield _text("20 ps at constant volume", {**dynamics, "dt": "0.001", "nsteps": "20000", "gen-vel": "yes",
                                             "gen-temp": f"{temperature:g}", "gen-seed": "1", **found, **also})
    two = coupling == "semiisotropic"
    step, number = ("0.001", "100000") if found.get("constraints", "none") == "none" else ("0.002", "50000")
    yield _text("100 ps at constant pressure", {
        **dynamics, "dt": step, "nsteps": number, "gen-vel": "no", "continuation": "yes", "pcoupl": "C-rescale",
        "pcoupltype": coupling, "tau-p": "5", "ref-p": "1 1" if two else "1",
        "compressibility": "4.5e-5 4.5e-5" if two else "4.5e-5", **found})


def said(told: RunFile | None, found: Mapping[str, str]) -> str:
    """Where the treatment of the force field comes from, and what it is."""
    listed = ", ".join(f"{name} {value}" for name, value in found.items())
    if told is not None:
        return f"Cut-offs, electrostatics and constraints are those of {told.path.name}: {listed}."
    return f"Cut-offs and electrostatics are guessed from the name of the force field: {listed}. Compare your own .mdp."


def readme(listed: str, treated: str, gromos: bool = False, held: str = "", charge: float = 0.0) -> str:
    """The text of README.md; GROMACS warns of GROMOS' force fields and of a net charge (e), and goes on only if that
    is said to be known."""
    charged = abs(charge) > NEUTRAL
    number = gromos + charged
    also = (HELD.format(macro=held) if held else "") + GROMOS * gromos
    also += CHARGED.format(charge=charge, number=number) if charged else ""
    return README.format(listed=listed, said=treated + also, warned=f" -maxwarn {number}" if number else "")


def _text(title: str, options: Mapping[str, str]) -> str:
    width = max(len(bare(name)) + 4 for name in options)
    return f"; {title}\n" + "".join(f"{name:{width}} = {value}\n" for name, value in options.items())
