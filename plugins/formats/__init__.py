"""File formats: topologies, mappings, frames, and writers of frames."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_topologies() -> dict[str, str]:
    return {"gromacs": "backmap_plugins.formats.gromacs_topology:Gromacs",
            "amber": "backmap_plugins.formats.mdanalysis_topologies:Amber",
            "charmm": "backmap_plugins.formats.mdanalysis_topologies:Charmm",
            "lammps": "backmap_plugins.formats.lammps_topology:Lammps",
            "votca": "backmap_plugins.formats.votca_topology:Votca"}


@hookimpl
def backmap_mappings() -> dict[str, str]:
    here = "backmap_plugins.formats"
    return {"votca": f"{here}.votca:Votca", "dbm": f"{here}.dbm:Dbm", "backward": f"{here}.backward:Backward",
            "vermouth": f"{here}.vermouth:Vermouth", "cgsmiles": f"{here}.cgsmiles:Cgsmiles",
            "yaml": f"{here}.yaml_mapping:YamlMapping"}


@hookimpl
def backmap_readers() -> dict[str, str]:
    return {"gromacs": "backmap_plugins.formats.gromacs_frames:Gromacs",
            "lammps": "backmap_plugins.formats.lammps_frames:Lammps",
            "amber": "backmap_plugins.formats.mdanalysis_frames:Amber",
            "charmm": "backmap_plugins.formats.mdanalysis_frames:Charmm",
            "pdb": "backmap_plugins.formats.mdanalysis_frames:Pdb",
            "xyz": "backmap_plugins.formats.mdanalysis_frames:Xyz",
            "mdanalysis": "backmap_plugins.formats.mdanalysis_frames:AnyFormat"}


@hookimpl
def backmap_bridges() -> dict[str, str]:
    return {"mdanalysis": "backmap_plugins.formats.universe:MDAnalysis"}


@hookimpl
def backmap_writers() -> dict[str, str]:
    return {"gromacs": "backmap_plugins.formats.gromacs_writers:Gromacs",
            "pdb": "backmap_plugins.formats.pdb_writer:Pdb",
            "lammps": "backmap_plugins.formats.lammps_writers:Lammps",
            "picture": "backmap_plugins.formats.picture:Picture",
            "index": "backmap_plugins.formats.index:Index"}
