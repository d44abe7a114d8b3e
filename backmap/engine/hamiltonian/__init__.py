"""Hamiltonian moves on blocks: short constrained trajectories that are accepted or rejected."""
