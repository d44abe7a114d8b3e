"""A judgement with plausible numbers: polystyrene as three ways of backmapping leave it, seen in a box of octane."""
from __future__ import annotations

from typing import Any

import numpy as np

from backmap.model.assessment import REFERENCE, Assessment, Curve, Example, Figure, Judgement
from backmap.model.system import System
from tests import scenes

OWN, OTHERS = "backmap", ("deepbackmap", "geometric baseline")
#: Mean and spread of bond lengths and angles, and divergences: reference, ours, the others, floor.
BONDS = {"C-C": ((0.1530, 0.0004), (0.1530, 0.0004), (0.1541, 0.0063), (0.1719, 0.0082), (0.0, 0.4230, 0.6779, 0.0)),
         "C-H": ((0.1100, 0.0004), (0.1100, 0.0004), (0.1078, 0.0060), (0.1057, 0.0056), (0.0, 0.3572, 0.2619, 0.0))}
ANGLES = {"C-C-C": ((112.4, 5.1), (112.3, 5.2), (111.9, 3.9), (116.2, 6.5), (0.0011, 0.0185, 0.0696, 0.0002)),
          "H-C-H": ((108.6, 4.4), (108.5, 4.3), (108.1, 2.2), (104.0, 3.0), (0.0024, 0.0705, 0.3697, 0.0003))}
TORSION = (0.0019, 0.0021, 0.0484, 0.0008)
MOLECULE = ((-416.3, 42.6), (-414.9, 43.3), (-373.3, 194.9), (-699.0, 40.8), (0.0081, 0.0576, 0.6886, 0.0063))


def judgement(example: bool = True) -> tuple[Judgement, System]:
    """The judgement, and the system that its example shows."""
    system, window = scenes.octane_window()
    labels = (REFERENCE, OWN, *OTHERS)
    judged = Judgement(OWN, {label: _assessments(k) for k, label in enumerate(labels)}, floor=_floor(),
                       n_frames=dict.fromkeys(labels, 78), seconds={OWN: 41.3, OTHERS[1]: 9.5})
    judged.flagged = {"clash": [f"frame {k // 3}: PS1 {k % 27 + 1} B{k % 9 + 1}" for k in range(40)],
                      "ring_pierced": ["frame 12: PS1 3 A4", "frame 12: PS1 8 B2"], "chirality": []}
    judged.n_flagged = {"clash": 1240, "ring_pierced": 2, "chirality": 0}
    if example:
        rng = np.random.default_rng(1)
        atoms = {label: window.atoms[0] + rng.normal(0, 0.006 * k, window.atoms[0].shape)
                 for k, label in enumerate(labels)}
        judged.examples = [Example(12, window.boxes[0], window.beads[0], atoms)]
    return judged, system


def provenance() -> dict[str, Any]:
    """What was run, as run.json has it."""
    return {
        "title": "Syndiotactic polystyrene at 568 K", "recipe": "run.yaml", "text": "recipe: 1\nseed: 7\nsteps: []\n",
        "overrides": ["steps.gibbs.temperature=568"], "seed": 7, "device": "cpu", "frames": "all", "n_frames": 78,
        "n_atoms": 5832, "versions": {"backmap": "0.1.0", "python": "3.12.1", "numpy": "2.1.0"},
        "inputs": {"cg.xtc": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
        "outputs": ["aa.xtc", "report.html"], "warnings": {"clash": 1240}, "seconds": 60.2, "atoms_per_second": 7556.3}


def _assessments(k: int) -> dict[str, Assessment]:
    return {"structure": _structure(k), "energy": _energy(k), "consistency": _consistency(k)}


def _structure(k: int) -> Assessment:
    figures, curves = [], []
    for section, unit, table, edges in (("bonds", "nm", BONDS, np.arange(0.05, 0.3001, 0.002)),
                                        ("angles", "deg", ANGLES, np.arange(0.0, 180.1, 2.0))):
        for name, row in table.items():
            figures += [*_distance(k, section, name, row[4]), Figure(section, name, "mean", row[k][0], unit, row[k][1])]
            label = "length" if section == "bonds" else "angle"
            curves.append(_bell(section, name, label, unit, edges, *row[k]))
    figures += [*_distance(k, "propers", "C-C-C-C", TORSION),
                Figure("propers", "C-C-C-C", "trans share", (0.7659, 0.7651, 0.7697, 0.5272)[k])]
    curves += [_torsion(k), _function(k)]
    zero = {"ideal": 0.0, "unit": ""}
    figures += [
        Figure("bonds", "bonds longer than 0.2 nm", "per frame", (0, 0, 0.0513, 2.6154)[k], spread=0.1, **zero),
        *_distance(k, "packing", "g(r) C-C", (0.0023, 0.0043, 0.0196, 0.0022), "integral of |g - g_ref|", "nm"),
        Figure("packing", "pairs closer than 0.12 nm", "per 1000 atoms", (0, 0.0026, 0, 0.0352)[k], **zero),
        Figure("packing", "bonds through rings", "per frame", (0, 0.013, 0, 0)[k], **zero),
        Figure("stereochemistry", "stereocentres of PS1", "share as in reference frame", (1, 1, 0.9922, 0.5137)[k],
               ideal=1.0),
        Figure("stereochemistry", "dyads of PS1", "racemo share", (1, 1, 0.9847, 0.4983)[k]),
        Figure("shape", "radius of gyration of PS1", "mean", (0.61, 0.61, 0.62, float("nan"))[k], "nm", 0.07)]
    return Assessment(figures, curves, ["Torsions without a term are marked so."] if k == 1 else [])


def _energy(k: int) -> Assessment:
    title = "Lennard-Jones per molecule"
    terms = {"bond": (0.001, 0.001, 0.154, 0.559), "angle": (2.876, 2.81, 1.485, 0.386),
             "proper": (0.211, 0.212, 0.213, 0.308), "improper": (1.112, 1.09, 0.359, 0.09),
             "total": (2.879, 2.83, 1.068, -1.507)}
    figures = [Figure("energy", name, "per atom", row[k], "kJ/mol", 0.05) for name, row in terms.items()]
    mean, spread = MOLECULE[k]
    figures += [Figure("energy", f"{title}, sum", "mean", mean, "kJ/mol", spread),
                *_distance(k, "energy", title, MOLECULE[4])]
    edges = np.arange(-1500.0, 3000.1, 10.0)
    return Assessment(figures, [_bell("energy", title, "Lennard-Jones energy", "kJ/mol", edges, mean, spread)])


def _consistency(k: int) -> Assessment:
    values = {"RMSD": (0.0005, 0.0005, 0.0035, 0.1986), "maximum": (0.002, 0.0021, 0.022, 3.928)}
    return Assessment([Figure("consistency", "all beads", quantity, row[k], "nm", ideal=0.0)
                       for quantity, row in values.items()])


def _floor() -> dict[str, Assessment]:
    figures = [Figure(section, name, "JSD", row[4][3], distance=True)
               for section, table in (("bonds", BONDS), ("angles", ANGLES)) for name, row in table.items()]
    figures += [Figure("propers", "C-C-C-C", "JSD", TORSION[3], distance=True),
                Figure("packing", "g(r) C-C", "integral of |g - g_ref|", 0.0022, "nm", distance=True)]
    return {"structure": Assessment(figures), "energy": Assessment(
        [Figure("energy", "Lennard-Jones per molecule", "JSD", MOLECULE[4][3], distance=True)])}


def _distance(k: int, section: str, name: str, row: tuple[float, ...], quantity: str = "JSD",
              unit: str = "") -> list[Figure]:
    """A distance from the reference, which the reference itself does not have."""
    return [Figure(section, name, quantity, row[k - 1], unit, distance=True)] if k else []


def _bell(section: str, name: str, label: str, unit: str, edges: np.ndarray, mean: float, spread: float) -> Curve:
    middle, width = (edges[1:] + edges[:-1]) / 2, max(spread, 0.4 * (edges[1] - edges[0]))
    values = np.exp(-((middle - mean) ** 2) / (2 * width**2))
    return Curve(section, name, label, unit, edges, values / (values * np.diff(edges)).sum())


def _torsion(k: int) -> Curve:
    edges = np.arange(-180.0, 180.1, 4.0)
    middle, trans = (edges[1:] + edges[:-1]) / 2, (0.77, 0.765, 0.77, 0.53)[k]
    wells = ((-180, trans), (180, trans), (62, 0.23), (-62, 1 - trans))
    values = sum(share * np.exp(-((middle - at) ** 2) / (2 * (14 + 4 * k) ** 2)) for at, share in wells)
    return Curve("propers", "C-C-C-C", "torsion", "deg", edges, values / (values.sum() * 4))


def _function(k: int) -> Curve:
    edges = np.arange(0.0, 1.001, 0.01)
    r = (edges[1:] + edges[:-1]) / 2
    values = (1 + (0.5 - 0.1 * k) * np.exp(-((r - 0.53) ** 2) / 0.004)) / (1 + np.exp(-(r - 0.41) / 0.02))
    return Curve("packing", "g(r) C-C", "distance", "nm", edges, np.where(r < 0.3, 0.0, values), "g")
