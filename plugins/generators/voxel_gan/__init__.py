"""Atoms as densities on a grid, drawn by a convolutional network that a critic has trained."""
