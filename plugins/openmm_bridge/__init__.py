"""To and from OpenMM: parameters read from it, systems built for it."""
