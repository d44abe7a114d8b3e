"""Writes potentials of Fritz's beads that give the distributions of his training frames, as fritz.top with terms.

What is drawn inside Kremer-Grest beads is corrected by moves along forces, and for these there must be forces. The
frames came without the tables that made them, so that every term is inverted here, U = -kT ln P, and fitted by
functions that a topology can have. With --model, frames that these potentials made, those in --before are corrected by
how much the distributions differ (D. Reith, M. Puetz, F. Mueller-Plathe, J. Comput. Chem. 24, 1624, 2003).

    python potentials.py --training runs/kg/fine_training.trr --output runs/kg/soft.top --simple
    python potentials.py --training runs/kg/fine_training.trr --output runs/kg/field.top
    backmap run held.yaml
    python potentials.py --training runs/kg/fine_training.trr --output runs/kg/field.top \\
        --before runs/kg/field.json --model runs/kg/held/fritz.trr
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from chains import CHAINS, MONOMERS, beads
from MDAnalysis.coordinates.core import reader
from MDAnalysis.lib.distances import self_capped_distance
from scipy.optimize import lsq_linear

HEAT = 8.31446e-3 * 496  #: kT of the frames, kJ/mol
BEADS = 2 * MONOMERS
EXCLUDED = 4  #: bonds within which pairs do not interact, as in Fritz's model
RARE = 1e-3  #: share of the largest density below which nothing is known
WAVES = 6  #: of the potential of a torsion
NEAR = {"A-B near": (0, 3), "A near": (0, 4), "B near": (1, 4)}  #: excluded pairs that repel: first bead, beads apart
CLOSEST = 0.005  #: share of the true ones below the distance where they repel by kT

#: Edges of bins: bonds, nm; angles and torsions, radians; pairs, nm.
EDGES = {"bond": np.linspace(0.25, 0.47, 67), "angle": np.radians(np.linspace(0, 180, 181)),
         "stiff": np.radians(np.linspace(30, 55, 101)), "torsion": np.radians(np.linspace(-180, 180, 73)),
         "pair": np.linspace(0.3, 0.66, 37)}
MIDDLES = {kind: (edges[1:] + edges[:-1]) / 2 for kind, edges in EDGES.items()}
#: Terms: kind, place of the first bead in a chain, beads from one to the next.
TERMS = {"bond": ("bond", 0, 1), "A-B-A": ("stiff", 0, 2), "B-A-B": ("angle", 1, 2),
         **{f"torsion {k}": ("torsion", k, 4) for k in range(4)},
         **dict.fromkeys(("A-A", "A-B", "B-B"), ("pair", 0, 0))}


def densities(path: Path) -> dict[str, np.ndarray]:
    """Density of every term in its bins, without the Jacobian; of pairs g(r)."""
    found, frames = {name: np.zeros(len(MIDDLES[kind])) for name, (kind, *_) in TERMS.items()}, 0
    for frame in reader(str(path)):
        box, x = frame.dimensions[:3] / 10, frame.positions.astype(float).reshape(CHAINS, BEADS, 3) / 10
        ways = np.diff(x, axis=1)
        ways -= box * np.round(ways / box)
        lengths = np.linalg.norm(ways, axis=-1)
        cosine = -(ways[:, 1:] * ways[:, :-1]).sum(-1) / lengths[:, 1:] / lengths[:, :-1]
        normal = np.cross(ways[:, :-1], ways[:, 1:])
        sine = lengths[:, 1:-1] * (ways[:, :-2] * normal[:, 1:]).sum(-1)
        angles = np.arccos(cosine)
        values = {"bond": lengths, "angle": angles, "stiff": angles,
                  "torsion": np.arctan2(sine, (normal[:, :-1] * normal[:, 1:]).sum(-1))}
        pairs = _pairs(box, x)
        for name, (kind, first, step) in TERMS.items():
            found[name] += (pairs[name] if kind == "pair" else
                            np.histogram(values[kind][:, first::step], EDGES[kind])[0])
        frames += 1
    jacobian = {"bond": MIDDLES["bond"]**2, "angle": np.sin(MIDDLES["angle"]), "stiff": np.sin(MIDDLES["stiff"]),
                "torsion": 1.0, "pair": frames}
    found = {name: rows / jacobian[TERMS[name][0]] for name, rows in found.items()}
    return {name: rows if TERMS[name][0] == "pair" else rows / rows.sum() for name, rows in found.items()}


def _pairs(box: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    """g(r) of pairs that interact."""
    edges, each = EDGES["pair"], CHAINS * MONOMERS
    pairs, distance = self_capped_distance(x.reshape(-1, 3).astype(np.float32), edges[-1],
                                           box=np.array([*box, 90, 90, 90]))
    chain, bead = np.divmod(pairs, BEADS)
    apart = (chain[:, 0] != chain[:, 1]) | (abs(bead[:, 0] - bead[:, 1]) > EXCLUDED)
    kind, shells = (bead % 2).sum(axis=1), 4 / 3 * np.pi * np.diff(edges**3) / box.prod()
    return {name: np.histogram(distance[apart & (kind == k)], edges)[0] / shells / each**2 * (1 if k == 1 else 2)
            for k, name in enumerate(("A-A", "A-B", "B-B"))}


def functions(kind: str, x: np.ndarray) -> np.ndarray:
    """What potentials of a kind are sums of, the constant first, (functions, x)."""
    kind = "angle" if kind == "stiff" else kind
    parts = {"bond": [x, x**2, x**4], "angle": [x, x**2, np.cos(x), np.cos(x)**2],
             "pair": [x**-12.0, -(x**-6.0)],
             "torsion": [wave(n * x) for n in range(1, WAVES + 1) for wave in (np.cos, np.sin)]}
    return np.stack(parts[kind] if kind == "pair" else [np.ones_like(x), *parts[kind]])


def inverted(name: str, true: np.ndarray, model: np.ndarray | None, before: np.ndarray, simple: bool) -> np.ndarray:
    """Coefficients of a potential by least squares that weigh bins by what is there: ``before``, and a correction.

    Where nothing is, an angle or a bond meets a wall: its potential goes on as a parabola.
    """
    kind, x = TERMS[name][0], MIDDLES[TERMS[name][0]]
    share, other = true / true.max(), np.ones_like(true) if model is None else model
    known = (share > RARE) & (other > 0)
    energy, table = np.zeros_like(true), functions(kind, x)
    energy[known] = -HEAT * np.log((true / other)[known])
    weight = np.where(known, share + 0.02, 0.0)
    if kind == "pair":  # all of it anew, as it may not attract where it is near
        return _solved(table, energy + before @ table, weight, [1e-3, -np.inf])
    if kind == "torsion":
        energy[~known] = energy[known].max() if model is None else 0.0
        weight = share + 0.02
    elif model is None:
        low, high = np.flatnonzero(known)[[0, -1]]
        away, stiff = x - np.clip(x, x[low], x[high]), HEAT / (0.05 * (x[high] - x[low]))**2
        near = ~known & (abs(away) < 0.1 * (x[high] - x[low]))
        energy = np.where(near, energy[np.where(away < 0, low, high)] + stiff / 2 * away**2, energy)
        weight = np.where(near, 0.002, weight)
    found = _solved(table[:3] if simple and kind in ("bond", "stiff") else table, energy, weight)
    return before + np.append(found, np.zeros(len(table) - len(found)))


def _solved(table: np.ndarray, energy: np.ndarray, weight: np.ndarray, lower: float | list[float] = -np.inf,
            ) -> np.ndarray:
    """Weighted least squares, with rows of ``table`` (functions, x) brought to one size."""
    root = np.sqrt(weight)
    size = np.linalg.norm(table * root, axis=1)
    return lsq_linear((table * root / size[:, None]).T, energy * root, (lower, np.inf), tol=1e-14).x / size


def rows_of(name: str, c: np.ndarray) -> list[str]:
    """Functions of a topology, with their numbers, whose sum the potential is."""
    kind = TERMS[name][0]
    if kind == "bond":  # k/2 (r - a)^2 + q/4 (r^2 - a^2)^2, a at hand
        a, q = 0.36, 4 * c[3]
        k = 2 * (c[2] + q * a**2 / 2)
        return [f"1 {-c[1] / k:.8f} {k:.4f}", f"2 {a} {q:.4f}"]
    if kind in ("angle", "stiff"):  # of the cosine two parabolas, about 1 and about -1
        k = 2 * c[2]
        return [f"1 {np.degrees(-c[1] / k):.10f} {k:.6f}", f"2 0 {c[4] - c[3] / 2:.6f}", f"2 180 {c[4] + c[3] / 2:.6f}"]
    return [f"9 {np.degrees(np.arctan2(sine, cosine)):.6f} {np.hypot(cosine, sine):.6f} {n}"
            for n, (cosine, sine) in enumerate(c[1:].reshape(-1, 2), 1)]


def topology(potentials: dict[str, np.ndarray]) -> str:
    """fritz.top with all of them."""
    types = [f"{bead}{hand}" for bead in "AB" for hand in "ud"]
    pairs = []
    for i, one in enumerate(types):
        for other in types[i:]:
            c12, c6 = potentials["-".join(sorted(one[0] + other[0]))]
            pairs.append(f"{one} {other} 1 {c6:.8e} {c12:.8e}")
    sections: dict[str, list[str]] = {"bonds": [], "pairs": [], "angles": [], "dihedrals": []}
    for name, (kind, first, step) in TERMS.items():
        if kind == "pair":
            continue
        section, size = {"bond": ("bonds", 2), "angle": ("angles", 3), "stiff": ("angles", 3),
                         "torsion": ("dihedrals", 4)}[kind]
        for start in range(first, BEADS - size + 1, step):
            members = " ".join(str(start + k + 1) for k in range(size))
            sections[section] += [f"{members} {row}" for row in rows_of(name, potentials[name])]
    for name, (first, apart) in NEAR.items():
        c12, c6 = potentials[name]
        sections["pairs"] += [f"{k + 1} {k + apart + 1} 1 {c6:.8e} {c12:.8e}"
                              for k in range(first, BEADS - apart, 1 if apart % 2 else 2)]
    return beads(EXCLUDED, tuple(pairs), sections)


def repulsions(path: Path) -> dict[str, np.ndarray]:
    """Coefficients of the repulsion of beads three and four bonds apart: without it torsions meet independently."""
    found = {}
    frames = [(frame.dimensions[:3] / 10, frame.positions.astype(float).reshape(CHAINS, BEADS, 3) / 10)
              for frame in reader(str(path))]
    for name, (first, apart) in NEAR.items():
        step = 1 if apart % 2 else 2
        distance = []
        for box, x in frames:
            way = x[:, first + apart::step] - x[:, first:BEADS - apart:step]
            distance.append(np.linalg.norm(way - box * np.round(way / box), axis=-1))
        found[name] = np.array([HEAT * np.quantile(distance, CLOSEST)**12, 0.0])
    return found


def main() -> None:
    """Invert, write the topology, and the numbers beside it for corrections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--training", type=Path, required=True, help="Fritz's frames")
    parser.add_argument("--before", type=Path, help="numbers that an earlier call wrote, to be corrected")
    parser.add_argument("--model", type=Path, help="frames that they made")
    parser.add_argument("--output", type=Path, required=True, help="the topology; its numbers get the ending .json")
    parser.add_argument("--simple", action="store_true", help="parabolas, which draw what is far off back gently")
    options = parser.parse_args()
    true = densities(options.training)
    if options.before:
        found, model = json.loads(options.before.read_text()), densities(options.model)
        found = {name: np.array(rows) for name, rows in found.items()}
        found |= {name: inverted(name, true[name], model[name], found[name], False) for name in TERMS}
    else:
        none = {name: np.zeros(len(functions(kind, np.ones(1)))) for name, (kind, *_) in TERMS.items()}
        found = {name: inverted(name, true[name], None, none[name], options.simple) for name in TERMS}
        found |= repulsions(options.training)
    options.output.write_text(topology(found))
    options.output.with_suffix(".json").write_text(json.dumps({name: c.tolist() for name, c in found.items()}))


if __name__ == "__main__":
    main()
