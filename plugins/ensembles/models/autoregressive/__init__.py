"""A density of molecules whose logarithm is known: a table of torsions, and the rest one coordinate after the other."""
