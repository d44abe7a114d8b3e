"""Positions on their beads, rigid distances, and the volume that goes with them."""
