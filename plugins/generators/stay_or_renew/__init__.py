"""Densities of atoms given the frame before: torsions stay where they were, or are drawn anew."""
