"""Bottlenecks of resolution: beads coarsened once more, and whether two models agree behind that."""
