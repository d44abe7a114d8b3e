"""The cases of the court."""
from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from .liquids import PROPANE, Liquid
from .trial import Case, Change, Scene, system_of, write

# What is done to files

def topology(*edits: tuple[str, str]) -> Change:
    """Replace patterns in topol.top, each of which must be there."""
    def change(scene: Scene) -> None:
        path = scene.folder / "topol.top"
        text = path.read_text()
        for old, new in edits:
            text, count = re.subn(old, new, text, flags=re.MULTILINE)
            assert count, old
        path.write_text(text)
    return change


def library(file: str, section: str, change: Callable[[list[str]], None]) -> Change:
    """Change the words of lines of OPLS-AA, which is copied beside topol.top."""
    def edit(scene: Scene) -> None:
        here = scene.folder / "oplsaa.ff"
        if not here.exists():
            shutil.copytree(_shipped(), here)
        lines, within = [], ""
        for line in (here / file).read_text().splitlines():
            words = line.split(";")[0].split()
            if line.strip().startswith("["):
                within = words[1]
            elif within == section and words and not line.startswith("#"):
                change(words)
                line = " ".join(words)
            lines.append(line)
        (here / file).write_text("\n".join(lines) + "\n")
    return edit


def lennard_jones(sigma: float = 1.0, epsilon: float = 1.0) -> Change:
    """Times sigma and epsilon of all atom types."""
    def change(words: list[str]) -> None:
        words[-2:] = [f"{float(words[-2]) * sigma:.6g}", f"{float(words[-1]) * epsilon:.6g}"]
    return library("ffnonbonded.itp", "atomtypes", change)


def torsions(factor: float) -> Change:
    """Times the height of all torsions."""
    def change(words: list[str]) -> None:
        if words[4] == "3":
            words[5:] = [f"{float(word) * factor:.6g}" for word in words[5:]]
    return library("ffbonded.itp", "dihedraltypes", change)


def angles(factor: float) -> Change:
    """Times the force constant of all angles."""
    def change(words: list[str]) -> None:
        words[5] = f"{float(words[5]) * factor:.6g}"
    return library("ffbonded.itp", "angletypes", change)


def charges(factor: float) -> Change:
    """Scale all charges of [ atoms ]."""
    def change(scene: Scene) -> None:
        path = scene.folder / "topol.top"
        lines = []
        for line in path.read_text().splitlines():
            words = line.split()
            if len(words) == 8 and words[0].isdigit():
                words[6] = f"{float(words[6]) * factor:.6f}"
                line = " ".join(words)
            lines.append(line)
        path.write_text("\n".join(lines) + "\n")
    return change


def beads(do: Callable[[np.ndarray, Scene], np.ndarray]) -> Change:
    """Change the beads that are given."""
    def change(scene: Scene) -> None:
        scene.beads = do(scene.beads, scene)
    return change


def boxes(factor: float) -> Change:
    """Another box, with the beads where they are."""
    def change(scene: Scene) -> None:
        scene.boxes = scene.boxes * factor
    return change


def everything(factor: float) -> Change:
    """Beads and box times a factor, as in another unit."""
    def change(scene: Scene) -> None:
        scene.beads, scene.boxes = scene.beads * factor, scene.boxes * factor
    return change


def centres(factor: float) -> Change:
    """Molecules where they would be at another density, themselves unchanged."""
    def change(scene: Scene) -> None:
        system = system_of(scene.folder / "beads.yaml")
        for group in system.groups:
            middle = scene.beads[:, group.beads].mean(axis=2, keepdims=True)
            scene.beads[:, group.beads] += (factor - 1) * middle
        scene.boxes = scene.boxes * factor
    return change


def noise(sigma: float) -> Change:
    return beads(lambda given, scene: given + np.random.default_rng(3).normal(0, sigma, given.shape))


def reordered(order: Callable[[int], list[int]]) -> Change:
    """Beads of every molecule in another order."""
    def change(scene: Scene) -> None:
        for group in system_of(scene.folder / "beads.yaml").groups:
            scene.beads[:, group.beads] = scene.beads[:, group.beads[:, order(group.beads.shape[1])]]
    return change


def shuffled(scene: Scene) -> None:
    """Beads of all molecules in one order that means nothing."""
    order = np.random.default_rng(3).permutation(scene.beads.shape[1])
    scene.beads = scene.beads[:, order]


def mapping(weights: str) -> Change:
    """The file of the mapping says other weights than those that made the beads."""
    def change(scene: Scene) -> None:
        path = scene.folder / "mapping.yaml"
        path.write_text(path.read_text().replace("weights: mass", f"weights: {weights}"))
    return change


def heavy(scene: Scene) -> None:
    """The file of the mapping has heavy atoms alone, the beads are centres of mass."""
    path = scene.folder / "mapping.yaml"
    path.write_text(re.sub(r"^ *- H\w+\n", "", path.read_text(), flags=re.MULTILINE))


def colder(temperature: float) -> Change:
    """run.mdp says another temperature than that of the beads."""
    def change(scene: Scene) -> None:
        path = scene.folder / "run.mdp"
        path.write_text(re.sub(r"ref-t = .*", f"ref-t = {temperature}", path.read_text()))
    return change


# What is done to recipes

def options(name: str, **values: object) -> Change:
    """Other options of a step."""
    return lambda scene: scene.step(name).update(values)


def without(*names: str) -> Change:
    return lambda scene: scene.drop(*names)


def before_assess(*steps: dict[str, object]) -> Change:
    """More steps before the atoms are judged."""
    def change(scene: Scene) -> None:
        made = scene.recipe["steps"]
        at = next(number for number, step in enumerate(made) if "assess" in step)
        made[at:at] = list(steps)
    return change


def foreign(do: Callable[[np.ndarray, Scene], np.ndarray]) -> Change:
    """Atoms of another program: the true ones, changed."""
    def change(scene: Scene) -> None:
        write(scene.folder, "theirs", do(scene.frames.copy(), scene), scene.boxes)
        scene.drop("forward", "gibbs", "hamiltonian")
        before_assess({"read_atoms": {"atoms": {"gromacs": "theirs.xtc"}}})(scene)
    return change


def both(*changes: Change) -> Change:
    def change(scene: Scene) -> None:
        for one in changes:
            one(scene)
    return change


def _shipped() -> Path:
    """OPLS-AA as GROMACS ships it."""
    places = [*os.environ.get("GMXLIB", "").split(":"), "/usr/share/gromacs/top",
              "/usr/local/gromacs/share/gromacs/top"]
    return next(Path(place) / "oplsaa.ff" for place in places if place and (Path(place) / "oplsaa.ff").exists())


# The cases

FEW = {"sweeps": 1, "soft_core_sweeps": 0, "annealing_sweeps": 0}
SLOW = {"sweeps": 5, "timestep": 0.05, "steps": 5, "soft_core_sweeps": 3, "annealing_sweeps": 0}
ALL = 6  #: frames of a liquid


def _as_they_are(atoms: np.ndarray, scene: Scene) -> np.ndarray:
    return atoms


def _shaken(sigma: float) -> Change:
    """True atoms, each displaced."""
    return foreign(lambda atoms, scene: atoms + np.random.default_rng(3).normal(0, sigma, atoms.shape))


def _turned(atoms: np.ndarray, scene: Scene) -> np.ndarray:
    """Every molecule turned about its centre, each in another way."""
    rng = np.random.default_rng(3)
    for group in system_of(scene.folder / "beads.yaml").groups:
        for members in group.atoms:
            for frame in atoms:
                middle = frame[members].mean(axis=0)
                frame[members] = (frame[members] - middle) @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + middle
    return atoms


def minimised(scene: Scene) -> None:
    """True atoms, minimised."""
    foreign(_as_they_are)(scene)
    before_assess({"refine": "minimize"})(scene)


def _true_sampling() -> list[Case]:
    """True atoms that are no sample of what is said of them."""
    def case(liquid: str, name: str, what: str, files: Change | None = None,
             recipe: Change | None = None) -> Case:
        return Case(f"{liquid}-{name}", "sampling", liquid, what, files, recipe or foreign(_as_they_are), ALL)

    said = "dynamics of the force field, judged by"
    return [
        case("ethanol", "noise", "true atoms, each displaced by 0.005 nm", recipe=_shaken(0.005)),
        case("hexane", "shaken", "true atoms, each displaced by 0.01 nm", recipe=_shaken(0.01)),
        case("ethanol", "turned", "true molecules, each turned about its centre", recipe=foreign(_turned)),
        case("water", "turned", "true molecules, each turned about its centre", recipe=foreign(_turned)),
        case("ethanol", "other-frame", "true atoms of another frame", recipe=foreign(lambda atoms, scene: atoms[::-1])),
        case("hexane", "frozen", "true atoms, one frame for all", recipe=foreign(
            lambda atoms, scene: np.repeat(atoms[:1], len(atoms), axis=0))),
        case("hexane", "quenched", "true atoms, minimised", recipe=minimised),
        case("ethanol", "charges", f"{said} 1.4 times its charges", charges(1.4)),
        case("water", "as-ethanol-charges", f"{said} 0.7 times its charges", _water_charges),
        case("hexane", "sigma", f"{said} sigma 8 % larger", lennard_jones(sigma=1.08)),
        case("ethanol", "sigma", f"{said} sigma 8 % smaller", lennard_jones(sigma=0.92)),
        case("hexane", "torsions", f"{said} torsions of twice the height", torsions(2.0)),
        case("hexane", "no-torsions", "dynamics of the force field, judged without torsions", torsions(0.0)),
        case("hexane", "angles", f"{said} angles half as stiff", angles(0.5)),
        case("hot", "dynamics", "dynamics of 340 K, said to be of 240 K", colder(240)),
        case("glass", "dynamics", "dynamics of 80 K, said to be of 300 K", colder(300)),
        case("propane", "dynamics", "dynamics of 230 K, said to be of 350 K", colder(350)),
    ]


def _sampling() -> list[Case]:
    """Atoms that do not sample the force field that was given."""
    made = [Case(f"{liquid}-template", "sampling", liquid, "fragments placed, nothing else",
                 recipe=without("gibbs", "hamiltonian")) for liquid in ("hexane", "propane", "methanol", "mixture")]
    made += [Case(f"{liquid}-few", "sampling", liquid, "one sweep of moves", recipe=options("hamiltonian", **FEW))
             for liquid in ("hexane", "ethanol", "water")]
    hexane, ethanol = (partial(Case, kind="sampling", liquid=liquid) for liquid in ("hexane", "ethanol"))
    placed = [{"forward": "template"}, {"refine": "minimize"}]
    return made + _true_sampling() + [
        hexane("hexane-short", what="five sweeps of time steps of 0.05 fs", recipe=options("hamiltonian", **SLOW)),
        hexane("hexane-drawn", what="draws by bonded terms alone", recipe=both(without("hamiltonian"), before_assess(
            {"gibbs": {"generator": "force_field", "sweeps": 4, "temperature": 300, "regularizer": "steric",
                       "repair": 5}}))),
        hexane("hexane-minimised", what="fragments placed and minimised", recipe=both(
            without("forward", "gibbs", "hamiltonian"), before_assess(*placed))),
        ethanol("ethanol-minimised", what="fragments placed and minimised", recipe=both(
            without("forward", "gibbs", "hamiltonian"), before_assess(*placed))),
        hexane("hexane-dynamics", what="fragments minimised, a picosecond of dynamics with held beads, 150 K too hot",
               recipe=both(without("forward", "gibbs", "hamiltonian"), before_assess(
                   *placed, {"refine": {"equilibrate": {"temperature": 450}}}))),
        hexane("hexane-hot-moves", what="moves at 450 K, of beads and a run.mdp of 300 K, judged at 300 K",
               recipe=both(options("hamiltonian", temperature=450), _judged_at(300))),
        Case("glass-put-back", "sampling", "glass", "hexane at 80 K: atoms put back, 1.1 kT an atom above the true "
             "ones, as torsions stay in wrong wells", frames=1),
        ethanol("ethanol-nan", what="a charge that is no number", files=topology((r" -0.683 ", " nan "))),
    ]


def _water_charges(scene: Scene) -> None:
    """Water of 0.7 times the charges."""
    library("spce.itp", "atoms", lambda words: words.__setitem__(6, f"{0.7 * float(words[6]):.5f}"))(scene)


def _judged_at(temperature: float) -> Change:
    """The temperature that the assessors of identities are told."""
    def change(scene: Scene) -> None:
        named = ("equipartition", "ranks", "along_beads", "released_beads")
        for step in scene.recipe["steps"]:
            if "assess" in step:
                step["assess"] = [{name: {"temperature": temperature}} if name in named else name
                                  for name in step["assess"]]
    return change


def _beads() -> list[Case]:
    """Beads that contradict the force field."""
    hexane, ethanol, mixture, water = (partial(Case, kind="beads", liquid=name, frames=1) for name in (
        "hexane", "ethanol", "mixture", "water"))
    unsaid = {"beads_are": ""}
    return [
        hexane("hexane-ten", what="a box ten times too large, with the beads where they are; not said what beads are",
               files=boxes(10.0), **unsaid),
        hexane("hexane-angstrom", what="beads and box in Angstrom, read as nm; not said what beads are",
               files=everything(10.0), **unsaid),
        ethanol("ethanol-angstrom", what="beads and box in Angstrom, read as nm; not said what beads are",
                files=everything(10.0), **unsaid),
        hexane("hexane-tenth", what="beads and box a tenth of what they are; not said what beads are",
               files=everything(0.1), **unsaid),
        hexane("hexane-stretched", what="beads and box 10 % too large", files=everything(1.1)),
        hexane("hexane-squeezed", what="beads and box 10 % too small", files=everything(0.9)),
        hexane("hexane-dense", what="molecules in a box whose edges are 10 % too short", files=centres(0.9)),
        ethanol("ethanol-dense", what="molecules in a box whose edges are 10 % too short", files=centres(0.9)),
        ethanol("ethanol-thin", what="molecules in a box whose edges are 15 % too long", files=centres(1.15)),
        water("water-dense", what="molecules in a box whose edges are 7 % too short", files=centres(0.93)),
        hexane("hexane-order", what="beads in the order B2, B1, B3; not said what beads are",
               files=reordered(lambda n: [1, 0, 2]), **unsaid),
        mixture("mixture-shuffled", what="beads of all molecules in any order", files=shuffled),
        mixture("mixture-swapped", what="beads of the second molecule type before those of the first", files=beads(
            lambda given, scene: np.roll(given, 20 * 3, axis=1))),
        hexane("hexane-noise", what="beads displaced by 0.06 nm", files=noise(0.06)),
        ethanol("ethanol-noisy", what="beads displaced by 0.06 nm", files=noise(0.06)),
        hexane("hexane-geometry", what="beads are mass centres, the mapping has centres of geometry",
               files=mapping("geometry")),
        hexane("hexane-heavy", what="beads are mass centres, the mapping has heavy atoms alone", files=heavy),
        Case("hexane-hot", "beads", "hexane", what="beads of 300 K, said to be of 600 K", files=colder(600), frames=3),
        hexane("hexane-cold", what="beads of 300 K, said to be of 120 K", files=colder(120)),
        Case("crystal-hot", "beads", "crystal", "beads of a crystal at 100 K, said to be of 300 K", colder(300),
             frames=1),
        ethanol("ethanol-as-propane", what="the topology of propane for beads of ethanol", files=_propane),
        hexane("hexane-one-place", what="two beads of one molecule in one place", files=beads(_one_place)),
        hexane("hexane-jump", what="a bead a nanometre away", files=beads(_jump)),
        hexane("hexane-folded", what="beads folded into half of the box", files=beads(
            lambda given, scene: given % (np.diagonal(scene.boxes, axis1=1, axis2=2)[:, None] / 2))),
    ]


def _propane(scene: Scene) -> None:
    (scene.folder / "topol.top").write_text(Liquid("propane", [(PROPANE, 75)], 300.0).topology())
    (scene.folder / "mapping.yaml").write_text(yaml.safe_dump(PROPANE.mapping()))


def _one_place(given: np.ndarray, scene: Scene) -> np.ndarray:
    given = given.copy()
    given[:, 1] = given[:, 0]
    return given


def _jump(given: np.ndarray, scene: Scene) -> np.ndarray:
    given = given.copy()
    given[:, 1, 0] += 1.0
    return given


def _wrong() -> list[Case]:
    """Force fields that are wrong, for beads that are not said to be of this force field: nobody can tell."""
    made = []
    for liquid, what, change in (
            ("hexane", "torsions of twice the height", torsions(2.0)), ("hexane", "no torsions", torsions(0.0)),
            ("hexane", "sigma 5 % larger", lennard_jones(sigma=1.05)),
            ("hexane", "epsilon three times as large", lennard_jones(epsilon=3.0)),
            ("hexane", "angles a tenth as stiff", angles(0.1)), ("ethanol", "charges 10 % larger", charges(1.1)),
            ("ethanol", "charges 30 % larger", charges(1.3)),
            ("propane", "sigma 3 % smaller", lennard_jones(sigma=0.97)),
            ("propane", "epsilon 20 % smaller", lennard_jones(epsilon=0.8)), ("ethanol", "no torsions", torsions(0.0))):
        name = f"{liquid}-wrong-{what.replace(' ', '-').replace('%', 'percent')}"
        made.append(Case(name, "force field", liquid, what, change, frames=1, beads_are="model"))
    return made


def _right() -> list[Case]:
    """Nothing is wrong: frames of beads as they are, by the recipe that ``init`` writes."""
    liquids = {"hexane": "flexible bonds, 300 K", "propane": "rigid, 230 K, near boiling", "methanol": "rigid C-H, O-H",
               "ethanol": "300 K", "mixture": "ethanol and hexane, 320 K", "hot": "hexane near boiling, 340 K",
               "gas": "propane at 350 K", "slab": "propane with vacuum on both sides", "crystal": "hexane at 100 K",
               "glass": "hexane at 80 K", "water": "SPC/E, 300 K", "aqueous": "ethanol and water, 300 K"}
    return [Case(f"{liquid}-true", "right", liquid, f"{what}: the true atoms", recipe=foreign(_as_they_are), frames=ALL)
            for liquid, what in liquids.items()] + [
        Case(f"{liquid}-right", "right", liquid, f"{what}: atoms put back", frames=1)
        for liquid, what in liquids.items() if liquid != "glass"] + [
        Case("hexane-unsaid", "right", "hexane", "300 K: atoms put back, not said what beads are", frames=1,
             beads_are="")]


CASES = [*_sampling(), *_beads(), *_wrong(), *_right()]
