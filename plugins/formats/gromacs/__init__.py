"""GROMACS: topologies, trajectories, index files."""
