"""The nouns: what a molecule, a mapping, a box and a window of frames are (numpy + networkx)."""
