"""Writes polystyrene.top and polystyrene.xml: the all-atom model of the melt, and how its atoms make beads.

`python model.py` writes both beside this file. A chain is H-[CH2-CH(C6H5)]10-H, a residue STY for each monomer.
Units: nm, kJ/mol, degree, e, g/mol.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import networkx as nx

HERE = Path(__file__).resolve().parent
NAME = "PS"
MONOMERS = 10
CHAINS = 12
MASS = {"C": 12.011, "H": 1.008}

#: Atom type: element, sigma, epsilon.
ATOM_TYPES = {
    "C": ("C", 0.3207, 0.3519),
    "C_AR": ("C", 0.3550, 0.2940),
    "H": ("H", 0.2318, 0.3180),
    "H_AR": ("H", 0.2420, 0.1260),
}
BOND_LENGTHS = {
    ("C", "C"): 0.153,
    ("C", "H"): 0.110,
    ("C", "C_AR"): 0.151,
    ("C_AR", "C_AR"): 0.139,
    ("C_AR", "H_AR"): 0.108,
}
#: Bonds are rigid; this only serves minimisations that leave them free.
BOND_STIFFNESS = 250000.0
#: Angle and stiffness k of k/2 (angle - angle0)^2.
ANGLES = {
    ("C", "C", "C"): (109.45, 482.3),
    ("C", "C", "C_AR"): (109.45, 482.3),
    ("C", "C", "H"): (109.45, 366.9),
    ("C_AR", "C", "H"): (109.45, 366.9),
    ("H", "C", "H"): (109.45, 306.4),
    ("C", "C_AR", "C_AR"): (120.0, 376.6),
    ("C_AR", "C_AR", "C_AR"): (120.0, 376.6),
    ("C_AR", "C_AR", "H_AR"): (120.0, 418.8),
}
RING_CHARGE = 0.115  # of every hydrogen on a ring, taken from its carbon
TORSION = "0.0  6.0  3"  # of the backbone: phase, k, n of k (1 + cos(n phi - phase))
PLANARITY = "0.0  167.4"  # of the rings: angle and stiffness, as for angles
RING = ("CI", "CO1", "CM1", "CP", "CM2", "CO2")  # ipso, ortho, meta, para, meta, ortho
PHENYL = ("CI", "CO1", "HO1", "CM1", "HM1", "CP", "HP", "CM2", "HM2", "CO2", "HO2")

TITLE = f"""\
; Syndiotactic polystyrene, {CHAINS} chains of {MONOMERS} monomers, every atom, bonds rigid. Written by model.py.
;
; Numbers: F. Mueller-Plathe, Macromolecules 29, 4782 (1996), as they were used for the syndiotactic melt of
; M. Stieffenhofer, M. Wand and T. Bereau, Mach. Learn.: Sci. Technol. 1, 045014 (2020). The stiffness of the bonds is
; no part of the model: it only serves minimisations that leave bonds free.
; Interactions three bonds apart count in full, except within a ring, which feels itself only through bonded terms.
; No torsion term on the bond to a ring. Meant for a cut-off of 1 nm and a reaction field with dielectric constant 2.5.
; Units: nm, kJ/mol, degree, e, g/mol.
"""

Atom = tuple[int, str]  #: number of its monomer, from 1, and name


def atoms() -> list[Atom]:
    """Atoms of a chain in the order of polystyrene.top: each carbon, then its hydrogens."""
    found = []
    for monomer in range(1, MONOMERS + 1):
        first, last = monomer == 1, monomer == MONOMERS
        backbone = ["C1", "H1A", "H1B", *["H1C"] * first, "C2", "H2A", *["H2B"] * last]
        found += [(monomer, name) for name in (*backbone, *PHENYL)]
    return found


def atom_type(atom: Atom) -> str:
    """Atom type of an atom."""
    return atom[1][0] + "_AR" * (atom[1] in PHENYL)


def charge(atom: Atom) -> float:
    """Charge of an atom, e."""
    kind = atom_type(atom)
    return {"C_AR": -RING_CHARGE, "H_AR": RING_CHARGE}.get(kind, 0.0) if atom[1] != "CI" else 0.0


def chain() -> nx.Graph:
    """Atoms and bonds of a chain."""
    graph = nx.Graph()
    graph.add_nodes_from(atoms())
    for atom in atoms():
        monomer, name = atom
        if name.startswith("H"):
            carbon = "C" + (name[1] if name[1].isdigit() else name[1:])
            graph.add_edge((monomer, carbon), atom)
    for monomer in range(1, MONOMERS + 1):
        graph.add_edges_from([((monomer, "C1"), (monomer, "C2")), ((monomer, "C2"), (monomer, "CI"))])
        graph.add_edges_from(((monomer, a), (monomer, b)) for a, b in zip(RING, RING[1:] + RING[:1]))
        if monomer > 1:
            graph.add_edge((monomer - 1, "C2"), (monomer, "C1"))
    return graph


def torsions() -> list[tuple[Atom, ...]]:
    """Backbone torsions; at both ends one hydrogen stands in for the missing carbon."""
    backbone = [(monomer, name) for monomer in range(1, MONOMERS + 1) for name in ("C1", "C2")]
    line = [(1, "H1A"), *backbone, (MONOMERS, "H2A")]
    return list(zip(line, line[1:], line[2:], line[3:]))


def impropers() -> list[tuple[Atom, ...]]:
    """Torsions around the rings, and of what is bonded to them out of their planes."""
    found = []
    for monomer in range(1, MONOMERS + 1):
        turned = [RING[shift:] + RING[:shift] for shift in range(6)]
        outward = ("C2", *("H" + name[1:] for name in RING[1:]))
        found += [tuple((monomer, name) for name in ring[:4]) for ring in turned]
        found += [
            tuple((monomer, name) for name in (ring[0], ring[1], ring[5], out)) for ring, out in zip(turned, outward)
        ]
    return found


def ring_exclusions(graph: nx.Graph) -> list[tuple[Atom, Atom]]:
    """Pairs of a ring and its hydrogens that are further than two bonds apart."""
    found = []
    for monomer in range(1, MONOMERS + 1):
        members = [(monomer, name) for name in PHENYL]
        for index, atom in enumerate(members):
            near = nx.single_source_shortest_path_length(graph, atom, cutoff=2)
            found += [(atom, other) for other in members[index + 1 :] if other not in near]
    return found


def masses(hydrogen: float = MASS["H"]) -> dict[Atom, float]:
    """Masses of atoms with hydrogens of this mass; what they gain is taken from their carbons."""
    graph, elements = chain(), {atom: ATOM_TYPES[atom_type(atom)][0] for atom in atoms()}
    bearing = {a: sum(elements[b] == "H" for b in graph[a]) for a in elements}
    return {
        atom: hydrogen if element == "H" else MASS["C"] - bearing[atom] * (hydrogen - MASS["H"])
        for atom, element in elements.items()
    }


def topology(hydrogen: float = MASS["H"]) -> str:
    """polystyrene.top; with heavier hydrogens than those of nature it is for long steps on the way to equilibrium."""
    graph, order = chain(), atoms()
    mass = masses(hydrogen)
    heavy = hydrogen != MASS["H"]
    number = {atom: index for index, atom in enumerate(order, 1)}
    bonds = sorted((sorted(bond, key=order.index) for bond in graph.edges), key=lambda b: [number[a] for a in b])
    angles = [(i, j, k) for j in order for i in graph[j] for k in graph[j] if number[i] < number[k]]
    sections = {
        "defaults": ["; Lennard-Jones; arithmetic means of sigma, geometric means of epsilon", "1  2  no  1.0  1.0"],
        "atomtypes": ["; name  number  mass  charge  ptype  sigma  epsilon"]
        + [
            f"{name:<5}  {6 if element == 'C' else 1}  {MASS[element]:6.3f}  0.0  A  {sigma:.4f}  {epsilon:.4f}"
            for name, (element, sigma, epsilon) in ATOM_TYPES.items()
        ],
        "bondtypes": ["; i  j  function  length  k"]
        + [f"{i:<5} {j:<5} 1  {length:.3f}  {BOND_STIFFNESS}" for (i, j), length in BOND_LENGTHS.items()],
        "angletypes": ["; i  j  k  function  angle  k"]
        + [f"{i:<5} {j:<5} {k:<5} 1  {angle:.2f}  {stiff}" for (i, j, k), (angle, stiff) in ANGLES.items()],
        "moleculetype": ["; name  excluded up to this many bonds", f"{NAME}  2"],
        "atoms": ["; number  type  residue  name  charge group  charge" + "  mass" * heavy]
        + [
            f"{number[a]:4d}  {atom_type(a):<5} {a[0]:3d}  STY  {a[1]:<4} {number[a]:4d}  {charge(a):6.3f}"
            + f"  {mass[a]:.4f}" * heavy
            for a in order
        ],
        "bonds": [_row(number, bond) + "  1" for bond in bonds],
        "angles": [_row(number, angle) + "  1" for angle in angles],
        "dihedrals": [_row(number, t) + f"  1  {TORSION}" for t in torsions()]
        + [_row(number, t) + f"  2  {PLANARITY}" for t in impropers()],
        "exclusions": [_row(number, pair) for pair in ring_exclusions(graph)],
        "system": ["Syndiotactic polystyrene"],
        "molecules": [f"{NAME}  {CHAINS}"],
    }
    return TITLE + "".join(f"\n[ {name} ]\n" + "\n".join(rows) + "\n" for name, rows in sections.items())


def _row(number: dict[Atom, int], members: Iterable[Atom]) -> str:
    return " ".join(f"{number[atom]:4d}" for atom in members)


def beads() -> dict[str, dict[Atom, float]]:
    """Bead name -> atoms and their weights, after D. Fritz et al., Macromolecules 42, 7579 (2009).

    A is CH2 and half of both CH beside it, at the start of the chain just the carbon of CH3; B is the phenyl ring.
    """
    found = {}
    for monomer in range(1, MONOMERS + 1):
        inner = {(monomer, name): MASS[name[0]] for name in ("C1", "H1A", "H1B")}
        for neighbour in (monomer - 1, monomer):
            inner |= {(neighbour, name): MASS[name[0]] / 2 for name in ("C2", "H2A")}
        found[f"A{monomer}"] = {(1, "C1"): MASS["C"]} if monomer == 1 else inner
        found[f"B{monomer}"] = {(monomer, name): MASS[name[0]] for name in PHENYL}
    return found


def mapping() -> str:
    """polystyrene.xml."""
    maps = {"start": beads()["A1"], "backbone": beads()["A2"], "phenyl": beads()["B1"]}
    lines = ["<!-- Syndiotactic polystyrene, two beads a monomer; weights are masses, half of them where beads share"]
    lines += ["     an atom. Written by model.py. -->", "<cg_molecule>", f"  <name>{NAME}</name>"]
    lines += [f"  <ident>{NAME}</ident>"]
    lines += ["  <topology>", "    <cg_beads>"]
    for name, members in beads().items():
        used = "start" if name == "A1" else {"A": "backbone", "B": "phenyl"}[name[0]]
        listed = " ".join(f"{monomer}:STY:{atom}" for monomer, atom in members)
        lines += [f"      <cg_bead><name>{name}</name><type>{name[0]}</type><mapping>{used}</mapping>"]
        lines += [f"        <beads>{listed}</beads></cg_bead>"]
    names = list(beads())
    pairs = " ".join(f"{a} {b}" for a, b in pairwise(names))
    lines += ["    </cg_beads>", "    <cg_bonded>", "      <bond><name>A-B</name>"]
    lines += [f"        <beads>{pairs}</beads></bond>", "    </cg_bonded>", "  </topology>", "  <maps>"]
    for name, members in maps.items():
        weights = " ".join(f"{weight:g}" for weight in members.values())
        lines += [f"    <map><name>{name}</name><weights>{weights}</weights></map>"]
    return "\n".join([*lines, "  </maps>", "</cg_molecule>", ""])


if __name__ == "__main__":
    (HERE / "polystyrene.top").write_text(topology())
    (HERE / "polystyrene.xml").write_text(mapping())
