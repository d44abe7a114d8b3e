"""Energies of a force field: ``frame`` of whole frames, ``site`` of single fragments in their surroundings."""
