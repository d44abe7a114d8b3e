"""Fragments of known conformations, fitted to their beads."""
