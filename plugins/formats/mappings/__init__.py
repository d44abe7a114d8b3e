"""Which atoms are in which bead, as each program writes it."""
