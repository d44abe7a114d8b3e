"""Forces of atoms as beads feel them: what a force field says of given beads."""
