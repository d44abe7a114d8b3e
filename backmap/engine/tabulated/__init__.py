"""Coarse-grained force fields as tables: their forces on beads, where they come from, how they are fitted."""
