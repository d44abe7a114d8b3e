"""What beads, and molecules that have no elements, are measured by."""
