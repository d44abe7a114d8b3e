"""Files of GROMACS' run parameters: how they are read, and what they mean."""
from __future__ import annotations

from pathlib import Path

import pytest
from backmap_plugins.files.mdp import RunFile
from backmap_plugins.files.mdp_meaning import folders_of, macros_of, run_parameters

from backmap.errors import BackmapError
from backmap.model.run_parameters import RunParameters


def told(folder: Path, text: str) -> RunParameters:
    (folder / "run.mdp").write_text(text)
    return run_parameters(folder / "run.mdp")


def test_names_and_words_are_compared_as_grompp_does(tmp_path: Path) -> None:
    (tmp_path / "run.mdp").write_text("; comment = 1\nRCoulomb=1.2 ; nm\n  rvdw_Switch  =  1.0\n\nDispCorr =\n")
    run = RunFile.read(tmp_path / "run.mdp")
    assert run.number("rcoulomb", 1.0) == 1.2
    assert run.number("rvdw-switch", 0.0) == 1.0
    assert run.number("rvdw", 0.7) == 0.7
    assert run.word("dispcorr", "no") == "no"
    assert run.said("rvdw-switch") == f"{tmp_path}/run.mdp:3: rvdw_Switch = 1.0"
    assert run.unknown == []


def test_an_empty_file_means_the_defaults_of_gromacs(tmp_path: Path) -> None:
    """A cut-off of 1 nm, potentials shifted to 0 there, no thermostat, nothing rigid."""
    run = told(tmp_path, "")
    assert run.treatment == {"cutoff": 1.0, "tail": "shift", "coulomb": "reaction_field", "epsilon_rf": 1.0}
    assert (run.temperature, run.constraints, run.epsilon_r, run.remarks) == (None, "none", 1.0, ())


@pytest.mark.parametrize(("text", "temperature"), [
    ("tcoupl = V-rescale\nref-t = 300 300\n", 300.0), ("integrator = sd\nref_t = 280\n", 280.0),
    ("integrator = md\nref-t = 300\n", None), ("integrator = steep\ntcoupl = v-rescale\nref-t = 300\n", None)])
def test_temperatures_count_where_a_run_keeps_them(text: str, temperature: float | None, tmp_path: Path) -> None:
    assert told(tmp_path, text).temperature == temperature


def test_pme_is_replaced_and_said_to_be(tmp_path: Path) -> None:
    run = told(tmp_path, "coulombtype = PME\nrcoulomb = 1.3\nrvdw = 1.1\nDispCorr = Ener\nrcolomb = 2\n")
    assert run.treatment == {"cutoff": 1.1, "tail": "shift", "coulomb": "reaction_field", "epsilon_rf": 0.0}
    assert run.instead["coulomb"] == {"pme"}
    unknown, lattice, dispersion = run.remarks
    assert unknown.endswith("run.mdp:5: 'rcolomb' is no option of GROMACS and passed over. Did you mean 'rcoulomb'?")
    assert "coulombtype = PME: moves count pairs up to 1.1 nm" in lattice
    assert "rcoulomb, 1.3 nm, is not used" in lattice
    assert "DispCorr = Ener: not counted" in dispersion


def test_what_grompp_takes_without_a_word_is_taken_so(tmp_path: Path) -> None:
    """Options of former versions, as they stand in the .mdp files of VOTCA's tutorials."""
    assert told(tmp_path, "gb_algorithm = Still\nrgbradii = 2\nns_type = grid\nE-x = 0\nE-xt =\n").remarks == ()
    assert "E-xt" in str(told(tmp_path, "E-xt = 1 2 3\n").remarks)


def test_macros_and_folders(tmp_path: Path) -> None:
    (tmp_path / "run.mdp").write_text("define = -DFLEXIBLE -DPOSRES_FC=10\ninclude = -I../top -Ihere\n")
    assert macros_of(tmp_path / "run.mdp") == {"FLEXIBLE": "", "POSRES_FC": "10"}
    assert folders_of(tmp_path / "run.mdp") == [tmp_path / ".." / "top", tmp_path / "here"]


def test_no_permittivity_means_no_coulomb(tmp_path: Path) -> None:
    run = told(tmp_path, "epsilon-r = 0\n")
    assert (run.treatment["coulomb"], run.epsilon_r) == ("none", 1.0)


def test_all_errors_come_together(tmp_path: Path) -> None:
    with pytest.raises(BackmapError) as caught:
        told(tmp_path, "rvdw = x\nconstraints = all-angles\n")
    assert len(caught.value.all) == 2
