"""The parameters of GROMACS topologies."""
