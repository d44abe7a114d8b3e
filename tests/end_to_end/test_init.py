"""``backmap init``: recipes for a user's own files, which run."""
from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from backmap_plugins.forcefields.gromacs import reader
from backmap_plugins.formats.gromacs import topology
from backmap_plugins.molecules import assemble

from backmap.commands import cli
from tests import large, scenes

from .test_bad_rigid import GRO as WATER_BEAD
from .test_bad_rigid import MAPPING as WATER_MAPPING
from .test_bad_rigid import TOP as WATER

OCTANE = scenes.RECIPE
NAMES = ("octane.top", "octane.xml", "cg.gro", "cg.xtc", "aa.gro", "test_aa.xtc", "train.xtc")
FILES = ("-p", "octane.top", "-m", "octane.xml", "-c", "cg.gro", "-t", "350")
DRAWN = ("--set", "steps.gibbs.sweeps=1", "--set", "steps.gibbs.repair=0")
QUICK = ("--frames", "0", "--set", "steps.hamiltonian.sweeps=1", "--set", "steps.hamiltonian.timestep=1", "--set",
         "steps.hamiltonian.steps=8", "--set", "steps.hamiltonian.soft_core_sweeps=1", "--set",
         "steps.assess=[structure]")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An octane user's folder, without weights."""
    for name in NAMES:
        shutil.copy(OCTANE / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BACKMAP_WEIGHTS", raising=False)
    return tmp_path


def call(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
    finally:
        signal.signal(signal.SIGTERM, before)
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def steps(path: Path) -> dict[str, object]:
    """The steps of a recipe by name."""
    return {name: options for entry in yaml.safe_load(path.read_text())["steps"] for name, options in entry.items()}


def test_weights_that_ship(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call("init", *FILES, "-f", "cg.xtc", "--aa", "aa.gro", "--aa", "test_aa.xtc", capsys=capsys)
    assert code == 0
    assert "octane_350K.safetensors fits these molecules: weights of 'equivariant', trained at 350 K" in out
    assert out.splitlines()[-1] == "recipe.yaml: no errors, no warnings, 1 note"
    made = steps(folder / "recipe.yaml")
    assert yaml.safe_load((folder / "recipe.yaml").read_text())["beads"] == "mapped"  # --aa has their atoms
    assert {"equipartition", "along_beads", "released_beads"} <= set(made["assess"])
    assert made["topology"] == {"atoms": {"gromacs": "octane.top"}, "mapping": {"votca": "octane.xml"}}
    assert made["read"] == {"beads": {"gromacs": ["cg.gro", "cg.xtc"]},
                            "reference": {"gromacs": ["aa.gro", "test_aa.xtc"]}}
    assert made["forward"] == {"generator": {"equivariant": "octane_350K.safetensors"}}
    assert [made["hamiltonian"][name] for name in ("timestep", "steps", "sweeps")] == ["auto"] * 3
    assert made["write"]["atoms"] == {"gromacs": ["atoms.gro", "atoms.xtc"]}
    text = (folder / "recipe.yaml").read_text()
    assert "octane_350K.safetensors fits these molecules" in text
    assert "TODO: there are charges" in text


def test_weights_at_another_temperature(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call("init", *FILES[:-1], "300", capsys=capsys)
    assert code == 0
    assert "you have 300 K: draws are a start" in out
    assert "300 K here, but the weights of 'equivariant' were trained at 350 K" in out


def test_the_recipe_with_weights_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("init", *FILES, "-o", "here/mine.yaml", capsys=capsys)[0] == 0
    code, _, err = call("run", "here/mine.yaml", *QUICK, *DRAWN, capsys=capsys)
    assert code == 0, err
    assert (folder / "here" / "runs" / "mine" / "atoms.gro").read_text().splitlines()[1].strip() == "1664"


def test_the_force_field_without_weights_or_frames(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call("init", *FILES, "--weights", folder, "--weights", "gone", capsys=capsys)
    assert code == 0
    assert (f"there are no weights of any generator in {folder}, gone (which is not there). $BACKMAP_WEIGHTS or "
            "--weights says where else to look\n") in out
    assert "no weights fit these molecules, and there are no atomistic frames to train on" in out
    made = steps(folder / "recipe.yaml")
    assert made["topology"]["constraints"] == "h-bonds"
    assert (made["forward"]["generator"], "gibbs" in made) == ("template", False)  # moves relax as well alone
    assert made["hamiltonian"]["tempering"] == "auto"  # of beads that may be soft
    assert made["hamiltonian"]["timestep"] == "auto"
    code, _, err = call("run", "recipe.yaml", *QUICK, "--set", "steps.hamiltonian.steps=2", capsys=capsys)
    assert code == 0, err
    assert (folder / "runs" / "recipe" / "report.html").stat().st_size > 0


def test_weights_of_other_molecules_are_not_proposed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The voxel GAN of polystyrene knows carbons and hydrogens, and could draw any hydrocarbon."""
    other = OCTANE.parent / "polystyrene" / "voxel_gan_568K.safetensors"
    (folder / "run.mdp").write_text("constraints = all-bonds\nref-t = 350\ncoulombtype = reaction-field\n")
    code, out, err = call("init", *FILES, "--mdp", "run.mdp", "--weights", other, capsys=capsys)
    assert code == 0, err
    assert f"{other}: the weights were not trained on 'OCT'" in out
    assert steps(folder / "recipe.yaml")["forward"]["generator"] == "template"


def test_weights_that_ship_are_told_in_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever has another molecule is not told of each of them, and why: in a file that they named, they are."""
    (folder / "octane.top").write_text((folder / "octane.top").read_text().replace("OCT", "ALK"))
    (folder / "octane.xml").write_text((folder / "octane.xml").read_text().replace("OCT", "ALK"))
    code, out, err = call("init", *FILES, capsys=capsys)
    assert code == 0, err
    assert re.search(r"^the \d+ weights of generators that come with backmap are of other molecules", out, re.M)
    assert "not used" not in out + (folder / "recipe.yaml").read_text()


def test_weights_for_many_molecules_are_offered_and_taken_by_name(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "octane.top").write_text((folder / "octane.top").read_text().replace("OCT", "ALK"))
    (folder / "octane.xml").write_text((folder / "octane.xml").read_text().replace("OCT", "ALK"))
    (folder / "run.mdp").write_text("constraints = all-bonds\nref-t = 350\ncoulombtype = reaction-field\n")
    code, out, err = call("init", *FILES, "--mdp", "run.mdp", capsys=capsys)
    assert code == 0, err
    assert "transferable.safetensors could draw these molecules, as some of many" in out
    assert steps(folder / "recipe.yaml")["forward"]["generator"] == "template"
    assert call("init", *FILES, "--mdp", "run.mdp", "--weights", "transferable.safetensors", "--force",
                capsys=capsys)[0] == 0
    assert steps(folder / "recipe.yaml")["forward"]["generator"] == {"equivariant": "transferable.safetensors"}
    code, _, err = call("run", "recipe.yaml", *QUICK, *DRAWN, capsys=capsys)
    assert code == 0, err
    assert "weights" not in err.partition("verdict:")[2].partition("\n")[0]  # all surroundings were met


def test_training_with_frames(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both recipes run, one after the other."""
    code, out, _ = call("init", *FILES, "--aa", "aa.gro", "--aa", "train.xtc", "--weights", folder, capsys=capsys)
    assert code == 0
    assert "no weights fit these molecules, but there are atomistic frames to train on" in out
    assert "First: backmap run recipe_train.yaml, then: backmap run recipe.yaml" in out
    assert "so they are not compared" in out
    training, made = steps(folder / "recipe_train.yaml"), steps(folder / "recipe.yaml")
    assert training["prepare"] == {"frames": {"gromacs": ["aa.gro", "train.xtc"]}, "temperature": 350}
    assert made["forward"] == {"generator": {"equivariant": "runs/recipe_train/weights.safetensors"}}
    assert "reference" not in made["read"]
    quick = ("steps.train.steps=2", "steps.train.sites=8", "steps.train.conformers=4", "steps.train.validate_every=1",
             "steps.train.generator={equivariant: {channels: 4, width: 16}}",
             "steps.prepare.frames={gromacs: {files: [aa.gro, train.xtc], end: 40}}")
    code, _, err = call("run", "recipe_train.yaml", *(part for one in quick for part in ("--set", one)), capsys=capsys)
    assert code == 0, err
    code, _, err = call("run", "recipe.yaml", *QUICK, *DRAWN, "--set", "steps.hamiltonian.steps=2", capsys=capsys)
    assert code == 0, err


def test_a_structure_is_too_little_to_train_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One molecule in one frame: it tells isomers, and what comes out is compared with it."""
    top = (folder / "octane.top").read_text()
    (folder / "one.top").write_text(re.sub(r"(?m)^(OCT\s+)64$", r"\g<1>1", top))
    for name, count in (("cg.gro", 4), ("aa.gro", 26)):
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join([lines[0], str(count), *lines[2:2 + count], lines[-1], ""]))
    code, out, _ = call("init", "-p", "one.top", "-m", "octane.xml", "-c", "cg.gro", "-t", 350, "--aa", "aa.gro",
                        "--weights", folder, capsys=capsys)
    assert code < 2
    assert "1 OCT in the atomistic frames are too few to train on" in out
    made = steps(folder / "recipe.yaml")
    assert made["forward"] == {"generator": "template"}
    assert not (folder / "recipe_train.yaml").exists()


def test_training_is_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call("init", *FILES, "--aa", "aa.gro", "--train", capsys=capsys)
    assert code == 0
    assert "you ask for training" in out
    assert (folder / "recipe_train.yaml").exists()
    assert call("init", *FILES, "--train", "--force", capsys=capsys)[2] == (
        "backmap: --train: there is nothing to train on. Give atomistic frames with --aa.\n")


def test_fragments_without_a_force_field(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A topology without parameters: bonds alone."""
    lines = (folder / "octane.top").read_text()
    (folder / "bare.top").write_text(_bare(lines))
    code, out, _ = call("init", "-p", "bare.top", *FILES[2:], "--weights", folder, capsys=capsys)
    assert "there is no force field: " in out
    made = steps(folder / "recipe.yaml")
    assert list(made) == ["topology", "read", "forward", "assess", "write"]
    assert code == 1
    assert "fragments are placed from beads alone and overlap" in out


def test_files_are_understood_once(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Choosing, trying and checking share what was made of the topology: for large ones it takes most of the time."""
    made: list[str] = []

    def counted(owner: object, name: str) -> None:
        own = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *words, **named: made.append(name) or own(*words, **named))

    counted(reader.Gromacs, "_made")
    counted(topology.Gromacs, "_made")
    counted(assemble, "perceive")
    files = large.Files(tmp_path, large.chain(8))
    monkeypatch.chdir(tmp_path)  # files are named relative to it here, and to the recipe there
    call("init", "-p", files.topology.name, "-m", files.mapping.name, "-c", files.beads.name, "-t", 350,
         "--weights", tmp_path, capsys=capsys)
    assert sorted(made) == ["_made", "_made", "perceive"]


def _bare(text: str) -> str:
    """A topology without types of atoms and bonds."""
    kept, on = [], True
    for line in text.splitlines():
        if line.strip().startswith("["):
            on = line.strip("[] \t") in ("moleculetype", "atoms", "bonds", "system", "molecules")
        if on:
            kept.append(line)
    return "\n".join(kept) + "\n"


def test_molecules_without_a_mapping(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ions are passed over, and the recipe says so."""
    text = (folder / "octane.top").read_text()
    atom = next(line.split()[1] for line in text[text.index("[ atoms ]"):].splitlines()[1:] if line.strip()
                and not line.strip().startswith(";"))
    at = text.index("[ system ]")
    (folder / "octane.top").write_text(
        f"{text[:at]}[ moleculetype ]\nION 1\n[ atoms ]\n1 {atom} 1 ION NA 1 1.0 22.99\n{text[at:].rstrip()}\nION 1\n")
    gro = (folder / "cg.gro").read_text().splitlines()
    n = int(gro[1])
    (folder / "cg.gro").write_text("\n".join([gro[0], str(n + 1), *gro[2:2 + n],
                                              f"{65:5d}{'ION':<5s}{'NA':>5s}{n + 1:5d}{1.0:8.3f}{1.0:8.3f}{1.0:8.3f}",
                                              gro[2 + n]]) + "\n")
    code, out, err = call("init", *FILES, capsys=capsys)
    assert code in (0, 1), err
    assert "ION: no mapping is given, so they are passed over" in out
    assert steps(folder / "recipe.yaml")["topology"]["exclude"] == ["ION"]


@pytest.mark.parametrize("model", [(), ("--from", "martini3")])
@pytest.mark.parametrize("counted", ["SOL 1\n", ""])
def test_water_alone_needs_no_mapping(model: tuple[str, ...], counted: str, tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    beads = "".join(f"{k + 1:5d}{'W':<5s}{'W':>5s}{k + 1:5d}{0.5 * (k // 9):8.3f}{0.5 * (k // 3 % 3):8.3f}"
                    f"{0.5 * (k % 3):8.3f}\n" for k in range(27))
    Path("cg.gro").write_text(f"water\n27\n{beads}   1.5   1.5   1.5\n")
    Path("water.top").write_text(WATER.replace("SOL 1\n", counted))
    code, out, err = call("init", "-p", "water.top", "-c", "cg.gro", "-t", "300", *model, capsys=capsys)
    assert code == 0, out + err
    assert "108 SOL: 432 atoms, 108 beads" in out
    topology = steps(tmp_path / "recipe.yaml")["topology"]
    assert topology["several"] == {"W": {"molecules": "SOL", "count": 4}}
    assert "mapping" not in topology


@pytest.mark.parametrize(("arguments", "message"), [
    (FILES[:-2], "backmap: backmap init: no temperature is given. Give that of the simulation of the beads"),
    (FILES[2:], "backmap: no atomistic topology is given. Give one with -p, e.g. -p topol.top."),
    ((*FILES[:2], *FILES[4:]),
     "backmap: no mapping is given. Give one with --mapping, e.g. --mapping mapping.xml, or let --from martini3 pick "
     "them from libraries."),
    ((*FILES[:4], *FILES[6:]), "backmap: no beads are given. Give them with -c and -f, e.g. -c cg.gro -f cg.xtc."),
    ((*FILES[:5], "octane.xml", *FILES[6:]), "backmap: octane.xml: looks like a mapping, not like a file of frames."),
    ((*FILES[:5], "none.gro", *FILES[6:]), "backmap: none.gro: there is no such file"),
    ((*FILES, "-n", "index.ndx"), "backmap: -n: 'index.ndx' is not a file and its group. Write -n index.ndx:GROUP."),
    ((*FILES, "--beads-are", "atoms"), "backmap: --beads-are: 'atoms' is neither mapped nor model. Write mapped if"),
    ((*FILES, "-o", "octane.top"), "backmap: octane.top: exists already.")])
def test_what_is_missing_or_wrong(folder: Path, arguments: tuple[str, ...], message: str,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call("init", *arguments, capsys=capsys)
    assert code == 2
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert not (folder / "recipe.yaml").exists()


def test_files_that_do_not_go_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call("init", *FILES[:5], "aa.gro", *FILES[6:], capsys=capsys)
    assert code == 2
    assert "holds 1664 beads, but the topology (64 OCT) has 256" in out
    assert err.startswith("backmap: recipe.yaml: the files do not go together, nothing is written.")
    assert not (folder / "recipe.yaml").exists()


def test_sites_without_atoms_of_a_file_with_names_of_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names tell nothing there: how many beads there are of each is said, and the user says which are none."""
    title, number, *rows, box = (folder / "cg.gro").read_text().splitlines()
    rows = [row[:10] + f"{name:>5}" + row[15:] for row, name in zip(rows, ["P", "Q", "Q", "P"] * 64, strict=True)]
    rows = [row for k in range(0, 256, 4) for row in (*rows[k:k + 4], rows[k][:10] + "   V9" + rows[k][15:])]
    (folder / "cg.gro").write_text("\n".join([title, str(int(number) + 64), *rows, box]) + "\n")
    code, out, _ = call("init", *FILES, capsys=capsys)
    assert code == 2
    assert "holds 320 beads, but the topology (64 OCT) has 256: 128 P, 64 V9, 128 Q. Check" in out.replace(
        "128 P, 128 Q, 64 V9", "128 P, 64 V9, 128 Q")
    assert "(init: --ignore NAME)" in out
    assert call("init", *FILES, "--ignore", "V9", capsys=capsys)[0] == 0
    assert steps(folder / "recipe.yaml")["topology"]["ignore"] == ["V9"]


def test_times_and_groups(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "index.ndx").write_text("[ All ]\n" + " ".join(str(k) for k in range(1, 257)) + "\n")
    code, _, err = call("init", *FILES, "-f", "cg.xtc", "-b", "0", "-n", "index.ndx:All", capsys=capsys)
    assert code == 0, err
    assert steps(folder / "recipe.yaml")["read"]["beads"] == {
        "gromacs": {"files": ["cg.gro", "cg.xtc"], "begin": 0.0, "index": {"index.ndx": "All"}}}


def test_published_weights_need_the_owners(reference_data: Path, tmp_path: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    """A .map beside an XML says which bead places which atom."""
    data = reference_data / "polystyrene"
    test = data / "test_568K"
    files = ("-p", data / "topol.top", "-m", data / "PS1.xml", "-c", test / "cg.gro", "-t", "568", "-o",
             tmp_path / "ps.yaml")
    code, out, _ = call("init", *files, capsys=capsys)
    assert "ps_568K.safetensors: molecule type 'PS1' has other owners than the one the weights were trained on" in out
    code, out, _ = call("init", *files, "-m", data / "PS1.map", "--force", capsys=capsys)
    assert code == 0, out
    assert "ps_568K.safetensors fits these molecules" in out
    assert Path(steps(tmp_path / "ps.yaml")["topology"]["owners"]["PS1"]).name == "PS1.map"


def test_run_parameters_in_place_of_guesses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "run.mdp").write_text("integrator = sd\nref-t = 350\ncoulombtype = PME\nrvdw = 1.1\nrcoulomb = 1.1\n"
                                    "constraints = all-bonds\n")
    code, out, _ = call("init", *FILES[:-2], "--mdp", "run.mdp", "--beads-are", "mapped", capsys=capsys)
    assert code == 0, out
    made = steps(folder / "recipe.yaml")
    assert made["topology"]["atoms"] == {"gromacs": ["octane.top", "run.mdp"]}
    assert made["topology"]["constraints"] == "all-bonds"
    assert made["forcefield"] == {"parameters": {"gromacs": ["octane.top", "run.mdp"]}}
    assert made["hamiltonian"]["temperature"] == 350
    text = (folder / "recipe.yaml").read_text()
    assert "# From run.mdp: cutoff 1.1, tail shift, coulomb reaction_field, epsilon_rf 0.0." in text
    assert "TODO" not in text
    code, _, err = call("init", *FILES[:-1], "300", "--mdp", "run.mdp", capsys=capsys)
    assert (code, err) == (2, "backmap: -t: is 300 K, but run.mdp:2: ref-t = 350. Leave one of them out.\n")


@pytest.mark.parametrize(("told", "beads", "guess"), [
    ((), "auto", True), (("--beads-are", "model"), "model", False), (("--beads-are", "mapped"), "mapped", False)])
def test_what_the_beads_are(folder: Path, told: tuple[str, ...], beads: str, guess: bool,
                            capsys: pytest.CaptureFixture[str]) -> None:
    call("init", *FILES, *told, capsys=capsys)
    text = (folder / "recipe.yaml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("beads:"))
    assert yaml.safe_load(text)["beads"] == beads
    assert ("TODO" in line) == guess


def test_where_a_simulation_of_water_can_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    """A folder to go on from is asked for: a short way there. Without it, as long as it takes until energies rest."""
    for name, text in (("water.top", WATER), ("map.yaml", WATER_MAPPING), ("cg.gro", WATER_BEAD)):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    found = {}
    for wish in ((), ("--gromacs-ready",)):
        code, _, _ = call("init", "-p", "water.top", "-m", "map.yaml", "-c", "cg.gro", "-t", "300", "--force", *wish,
                          capsys=capsys)
        assert code == 0
        assert call("check", "recipe.yaml", capsys=capsys)[0] == 0
        found[wish] = steps(tmp_path / "recipe.yaml")
    whole, ready = (each["hamiltonian"] for each in found.values())
    assert not any("gibbs" in each for each in found.values())
    assert (whole["annealing_sweeps"], whole["sweeps"]) == (700, "auto")
    assert (ready["annealing_sweeps"], ready["sweeps"], ready["second_start"]) == (80, 3, 0)
    assert whole["timestep"] == ready["timestep"] == 6
    assert "write sweeps: auto and annealing_sweeps: 700" in " ".join(
        (tmp_path / "recipe.yaml").read_text().replace("#", "").split())
