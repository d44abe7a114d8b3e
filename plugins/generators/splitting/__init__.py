"""The ``splitting`` generator: beads inside coarser beads, centre by centre."""
