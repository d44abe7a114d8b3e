"""LAMMPS files that more than one kind of plugin reads: data files and input scripts."""
