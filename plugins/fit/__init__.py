"""Whether beads fit their molecules: the free molecule under its force field, and what is wrong with other beads."""
