"""Densities that can be evaluated, for Monte Carlo."""
