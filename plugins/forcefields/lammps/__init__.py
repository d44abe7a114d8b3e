"""Force fields from LAMMPS input scripts and data files with coefficients."""
