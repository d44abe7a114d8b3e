"""Identities of the force field that was given, as findings: they need no reference."""
