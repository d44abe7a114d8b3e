"""LAMMPS: data files, dumps."""
