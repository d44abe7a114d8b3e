"""Tables of potentials: VOTCA's and LAMMPS' files, read and written.

    from backmap.model.tabulated import even_grid
    from backmap.engine.tabulated.inversion import boltzmann_inverse
    from backmap_plugins.files.tables import read_votca, write_lammps, write_votca, write_votca_force

    bond = boltzmann_inverse(distances, "bond", 350.0, even_grid("bond", 0.15, 0.35, 201))     # nm, K -> kJ/mol
    bend = boltzmann_inverse(angles, "angle", 350.0, even_grid("angle", 0, 0, 181))            # radians, 0 to pi
    twist = boltzmann_inverse(dihedrals, "dihedral", 350.0, even_grid("dihedral", 0, 0, 181))  # -pi to pi
    write_votca("bond.pot", bond)                                   # x, U, flag; radians
    write_lammps("bonds.table", {"end-middle": bond}, "bond")       # Angstrom or degrees, kcal/mol; named sections
    pair = read_votca("E-E.pot", "pair")                            # forces are slopes of a cubic spline

``backmap_plugins.openmm_bridge.tabulated`` makes OpenMM systems of the same potentials.
"""
from .lammps import read_lammps, write_lammps
from .option import read_tables
from .votca import read_votca, read_votca_force, write_votca, write_votca_force

__all__ = ["read_lammps", "read_tables", "read_votca", "read_votca_force", "write_lammps", "write_votca",
           "write_votca_force"]
