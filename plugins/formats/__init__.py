"""File formats: topologies, mappings, frames, and writers of frames."""
from __future__ import annotations

from backmap.hookspecs import hookimpl


@hookimpl
def backmap_topologies() -> dict[str, str]:
    return {"gromacs": "backmap_plugins.formats.gromacs.topology:Gromacs",
            "amber": "backmap_plugins.formats.mdanalysis.topologies:Amber",
            "charmm": "backmap_plugins.formats.mdanalysis.topologies:Charmm",
            "lammps": "backmap_plugins.formats.lammps.topology:Lammps",
            "votca": "backmap_plugins.formats.mappings.votca_topology:Votca"}


@hookimpl
def backmap_mappings() -> dict[str, str]:
    here = "backmap_plugins.formats.mappings"
    return {"votca": f"{here}.votca:Votca", "dbm": f"{here}.dbm:Dbm", "backward": f"{here}.backward:Backward",
            "vermouth": f"{here}.vermouth:Vermouth", "cgsmiles": f"{here}.cgsmiles:Cgsmiles",
            "ndx": f"{here}.index:IndexGroups", "pycgtool": f"{here}.pycgtool:Pycgtool",
            "yaml": f"{here}.yaml:YamlMapping"}


@hookimpl
def backmap_readers() -> dict[str, str]:
    return {"gromacs": "backmap_plugins.formats.gromacs.frames:Gromacs",
            "lammps": "backmap_plugins.formats.lammps.frames:Lammps",
            "amber": "backmap_plugins.formats.mdanalysis.frames:Amber",
            "charmm": "backmap_plugins.formats.mdanalysis.frames:Charmm",
            "pdb": "backmap_plugins.formats.mdanalysis.frames:Pdb",
            "xyz": "backmap_plugins.formats.mdanalysis.frames:Xyz",
            "mdanalysis": "backmap_plugins.formats.mdanalysis.frames:AnyFormat"}


@hookimpl
def backmap_bridges() -> dict[str, str]:
    return {"mdanalysis": "backmap_plugins.formats.universe:MDAnalysis",
            "parmed": "backmap_plugins.formats.bridges:ParmEd",
            "openmm": "backmap_plugins.formats.bridges:OpenMMObjects"}


@hookimpl
def backmap_writers() -> dict[str, str]:
    return {"gromacs": "backmap_plugins.formats.gromacs.writers:Gromacs",
            "pdb": "backmap_plugins.formats.pdb_writer:Pdb",
            "lammps": "backmap_plugins.formats.lammps.writers:Lammps",
            "picture": "backmap_plugins.formats.picture.writer:Picture",
            "index": "backmap_plugins.formats.gromacs.index:Index",
            "lammps_ready": "backmap_plugins.formats.lammps.ready:LammpsReady",
            "gromacs_ready": "backmap_plugins.formats.gromacs.ready:GromacsReady",
            "gromacs_topology": "backmap_plugins.formats.gromacs.topology_writer:GromacsTopology"}
