"""Identities that exact samples of a force field satisfy: forces along fields of moves, against their divergence."""
