"""Forces on beads, and what their distributions say of a coarse-grained model."""
