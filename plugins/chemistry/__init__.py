"""What is known of molecules without a force field: elements, bond orders, chirality, symmetry."""
