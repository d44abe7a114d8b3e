"""Molecule types with their beads, and frames laid out as they are."""
