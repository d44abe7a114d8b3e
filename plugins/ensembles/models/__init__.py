"""Latent-variable models of a target, which propose moves."""
